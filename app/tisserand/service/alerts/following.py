"""Following the journal: each run that begins or ends is judged once, whatever is killed when."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping
from datetime import tzinfo
from pathlib import Path

from tisserand.engine.journal import Event, Journal, RunRecord
from tisserand.model.lock import lock_file, read_lock
from tisserand.service.alerts import rules
from tisserand.service.alerts.facts import Facts, cause, facts, first_seq, partial
from tisserand.service.alerts.growing import Growing
from tisserand.service.alerts.history import History
from tisserand.service.alerts.normal import DAY, span
from tisserand.service.alerts.rhythm import WINDOW, Rhythm
from tisserand.service.alerts.settings import Settings, read
from tisserand.service.alerts.sources import Sources
from tisserand.service.alerts.store import AlertStore, Finding
from tisserand.service.alerts.telling import tell
from tisserand.texts import msg

Clock = Callable[[], float]

BATCH = 500
"""Events that are taken in at a time, all or none."""
BACK = 90 * DAY
"""How much of an old journal is learned from where alerts are new."""
REMEMBERED = 6 * 3600.0
"""Seconds for which the rhythm of a flow, once worked out, is believed."""
_LOOKED_AT = frozenset({"run.started", "run.done", "run.failed", "run.interrupted"})


class Following:
    """`look` does all there is to do now, and is called again and again by one thread."""

    def __init__(
        self,
        root: Path,
        journal: Journal,
        store: AlertStore,
        sources: Sources,
        clock: Clock = time.time,
        zone: tzinfo | None = None,
    ) -> None:
        self._root = root
        self._journal = journal
        self._store = store
        self._sources = sources
        self._clock = clock
        self._history = History(store, zone)
        self._zone = zone
        self._growing = Growing(root, store, sources)
        self._rhythms: dict[str, tuple[float, Rhythm]] = {}
        self._cleaned = 0.0
        self.settings: Settings = read(root).settings

    def look(self) -> None:
        """Take in what happened, look at the clock, and hand on what is to be told."""
        now = self._clock()
        self.settings = read(self._root).settings
        self.begin(now)
        while self._take(now):
            pass
        self._late(now)
        self._verdicts(now)
        self._growing.look(now, self.settings)
        if now - self._cleaned > DAY:
            self._cleaned = now
            with self._store.writing("alerts.cleaned") as db:
                self._history.forget(db, now)
                db.execute("DELETE FROM lengths WHERE time < ?", (now - 8 * DAY,))
                db.execute("DELETE FROM outbox WHERE state <> 'pending' AND made < ?", (now - 90 * DAY,))
        tell(self._store, self.settings, now)

    def begin(self, now: float) -> None:
        """Note from when on things are told, where nothing is noted yet: what happens from here on is not lost, whatever is killed."""
        if self._store.mark("since") is None:
            first = first_seq(self._journal, now - BACK)
            with self._store.writing("alerts.begun") as db:
                self._store.set_mark(db, "since", now)
                self._store.set_mark(db, "cursor", first)
        self._since = float(self._store.mark("since"))

    def _take(self, now: float) -> bool:
        """Some events more; whether there may be others."""
        after = int(self._store.mark("cursor"))
        found = self._journal.tail(after, BATCH)
        if not found:
            return False
        # All is read before the transaction, and everything that follows from these events is in it, with the place to go on from.
        known = [(event, self._journal.run(event.run)) for event in found if event.kind in _LOOKED_AT]
        told = {
            event.run: facts(record, self._journal.all_events(event.run))
            for event, record in known
            if record is not None and event.kind == "run.done"
        }
        with self._store.writing("alerts.taken") as db:
            for event, record in known:
                if record is not None and record.parent is None and record.flow_file is not None:
                    self._one(db, event, record, told.get(event.run))
            self._store.set_mark(db, "cursor", found[-1].seq)
        return len(found) == BATCH

    def _one(self, db: sqlite3.Connection, event: Event, record: RunRecord, told: Facts | None) -> None:
        if partial(self._root, record.id) or (not self.settings.by_hand and record.trigger == "manual"):
            return
        new = event.time >= self._since
        if event.kind == "run.started":
            if self._history.begun(db, record):
                self._expect(db, record)
            self._store.resolve(db, ["missing"], record.flow, event.time)
        elif event.kind == "run.done" and record.state == "done" and told is not None:
            self._good(db, event, record, told, new)
        elif event.kind in ("run.failed", "run.interrupted") and new:
            # A run that was resumed meanwhile failed all the same; how it goes on is told by the events behind.
            known = record if event.kind == f"run.{record.state}" else _as_it_was(record, event)
            self._raise(db, rules.failed(known, cause(self._root, known)), event.time)

    def _good(self, db: sqlite3.Connection, event: Event, record: RunRecord, told: Facts, new: bool) -> None:
        self._history.begun(db, record)
        compared = self._history.compared(db, record) if new else None
        findings = list(rules.unusual(record, told, compared)) if compared is not None else []
        earlier = self._history.columns(db, record.flow, record.id) if new and told.columns else []
        drifted = rules.changed(record, told, earlier, self._accepted(record)) if earlier else None
        seen = {finding.rule for finding in findings}
        over = ["failed", *(rule for rule in rules.NUMBERS if rule not in seen), *(() if drifted else ("drift",))]
        self._store.resolve(db, over, record.flow, event.time)
        for finding in [*findings, *([drifted] if drifted else [])]:
            self._raise(db, finding, event.time)
        self._history.ended_well(db, record, told)

    def _raise(self, db: sqlite3.Connection, finding: Finding, at: float) -> None:
        if not self.settings.is_off(finding.rule, finding.flow):
            self._store.raise_(db, finding, at)

    def _accepted(self, record: RunRecord) -> frozenset[str]:
        """The sources whose columns a lock file holds: changes of those were accepted by whoever wrote it anew."""
        assert record.flow_file is not None
        name = lock_file(record.flow_file)
        try:
            text = (self._root / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return frozenset()
        return frozenset(read_lock(text, name)[0])

    # -- missing runs

    def _expect(self, db: sqlite3.Connection, record: RunRecord) -> None:
        """When the next run of a flow should have begun, after this one."""
        at = record.started or record.created
        known = self._rhythms.get(record.flow)
        if known is None or not 0 <= at - known[0] < REMEMBERED:
            trigger = self._history.usual_trigger(db, record.flow, at - WINDOW)
            starts = self._history.starts(db, record.flow, trigger, at - WINDOW) if trigger else []
            known = self._rhythms[record.flow] = (at, Rhythm(starts, self._zone))
        patience = known[1].patience(at)
        last = db.execute("SELECT last FROM due WHERE flow = ?", (record.flow,)).fetchone()
        if patience is None or (last is not None and last[0] > at):
            return
        db.execute(
            "INSERT OR REPLACE INTO due (flow, file, last, due, usual, told) VALUES (?, ?, ?, ?, ?, 0)",
            (record.flow, record.flow_file, at, at + patience[1], patience[0]),
        )

    def _late(self, now: float) -> None:
        """The flows that should have run again by now."""
        found = self._store.rows("SELECT flow, file, last, usual FROM due WHERE due < ? AND NOT told", (now,))
        if not found:
            return
        judged = self._sources.scheduled()
        with self._store.writing("alerts.late") as db:
            for flow, file, last, usual in found:
                db.execute("UPDATE due SET told = 1 WHERE flow = ?", (flow,))
                if file in judged or not (self._root / file).exists():
                    continue
                trigger = self._history.usual_trigger(db, flow, last - WINDOW) or "manual"
                if self._sources.rests(file, trigger):
                    continue
                message = msg("No run has begun for {since}; usually there is one within {usual}.",
                              since=span(now - last), usual=span(usual))  # fmt: skip
                fix = msg("See why: is its trigger on, and the executor running? tisserand watch")
                self._raise(db, Finding("missing", flow, message, fix, "error", file), now)

    def _verdicts(self, now: float) -> None:
        """The due times that a schedule has judged as missed."""
        found = list(self._sources.missed(max(self._since, now - 2 * DAY), now))
        fresh = [
            one for one in found if not self._store.row("SELECT 1 FROM missed WHERE file = ? AND due = ?", (one.file, one.due))
        ]
        if not fresh:
            return
        with self._store.writing("alerts.missed") as db:
            for one in fresh:
                db.execute("INSERT OR IGNORE INTO missed VALUES (?, ?)", (one.file, one.due))
                began = db.execute("SELECT max(at) FROM seen WHERE flow = ?", (one.flow,)).fetchone()[0]
                why = one.why or msg("nobody knows why")
                message = msg(
                    "The run that was due on {time} did not begin: {why}", time=_clock_text(one.due, self._zone), why=why
                )
                fix = msg("See why: tisserand schedule why {flow}", flow=one.flow)
                self._raise(db, Finding("missing", one.flow, message, fix, "error", one.file), now)
                if began is not None and began > one.due:
                    # It is told late, and the flow has run again since.
                    self._store.resolve(db, ["missing"], one.flow, now)


def _as_it_was(record: RunRecord, event: Event) -> RunRecord:
    from dataclasses import replace
    from typing import cast

    from tisserand.engine.journal import State

    error: Mapping[str, object] | None = event.data.get("error")
    return replace(record, state=cast(State, event.kind.removeprefix("run.")), error=error)


def _clock_text(moment: float, zone: tzinfo | None) -> str:
    from datetime import datetime

    return datetime.fromtimestamp(moment, zone).strftime("%Y-%m-%d %H:%M")
