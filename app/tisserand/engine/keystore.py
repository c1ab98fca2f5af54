"""The index of business keys: which run had which value at which node, searchable across flows."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from tisserand.store import Store

FILE = "keys.sqlite"

MOST = 10_000
"""Values of one key that one run keeps, the first in the order of their texts."""

LONGEST = 500
"""Letters of a value that count."""

_FIRST = """
CREATE TABLE keys (
  value TEXT NOT NULL, name TEXT NOT NULL, run TEXT NOT NULL, flow TEXT NOT NULL, node TEXT NOT NULL, time REAL NOT NULL,
  PRIMARY KEY (value, name, run)
) WITHOUT ROWID;
CREATE INDEX keys_by_run ON keys (run, name);
CREATE TABLE cut (run TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (run, name)) WITHOUT ROWID;
CREATE TABLE erasures (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, value TEXT, hash TEXT NOT NULL, "by" TEXT NOT NULL, reason TEXT NOT NULL,
  since REAL NOT NULL, finished REAL
);
"""


@dataclass(frozen=True, slots=True)
class Found:
    """One value of one key in one run."""

    value: str
    name: str
    run: str
    flow: str
    node: str
    time: float


class KeyStore(Store):
    """One SQLite file for all processes of a workspace. What is taken out of it is overwritten with zeros."""

    migrations: ClassVar[tuple[str, ...]] = (_FIRST,)

    def put(self, run: str, flow: str, node: str, name: str, values: Sequence[str], cut: bool) -> None:
        """Enter the values that a key has in a run, in place of those of an earlier attempt."""
        now = time.time()
        with self.writing("keys") as db:
            db.execute("DELETE FROM keys WHERE run = ? AND name = ?", (run, name))
            db.execute("DELETE FROM cut WHERE run = ? AND name = ?", (run, name))
            db.executemany(
                "INSERT OR IGNORE INTO keys (value, name, run, flow, node, time) VALUES (?, ?, ?, ?, ?, ?)",
                ((value, name, run, flow, node, now) for value in values),
            )
            if cut:
                db.execute("INSERT INTO cut VALUES (?, ?)", (run, name))

    def find(self, value: str, prefix: bool = False, name: str | None = None, limit: int = 1000) -> list[Found]:
        """Runs with this value, or with one that begins with it; the latest first where there are more than `limit`."""
        value = value[:LONGEST]
        where, values = ("value >= ? AND value < ?", [value, _after(value)]) if prefix else ("value = ?", [value])
        if name is not None:
            where, values = f"{where} AND name = ?", [*values, name]
        # Run ids sort by time, and the index has them in order for each value.
        order = "run DESC" if not prefix else "value, name, run DESC"
        rows = self.rows(
            f"SELECT value, name, run, flow, node, time FROM keys WHERE {where} ORDER BY {order} LIMIT ?",
            (*values, limit),
        )
        return [Found(*row) for row in rows]

    def of_run(self, run: str, limit: int = 1000) -> list[Found]:
        rows = self.rows(
            "SELECT value, name, run, flow, node, time FROM keys WHERE run = ? ORDER BY name, value LIMIT ?", (run, limit)
        )
        return [Found(*row) for row in rows]

    def cut_in(self, runs: Iterable[str]) -> set[tuple[str, str]]:
        """Those runs, with the keys, of which only a part of the values is kept."""
        found: set[tuple[str, str]] = set()
        for run in runs:
            found.update((run, name) for (name,) in self.rows("SELECT name FROM cut WHERE run = ?", (run,)))
        return found

    def forget(self, runs: Iterable[str]) -> None:
        """Of runs that are no more."""
        with self.writing("keys.forgotten") as db:
            for run in runs:
                db.execute("DELETE FROM keys WHERE run = ?", (run,))
                db.execute("DELETE FROM cut WHERE run = ?", (run,))


def _after(text: str) -> str:
    """What sorts behind all texts that begin with `text`."""
    return text + "\U0010ffff"
