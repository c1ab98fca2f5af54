"""Runs by filter: each question becomes queries that an index answers, the latest first; nothing reads all runs."""

from __future__ import annotations

import re
from calendar import timegm
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from time import gmtime, strftime, strptime
from typing import Any

from tisserand.engine.journal import Journal, RunRecord
from tisserand.engine.records import SELECT, record
from tisserand.service.figures.calls import Asked
from tisserand.service.figures.words import SHORTEST, Words, match

MOST = 10_000
"""What `count` counts up to, and the most runs of one page."""

FEW = 8
"""So many flows are looked through one by one; where a text fits more, another part of the filter leads."""

SLACK = 86_400
"""Seconds by which the time in a run's id and the one in `created` may differ."""

_OF_AN_ID = re.compile(r"[0-9a-f-]+")
_DATE = 8
"""Letters of an id that name a day."""
_TAIL = 16
"""Letters of an id before its last part."""

LAST = 253402300799
"""The end of the year 9999: ids of runs have four digits for the year."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A query over an index: `index` orders what fulfils the first of the `conditions`."""

    index: str
    conditions: tuple[str, ...]
    values: tuple[Any, ...]
    joined: bool = False
    """Led by the words of errors."""
    told: bool = False
    """With the words of the runs' errors, of those that have one."""

    def also(self, condition: str, *values: Any) -> _Source:
        return replace(self, conditions=(*self.conditions, condition), values=(*self.values, *values))


class Listing:
    """Runs by filter over one journal."""

    def __init__(self, journal: Journal, words: Words) -> None:
        self._journal = journal
        self._words = words

    def page(self, asked: Asked, limit: int, before: str | None = None) -> list[RunRecord]:
        """The latest first: by the time they were asked for; with `children`, by their ids, which sort by time too."""
        limit = max(0, min(limit, MOST))
        found: dict[str, float] = {}
        for source in self._sources(asked):
            for id, created in self._journal.rows(*_paged(source, asked, self._cursor(before, asked), limit)):
                found[id] = created
        order = sorted(found, key=(lambda id: id) if asked.children else (lambda id: (found[id], id)), reverse=True)[:limit]
        return self._records(order)

    def count(self, asked: Asked) -> int:
        found: set[str] = set()
        for source in self._sources(asked):
            sql, values = _query(source, "r.id")
            found.update(id for (id,) in self._journal.rows(f"{sql} LIMIT ?", (*values, MOST)))
            if len(found) >= MOST:
                return MOST
        return len(found)

    def queries(self, asked: Asked, limit: int = 100) -> list[tuple[str, tuple[Any, ...]]]:
        """What is asked of the journal for a page (for those who look at its plan)."""
        return [_paged(source, asked, None, limit) for source in self._sources(asked)]

    def _records(self, ids: Sequence[str]) -> list[RunRecord]:
        found: dict[str, RunRecord] = {}
        for at in range(0, len(ids), 500):
            some = ids[at : at + 500]
            for row in self._journal.rows(f"{SELECT} WHERE id IN ({', '.join('?' * len(some))})", some):
                each = record(row)
                found[each.id] = each
        return [found[id] for id in ids if id in found]

    def _cursor(self, before: str | None, asked: Asked) -> tuple[float, str] | None:
        if before is None:
            return None
        known = self._journal.row("SELECT created FROM runs WHERE id = ?", (before,))
        return (known[0] if known else moment(before), before)

    # -- which queries

    def _sources(self, asked: Asked) -> Iterator[_Source]:
        if asked.text is None or not asked.text.strip():
            yield from _led(asked)
            return
        text = asked.text.strip().casefold()
        yield from self._by_id(asked, text)
        yield from self._by_name(asked, text)
        if len(text) >= SHORTEST:
            self._words.catch_up()
            if asked.flow is not None:
                # The few runs of one flow that did not end well are looked through sooner than all errors with these letters.
                for led in _led(asked):
                    yield replace(led, told=True).also("r.state <> 'done'").also("instr(t.text, ?) > 0", text)
                return
            source = _Source("", ("told MATCH ?", "instr(t.text, ?) > 0"), (match(text), text), joined=True)
            yield _filtered(source, asked)

    def _by_id(self, asked: Asked, text: str) -> Iterator[_Source]:
        if not _OF_AN_ID.fullmatch(text):
            return
        if len(text) >= _DATE:
            yield _filtered(_Source("", ("r.id >= ?", "r.id < ?"), (text, text + "~")), asked)
        if len(text) >= SHORTEST:
            tail = f"substr(r.id, {_TAIL + 1})"
            yield _filtered(_Source("runs_by_tail", (f"{tail} >= ?", f"{tail} < ?"), (text, text + "~")), asked)

    def _by_name(self, asked: Asked, text: str) -> Iterator[_Source]:
        named = self._journal.rows('SELECT flow, file, "by" FROM named')
        flows = {flow for flow, _file, _by in named if text in flow.casefold() and asked.flow in (None, flow)}
        pairs = {(flow, file) for flow, file, _by in named if text in file.casefold() and asked.flow in (None, flow)}
        people = {by for _flow, _file, by in named if text in by.casefold() and asked.by in (None, by)}
        if len(flows) <= FEW or not (asked.states or asked.trigger):
            for flow in flows:
                yield from _led(replace(asked, flow=flow))
        else:
            yield from (source.also(_in("r.flow", flows), *flows) for source in _led(asked))
        for flow, file in pairs:
            if flow not in flows:
                yield from (source.also("r.flow_file = ?", file) for source in _led(replace(asked, flow=flow)))
        for person in people:
            yield _filtered(_person(asked, person), asked, by=False)


def _led(asked: Asked) -> Iterator[_Source]:
    """Led by the part of the filter that leaves least."""
    if asked.flow is not None:
        index = "runs_by_flow" if asked.children else "top_by_flow"
        yield _filtered(_Source(index, ("r.flow = ?",), (asked.flow,)), asked, flow=False)
    elif asked.states:
        index = "runs_by_state" if asked.children else "top_by_state"
        for state in dict.fromkeys(asked.states):
            yield _filtered(_Source(index, ("r.state = ?",), (state,)), asked, states=False)
    elif asked.by is not None:
        yield _filtered(_person(asked, asked.by), asked, by=False)
    elif asked.trigger is not None and not asked.children:
        yield _filtered(_Source("top_by_trigger", ('r."trigger" = ?',), (asked.trigger,)), asked, trigger=False)
    else:
        yield _filtered(_Source("" if asked.children else "top_by_time", (), ()), asked)


def _person(asked: Asked, by: str) -> _Source:
    return _Source("" if asked.children else "top_by_person", ('r."by" = ?',), (by,))


def _filtered(
    source: _Source, asked: Asked, flow: bool = True, states: bool = True, trigger: bool = True, by: bool = True
) -> _Source:
    """With all that the filter asks for and the source does not fulfil by itself."""
    if not asked.children:
        source = source.also("r.parent IS NULL")
    if flow and asked.flow is not None:
        source = source.also("r.flow = ?", asked.flow)
    if states and asked.states:
        source = source.also(_in("r.state", asked.states), *asked.states)
    if trigger and asked.trigger is not None:
        source = source.also('r."trigger" = ?', asked.trigger)
    if by and asked.by is not None:
        source = source.also('r."by" = ?', asked.by)
    if asked.since is not None:
        source = source.also("r.created >= ?", asked.since)
        if asked.children:
            source = source.also("r.id >= ?", stamp(asked.since - SLACK))
    if asked.until is not None:
        source = source.also("r.created < ?", asked.until)
        if asked.children:
            source = source.also("r.id < ?", stamp(asked.until + SLACK))
    return source


def _paged(source: _Source, asked: Asked, cursor: tuple[float, str] | None, limit: int) -> tuple[str, tuple[Any, ...]]:
    if cursor is not None:
        source = source.also("r.id < ?", cursor[1]) if asked.children else source.also("(r.created, r.id) < (?, ?)", *cursor)
    sql, values = _query(source, "r.id, r.created")
    if source.joined and not asked.children:
        # The row ids of the index are times: the latest come first without sorting, and the search ends when there are enough.
        until = (cursor[0] if cursor else asked.until) if cursor or asked.until is not None else None
        if until is not None:
            sql, values = f"{sql} AND t.rowid < ?", (*values, _rank(until, 1))
        if asked.since is not None:
            sql, values = f"{sql} AND t.rowid >= ?", (*values, _rank(asked.since))
        return f"{sql} ORDER BY t.rowid DESC LIMIT ?", (*values, limit)
    order = "r.id DESC" if asked.children else "r.created DESC, r.id DESC"
    return f"{sql} ORDER BY {order} LIMIT ?", (*values, limit)


def _rank(seconds: float, more: int = 0) -> int:
    """Where a moment, and `more` microseconds, stands among the row ids of the index, which are nanoseconds in 64 bits."""
    return min(int(seconds * 1_000_000 + more) * 1_000, 2**63 - 1)


def _query(source: _Source, what: str) -> tuple[str, tuple[Any, ...]]:
    where = " AND ".join(source.conditions) or "1"
    if source.joined:
        return f"SELECT {what} FROM told t CROSS JOIN runs r ON r.id = t.run WHERE {where}", source.values  # noqa: S608 - our own clauses
    led = f" INDEXED BY {source.index}" if source.index else ""
    if source.told:
        led += " CROSS JOIN told_as a ON a.run = r.id CROSS JOIN told t ON t.rowid = a.at"
    return f"SELECT {what} FROM runs r{led} WHERE {where}", source.values  # noqa: S608 - our own clauses


def _in(column: str, values: Sequence[str] | set[str]) -> str:
    return f"{column} IN ({', '.join('?' * len(values))})"


def stamp(seconds: float) -> str:
    """The beginning of the ids of runs that are made at a moment."""
    return strftime("%Y%m%d-%H%M%S", gmtime(min(max(seconds, 0), LAST)))


def moment(run: str) -> float:
    """When the id of a run was made; 0 for a text that is none."""
    try:
        return float(timegm(strptime(run[:15], "%Y%m%d-%H%M%S")))
    except ValueError:
        return 0.0
