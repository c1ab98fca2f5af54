"""The rows of one edge as a table, as columns with types, or as JSON; in the order that the person asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QLabel, QPlainTextEdit, QStackedLayout, QToolButton, QVBoxLayout, QWidget
from shiboken6 import isValid

from tisserand.model.problem import Problem
from tisserand.texts import translate as _
from tisserand.ui.actions import Actions
from tisserand.ui.canvas.state import number
from tisserand.ui.canvas.state import rows as row_count
from tisserand.ui.icons import icon
from tisserand.ui.panels.grid import PAGE, Grid
from tisserand.ui.panels.origin import Origin
from tisserand.ui.panels.profile import ProfilePanel
from tisserand.ui.runner import Runner
from tisserand.ui.theme import mono, theme

if TYPE_CHECKING:
    from tisserand.ui.panels.cells import Cells

VIEWS = {"table": "as_table", "schema": "as_schema", "json": "as_json"}
"""The views, and the actions that turn to them."""
IN_JSON = 100
"""Rows that are shown as JSON."""


class Rows(QWidget):
    """Shows rows, and asks for those that are seen. What is around them is up to those who inherit."""

    changed = Signal()
    """What can be done with the rows is not what it was."""

    def __init__(self, runner: Runner, actions: Actions, *, beside: bool = True) -> None:
        """`beside`: the figures of a column stand at the side of the rows, else under them."""
        super().__init__()
        self._runner = runner
        self._actions = actions
        self.origin: Origin | None = None
        self.where: str | None = None
        """The formula that the rows shown fit."""
        self._all = 0
        """How many rows there are without it."""
        self._numbers: dict[str, int] = {}
        """How many questions there were of a kind: only the answer to the last one counts."""
        self._raw: tuple[int, bytes] | None = None
        """The page that came last: its first row, and the rows as they came."""
        self.views: dict[str, QToolButton] = {}
        self._buttons: list[tuple[QToolButton, str]] = []
        self.tools = QHBoxLayout()
        self.tools.setSpacing(6 if beside else 2)
        for view, id in VIEWS.items():
            button = self._tool(id)
            button.setCheckable(True)
            button.setChecked(view == "table")
            button.clicked.connect(lambda _checked=False, chosen=view: self.show_view(chosen))
            self.views[view] = button
        self.tools.addSpacing(8)
        self.grid = Grid()
        self.grid.wanted.connect(self._fetch)
        self.grid.sort_asked.connect(self.sort_by)
        self.grid.moved.connect(self.changed)
        self.grid.hint = _("Click a column’s name to sort by it ({keys}).").format(keys=actions.keys("sort_rows"))
        self.said = QLabel()
        self.said.setProperty("role", "muted")
        self.said.setWordWrap(True)
        self.said.setTextFormat(Qt.TextFormat.PlainText)
        quiet = QWidget(self)  # from the beginning: the first in a stack is shown at once, without a parent as a window
        under = QVBoxLayout(quiet)
        under.setContentsMargins(14, 12, 14, 14)  # of the layout: a new style sheet takes those of a label away
        under.addWidget(self.said)
        under.addStretch(1)
        self.text = QPlainTextEdit()
        self.text.setObjectName("rows")
        self.text.setReadOnly(True)
        self.text.setFont(mono())
        self.text.setFrameShape(QPlainTextEdit.Shape.NoFrame)
        self._stack = QStackedLayout()
        for part in (quiet, self.grid, self.text):
            self._stack.addWidget(part)
        self.profile = ProfilePanel(beside=beside)
        self.body = QBoxLayout(QBoxLayout.Direction.LeftToRight if beside else QBoxLayout.Direction.TopToBottom)
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(0)
        self.body.addLayout(self._stack, 1)
        self.body.addWidget(self.profile)
        theme().changed.connect(self._recolour)

    def _tool(self, id: str) -> QToolButton:
        """A button of the head, told by the action that it stands for."""
        button = QToolButton()
        action = self._actions[id]
        button.setToolTip(action.toolTip())
        button.setAccessibleName(action.text())
        button.setIconSize(QSize(16, 16))
        self._buttons.append((button, self._actions.entries[id].icon))
        self.tools.addWidget(button)
        return button

    def _recolour(self) -> None:
        for button, sign in self._buttons:
            button.setIcon(icon(sign, self._shade(button)))

    def _shade(self, button: QToolButton) -> str:
        return "muted"

    # -- for those who inherit -----------------------------------------------------------------------------------------
    def tell(self, count: str) -> None:
        """How many rows there are, in which order."""
        raise NotImplementedError

    def say_nothing_but(self, text: str) -> None:
        """A sentence where there are no rows."""
        self.said.setText(text)
        self._stack.setCurrentIndex(0)
        self.changed.emit()

    def complain(self, text: str) -> None:
        """A sentence beside the rows, which stay."""
        raise NotImplementedError

    # -- asking --------------------------------------------------------------------------------------------------------
    def ask(
        self,
        question: Callable[[Origin, Any], Any],
        then: Callable[[Any], object],
        failed: Callable[[list[Problem]], None] | None = None,
        kind: str = "",
    ) -> None:
        """Ask something of what is shown. Answers are dropped that come when something else is shown, or after a newer question of
        the same kind."""
        origin = self.origin
        if origin is None:
            return
        asked = self._numbers[kind] = self._numbers.get(kind, 0) + 1

        def wanted() -> bool:
            return isValid(self) and self.origin is origin and (not kind or self._numbers[kind] == asked)

        def come(answer: Any) -> None:
            if wanted():
                then(answer)

        def refuse(problems: list[Problem]) -> None:
            if wanted():
                (failed or self._failed)(problems)

        self._runner.ask(lambda executor: question(origin, executor), come, refuse)

    def _failed(self, problems: list[Problem]) -> None:
        text = "\n".join(f"{p.message.text()} {p.fix.text() if p.fix else ''}".rstrip() for p in problems)
        if self.grid.names:
            self.complain(text)
        else:
            self.say_nothing_but(text)

    # -- what is shown -------------------------------------------------------------------------------------------------
    def show_origin(self, origin: Origin | None) -> None:
        """Other rows."""
        self.origin = origin
        self.where = None
        self._raw = None
        self.grid.clear()
        self._fetch(0)
        self.changed.emit()

    def _fetch(self, page: int) -> None:
        order, where = self.grid.order, self.where

        def come(answer: tuple[Cells, bytes]) -> None:
            if (self.grid.order, self.where) == (order, where):
                self._take(*answer)

        def failed(problems: list[Problem]) -> None:
            if (self.grid.order, self.where) == (order, where):
                self._failed(problems)

        self.ask(lambda origin, executor: read(origin, executor, page, order, where), come, failed)

    def _take(self, cells: Cells, raw: bytes) -> None:
        self.grid.take(cells)
        self._raw = (cells.offset, raw)
        if not self.where:
            self._all = cells.total
        self.tell(self._told(cells.total))
        if self._stack.currentIndex() != 1:
            self.show_view(self.view)
        self.changed.emit()

    def _told(self, total: int) -> str:
        text = row_count(total)
        if self.where:
            text = _("{some} of {all}").format(some=number(total), all=row_count(self._all))
        order = self.grid.order
        if order is None:
            return text
        sorted_by = _("descending by “{column}”") if order.startswith("-") else _("ascending by “{column}”")
        return f"{text} · {sorted_by.format(column=order.removeprefix('-'))}"

    @property
    def view(self) -> str:
        return next((id for id, button in self.views.items() if button.isChecked()), "table")

    def show_view(self, view: str) -> None:
        """`table`, `schema` or `json`."""
        for id, button in self.views.items():
            button.setChecked(id == view)
        self._stack.setCurrentIndex(1 if view == "table" else 2)
        self.changed.emit()
        self.text.setAccessibleName(self.views[view].accessibleName())
        if view == "schema":
            width = max((len(name) for name in self.grid.names), default=0)
            lines = [f"{name.ljust(width)}  {type}" for name, type in zip(self.grid.names, self.grid.types, strict=True)]
            self.text.setPlainText("\n".join(lines))
        elif view == "json":
            self._show_json()

    def _show_json(self) -> None:
        """The rows from the first that is seen in the table."""
        first, order, where = self.grid.verticalScrollBar().value(), self.grid.order, self.where
        last = min(first + IN_JSON, self.grid.total)
        if self._raw is not None and self._raw[0] <= first and last <= self._raw[0] + PAGE:
            self.text.setPlainText(as_json(self._raw[1], first - self._raw[0]))
            return
        self.text.setPlainText("…")

        def come(data: bytes) -> None:
            if self.view == "json":
                self.text.setPlainText(as_json(data, 0))

        self.ask(lambda origin, executor: origin.page(executor, first, IN_JSON, order, where).data, come, kind="json")

    # -- order ---------------------------------------------------------------------------------------------------------
    def sort_by(self, column: str) -> None:
        """Ascending, then descending, then as the rows came. The executor sorts, and no more rows are fetched than are seen."""
        now = self.grid.order
        self.sort(column if now not in (column, f"-{column}") else f"-{column}" if now == column else None)

    def sort(self, order: str | None) -> None:
        if self.origin is not None:
            self.grid.reorder(order)
            self._raw = None
            self._fetch(0)

    def sort_current(self) -> None:
        """By the column of the current cell."""
        column = self.grid.current_column()
        if column is not None:
            self.sort_by(column)

    def focus_rows(self) -> None:
        """To the table or the text that is shown."""
        (self.grid if self.view == "table" else self.text).setFocus()


def read(origin: Origin, executor: Any, page: int, order: str | None, where: str | None) -> tuple[Cells, bytes]:
    """One page for the grid, made ready in the thread that fetched it."""
    from tisserand.ui.panels.cells import cells

    found = origin.page(executor, page * PAGE, PAGE, order, where)
    return cells(found), found.data


def as_json(data: bytes, skip: int) -> str:
    from tisserand.ui.panels.cells import spoken
    from tisserand.ui.panels.copying import tables

    return json.dumps(tables(data).slice(skip, IN_JSON).to_pylist(), indent=2, ensure_ascii=False, default=spoken)
