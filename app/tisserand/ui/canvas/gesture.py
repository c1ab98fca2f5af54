"""Presses on the canvas that are under way: pan, rubber band, and the cut across wires; what all gestures have in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath

from tisserand.ui.canvas.look import look
from tisserand.ui.canvas.wire import Key

if TYPE_CHECKING:
    from tisserand.ui.canvas.gestures import Canvas

MIME = "application/x-tisserand-kind"
REACH = 12.0
START = 4
"""Pixels that the pointer must go before a press becomes a drag."""


class Gesture:
    """A press that is under way. Points are in pixels of the canvas (`at`) and in units of the scene (`point`)."""

    def __init__(self, canvas: Canvas, start: QPoint) -> None:
        self.canvas = canvas
        self.scene = canvas.flow_scene
        self.start = start
        self.origin = canvas.mapToScene(start)
        self.moved = False
        self.shaking = False
        """The flow changes because of this very gesture."""

    def drag(self, at: QPoint, point: QPointF) -> None:
        """The pointer went on."""
        if not self.moved and (at - self.start).manhattanLength() < START:
            return
        first, self.moved = not self.moved, True
        self.follow(at, point, first)

    def follow(self, at: QPoint, point: QPointF, first: bool) -> None:
        """What a drag does; `first` is its beginning."""

    def click(self) -> bool:
        """The button was released where it was pressed; whether the gesture goes on until the next click."""
        return False

    def finish(self, point: QPointF) -> None:
        """The button was released elsewhere."""

    def cancel(self) -> None:
        """Give up; everything goes back to where it was."""

    def paint(self, painter: QPainter) -> None:
        """Draw above everything, in units of the scene."""


class Pan(Gesture):
    """Shifts what is seen."""

    def __init__(self, canvas: Canvas, start: QPoint) -> None:
        super().__init__(canvas, start)
        canvas.viewport().setCursor(Qt.CursorShape.ClosedHandCursor)

    def follow(self, at: QPoint, point: QPointF, first: bool) -> None:
        shift, self.start = at - self.start, at
        self.canvas.pan(shift.x(), shift.y())


class Press(Gesture):
    """A press that has done all it does."""


class Band(Gesture):
    """A rectangle that selects what it touches, beside what was `kept`."""

    def __init__(self, canvas: Canvas, start: QPoint, kept: Iterable[str]) -> None:
        super().__init__(canvas, start)
        self._kept = tuple(kept)
        self._box = QRectF()

    def follow(self, at: QPoint, point: QPointF, first: bool) -> None:
        self._box = QRectF(self.origin, point).normalized()
        self.scene.select([*self._kept, *self.scene.inside(self._box)], marks=self.scene.marks_inside(self._box))
        self.canvas.viewport().update()

    def click(self) -> bool:
        self.canvas.aimed = not self._kept
        return False

    def paint(self, painter: QPainter) -> None:
        style = look()
        painter.setPen(style.selected.color())
        painter.setBrush(style.band)
        painter.drawRect(self._box)


class Cut(Gesture):
    """A line drawn across wires: they are gone when the button is released. Released where it was pressed, it asks for the menu."""

    def __init__(self, canvas: Canvas, start: QPoint, menu: QPoint | None) -> None:
        super().__init__(canvas, start)
        self._line = QPainterPath(self.origin)
        self._menu = menu
        self.crossed: list[Key] = []

    def follow(self, at: QPoint, point: QPointF, first: bool) -> None:
        if first:
            self.canvas.viewport().setCursor(Qt.CursorShape.CrossCursor)
        self._line.lineTo(point)
        crossed = self.scene.wires_across(self._line)
        for key in {*crossed, *self.crossed}:
            self.scene.wires[key].show_cut(key in crossed)
        self.crossed = crossed
        self.canvas.viewport().update()

    def click(self) -> bool:
        if self._menu is not None:
            self.canvas.menu_asked.emit(self._menu)
        return False

    def finish(self, point: QPointF) -> None:
        crossed = list(self.crossed)
        self.cancel()
        if crossed:
            self.canvas.cut_asked.emit(crossed)

    def cancel(self) -> None:
        for key in self.crossed:
            if key in self.scene.wires:
                self.scene.wires[key].show_cut(False)
        self.crossed = []

    def paint(self, painter: QPainter) -> None:
        painter.setPen(look().cut)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(self._line)
