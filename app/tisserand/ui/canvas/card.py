"""One node on the canvas: a card with its ports, painted by one item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QStaticText
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from tisserand.model.flow import In, Out
from tisserand.texts import translate
from tisserand.ui.canvas.look import HEIGHT, PORT, PORT_PITCH, TEXT_FROM, TILE, WIDTH, Look, look
from tisserand.ui.canvas.state import READY, Standing, face, number, second_lines
from tisserand.ui.icons import pixmap
from tisserand.ui.kinds import Face

if TYPE_CHECKING:
    from tisserand.ui.canvas.scene import FlowScene

_COLOURED = {"failed", "wrong", "attention", "running", "uncertain", "stopped"}
_MARGIN = 12.0
_NAMES = 130.0
"""How far the names of ports may reach out."""
_TEXT_X = 53.0


class Card(QGraphicsItem):
    """A node. It reads its selection and hover from the scene and never changes the flow."""

    def __init__(self, id: str, shown: Face, x: float, y: float) -> None:
        super().__init__()
        self.id = id
        self.shown = shown
        self.x0 = x
        self.y0 = y
        self.standing: Standing = READY
        self.wires: list[Any] = []
        self.selected = False
        self.hovered = False
        self.disabled = False
        self.breakpoint = False
        self._title: QStaticText | None = None
        self._detail: QStaticText | None = None
        self._drawn_for: Look | None = None
        self.height = _height(shown)
        self.setPos(x, y)

    def show_face(self, shown: Face) -> None:
        """Take another title, icon or set of ports."""
        self.prepareGeometryChange()
        self.shown = shown
        self.height = _height(shown)
        self._title = self._detail = None
        self.update()

    def show_standing(self, standing: Standing) -> None:
        if standing != self.standing:
            self.standing = standing
            self._detail = None
            self.update()

    def place(self, x: float, y: float) -> None:
        """Move, with the wires that hang on it."""
        if (x, y) == (self.x0, self.y0):
            return
        self.x0, self.y0 = x, y
        self.setPos(x, y)
        for wire in self.wires:
            wire.reroute()

    def boundingRect(self) -> QRectF:
        aside = _NAMES if self.hovered else _MARGIN
        return QRectF(-aside, -_MARGIN, WIDTH + 2 * aside, self.height + 2 * _MARGIN)

    def show_hover(self, on: bool) -> None:
        """Under the pointer or not: the names of its ports stand beside it, instead of what its wires say."""
        self.prepareGeometryChange()
        self.hovered = on
        self.update()
        for wire in self.wires:
            wire.update()

    def names_ports(self, side: str) -> bool:
        """Whether the names of the ports of one side (`in`, `out`) are to be read beside them."""
        scene: FlowScene = self.scene()  # type: ignore[assignment]
        ports = self.shown.inputs if side == "in" else self.shown.outputs
        return (self.hovered or scene.drafting) and len(ports) > 1

    def frame(self) -> QRectF:
        """The card itself, in scene coordinates."""
        return QRectF(self.x0, self.y0, WIDTH, self.height)

    def _port_y(self, index: int, count: int) -> float:
        return self.height / 2 + (index - (count - 1) / 2) * PORT_PITCH

    def _output_y(self, index: int) -> float:
        """Ports of the normal course are centred, so that their wires run straight; those for rejects stand below them."""
        ports = self.shown.outputs
        usual = sum(port.kind != "rejects" for port in ports)
        return self._port_y(index, usual or len(ports))

    def input_point(self, name: str) -> QPointF:
        ports = self.shown.inputs
        index = next((i for i, port in enumerate(ports) if port.name == name), None)
        return QPointF(self.x0, self.y0 + (self.height / 2 if index is None else self._port_y(index, len(ports))))

    def output_point(self, name: str | None) -> QPointF:
        ports = self.shown.outputs
        index = 0 if not name else next((i for i, port in enumerate(ports) if port.name == name), None)
        y = self.height / 2 if index is None or not ports else self._output_y(index)
        return QPointF(self.x0 + WIDTH, self.y0 + y)

    def port_at(self, point: QPointF, reach: float) -> tuple[str, str] | None:
        """(`in` or `out`, port name) of the port within `reach` of a scene point."""
        best: tuple[float, str, str] | None = None
        for side, ports in (("in", self.shown.inputs), ("out", self.shown.outputs)):
            for port in ports:
                where = self.input_point(port.name) if side == "in" else self.output_point(port.name)
                distance = abs(where.x() - point.x()) + abs(where.y() - point.y())
                if distance <= reach and (best is None or distance < best[0]):
                    best = (distance, side, port.name)
        return (best[1], best[2]) if best else None

    def tooltip(self) -> str:
        _icon, _token, word = face("disabled" if self.disabled else self.standing.state)
        lines = [self.shown.title, f"{self.id} — {word}"]
        if self.breakpoint:
            lines.append(translate("Breakpoint: the debugger stops before it."))
        if self.standing.detail:
            lines.append(self.standing.detail)
        if not self.shown.known:
            lines.append(translate("This kind of node is not installed here. Its settings are kept as they are."))
        return "\n".join(lines)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        style = look()
        scene: FlowScene = self.scene()  # type: ignore[assignment]
        zoom = scene.zoom
        if style is not self._drawn_for:
            self._title = self._detail = None
            self._drawn_for = style
        box = QRectF(0, 0, WIDTH, self.height)
        fine = zoom >= TEXT_FROM
        group = style.brush[self.shown.group]
        if not fine:
            self._paint_coarse(painter, style, box)
            return
        painter.setPen(Qt.PenStyle.NoPen)
        for grow, shade in zip((3.0, 2.0, 1.0), style.shadow, strict=True):
            painter.setBrush(shade)
            painter.drawRoundedRect(box.adjusted(-grow, -grow + 2.5, grow, grow + 2.5), 10 + grow, 10 + grow)
        if self.selected:
            painter.setPen(style.halo)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box, 10, 10)
        painter.setBrush(style.brush["raised"])
        pen = style.selected if self.selected else style.hover if self.hovered else style.border
        painter.setPen(style.broken if not self.shown.known and not self.selected else pen)
        painter.drawRoundedRect(box, 10, 10)
        painter.setOpacity(0.5 if self.disabled else 1.0)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(group)
        top = (self.height - TILE) / 2
        painter.drawRoundedRect(QRectF(11, top, TILE, TILE), 8, 8)
        ratio = zoom * scene.ratio
        # Icons are drawn for the zoom (in eighths), so that they stay sharp and few are kept.
        step = max(0.5, round(ratio * 8) / 8)
        painter.drawPixmap(QPointF(11 + 8, top + 8), pixmap(self.shown.icon, _WHITE, 18, step))
        self._paint_texts(painter, style, step)
        self._paint_share(painter, style)
        painter.setOpacity(1.0)
        if self.breakpoint:
            painter.setPen(style.canvas_edge)
            painter.setBrush(style.brush["breakpoint"])
            painter.drawEllipse(QPointF(2, 2), 6, 6)
        self._paint_ports(painter, style, scene)

    def _paint_coarse(self, painter: QPainter, style: Look, box: QRectF) -> None:
        painter.setPen(style.selected if self.selected else style.border)
        painter.setBrush(style.brush["raised"])
        painter.drawRect(box)
        painter.fillRect(QRectF(11, (self.height - TILE) / 2, TILE, TILE), style.brush[self.shown.group])
        painter.fillRect(QRectF(_TEXT_X, self.height / 2 - 11, 92, 7), style.brush["faint"])
        painter.fillRect(QRectF(_TEXT_X, self.height / 2 + 5, 70, 5), style.brush["border"])
        if self.standing.state != "ready":
            painter.fillRect(QRectF(WIDTH - 22, 8, 12, 12), style.brush[face(self.standing.state)[1]])

    def _paint_texts(self, painter: QPainter, style: Look, step: float) -> None:
        middle = self.height / 2
        state = "disabled" if self.disabled else self.standing.state
        if self._title is None:
            space = WIDTH - _TEXT_X - 24
            self._title = _static(
                style.title_metrics.elidedText(self.shown.title, Qt.TextElideMode.ElideRight, space), style.title
            )
        if self._detail is None:
            space = WIDTH - _TEXT_X - 8
            texts = (face("disabled")[2],) if self.disabled else second_lines(self.standing)
            text = next((text for text in texts if style.small_metrics.horizontalAdvance(text) <= space), texts[-1])
            self._detail = _static(style.small_metrics.elidedText(text, Qt.TextElideMode.ElideRight, space), style.small)
            self._title = None
            self._paint_texts(painter, style, step)
            return
        painter.setFont(style.title)
        painter.setPen(style.text)
        painter.drawStaticText(QPointF(_TEXT_X, middle - 17), self._title)
        painter.setFont(style.small)
        icon, token, _word = face(state)
        painter.setPen(style.colour[token] if state in _COLOURED else style.muted.color())
        painter.drawStaticText(QPointF(_TEXT_X, middle + 1.5), self._detail)
        painter.drawPixmap(QPointF(WIDTH - 22, middle - 17), pixmap(icon, style.colour[token], 14, step))

    def _paint_share(self, painter: QPainter, style: Look) -> None:
        """A line along the lower edge that grows while the node runs, between the rounded corners."""
        if self.standing.share is not None and not self.disabled:
            painter.fillRect(QRectF(10, self.height - 3, (WIDTH - 20) * self.standing.share, 2), style.brush["running"])

    def _paint_ports(self, painter: QPainter, style: Look, scene: FlowScene) -> None:
        painter.setPen(style.port)
        painter.setBrush(style.brush["canvas"])
        hot = scene.hot_port if scene.hot_port and scene.hot_port[0] == self.id else None
        sides: tuple[tuple[str, Sequence[In | Out], float], ...] = (
            ("in", self.shown.inputs, 0.0),
            ("out", self.shown.outputs, WIDTH),
        )
        for side, ports, x in sides:
            names = self.names_ports(side)
            counts = dict(self.standing.rows) if side == "out" and self.standing.state == "done" else {}
            for index, port in enumerate(ports):
                y = self._port_y(index, len(ports)) if side == "in" else self._output_y(index)
                if isinstance(port, Out) and port.kind == "rejects":
                    painter.setPen(style.port_rejects)
                if hot and hot[1] == side and hot[2] == port.name:
                    painter.setPen(style.port_hot)
                    painter.setBrush(style.brush["accent"])
                    painter.drawEllipse(QPointF(x, y), PORT + 2, PORT + 2)
                    painter.setPen(style.port)
                    painter.setBrush(style.brush["canvas"])
                else:
                    painter.drawEllipse(QPointF(x, y), PORT, PORT)
                if names:
                    name = translate(port.title) or port.name
                    # The wire's own label gives way to this one: what it said is said here.
                    told = f"{name} · {number(counts[port.name])}" if port.name in counts else name
                    self._paint_port_name(painter, style, told, side, x, y)

    def _paint_port_name(self, painter: QPainter, style: Look, name: str, side: str, x: float, y: float) -> None:
        painter.setFont(style.tiny)
        name = style.tiny_metrics.elidedText(name, Qt.TextElideMode.ElideRight, _NAMES - 20)
        width = style.tiny_metrics.horizontalAdvance(name) + 8
        left = x - width - 8 if side == "in" else x + 8
        box = QRectF(left, y - 8, width, 16)
        painter.setPen(style.border)
        painter.setBrush(style.brush["raised"])
        painter.drawRoundedRect(box, 5, 5)
        painter.setPen(style.muted)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, name)
        painter.setPen(style.port)
        painter.setBrush(style.brush["canvas"])


def _height(shown: Face) -> float:
    """Cards are all alike until their ports need more room."""
    usual = sum(port.kind != "rejects" for port in shown.outputs)
    ports = max(len(shown.inputs), usual + 2 * (len(shown.outputs) - usual) if usual > 1 else len(shown.outputs))
    return HEIGHT if ports <= 2 else max(HEIGHT, ports * PORT_PITCH + 12)


def _static(text: str, font: Any) -> QStaticText:
    made = QStaticText(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setPerformanceHint(QStaticText.PerformanceHint.AggressiveCaching)
    made.prepare(font=font)
    return made


_WHITE = QColor("#FFFFFF")
