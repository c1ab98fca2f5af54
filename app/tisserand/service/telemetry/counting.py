"""Counters over the journal that never go back: retention may take runs away, what they counted stays."""

from __future__ import annotations

import json
import sqlite3
import threading
from bisect import bisect_left
from collections import Counter

from tisserand.engine.journal import FINAL, Journal
from tisserand.service.telemetry.store import TelemetryStore

BUCKETS = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 21600.0)
"""Upper ends of the buckets of durations, in seconds; what is longer stands behind the last."""
BATCH = 5000
_ENDS = tuple(f"run.{state}" for state in sorted(FINAL))


class Counting:
    """Takes in what happened since it was last asked; each event counts once."""

    def __init__(self, journal: Journal, store: TelemetryStore) -> None:
        self._journal = journal
        self._store = store
        self._lock = threading.Lock()

    def catch_up(self, most: int = 10**9) -> bool:
        """Count up to `most` events more; whether all are counted."""
        with self._lock:
            if self._store.mark("counted") is None:
                self._begin()
            while most > 0:
                after = int(self._store.mark("counted"))
                found = self._journal.rows(
                    "SELECT e.seq, e.kind, e.time, e.data, r.flow, r.started FROM events AS e JOIN runs AS r ON r.id = e.run "
                    "WHERE e.seq > ? ORDER BY e.seq LIMIT ?",
                    (after, BATCH),
                )
                if not found:
                    return True
                self._count(found)
                most -= len(found)
            return False

    def _begin(self) -> None:
        """All of an old journal at once, by its own means."""
        last = self._journal.last()
        marks = ", ".join("?" * len(_ENDS))
        join = "FROM events AS e JOIN runs AS r ON r.id = e.run"
        ended = self._journal.rows(
            f"SELECT r.flow, substr(e.kind, 5), count(*) {join} WHERE e.kind IN ({marks}) AND e.seq <= ? GROUP BY 1, 2",
            (*_ENDS, last),
        )
        long = self._journal.rows(
            f"SELECT r.flow, max(0, e.time - r.started) {join} WHERE e.kind = 'run.done' AND e.seq <= ?",
            (last,),
        )
        wrote = self._journal.rows(
            f"SELECT r.flow, sum(json_extract(e.data, '$.rows')) {join} WHERE e.kind = 'sink.done' AND e.seq <= ? GROUP BY 1",
            (last,),
        )
        with self._store.writing("telemetry.begun") as db:
            _add_ended(db, {(flow, state): n for flow, state, n in ended})
            _add_durations(db, [(flow, seconds) for flow, seconds in long if seconds is not None])
            _add_written(db, {flow: int(rows or 0) for flow, rows in wrote})
            db.execute("INSERT OR REPLACE INTO marks VALUES ('counted', ?)", (json.dumps(last),))

    def _count(self, found: list[tuple[object, ...]]) -> None:
        ended: Counter[tuple[str, str]] = Counter()
        written: Counter[str] = Counter()
        durations: list[tuple[str, float]] = []
        for _seq, kind, time, data, flow, started in found:
            name = str(flow)
            if kind in _ENDS:
                ended[name, str(kind).removeprefix("run.")] += 1
            if kind == "run.done" and isinstance(started, float) and isinstance(time, float):
                durations.append((name, max(0.0, time - started)))
            if kind == "sink.done":
                written[name] += int(json.loads(str(data)).get("rows") or 0)
        with self._store.writing("telemetry.counted") as db:
            _add_ended(db, ended)
            _add_durations(db, durations)
            _add_written(db, written)
            db.execute("INSERT OR REPLACE INTO marks VALUES ('counted', ?)", (json.dumps(found[-1][0]),))


def _add_ended(db: sqlite3.Connection, ended: dict[tuple[str, str], int]) -> None:
    db.executemany(
        "INSERT INTO ended VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
        [(flow, state, n) for (flow, state), n in ended.items()],
    )


def _add_durations(db: sqlite3.Connection, durations: list[tuple[str, float]]) -> None:
    db.executemany(
        "INSERT INTO durations VALUES (?, ?, 1, ?) ON CONFLICT DO UPDATE SET n = n + 1, seconds = seconds + excluded.seconds",
        [(flow, bisect_left(BUCKETS, seconds), seconds) for flow, seconds in durations],
    )


def _add_written(db: sqlite3.Connection, written: dict[str, int]) -> None:
    db.executemany(
        'INSERT INTO written VALUES (?, ?) ON CONFLICT DO UPDATE SET "rows" = "rows" + excluded."rows"', list(written.items())
    )
