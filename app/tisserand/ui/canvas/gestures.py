"""What hands do on the canvas: which gesture a press begins, hover, drop from the palette."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QFocusEvent,
    QHelpEvent,
    QMouseEvent,
    QPainter,
)
from PySide6.QtWidgets import QToolTip, QWidget

from tisserand.ui.canvas.draft import Draft
from tisserand.ui.canvas.drag import CardDrag
from tisserand.ui.canvas.gesture import MIME, REACH, Band, Cut, Gesture, Pan, Press
from tisserand.ui.canvas.keys import KeyedView
from tisserand.ui.canvas.scene import FlowScene
from tisserand.ui.canvas.wire import Key, Wire


class Canvas(KeyedView):
    """The canvas with hands. It asks; the document changes the flow."""

    moved = Signal(object, bool)
    """({node or note: (x, y)}, whether the same drag shook them loose) after a drag."""
    regrouped = Signal(object, object, bool)
    """({node or note: (x, y)}, {frame: nodes}, whether shaken loose) after a drag into a frame or out of it."""
    landed = Signal(str, object, object)
    """(node, the wire it was dropped on, its place)."""
    shaken = Signal(object)
    """(nodes): shaken loose from their wires."""
    cut_asked = Signal(object)
    """[wires] that a line was drawn across."""
    connect_asked = Signal(object, object)
    """((source, output port), (target, input port))."""
    rewired = Signal(object, object)
    """(the wire that was lifted, (target, input port) or None)."""
    drop_asked = Signal(str, object)
    """(kind, place)."""
    wire_drop_asked = Signal(str, object)
    """(kind, the wire it was dropped on)."""
    wire_clicked = Signal(object)
    peek_asked = Signal(object, object)
    """(wire, place on the screen): the pointer rests on a wire."""
    mark_asked = Signal(str)
    """A note or frame that was double-clicked."""
    menu_asked = Signal(object)

    def __init__(self, scene: FlowScene, parent: QWidget | None = None) -> None:
        super().__init__(scene, parent)
        self.gesture: Gesture | None = None
        self._hover_card: str | None = None
        self._hover_wire: Key | None = None
        self._landing: Key | None = None
        scene.turning.connect(self._flow_turns)
        self.setAcceptDrops(True)
        self.viewport().setAcceptDrops(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    # -- mouse ---------------------------------------------------------------------------------------------------------
    def mousePressEvent(self, event: QMouseEvent) -> None:
        at = event.position().toPoint()
        point = self._pointer = self.mapToScene(at)
        button = event.button()
        self.nudging = self.aimed = False
        if self.gesture is not None and not self._sticky():
            # A second button while the first one is down: whatever it was, it is over.
            self.cancel()
            self.gesture = Press(self, at)
        elif isinstance(self.gesture, Draft):
            gesture, self.gesture = self.gesture, Press(self, at)
            if button == Qt.MouseButton.LeftButton:
                gesture.finish(point)
            else:
                gesture.cancel()
            self.viewport().unsetCursor()
            self.viewport().update()
        elif button == Qt.MouseButton.MiddleButton or (button == Qt.MouseButton.LeftButton and self._space):
            self._space = False
            self.gesture = Pan(self, at)
        elif button == Qt.MouseButton.RightButton:
            self._select_below(point)
            self.gesture = Cut(self, at, event.globalPosition().toPoint())
        elif button == Qt.MouseButton.LeftButton:
            if event.modifiers() & Qt.KeyboardModifier.AltModifier:
                self.gesture = Cut(self, at, None)
            else:
                more = bool(event.modifiers() & (Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.ControlModifier))
                self.gesture = self._press(at, point, more)

    def _press(self, at: QPoint, point: QPointF, more: bool) -> Gesture:
        """What a press of the left button begins, by what lies under it."""
        scene = self.flow_scene
        port = scene.port_at(point, self.reach())
        if port is not None:
            return Draft(self, at, port)
        card = scene.card_at(point)
        if card is not None:
            if more:
                chosen = [other for other in scene.selection if other != card.id]
                scene.select(chosen if card.id in scene.selection else [*chosen, card.id], marks=scene.marks)
            elif card.id not in scene.selection:
                scene.select([card.id])
            # A click on one of several means this one, a drag means them all: which it is, the release tells.
            return CardDrag(self, at, () if more else (card.id,))
        mark = scene.mark_at(point)
        if mark is not None and mark.id in scene.notes:
            if mark.id not in scene.marks:
                scene.select(scene.selection if more else (), marks=[*(scene.marks if more else ()), mark.id])
            return CardDrag(self, at, (), () if more else (mark.id,))
        wire = scene.wire_at(point, 6 / self.zoom())
        if wire is not None:
            scene.select((), wire.key)
            self.wire_clicked.emit(wire.key)
            return Press(self, at)
        if mark is not None:
            # By its title, a frame is taken with all that it holds.
            scene.select(scene.frames[mark.id].holds, marks=[mark.id], by_title=True)
            return CardDrag(self, at, (), (mark.id,))
        kept = tuple(scene.selection) if more else ()
        scene.select(kept)
        return Band(self, at, kept)

    def _select_below(self, point: QPointF) -> None:
        """What the menu is about to be asked for."""
        scene = self.flow_scene
        card, mark = scene.card_at(point), scene.mark_at(point)
        if card is not None and card.id not in scene.selection:
            scene.select([card.id])
        elif card is None and mark is not None and mark.id not in scene.marks:
            scene.select((), marks=[mark.id])

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = event.position().toPoint()
        self._pointer = self.mapToScene(at)
        if self.gesture is not None and event.buttons() == Qt.MouseButton.NoButton and not self._sticky():
            self.cancel()  # the release went elsewhere
        if self.gesture is None:
            self._hover(self._pointer)
        else:
            self.gesture.drag(at, self._pointer)

    def _sticky(self) -> bool:
        return isinstance(self.gesture, Draft) and self.gesture.sticky

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        gesture, self.gesture = self.gesture, None
        if gesture is None:
            return
        if isinstance(gesture, Pan | Cut):
            self.viewport().unsetCursor()
        if gesture.moved:
            gesture.finish(self.mapToScene(event.position().toPoint()))
        elif gesture.click():
            self.gesture = gesture
        self.viewport().update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        point = self.mapToScene(event.position().toPoint())
        mark = self.flow_scene.mark_at(point)
        self.cancel()
        if event.button() != Qt.MouseButton.LeftButton:
            return
        if self.flow_scene.card_at(point) is not None:
            self.settings_asked.emit()
        elif mark is not None and (mark.id in self.flow_scene.notes or self.flow_scene.wire_at(point, 6 / self.zoom()) is None):
            self.mark_asked.emit(mark.id)
        elif self.flow_scene.wire_at(point, 6 / self.zoom()) is not None:
            self.data_asked.emit()
        else:
            self.quick_asked.emit(point, None)

    def pointer_or_middle(self) -> QPointF:
        """Where the pointer is over the canvas, else its middle."""
        return self._pointer if self.viewport().underMouse() else self.mapToScene(self.viewport().rect().center())

    def cancel(self) -> bool:
        """Give up the gesture under way; everything goes back to where it was."""
        gesture, self.gesture = self.gesture, None
        if gesture is None:
            return False
        gesture.cancel()
        self.viewport().unsetCursor()
        self.flow_scene.update()
        self.viewport().update()
        return True

    def _flow_turns(self) -> None:
        """The flow is about to become another one: what holds on to its cards and wires would move what is gone."""
        if isinstance(self.gesture, CardDrag | Cut | Draft) and not self.gesture.shaking:
            self.cancel()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        # A dialog or another window came up: the release will go there.
        self.cancel()
        super().focusOutEvent(event)

    def reach(self) -> float:
        """How near to a port the pointer must come, in units of the scene."""
        return min(REACH / self.zoom(), 24.0)

    def _hover(self, point: QPointF) -> None:
        scene = self.flow_scene
        port = scene.port_at(point, self.reach())
        card = scene.cards[port[0]] if port else scene.card_at(point)
        wire: Wire | None = None if card is not None else scene.wire_at(point, 6 / self.zoom())
        scene.light(port)
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
            self.aimed = False
            self._hover(QPointF(-1e9, -1e9))
        return bool(super().viewportEvent(event))

    def _tell(self, event: QHelpEvent) -> None:
        point = self.mapToScene(event.pos())
        card = self.flow_scene.card_at(point)
        wire = None if card else self.flow_scene.wire_at(point, 6 / self.zoom())
        if wire is not None:
            self.peek_asked.emit(wire.key, event.globalPos())
        else:
            QToolTip.showText(event.globalPos(), card.tooltip() if card else "", self)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        # The right button also cuts wires: its menu comes when it is released (see `Cut`). This is the menu key.
        if event.reason() != QContextMenuEvent.Reason.Mouse:
            card = next((self.flow_scene.cards[id] for id in self.flow_scene.selection), None)
            place = self.mapFromScene(card.frame().center()) if card is not None else self.viewport().rect().center()
            self.menu_asked.emit(self.viewport().mapToGlobal(place))

    # -- drop from the palette -----------------------------------------------------------------------------------------
    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasFormat(MIME):
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        if event.mimeData().hasFormat(MIME):
            event.acceptProposedAction()
            self._land(self._wire_below(self.mapToScene(event.position().toPoint())))

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._land(None)

    def _wire_below(self, point: QPointF) -> Wire | None:
        wire = self.flow_scene.wire_at(point, 14 / self.zoom())
        return None if wire is None or wire.after else wire

    def _land(self, wire: Wire | None) -> None:
        """Light the wire that a drop would insert a node on."""
        for key in {self._landing, wire.key if wire is not None else None}:
            if key is not None and key in self.flow_scene.wires:
                self.flow_scene.wires[key].show_landing(wire is not None and key == wire.key)
        self._landing = wire.key if wire is not None else None

    def dropEvent(self, event: QDropEvent) -> None:
        data = event.mimeData()
        if data.hasFormat(MIME):
            event.acceptProposedAction()
            kind, point = bytes(data.data(MIME).data()).decode(), self.mapToScene(event.position().toPoint())
            wire = self._wire_below(point)
            self._land(None)
            if wire is not None:
                self.wire_drop_asked.emit(kind, wire.key)
            else:
                self.drop_asked.emit(kind, point)

    # -- above everything ----------------------------------------------------------------------------------------------
    def _paint_above(self) -> None:
        gesture = self.gesture
        if gesture is None or not gesture.moved or not isinstance(gesture, Band | Cut | Draft):
            return
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setTransform(self.viewportTransform())
        gesture.paint(painter)
        painter.end()
