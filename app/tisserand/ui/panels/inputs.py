"""Inputs that a form is made of: choices the wheel leaves alone, texts whose undo is the flow's, fields a column drops into."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QDropEvent, QKeyEvent, QKeySequence, QWheelEvent
from PySide6.QtWidgets import QComboBox, QSizePolicy, QWidget

from tisserand.ui.panels.grid import COLUMN_MIME

MOVING = "moving"
"""The property of a widget whose entries Alt+Up and Alt+Down move."""


class Choices(QComboBox):
    """A combo box for a form. A wheel over it scrolls the form: it must not change a setting unseen, nor take the focus."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        # A long offer must not make the form wider than its panel; the list itself is as wide as its words.
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def showPopup(self) -> None:
        view = self.view()
        metrics = self.fontMetrics()
        widest = max((metrics.horizontalAdvance(self.itemText(row)) for row in range(self.count())), default=0)
        view.setMinimumWidth(min(widest + 48, 480))
        super().showPopup()

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # Qt would open the list on Alt+Down; inside a list of entries it moves the entry, F4 still opens.
        if moves(event) and _inside_moving(self):
            event.ignore()
            return
        super().keyPressEvent(event)


class Offered(Choices):
    """One that takes its offers when it opens: what arrives, and what there is, changes while the form stands."""

    def __init__(self, renew: Callable[[], None]) -> None:
        super().__init__()
        self._renew = renew

    def showPopup(self) -> None:
        self._renew()
        super().showPopup()


def moves(event: QKeyEvent) -> int:
    """-1 for Alt+Up, 1 for Alt+Down, 0 for any other key."""
    if event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier != Qt.KeyboardModifier.AltModifier:
        return 0
    return {Qt.Key.Key_Up.value: -1, Qt.Key.Key_Down.value: 1}.get(event.key(), 0)


def _inside_moving(widget: QWidget) -> bool:
    parent = widget.parentWidget()
    while parent is not None:
        if parent.property(MOVING):
            return True
        parent = parent.parentWidget()
    return False


class LeavesUndo(QObject):
    """Ctrl+Z in a text that shows a setting takes back the flow's step. The text's own history would write its old texts into the
    flow as new steps."""

    def __init__(self, field: QWidget, applies: Callable[[], bool] = lambda: True) -> None:
        super().__init__(field)
        self._applies = applies
        field.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() not in (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress) or not isinstance(event, QKeyEvent):
            return False
        steps = event.matches(QKeySequence.StandardKey.Undo) or event.matches(QKeySequence.StandardKey.Redo)
        if not steps or not self._applies():
            return False
        # As a key it arrives where there is nothing to take back: it stops here all the same.
        if event.type() == QEvent.Type.ShortcutOverride:
            event.ignore()
        return True


class Left(QObject):
    """Says when a field loses the keyboard."""

    def __init__(self, field: QWidget, call: Callable[[], object]) -> None:
        super().__init__(field)
        self._call = call
        field.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FocusOut:
            self._call()
        return False


class TakesColumns(QObject):
    """Lets a column that is dragged from the data be dropped on a field."""

    def __init__(self, field: QWidget, take: Callable[[str], object]) -> None:
        super().__init__(field)
        self._take = take
        field.setAcceptDrops(True)
        field.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QDropEvent) and event.mimeData().hasFormat(COLUMN_MIME):
            event.acceptProposedAction()
            if event.type() == QEvent.Type.Drop:
                self._take(bytes(event.mimeData().data(COLUMN_MIME).data()).decode())
            return True
        return False


def tab_through(rows: Sequence[QWidget], last: QWidget) -> None:
    """The Tab key goes through rows in their order, whenever they were made, and then to what stands below them."""
    parts = [part for row in rows for part in (row, *row.findChildren(QWidget))]
    # The list of a combo box is a window of its own.
    stops = [part for part in parts if _tabbed(part) and part.window() is last.window()]
    before = last.previousInFocusChain()
    while before is not None and before is not last and (not _tabbed(before) or any(row.isAncestorOf(before) for row in rows)):
        before = before.previousInFocusChain()
    first = [before] if before is not None and before is not last else []
    for one, other in itertools.pairwise([*first, *stops, last]):
        QWidget.setTabOrder(one, other)


def _tabbed(widget: QWidget) -> bool:
    return bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus) and widget.focusProxy() is None


def mark_wrong(field: QWidget, wrong: bool) -> None:
    """Draw a field as the place of an error, or no longer."""
    if bool(field.property("wrong")) != wrong:
        field.setProperty("wrong", wrong)
        field.style().unpolish(field)
        field.style().polish(field)


def same(one: Any, other: Any) -> bool:
    """Whether a file would hold the same: unlike in Python, `1`, `1.0` and `true` differ, and so does the order of pairs."""
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return same(list(one.items()), list(other.items()))
    return type(one) is type(other) and bool(one == other)
