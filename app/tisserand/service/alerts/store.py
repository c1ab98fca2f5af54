"""The alerts, what was seen of each flow, and what is on its way to the channels: one SQLite file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from tisserand.engine.records import to_json
from tisserand.service.alerts.calls import Alert, Severity, Silence
from tisserand.store import Store
from tisserand.texts import Message, msg

_SCHEMA = """
CREATE TABLE marks (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE seen (
  run TEXT PRIMARY KEY, flow TEXT NOT NULL, "trigger" TEXT NOT NULL, at REAL NOT NULL, weekday INTEGER NOT NULL,
  hour INTEGER NOT NULL, edge INTEGER NOT NULL, day INTEGER NOT NULL, done INTEGER NOT NULL DEFAULT 0,
  seconds REAL, "rows" INTEGER, rejects REAL, columns TEXT
) WITHOUT ROWID;
CREATE INDEX seen_by_flow ON seen (flow, at);
CREATE INDEX seen_by_hour ON seen (flow, weekday, hour, at) WHERE done;
CREATE TABLE due (
  flow TEXT PRIMARY KEY, file TEXT, last REAL NOT NULL, due REAL NOT NULL, usual REAL NOT NULL, told INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE missed (file TEXT NOT NULL, due REAL NOT NULL, PRIMARY KEY (file, due)) WITHOUT ROWID;
CREATE TABLE lengths (name TEXT NOT NULL, time REAL NOT NULL, length INTEGER NOT NULL, PRIMARY KEY (name, time)) WITHOUT ROWID;
CREATE TABLE alerts (
  id INTEGER PRIMARY KEY AUTOINCREMENT, rule TEXT NOT NULL, flow TEXT NOT NULL, file TEXT, severity TEXT NOT NULL,
  state TEXT NOT NULL, opened REAL NOT NULL, last REAL NOT NULL, resolved REAL, count INTEGER NOT NULL,
  message TEXT NOT NULL, fix TEXT, run TEXT, cause TEXT, "group" INTEGER,
  ack_by TEXT, ack_at REAL, ack_why TEXT, ready REAL NOT NULL, told REAL, over_told INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX alerts_open ON alerts (rule, flow, coalesce(CASE WHEN rule = 'cause' THEN cause END, '')) WHERE state = 'open';
CREATE INDEX alerts_by_group ON alerts ("group") WHERE "group" IS NOT NULL;
CREATE TABLE silences (
  id INTEGER PRIMARY KEY, flow TEXT, rule TEXT, until REAL NOT NULL, "by" TEXT NOT NULL, why TEXT NOT NULL, made REAL NOT NULL
);
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT, alert INTEGER NOT NULL, channel TEXT NOT NULL, kind TEXT NOT NULL, payload TEXT NOT NULL,
  made REAL NOT NULL, next REAL NOT NULL, tries INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL DEFAULT 'pending', error TEXT,
  sent REAL
);
CREATE INDEX outbox_pending ON outbox (channel, next) WHERE state = 'pending';
CREATE INDEX outbox_by_alert ON outbox (alert);
"""

_ALERT = (
    'id, rule, flow, severity, state, opened, last, count, message, fix, file, run, cause, "group", resolved, ack_by, ack_at, '
    "ack_why, told"
)

STORM = 3
"""Flows with one cause from which on they are told as one."""
SETTLE = 20.0
"""Seconds that an alert with a cause waits for others of the same before it is told."""
TOGETHER = 900.0
"""Seconds within which flows must have failed to have done so together."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something unusual, seen just now."""

    rule: str
    flow: str
    message: Message
    fix: Message | None = None
    severity: Severity = "warning"
    file: str | None = None
    run: str | None = None
    cause: str | None = None


class AlertStore(Store):
    """Of one workspace. Methods that take a `db` are parts of a transaction of the caller."""

    migrations: ClassVar[tuple[str, ...]] = (_SCHEMA,)

    # -- marks

    def mark(self, name: str) -> Any:
        found = self.row("SELECT value FROM marks WHERE name = ?", (name,))
        return json.loads(found[0]) if found else None

    @staticmethod
    def set_mark(db: sqlite3.Connection, name: str, value: Any) -> None:
        db.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (name, json.dumps(value)))

    # -- alerts

    def raise_(self, db: sqlite3.Connection, found: Finding, at: float, quiet: bool = False) -> int:
        """Open an alert, or count one more where it is open already. `quiet`: it is known, and not told any more."""
        cause = found.cause if found.rule == "cause" else None
        known = db.execute(
            "SELECT id FROM alerts WHERE state = 'open' AND rule = ? AND flow = ? AND (? IS NULL OR cause = ?)",
            (found.rule, found.flow, cause, cause),
        ).fetchone()
        message = json.dumps(found.message.to_json(), ensure_ascii=False)
        fix = json.dumps(found.fix.to_json(), ensure_ascii=False) if found.fix else None
        if known is not None:
            db.execute(
                "UPDATE alerts SET count = count + 1, last = max(last, ?), message = ?, fix = ?, run = coalesce(?, run), cause = ? "
                "WHERE id = ?",
                (at, message, fix, found.run, found.cause, known[0]),
            )
            id = int(known[0])
        else:
            ready = at + (SETTLE if found.cause and found.rule != "cause" else 0.0)
            done = db.execute(
                "INSERT INTO alerts (rule, flow, file, severity, state, opened, last, count, message, fix, run, cause, ready, told) "
                "VALUES (?, ?, ?, ?, 'open', ?, ?, 1, ?, ?, ?, ?, ?, ?)",
                (
                    found.rule, found.flow, found.file, found.severity, at, at, message, fix, found.run, found.cause, ready,
                    at if quiet else None,
                ),
            )  # fmt: skip
            id = int(done.lastrowid or 0)
        if found.cause and found.rule != "cause":
            self._together(db, found.cause, at)
        return id

    def _together(self, db: sqlite3.Connection, cause: str, at: float) -> None:
        """Let one alert speak for all flows that fail from one cause."""
        members = db.execute(
            "SELECT id, flow FROM alerts WHERE state = 'open' AND cause = ? AND rule <> 'cause' AND last > ? ORDER BY flow",
            (cause, at - TOGETHER),
        ).fetchall()
        flows = sorted({flow for _id, flow in members})
        if len(flows) < STORM:
            return
        kind, _colon, name = cause.partition(":")
        if kind == "connection":
            message = msg("{count} flows fail that use the connection “{name}”: {flows}.", count=len(flows), name=name,
                          flows=_few(flows))  # fmt: skip
            fix = msg("Test it: tisserand connection test {name}", name=name)
        else:
            message = msg("{count} flows fail with the same problem ({code}): {flows}.", count=len(flows), code=name,
                          flows=_few(flows))  # fmt: skip
            fix = msg("Look at one of them: tisserand runs --state failed")
        group = self.raise_(db, Finding("cause", "", message, fix, "error", cause=cause), at)
        db.executemany(
            'UPDATE alerts SET "group" = ? WHERE id = ? AND "group" IS NOT ?', [(group, id, group) for id, _ in members]
        )
        # As many as there are flows, however often they fail.
        db.execute("UPDATE alerts SET count = ? WHERE id = ?", (len(flows), group))

    def resolve(self, db: sqlite3.Connection, rules: Iterable[str], flow: str, at: float) -> None:
        """What is normal again."""
        for rule in rules:
            done = db.execute(
                "UPDATE alerts SET state = 'resolved', resolved = ? WHERE state = 'open' AND rule = ? AND flow = ? "
                'RETURNING "group"',
                (at, rule, flow),
            ).fetchall()
            for group in {row[0] for row in done if row[0] is not None}:
                db.execute(
                    "UPDATE alerts SET state = 'resolved', resolved = ? WHERE id = ? AND state = 'open' AND NOT EXISTS "
                    "(SELECT 1 FROM alerts AS member WHERE member.\"group\" = alerts.id AND member.state = 'open')",
                    (at, group),
                )

    def alerts(self, where: Mapping[str, Any], limit: int, now: float) -> list[Alert]:
        """Those for which all clauses of `where` hold, the latest first."""
        given = {clause: value for clause, value in where.items() if value is not None}
        clause = f" WHERE {' AND '.join(given)}" if given else ""
        found = self.rows(f"SELECT {_ALERT} FROM alerts{clause} ORDER BY id DESC LIMIT ?", (*given.values(), limit))  # noqa: S608 - our own clauses
        silences = self.silences(now)
        return [self._alert(row, silences) for row in found]

    def alert(self, id: int, now: float) -> Alert | None:
        found = self.alerts({"id = ?": id}, 1, now)
        return found[0] if found else None

    def _alert(self, row: Sequence[Any], silences: Sequence[Silence]) -> Alert:
        id, rule, flow, severity, state, opened, last, count, message, fix, file, run, cause, group, resolved, *rest = row
        by, at, why, told = rest
        flows = self.rows('SELECT DISTINCT flow FROM alerts WHERE "group" = ? ORDER BY flow', (id,)) if rule == "cause" else []
        return Alert(
            id, rule, flow, severity, state, opened, last, count, Message.from_json(json.loads(message)),
            Message.from_json(json.loads(fix)) if fix else None, file, run, cause, group, tuple(name for (name,) in flows), resolved,
            by, at, why or "", any(covers(silence, rule, flow) for silence in silences), told,
        )  # fmt: skip

    def acknowledge(self, id: int, by: str, why: str, now: float) -> None:
        with self.writing("alert.acknowledged") as db:
            db.execute("UPDATE alerts SET ack_by = ?, ack_at = ?, ack_why = ? WHERE id = ?", (by, now, why, id))

    # -- silences

    def silence(self, flow: str | None, rule: str | None, until: float, by: str, why: str, now: float) -> Silence:
        with self.writing("alert.silenced") as db:
            done = db.execute(
                'INSERT INTO silences (flow, rule, until, "by", why, made) VALUES (?, ?, ?, ?, ?, ?)',
                (flow, rule, until, by, why, now),
            )
            return Silence(int(done.lastrowid or 0), flow, rule, until, by, why, now)

    def unsilence(self, id: int) -> bool:
        with self.writing("alert.unsilenced") as db:
            return db.execute("DELETE FROM silences WHERE id = ?", (id,)).rowcount == 1

    def silences(self, now: float) -> list[Silence]:
        found = self.rows('SELECT id, flow, rule, until, "by", why, made FROM silences WHERE until > ? ORDER BY id', (now,))
        return [Silence(*row) for row in found]


def covers(silence: Silence, rule: str, flow: str) -> bool:
    """Whether a silence covers the alerts of a rule and flow."""
    return silence.rule in (None, rule) and silence.flow in (None, flow)


def _few(flows: Sequence[str]) -> list[str]:
    return [*flows[:5], "…"] if len(flows) > 5 else list(flows)


def plain(value: Any) -> str:
    """A value as the store keeps it."""
    return json.dumps(value, default=to_json, ensure_ascii=False)
