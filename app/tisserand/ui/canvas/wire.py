"""One wire on the canvas: a curve from an output port to an input port, with the rows that went through it."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPainterPathStroker
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from tisserand.texts import N_, translate
from tisserand.ui.canvas.look import TEXT_FROM, look
from tisserand.ui.canvas.state import number
from tisserand.ui.canvas.state import rows as row_count

if TYPE_CHECKING:
    from tisserand.ui.canvas.card import Card
    from tisserand.ui.canvas.scene import FlowScene

Key = tuple[str, str, str, str]
"""Source node, source port ("" for its default), target node, target port (`AFTER` for an order without data)."""
AFTER = "@after"


def curve(start: QPointF, end: QPointF) -> QPainterPath:
    """The curve between two ports."""
    bend = _bend(start, end)
    path = QPainterPath(start)
    path.cubicTo(start.x() + bend, start.y(), end.x() - bend, end.y(), end.x(), end.y())
    return path


def _bend(start: QPointF, end: QPointF) -> float:
    across = end.x() - start.x()
    if across >= 0:
        return max(across * 0.5, min(36.0, abs(end.y() - start.y()) * 0.5))
    return min(160.0, 60.0 - across * 0.35)


def count_rows(source: Card) -> None:
    """Tell the wires that leave a card how many rows went through them, as far as its standing says."""
    standing, outputs = source.standing, source.shown.outputs
    first = outputs[0].name if outputs else ""
    leaving = [(wire, wire.key[1] or first) for wire in source.wires if wire.source is source and not wire.after]
    counts = dict(standing.rows) if standing.state in ("done", "running") else {}
    ports = {port for _wire, port in leaving}
    kind = next((port.kind for port in outputs if port.name in ports), None)
    # While a node runs, only the sum over its outputs is known: it is told where all of it goes one way.
    running = counts.get("") if standing.state == "running" and len(ports) == 1 and kind != "rejects" else None
    for wire, port in leaving:
        wire.rows = counts.get(port, running)


class Wire(QGraphicsItem):
    """A reference between two nodes. Its path is made when it is first painted or pointed at."""

    def __init__(self, key: Key, source: Card, target: Card) -> None:
        super().__init__()
        self.key = key
        self.source = source
        self.target = target
        self.selected = False
        self.hovered = False
        self._cut = False
        self._landing = False
        self.rows: int | None = None
        self.after = key[3] == AFTER
        self.rejects = False
        self._path: QPainterPath | None = None
        self._box: QRectF | None = None
        self.setZValue(-1)
        source.wires.append(self)
        target.wires.append(self)

    def ends(self) -> tuple[QPointF, QPointF]:
        if self.after:
            a, b = self.source.frame(), self.target.frame()
            return QPointF(a.right() - 24, a.bottom()), QPointF(b.left() + 24, b.bottom())
        return self.source.output_point(self.key[1]), self.target.input_point(self.key[3])

    def reroute(self) -> None:
        self.prepareGeometryChange()
        self._path = self._box = None

    def show_cut(self, on: bool) -> None:
        """Crossed by a line that will cut it, or not."""
        self._cut = on
        self.update()

    def show_landing(self, on: bool) -> None:
        """Under a card that would be inserted, or not."""
        self._landing = on
        self.update()

    def detach(self) -> None:
        """Forget the cards, before the wire goes."""
        for card in (self.source, self.target):
            if self in card.wires:
                card.wires.remove(self)

    def boundingRect(self) -> QRectF:
        if self._box is None:
            start, end = self.ends()
            if self.after:
                drop = 44.0
                left, right = min(start.x(), end.x()), max(start.x(), end.x())
                top, bottom = min(start.y(), end.y()), max(start.y(), end.y()) + drop
            else:
                bend = _bend(start, end)
                left = min(start.x(), end.x() - bend)
                right = max(end.x(), start.x() + bend)
                top, bottom = min(start.y(), end.y()), max(start.y(), end.y())
            self._box = QRectF(left - 4, top - 12, right - left + 8, bottom - top + 24)
        return self._box

    def path(self) -> QPainterPath:
        if self._path is None:
            start, end = self.ends()
            if self.after:
                self._path = QPainterPath(start)
                low = max(start.y(), end.y()) + 44
                self._path.cubicTo(start.x() + 10, low, end.x() - 10, low, end.x(), end.y())
            else:
                self._path = curve(start, end)
        return self._path

    def hit(self, point: QPointF, reach: float) -> bool:
        """Whether a scene point lies within `reach` of the curve."""
        if not self.boundingRect().adjusted(-reach, -reach, reach, reach).contains(point):
            return False
        stroker = QPainterPathStroker()
        stroker.setWidth(reach * 2)
        return stroker.createStroke(self.path()).contains(point)

    def crosses(self, line: QPainterPath) -> bool:
        """Whether a drawn line goes across the curve. (Qt's own test takes both for closed areas.)"""
        steps = 24
        points = [self.path().pointAtPercent(step / steps) for step in range(steps + 1)]
        drawn = [QPointF(line.elementAt(index).x, line.elementAt(index).y) for index in range(line.elementCount())]
        pieces = [QLineF(a, b) for a, b in pairwise(points)]
        return any(
            QLineF(a, b).intersects(piece)[0] == QLineF.IntersectionType.BoundedIntersection
            for a, b in pairwise(drawn)
            for piece in pieces
        )

    def telling_port(self) -> str:
        """The name of the port that it comes from, where it says something: one normal course has no need of a name."""
        outputs = self.source.shown.outputs
        port = next((p for p in outputs if p.name == self.key[1]), outputs[0] if outputs else None)
        if port is not None and (port.kind == "rejects" or sum(p.kind == "rows" for p in outputs) > 1):
            return translate(port.title) or port.name
        return ""

    def labels(self) -> tuple[str, ...]:
        """What the wire says of itself: the port's name where the source has several, and the rows that passed; then the
        rows alone, where there is little room."""
        if self.after:
            return (self.key[1],)
        port = self.telling_port()
        parts = [port] if port else []
        if self.rows is not None:
            parts.append(number(self.rows))
        return tuple(dict.fromkeys((" · ".join(parts), parts[-1]))) if parts else ()

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        style = look()
        scene: FlowScene = self.scene()  # type: ignore[assignment]
        live = self.source.standing.state == "running" or (
            self.source.standing.state == "done" and self.target.standing.state == "running"
        )
        pen = style.wire_after if self.after else style.wire_rejects if self.rejects else style.wire_live if live else style.wire
        hot = style.wire_cut if self._cut else style.wire_landing if self._landing else style.wire_hot
        painter.setPen(hot if self._cut or self._landing or self.selected or self.hovered else pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(self.path())
        if scene.zoom >= TEXT_FROM:
            self._paint_label(painter)

    def _paint_label(self, painter: QPainter) -> None:
        if self.source.names_ports("out") or self.target.names_ports("in"):
            return
        style = look()
        start, end = self.ends()
        # A little of the wire must be seen on either side; one that bends also has the cards' corners to keep clear of.
        length = math.hypot(end.x() - start.x(), end.y() - start.y())
        room = float("inf") if self.after else length - (10 if abs(end.y() - start.y()) < 4 else 34)
        texts = ((text, style.tiny_metrics.horizontalAdvance(text) + 12) for text in self.labels())
        text, width = next(((text, width) for text, width in texts if width <= room), ("", 0.0))
        if not text:
            return
        middle = self.path().pointAtPercent(0.5)
        box = QRectF(middle.x() - width / 2, middle.y() - 8.5, width, 17)
        painter.setPen(style.wire_hot if self.selected or self.hovered else style.border)
        painter.setBrush(style.brush["raised"])
        painter.drawRoundedRect(box, 8, 8)
        painter.setFont(style.tiny)
        painter.setPen(style.muted)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)


_WHEN = {"done": N_("when it is done"), "failed": N_("when it failed"), "always": N_("in any case"), "undo": N_("to undo it")}


def spoken(wire: Wire) -> tuple[str, str, str]:
    """A wire where there is no picture: its line, the rows that passed, and both as one sentence to be heard."""
    source, target = wire.source.shown, wire.target.shown
    if wire.after:
        line = translate("after “{node}”").format(node=source.title)
        when = translate(_WHEN[wire.key[1]]) if wire.key[1] in _WHEN else wire.key[1]
        return line, when, f"{line}, {when}"
    port = wire.telling_port()
    name = f"{source.title} ({port})" if port else source.title
    entry = next((port for port in target.inputs if port.name == wire.key[3]), None)
    into = (translate(entry.title) if entry is not None else "") or wire.key[3]
    rows = row_count(wire.rows) if wire.rows is not None else ""
    aloud = translate("from “{node}” into {port}").format(node=name, port=into)
    return f"{into} ← {name}", rows, f"{aloud}, {rows}" if rows else aloud
