"""The page of usage: calls over time, how long they took, and who called what, as gateways and published flows tell."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from tisserand.texts import N_, ngettext
from tisserand.texts import number as decimal
from tisserand.texts import translate as _
from tisserand.ui.apis.parts import Page, quiet
from tisserand.ui.canvas.state import number, percent
from tisserand.ui.supervision import words
from tisserand.ui.supervision.buttons import searching
from tisserand.ui.supervision.listed import Cell, Line, Listed, follow
from tisserand.ui.supervision.table import Column, Table
from tisserand.ui.theme import theme

if TYPE_CHECKING:
    from tisserand.service.gateways.calls import UsageSum
    from tisserand.service.gateways.trends import Trend
    from tisserand.service.protocol import Executor
    from tisserand.ui.supervision.ground import Ground

HOUR, DAY = 3600, 86_400
SPANS: tuple[tuple[str, int, str], ...] = (
    (N_("Last 24 hours"), 24 * HOUR, "hour"),
    (N_("Last 7 days"), 7 * DAY, "hour"),
    (N_("Last 30 days"), 30 * DAY, "day"),
    (N_("Last year"), 365 * DAY, "day"),
)
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (N_("By consumer"), ("consumer",)),
    (N_("By API"), ("api", "version")),
    (N_("By operation"), ("api", "operation")),
    (N_("By plan"), ("plan",)),
    (N_("By status"), ("status",)),
    (N_("By day"), ("day",)),
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """The calls of one hour or day."""

    time: float
    seconds: float
    good: int = 0
    rejected: int = 0
    errors: int = 0
    p50: float | None = None
    p99: float | None = None


class UsageView(Page):
    """Two plots above a table."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        from tisserand.ui.supervision.plots import CountAxis, Plot

        self.search = searching(_("Filter by API or consumer"), _("Exactly an id: orders, acme"))
        self.span, self.by = QComboBox(), QComboBox()
        self.span.setAccessibleName(_("When"))
        self.by.setAccessibleName(_("Summed by"))
        for word, _seconds, _step in SPANS:
            self.span.addItem(_(word))
        for word, _names in GROUPS:
            self.by.addItem(_(word))
        self.total = quiet()
        self.head.addWidget(self.search, 2)
        self.head.addWidget(self.span, 1)
        self.head.addWidget(self.by, 1)
        self.head.addWidget(self.total, 2)
        legend = (("done", _("answered")), ("warning", _("refused")), ("failed", _("errors")))
        self.calls = Plot(_("Calls"), CountAxis(words.short, True), legend, told)
        self.took = Plot(_("Latency in ms"), CountAxis(_axis, False), (("transform", "p50"), ("control", "p99")), told)
        plots = QWidget()
        row = QHBoxLayout(plots)
        row.setContentsMargins(10, 0, 10, 8)
        row.setSpacing(14)
        row.addWidget(self.calls, 3)
        row.addWidget(self.took, 2)
        columns = (
            Column(_("Who or what"), 180, 3), Column(_("Calls"), 90, right=True), Column(_("Trend"), 90, right=True),
            Column(_("Refused"), 90, right=True), Column(_("Errors"), 80, right=True), Column(_("Bytes out"), 100, right=True), Column("p50 ms", 80, right=True),
            Column("p99 ms", 80, right=True),
        )  # fmt: skip
        self.table = Table(columns, _("Usage"))
        self.model = Listed(columns)
        follow(self.table, self.model, lambda: None)
        holder = QWidget()
        box = QVBoxLayout(holder)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.table)
        self.put(plots, holder, (260, 280))
        assert isinstance(self.split, QSplitter) and self.split.orientation() is Qt.Orientation.Vertical
        for choice in (self.span, self.by):
            choice.activated.connect(lambda _at: self._look())
        self.search.textChanged.connect(lambda _text: self._typed.start())
        self._typed.timeout.connect(self._look)
        theme().changed.connect(self._redraw)
        self.stretches: list[Stretch] = []
        self.say(_("Looking …"))

    def first(self) -> QWidget:
        return self.table

    def refresh(self) -> None:
        if self.ground.root is None:
            self.say(self.ground.nothing())
            return
        self._look()

    def forget(self) -> None:
        self.model.take([])
        self.stretches = []

    def _look(self) -> None:
        from tisserand.service.gateways.calls import UsageQuery
        from tisserand.service.gateways.trends import trends

        _word, length, step = SPANS[self.span.currentIndex()]
        size = HOUR if step == "hour" else DAY
        end = (int(time.time()) // size + 1) * size
        start = end - length
        text = self.search.text().strip()
        group = GROUPS[self.by.currentIndex()][1]

        def ask(executor: Executor) -> tuple[list[UsageSum], list[UsageSum], list[Trend]]:
            filters: list[dict[str, str]] = [{"api": text}, {"consumer": text}] if text else [{}]
            for filtered in filters:
                whole = UsageQuery(start, end, **filtered)  # type: ignore[arg-type]
                found = list(executor.gateways.usage(whole))
                if not text or (found and found[0].requests):
                    break
            over_time = list(executor.gateways.usage(UsageQuery(start, end, by=(step, "status"), limit=100_000, **filtered)))
            latency = list(executor.gateways.usage(UsageQuery(start, end, by=(step,), limit=10_000, **filtered)))
            grouped = trends(executor.gateways.usage, UsageQuery(start, end, by=group, limit=400, **filtered))
            return over_time, latency, grouped

        def come(found: tuple[list[UsageSum], list[UsageSum], list[Trend]]) -> None:
            self._take(*found, range(start, end, size), step, group)

        self.ground.ask(self, ask, come, once=f"usage {start} {step} {text} {group}")

    def _take(
        self, over_time: Sequence[UsageSum], latency: Sequence[UsageSum], grouped: Sequence[Trend], times: range, step: str,
        group: tuple[str, ...],
    ) -> None:  # fmt: skip
        if not grouped and not self.search.text().strip():
            self.say(_("Nobody called yet. What gateways and published flows tell of calls is seen here."))
            return
        counts: dict[int, list[int]] = {}
        for each in over_time:
            status = int(each.group["status"])
            kind = 2 if status >= 500 else 1 if status in (401, 403, 413, 429) else 0
            counts.setdefault(int(each.group[step]), [0, 0, 0])[kind] += each.requests
        took = {int(each.group[step]): (each.p50, each.p99) for each in latency}
        stretches = []
        for moment in times:
            good, rejected, errors = counts.get(moment, [0, 0, 0])
            stretches.append(Stretch(moment, times.step, good, rejected, errors, *took.get(moment, (None, None))))
        requests = sum(each.sum.requests for each in grouped)
        refused, failed = sum(each.sum.rejected for each in grouped), sum(each.sum.errors for each in grouped)
        text = ngettext("{count} call", "{count} calls", requests).format(count=number(requests))
        self.total.setText(
            _("{calls}, {refused} refused, {errors} errors").format(calls=text, refused=number(refused), errors=number(failed))
        )
        self.model.take([_line(each, group) for each in grouped])
        self.shown()
        if stretches != self.stretches:
            self.stretches = stretches
            self._redraw()

    def _redraw(self) -> None:
        for plot in (self.calls, self.took):
            plot.loads = self.stretches
            plot.recolour()
        self.calls.show_bars(
            (
                ("done", [each.good for each in self.stretches]),
                ("warning", [each.rejected for each in self.stretches]),
                ("failed", [each.errors for each in self.stretches]),
            )
        )
        self.took.show_lines(
            (("transform", [each.p50 for each in self.stretches]), ("control", [each.p99 for each in self.stretches]))
        )
        self.calls.view.setAccessibleDescription(self.total.text())


def told(stretch: Any) -> str:
    """One stretch in words."""
    day = words.dated(stretch.time, "ddd d MMM" if stretch.seconds >= DAY else "ddd d MMM HH:mm")
    calls = stretch.good + stretch.rejected + stretch.errors
    lines = [day, ngettext("{count} call", "{count} calls", calls).format(count=number(calls))]
    if stretch.p50 is not None and stretch.p99 is not None:
        lines.append(f"p50 {_ms(stretch.p50)} ms, p99 {_ms(stretch.p99)} ms")
    return "\n".join(lines)


def _line(trend: Trend, group: tuple[str, ...]) -> Line:
    each = trend.sum
    parts = [_day(int(each.group[part])) if part == "day" else str(each.group[part]) for part in group]
    name = " ".join(part for part in parts if part) or "–"
    cells = (
        Cell(name), Cell(number(each.requests)), _beside(trend), Cell(number(each.rejected) if each.rejected else ""),
        Cell(number(each.errors) if each.errors else ""), Cell(number(each.bytes_out)), Cell(_ms(each.p50)), Cell(_ms(each.p99)),
    )  # fmt: skip
    return Line(name, each, cells)


def _day(moment: int) -> str:
    """A day in UTC, as usage is kept."""
    return datetime.fromtimestamp(moment, UTC).date().isoformat()


def _beside(trend: Trend) -> Cell:
    """More or less calls than in the period before, of the same length."""
    more = ngettext("{count} call in the period before", "{count} calls in the period before", trend.before)
    told = more.format(count=number(trend.before))
    if trend.change is None:
        return Cell(_("new"), more=told)
    return Cell(f"{'+' if trend.change > 0 else ''}{percent(trend.change)}", more=told)


def _axis(value: float) -> str:
    """Milliseconds beside the plot: whole ones where they are many."""
    return words.short(value) if value >= 10 else f"{value:g}"


def _ms(value: float | None) -> str:
    return "" if value is None else decimal(value, 1)
