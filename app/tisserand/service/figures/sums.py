"""Sums over runs: whole days once summed are kept, what lies beside them is folded from the runs' own columns."""

from __future__ import annotations

import math
import sqlite3
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tisserand.engine.counted import DAY, wrote
from tisserand.engine.journal import Journal

HOUR = 3600
CHUNK = 5_000
"""Runs of an older journal that are counted in one transaction."""

_RUN = "flow, created, state, started, finished, rows, bytes"


@dataclass(slots=True)
class Sum:
    """What some runs come to. `seconds` holds how long each took that is done."""

    runs: int = 0
    done: int = 0
    failed: int = 0
    rows: int = 0
    bytes: int = 0
    seconds: array[float] = field(default_factory=lambda: array("d"))

    def add(self, other: Sum) -> None:
        self.runs += other.runs
        self.done += other.done
        self.failed += other.failed
        self.rows += other.rows
        self.bytes += other.bytes
        self.seconds.extend(other.seconds)

    def count(self, state: str, started: float | None, finished: float | None, rows: int | None, size: int | None) -> None:
        """One more run."""
        self.runs += 1
        self.rows += rows or 0
        self.bytes += size or 0
        if state == "done":
            self.done += 1
            if started is not None and finished is not None:
                self.seconds.append(finished - started)
        elif state in ("failed", "interrupted"):
            self.failed += 1

    def percentile(self, share: float) -> float | None:
        """By nearest rank: the smallest time that at least `share` of the runs did not exceed."""
        if not self.seconds:
            return None
        return nearest_rank(self.seconds, share)

    def columns(self) -> tuple[Any, ...]:
        return self.runs, self.done, self.failed, self.rows, self.bytes, self.seconds.tobytes()

    @classmethod
    def of(cls, columns: Sequence[Any]) -> Sum:
        """From the columns `runs` to `seconds` of a table."""
        runs, done, failed, rows, size, packed = columns
        seconds = array("d")
        seconds.frombytes(packed)
        return cls(runs, done, failed, rows, size, seconds)


def nearest_rank(values: array[float], share: float) -> float:
    rank = max(math.ceil(share * len(values)), 1) - 1
    if len(values) < 1000:
        return sorted(values)[rank]
    import numpy as np

    return float(np.partition(np.frombuffer(values, dtype="f8"), rank)[rank])


class Sums:
    """Sums of runs that nobody called, by flow or by stretches of time."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def by_flow(self, since: float, until: float) -> dict[str, Sum]:
        """Flow → the sum of its runs with `since <= created < until`."""
        found: dict[str, Sum] = {}
        first, last = self._whole_days(since, until)
        for flow, *columns in self._journal.rows(
            "SELECT flow, runs, done, failed, rows, bytes, seconds FROM sums WHERE length = ? AND time >= ? AND time < ?",
            (DAY, first, last),
        ):
            found.setdefault(flow, Sum()).add(Sum.of(columns))
        for begin, end in ((since, min(first, until)), (max(last, since), until)):
            for flow, _created, *rest in self._runs(begin, end):
                found.setdefault(flow, Sum()).count(*rest)
        return found

    def by_time(self, since: float, until: float, seconds: float, flow: str | None = None) -> list[Sum]:
        """The sums of `[since, since + seconds)`, …, up to the stretch that reaches `until`."""
        found = [Sum() for _ in range(math.ceil((until - since) / seconds))]
        length = DAY if flow is not None else HOUR
        first, last = self._whole_days(since, until) if seconds >= length else (until, until)
        beside = [(since, min(first, until)), (max(last, since), until)]
        for moment, *columns in self._journal.rows(
            "SELECT time, runs, done, failed, rows, bytes, seconds FROM sums "
            "WHERE length = ? AND time >= ? AND time < ? AND flow = ?",
            (length, first, last, flow or ""),
        ):
            place = _place(moment, since, seconds)
            if since + (place + 1) * seconds >= moment + length:
                found[place].add(Sum.of(columns))
            else:
                beside.append((moment, moment + length))  # one stretch ends in it
        for begin, end in beside:
            for _flow, created, *rest in self._runs(begin, end, flow):
                found[_place(created, since, seconds)].count(*rest)
        return found

    def _whole_days(self, since: float, until: float) -> tuple[int, int]:
        """The whole UTC days inside a stretch that are over, summed; an empty range where there is none."""
        earliest = self._journal.row(_EARLIEST)
        begin = min((each for each in earliest or () if each is not None), default=until)
        first = math.ceil(max(since, begin // DAY * DAY) / DAY) * DAY
        last = int(min(until, time.time()) // DAY) * DAY
        if last <= first:
            return first, first
        self.count_the_old()
        known = {day for (day,) in self._journal.rows("SELECT day FROM summed WHERE day >= ? AND day < ?", (first, last))}
        for day in range(first, last, DAY):
            if day not in known:
                self._sum(day)
        return first, last

    def _sum(self, day: int) -> None:
        """Sum one day, in a transaction: a run that changes meanwhile takes the day out of `summed` again."""
        with self._journal.writing(quick=True) as db:
            flows: dict[str, Sum] = {}
            hours: dict[int, Sum] = {}
            for flow, created, *rest in db.execute(_runs_sql(None), (day, day + DAY)):
                flows.setdefault(flow, Sum()).count(*rest)
                hours.setdefault(int(created // HOUR) * HOUR, Sum()).count(*rest)
            for moment, length, flow, *columns in db.execute("SELECT * FROM gone WHERE time >= ? AND time < ? AND length = ? UNION ALL "
                                                             "SELECT * FROM gone WHERE time >= ? AND time < ? AND length = ?",
                                                             (day, day + DAY, DAY, day, day + DAY, HOUR)):  # fmt: skip
                held = flows.setdefault(flow, Sum()) if length == DAY else hours.setdefault(moment, Sum())
                held.add(Sum.of(columns))
            for length in (DAY, HOUR):
                db.execute("DELETE FROM sums WHERE length = ? AND time >= ? AND time < ?", (length, day, day + DAY))
            db.executemany("INSERT INTO sums VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", _lines(day, flows, hours))
            db.execute("INSERT OR IGNORE INTO summed VALUES (?)", (day,))

    def _runs(self, since: float, until: float, flow: str | None = None) -> list[tuple[Any, ...]]:
        if until <= since:
            return []
        self.count_the_old()
        values = (since, until) if flow is None else (flow, since, until)
        return self._journal.rows(_runs_sql(flow), values)

    def sum_up(self, days: int, stopped: Callable[[], bool]) -> None:
        """Sum the days up to now of which nobody has asked yet, as far as `stopped` lets it."""
        now = time.time()
        for back in range(1, days):
            if stopped():
                return
            self._whole_days(now - (back + 1) * DAY, now - (back - 1) * DAY)

    def count_the_old(self) -> None:
        """Count what the sinks of runs wrote that ended before the journal kept it."""
        while self._journal.row(_UNCOUNTED, (1,)) is not None:
            with self._journal.writing(quick=True) as db:
                runs = db.execute(_UNCOUNTED, (CHUNK,)).fetchall()
                # The expression is ours, no text of anybody else.
                db.executemany(f"UPDATE runs SET {wrote('?1')} WHERE id = ?1", runs)  # noqa: S608


_UNCOUNTED = "SELECT id FROM runs INDEXED BY runs_uncounted WHERE rows IS NULL AND finished IS NOT NULL LIMIT ?"


_EARLIEST = (
    "SELECT (SELECT created FROM runs INDEXED BY top_by_time WHERE parent IS NULL ORDER BY created LIMIT 1), "
    "(SELECT time FROM gone WHERE length = 86400 ORDER BY time LIMIT 1)"
)


def _place(created: float, since: float, seconds: float) -> int:
    """The stretch that a moment lies in, with the same rounding as the stretches' beginnings have."""
    place = int((created - since) // seconds)
    if created < since + place * seconds:
        return place - 1
    return place + 1 if created >= since + (place + 1) * seconds else place


def _runs_sql(flow: str | None) -> str:
    """The runs of a stretch, read from an index that holds all that is asked."""
    which = "top_by_flow WHERE flow = ? AND" if flow is not None else "top_by_time WHERE"
    return f"SELECT {_RUN} FROM runs INDEXED BY {which} parent IS NULL AND created >= ? AND created < ?"  # noqa: S608 - our own words


def _lines(day: int, flows: dict[str, Sum], hours: dict[int, Sum]) -> Iterator[tuple[object, ...]]:
    for flow, each in flows.items():
        yield day, DAY, flow, *each.columns()
    for hour, each in hours.items():
        yield hour, HOUR, "", *each.columns()


def keep_gone(db: sqlite3.Connection, runs: Iterable[Sequence[Any]]) -> None:
    """Add runs (`flow, created, state, started, finished, rows, bytes`) that are about to be removed to the sums that stay."""
    held: dict[tuple[int, int, str], Sum] = {}
    for flow, created, *rest in runs:
        for length, name in ((DAY, str(flow)), (HOUR, "")):
            moment = int(created // length) * length
            held.setdefault((moment, length, name), Sum()).count(*rest)
    for (moment, length, name), total in held.items():
        known = db.execute(
            "SELECT runs, done, failed, rows, bytes, seconds FROM gone WHERE length = ? AND time = ? AND flow = ?",
            (length, moment, name),
        ).fetchone()
        if known is not None:
            total.add(Sum.of(known))
        db.execute("INSERT OR REPLACE INTO gone VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (moment, length, name, *total.columns()))
