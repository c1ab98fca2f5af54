"""The durable inbox: one row for every event that ever arrived, entered before whoever sent it is told that it was taken."""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from tisserand.sdk.node import Arrived
from tisserand.store import Store

EventState = Literal["waiting", "taken", "done", "dead", "discarded"]

_FIRST = """
CREATE TABLE sources (id INTEGER PRIMARY KEY, file TEXT NOT NULL, node TEXT NOT NULL, mark TEXT, UNIQUE (file, node));
CREATE TABLE events (
  id INTEGER PRIMARY KEY AUTOINCREMENT, source INTEGER NOT NULL REFERENCES sources (id), key TEXT NOT NULL, row TEXT NOT NULL,
  trace TEXT, received REAL NOT NULL, state TEXT NOT NULL DEFAULT 'waiting', batch TEXT, run TEXT,
  attempts INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL DEFAULT 0, error TEXT, edited_by TEXT, edited_at REAL
);
CREATE UNIQUE INDEX events_by_key ON events (source, key);
CREATE INDEX events_by_state ON events (source, state, id);
CREATE INDEX events_by_batch ON events (batch) WHERE batch IS NOT NULL;
CREATE INDEX events_by_run ON events (run) WHERE run IS NOT NULL;
CREATE TABLE seen (what TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """Events that one run takes. `label` is the run's label; it names the batch for ever."""

    label: str
    file: str
    node: str
    ids: tuple[int, ...]
    rows: tuple[Mapping[str, Any], ...]
    traces: tuple[str, ...] = ()
    attempts: int = 0
    """How often a run of these events has failed before, at most."""
    run: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A trigger of a flow whose events wait. `oldest` and `due` belong to the first of them."""

    file: str
    node: str
    oldest: float
    due: float
    first: int


class InboxStore(Store):
    """One SQLite file for all threads and processes of a workspace. What a method wrote is on the disk when it returns."""

    migrations: ClassVar[tuple[str, ...]] = (_FIRST,)

    # -- arriving ------------------------------------------------------------------------------------------------------
    def keep(self, file: str, node: str, events: Sequence[Arrived], mark: Any = None) -> int:
        """Enter events and the mark behind them, all or none; gives how many are new. What has a known key is known already."""
        now = time.time()
        with self.writing("inbox.kept") as db:
            source = _source(db, file, node)
            before = db.total_changes
            db.executemany(
                "INSERT OR IGNORE INTO events (source, key, row, trace, received) VALUES (?, ?, ?, ?, ?)",
                ((source, _key(event), _text(event.row), event.trace, now) for event in events),
            )
            new = db.total_changes - before
            if mark is not None:
                db.execute("UPDATE sources SET mark = ? WHERE id = ?", (_text(mark), source))
        return new

    def keep_one(self, file: str, node: str, event: Arrived) -> tuple[int, bool]:
        """Enter one event; gives its number, and whether it is new."""
        key = _key(event)
        with self.writing("inbox.kept") as db:
            source = _source(db, file, node)
            done = db.execute(
                "INSERT OR IGNORE INTO events (source, key, row, trace, received) VALUES (?, ?, ?, ?, ?)",
                (source, key, _text(event.row), event.trace, time.time()),
            )
            found = db.execute("SELECT id FROM events WHERE source = ? AND key = ?", (source, key)).fetchone()
        return int(found[0]), done.rowcount == 1

    def number(self, file: str, node: str, key: str) -> int | None:
        """The number of the event with this key; None for a new one."""
        found = self.row(
            "SELECT id FROM events WHERE source = (SELECT id FROM sources WHERE file = ? AND node = ?) AND key = ?",
            (file, node, key),
        )
        return int(found[0]) if found else None

    def adopt(self, file: str, node: str, events: Iterable[tuple[str, str, float, str | None, str | None, str]]) -> None:
        """Take over events of the ledger of before: key, row as JSON, when seen, run, state (None: not known to be over), and the
        label that their run has or would have had."""
        states = {None: "taken", "done": "done", "failed": "dead", "cancelled": "dead"}
        with self.writing("inbox.adopted") as db:
            source = _source(db, file, node)
            db.executemany(
                "INSERT OR IGNORE INTO events (source, key, row, received, run, state, batch) VALUES (?, ?, ?, ?, ?, ?, ?)",
                ((source, key, row, seen, run, states.get(state, "dead"), label) for key, row, seen, run, state, label in events),
            )

    def mark(self, file: str, node: str) -> Any:
        """The last mark kept of a trigger; None before the first."""
        found = self.row("SELECT mark FROM sources WHERE file = ? AND node = ?", (file, node))
        return json.loads(found[0]) if found and found[0] else None

    def fuller(self, file: str, most: int) -> bool:
        """Whether `most` events or more of a flow wait."""
        found = self.row(
            "SELECT count(*) FROM (SELECT 1 FROM events WHERE source IN (SELECT id FROM sources WHERE file = ?) "
            "AND state = 'waiting' LIMIT ?)",
            (file, most),
        )
        return bool(found and found[0] >= most)

    # -- serving -------------------------------------------------------------------------------------------------------
    def sources(self) -> list[Source]:
        """The triggers that have events waiting, the one with the oldest first."""
        found = self.rows(
            "SELECT s.file, s.node, e.received, e.due, e.id FROM sources AS s JOIN events AS e ON e.id = "
            "(SELECT min(id) FROM events WHERE source = s.id AND state = 'waiting') ORDER BY e.id"
        )
        return [Source(*row) for row in found]

    def take(self, file: str, node: str, most: int, until: float) -> Batch | None:
        """Take the first waiting events of a trigger that arrived before `until`, `most` at most, for one run."""
        label = f"event:{secrets.token_hex(16)}"
        with self.writing("inbox.taken") as db:
            source = _source(db, file, node)
            found = db.execute(
                "SELECT id, row, trace, attempts FROM events WHERE source = ? AND state = 'waiting' AND received < ? "
                "ORDER BY id LIMIT ?",
                (source, until, most),
            ).fetchall()
            if found:
                db.execute(
                    "UPDATE events SET state = 'taken', batch = ?, error = NULL WHERE source = ? AND state = 'waiting' "
                    "AND received < ? AND id BETWEEN ? AND ?",
                    (label, source, until, found[0][0], found[-1][0]),
                )
        return _batch(label, file, node, found) if found else None

    def taken(self) -> list[Batch]:
        """The batches whose run is not known to be over, the oldest first."""
        heads = self.rows(
            "SELECT e.batch, s.file, s.node, max(e.run), min(e.id) AS first FROM events AS e JOIN sources AS s ON s.id = e.source "
            "WHERE e.source IN (SELECT id FROM sources) AND e.state = 'taken' GROUP BY e.batch ORDER BY first"
        )
        batches = []
        for label, file, node, run, _first in heads:
            found = self.rows(
                "SELECT id, row, trace, attempts FROM events WHERE batch = ? AND state = 'taken' ORDER BY id", (label,)
            )
            batches.append(_batch(label, file, node, found, run))
        return batches

    def began(self, label: str, run: str) -> None:
        """The run of a batch is entered in the journal."""
        with self.writing("inbox.began") as db:
            db.execute("UPDATE events SET run = ? WHERE batch = ? AND state = 'taken'", (run, label))

    def put_back(self, label: str, due: float) -> None:
        """No run was started for a batch: its events wait again, until `due` at least."""
        with self.writing("inbox.put_back") as db:
            db.execute(
                "UPDATE events SET state = 'waiting', batch = NULL, due = ? WHERE batch = ? AND state = 'taken'", (due, label)
            )

    def done(self, label: str) -> None:
        with self.writing("inbox.done") as db:
            db.execute("UPDATE events SET state = 'done', error = NULL WHERE batch = ? AND state = 'taken'", (label,))

    def again(self, label: str, due: float, error: Any) -> None:
        """Their run failed; they wait for the next one, until `due` at least."""
        with self.writing("inbox.again") as db:
            db.execute(
                "UPDATE events SET state = 'waiting', batch = NULL, attempts = attempts + 1, due = ?, error = ? "
                "WHERE batch = ? AND state = 'taken'",
                (due, _text(error), label),
            )

    def dead(self, label: str, error: Any) -> None:
        """Their run failed and was the last attempt."""
        with self.writing("inbox.dead") as db:
            db.execute(
                "UPDATE events SET state = 'dead', attempts = attempts + 1, error = ? WHERE batch = ? AND state = 'taken'",
                (_text(error), label),
            )

    def revive(self, run: str) -> int:
        """A run that had failed was resumed and is done: so are its events. Gives how many."""
        if self.row("SELECT 1 FROM events WHERE run = ? AND state = 'dead'", (run,)) is None:
            return 0
        with self.writing("inbox.done") as db:
            return db.execute("UPDATE events SET state = 'done', error = NULL WHERE run = ? AND state = 'dead'", (run,)).rowcount

    def seen(self, what: str) -> int:
        """How far something was followed; it may lag behind after a crash."""
        found = self.row("SELECT number FROM seen WHERE what = ?", (what,))
        return int(found[0]) if found else 0

    def see(self, what: str, number: int) -> None:
        with self.writing(quick=True) as db:
            db.execute("INSERT INTO seen VALUES (?, ?) ON CONFLICT (what) DO UPDATE SET number = excluded.number", (what, number))


def _source(db: sqlite3.Connection, file: str, node: str) -> int:
    found = db.execute("SELECT id FROM sources WHERE file = ? AND node = ?", (file, node)).fetchone()
    if found is None:
        found = db.execute("INSERT INTO sources (file, node) VALUES (?, ?) RETURNING id", (file, node)).fetchone()
    return int(found[0])


def _key(event: Arrived) -> str:
    return event.key if event.key is not None else secrets.token_hex(16)


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)
    # Half a surrogate pair is no text that SQLite keeps; escaped it is.
    return text if text.isascii() or _encodes(text) else json.dumps(value, separators=(",", ":"), default=_plain)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value.to_json()


def _batch(label: str, file: str, node: str, found: Sequence[tuple[Any, ...]], run: str | None = None) -> Batch:
    ids, texts, traces, attempts = zip(*found, strict=True)
    return Batch(
        label, file, node, ids, tuple(json.loads(text) for text in texts), tuple(t for t in traces if t), max(attempts), run
    )
