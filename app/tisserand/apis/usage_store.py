"""What gateways and published flows told of usage, kept by the hour: each call is counted once, whatever is killed meanwhile."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar, Protocol

from tisserand.apis import periods
from tisserand.apis.model import Period
from tisserand.apis.usage import BOUNDS_MS, UsageQuery, UsageRow, UsageSum, quantile
from tisserand.sdk.errors import NodeError
from tisserand.store import Store

FILE = "usage.sqlite"
"""Its name, in the state of a workspace."""
HOUR, DAY = 3600, 86_400
REJECTED = (401, 403, 413, 429)
"""Answers that a gateway gives itself, because of who called or how often."""

_CLASSES = [f"l{index}" for index in range(len(BOUNDS_MS) + 1)]
_KEY = ("hour", "gateway", "api", "version", "operation", "consumer", "plan", "status")
_SUMS = ("requests", "bytes_in", "bytes_out", *_CLASSES)
_ALL = (*_KEY, *_SUMS)

GROUPS = ("hour", "day", "gateway", "api", "version", "operation", "consumer", "plan", "status")
"""What usage can be summed by."""
LARGEST = 1_000_000
"""Of sums, and of rows, that one question gets."""
HOURS = 24
"""Hours whose rows are removed in one transaction."""

_SCHEMA = f"""
CREATE TABLE usage (
  hour INTEGER NOT NULL, gateway TEXT NOT NULL, api TEXT NOT NULL, version TEXT NOT NULL, operation TEXT NOT NULL,
  consumer TEXT NOT NULL, plan TEXT NOT NULL, status INTEGER NOT NULL, requests INTEGER NOT NULL, bytes_in INTEGER NOT NULL,
  bytes_out INTEGER NOT NULL, {", ".join(f"{name} INTEGER NOT NULL" for name in _CLASSES)},
  PRIMARY KEY ({", ".join(_KEY)})
) WITHOUT ROWID;
CREATE INDEX usage_by_consumer ON usage (consumer, hour);
CREATE TABLE calls (
  period TEXT NOT NULL, start INTEGER NOT NULL, consumer TEXT NOT NULL, api TEXT NOT NULL, version TEXT NOT NULL,
  requests INTEGER NOT NULL, PRIMARY KEY (period, start, consumer, api, version)
) WITHOUT ROWID;
CREATE TABLE marks (source TEXT PRIMARY KEY, mark TEXT NOT NULL, at REAL NOT NULL);
"""

_SUMMED = ", ".join(f"{name} = {name} + excluded.{name}" for name in _SUMS)
_ADD = f"INSERT INTO usage VALUES ({', '.join('?' * len(_ALL))}) ON CONFLICT DO UPDATE SET {_SUMMED}"  # noqa: S608 - our own words
_LET_THROUGH = f"consumer <> '' AND status NOT IN ({', '.join(map(str, REJECTED))})"
_RECOUNT = f"""
INSERT INTO calls SELECT ?, ?, consumer, api, version, SUM(requests) FROM usage WHERE hour >= ? AND hour < ? AND {_LET_THROUGH}
GROUP BY consumer, api, version
"""  # noqa: S608 - our own words


class UsageSource(Protocol):
    """Who tells of usage: a gateway, or a published flow that no gateway stands before."""

    @property
    def name(self) -> str:
        """Stands as `gateway` in the rows; two sources never share one."""

    def usage(self, mark: str) -> tuple[Sequence[UsageRow], str]:
        """As `Gateway.usage`."""


class UsageStore(Store):
    """The usage of one workspace."""

    migrations: ClassVar[tuple[str, ...]] = (_SCHEMA,)

    def mark(self, source: str) -> str:
        """How far a source was read; "" at first."""
        found = self.row("SELECT mark FROM marks WHERE source = ?", (source,))
        return found[0] if found else ""

    def take(self, source: str, rows: Sequence[UsageRow], before: str, mark: str) -> bool:
        """Add rows and move the mark from `before` to `mark`, both or neither. False where somebody else has moved it meanwhile:
        then these rows were counted already."""
        values = [_values(source, row) for row in rows]
        with self.writing("usage.taken") as db:
            known = db.execute("SELECT mark FROM marks WHERE source = ?", (source,)).fetchone()
            if (known[0] if known else "") != before:
                return False
            db.executemany(_ADD, values)
            now = time.time()
            (last,) = db.execute("SELECT MAX(at) FROM marks").fetchone()
            if last is not None and last >= now + HOUR:
                _recount(db, now)  # the clock was ahead: the counts of today were taken for old ones
            else:
                _count(db, rows, now)
            db.execute(
                "INSERT INTO marks VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET mark = excluded.mark, at = excluded.at",
                (source, mark, now),
            )
        return True

    def old(self, before: float) -> int:
        """How many rows are of days (UTC) that were over before a moment."""
        ((count,),) = self.rows("SELECT COUNT(*) FROM usage WHERE hour < ?", (_day(before),))
        return int(count)

    def forget(self, before: float, stopped: Callable[[], bool] = lambda: False) -> int:
        """Remove those rows, whole days, some at a time: who counts must not wait long. Gives how many."""
        removed = 0
        while not stopped():
            with self.writing("usage.forgotten") as db:
                found = db.execute(
                    "SELECT DISTINCT hour FROM usage WHERE hour < ? ORDER BY hour LIMIT ?", (_day(before), HOURS)
                ).fetchall()
                if not found:
                    break
                removed += db.execute("DELETE FROM usage WHERE hour <= ?", found[-1]).rowcount
        if removed:
            with self._lock:
                self._quick.execute("PRAGMA incremental_vacuum").fetchall()
        return removed

    def usage(self, query: UsageQuery) -> list[UsageSum]:
        """The sums that a query asks for: the largest first, or by time where they are grouped by time."""
        by = tuple(dict.fromkeys(query.by))
        for name in by:
            if name not in GROUPS:
                raise NodeError("Usage is not kept by “{name}”. Choose from: {known}.", name=name, known=list(GROUPS))
        where, values = _where(query)
        columns = [f"hour - hour % {DAY}" if name == "day" else name for name in by]
        rejected = ", ".join(str(status) for status in REJECTED)
        sums = [
            "SUM(requests)",
            "SUM(CASE WHEN status >= 500 THEN requests ELSE 0 END)",
            f"SUM(CASE WHEN status IN ({rejected}) THEN requests ELSE 0 END)",
            "SUM(bytes_in)",
            "SUM(bytes_out)",
            *(f"SUM({name})" for name in _CLASSES),
        ]
        places = [str(n + 1) for n in range(len(by))]
        times = [str(n + 1) for n, name in enumerate(by) if name in ("hour", "day")]
        order = ", ".join([*times, f"{len(by) + 1} DESC", *places])
        group = f" GROUP BY {', '.join(places)}" if by else ""
        sql = f"SELECT {', '.join([*columns, *sums])} FROM usage WHERE {where}{group} ORDER BY {order} LIMIT ?"  # noqa: S608
        found = self.rows(sql, (*values, max(0, min(query.limit, LARGEST))))
        return [_sum(by, row) for row in found if row[len(by)] is not None]

    def found(self, query: UsageQuery) -> list[tuple[str, UsageRow]]:
        """The rows themselves with their gateways, by time."""
        sql, values = _select(query)
        return [_row(row) for row in self.rows(sql, values)]

    def calls(self, period: Period, start: int) -> list[tuple[str, str, str, int]]:
        """`(consumer, api, version, requests)` of what was let through in one calendar period: what quotas count. It is kept for
        the current period and the one before."""
        sql = "SELECT consumer, api, version, requests FROM calls WHERE period = ? AND start = ?"
        return [(consumer, api, version, requests) for consumer, api, version, requests in self.rows(sql, (period, start))]


def read(path: Path, query: UsageQuery) -> Iterator[tuple[str, UsageRow]]:
    """The rows of a store that others may be writing, without opening it for writing; none where there is no store yet. A `limit` of
    0 gives all."""
    if not path.exists():
        return
    sql, values = _select(query)
    values[-1] = query.limit or -1  # SQLite: no limit
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=30)) as db:
            for row in db.execute(sql, values):
                yield _row(row)
    except sqlite3.DatabaseError as error:
        raise NodeError("The store “{path}” cannot be read: {reason}.", path=str(path), reason=str(error)) from None


def plain(gateway: str, row: UsageRow) -> dict[str, Any]:
    """A row as flows read it: the latencies as two quantiles, in ms."""
    names = (*_KEY, "requests", "bytes_in", "bytes_out")
    told = {name: gateway if name == "gateway" else getattr(row, name) for name in names}
    return {**told, "p50": quantile(row.latency, 0.5), "p99": quantile(row.latency, 0.99)}


def _count(db: sqlite3.Connection, rows: Sequence[UsageRow], now: float) -> None:
    """Count calls for the quotas, by calendar period; what is older than the period before is of no use any more."""
    let_through: Counter[tuple[int, str, str, str]] = Counter()
    for row in rows:
        if row.consumer and row.status not in REJECTED:
            let_through[row.hour, row.consumer, row.api, row.version] += row.requests
    for period in periods.PERIODS:
        oldest = periods.begin(period, periods.begin(period, now) - 1)
        sums: Counter[tuple[int, str, str, str]] = Counter()
        for (hour, consumer, api, version), requests in let_through.items():
            sums[periods.begin(period, hour), consumer, api, version] += requests
        db.execute("DELETE FROM calls WHERE period = ? AND start < ?", (period, oldest))
        db.executemany(
            "INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET requests = requests + excluded.requests",
            [(period, *key, requests) for key, requests in sums.items() if key[0] >= oldest],
        )


def _recount(db: sqlite3.Connection, now: float) -> None:
    """Count all anew for the quotas, from the usage itself."""
    db.execute("DELETE FROM calls")
    db.execute("UPDATE marks SET at = ? WHERE at > ?", (now, now))
    for period in periods.PERIODS:
        current = periods.begin(period, now)
        for start in (periods.begin(period, current - 1), current):
            db.execute(_RECOUNT, (period, start, start, periods.end(period, start)))


def _day(moment: float) -> int:
    """When the day of a moment began, in UTC."""
    return int(moment // DAY) * DAY


def _select(query: UsageQuery) -> tuple[str, list[Any]]:
    where, values = _where(query)
    sql = f"SELECT {', '.join(_ALL)} FROM usage WHERE {where} ORDER BY {', '.join(_KEY)} LIMIT ?"  # noqa: S608 - our own words
    return sql, [*values, max(0, min(query.limit, LARGEST))]


def _where(query: UsageQuery) -> tuple[str, list[Any]]:
    """The condition of a query and its values."""
    terms: list[str] = ["1"]
    values: list[Any] = []
    if query.start > 0:
        terms.append(f"hour + {HOUR} > ?")
        values.append(query.start)
    if query.end > 0:
        terms.append("hour < ?")
        values.append(query.end)
    for name in ("gateway", "api", "version", "operation", "consumer", "plan"):
        if value := getattr(query, name):
            terms.append(f"{name} = ?")
            values.append(value)
    if query.status:
        low, high = _statuses(query.status)
        terms.append("status BETWEEN ? AND ?")
        values += [low, high]
    return " AND ".join(terms), values


def _statuses(text: str) -> tuple[int, int]:
    """`429` or `4xx` as the first and the last status that is meant."""
    if len(text) == 3 and text[0] in "12345":
        if text[1:] == "xx":
            return int(text[0]) * 100, int(text[0]) * 100 + 99
        if text.isascii() and text.isdigit():
            return int(text), int(text)
    raise NodeError("“{status}” is no status of answers: write “429” or “4xx”.", status=text, field="status")


def _values(source: str, row: UsageRow) -> tuple[Any, ...]:
    latency = row.latency or (0,) * len(_CLASSES)
    key = (row.hour, source, row.api, row.version, row.operation, row.consumer, row.plan, row.status)
    return (*key, row.requests, row.bytes_in, row.bytes_out, *latency)


def _row(values: Sequence[Any]) -> tuple[str, UsageRow]:
    hour, gateway, api, version, operation, consumer, plan, status, requests, bytes_in, bytes_out, *latency = values
    classes = tuple(latency) if any(latency) else ()
    return gateway, UsageRow(
        hour, api, version, operation, consumer, plan, status, requests, bytes_in, bytes_out, classes
    )  # fmt: skip


def _sum(by: Sequence[str], values: Sequence[Any]) -> UsageSum:
    group = dict(zip(by, values, strict=False))
    requests, errors, rejected, bytes_in, bytes_out, *latency = values[len(by) :]
    p50, p99 = quantile(latency, 0.5), quantile(latency, 0.99)
    return UsageSum(group, requests, errors, rejected, bytes_in, bytes_out, p50, p99)
