"""What is asked about rows by typing or at a column: those that fit a formula, where a text stands, the figures of a column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QToolButton

from tisserand.model.problem import Problem
from tisserand.texts import translate as _
from tisserand.ui.actions import Actions
from tisserand.ui.panels.bar import Bar, Line
from tisserand.ui.panels.rowspane import Rows, read
from tisserand.ui.runner import Runner

if TYPE_CHECKING:
    from tisserand.ui.panels.cells import Cells


class AskedRows(Rows):
    """Rows with a line to filter and to find, and a panel of figures."""

    room_wanted = Signal()
    """Something opened that needs height."""

    def __init__(self, runner: Runner, actions: Actions, *, beside: bool = True) -> None:
        super().__init__(runner, actions, beside=beside)
        self.bar = Bar()
        self.filter, self.finder, self.wrong = self.bar.filter, self.bar.finder, self.bar.wrong
        self.filter.returnPressed.connect(self.apply_filter)
        self.filter.emptied.connect(self.apply_filter)
        self.filter.left.connect(self.clear_filter)
        self.finder.returnPressed.connect(self._find_on)
        self.finder.left.connect(self._end_find)
        self.filter_button = self._tool("filter_rows")
        self.filter_button.clicked.connect(self.ask_filter)
        self.find_button = self._tool("find_rows")
        self.find_button.clicked.connect(self.ask_find)
        self.profile_button = self._tool("statistics")
        self.profile_button.clicked.connect(self.turn_profile)

    def _shade(self, button: QToolButton) -> str:
        return "accent" if button is self.filter_button and self.where else "muted"

    def complain(self, text: str) -> None:
        self.bar.complain(text)

    def forget_questions(self) -> None:
        """Before other rows are shown."""
        self.where = None
        self.bar.forget()
        self.profile.hide()
        self._recolour()

    def dismiss(self) -> bool:
        """Close what is open beside the rows, one at a time; gives whether there was anything."""
        if not self.filter.isHidden():
            self.clear_filter()
        elif not self.finder.isHidden():
            self._end_find()
        elif not self.profile.isHidden():
            self.profile.hide()
            self.grid.setFocus()
        else:
            return False
        return True

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() != Qt.Key.Key_Escape or not self.dismiss():
            super().keyPressEvent(event)

    # -- filter --------------------------------------------------------------------------------------------------------
    def _open(self, line: Line) -> None:
        if self.origin is not None:
            self.bar.open(line)
            self.room_wanted.emit()

    def ask_filter(self) -> None:
        self._open(self.filter)

    def clear_filter(self) -> None:
        """All rows again."""
        self.filter.clear()
        self.filter.hide()
        self.complain("")
        # Also where a question is under way: its answer must not come after.
        self.apply_filter()
        self.grid.setFocus()

    def apply_filter(self) -> None:
        """Show the rows for which the formula is true; a formula that is wrong changes nothing."""
        text, order = self.filter.text().strip() or None, self.grid.order
        if text == self.where and "filter" not in self._numbers:
            return

        def come(answer: tuple[Cells, bytes]) -> None:
            cells, raw = answer
            self.where = text
            self.complain("")
            self._recolour()
            if self.grid.order != order:
                self.grid.reorder(self.grid.order)
                self._fetch(0)
                return
            self.grid.reorder(order)
            self.grid.choose(None)
            self._take(cells, raw)
            if text is not None and self.filter.hasFocus():
                self.focus_rows()

        self.ask(lambda origin, executor: read(origin, executor, 0, order, text), come, kind="filter")

    # -- find ----------------------------------------------------------------------------------------------------------
    def ask_find(self) -> None:
        self._open(self.finder)

    def _end_find(self) -> None:
        self.finder.hide()
        self.complain("")
        self.grid.setFocus()

    def _find_on(self) -> None:
        back = bool(QApplication.keyboardModifiers() & Qt.KeyboardModifier.ShiftModifier) or self.finder.back
        text, order, where = self.finder.text(), self.grid.order, self.where
        if not text:
            return
        here = self.grid.current[0] if self.grid.current is not None else -1
        start = here - 1 if back else here + 1

        def come(found: tuple[int, int] | None) -> None:
            if (self.grid.order, self.where) != (order, where):
                return  # it stands elsewhere now
            if found is None:
                self.complain(_("“{text}” does not stand further {way}.").format(text=text, way=_("up") if back else _("down")))
                return
            self.complain("")
            self.grid.go_to(*found)

        self.ask(lambda origin, executor: origin.find(executor, text, start, back, order, where), come, kind="find")

    # -- statistics ----------------------------------------------------------------------------------------------------
    def turn_profile(self) -> None:
        """The figures of the current column; again, and they go."""
        column = self.grid.current_column() or (self.grid.names[0] if self.grid.names else None)
        if not self.profile.isHidden() and self.profile.column == column:
            self.profile.hide()
        elif column is not None:
            self.show_profile(column)

    def show_profile(self, column: str) -> None:
        """The figures of a column."""
        where = self.where
        if self.origin is None or column not in self.grid.names:
            return
        self.profile.say(column, _("Counting …"))
        self.room_wanted.emit()
        type = self.grid.types[self.grid.names.index(column)]

        def come(found: Any) -> None:
            if not self.profile.isHidden():
                self.profile.show_profile(column, {**found, "type": type})

        def failed(problems: list[Problem]) -> None:
            if not self.profile.isHidden():
                self.profile.say(column, "\n".join(problem.message.text() for problem in problems))

        self.ask(lambda origin, executor: origin.profile(executor, column, where), come, failed, kind="profile")
