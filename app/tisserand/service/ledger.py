"""The ledger of the flows that start by themselves: which are on, what is wrong with them, and which are paused."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from tisserand.model.problem import Problem
from tisserand.store import Store

_FIRST = """
CREATE TABLE IF NOT EXISTS watches (file TEXT PRIMARY KEY, since REAL NOT NULL, problem TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
  file TEXT NOT NULL, key TEXT NOT NULL, data TEXT NOT NULL, seen REAL NOT NULL, run TEXT, state TEXT,
  PRIMARY KEY (file, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS events_open ON events (file, seen) WHERE state IS NULL;
"""

_SECOND = """
CREATE TABLE paused (file TEXT PRIMARY KEY, "by" TEXT NOT NULL, since REAL NOT NULL) WITHOUT ROWID;
"""

_FORCE = """
CREATE TABLE force (
  id INTEGER PRIMARY KEY, file TEXT NOT NULL, what TEXT NOT NULL, "by" TEXT NOT NULL, time REAL NOT NULL
);
CREATE INDEX force_of_file ON force (file, id);
INSERT INTO force (file, what, "by", time) SELECT file, 'on', '', since FROM watches;
INSERT INTO force (file, what, "by", time) SELECT file, 'paused', "by", since FROM paused;
CREATE TRIGGER switched_on AFTER INSERT ON watches BEGIN
  INSERT INTO force (file, what, "by", time) VALUES (new.file, 'on', '', new.since);
END;
CREATE TRIGGER switched_off AFTER DELETE ON watches BEGIN
  INSERT INTO force (file, what, "by", time) VALUES (old.file, 'off', '', (julianday('now') - 2440587.5) * 86400.0);
END;
CREATE TRIGGER was_paused AFTER INSERT ON paused BEGIN
  INSERT INTO force (file, what, "by", time) VALUES (new.file, 'paused', new."by", new.since);
END;
CREATE TRIGGER was_unpaused AFTER DELETE ON paused BEGIN
  INSERT INTO force (file, what, "by", time) VALUES (old.file, 'unpaused', '', (julianday('now') - 2440587.5) * 86400.0);
END;
"""


@dataclass(frozen=True, slots=True)
class Change:
    """When a flow was switched on or off, paused or let go on. In the order in which it was done, whatever the clock said."""

    what: Literal["on", "off", "paused", "unpaused"]
    by: str
    time: float


@dataclass(frozen=True, slots=True)
class Watch:
    """A flow that is on: it starts by itself."""

    file: str
    """The flow's file, relative to the workspace."""
    since: float
    problem: Problem | None = None
    """Why it cannot listen now."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """State of its runs → how many; `waiting` are events whose run is not over."""
    last: str | None = None
    """The run started last."""

    def to_json(self) -> dict[str, Any]:
        problem = self.problem.to_json() if self.problem else None
        return {"file": self.file, "since": self.since, "problem": problem, "counts": dict(self.counts), "last": self.last}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Watch:
        problem = Problem.from_json(data["problem"]) if data["problem"] else None
        return cls(data["file"], data["since"], problem, data["counts"], data["last"])


@dataclass(frozen=True, slots=True)
class Paused:
    """By whom a flow is paused, and since when."""

    by: str
    since: float


class Ledger(Store):
    """One SQLite file for all threads and processes of a workspace. What a method wrote is on the disk when it returns."""

    migrations: ClassVar[tuple[str, ...]] = (_FIRST, _SECOND, _FORCE)

    # -- which flows are on --------------------------------------------------------------------------------------------
    def switch_on(self, file: str) -> None:
        with self.writing() as db:
            db.execute("INSERT OR IGNORE INTO watches (file, since) VALUES (?, ?)", (file, time.time()))

    def switch_off(self, file: str) -> None:
        """What was started for it is remembered: switched on again, it does not start for the same files."""
        with self.writing() as db:
            db.execute("DELETE FROM watches WHERE file = ?", (file,))

    def on(self) -> list[str]:
        with self.writing() as db:
            return [str(file) for (file,) in db.execute("SELECT file FROM watches ORDER BY file")]

    def pause(self, file: str, by: str) -> bool:
        """Let a flow start nothing until `unpause`; what arrives waits, what comes due is skipped. Whether it was not paused yet."""
        with self.writing("paused") as db:
            done = db.execute('INSERT OR IGNORE INTO paused (file, "by", since) VALUES (?, ?, ?)', (file, by, time.time()))
            return done.rowcount == 1

    def unpause(self, file: str) -> bool:
        """Whether it was paused."""
        with self.writing("unpaused") as db:
            return db.execute("DELETE FROM paused WHERE file = ?", (file,)).rowcount == 1

    def paused(self) -> dict[str, Paused]:
        """The flows that are paused, by file."""
        return {file: Paused(by, since) for file, by, since in self.rows('SELECT file, "by", since FROM paused ORDER BY file')}

    def changes(self, file: str) -> list[Change]:
        """Everything that was done to let a flow start by itself or keep it from it."""
        found = self.rows('SELECT what, "by", time FROM force WHERE file = ? ORDER BY id', (file,))
        return [Change(what, by, time) for what, by, time in found]

    def watches(self) -> list[Watch]:
        """The flows that are on; what became of their events stands in the inbox."""
        found = self.rows("SELECT file, since, problem FROM watches ORDER BY file")
        return [Watch(file, since, Problem.from_json(json.loads(text)) if text else None) for file, since, text in found]

    def tell(self, file: str, problem: Problem | None) -> None:
        text = json.dumps(problem.to_json()) if problem is not None else None
        with self.writing() as db:
            db.execute("UPDATE watches SET problem = ? WHERE file = ? AND problem IS NOT ?", (text, file, text))

    # -- events of before there was an inbox ---------------------------------------------------------------------------
    def old_events(self, file: str) -> list[tuple[str, str, float, str | None, str | None]]:
        """Those that were not moved to the inbox yet: key, row as JSON, when seen, run, how it ended."""
        return [
            (str(key), str(data), float(seen), run, state)
            for key, data, seen, run, state in self.rows(
                "SELECT key, data, seen, run, state FROM events WHERE file = ? ORDER BY seen, key", (file,)
            )
        ]

    def forget_events(self, file: str) -> None:
        """The inbox has them."""
        with self.writing() as db:
            db.execute("DELETE FROM events WHERE file = ?", (file,))
