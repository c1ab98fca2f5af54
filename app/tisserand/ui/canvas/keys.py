"""The canvas by keyboard: from node to node, a selection that grows, small moves, and Space to look at rows or to pan."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QWidget

from tisserand.model.graph import order
from tisserand.ui.canvas.look import GRID
from tisserand.ui.canvas.neighbours import neighbour
from tisserand.ui.canvas.scene import FlowScene
from tisserand.ui.canvas.view import CanvasView

NO, SHIFT, CTRL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
MODIFIERS = (Qt.Key.Key_Control, Qt.Key.Key_Shift, Qt.Key.Key_Alt, Qt.Key.Key_Meta, Qt.Key.Key_AltGr)


class KeyedView(CanvasView):
    """The canvas with keys. Like hands it only asks."""

    quick_asked = Signal(object, object)
    """(place, the port that a wire was drawn from or None): add a node there."""
    settings_asked = Signal()
    data_asked = Signal()
    nudged = Signal(float, float, bool)
    """(how far right, how far down, whether it goes on from the key before): move what is selected."""

    def __init__(self, scene: FlowScene, parent: QWidget | None = None) -> None:
        super().__init__(scene, parent)
        self._pointer = QPointF()
        self._space = False
        """The Space key is down and has done nothing yet but to make the next drag a pan."""
        self.nudging = False
        self.aimed = False
        """The last thing done was a click in empty space: there, Tab offers nodes."""

    def cancel(self) -> bool:
        """Give up what is under way; whether there was something."""
        return False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, keys = event.key(), event.modifiers() & (SHIFT | CTRL | Qt.KeyboardModifier.AltModifier)
        way = ARROWS.get(Qt.Key(key)) if key in ARROWS else None
        nudge = way is not None and keys == CTRL
        if key not in MODIFIERS:
            self.nudging, self.aimed = self.nudging and nudge, False
        if way is not None and nudge:
            self._nudge(*way)
        elif way is not None and keys in (NO, SHIFT):
            self._step(*way, more=keys == SHIFT)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.flow_scene.selection:
            self.settings_asked.emit()
        elif key == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._space = True
        elif key == Qt.Key.Key_Escape:
            if not self.cancel():
                self.flow_scene.select(())
        else:
            event.ignore()
            return
        event.accept()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat() and self._space:
            self._space = False
            if self.flow_scene.selection or self.flow_scene.wire_selection:
                self.data_asked.emit()
        else:
            super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._space = self.nudging = self.aimed = False
        super().focusOutEvent(event)

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab goes through the nodes as the rows do, and then on to the next panel; after a click in empty space it offers
        nodes to add there."""
        aimed, self.aimed, self.nudging = self.aimed, False, False
        if aimed and forward and not self.flow_scene.selection and self.flow_scene.card_at(self._pointer) is None:
            self.quick_asked.emit(self._pointer, None)
            return True
        ids = self._order()
        current = next(reversed(self.flow_scene.selection), None)
        index = (ids.index(current) + (1 if forward else -1)) if current in ids else (0 if forward else len(ids) - 1)
        if not ids or not 0 <= index < len(ids):
            return bool(super().focusNextPrevChild(forward))
        self._choose(ids[index])
        return True

    def _order(self) -> list[str]:
        flow = self.flow_scene.flow
        return [id for id in order(flow) if id in self.flow_scene.cards] if flow is not None else []

    def _choose(self, id: str) -> None:
        self.flow_scene.select([id])
        self.reveal(self.flow_scene.cards[id].frame())

    def _step(self, dx: int, dy: int, more: bool) -> None:
        scene = self.flow_scene
        current = next(reversed(scene.selection), None)
        found = neighbour(scene.cards, current, dx, dy) if current is not None else next(iter(self._order()), None)
        if found is not None and more:
            scene.select([*(id for id in scene.selection if id != found), found], marks=scene.marks)
            self.reveal(scene.cards[found].frame())
        elif found is not None:
            self._choose(found)

    def _nudge(self, dx: int, dy: int) -> None:
        on, self.nudging = self.nudging, True
        self.nudged.emit(float(dx * GRID), float(dy * GRID), on)
        last = next(reversed(self.flow_scene.selection), None)
        if last is not None:
            self.reveal(self.flow_scene.cards[last].frame())
