"""The rows at one end of a node: of the last run where they still hold, else the first ones from a look ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout

from tisserand.model.yamlwrite import write_flow
from tisserand.texts import translate as _
from tisserand.ui.panels.grid import PAGE
from tisserand.ui.panels.origin import Ahead, Kept, Origin
from tisserand.ui.panels.taken import RowsPane

if TYPE_CHECKING:
    from tisserand.ui.window import Window

Edge = tuple[str, str, str]
"""A title, a node, and its output port."""


class EdgeView(RowsPane):
    """A heading, the edges to choose from, and their rows with all that the data pane offers."""

    def __init__(self, window: Window, heading: str) -> None:
        super().__init__(window.runner, window.actions_, beside=False)
        self._window = window
        self._edges: list[Edge] = []
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 10, 0, 0)
        box.setSpacing(4)
        head = QHBoxLayout()
        head.setContentsMargins(14, 0, 10, 0)
        title = QLabel(heading)
        title.setProperty("role", "heading")
        head.addWidget(title)
        self.choice = QComboBox()
        self.choice.setAccessibleName(heading)
        self.choice.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        # Both sides of a node start at the same height, whether there is something to choose or not.
        title.setMinimumHeight(self.choice.sizeHint().height())
        self.choice.activated.connect(lambda _index: self.renew())
        head.addWidget(self.choice, 1)
        box.addLayout(head)
        line = QHBoxLayout()
        line.setContentsMargins(14, 0, 10, 0)
        self.told = QLabel()
        self.told.setProperty("role", "muted")
        self.told.setWordWrap(True)
        line.addWidget(self.told, 1)
        line.addLayout(self.tools)
        box.addLayout(line)
        box.addWidget(self.bar)
        box.addLayout(self.body, 1)
        self.grid.setAccessibleName(heading)
        for button in self.views.values():
            button.setAccessibleName(f"{heading}: {button.accessibleName()}")

    def tell(self, count: str) -> None:
        ahead = isinstance(self.origin, Ahead)
        self.told.setText(_("A look ahead at the first rows: {rows}.").format(rows=count) if ahead else count)

    def say_nothing_but(self, text: str) -> None:
        self.told.setText(text)
        super().say_nothing_but("")

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
            self._show(None)
            self.say_nothing_but(nothing)

    def renew(self) -> None:
        """Look anew."""
        w = self._window
        index = max(0, self.choice.currentIndex())
        if index >= len(self._edges):
            return
        _title, node, port = self._edges[index]
        flow, standings = w.document.flow, w.desk.standings
        if standings.run is not None and standings.done(flow, node) and standings.fresh(flow, node):
            self._show(Kept(standings.run, node, port))
        elif w.runner.root is None:
            self._show(None)
            self.say_nothing_but(_("Save the flow first."))
        else:
            self._show(Ahead(node, port, write_flow(flow), w.desk.file(), PAGE))

    def _show(self, origin: Origin | None) -> None:
        if origin is not None and origin == self.origin:
            return
        self.forget_questions()
        if self.view == "table":
            self.show_view("table")
        if origin is not None:
            self.told.setText(_("Looking …"))
        self.show_origin(origin)
