"""A small map in the corner of the canvas: the whole flow, the part that is seen, and the way to any other part."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt, QTimer
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPixmap, QTransform
from PySide6.QtWidgets import QWidget

from tisserand.texts import translate as _
from tisserand.ui.canvas.look import OVERVIEW_BELOW, look
from tisserand.ui.canvas.view import CanvasView

WIDTH, HEIGHT, EDGE = 176, 112, 12
SMALLEST_CANVAS, LOWEST_CANVAS = 420, 340
PAUSE = 120
"""Milliseconds: how long the canvas must stand still."""


class Minimap(QWidget):
    """Shown only while a part of the flow is out of sight and can be read: far away, the canvas is a map itself."""

    def __init__(self, view: CanvasView) -> None:
        super().__init__(view)
        self._view = view
        self._allowed = True
        self._held = False
        """The map itself is what moves the canvas."""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE)
        self._timer.timeout.connect(self._follow)
        self.resize(WIDTH, HEIGHT)
        self.setAccessibleName(_("Small map"))
        self.setToolTip(_("Drag to go to another part of the flow."))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.hide()
        self._drawn: tuple[object, object, float, QPixmap] | None = None
        # Many things may happen before the next picture: one look at the end is enough.
        view.shifted.connect(self._give_way)
        # Not the scene's own `changed`: who listens to that makes every repaint dearer.
        view.flow_scene.selected.connect(self._timer.start)

    def _give_way(self) -> None:
        """Go while the canvas moves: what lies over it forces Qt to paint it whole, instead of moving what is there already."""
        if not self._held:
            self.hide()
        elif self.isVisible():
            self.update()
        self._timer.start()

    def allow(self, on: bool) -> None:
        self._allowed = on
        self._follow()

    def _follow(self) -> None:
        view = self._view
        bounds = view.flow_scene.bounds()
        seen = self._seen()
        if self._held:
            return  # it stays under the hand that drags in it
        wanted = (
            self._allowed
            and not bounds.isEmpty()
            and not seen.contains(bounds)
            and view.zoom() >= OVERVIEW_BELOW
            and view.width() >= SMALLEST_CANVAS
            and view.height() >= LOWEST_CANVAS
        )
        self.move(view.width() - WIDTH - EDGE, view.height() - HEIGHT - EDGE)
        self.setVisible(wanted)
        if wanted:
            self.update()

    def _seen(self) -> QRectF:
        return self._view.mapToScene(self._view.viewport().rect()).boundingRect()

    def _transform(self) -> QTransform:
        """From the scene to the map: the flow and what is seen, whole."""
        whole = self._view.flow_scene.bounds()
        inner = QRectF(self.rect()).adjusted(8, 8, -8, -8)
        scale = min(inner.width() / max(whole.width(), 1), inner.height() / max(whole.height(), 1), 0.2)
        made = QTransform.fromTranslate(inner.center().x(), inner.center().y())
        made.scale(scale, scale)
        return made.translate(-whole.center().x(), -whole.center().y())

    def paintEvent(self, event: QPaintEvent) -> None:
        style = look()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(style.hover)
        ground = QColor(style.colour["raised"])
        ground.setAlphaF(0.94)
        painter.setBrush(ground)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
        painter.setClipRect(self.rect().adjusted(2, 2, -2, -2))
        painter.drawPixmap(0, 0, self._flow())
        painter.setPen(style.selected)
        painter.setBrush(style.band)
        frame = self._transform().mapRect(self._seen()).intersected(QRectF(self.rect()).adjusted(3, 3, -3, -3))
        painter.drawRoundedRect(frame, 3, 3)
        painter.end()

    def _flow(self) -> QPixmap:
        """The flow itself, drawn once until it changes."""
        style = look()
        overview = self._view.flow_scene.overview()
        ratio = self.devicePixelRatioF()
        kept = self._drawn
        if kept is not None and kept[0] is overview and kept[1] is style and kept[2] == ratio:
            return kept[3]
        made = QPixmap(self.size() * ratio)
        made.setDevicePixelRatio(ratio)
        made.fill(Qt.GlobalColor.transparent)
        painter = QPainter(made)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setTransform(self._transform(), True)
        lines, boxes = overview
        painter.setPen(style.wire.color())
        painter.drawLines(lines)
        painter.setPen(Qt.PenStyle.NoPen)
        for colour, rectangles in boxes.items():
            painter.setBrush(style.brush[colour])
            painter.drawRects(rectangles)
        painter.end()
        self._drawn = (overview, style, ratio, made)
        return made

    def _go(self, at: QPointF) -> None:
        back, _possible = self._transform().inverted()
        point = self._view.mapFromScene(back.map(at)) - self._view.viewport().rect().center()
        self._view.pan(-point.x(), -point.y())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._held = True
            self._go(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._held = bool(event.buttons() & Qt.MouseButton.LeftButton)
        if self._held:
            self._go(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._held = False
        event.accept()
