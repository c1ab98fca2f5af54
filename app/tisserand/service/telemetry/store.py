"""What telemetry has counted, and how far each export has come: one SQLite file that survives restarts."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from tisserand.store import Store

_SCHEMA = """
CREATE TABLE marks (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE ended (flow TEXT NOT NULL, state TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (flow, state)) WITHOUT ROWID;
CREATE TABLE durations (
  flow TEXT NOT NULL, bucket INTEGER NOT NULL, n INTEGER NOT NULL, seconds REAL NOT NULL, PRIMARY KEY (flow, bucket)
) WITHOUT ROWID;
CREATE TABLE written (flow TEXT PRIMARY KEY, "rows" INTEGER NOT NULL) WITHOUT ROWID;
"""


class TelemetryStore(Store):
    """Of one workspace."""

    migrations: ClassVar[tuple[str, ...]] = (_SCHEMA,)

    def mark(self, name: str) -> Any:
        found = self.row("SELECT value FROM marks WHERE name = ?", (name,))
        return json.loads(found[0]) if found else None

    def set_mark(self, name: str, value: Any) -> None:
        with self.writing(f"telemetry.{name}") as db:
            db.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (name, json.dumps(value)))
