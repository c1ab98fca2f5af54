"""A wire that is being drawn: by dragging from port to port, or by one click on each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QPainter

from tisserand.ui.canvas.gesture import Gesture
from tisserand.ui.canvas.look import look
from tisserand.ui.canvas.wire import Key, curve

if TYPE_CHECKING:
    from tisserand.ui.canvas.gestures import Canvas

Port = tuple[str, str, str]
"""Node, `in` or `out`, port."""


class Draft(Gesture):
    """Begins at a port; where that is an input that has a wire, it is this wire's end that is lifted."""

    def __init__(self, canvas: Canvas, start: QPoint, port: Port) -> None:
        super().__init__(canvas, start)
        self.port = port
        self.lifted: Key | None = None
        self.sticky = False
        """Clicked, not dragged: the next click ends it."""
        if port[1] == "in":
            self.lifted = next((key for key in reversed(self.scene.wires) if key[2] == port[0] and key[3] == port[2]), None)
            if self.lifted is not None:
                self.port = (self.lifted[0], "out", self.lifted[1])
        self._free = self.origin
        self.scene.drafting = True

    def follow(self, at: QPoint, point: QPointF, first: bool) -> None:
        if first and self.lifted is not None:
            self.scene.wires[self.lifted].setVisible(False)
        self._free = point
        self._aim(point)
        self.canvas.viewport().update()

    def _aim(self, point: QPointF) -> None:
        """Light the port that the draft would connect to."""
        scene = self.scene
        side = "in" if self.port[1] == "out" else "out"
        found = scene.port_at(point, self.canvas.reach() * 1.6)
        if found is None or found[1] != side:
            card = scene.card_at(point)
            found = self._free_port(card.id, side) if card is not None else None
        if found is not None and found[0] == self.port[0]:
            found = None
        scene.light(found)

    def _free_port(self, id: str, side: str) -> Port | None:
        """Dropping on a card means its first free port on that side."""
        shown = self.scene.cards[id].shown
        if side == "out":
            return (id, "out", shown.outputs[0].name) if shown.outputs else None
        taken = {key[3] for key in self.scene.wires if key[2] == id}
        free = [port for port in shown.inputs if port.many or port.name not in taken] or list(shown.inputs)
        return (id, "in", free[0].name) if free else None

    def click(self) -> bool:
        """The first click on a port leaves the wire on the pointer; the next one puts it down."""
        if self.sticky:
            return False
        self.sticky = self.moved = True
        if self.lifted is not None:
            self.scene.wires[self.lifted].setVisible(False)
        self.canvas.viewport().setCursor(Qt.CursorShape.CrossCursor)
        self.canvas.viewport().update()
        return True

    def finish(self, point: QPointF) -> None:
        scene = self.scene
        self._aim(point)
        hot = scene.hot_port
        self.cancel()
        if self.lifted is not None:
            target = (hot[0], hot[2]) if hot is not None else None
            if target != (self.lifted[2], self.lifted[3]):
                self.canvas.rewired.emit(self.lifted, target)
        elif hot is None:
            if scene.card_at(point) is None:
                self.canvas.quick_asked.emit(point, self.port)
        else:
            source, target_end = (self.port, hot) if self.port[1] == "out" else (hot, self.port)
            self.canvas.connect_asked.emit((source[0], source[2]), (target_end[0], target_end[2]))

    def cancel(self) -> None:
        if self.lifted is not None and self.lifted in self.scene.wires:
            self.scene.wires[self.lifted].setVisible(True)
        self.scene.light(None)
        self.scene.drafting = False
        self.scene.update()

    def paint(self, painter: QPainter) -> None:
        cards = self.scene.cards
        id, side, name = self.port
        if id not in cards:
            return
        held = cards[id].output_point(name) if side == "out" else cards[id].input_point(name)
        free = self._free
        hot = self.scene.hot_port
        if hot is not None and hot[0] in cards:
            free = cards[hot[0]].input_point(hot[2]) if hot[1] == "in" else cards[hot[0]].output_point(hot[2])
        painter.setPen(look().draft)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(curve(held, free) if side == "out" else curve(free, held))
