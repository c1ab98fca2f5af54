"""Requests that are answered later: on the disk before the caller is told, and seen through to their end whatever dies meanwhile."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tisserand.store import Store

FILE = "jobs.sqlite"
KEPT = 24 * 3600.0
"""Seconds for which the result of a job can be asked for."""

State = Literal["waiting", "running", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Sent:
    """What came with a request, as far as its operation reads it."""

    path: Mapping[str, str]
    query: bytes
    headers: Mapping[bytes, bytes]
    body: bytes
    time: float

    def text(self) -> str:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in self.headers.items()}
        return json.dumps(
            {
                "path": dict(self.path), "query": self.query.decode("latin-1"), "headers": headers,
                "body": base64.b64encode(self.body).decode(), "time": self.time,
            }
        )  # fmt: skip

    @classmethod
    def read(cls, text: str) -> Sent:
        data = json.loads(text)
        headers = {name.encode("latin-1"): value.encode("latin-1") for name, value in data["headers"].items()}
        return cls(data["path"], data["query"].encode("latin-1"), headers, base64.b64decode(data["body"]), data["time"])


@dataclass(frozen=True, slots=True)
class Job:
    id: str
    node: str
    """The Request."""
    operation: str
    consumer: str
    way: Literal["direct", "run"]
    sent: str
    rows: str
    """The rows of the event as plain JSON, for a run."""
    reply: str
    """For a run: the Reply, and its settings as JSON."""
    state: State
    created: float
    finished: float | None
    run: str | None
    status: int | None
    kind: str
    headers: str
    body: bytes | None
    trace: str
    fingerprint: str

    @property
    def label(self) -> str:
        """The label of its run, by which it is found again."""
        return f"published:{self.id}"


class Jobs(Store):
    """The jobs of one published flow. The process that answers works out the direct ones; the executor starts runs for the others."""

    migrations = (
        """
        CREATE TABLE jobs (
            number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, node TEXT NOT NULL, operation TEXT NOT NULL, consumer TEXT NOT NULL,
            way TEXT NOT NULL, sent TEXT NOT NULL, rows TEXT NOT NULL, reply TEXT NOT NULL,
            state TEXT NOT NULL DEFAULT 'waiting', created REAL NOT NULL,
            finished REAL, run TEXT, status INTEGER, kind TEXT NOT NULL DEFAULT '', headers TEXT NOT NULL DEFAULT '[]', body BLOB,
            trace TEXT NOT NULL DEFAULT '', fingerprint TEXT NOT NULL DEFAULT '', key TEXT, owner INTEGER, owner_started REAL
        );
        CREATE UNIQUE INDEX jobs_by_key ON jobs (consumer, node, key) WHERE key IS NOT NULL;
        CREATE INDEX jobs_open ON jobs (number) WHERE state IN ('waiting', 'running');
        CREATE INDEX jobs_finished ON jobs (finished) WHERE finished IS NOT NULL;
        """,
    )

    def accept(
        self,
        node: str,
        operation: str,
        consumer: str,
        way: str,
        sent: Sent,
        rows: str,
        reply: str,
        key: str | None,
        fingerprint: str,
        trace: str,
    ) -> Job:
        """Keep a job; on the disk when this returns. One with the key of another, of the same caller and operation, is that other one."""
        id = secrets.token_hex(16)
        with self.writing("job.accepted") as db:
            if key is not None:
                known = db.execute(_BY_KEY, (consumer, node, key)).fetchone()
                if known is not None:
                    return Job(*known)
            db.execute(
                "INSERT INTO jobs (id, node, operation, consumer, way, sent, rows, reply, created, key, fingerprint, trace) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (id, node, operation, consumer, way, sent.text(), rows, reply, time.time(), key, fingerprint, trace),
            )
        job = self.job(id)
        assert job is not None
        return job

    def job(self, id: str) -> Job | None:
        found = self.row(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", (id,))  # noqa: S608 - no text of others
        return Job(*found) if found is not None else None

    def open(self, way: str) -> list[Job]:
        """Those that are not over, the oldest first."""
        found = self.rows(
            f"SELECT {_COLUMNS} FROM jobs WHERE way = ? AND state IN ('waiting', 'running') ORDER BY number LIMIT 1000",  # noqa: S608
            (way,),
        )
        return [Job(*row) for row in found]

    def take(self, pid: int, started: float, gone: Any) -> Job | None:
        """The oldest direct job that nobody works at; `gone(pid, started)` says whether who did is no more."""
        with self.writing("job.taken") as db:
            for number, owner, since in db.execute(
                "SELECT number, owner, owner_started FROM jobs WHERE way = 'direct' AND state IN ('waiting', 'running') "
                "ORDER BY number LIMIT 1000"
            ).fetchall():
                if owner is not None and not gone(owner, since):
                    continue
                db.execute(
                    "UPDATE jobs SET state = 'running', owner = ?, owner_started = ? WHERE number = ?", (pid, started, number)
                )
                return Job(*db.execute(f"SELECT {_COLUMNS} FROM jobs WHERE number = ?", (number,)).fetchone())  # noqa: S608
        return None

    def began(self, id: str, run: str) -> None:
        with self.writing("job.began") as db:
            db.execute("UPDATE jobs SET state = 'running', run = ? WHERE id = ? AND finished IS NULL", (run, id))

    def finish(self, id: str, state: State, status: int, kind: str, headers: list[tuple[str, str]], body: bytes) -> None:
        with self.writing("job.finished") as db:
            db.execute(
                "UPDATE jobs SET state = ?, status = ?, kind = ?, headers = ?, body = ?, finished = ? WHERE id = ? AND finished IS NULL",
                (state, status, kind, json.dumps(headers), body, time.time(), id),
            )

    def sweep(self) -> None:
        """Let go of what nobody asks for any more."""
        if self.row("SELECT 1 FROM jobs WHERE finished < ? LIMIT 1", (time.time() - KEPT,)) is not None:
            with self.writing("job.swept") as db:
                db.execute("DELETE FROM jobs WHERE finished < ?", (time.time() - KEPT,))


_COLUMNS = "id, node, operation, consumer, way, sent, rows, reply, state, created, finished, run, status, kind, headers, body, trace, fingerprint"
_BY_KEY = f"SELECT {_COLUMNS} FROM jobs WHERE consumer = ? AND node = ? AND key = ?"  # noqa: S608 - no text of others
