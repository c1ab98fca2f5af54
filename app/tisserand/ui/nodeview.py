"""A node at large: what comes in, its settings, what goes out, side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QPoint, QRect, Qt, QTimer
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QSplitter

from tisserand.texts import translate as _
from tisserand.ui.naming import renames
from tisserand.ui.panels.edgeview import Edge, EdgeView
from tisserand.ui.panels.inspector import Inspector

if TYPE_CHECKING:
    from tisserand.ui.window import Window

SHARE, SETTINGS = 0.9, 300
"""How much of the screen it takes, and points of width for the settings."""
ACTIONS = ("run", "cancel", "run_to", "step", "go_on", "save", "undo", "redo", "problems", "log")
"""What the window does that is wanted here too."""
PAUSE = 700
"""Milliseconds without a change before the output is looked at anew."""


class NodeView(QDialog):
    """Three columns on one node; it follows the flow and closes with its node."""

    def __init__(self, window: Window, node: str) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("nodeview")
        self.node = node
        self._window = window
        box = QHBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        self.input = EdgeView(window, _("What comes in"))
        self.inspector = Inspector(window.document, replace(window.inspector.context))
        self.output = EdgeView(window, _("What goes out"))
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        for part in (self.input, self.inspector, self.output):
            self._splitter.addWidget(part)
        self._splitter.setChildrenCollapsible(False)
        for place, share in enumerate((1, 0, 1)):
            self._splitter.setStretchFactor(place, share)
        self._splitter.setHandleWidth(1)
        self.inspector.setMinimumWidth(270)
        box.addWidget(self._splitter)
        self._fit(window.screen().availableGeometry())
        for pane in (self.input, self.output):
            window.desk.row_actions.add(pane)
        # The window's shortcuts do not reach into a dialog of its own.
        for id in ACTIONS:
            self.addAction(window.actions_[id])
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE)
        self._timer.timeout.connect(self._show_output)
        window.document.changed.connect(self._changed)
        window.document.opened.connect(self.close)
        window.document.resumed.connect(self.close)
        window.runner.checked.connect(self._checked)
        window.runner.finished.connect(self._ran)
        self._show()
        self.inspector.focus_field("")

    def _fit(self, screen: QRect) -> None:
        """Nearly the whole screen, the tables wider than the settings."""
        size = screen.size() * SHARE
        self.resize(size)
        self.move(screen.center() - QPoint(size.width() // 2, size.height() // 2))
        table = (size.width() - SETTINGS) // 2
        self._splitter.setSizes([table, SETTINGS, table])

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape closes one thing after the other, the window last."""
        escape = event.key() == Qt.Key.Key_Escape
        if not (escape and (self.input.dismiss() or self.output.dismiss())):
            super().keyPressEvent(event)

    def _show(self) -> None:
        w = self._window
        flow = w.document.flow
        card = w.scene.cards[self.node]
        self.setWindowTitle(card.shown.title)
        self.inspector.show_node(self.node)
        self.inspector.show_check(w.desk.problems, w.desk.findings.schemas)
        edges: list[Edge] = []
        for _port, ref in flow.nodes[self.node].refs():
            if ref.node in w.scene.cards:
                name = ref.port or w.kinds.default_output(flow.nodes[ref.node], flow)
                edges.append((w.scene.cards[ref.node].shown.title, ref.node, name))
        self.input.show_edges(edges, _("Nothing is wired to this node."))
        self._show_output()

    def _show_output(self) -> None:
        card = self._window.scene.cards.get(self.node)
        if card is not None:
            edges = [(_(out.title) or out.name, self.node, out.name) for out in card.shown.outputs]
            self.output.show_edges(edges, _("This node has no output."))

    def _changed(self, before: Any, after: Any) -> None:
        self.node = renames(before, after).get(self.node, self.node)
        if self.node not in after.nodes:
            self.close()
            return
        self.inspector.show_node(self.node)
        self._timer.start()

    def _checked(self, _flow: object, _answer: object) -> None:
        self.inspector.show_check(self._window.desk.problems, self._window.desk.findings.schemas)

    def _ran(self, _info: object) -> None:
        QTimer.singleShot(0, self, self._show)


class NodeViews(QObject):
    """Opens them."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window_ = window
        window.actions_.bind("enlarge", self.open)

    def open(self) -> None:
        w = self.window_
        chosen = list(w.scene.selection)
        if len(chosen) != 1 or chosen[0] not in w.document.flow.nodes:
            w.desk.say(_("Select one node first."))
            return
        NodeView(w, chosen[0]).show()
