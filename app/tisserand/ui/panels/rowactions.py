"""The actions on rows: one of each in the window, for whichever table has the keyboard, else for the data pane."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QApplication, QWidget
from shiboken6 import isValid

from tisserand.ui.panels.taken import RowsPane

if TYPE_CHECKING:
    from tisserand.ui.window import Window

CALLS: dict[str, Callable[[RowsPane], object]] = {
    "find_rows": lambda pane: pane.ask_find(),
    "filter_rows": lambda pane: pane.ask_filter(),
    "sort_rows": lambda pane: pane.sort_current(),
    "statistics": lambda pane: pane.turn_profile(),
    "whole_value": lambda pane: pane.view_current(),
    "as_table": lambda pane: pane.show_view("table"),
    "as_schema": lambda pane: pane.show_view("schema"),
    "as_json": lambda pane: pane.show_view("json"),
    "select_rows": lambda pane: pane.grid.select_all(),
    "copy_cells": lambda pane: pane.copy("tsv"),
    "copy_csv": lambda pane: pane.copy("csv"),
    "copy_markdown": lambda pane: pane.copy("markdown"),
    "export": lambda pane: pane.export(),
}


class RowActions(QObject):
    """Binds them, and says which make sense now."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window_ = window
        self._panes: list[RowsPane] = []
        for id, call in CALLS.items():
            window.actions_.bind(id, partial(self._do, call))
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._focus_moved)
        self.add(window.data)

    def add(self, pane: RowsPane) -> None:
        """Their keys work in this pane from now on, those that are plain letters in its table only."""
        self._panes.append(pane)
        for entry, action in self.window_.actions_:
            if entry.grid:
                action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
                pane.grid.addAction(action)
            elif entry.data:
                action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
                pane.addAction(action)
        pane.changed.connect(self.renew)
        pane.destroyed.connect(lambda: self._panes.remove(pane))
        self.renew()

    def pane(self) -> RowsPane:
        """The rows that are meant."""
        focus = QApplication.focusWidget()
        return next((pane for pane in self._panes if focus is not None and pane.isAncestorOf(focus)), self.window_.data)

    def renew(self) -> None:
        pane = self.pane()
        for id in CALLS:
            self.window_.actions_[id].setEnabled(pane.can(id))

    def _focus_moved(self, _old: QWidget | None, _new: QWidget | None) -> None:
        # A window on its way out takes its actions first, and the focus moves on after that.
        if isValid(self.window_) and isValid(self.window_.actions_):
            self.renew()

    def _do(self, call: Callable[[RowsPane], object]) -> None:
        pane = self.pane()
        if pane is self.window_.data and not pane.isVisible():
            self.window_.show_side("bottom", pane)
        call(pane)
