"""The window onto the scene: grid, overview from far away, zoom at the pointer, pan, fit."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QKeyEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QPolygonF,
    QResizeEvent,
    QTransform,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QGraphicsView, QWidget

from tisserand.texts import translate as _
from tisserand.ui.canvas.look import GRID, OVERVIEW_BELOW, look
from tisserand.ui.canvas.scene import FlowScene
from tisserand.ui.theme import theme

SMALLEST, LARGEST = 0.02, 2.5
READABLE = 0.86
"""Below this zoom the second line of a card is hard to read: rather the beginning of the flow, and the small map for the rest."""


class CanvasView(QGraphicsView):
    """Shows a scene. What hands do on it is in `gestures`."""

    zoomed = Signal(float)
    shifted = Signal()
    """Another part of the scene is seen."""

    def __init__(self, scene: FlowScene, parent: QWidget | None = None) -> None:
        super().__init__(scene, parent)
        self.flow_scene = scene
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.MinimalViewportUpdate)
        self.setOptimizationFlag(QGraphicsView.OptimizationFlag.DontSavePainterState)
        self.setOptimizationFlag(QGraphicsView.OptimizationFlag.DontAdjustForAntialiasing)
        self.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self.setResizeAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        # We paint every pixel: only an opaque viewport is scrolled by moving what is there already.
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMouseTracking(True)
        self.viewport().setMouseTracking(True)
        self.setAccessibleName(_("Canvas"))
        self.setAccessibleDescription(
            _("The flow as cards and wires. Arrow keys go from node to node, Enter opens the settings.")
        )
        self._dots: tuple[int, float, QPixmap] | None = None
        self._held: tuple[QPoint, QPointF] | None = None
        """The pixel that the zoom last turned about, and the scene point under it."""
        scene.sceneRectChanged.connect(self._make_room)
        theme().changed.connect(self._recolour)

    def _recolour(self) -> None:
        self._dots = None
        self.viewport().update()

    def zoom(self) -> float:
        return self.flow_scene.zoom

    def set_zoom(self, factor: float, at: QPoint | None = None) -> None:
        """Zoom so that the scene point under `at` (the middle if None) stays where it is."""
        at = at or self.viewport().rect().center()
        new = min(max(factor, SMALLEST), LARGEST)
        if new == self.flow_scene.zoom:
            return
        # Scrolling goes by whole pixels: taken anew at each of many small steps, the point would wander off.
        fixed = self._held[1] if self._held is not None and self._held[0] == at else self.mapToScene(at)
        self.flow_scene.zoom = new
        self.setTransform(QTransform.fromScale(new, new))
        self._make_room()
        self.bring(fixed, at)
        self._held = (QPoint(at), fixed)
        self.viewport().update()
        self.zoomed.emit(new)
        self.shifted.emit()

    def zoom_by(self, factor: float, at: QPoint | None = None) -> None:
        """Zoom by steps, however small; on the way past exactly one it stops there, where texts are sharpest."""
        old = self.flow_scene.zoom
        new = old * factor
        self.set_zoom(1.0 if (old - 1) * (new - 1) < 0 else new, at)

    def _make_room(self, _box: QRectF | None = None) -> None:
        """Around the scene as much as is seen: else, far away, nothing could stay under the pointer."""
        space, zoom = self.viewport().size(), self.flow_scene.zoom
        across, down = space.width() / zoom, space.height() / zoom
        self.setSceneRect(self.flow_scene.sceneRect().adjusted(-across, -down, across, down))

    def bring(self, fixed: QPointF, at: QPoint) -> None:
        """Scroll so that a scene point comes to lie under a viewport point."""
        moved = self.mapFromScene(fixed) - at
        self.pan(-moved.x(), -moved.y())

    def pan(self, dx: int, dy: int) -> None:
        """Shift what is seen by whole pixels."""
        across, down = self.horizontalScrollBar(), self.verticalScrollBar()
        across.setValue(across.value() - dx)
        down.setValue(down.value() - dy)

    def fit(self) -> None:
        """Show the whole flow, never larger than life."""
        box = self.flow_scene.bounds()
        if box.isEmpty():
            self.set_zoom(1.0)
            return
        space = self.viewport().rect().adjusted(28, 28, -28, -28)
        factor = min(space.width() / box.width(), space.height() / box.height(), 1.0)
        self.set_zoom(max(factor, SMALLEST))
        self.bring(box.center(), self.viewport().rect().center())

    def first_sight(self) -> None:
        """A flow that was just opened: the whole of it where that can be read, else its beginning."""
        self.fit()
        if self.zoom() >= READABLE or not self.flow_scene.cards:
            return
        self.set_zoom(READABLE)
        box, space = self.flow_scene.bounds(), self.viewport().rect()
        corner = QPointF(box.left(), box.center().y() if box.height() * READABLE < space.height() else box.top())
        where = QPoint(32, space.center().y() if corner.y() > box.top() else 32)
        self.bring(corner, where)

    def reveal(self, box: QRectF) -> None:
        """Scroll as little as needed to show a part of the scene."""
        seen = self.mapToScene(self.viewport().rect().adjusted(24, 24, -24, -24)).boundingRect()
        if not seen.contains(box):
            self.bring(box.center(), self.viewport().rect().center())

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        super().scrollContentsBy(dx, dy)
        self._held = None
        self.shifted.emit()
        if self.flow_scene.zoom < OVERVIEW_BELOW:
            self.viewport().update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        pixels = event.pixelDelta()
        if not pixels.isNull() and not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.pan(pixels.x(), pixels.y())
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            turn = event.angleDelta()
            self.pan((turn.y() or turn.x()) // 2, 0)
        else:
            self.zoom_by(math.pow(1.0015, event.angleDelta().y()), event.position().toPoint())
        event.accept()

    def viewportEvent(self, event: QEvent) -> bool:
        # Two fingers on a touch pad.
        if isinstance(event, QNativeGestureEvent) and event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
            self.zoom_by(max(1 + event.value(), 0.1), event.position().toPoint())
            event.accept()
            return True
        return bool(super().viewportEvent(event))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._held = None
        self._make_room()
        self.viewport().update()
        self.shifted.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        event.ignore()  # the base class would scroll

    def paintEvent(self, event: QPaintEvent) -> None:
        # Asked for each time: the window may have gone to another screen.
        self.flow_scene.ratio = self.viewport().devicePixelRatioF()
        if self.flow_scene.zoom >= OVERVIEW_BELOW:
            super().paintEvent(event)
            self._paint_above()
            return
        style = look()
        painter = QPainter(self.viewport())
        painter.fillRect(event.rect(), style.colour["canvas"])
        painter.setTransform(self.viewportTransform())
        lines, boxes = self.flow_scene.overview()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(style.brush["border"])
        painter.drawRects([frame.frame() for frame in self.flow_scene.frames.values()])
        painter.setBrush(style.brush["note_border"])
        painter.drawRects([note.frame() for note in self.flow_scene.notes.values()])
        pen = style.wire.color()
        painter.setPen(pen)
        painter.drawLines(lines)
        painter.setPen(Qt.PenStyle.NoPen)
        for colour, rectangles in boxes.items():
            painter.setBrush(style.brush[colour])
            painter.drawRects(rectangles)
        marked = [self.flow_scene.cards[id].frame() for id in self.flow_scene.selection]
        if marked:
            painter.setBrush(style.brush["accent"])
            painter.drawRects(marked)
        painter.end()
        self._paint_above()

    def _paint_above(self) -> None:
        """Drafts and rubber bands, over everything; filled in by the gestures."""

    def drawBackground(self, painter: QPainter, rect: QRectF | QRect) -> None:
        style = look()
        painter.fillRect(rect, style.colour["canvas"])
        zoom = self.flow_scene.zoom
        if zoom < 0.4:
            return
        pitch = max(8, round(GRID * zoom))
        painter.save()
        painter.resetTransform()
        origin = self.mapFromScene(QPointF(0, 0))
        area = self.mapFromScene(QRectF(rect)).boundingRect().adjusted(-1, -1, 1, 1).intersected(self.viewport().rect())
        tile = self._tile(pitch)
        offset = QPoint((area.left() - origin.x()) % pitch, (area.top() - origin.y()) % pitch)
        painter.drawTiledPixmap(area, tile, offset)
        painter.restore()

    def _tile(self, pitch: int) -> QPixmap:
        """A block of the dotted grid, large, so that few copies fill a window."""
        ratio = self.flow_scene.ratio
        if self._dots is None or self._dots[:2] != (pitch, ratio):
            most = max(1, 256 // pitch)
            # Of whole pixels, where the density is none of a whole number: else the dots would be smeared.
            whole = (count for count in range(most, 0, -1) if (pitch * count * ratio).is_integer())
            count = next(whole, most)
            size = pitch * count
            made = QPixmap(round(size * ratio), round(size * ratio))
            made.setDevicePixelRatio(ratio)
            made.fill(look().colour["canvas"])
            painter = QPainter(made)
            painter.setPen(look().colour["dot"])
            points = QPolygonF([QPointF(x * pitch, y * pitch) for x in range(count) for y in range(count)])
            painter.drawPoints(points)
            if pitch >= 20:
                painter.drawPoints(points.translated(1, 0))
                painter.drawPoints(points.translated(0, 1))
                painter.drawPoints(points.translated(1, 1))
            painter.end()
            self._dots = (pitch, ratio, made)
        return self._dots[2]
