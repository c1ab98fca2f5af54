"""The data pane: the rows of one output of the last run, or a sentence where there are none."""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from tisserand.model.flow import Out
from tisserand.texts import translate as _
from tisserand.ui.actions import Actions
from tisserand.ui.panels.origin import Kept
from tisserand.ui.panels.taken import RowsPane
from tisserand.ui.runner import Runner


class DataPane(RowsPane):
    """Shows one edge. `show_edge` is called with what is selected."""

    def __init__(self, runner: Runner, actions: Actions) -> None:
        super().__init__(runner, actions)
        self._title = ""
        self._head = QWidget()
        head = QHBoxLayout(self._head)
        head.setContentsMargins(14, 5, 10, 5)
        head.setSpacing(6)
        self.title = QLabel()
        self.title.setProperty("role", "heading")
        head.addWidget(self.title)
        self.ports = QComboBox()
        self.ports.setAccessibleName(_("Output to show"))
        self.ports.activated.connect(lambda _index: self._choose())
        head.addWidget(self.ports)
        head.addStretch(1)
        head.addLayout(self.tools)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self._head)
        box.addWidget(self.bar)
        box.addLayout(self.body, 1)
        self.say(_("Run the flow, then select a card or a wire: its rows appear here."))

    @property
    def node(self) -> str | None:
        """The node whose rows are shown."""
        return self.origin.node if self.origin is not None else None

    def say(self, text: str) -> None:
        """A sentence instead of rows."""
        self.origin = None
        self._head.hide()
        self.ports.hide()
        self.forget_questions()
        self.say_nothing_but(text)

    def tell(self, count: str) -> None:
        heading = _("Data — output of “{node}”").format(node=self._title)
        self.title.setText(f"{heading} · {count}" if count else heading)

    def show_edge(self, run: str | None, node: str, title: str, outputs: tuple[Out, ...], port: str | None, ran: bool) -> None:
        """Show an output of a node, as the run left it."""
        if not outputs:
            self.say(_("“{node}” has no output.").format(node=title))
            return
        if run is None or not ran:
            self.say(_("“{node}” has not run yet. Press F5 to run the flow.").format(node=title))
            return
        edge = Kept(run, node, port or outputs[0].name)
        if edge == self.origin:
            return
        self._title = title
        self.ports.blockSignals(True)
        self.ports.clear()
        for out in outputs:
            self.ports.addItem(_(out.title) or out.name, out.name)
        self.ports.setCurrentIndex(max(0, self.ports.findData(edge.port)))
        self.ports.blockSignals(False)
        self.ports.setVisible(len(outputs) > 1)
        self._show(edge)

    def _choose(self) -> None:
        if isinstance(self.origin, Kept):
            self._show(Kept(self.origin.run, self.origin.node, str(self.ports.currentData())))

    def _show(self, edge: Kept) -> None:
        self.forget_questions()
        self._head.show()
        self.tell("")
        self.show_view("table")
        self.show_origin(edge)
