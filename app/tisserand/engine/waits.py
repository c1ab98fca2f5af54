"""What runs wait for, as the journal keeps it: moments, signals, decisions; each is answered once, and each signal taken once."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tisserand.engine.records import to_json
from tisserand.sdk.waiting import Answer, Awaited, Kind
from tisserand.texts import Message, msg

if TYPE_CHECKING:
    from tisserand.engine.journal import Journal

WAITS = """
CREATE TABLE waits (
  run TEXT NOT NULL, node TEXT NOT NULL, root TEXT NOT NULL, digest TEXT NOT NULL, kind TEXT NOT NULL,
  until REAL, signal TEXT, key TEXT, asked TEXT NOT NULL, since REAL NOT NULL,
  answer TEXT, "by" TEXT, answered REAL, closed REAL,
  PRIMARY KEY (run, node)
) WITHOUT ROWID;
CREATE INDEX waits_open ON waits (root) WHERE closed IS NULL;
CREATE INDEX waits_for ON waits (signal) WHERE signal IS NOT NULL AND closed IS NULL AND answer IS NULL;
CREATE TABLE signals (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, key TEXT, data TEXT NOT NULL, "by" TEXT NOT NULL, sent REAL NOT NULL,
  origin TEXT UNIQUE, run TEXT, node TEXT, taken REAL
);
CREATE INDEX signals_kept ON signals (name, id) WHERE taken IS NULL;
"""
"""`waits`: `root` is the run that goes on when the wait is answered (the caller of all where `run` was called), `digest` that of the
node as it was asked; `closed` is when the run took the answer, or was over. `signals`: those without `taken` wait for a run."""

_COLUMNS = 'run, node, root, digest, kind, until, signal, key, asked, since, answer, "by", answered, closed'


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing that a run waits for, or has waited for. Times are seconds since 1970, UTC."""

    run: str
    node: str
    root: str
    digest: str
    kind: Kind
    until: float | None = None
    signal: str | None = None
    key: str | None = None
    asked: Mapping[str, Any] = field(default_factory=dict)
    """Of a decision: `question`, `allowed`, `comment`, and `shown`, the place of the rows."""
    since: float = 0.0
    answer: Answer | None = None
    closed: float | None = None


def told(wait: Awaited) -> Message:
    """What is waited for, as a sentence."""
    match wait.kind:
        case "signal" if wait.key is not None:
            return msg("Waiting for the signal “{signal}” with the key “{key}”.", signal=wait.signal, key=wait.key)
        case "signal":
            return msg("Waiting for the signal “{signal}”.", signal=wait.signal)
        case "decision" if wait.allowed:
            return msg("Waiting for the decision of {people}.", people=list(wait.allowed))
        case "decision":
            return msg("Waiting for a decision.")
        case _:
            return msg("Waiting until {moment} UTC.", moment=moment(wait.until or 0.0))


def moment(seconds: float) -> str:
    """A moment as texts show it, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


class Waits:
    """The waits and signals of one journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    # -- the run's side

    def ask(self, run: str, node: str, root: str, digest: str, wait: Awaited, limited: bool = False) -> Answer | None:
        """Wait for something, or go on with that; gives the answer where there is one. A signal that came before is taken. What was
        asked with another `digest`, before an edit of the flow, is forgotten. An answer that was given counts as taken from now on.
        `limited`: until the node's own time limit."""
        now = time.time()
        with self._journal.writing() as db:
            known = self._of(db, run, node)
            if known is None or known.digest != digest:
                self._enter(db, run, node, root, digest, wait, now, limited)
                known = self._of(db, run, node)
                assert known is not None
            answer = known.answer
            if answer is None and known.until is not None and known.until <= now:
                answer = Answer("moment" if known.kind == "time" else "timeout", {}, "", known.until)
                self._put(db, known, answer, now)
            if answer is not None:
                db.execute("UPDATE waits SET closed = ? WHERE run = ? AND node = ? AND closed IS NULL", (now, run, node))
                kind = "node.answered"
                self._journal.insert_event(db, run, kind, node, {"what": answer.what, "by": answer.by})
            else:
                kind = "node.waiting"
                # Open again, where a run that was over is gone on with.
                db.execute("UPDATE waits SET closed = NULL WHERE run = ? AND node = ?", (run, node))
                about = {"what": known.kind, "until": known.until, "signal": known.signal, "key": known.key, **known.asked}
                self._journal.insert_event(db, run, kind, node, {**about, "reason": told(wait_of(known)).to_json()})
        self._journal.wrote(kind)
        return answer

    def _enter(
        self, db: sqlite3.Connection, run: str, node: str, root: str, digest: str, wait: Awaited, now: float, limited: bool
    ) -> None:
        asked = {"question": wait.question, "allowed": list(wait.allowed), "comment": wait.comment, "shown": wait.shown}
        asked = {**(asked if wait.kind == "decision" else {}), **({"limited": True} if limited else {})}
        text = json.dumps(asked, default=to_json)
        db.execute(
            "INSERT OR REPLACE INTO waits (run, node, root, digest, kind, until, signal, key, asked, since) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (run, node, root, digest, wait.kind, wait.until, wait.signal, wait.key, text, now),
        )
        if wait.signal is not None:
            kept = db.execute(
                'SELECT id, key, data, "by", sent FROM signals WHERE taken IS NULL AND name = ? AND (? IS NULL OR key = ?) '
                "ORDER BY id LIMIT 1",
                (wait.signal, wait.key, wait.key),
            ).fetchone()
            if kept is not None:
                self._take(db, run, node, kept, now)

    def _take(self, db: sqlite3.Connection, run: str, node: str, kept: tuple[Any, ...], now: float) -> None:
        """A signal is the answer of a wait."""
        id, key, data, by, sent = kept
        db.execute("UPDATE signals SET run = ?, node = ?, taken = ? WHERE id = ?", (run, node, now, id))
        found = self._of(db, run, node)
        assert found is not None
        self._put(db, found, Answer("signal", {"data": json.loads(data), "key": key}, by, sent), now)

    def close(self, root: str, cancel: bool = False) -> bool:
        """A run is over: nothing is waited for any more, and runs that it called and that wait are over with it. `cancel`: it is over
        from now on, if it waits; says whether it did."""
        now = time.time()
        with self._journal.writing() as db:
            waiting = db.execute("SELECT state = 'waiting' FROM runs WHERE id = ?", (root,)).fetchone()
            if cancel and not (waiting and waiting[0]):
                return False
            called = db.execute(
                "WITH RECURSIVE called (id) AS (SELECT ? UNION SELECT r.id FROM runs r JOIN called c ON r.parent = c.id) "
                "SELECT id FROM runs WHERE state = 'waiting' AND id IN called AND (? OR id != ?)",
                (root, cancel, root),
            ).fetchall()
            for (run,) in called:
                db.execute("UPDATE runs SET state = 'cancelled', finished = ?, error = NULL WHERE id = ?", (now, run))
                self._journal.insert_event(db, run, "run.cancelled", None, {})
            db.execute("UPDATE waits SET closed = ? WHERE root = ? AND closed IS NULL", (now, root))
        if called:
            self._journal.wrote("run.cancelled")
        return True

    def left_open(self) -> list[str]:
        """Runs that are over and whose waits are not, because they were killed in between."""
        found = self._journal.rows(
            "SELECT DISTINCT w.root FROM waits w JOIN runs r ON r.id = w.root "
            "WHERE w.closed IS NULL AND r.state IN ('done', 'failed', 'cancelled')"
        )
        return [str(root) for (root,) in found]

    # -- the others' side

    def of(self, run: str, node: str) -> Waiting | None:
        found = self._journal.row(f"SELECT {_COLUMNS} FROM waits WHERE run = ? AND node = ?", (run, node))
        return _waiting(found) if found else None

    def ever(self, root: str) -> bool:
        """Whether a run has waited for anything."""
        return self._journal.row("SELECT 1 FROM waits WHERE root = ? LIMIT 1", (root,)) is not None

    def open(self, root: str | None = None) -> list[Waiting]:
        """All that is waited for and not answered yet, by runs that are not over; what is asked longest first."""
        found = self._journal.rows(
            f"SELECT {_COLUMNS} FROM waits WHERE closed IS NULL AND answer IS NULL AND (? IS NULL OR root = ?) AND EXISTS "
            "(SELECT 1 FROM runs WHERE id = root AND state IN ('waiting', 'running', 'queued')) ORDER BY since, run, node",
            (root, root),
        )
        return [_waiting(row) for row in found]

    def answer(self, run: str, node: str, answer: Answer) -> bool:
        """Answer what a run waits for; says whether it still waited for that."""
        with self._journal.writing() as db:
            found = self._of(db, run, node)
            if found is None or found.answer is not None or found.closed is not None:
                return False
            self._put(db, found, answer, time.time())
        self._journal.wrote("wait.answered")
        return True

    def signal(self, name: str, key: str | None, data: Any, by: str, origin: str | None = None) -> Waiting | None:
        """Send a signal: the run that waits for it longest takes it, else it is kept; gives who took it. A signal that names its
        `origin` is sent once."""
        now = time.time()
        taken = None
        with self._journal.writing() as db:
            sent = db.execute(
                'INSERT OR IGNORE INTO signals (name, key, data, "by", sent, origin) VALUES (?, ?, ?, ?, ?, ?)',
                (name, key, json.dumps(data, default=to_json, ensure_ascii=False), by, now, origin),
            )
            if not sent.rowcount:
                return None
            row = db.execute(
                f"SELECT {_COLUMNS} FROM waits WHERE signal = ? AND (key IS NULL OR key = ?) AND closed IS NULL AND answer IS NULL "
                "AND EXISTS (SELECT 1 FROM runs WHERE id = root AND state IN ('waiting', 'running', 'queued')) "
                "ORDER BY since, run, node LIMIT 1",
                (name, key),
            ).fetchone()
            if row is not None:
                taken = _waiting(row)
                self._take(db, taken.run, taken.node, (sent.lastrowid, key, json.dumps(data, default=to_json), by, now), now)
        self._journal.wrote("signal.sent")
        return taken

    def kept(self) -> list[tuple[int, str, str | None, Any, str, float]]:
        """Signals that nobody has taken: id, name, key, data, by, when."""
        found = self._journal.rows('SELECT id, name, key, data, "by", sent FROM signals WHERE taken IS NULL ORDER BY id')
        return [(id, name, key, json.loads(data), by, sent) for id, name, key, data, by, sent in found]

    def forget(self, before: float) -> int:
        """Remove the signals sent before a moment, taken or not; gives how many."""
        with self._journal.writing("signals.forgotten") as db:
            return db.execute("DELETE FROM signals WHERE sent < ?", (before,)).rowcount

    def expire(self, now: float) -> int:
        """Answer what waits for a moment up to `now`; gives how many."""
        with self._journal.writing() as db:
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM waits WHERE closed IS NULL AND answer IS NULL AND until <= ? AND EXISTS "
                "(SELECT 1 FROM runs WHERE id = root AND state = 'waiting')",
                (now,),
            ).fetchall()
            for found in map(_waiting, rows):
                self._put(db, found, Answer("moment" if found.kind == "time" else "timeout", {}, "", now), now)
        if rows:
            self._journal.wrote("wait.answered")
        return len(rows)

    def ready(self) -> list[str]:
        """The waiting runs that can go on: what one of their nodes waits for has come."""
        found = self._journal.rows(
            "SELECT DISTINCT root FROM waits WHERE closed IS NULL AND answer IS NOT NULL AND "
            "EXISTS (SELECT 1 FROM runs WHERE id = root AND state = 'waiting') ORDER BY root"
        )
        return [str(root) for (root,) in found]

    def due(self, root: str, now: float) -> bool:
        """Whether something that a run waits for has come."""
        found = self._journal.row(
            "SELECT 1 FROM waits WHERE root = ? AND closed IS NULL AND (answer IS NOT NULL OR until <= ?)", (root, now)
        )
        return found is not None

    # -- inside

    def _of(self, db: sqlite3.Connection, run: str, node: str) -> Waiting | None:
        found = db.execute(f"SELECT {_COLUMNS} FROM waits WHERE run = ? AND node = ?", (run, node)).fetchone()
        return _waiting(found) if found else None

    def _put(self, db: sqlite3.Connection, found: Waiting, answer: Answer, now: float) -> None:
        text = json.dumps({"what": answer.what, "data": dict(answer.data), "at": answer.at}, default=to_json, ensure_ascii=False)
        db.execute(
            'UPDATE waits SET answer = ?, "by" = ?, answered = ? WHERE run = ? AND node = ? AND answer IS NULL',
            (text, answer.by, now, found.run, found.node),
        )
        about = {
            "what": answer.what,
            "by": answer.by,
            "decision": answer.data.get("decision"),
            "comment": answer.data.get("comment"),
        }
        self._journal.insert_event(db, found.run, "wait.answered", found.node, about)


def wait_of(found: Waiting) -> Awaited:
    """As it was asked."""
    allowed: Sequence[str] = found.asked.get("allowed") or ()
    return Awaited(
        found.kind,
        found.until,
        found.signal,
        found.key,
        found.asked.get("question") or "",
        tuple(allowed),
        bool(found.asked.get("comment")),
        found.asked.get("shown"),
    )


def _waiting(row: Sequence[Any]) -> Waiting:
    run, node, root, digest, kind, until, signal, key, asked, since, answer, by, _answered, closed = row
    told = json.loads(answer) if answer else None
    given = Answer(told["what"], told["data"], by or "", told["at"]) if told else None
    return Waiting(run, node, root, digest, kind, until, signal, key, json.loads(asked), since, given, closed)


def worked(journal: Journal, run: str) -> float:
    """How many seconds a run has worked before it waited: its time limit counts these, and not the days in between. What a run took
    that failed and is gone on with does not count."""
    seconds, begun = 0.0, None
    rows = journal.rows(
        "SELECT kind, time FROM events WHERE run = ? AND kind IN ('run.started', 'run.waiting', 'run.failed', 'run.cancelled', "
        "'run.interrupted') ORDER BY seq",
        (run,),
    )
    for kind, when in rows:
        if kind == "run.started":
            begun = when
        elif kind == "run.waiting":
            seconds += when - begun if begun is not None else 0.0
        else:
            seconds = 0.0
    return seconds
