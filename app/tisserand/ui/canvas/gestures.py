"""What hands do on the canvas: select, move, wire, rubber band, pan, drop from the palette, keys from node to node."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QFocusEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
)
from PySide6.QtWidgets import QToolTip, QWidget

from tisserand.ui.canvas.gesture import MIME, REACH, START, Gesture
from tisserand.ui.canvas.look import look
from tisserand.ui.canvas.neighbours import neighbour, reading_order
from tisserand.ui.canvas.scene import FlowScene
from tisserand.ui.canvas.view import CanvasView
from tisserand.ui.canvas.wire import Key, Wire, curve


class Canvas(CanvasView):
    """The canvas with hands. It asks; the document changes the flow."""

    moved = Signal(object)
    """{node: (x, y)} after a drag."""
    connect_asked = Signal(object, object)
    """((source, output port), (target, input port))."""
    rewired = Signal(object, object)
    """(the wire that was lifted, (target, input port) or None)."""
    drop_asked = Signal(str, object)
    """(kind, place)."""
    quick_asked = Signal(object, object)
    """(place, the port that a wire was drawn from or None): add a node there."""
    wire_drop_asked = Signal(str, object)
    """(kind, the wire it was dropped on)."""
    settings_asked = Signal()
    data_asked = Signal()
    menu_asked = Signal(object)

    def __init__(self, scene: FlowScene, parent: QWidget | None = None) -> None:
        super().__init__(scene, parent)
        self.gesture: Gesture | None = None
        self._pointer = QPointF()
        self._hover_card: str | None = None
        self._hover_wire: Key | None = None
        self._space = False
        self.setAcceptDrops(True)
        self.viewport().setAcceptDrops(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    # -- mouse ---------------------------------------------------------------------------------------------------------
    def mousePressEvent(self, event: QMouseEvent) -> None:
        at = event.position().toPoint()
        if event.button() == Qt.MouseButton.MiddleButton or (event.button() == Qt.MouseButton.LeftButton and self._space):
            self.gesture = Gesture("pan", at)
            self.viewport().setCursor(Qt.CursorShape.ClosedHandCursor)
            return
        if event.button() != Qt.MouseButton.LeftButton:
            return
        scene = self.flow_scene
        point = self.mapToScene(at)
        port = scene.port_at(point, self._reach())
        if port is not None:
            self._press_port(port, at)
            return
        more = bool(event.modifiers() & (Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.ControlModifier))
        card = scene.card_at(point)
        if card is not None:
            self._press_card(card.id, at, more)
            return
        wire = scene.wire_at(point, 6 / self.zoom())
        if wire is not None:
            scene.select((), wire.key)
            self.gesture = Gesture("none", at)
            return
        kept = tuple(scene.selection) if more else ()
        scene.select(kept)
        self.gesture = Gesture("band", at, kept=kept)

    def _press_port(self, port: tuple[str, str, str], at: QPoint) -> None:
        scene = self.flow_scene
        self.gesture = Gesture("wire", at, port=port)
        if port[1] == "in":
            held = next((key for key in reversed(scene.wires) if key[2] == port[0] and key[3] == port[2]), None)
            if held is not None:
                self.gesture.lifted = held
                self.gesture.port = (held[0], "out", held[1])
        scene.drafting = True

    def _press_card(self, id: str, at: QPoint, more: bool) -> None:
        scene = self.flow_scene
        if more:
            chosen = [other for other in scene.selection if other != id]
            scene.select(chosen if id in scene.selection else [*chosen, id])
        elif id not in scene.selection:
            scene.select([id])
        places = {other: (scene.cards[other].x0, scene.cards[other].y0) for other in scene.selection}
        # A click on one of several means this one, a drag means them all: which it is, the release tells.
        self.gesture = Gesture("move", at, places, kept=() if more else (id,))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = event.position().toPoint()
        self._pointer = self.mapToScene(at)
        gesture = self.gesture
        if gesture is None:
            self._hover(self._pointer)
            return
        if not gesture.moved and (at - gesture.start).manhattanLength() < START:
            return
        first, gesture.moved = not gesture.moved, True
        if gesture.kind == "pan":
            shift = at - gesture.start
            gesture.start = at
            self.pan(shift.x(), shift.y())
        elif gesture.kind == "move":
            self._drag_cards(gesture, at)
        elif gesture.kind == "wire":
            if first and gesture.lifted is not None:
                self.flow_scene.wires[gesture.lifted].setVisible(False)
            self._aim(gesture)
            self.viewport().update()
        elif gesture.kind == "band":
            box = QRectF(self.mapToScene(gesture.start), self._pointer).normalized()
            self.flow_scene.select([*gesture.kept, *self.flow_scene.inside(box)])
            self.viewport().update()

    def _drag_cards(self, gesture: Gesture, at: QPoint) -> None:
        shift = self.mapToScene(at) - self.mapToScene(gesture.start)
        scene = self.flow_scene
        for id, (x, y) in gesture.places.items():
            card = scene.cards.get(id)
            if card is not None:
                card.place(round((x + shift.x()) / 4) * 4, round((y + shift.y()) / 4) * 4)
        scene.touch()

    def _aim(self, gesture: Gesture) -> None:
        """Light the port that the draft would connect to."""
        scene = self.flow_scene
        assert gesture.port is not None
        side = "in" if gesture.port[1] == "out" else "out"
        found = scene.port_at(self._pointer, self._reach() * 1.6)
        if found is None or found[1] != side:
            card = scene.card_at(self._pointer)
            found = self._free_port(card.id, side) if card is not None else None
        if found is not None and found[0] == gesture.port[0]:
            found = None
        if found != scene.hot_port:
            for end in (found, scene.hot_port):
                if end is not None and end[0] in scene.cards:
                    scene.cards[end[0]].update()
            scene.hot_port = found

    def _free_port(self, id: str, side: str) -> tuple[str, str, str] | None:
        """Dropping on a card means its first free port on that side."""
        shown = self.flow_scene.cards[id].shown
        if side == "out":
            return (id, "out", shown.outputs[0].name) if shown.outputs else None
        taken = {key[3] for key in self.flow_scene.wires if key[2] == id}
        free = [port for port in shown.inputs if port.many or port.name not in taken] or list(shown.inputs)
        return (id, "in", free[0].name) if free else None

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        gesture, self.gesture = self.gesture, None
        if gesture is None:
            return
        scene = self.flow_scene
        if gesture.kind == "pan":
            self.viewport().unsetCursor()
        elif gesture.kind == "move" and not gesture.moved:
            if gesture.kept:
                scene.select(gesture.kept)
        elif gesture.kind == "move":
            places = {id: (scene.cards[id].x0, scene.cards[id].y0) for id in gesture.places if id in scene.cards}
            if places != gesture.places:
                self.moved.emit(places)
        elif gesture.kind == "wire":
            self._finish_wire(gesture)
        self.viewport().update()

    def _finish_wire(self, gesture: Gesture) -> None:
        scene = self.flow_scene
        hot, scene.hot_port, scene.drafting = scene.hot_port, None, False
        scene.update()
        port = gesture.port
        assert port is not None
        if not gesture.moved:
            return
        if gesture.lifted is not None:
            if gesture.lifted in scene.wires:
                scene.wires[gesture.lifted].setVisible(True)
            target = (hot[0], hot[2]) if hot is not None else None
            if target != (gesture.lifted[2], gesture.lifted[3]):
                self.rewired.emit(gesture.lifted, target)
        elif hot is None:
            if scene.card_at(self._pointer) is None:
                self.quick_asked.emit(self._pointer, port)
        else:
            source, target_end = (port, hot) if port[1] == "out" else (hot, port)
            self.connect_asked.emit((source[0], source[2]), (target_end[0], target_end[2]))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        point = self.mapToScene(event.position().toPoint())
        if self.flow_scene.card_at(point) is not None:
            self.settings_asked.emit()
        elif self.flow_scene.wire_at(point, 6 / self.zoom()) is not None:
            self.data_asked.emit()
        else:
            self.gesture = None
            self.quick_asked.emit(point, None)

    def pointer_or_middle(self) -> QPointF:
        """Where the pointer is over the canvas, else its middle."""
        return self._pointer if self.viewport().underMouse() else self.mapToScene(self.viewport().rect().center())

    def cancel(self) -> bool:
        """Give up the gesture under way; everything goes back to where it was."""
        gesture, self.gesture = self.gesture, None
        if gesture is None:
            return False
        scene = self.flow_scene
        for id, (x, y) in gesture.places.items():
            if id in scene.cards:
                scene.cards[id].place(x, y)
        if gesture.lifted is not None and gesture.lifted in scene.wires:
            scene.wires[gesture.lifted].setVisible(True)
        scene.hot_port, scene.drafting = None, False
        self.viewport().unsetCursor()
        scene.update()
        self.viewport().update()
        return True

    def _reach(self) -> float:
        return min(REACH / self.zoom(), 24.0)

    def _hover(self, point: QPointF) -> None:
        scene = self.flow_scene
        port = scene.port_at(point, self._reach())
        card = scene.cards[port[0]] if port else scene.card_at(point)
        wire: Wire | None = None if card is not None else scene.wire_at(point, 6 / self.zoom())
        if port != scene.hot_port:
            scene.hot_port = port
            if card is not None:
                card.update()
        id, key = (card.id if card else None), (wire.key if wire else None)
        if id != self._hover_card:
            for other in (self._hover_card, id):
                if other is not None and other in scene.cards:
                    scene.cards[other].show_hover(other == id)
            self._hover_card = id
        if key != self._hover_wire:
            for one in (self._hover_wire, key):
                if one is not None and one in scene.wires:
                    scene.wires[one].hovered = one == key
                    scene.wires[one].update()
            self._hover_wire = key
        self.viewport().setCursor(Qt.CursorShape.CrossCursor if port else Qt.CursorShape.ArrowCursor)

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            self._tell(event)
            return True
        if event.type() == QEvent.Type.Leave and self.gesture is None:
            self._hover(QPointF(-1e9, -1e9))
        return super().viewportEvent(event)

    def _tell(self, event: QHelpEvent) -> None:
        point = self.mapToScene(event.pos())
        card = self.flow_scene.card_at(point)
        wire = None if card else self.flow_scene.wire_at(point, 6 / self.zoom())
        text = card.tooltip() if card else " · ".join(wire.labels()[:1]) if wire else ""
        QToolTip.showText(event.globalPos(), text, self)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        point = self.mapToScene(event.pos())
        card = self.flow_scene.card_at(point)
        if card is not None and card.id not in self.flow_scene.selection:
            self.flow_scene.select([card.id])
        self.menu_asked.emit(event.globalPos())

    # -- drop from the palette -----------------------------------------------------------------------------------------
    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasFormat(MIME):
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        if event.mimeData().hasFormat(MIME):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        data = event.mimeData()
        if data.hasFormat(MIME):
            event.acceptProposedAction()
            kind, point = bytes(data.data(MIME).data()).decode(), self.mapToScene(event.position().toPoint())
            wire = self.flow_scene.wire_at(point, 14 / self.zoom())
            if wire is not None and not wire.after:
                self.wire_drop_asked.emit(kind, wire.key)
            else:
                self.drop_asked.emit(kind, point)

    # -- keys ----------------------------------------------------------------------------------------------------------
    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        arrows = {
            Qt.Key.Key_Left: (-1, 0),
            Qt.Key.Key_Right: (1, 0),
            Qt.Key.Key_Up: (0, -1),
            Qt.Key.Key_Down: (0, 1),
        }
        if key in arrows:
            self._step(*arrows[Qt.Key(key)])
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.flow_scene.selection:
            self.settings_asked.emit()
        elif key == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._space = True
        elif key == Qt.Key.Key_Escape and not self.cancel():
            self.flow_scene.select(())
        else:
            event.ignore()
            return
        event.accept()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat() and self._space:
            self._space = False
            if self.gesture is None and (self.flow_scene.selection or self.flow_scene.wire_selection):
                self.data_asked.emit()
        else:
            super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._space = False
        super().focusOutEvent(event)

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab goes through the nodes from left to right, and then on to the next panel."""
        ids = reading_order(self.flow_scene.cards)
        current = next(iter(self.flow_scene.selection), None)
        index = (ids.index(current) + (1 if forward else -1)) if current in ids else (0 if forward else len(ids) - 1)
        if not ids or not 0 <= index < len(ids):
            return bool(super().focusNextPrevChild(forward))
        self._choose(ids[index])
        return True

    def _choose(self, id: str) -> None:
        self.flow_scene.select([id])
        self.reveal(self.flow_scene.cards[id].frame())

    def _step(self, dx: int, dy: int) -> None:
        found = neighbour(self.flow_scene.cards, next(iter(self.flow_scene.selection), None), dx, dy)
        if found is not None:
            self._choose(found)

    # -- above everything ----------------------------------------------------------------------------------------------
    def _paint_above(self) -> None:
        gesture = self.gesture
        if gesture is None or not gesture.moved or gesture.kind not in {"wire", "band"}:
            return
        style = look()
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setTransform(self.viewportTransform())
        if gesture.kind == "band":
            pen = style.selected.color()
            painter.setPen(pen)
            painter.setBrush(style.band)
            painter.drawRect(QRectF(self.mapToScene(gesture.start), self._pointer).normalized())
        else:
            self._paint_draft(painter, gesture)
        painter.end()

    def _paint_draft(self, painter: QPainter, gesture: Gesture) -> None:
        assert gesture.port is not None
        cards = self.flow_scene.cards
        id, side, name = gesture.port
        held = cards[id].output_point(name) if side == "out" else cards[id].input_point(name)
        free = self._pointer
        hot = self.flow_scene.hot_port
        if hot is not None and hot[0] in cards:
            free = cards[hot[0]].input_point(hot[2]) if hot[1] == "in" else cards[hot[0]].output_point(hot[2])
        painter.setPen(look().draft)
        painter.drawPath(curve(held, free) if side == "out" else curve(free, held))
