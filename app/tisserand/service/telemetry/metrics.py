"""`/metrics`: what Prometheus asks for, from the journal and the stores at the moment it asks."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from tisserand import __version__
from tisserand.service.telemetry.counting import BUCKETS

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor

OTHERS = "(others)"
"""The label of the flows that are told together. No flow can have such an id."""
AT_ONCE = 100_000
"""Events that are counted while somebody waits for the answer; more are counted in the background."""


class Stocks(Protocol):
    """What other parts of the executor hold, by flow file or by word."""

    def inbox(self) -> Mapping[str, int]:
        """Flow file → events that no run has taken yet."""

    def dead(self) -> Mapping[str, int]:
        """Flow file → events given up on."""

    def verdicts(self) -> Mapping[str, int]:
        """Verdict on a due time → how many there are."""


class OwnStocks:
    """What the other areas of an executor in this process hold."""

    def __init__(self, executor: LocalExecutor) -> None:
        self._executor = executor

    def inbox(self) -> Mapping[str, int]:
        return self._in("waiting")

    def dead(self) -> Mapping[str, int]:
        return self._in("dead")

    def verdicts(self) -> Mapping[str, int]:
        found = self._executor.schedules.ledger.rows("SELECT verdict, count(*) FROM verdicts GROUP BY verdict")
        return {str(verdict): int(n) for verdict, n in found}

    def _in(self, state: str) -> Mapping[str, int]:
        return {one.file: one.counts.get(state, 0) for one in self._executor.inbox.counts()}


def scraped(executor: LocalExecutor, flows: int, stocks: Stocks) -> bytes:
    """The answer to one scrape."""
    registry = CollectorRegistry()
    registry.register(_Figures(executor, flows, stocks))
    return bytes(generate_latest(registry))


class _Figures(Collector):
    def __init__(self, executor: LocalExecutor, flows: int, stocks: Stocks) -> None:
        self._executor = executor
        self._most = flows
        self._stocks = stocks

    def describe(self) -> Iterable[Metric]:
        # Known names spare the registry a scrape of its own when the collector is added.
        return []

    def collect(self) -> Iterable[Metric]:
        telemetry = self._executor.telemetry
        complete = telemetry.counting.catch_up(AT_ONCE)
        store = telemetry.store
        ended = store.rows("SELECT flow, state, n FROM ended ORDER BY flow, state")
        self._named = self._flows(ended)
        yield GaugeMetricFamily("tisserand_up", "The executor answers.", value=1)
        info = GaugeMetricFamily("tisserand_build_info", "The version of the executor.", labels=["version"])
        info.add_metric([__version__], 1)
        yield info
        yield GaugeMetricFamily(
            "tisserand_counters_complete", "1 once the counters have taken in the whole journal.", value=1 if complete else 0
        )
        yield from self._counters(ended)
        yield from self._now()

    def _flows(self, ended: list[tuple[str, str, int]]) -> frozenset[str]:
        """The flows that are told apart: those that ran most."""
        counted: Counter[str] = Counter()
        for flow, _state, n in ended:
            counted[flow] += n
        return frozenset(sorted(counted, key=lambda flow: (-counted[flow], flow))[: self._most])

    def _label(self, flow: str) -> str:
        return flow if flow in self._named else OTHERS

    def _counters(self, ended: list[tuple[str, str, int]]) -> Iterable[Metric]:
        store = self._executor.telemetry.store
        runs = CounterMetricFamily("tisserand_runs", "Runs that ended, by flow and by how.", labels=["flow", "state"])
        summed: Counter[tuple[str, str]] = Counter()
        for flow, state, n in ended:
            summed[self._label(flow), state] += n
        for (flow, state), n in sorted(summed.items()):
            runs.add_metric([flow, state], n)
        yield runs
        took = HistogramMetricFamily("tisserand_run_duration_seconds", "How long runs took that ended well.", labels=["flow"])
        buckets: dict[str, Counter[int]] = defaultdict(Counter)
        seconds: Counter[str] = Counter()
        for flow, bucket, n, whole in store.rows("SELECT flow, bucket, n, seconds FROM durations"):
            buckets[self._label(flow)][bucket] += n
            seconds[self._label(flow)] += whole
        for flow, counts in sorted(buckets.items()):
            running, shown = 0, []
            for number, end in enumerate((*map(str, BUCKETS), "+Inf")):
                running += counts[number]
                shown.append((end, running))
            took.add_metric([flow], shown, seconds[flow])
        yield took
        rows = CounterMetricFamily("tisserand_rows_written", "Rows that sinks wrote.", labels=["flow"])
        written: Counter[str] = Counter()
        for flow, n in store.rows('SELECT flow, "rows" FROM written'):
            written[self._label(flow)] += n
        for flow, n in sorted(written.items()):
            rows.add_metric([flow], n)
        yield rows

    def _now(self) -> Iterable[Metric]:
        states = GaugeMetricFamily("tisserand_runs_current", "Runs that are not over, by state.", labels=["state"])
        for state in ("queued", "running", "waiting"):
            found = self._executor.journal.row("SELECT count(*) FROM runs WHERE state = ?", (state,))
            states.add_metric([state], found[0] if found else 0)
        yield states
        for name, help, held in (
            ("tisserand_inbox_events", "Events that no run has taken yet, by flow file.", self._stocks.inbox()),
            ("tisserand_dead_letters", "Events given up on, by flow file.", self._stocks.dead()),
        ):
            gauge = GaugeMetricFamily(name, help, labels=["file"])
            kept = sorted(held, key=lambda file: (-held[file], file))
            for file in sorted(kept[: self._most]):
                gauge.add_metric([file], held[file])
            if kept[self._most :]:
                gauge.add_metric([OTHERS], sum(held[file] for file in kept[self._most :]))
            yield gauge
        alerts = GaugeMetricFamily(
            "tisserand_alerts_open", "Alerts that last, by rule and severity.", labels=["rule", "severity"]
        )
        for rule, severity, n in self._executor.alerts.store.rows(
            "SELECT rule, severity, count(*) FROM alerts WHERE state = 'open' GROUP BY 1, 2 ORDER BY 1, 2"
        ):
            alerts.add_metric([rule, severity], n)
        yield alerts
        verdicts = GaugeMetricFamily(
            "tisserand_due_times", "Due times of schedules that are kept, by verdict.", labels=["verdict"]
        )
        for verdict, n in sorted(self._stocks.verdicts().items()):
            verdicts.add_metric([verdict], n)
        yield verdicts
