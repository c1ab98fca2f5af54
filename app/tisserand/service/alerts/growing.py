"""Queues that grow: looked at once a minute, told when they have only grown for ten minutes and are longer than they ever were."""

from __future__ import annotations

import itertools
from pathlib import Path

from tisserand.service.alerts.normal import DAY
from tisserand.service.alerts.settings import Settings
from tisserand.service.alerts.sources import Sources, flow_id
from tisserand.service.alerts.store import AlertStore, Finding
from tisserand.texts import Message, msg

EVERY = 60.0
MINUTES = 10
SHORTEST = 20
"""What a queue must hold at least."""
LONGER = 1.5
"""How much longer than in the week before."""
QUEUE = ""


class Growing:
    """The queue of runs (its name is empty) and the inbox of each flow."""

    def __init__(self, root: Path, store: AlertStore, sources: Sources) -> None:
        self._root = root
        self._store = store
        self._sources = sources

    def look(self, now: float, settings: Settings) -> None:
        last = self._store.mark("lengths")
        if last is not None and 0 <= now - last < EVERY:
            return
        lengths = {QUEUE: self._sources.queued(), **self._sources.inbox()}
        gone = {
            name for (name,) in self._store.rows("SELECT DISTINCT name FROM lengths WHERE length > 0 AND time >= ?", (now - 700,))
        }
        for name in gone - lengths.keys():
            lengths[name] = 0
        with self._store.writing("alerts.lengths") as db:
            self._store.set_mark(db, "lengths", now)
            for name, length in lengths.items():
                rule = "queue" if name == QUEUE else "inbox"
                before = self._before(name, now)
                highest = self._store.row(
                    "SELECT max(length) FROM lengths WHERE name = ? AND time > ? AND time < ?", (name, now - 7 * DAY, now - 660)
                )
                db.execute("INSERT OR REPLACE INTO lengths VALUES (?, ?, ?)", (name, now, length))
                open_ = db.execute(
                    "SELECT 1 FROM alerts WHERE state = 'open' AND rule = ? AND flow = ?", (rule, self._flow(name))
                ).fetchone()
                most = int((highest and highest[0]) or 0)
                if open_ is not None:
                    if (len(before) >= 3 and length < SHORTEST) or (before and length <= max(before) / 2):
                        self._store.resolve(db, [rule], self._flow(name), now)
                elif _grows([*before, length], most) and not settings.is_off(rule, self._flow(name)):
                    self._store.raise_(db, Finding(rule, self._flow(name), self._said(name, before[0], length, most), _FIX[rule],
                                                   "warning", name or None), now)  # fmt: skip

    def _before(self, name: str, now: float) -> list[int]:
        """The lengths of the minutes before, as far as they hang together."""
        found = self._store.rows(
            "SELECT time, length FROM lengths WHERE name = ? AND time > ? ORDER BY time", (name, now - (MINUTES + 2) * EVERY)
        )
        return [length for _time, length in found][-MINUTES:]

    def _flow(self, name: str) -> str:
        """The id of the flow in a file."""
        return flow_id(self._root, name) if name else ""

    def _said(self, name: str, first: int, length: int, most: int) -> Message:
        if name == QUEUE:
            return msg("{length} runs are queued, {more} more than {minutes} minutes ago; in the week before never more than {most}.",
                       length=length, more=length - first, minutes=MINUTES, most=most)  # fmt: skip
        return msg("{length} events wait in the inbox, {more} more than {minutes} minutes ago; in the week before never more than {most}.",
                   length=length, more=length - first, minutes=MINUTES, most=most)  # fmt: skip


def _grows(lengths: list[int], most: int) -> bool:
    if len(lengths) <= MINUTES:
        return False
    steady = all(later >= earlier for earlier, later in itertools.pairwise(lengths))
    return steady and lengths[-1] >= SHORTEST + lengths[0] and lengths[-1] >= 2 * lengths[0] and lengths[-1] > LONGER * most


_FIX = {
    "queue": msg("See what holds the runs up (tisserand ps), or let more of them run at a time."),
    "inbox": msg("See whether its runs fail or are too slow, or let one run take more events at a time."),
}
