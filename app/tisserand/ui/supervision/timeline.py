"""The nodes of a run and when each was at work: a tree whose last column is a time axis with a bar for every attempt."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QRect, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter, QWheelEvent
from PySide6.QtWidgets import QHeaderView, QStyleOptionViewItem

from tisserand.texts import language
from tisserand.texts import translate as _
from tisserand.ui.supervision import words
from tisserand.ui.supervision.lines import LINE, TIME, Line, Lines, columns
from tisserand.ui.supervision.table import PAD, Cells, Index, Table
from tisserand.ui.theme import font, theme

if TYPE_CHECKING:
    from tisserand.service.figures.calls import Span
    from tisserand.service.protocol import RunInfo

STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600,
         7200, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800)  # fmt: skip
"""Seconds between two marks of the axis."""
LEAST = 0.01
BAR = 12


class Scale:
    """Which stretch of time the axis shows: seconds from the begin of the first node."""

    def __init__(self) -> None:
        self.begin = 0.0
        """Where the axis begins, seconds since 1970."""
        self.length = 1.0
        """How long nodes have been at work."""
        self.left, self.width = 0.0, 1.0
        self.whole = True
        """Whether all of it is shown; then the axis grows with the run."""

    def fit(self) -> None:
        self.whole = True
        self.left, self.width = 0.0, max(LEAST, self.length)

    def grow(self, begin: float, length: float) -> None:
        self.begin, self.length = begin, length
        if self.whole:
            self.fit()

    def zoom(self, factor: float, at: float) -> None:
        """Closer or farther; `at`, from 0 to 1 over the width, keeps its place."""
        width = min(max(LEAST, self.width / factor), max(LEAST, self.length))
        self.left = self.left + (self.width - width) * at
        self.width = width
        self.whole = width >= self.length
        self._stay()

    def pan(self, by: float) -> None:
        """By a part of the width."""
        self.left += self.width * by
        self.whole = False
        self._stay()

    def _stay(self) -> None:
        self.left = min(max(0.0, self.left), max(0.0, self.length - self.width))

    def x(self, moment: float, box: QRect) -> float:
        """Where a moment stands in a box."""
        return box.left() + (moment - self.begin - self.left) / self.width * box.width()

    def marks(self, pixels: int) -> list[float]:
        """Round moments, not nearer than about 70 points."""
        most = max(1, pixels // 72)
        step = next((step for step in STEPS if self.width / step <= most), STEPS[-1])
        first = int(self.left / step)
        found = [number * step for number in range(first, first + most + 2)]
        return [mark for mark in found if self.left - step / 1000 <= mark <= self.left + self.width]


def mark_text(mark: float, width: float) -> str:
    """A mark of the axis, as exact as the stretch that is shown asks for."""
    if mark == 0:
        return "0"
    if width < 1:
        return f"{mark * 1000:.0f} ms"
    if mark < 60:
        text = f"{mark:.1f}".rstrip("0").rstrip(".")
        return (text.replace(".", ",") if language() == "fr" else text) + " s"
    if mark < 3600:
        return f"{int(mark // 60)}:{int(mark % 60):02d}"
    return f"{int(mark // 3600)} h {int(mark % 3600 // 60):02d}"


class TimeCells(Cells):
    """Paints the bars."""

    def __init__(self, tree: Timeline) -> None:
        super().__init__(tree)
        self._tree = tree

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        if index.column() != TIME:
            super().paint(painter, option, index)
            return
        box: QRect = option.rect
        self.paint_ground(painter, box, option.state)
        line: Line | None = index.data(LINE)
        if line is None:
            return
        colour, scale = theme().colour, self._tree.scale
        room = axis_room(box)
        painter.save()
        painter.setClipRect(box)
        painter.setPen(colour("border"))
        for mark in scale.marks(room.width()):
            x = round(scale.x(scale.begin + mark, room))
            painter.drawLine(x, box.top(), x, box.bottom())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for span in line.spans:
            left = scale.x(span.begin, room)
            right = scale.x(span.end if span.end is not None else self._tree.now(), room)
            bar = QRect(round(left), box.center().y() - BAR // 2 + 1, max(3, round(right - left)), BAR)
            if bar.right() < box.left() or bar.left() > box.right():
                continue
            painter.setPen(Qt.PenStyle.NoPen)
            shade = colour(words.face(span.state)[1])
            painter.setBrush(shade)
            painter.drawRoundedRect(bar, 3, 3)
            if span.attempt > 1:
                self._number(painter, bar, span.attempt)
        painter.restore()

    @staticmethod
    def _number(painter: QPainter, bar: QRect, attempt: int) -> None:
        """Which attempt it was, where the bar has room for the number, else above its end."""
        text, face = f"{attempt}", font(10)
        painter.setFont(face)
        if bar.width() > QFontMetrics(face).horizontalAdvance(text) + 6:
            painter.setPen(theme().colour("on_accent"))
            painter.drawText(bar, Qt.AlignmentFlag.AlignCenter, text)


def axis_room(box: QRect) -> QRect:
    """Where the axis runs inside its column."""
    return box.adjusted(PAD, 0, -PAD - 4, 0)


class AxisHead(QHeaderView):
    """A head whose last column carries the marks of the time axis."""

    def __init__(self, tree: Timeline) -> None:
        super().__init__(Qt.Orientation.Horizontal, tree)
        self._tree = tree

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        super().paintSection(painter, rect, section)
        if section != TIME:
            return
        scale, room = self._tree.scale, axis_room(rect)
        painter.save()
        painter.setFont(font(11))
        painter.setPen(theme().colour("muted"))
        metrics, end = QFontMetrics(font(11)), rect.left()
        for mark in scale.marks(room.width()):
            text = mark_text(mark, scale.width)
            x = round(scale.x(scale.begin + mark, room))
            width = metrics.horizontalAdvance(text)
            left = min(max(x - width // 2, rect.left() + 4), rect.right() - width - 2)
            if left > end + 6:
                painter.drawText(left, rect.center().y() + metrics.ascent() // 2 - 1, text)
                end = left + width
        painter.restore()


class Timeline(Table):
    """Lines of a run; the flows that its nodes called open below them."""

    node_chosen = Signal(str, str)
    """(run, node) of the line that is chosen; the node is empty on the line of a called flow."""
    children_asked = Signal(str)
    """A called run whose lines shall be shown."""

    def __init__(self) -> None:
        super().__init__(columns(), _("Timeline by node"))
        self.scale = Scale()
        self._live = False
        self._end = 0.0
        self.setHeader(AxisHead(self))
        head = self.header()
        head.setFont(font(12))
        head.setStretchLastSection(False)
        head.setSectionsClickable(False)
        head.setHighlightSections(False)
        head.setTextElideMode(Qt.TextElideMode.ElideRight)
        head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.lines = Lines()
        self.setModel(self.lines)
        self.setItemDelegate(TimeCells(self))
        self.setItemsExpandable(True)
        self.setIndentation(16)
        self.selectionModel().currentChanged.connect(lambda now, _before: self._chosen(now))
        self.expanded.connect(self._expanded)

    def now(self) -> float:
        """Where a bar ends whose node is at work."""
        return time.time() if self._live else self._end

    def show_run(self, run: RunInfo, spans: list[Span], title: Callable[[str], str], nodes: Sequence[str] = ()) -> None:
        """Bring everything up to date; what is chosen, open and zoomed stays. The axis begins where the first node does."""
        begin = min([span.begin for span in spans], default=run.started or run.created)
        ends = [span.end for span in spans if span.end is not None]
        self._live = not run.final
        self._end = max([*ends, begin]) if ends and run.final else max(run.finished or 0.0, begin)
        self.scale.grow(begin, max(LEAST, self.now() - begin))
        self.lines.show(run, spans, title, nodes)
        self.header().setVisible(True)
        self._decorate()
        self.header().viewport().update()
        self.viewport().update()

    def show_children(self, run: RunInfo, spans: list[Span], title: Callable[[str], str]) -> None:
        """The lines of a called run."""
        self.lines.show_children(run, spans, title)
        self.viewport().update()

    def _decorate(self) -> None:
        """Room for the signs that open a line, only where there is one to open."""
        nested = any(line.children is not None for line in self.lines.top)
        if self.rootIsDecorated() != nested:
            self.setRootIsDecorated(nested)

    def open_runs(self) -> list[str]:
        """The called runs whose lines are shown."""
        return [line.run for index, line in self.lines.walk() if line.node == "" and line.run and self.isExpanded(index)]

    def choose_node(self, node: str) -> None:
        """Choose the line of a node of the run itself."""
        index = self.lines.find(node)
        if index.isValid():
            self.choose(index)

    def _chosen(self, index: QModelIndex) -> None:
        line: Line | None = index.data(LINE)
        if line is not None:
            self.node_chosen.emit(line.owner, line.node)

    def _expanded(self, index: QModelIndex) -> None:
        line: Line | None = index.data(LINE)
        if line is not None and line.run is not None and line.node == "":
            self.children_asked.emit(line.run)

    # -- zoom ----------------------------------------------------------------------------------------------------------
    def zoom(self, factor: float, at: float = 0.5) -> None:
        """Closer (above 1) or farther."""
        self.scale.zoom(factor, at)
        self._moved()

    def pan(self, by: float) -> None:
        self.scale.pan(by)
        self._moved()

    def fit(self) -> None:
        self.scale.fit()
        self._moved()

    def _moved(self) -> None:
        self.header().viewport().update()
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        moves: Mapping[int, Callable[[], None]] = {
            Qt.Key.Key_Plus: lambda: self.zoom(1.5),
            Qt.Key.Key_Equal: lambda: self.zoom(1.5),
            Qt.Key.Key_Minus: lambda: self.zoom(1 / 1.5),
            Qt.Key.Key_0: self.fit,
            **({Qt.Key.Key_Left: lambda: self.pan(-0.2), Qt.Key.Key_Right: lambda: self.pan(0.2)} if shift else {}),
        }
        move = moves.get(event.key())
        if move is None or event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            super().keyPressEvent(event)
        else:
            move()

    def wheelEvent(self, event: QWheelEvent) -> None:
        turned = event.angleDelta().y() or event.angleDelta().x()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            left = self.header().sectionViewportPosition(TIME)
            room = axis_room(QRect(left, 0, self.header().sectionSize(TIME), 10))
            at = (event.position().x() - room.left()) / max(1, room.width())
            self.zoom(1.25 if turned > 0 else 0.8, min(max(at, 0.0), 1.0))
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.pan(-0.1 if turned > 0 else 0.1)
        else:
            super().wheelEvent(event)
