"""Three plots of a flow's load: runs that ended well and failed, how long they took, and the rows they wrote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy
import pyqtgraph
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QCursor
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolTip, QVBoxLayout, QWidget

from tisserand.texts import ngettext
from tisserand.texts import translate as _
from tisserand.ui.canvas.state import number
from tisserand.ui.canvas.state import rows as row_count
from tisserand.ui.supervision import words
from tisserand.ui.theme import font, theme

if TYPE_CHECKING:
    from tisserand.service.figures.calls import Load

GAP = "&nbsp;&nbsp; "
STEPS = (1, 2, 3, 4, 6, 8, 12, 24, 48, 72, 120, 168, 240)
"""Hours between two marks."""


class TimeAxis(pyqtgraph.AxisItem):  # type: ignore[misc]
    """Local time: hours while one day is shown, else days."""

    def __init__(self) -> None:
        super().__init__("bottom")
        self.enableAutoSIPrefix(False)

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[Any]:  # noqa: N803 - its names
        hours = max(1.0, (maxVal - minVal) / 3600)
        most = max(2, int(size // 62))
        step = next((step for step in STEPS if hours / step <= most), STEPS[-1])
        first = datetime.fromtimestamp(minVal).astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
        found, at = [], first.timestamp()
        while at <= maxVal:
            if at >= minVal:
                found.append(at)
            at += step * 3600
        return [(step * 3600, found)]

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        days = spacing >= 24 * 3600
        return [words.dated(value, "d MMM" if days else "HH:mm") for value in values]


class CountAxis(pyqtgraph.AxisItem):  # type: ignore[misc]
    """Counts or seconds, as the language writes them."""

    def __init__(self, told: Callable[[float], str], whole: bool) -> None:
        super().__init__("left")
        self._told = told
        self._whole = whole
        self.enableAutoSIPrefix(False)
        self.setWidth(52)

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[Any]:  # noqa: N803 - its names
        top = max(maxVal, 1e-9)
        most = max(1, int(size // 34))
        step = 10.0 ** numpy.floor(numpy.log10(top / most)) if top / most > 0 else 1.0
        step = next((step * by for by in (1, 2, 5, 10) if top / (step * by) <= most), step * 10)
        if self._whole:
            step = max(1.0, step)
        return [(step, [n * step for n in range(int(top / step) + 1)])]

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        return [self._told(value) for value in values]


class Plot(QWidget):
    """One plot under its heading, with a legend where it shows two things."""

    def __init__(
        self, title: str, axis: CountAxis, legend: Sequence[tuple[str, str]] = (), tell: Callable[[Any], str] | None = None
    ) -> None:
        """`tell` puts a stretch of time into words."""
        super().__init__()
        self._tell = tell or told
        self._legend = legend
        self._axis = axis
        self.loads: Sequence[Any] = []
        """Stretches of time, each with `time` and `seconds`."""
        # Put together by hand: the library's ready plot brings menus and forms that outlive the window.
        self.view = pyqtgraph.GraphicsView()
        self.view.setAccessibleName(title)
        self.view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.box = pyqtgraph.ViewBox(enableMenu=False, enableMouse=False, defaultPadding=0.0)
        self._axes = (axis, TimeAxis())
        laid = pyqtgraph.GraphicsLayout()
        laid.setContentsMargins(4, 6, 8, 2)
        laid.setSpacing(0)
        laid.addItem(axis, 0, 0)
        laid.addItem(self.box, 0, 1)
        laid.addItem(self._axes[1], 1, 1)
        self.view.setCentralItem(laid)
        for side in self._axes:
            side.linkToView(self.box)
        axis.setGrid(44)
        self._drawn: list[Any] = []
        self.heading = QLabel(title)
        self.heading.setProperty("role", "label")
        self.key = QLabel()
        self.key.setProperty("role", "muted")
        self.key.setTextFormat(Qt.TextFormat.RichText)
        head = QHBoxLayout()
        head.setContentsMargins(4, 0, 4, 0)
        head.addWidget(self.heading)
        head.addStretch(1)
        head.addWidget(self.key)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(2)
        box.addLayout(head)
        box.addWidget(self.view, 1)
        self.view.scene().sigMouseMoved.connect(self._point)

    def recolour(self) -> None:
        """The theme's colours and font."""
        colour = theme().colour
        self.view.setBackground(colour("surface"))
        for axis in self._axes:
            axis.setPen(pyqtgraph.mkPen(colour("border")))
            axis.setTextPen(pyqtgraph.mkPen(colour("muted")))
            axis.setStyle(tickFont=font(11), tickLength=-4, maxTickLevel=0)
        words_ = [f'<span style="color:{colour(token).name()}">■</span> {word}' for token, word in self._legend]
        self.key.setText(GAP.join(words_))

    def show_bars(self, parts: Sequence[tuple[str, Sequence[float]]]) -> None:
        """Bars, one part on the other: (colour token, heights)."""
        self._clear()
        if not self.loads:
            return
        width = self.loads[0].seconds
        x = numpy.array([load.time + width / 2 for load in self.loads])
        base = numpy.zeros(len(x))
        for token, heights in parts:
            high = numpy.array(heights, dtype=float)
            colour: QColor = theme().colour(token)
            self._draw(
                pyqtgraph.BarGraphItem(x=x, y0=base, height=high, width=width * 0.76, pen=pyqtgraph.mkPen(None), brush=colour)
            )
            base = base + high
        self._range(float(base.max()))

    def show_lines(self, parts: Sequence[tuple[str, Sequence[float | None]]]) -> None:
        """Lines with a point for each stretch that has a value; a stretch without one is a gap."""
        self._clear()
        if not self.loads:
            return
        width, top = self.loads[0].seconds, 0.0
        x = numpy.array([load.time + width / 2 for load in self.loads])
        for token, values in parts:
            y = numpy.array([numpy.nan if value is None else value for value in values], dtype=float)
            if not numpy.isfinite(y).any():
                continue
            pen = pyqtgraph.mkPen(theme().colour(token), width=2)
            shade = theme().colour(token)
            points = {"symbol": "o", "symbolSize": 5, "symbolPen": None, "symbolBrush": shade}
            self._draw(pyqtgraph.PlotDataItem(x, y, pen=pen, connect="finite", **points))
            top = max(top, float(numpy.nanmax(y)))
        self._range(top)

    def _range(self, top: float) -> None:
        first, last = self.loads[0], self.loads[-1]
        self.box.setXRange(first.time, last.time + last.seconds, padding=0)
        self.box.setYRange(0, top * 1.08 if top > 0 else 1, padding=0)

    def _draw(self, item: Any) -> None:
        self.box.addItem(item)
        self._drawn.append(item)

    def _clear(self) -> None:
        for item in self._drawn:
            self.box.removeItem(item)
        self._drawn.clear()

    def _point(self, place: QPointF) -> None:
        """What the stretch under the pointer holds."""
        if not self.loads or not self.box.sceneBoundingRect().contains(place):
            QToolTip.hideText()
            return
        moment = self.box.mapSceneToView(place).x()
        found = next((load for load in self.loads if load.time <= moment < load.time + load.seconds), None)
        if found is not None:
            QToolTip.showText(QCursor.pos(), self._tell(found), self.view)


class Plots(QWidget):
    """Side by side."""

    def __init__(self) -> None:
        super().__init__()
        done, failed = words.face("done")[2], words.face("failed")[2]
        self.runs = Plot(_("Runs"), CountAxis(lambda value: number(round(value)), True), (("done", done), ("failed", failed)))
        self.took = Plot(_("Duration"), CountAxis(_seconds, False), (("transform", "p50"), ("control", "p95")))
        self.rows = Plot(_("Rows written"), CountAxis(words.short, True))
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 0, 10, 8)
        row.setSpacing(14)
        for plot in (self.runs, self.took, self.rows):
            row.addWidget(plot, 1)
        self._loads: list[Load] = []
        theme().changed.connect(self._recolour)
        self._recolour()

    def _recolour(self) -> None:
        for plot in (self.runs, self.took, self.rows):
            plot.recolour()
        self.show_load(self._loads)

    def show_load(self, loads: Sequence[Load]) -> None:
        """Other figures."""
        self._loads = list(loads)
        for plot in (self.runs, self.took, self.rows):
            plot.loads = self._loads
        self.runs.show_bars((("done", [load.done for load in loads]), ("failed", [load.failed for load in loads])))
        self.took.show_lines((("transform", [load.p50 for load in loads]), ("control", [load.p95 for load in loads])))
        self.rows.show_bars((("accent", [load.rows for load in loads]),))
        runs, failed = sum(load.done for load in loads), sum(load.failed for load in loads)
        self.runs.view.setAccessibleDescription(
            _("{done} done, {failed} failed, of {all} runs").format(
                done=number(runs), failed=number(failed), all=number(sum(load.runs for load in loads))
            )
        )
        self.rows.view.setAccessibleDescription(row_count(sum(load.rows for load in loads)))


def told(load: Load) -> str:
    """One stretch of time in words."""
    begin, end = datetime.fromtimestamp(load.time), datetime.fromtimestamp(load.time + load.seconds)
    day = words.dated(load.time, "ddd d MMM")
    span = day if load.seconds >= 86_400 else f"{day} {begin:%H:%M}–{end:%H:%M}"
    ran = ngettext("{count} run", "{count} runs", load.runs).format(count=number(load.runs))
    parts = [ran]
    if load.runs:
        parts.append(_("{done} done, {failed} failed").format(done=number(load.done), failed=number(load.failed)))
    if load.p50 is not None:
        parts.append(f"p50 {words.lasted(load.p50)}, p95 {words.lasted(load.p95)}")
    if load.rows:
        parts.append(row_count(load.rows))
    return "\n".join([span, *parts])


def _seconds(value: float) -> str:
    return words.lasted(value) if value > 0 else "0"
