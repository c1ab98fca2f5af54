"""The data pane: the rows of one output of the last run, and a sentence where there are none to show."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QStackedLayout, QVBoxLayout, QWidget

from tisserand.model.flow import Out
from tisserand.model.problem import Problem
from tisserand.texts import translate as _
from tisserand.ui.canvas.state import rows
from tisserand.ui.panels.grid import PAGE, Grid
from tisserand.ui.runner import Runner


class DataPane(QWidget):
    """Shows one edge. `show_edge` is called with what is selected."""

    def __init__(self, runner: Runner) -> None:
        super().__init__()
        self._runner = runner
        self._edge: tuple[str, str, str] | None = None
        """Run, node, port."""
        self._title = ""
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        self._head = QWidget()
        head = QHBoxLayout(self._head)
        head.setContentsMargins(14, 7, 14, 7)
        head.setSpacing(10)
        self.title = QLabel()
        self.title.setProperty("role", "heading")
        head.addWidget(self.title)
        self.ports = QComboBox()
        self.ports.setAccessibleName(_("Output to show"))
        self.ports.activated.connect(lambda _index: self._choose())
        head.addWidget(self.ports)
        head.addStretch(1)
        box.addWidget(self._head)
        self._stack = QStackedLayout()
        holder = QWidget()
        holder.setLayout(self._stack)
        box.addWidget(holder, 1)
        self.grid = Grid()
        self.grid.wanted.connect(self._fetch)
        self.grid.sort_asked.connect(self.sort_by)
        self.grid.setToolTip(_("Click a column’s name to sort by it (or press S)."))
        self.said = QLabel()
        self.said.setProperty("role", "muted")
        self.said.setWordWrap(True)
        self.said.setContentsMargins(14, 12, 14, 14)
        quiet = QWidget()
        under = QVBoxLayout(quiet)
        under.setContentsMargins(0, 0, 0, 0)
        under.addWidget(self.said)
        under.addStretch(1)
        self._stack.addWidget(quiet)
        self._stack.addWidget(self.grid)
        self.say(_("Run the flow, then select a card or a wire: its rows appear here."))

    @property
    def node(self) -> str | None:
        """The node whose rows are shown."""
        return self._edge[1] if self._edge is not None else None

    def say(self, text: str) -> None:
        """A sentence instead of rows."""
        self._edge = None
        self._head.hide()
        self.ports.hide()
        self.said.setText(text)
        self._stack.setCurrentIndex(0)

    def show_edge(self, run: str | None, node: str, title: str, outputs: tuple[Out, ...], port: str | None, ran: bool) -> None:
        """Show an output of a node, as the run left it."""
        if not outputs:
            self.say(_("“{node}” has no output.").format(node=title))
            return
        if run is None or not ran:
            self.say(_("“{node}” has not run yet. Press F5 to run the flow.").format(node=title))
            return
        chosen = port or outputs[0].name
        edge = (run, node, chosen)
        if edge == self._edge:
            return
        self._edge, self._title = edge, title
        self.ports.blockSignals(True)
        self.ports.clear()
        for out in outputs:
            self.ports.addItem(_(out.title) or out.name, out.name)
        self.ports.setCurrentIndex(max(0, self.ports.findData(chosen)))
        self.ports.blockSignals(False)
        self.ports.setVisible(len(outputs) > 1)
        self._head.show()
        self.title.setText(_("Data — output of “{node}”").format(node=title))
        self.grid.clear()
        self._stack.setCurrentIndex(1)
        self._fetch(0)

    def _choose(self) -> None:
        if self._edge is not None:
            run, node, _port = self._edge
            self._edge = (run, node, str(self.ports.currentData()))
            self.grid.clear()
            self._stack.setCurrentIndex(1)
            self._fetch(0)

    def sort_by(self, column: str) -> None:
        """Ascending, then descending, then as the rows came. The executor sorts, and no more rows are fetched than are seen."""
        now = self.grid.order
        self.sort(column if now not in (column, f"-{column}") else f"-{column}" if now == column else None)

    def _sorted(self) -> str:
        order = self.grid.order
        if order is None:
            return ""
        text = _("descending by “{column}”") if order.startswith("-") else _("ascending by “{column}”")
        return " · " + text.format(column=order.removeprefix("-"))

    def sort(self, order: str | None) -> None:
        if self._edge is not None:
            self.grid.reorder(order)
            self._fetch(0)

    def _fetch(self, page: int) -> None:
        edge, order = self._edge, self.grid.order
        if edge is None:
            return

        def come(cells: Any) -> None:
            if (self._edge, self.grid.order) == (edge, order):
                self.grid.take(cells)
                self.title.setText(
                    _("Data — output of “{node}”").format(node=self._title) + " · " + rows(cells.total) + self._sorted()
                )

        def failed(problems: list[Problem]) -> None:
            if (self._edge, self.grid.order) == (edge, order):
                lines = [f"{p.message.text()} {p.fix.text() if p.fix else ''}" for p in problems]
                self.said.setText("\n".join(lines))
                self._stack.setCurrentIndex(0)

        self._runner.page(*edge, page * PAGE, PAGE, come, failed, order)
