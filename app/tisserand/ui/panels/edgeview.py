"""The rows at one end of a node: of the last run where they still hold, else the first ones from a look ahead; three views."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPlainTextEdit, QStackedWidget, QToolButton, QVBoxLayout, QWidget
from shiboken6 import isValid

from tisserand.model.problem import Problem
from tisserand.model.yamlwrite import write_flow
from tisserand.texts import translate as _
from tisserand.ui.canvas.state import rows
from tisserand.ui.icons import icon
from tisserand.ui.panels.grid import PAGE, Grid
from tisserand.ui.theme import mono, theme

if TYPE_CHECKING:
    from tisserand.ui.window import Window

Edge = tuple[str, str, str]
"""A title, a node, and its output port."""


class EdgeView(QWidget):
    """A heading, the edges to choose from, and the rows as a table, as columns with types, or as JSON."""

    def __init__(self, window: Window, heading: str) -> None:
        super().__init__()
        self._window = window
        self._edges: list[Edge] = []
        self._generation = 0
        self._columns: list[tuple[str, str]] = []
        self._page: Any = None
        box = QVBoxLayout(self)
        box.setContentsMargins(12, 10, 12, 12)
        box.setSpacing(6)
        head = QHBoxLayout()
        head.setSpacing(4)
        title = QLabel(heading)
        title.setProperty("role", "heading")
        head.addWidget(title)
        self.choice = QComboBox()
        self.choice.setAccessibleName(heading)
        self.choice.activated.connect(lambda _index: self.renew())
        head.addWidget(self.choice, 1)
        head.addStretch(1)
        self.views: dict[str, QToolButton] = {}
        for id, sign, tip in (
            ("table", "table", _("As a table")),
            ("schema", "columns-3", _("Columns and types")),
            ("json", "braces", _("As JSON")),
        ):
            button = QToolButton()
            button.setProperty("sign", sign)
            button.setToolTip(tip)
            button.setAccessibleName(f"{heading}: {tip}")
            button.setCheckable(True)
            button.setChecked(id == "table")
            button.setIconSize(QSize(16, 16))
            button.clicked.connect(lambda _checked=False, chosen=id: self.show_view(chosen))
            head.addWidget(button)
            self.views[id] = button
        box.addLayout(head)
        self.told = QLabel()
        self.told.setProperty("role", "muted")
        self.told.setWordWrap(True)
        box.addWidget(self.told)
        self.stack = QStackedWidget()
        self.grid = Grid()
        self.grid.setAccessibleName(heading)
        self.grid.wanted.connect(self._fetch)
        self.text = QPlainTextEdit()
        self.text.setObjectName("rows")
        self.text.setReadOnly(True)
        self.text.setFont(mono())
        self.text.setAccessibleName(heading)
        self.stack.addWidget(self.grid)
        self.stack.addWidget(self.text)
        box.addWidget(self.stack, 1)
        theme().changed.connect(self._recolour)
        self._recolour()

    def _recolour(self) -> None:
        for button in self.views.values():
            button.setIcon(icon(button.property("sign"), "muted"))

    def show_edges(self, edges: list[Edge], nothing: str) -> None:
        """What there is to look at; `nothing` is said where there is none."""
        chosen = self.choice.currentIndex()
        same = [edge[1:] for edge in edges] == [edge[1:] for edge in self._edges]
        self._edges = edges
        self.choice.clear()
        self.choice.addItems([edge[0] for edge in edges])
        self.choice.setCurrentIndex(chosen if same and 0 <= chosen < len(edges) else 0)
        self.choice.setVisible(len(edges) > 1)
        if edges:
            self.renew()
        else:
            self.grid.clear()
            self.told.setText(nothing)

    def _edge(self) -> Edge | None:
        index = max(0, self.choice.currentIndex())
        return self._edges[index] if index < len(self._edges) else None

    def renew(self) -> None:
        """Look anew."""
        self._generation += 1
        self.grid.clear()
        self._page = None
        self._fetch(0)

    def _fetch(self, page: int) -> None:
        w, edge, generation = self._window, self._edge(), self._generation
        if edge is None:
            return
        _title, node, port = edge
        flow, standings = w.document.flow, w.desk.standings
        ran = standings.run if standings.done(flow, node) and standings.fresh(flow, node) else None
        self.told.setText(_("Looking …") if not self.grid.total else self.told.text())

        def come(answer: Any) -> None:
            if not isValid(self) or generation != self._generation:
                return  # closed meanwhile, or asked anew
            found, raw = answer
            self.grid.take(found)
            self._columns = list(zip(found.names, found.types, strict=True))
            if not page:
                self._page = raw
            note = rows(found.total) if ran else _("A look ahead at the first rows: {rows}.").format(rows=rows(found.total))
            self.told.setText(note)
            if not self.views["table"].isChecked():
                self.show_view(next(id for id, button in self.views.items() if button.isChecked()))

        def failed(problems: list[Problem]) -> None:
            if isValid(self) and generation == self._generation:
                self.told.setText("\n".join(problem.message.text() for problem in problems))

        text, file = ("", None) if ran else (write_flow(flow), w.desk.file())

        def work(executor: Any) -> Any:
            from tisserand.ui.panels.cells import cells

            if ran:
                raw = executor.page(ran, node, port, page * PAGE, PAGE)
            else:
                raw = executor.preview(node=node, port=port, file=file, text=text, limit=PAGE)
            return cells(raw), raw.data

        ask: Callable[..., None] = w.runner.ask
        if w.runner.root is None:
            self.told.setText(_("Save the flow first."))
            return
        ask(work, come, failed)

    def show_view(self, view: str) -> None:
        """`table`, `schema` or `json`."""
        for id, button in self.views.items():
            button.setChecked(id == view)
        self.stack.setCurrentIndex(0 if view == "table" else 1)
        if view == "schema":
            width = max((len(name) for name, _type in self._columns), default=0)
            self.text.setPlainText("\n".join(f"{name.ljust(width)}  {_(type)}" for name, type in self._columns))
        elif view == "json" and self._page is not None:
            from tisserand.ui.panels.copying import tables

            found = tables(self._page).slice(0, 100).to_pylist()
            self.text.setPlainText(json.dumps(found, indent=2, ensure_ascii=False, default=str))
