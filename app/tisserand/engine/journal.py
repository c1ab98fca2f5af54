"""The journal: every run and what happened in it, in one SQLite file that survives `kill -9` and serves many processes."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, cast

from tisserand.engine.counted import COUNTED
from tisserand.engine.records import (
    COLUMNS,
    FINAL,
    QUEUE,
    SELECT,
    Event,
    RunRecord,
    State,
    new_run_id,
    record,
    to_column,
    to_json,
)
from tisserand.engine.waits import WAITS
from tisserand.store import Store, StoreError
from tisserand.texts import msg

__all__ = ["FINAL", "Event", "Journal", "JournalError", "RunRecord", "State", "new_run_id"]

_FIRST = """
CREATE TABLE runs (
  id TEXT PRIMARY KEY, flow TEXT NOT NULL, flow_file TEXT, flow_hash TEXT NOT NULL, env TEXT,
  "by" TEXT NOT NULL, "trigger" TEXT NOT NULL, parameters TEXT NOT NULL, parent TEXT, label TEXT,
  state TEXT NOT NULL, created REAL NOT NULL, started REAL, finished REAL,
  owner_pid INTEGER, owner_started REAL, heartbeat REAL, error TEXT
) WITHOUT ROWID;
CREATE INDEX runs_by_flow ON runs (flow, id);
CREATE INDEX runs_by_state ON runs (state, id);
CREATE INDEX runs_by_parent ON runs (parent, id) WHERE parent IS NOT NULL;
CREATE INDEX runs_by_label ON runs (label) WHERE label IS NOT NULL;
CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL REFERENCES runs (id), time REAL NOT NULL,
  kind TEXT NOT NULL, node TEXT, data TEXT NOT NULL
);
CREATE INDEX events_by_run ON events (run, seq);
CREATE TABLE progress (
  run TEXT NOT NULL, node TEXT NOT NULL, time REAL NOT NULL, data TEXT NOT NULL, PRIMARY KEY (run, node)
) WITHOUT ROWID;
"""

_SECOND = """
ALTER TABLE runs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN cause TEXT;
"""


class JournalError(StoreError):
    """The journal cannot be used; `message` is the sentence."""


class Journal(Store):
    """Opens (and creates) the journal at `path`. One instance may be used by all threads of a process.

    What changes a state is on the disk when the call returns (`synchronous=FULL`); progress and heartbeats may lag behind.
    `on_write(kind)` is called after each committed event, outside the lock: tests kill the process there.
    """

    migrations: ClassVar[tuple[str, ...]] = (_FIRST, _SECOND, COUNTED, WAITS)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    # Runs

    def create_run(self, run: RunRecord) -> None:
        """Enter a new run with the event `run.<state>`."""
        values = [to_column(name, getattr(run, name)) for name in COLUMNS]
        if not run.created:
            values[COLUMNS.index("created")] = time.time()
        names = ", ".join(f'"{name}"' for name in COLUMNS)
        places = ", ".join("?" * len(COLUMNS))
        kind = f"run.{run.state}"
        with self.writing() as db:
            db.execute(f"INSERT INTO runs ({names}) VALUES ({places})", values)
            self._insert_event(db, run.id, kind, None, {})
        self._wrote(kind)

    def run(self, id: str) -> RunRecord | None:
        with self._lock:
            row = self._quick.execute(f"{SELECT} WHERE id = ?", (id,)).fetchone()
        return record(row) if row else None

    def labelled(self, label: str) -> str | None:
        """The first run that was started with this label."""
        with self._lock:
            row = self._quick.execute("SELECT id FROM runs WHERE label = ? ORDER BY id LIMIT 1", (label,)).fetchone()
        return str(row[0]) if row else None

    def runs(
        self,
        flow: str | None = None,
        state: str | None = None,
        limit: int = 100,
        before: str | None = None,
        parent: str | None = None,
    ) -> list[RunRecord]:
        """Runs, the latest first; `before` is the run id to go on from."""
        wanted = {"flow = ?": flow, "state = ?": state, "id < ?": before, "parent = ?": parent}
        given = {clause: value for clause, value in wanted.items() if value is not None}
        where = f" WHERE {' AND '.join(given)}" if given else ""
        with self._lock:
            rows = self._quick.execute(f"{SELECT}{where} ORDER BY id DESC LIMIT ?", (*given.values(), limit)).fetchall()
        return [record(row) for row in rows]

    def claim(self, run: str, pid: int, started: float, only_queued: bool = False) -> bool:
        """Become the owner of a run that nobody works on and that is not done; says whether that worked.

        `started` is the start time of process `pid`. The run is then `running`, with the event `run.started`. With `only_queued`
        a run that somebody else took since it was queued is left alone, however it ended: it is done once for each time it is queued.
        """
        now = time.time()
        others = "state = 'queued'" if only_queued else "state NOT IN ('running', 'done')"
        with self.writing() as db:
            changed = db.execute(
                "UPDATE runs SET state = 'running', owner_pid = ?, owner_started = ?, heartbeat = ?, "
                "started = coalesce(started, ?), finished = NULL, error = NULL "
                f"WHERE id = ? AND {others}",
                (pid, started, now, now, run),
            ).rowcount
            if changed:
                self._insert_event(db, run, "run.started", None, {"pid": pid})
        if changed:
            self._wrote("run.started")
        return bool(changed)

    def begun(self, run: str) -> int:
        """The number of the event with which a run was last begun or resumed; 0 for one that never was."""
        with self._lock:
            row = self._quick.execute("SELECT max(seq) FROM events WHERE run = ? AND kind = 'run.started'", (run,)).fetchone()
        return int(row[0] or 0)

    def set_state(
        self,
        run: str,
        state: State,
        error: Any = None,
        data: Mapping[str, Any] | None = None,
        expect: Iterable[str] | None = None,
        queue: bool = False,
    ) -> bool:
        """Change a run's state and append `run.<state>` (`run.started` for running). Says whether something changed.

        Nothing happens when the run is in that state already, or in none of `expect`. `error` is a Problem or its JSON. `queue`
        leaves a run that becomes queued to the executor process.
        """
        now = time.time()
        kind = "run.started" if state == "running" else f"run.{state}"
        failure = json.dumps(error, default=to_json) if error is not None else None
        with self.writing() as db:
            row = db.execute("SELECT state FROM runs WHERE id = ?", (run,)).fetchone()
            if row is None or row[0] == state or (expect is not None and row[0] not in expect):
                return False
            db.execute(
                "UPDATE runs SET state = ?, error = ?, started = CASE WHEN ? THEN coalesce(started, ?) ELSE started END, "
                "finished = ? WHERE id = ?",
                (state, failure, state == "running", now, now if state in FINAL else None, run),
            )
            if state in ("queued", "waiting"):
                # Without an owner until the next one; the heartbeat says since when.
                owner = QUEUE if queue and state == "queued" else None
                db.execute("UPDATE runs SET owner_pid = ?, owner_started = NULL, heartbeat = ? WHERE id = ?", (owner, now, run))
            extra = {"error": json.loads(failure)} if failure else {}
            self._insert_event(db, run, kind, None, {**extra, **(data or {})})
        self._wrote(kind)
        return True

    def heartbeat(self, run: str) -> None:
        with self.writing(quick=True) as db:
            db.execute("UPDATE runs SET heartbeat = ? WHERE id = ?", (time.time(), run))

    def recover(self, alive: Callable[[int, float], bool], patience: float = 300.0) -> list[str]:
        """Mark runs whose owner is dead as interrupted; `alive(pid, start time)` tells. Gives their ids.

        A queued run that nobody claimed for `patience` seconds lost its starter, and is interrupted too; one that waits for the
        executor process is not.
        """
        with self._lock:
            found = self._quick.execute(
                "SELECT id, state, owner_pid, owner_started FROM runs "
                "WHERE state = 'running' OR (state = 'queued' AND owner_pid IS NULL AND coalesce(heartbeat, created) < ?) ORDER BY id",
                (time.time() - patience,),
            ).fetchall()
        dead = [(id, state, pid) for id, state, pid, started in found if pid is None or not alive(pid, started)]
        recovered: list[str] = []
        for id, state, pid in dead:
            with self.writing() as db:
                # State and owner are compared again: another process may have resumed the run meanwhile.
                changed = db.execute(
                    "UPDATE runs SET state = 'interrupted', finished = ? WHERE id = ? AND state = ? AND owner_pid IS ?",
                    (time.time(), id, state, pid),
                ).rowcount
                if changed:
                    self._insert_event(db, id, "run.interrupted", None, {"pid": pid})
            if changed:
                recovered.append(id)
                self._wrote("run.interrupted")
        return recovered

    # Events

    def append(self, run: str, kind: str, node: str | None = None, data: Mapping[str, Any] | None = None) -> int:
        """Append one event, durably; gives its number."""
        with self.writing() as db:
            seq = self._insert_event(db, run, kind, node, data or {})
        self._wrote(kind)
        return seq

    def events(self, run: str, after: int = 0, limit: int = 1000) -> list[Event]:
        """The events of a run with a number above `after`, in order."""
        with self._lock:
            rows = self._quick.execute(
                "SELECT seq, run, time, kind, node, data FROM events WHERE run = ? AND seq > ? ORDER BY seq LIMIT ?",
                (run, after, limit),
            ).fetchall()
        return [Event(seq, id, time, kind, node, json.loads(data)) for seq, id, time, kind, node, data in rows]

    def all_events(self, run: str, after: int = 0) -> Iterator[Event]:
        """Like `events`, without a limit."""
        while page := self.events(run, after):
            yield from page
            after = cast(int, page[-1].seq)

    def tail(self, after: int = 0, limit: int = 1000) -> list[Event]:
        """The events of all runs with a number above `after`, in order: for those who follow everything that happens."""
        found = self.rows(
            "SELECT seq, run, time, kind, node, data FROM events WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit)
        )
        return [Event(seq, id, time, kind, node, json.loads(data)) for seq, id, time, kind, node, data in found]

    def last(self) -> int:
        """The number of the latest event."""
        found = self.row("SELECT max(seq) FROM events")
        return int((found and found[0]) or 0)

    def progress(self, run: str, node: str, data: Mapping[str, Any]) -> None:
        """Note how far a node is: one row per node, overwritten; it may be lost in a crash."""
        self.progress_of_nodes(run, {node: data})

    def progress_of_nodes(self, run: str, nodes: Mapping[str, Mapping[str, Any]]) -> None:
        """The same for several nodes at once."""
        now = time.time()
        with self.writing(quick=True) as db:
            db.executemany(
                "INSERT INTO progress VALUES (?, ?, ?, ?) "
                "ON CONFLICT (run, node) DO UPDATE SET time = excluded.time, data = excluded.data",
                [(run, node, now, json.dumps(dict(data), default=to_json)) for node, data in nodes.items()],
            )

    def forget_progress(self, run: str) -> None:
        """Of a run that begins, or is over."""
        with self.writing(quick=True) as db:
            db.execute("DELETE FROM progress WHERE run = ?", (run,))

    def progress_of(self, run: str) -> dict[str, dict[str, Any]]:
        """Node → what it last noted."""
        with self._lock:
            rows = self._quick.execute("SELECT node, data FROM progress WHERE run = ? ORDER BY node", (run,)).fetchall()
        return {node: json.loads(data) for node, data in rows}

    # Inside

    def _broken(self, error: Exception) -> JournalError:
        return JournalError(msg("The journal “{path}” cannot be opened: {reason}.", path=str(self.path), reason=str(error)))

    def _newer(self) -> JournalError:
        return JournalError(
            msg("The journal “{path}” was written by a newer Tisserand. Update Tisserand to open it.", path=str(self.path))
        )

    def wrote(self, kind: str) -> None:
        """What was entered in a transaction of `writing` is on the disk: for the tables that others keep in this file."""
        self._wrote(kind)

    def insert_event(self, db: sqlite3.Connection, run: str, kind: str, node: str | None, data: Mapping[str, Any]) -> int:
        """An event within a transaction of `writing`."""
        return self._insert_event(db, run, kind, node, data)

    @staticmethod
    def _insert_event(db: sqlite3.Connection, run: str, kind: str, node: str | None, data: Mapping[str, Any]) -> int:
        cursor = db.execute(
            "INSERT INTO events (run, time, kind, node, data) VALUES (?, ?, ?, ?, ?)",
            (run, time.time(), kind, node, json.dumps(dict(data), default=to_json)),
        )
        return cast(int, cursor.lastrowid)
