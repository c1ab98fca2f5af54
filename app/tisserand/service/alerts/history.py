"""What was seen of each flow: its runs with their numbers, and what is usual for one that begins at a certain time."""

from __future__ import annotations

import calendar
import math
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from tisserand.engine.journal import RunRecord
from tisserand.service.alerts.facts import Facts
from tisserand.service.alerts.normal import DAY, FEWEST, MOST, Past, Usual, both, few, growth, usual
from tisserand.service.alerts.store import AlertStore, plain
from tisserand.texts import Message, msg

KEPT = 400 * DAY
"""How long the numbers of a run are kept."""
KNOWN = 8 * DAY
"""How long a flow must have been known before runs at other times of the week say anything of one."""
YOUNG = 15 * DAY
NUMBERS = ("seconds", "rows", "rejects")


@dataclass(frozen=True, slots=True)
class When:
    """A moment as calendars see it."""

    weekday: int
    hour: int
    edge: int
    """1 on the first day of a month, 2 on the last, 0 in between."""
    day: int
    """The number of the day."""

    @property
    def kind(self) -> tuple[int, ...]:
        return (5, 6) if self.weekday >= 5 else (0, 1, 2, 3, 4)

    @property
    def hours(self) -> tuple[int, ...]:
        return (self.hour - 1) % 24, self.hour, (self.hour + 1) % 24


def when(at: float, zone: tzinfo | None) -> When:
    local = datetime.fromtimestamp(at, zone)
    last = calendar.monthrange(local.year, local.month)[1]
    return When(local.weekday(), local.hour, 1 if local.day == 1 else 2 if local.day == last else 0, local.toordinal())


@dataclass(frozen=True, slots=True)
class Compared:
    """The runs that one is compared with: number → values, and what is usual (None where that cannot be told)."""

    usual: dict[str, Usual | None]
    zeros: int
    """How many of them wrote no row."""
    runs: int


class History:
    """What was seen, as kept by the store of alerts."""

    def __init__(self, store: AlertStore, zone: tzinfo | None) -> None:
        self._store = store
        self._zone = zone

    def begun(self, db: sqlite3.Connection, record: RunRecord) -> bool:
        """A run has begun; whether it was seen for the first time."""
        at = record.started or record.created
        place = when(at, self._zone)
        done = db.execute(
            'INSERT OR IGNORE INTO seen (run, flow, "trigger", at, weekday, hour, edge, day) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
            (record.id, record.flow, record.trigger, at, place.weekday, place.hour, place.edge, place.day),
        )
        return done.rowcount == 1

    def ended_well(self, db: sqlite3.Connection, record: RunRecord, facts: Facts) -> None:
        columns = plain({node: list(names) for node, names in facts.columns.items()}) if facts.columns else None
        db.execute(
            'UPDATE seen SET done = 1, seconds = ?, "rows" = ?, rejects = ?, columns = ? WHERE run = ?',
            (facts.seconds, facts.rows, facts.rejects, columns, record.id),
        )

    def forget(self, db: sqlite3.Connection, now: float) -> None:
        """What is older than is ever looked at; of flows that run often, more than is ever compared."""
        db.execute("DELETE FROM seen WHERE at < ?", (now - KEPT,))
        for flow, count in db.execute("SELECT flow, count(*) FROM seen GROUP BY flow HAVING count(*) > 25000").fetchall():
            db.execute(
                "DELETE FROM seen WHERE run IN (SELECT run FROM seen WHERE flow = ? ORDER BY at LIMIT ?)", (flow, count - 25000)
            )

    def starts(self, db: sqlite3.Connection, flow: str, trigger: str, since: float) -> list[float]:
        found = db.execute(
            'SELECT at FROM seen WHERE flow = ? AND at >= ? AND "trigger" = ? ORDER BY at', (flow, since, trigger)
        ).fetchall()
        return [at for (at,) in found]

    def usual_trigger(self, db: sqlite3.Connection, flow: str, since: float) -> str | None:
        """What starts a flow nearly always; None where nothing does."""
        found = db.execute(
            'SELECT "trigger", count(*) FROM seen WHERE flow = ? AND at >= ? GROUP BY 1 ORDER BY 2 DESC', (flow, since)
        ).fetchall()
        return str(found[0][0]) if found and found[0][1] >= 0.8 * sum(count for _name, count in found) else None

    def columns(self, db: sqlite3.Connection, flow: str, but: str) -> list[str | None]:
        """What the sources of the latest five good runs looked like, as JSON."""
        found = db.execute(
            "SELECT columns FROM seen WHERE flow = ? AND done AND run <> ? ORDER BY at DESC LIMIT 5", (flow, but)
        ).fetchall()
        return [columns for (columns,) in found]

    def compared(self, db: sqlite3.Connection, record: RunRecord) -> Compared | None:
        """What is usual for a run, from earlier ones at comparable times; None where there are too few of them."""
        at = record.started or record.created
        place = when(at, self._zone)
        earliest = db.execute(
            "SELECT min(at) FROM seen WHERE flow = ? AND done AND run <> ?", (record.flow, record.id)
        ).fetchone()[0]
        if earliest is None:
            return None
        lately = db.execute("SELECT count(*) FROM seen WHERE flow = ? AND at > ?", (record.flow, at - 7 * DAY)).fetchone()[0]
        often = lately / max(1.0, min(7.0, (at - earliest) / DAY)) > 24
        found, words, wider = self._alike(db, record, place, at - earliest, often)
        if found is None:
            return None
        if at - earliest < YOUNG:
            wider *= 1.3
        told: dict[str, Usual | None] = {}
        edges = self._select(db, record, " AND edge = ? AND hour IN (?, ?, ?)", (place.edge, *place.hours)) if place.edge else []
        every = self._select(db, record, "", ())
        for index, name in enumerate(NUMBERS, 1):
            slope = growth(_values(every, index))
            one = usual(_values(found, index), at, often, words, wider, slope)
            if one is not None and place.edge:
                # The ends of months are judged by both: what is usual then, and what is on other days.
                days = {row[4] for row in edges}
                special = few(_values(edges, index), at, often, msg("at the ends of months"), slope) if len(days) >= 3 else None
                one = both(special, one) if special else Usual(
                    one.low / 2, one.high * 5, one.centre, one.from_, one.to, one.runs, one.when
                )  # fmt: skip
            told[name] = one
        return Compared(told, sum(row[2] == 0 for row in found), len(found))

    def _alike(
        self, db: sqlite3.Connection, record: RunRecord, place: When, known: float, often: bool
    ) -> tuple[list[tuple[Any, ...]] | None, Message | None, float]:
        """The comparable runs, which they are, and by what factor more than usual is let pass, as they are less alike."""
        hour = f"{place.hour:02d}:00"
        hours = "hour IN (?, ?, ?)"
        if often:
            # Of a flow that runs all the time, the hour itself tells enough, and more exactly.
            kinds = f" AND weekday IN ({', '.join('?' * len(place.kind))}) AND hour = ?"
            found = self._select(db, record, kinds, (*place.kind, place.hour))
            if len(found) >= 4 * FEWEST and len({row[4] for row in found}) >= 3:
                kind = msg("at weekends") if place.weekday >= 5 else msg("on working days")
                return found, msg("{days} around {hour}", days=kind, hour=hour), 1.0
        found = self._select(db, record, f" AND weekday = ? AND {hours}", (place.weekday, *place.hours))
        if len(found) >= FEWEST and len({row[4] for row in found}) >= 4:
            return found, msg("on {weekday} around {hour}", weekday=_WEEKDAYS[place.weekday], hour=hour), 1.0
        kinds = f" AND weekday IN ({', '.join('?' * len(place.kind))})"
        found = self._select(db, record, f"{kinds} AND {hours}", (*place.kind, *place.hours))
        kind = msg("at weekends") if place.weekday >= 5 else msg("on working days")
        if len(found) >= FEWEST:
            return found, msg("{days} around {hour}", days=kind, hour=hour), 1.0
        same = self._select(db, record, kinds, place.kind)
        near = any(min(abs(row[5] - place.hour), 24 - abs(row[5] - place.hour)) <= 2 for row in same)
        if len(same) >= 10 and (near or known >= KNOWN):
            return same, kind, 1.0 if near else 3.0
        every = self._select(db, record, "", ())
        if len(every) >= 10 and known >= KNOWN:
            # Where this kind of day was hardly seen yet, it may be quite another one.
            return every, None, 1.5 if same else 3.0
        return None, None, 1.0

    def _select(self, db: sqlite3.Connection, record: RunRecord, clause: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """`at`, the numbers, day and hour of the latest good runs."""
        return db.execute(
            f'SELECT at, seconds, "rows", rejects, day, hour FROM seen WHERE flow = ? AND done AND run <> ?{clause} '  # noqa: S608 - our own clauses
            "ORDER BY at DESC LIMIT ?",
            (record.flow, record.id, *values, MOST),
        ).fetchall()


def _values(rows: Sequence[tuple[Any, ...]], index: int) -> list[Past]:
    # Shares of rejects are zero as often as not: a floor keeps them comparable.
    floor = 0.001 if index == 3 else 0.0
    return [Past(row[0], row[index] + floor) for row in rows if row[index] is not None and math.isfinite(row[index])]


_WEEKDAYS = (
    msg("Mondays"), msg("Tuesdays"), msg("Wednesdays"), msg("Thursdays"), msg("Fridays"), msg("Saturdays"), msg("Sundays"),
)  # fmt: skip
