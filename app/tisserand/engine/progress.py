"""Looking after the units of a run: how far they are, written down a few times a second, and that those that were stopped do end."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tisserand.engine.control import Stop
    from tisserand.engine.plan import Unit
    from tisserand.engine.run import FlowRun

EVERY = 0.25
"""Seconds between two looks."""
MOST = 0.99
"""What is told at most of something under way: whole is only what is done."""


@dataclass
class _Query:
    """The query of a unit. What is told of it never falls, though it may have to be asked again in smaller parts."""

    unit: Unit
    told: float = 0.0
    low: float = 0.0
    high: float = 1.0

    def reach(self, share: float) -> None:
        self.told = max(self.told, self.low + (self.high - self.low) * share)


class Progress:
    """Of one run; while it is entered, what changed is written down every quarter of a second, by a thread of its own, so that
    the nodes themselves never wait for it."""

    def __init__(self, run: FlowRun) -> None:
        self._run = run
        self._queries: dict[int, _Query] = {}
        """By the thread that asks."""
        self._stops: dict[int, Stop] = {}
        """Of the units under way, by their thread."""
        self._now: dict[str, dict[str, Any]] = {}
        self._changed: set[str] = set()
        self._parts: Counter[str] = Counter()
        """How many units a node has: one for each port that is written down."""
        self._ended: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)

    def __enter__(self) -> Progress:
        self._parts = Counter(unit.node for unit in self._run.plan.units)
        # What an interrupted attempt noted is no longer true, and what was counted before the run is nobody's progress.
        self._run.journal.forget_progress(self._run.id)
        self._now.clear()
        self._changed.clear()
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()
        # How its nodes ended stands in the events: nobody needs to know how far they once were.
        self._run.journal.forget_progress(self._run.id)

    @contextmanager
    def of(self, unit: Unit, stop: Stop) -> Iterator[None]:
        """One attempt of a unit, in this thread."""
        thread = threading.get_ident()
        with self._lock:
            self._stops[thread] = stop
            if self._asks_backend(unit):
                self._queries[thread] = _Query(unit)
        try:
            yield
            with self._lock:
                self._ended[unit.node] += 1
        finally:
            with self._lock:
                self._queries.pop(thread, None)
                del self._stops[thread]

    def start_over(self, unit: Unit) -> None:
        """What an attempt that failed had reached counts for nothing."""
        with self._lock:
            names = {*unit.covers, unit.node} & self._now.keys()
            for name in names:
                self._now[name] = {}
            self._changed |= names
        self._write()

    def parts_left(self, count: int) -> None:
        """What this thread asks next is one of `count` queries that take the place of the one it could not do at once."""
        with self._lock:
            query = self._queries.get(threading.get_ident())
            if query is not None:
                query.low, query.high = query.told, query.told + (1 - query.told) / count

    def count(self, node: str, rows: int, bytes: int, share: float | None = None) -> None:
        """How much a node has done up to now; its share where the whole is known."""
        with self._lock:
            self._note(node, rows=rows, bytes=bytes)
            if share is not None:
                self._reach(node, share)

    def _asks_backend(self, unit: Unit) -> bool:
        """Whether the backend's query is the whole of the unit: else its share says nothing of the node's."""
        return unit.kind in ("spool", "read") or (unit.kind == "sink" and self._run.sinks.get(unit.node) is not None)

    def _reach(self, node: str, share: float) -> None:
        known = self._now.get(node, {}).get("share", 0.0)
        self._note(node, share=max(known, round(min(share, MOST), 3)))

    def _note(self, node: str, **news: Any) -> None:
        before = self._now.get(node, {})
        after = {**before, **news}
        if after != before:
            self._now[node] = after
            self._changed.add(node)

    def _watch(self) -> None:
        while not self._over.wait(EVERY):
            self._interrupt()
            self._look()
            self._write()

    def _interrupt(self) -> None:
        """Again, as long as a unit that was stopped has not ended: an interrupt between two statements is lost, and the next one
        would run to its end."""
        with self._lock:
            stopped = [thread for thread, stop in self._stops.items() if stop.pulled()]
        for thread in stopped:
            self._run.backend.interrupt(thread)

    def _look(self) -> None:
        shares = self._run.backend.progress()
        with self._lock:
            for thread, query in self._queries.items():
                if thread not in shares:
                    continue
                query.reach(shares[thread])
                own = query.unit.node
                for name in query.unit.covers:
                    self._reach(name, query.told)
                self._reach(own, (self._ended[own] + query.told) / max(self._parts[own], 1))

    def _write(self) -> None:
        with self._lock:
            news = {name: self._now[name] for name in self._changed}
            self._changed.clear()
        if news:
            self._run.journal.progress_of_nodes(self._run.id, news)
