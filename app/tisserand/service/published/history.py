"""Every request that a published flow answered, written in batches: an answer never waits for it.

A batch is written as soon as the one before it is on its way: after `EVERY` seconds at most, or once `MOST` requests wait. A process
that is killed loses what came in the last `EVERY` seconds, and the time that writing one batch takes (`BOUND` in all, on a disk that
does not stall); nothing older. What was written outlives the process; a crash of the machine may take what the system had not yet put
on the disk.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from tisserand.apis.usage import BOUNDS_MS, UsageRow, latency_class
from tisserand.service import crash
from tisserand.store import Store

EVERY = 0.2
"""Seconds between two batches."""
MOST = 500
"""Requests after which a batch is written at once."""
BOUND = 1.0
"""Seconds: of requests answered longer ago than that a kill loses none."""

FILE = "usage.sqlite"
KEPT = 100_000
"""Single requests that are kept; sums are kept until they are collected."""
MERGE = 20_000
"""Rows of sums that nobody has collected, above which those of an hour are put together."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    time: float
    """Seconds since 1970, UTC."""
    id: str
    trace: str
    consumer: str
    plan: str
    operation: str
    status: int
    ms: float
    bytes_in: int
    bytes_out: int
    error: str = ""

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


Entry = tuple[float, str, str, str, str, str, int, float, int, int, str]
"""The fields of `Asked`, as the server hands them over."""


class HistoryStore(Store):
    """The file. Several processes write it while one takes the place of another, and the executor reads it."""

    migrations = (
        """
        CREATE TABLE requests (
            number INTEGER PRIMARY KEY, time REAL NOT NULL, id TEXT NOT NULL, trace TEXT NOT NULL, consumer TEXT NOT NULL,
            plan TEXT NOT NULL, operation TEXT NOT NULL, status INTEGER NOT NULL, ms REAL NOT NULL, bytes_in INTEGER NOT NULL,
            bytes_out INTEGER NOT NULL, error TEXT NOT NULL
        );
        CREATE INDEX requests_with_errors ON requests (number) WHERE status >= 400;
        CREATE TABLE sums (
            number INTEGER PRIMARY KEY AUTOINCREMENT, hour INTEGER NOT NULL, operation TEXT NOT NULL, consumer TEXT NOT NULL,
            plan TEXT NOT NULL, status INTEGER NOT NULL, requests INTEGER NOT NULL, bytes_in INTEGER NOT NULL,
            bytes_out INTEGER NOT NULL, latency TEXT NOT NULL
        );
        CREATE TABLE handed (number INTEGER NOT NULL);
        INSERT INTO handed VALUES (0);
        """,
    )

    def add(self, entries: Sequence[Entry]) -> None:
        """Keep a batch, and its sums, all or nothing. Not synced: it outlives the process all the same."""
        with self.writing("history.added", quick=True) as db:
            # Many in one statement: between two, this thread would wait for its turn among the requests that are being answered.
            whole = len(entries) // _AT_ONCE * _AT_ONCE
            for start in range(0, whole, _AT_ONCE):
                db.execute(_MANY, list(chain.from_iterable(entries[start : start + _AT_ONCE])))
            db.executemany(_ONE, entries[whole:])
            _insert(db, _summed(entries))
            last = db.execute("SELECT max(number) FROM requests").fetchone()[0] or 0
            db.execute("DELETE FROM requests WHERE number <= ?", (last - KEPT,))

    def usage(self, mark: str, api: str, version: str) -> tuple[list[UsageRow], str]:
        """The sums since `mark` ("" at first), and the next mark. Whoever gives a mark back has kept what came with it: that goes. There is
        one who collects."""
        since = int(mark or 0)
        with self.writing("history.handed", quick=True) as db:
            (handed,) = db.execute("SELECT number FROM handed").fetchone()
            if since > handed:
                since = 0  # a mark of another file, which stood here before somebody removed it
            db.execute("DELETE FROM sums WHERE number <= ?", (since,))
            found = db.execute(f"SELECT number, {_COLUMNS} FROM sums WHERE number > ? ORDER BY number", (since,)).fetchall()  # noqa: S608
            last = found[-1][0] if found else since
            db.execute("UPDATE handed SET number = max(number, ?)", (last,))
        rows = [
            UsageRow(hour, api, version, operation, consumer, plan, status, requests, came, went, latency)
            for (hour, operation, consumer, plan, status), (requests, came, went, latency) in _merged(row[1:] for row in found)
        ]
        return rows, str(last)

    def merge(self) -> None:
        """Put the sums together that nobody has collected, where they have become many."""
        (count,) = self.row("SELECT count(*) FROM sums") or (0,)
        if count < MERGE:
            return
        with self.writing("history.merged", quick=True) as db:
            (handed,) = db.execute("SELECT number FROM handed").fetchone()
            found = db.execute(f"SELECT {_COLUMNS} FROM sums WHERE number > ?", (handed,)).fetchall()  # noqa: S608
            db.execute("DELETE FROM sums WHERE number > ?", (handed,))
            _insert(db, [(*key, requests, came, went, latency) for key, (requests, came, went, latency) in _merged(found)])

    def latest(self, limit: int = 100, errors: bool = False, before: int | None = None) -> list[tuple[int, Asked]]:
        """The latest requests with their numbers, the newest first; with `errors` those that went wrong."""
        where = "WHERE number < ?" + (" AND status >= 400" if errors else "")
        columns = ", ".join(Asked.__dataclass_fields__)
        found = self.rows(
            f"SELECT number, {columns} FROM requests {where} ORDER BY number DESC LIMIT ?",  # noqa: S608 - no text of others
            (before if before is not None else 2**62, limit),
        )
        return [(row[0], Asked(*row[1:])) for row in found]


_COLUMNS = "hour, operation, consumer, plan, status, requests, bytes_in, bytes_out, latency"


_AT_ONCE = 100
_ROW = f"(NULL{', ?' * len(Asked.__dataclass_fields__)})"
_ONE = f"INSERT INTO requests VALUES {_ROW}"  # noqa: S608 - no text of others
_MANY = f"INSERT INTO requests VALUES {', '.join([_ROW] * _AT_ONCE)}"  # noqa: S608


def _summed(entries: Iterable[Entry]) -> list[tuple[Any, ...]]:
    sums: dict[tuple[Any, ...], list[Any]] = {}
    for moment, _id, _trace, consumer, plan, operation, status, ms, came, went, _error in entries:
        key = (int(moment // 3600) * 3600, operation, consumer, plan, status)
        known = sums.get(key)
        if known is None:
            known = sums[key] = [0, 0, 0, [0] * (len(BOUNDS_MS) + 1)]
        known[0] += 1
        known[1] += came
        known[2] += went
        known[3][latency_class(ms)] += 1
    return [(*key, *known) for key, known in sums.items()]


def _merged(rows: Iterable[Sequence[Any]]) -> list[tuple[tuple[Any, ...], tuple[int, int, int, tuple[int, ...]]]]:
    sums: dict[tuple[Any, ...], tuple[int, int, int, tuple[int, ...]]] = {}
    for *key, requests, came, went, text in rows:
        latency = tuple(json.loads(text))
        known = sums.get(tuple(key))
        if known is not None:
            added = tuple(a + b for a, b in zip(known[3], latency, strict=True))
            sums[tuple(key)] = (known[0] + requests, known[1] + came, known[2] + went, added)
        else:
            sums[tuple(key)] = (requests, came, went, latency)
    return list(sums.items())


def _insert(db: Any, sums: Iterable[Sequence[Any]]) -> None:
    db.executemany(
        "INSERT INTO sums VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [(*row[:-1], json.dumps(list(row[-1]))) for row in sums]
    )


class History:
    """Collects what one process answers. `add` never blocks."""

    def __init__(self, folder: Path, root: Path | None = None, on_write: Callable[[str], None] | None = None) -> None:
        self.store = HistoryStore(folder / FILE, on_write)
        self._root = root
        self._waiting: list[Entry] = []
        self._wake = threading.Event()
        self._over = False
        self.count = 0
        """Requests since the process began."""
        self._thread = threading.Thread(target=self._live, name="history", daemon=True)
        self._thread.start()

    def add(self, entry: Entry) -> None:
        self._waiting.append(entry)
        self.count += 1
        if len(self._waiting) == MOST:
            self._wake.set()

    def close(self) -> None:
        """Write what waits."""
        self._over = True
        self._wake.set()
        self._thread.join(10)
        self.store.close()

    def _live(self) -> None:
        merged = 0.0
        while True:
            over = self._over
            self._wake.wait(EVERY)
            self._wake.clear()
            # Appending goes on meanwhile: only what is taken here is taken out.
            batch = self._waiting[:]
            try:
                if batch:
                    self.store.add(batch)
                    del self._waiting[: len(batch)]
                if time.monotonic() - merged > 60:
                    merged = time.monotonic()
                    self.store.merge()
            except Exception as error:  # noqa: BLE001 - the thread's last line: it is reported, and tried again
                crash.report(error, self._root)
                time.sleep(1)
                if over:
                    return
            if over and not self._waiting:
                return
