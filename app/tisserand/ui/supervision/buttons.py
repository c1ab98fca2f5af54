"""Buttons of the supervision's pages: each is an action of the registry, or one of a row of which several may be on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QLineEdit, QToolButton

from tisserand.ui.icons import icon
from tisserand.ui.theme import theme

if TYPE_CHECKING:
    from tisserand.ui.supervision.ground import Ground


def acting(ground: Ground, id: str, *, primary: bool = False) -> QToolButton:
    """A button for an action; it is on and off with it."""
    action = ground.window_.actions_[id]
    button = QToolButton()
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    button.setIconSize(QSize(16, 16))
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    button.setProperty("primary", primary)
    button.setText(action.iconText())
    button.setAccessibleName(action.text())
    button.setToolTip(action.toolTip())
    button.setEnabled(action.isEnabled())
    button.clicked.connect(action.trigger)
    action.enabledChanged.connect(button.setEnabled)

    def recolour() -> None:
        button.setIcon(icon(ground.window_.actions_.entries[id].icon, "on_accent" if primary else "text"))

    theme().changed.connect(recolour)
    button.destroyed.connect(lambda: theme().changed.disconnect(recolour))
    recolour()
    return button


def chip(text: str) -> QToolButton:
    """A small button that stays down."""
    button = QToolButton()
    button.setText(text)
    button.setCheckable(True)
    button.setProperty("chip", True)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return button


def searching(name: str, hint: str) -> QLineEdit:
    """A field to look for something in a page."""
    field = QLineEdit()
    field.setObjectName("search")
    field.setPlaceholderText(hint)
    field.setAccessibleName(name)
    field.setClearButtonEnabled(True)
    glass = field.addAction(QIcon(), QLineEdit.ActionPosition.LeadingPosition)

    def recolour() -> None:
        glass.setIcon(icon("search", "muted"))

    recolour()
    theme().changed.connect(recolour)
    field.destroyed.connect(lambda: theme().changed.disconnect(recolour))
    return field


def allow(ground: Ground, ids: Iterable[str], on: Iterable[str]) -> None:
    """Of these actions, let only some be used."""
    wanted = set(on)
    for id in ids:
        ground.window_.actions_[id].setEnabled(id in wanted)


def open_run(ground: Ground, run: str) -> None:
    """Show a run on its page."""
    view = ground.window_.desk.supervising.show("runs_page")
    view.ground.run_asked.emit(run)
