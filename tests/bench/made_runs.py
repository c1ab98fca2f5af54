"""A journal as years leave it behind: many runs of many flows, written straight into SQLite, seeded; with flow files and connections."""

from __future__ import annotations

import json
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import yaml

from tisserand.engine.journal import Journal
from tisserand.engine.keystore import KeyStore
from tisserand.model.problem import Place, Problem
from tisserand.texts import msg

NODES = ("read", "shape", "write")
PEOPLE = ("", "ann", "bob", "marie")
CHUNK = 20_000


def make(root: Path, runs: int, flows: int = 100, connections: int = 40, days: int = 90, seed: int = 4) -> float:
    """Fill a workspace; gives the moment at which its last run began (a while ago)."""
    for name in ("flows", "environments", ".tisserand"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "tisserand.yaml").write_text("id: many-runs\n")
    for n in range(flows):
        text = f"tisserand: 1\nid: flow-{n:03}\ntitle: Flow number {n}\nnodes:\n  wait:\n    kind: flow.wait\n    config: {{seconds: 1}}\n"
        (root / "flows" / f"flow-{n:03}.yaml").write_text(text)
    entries = {f"system_{n}": {"type": "http", "base_url": f"https://system-{n}.example"} for n in range(connections)}
    (root / "connections.yaml").write_text(yaml.safe_dump(entries))
    path = root / ".tisserand" / "journal.sqlite"
    Journal(path).close()
    end = time.time() - 600
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        # What lies in order is indexed afterwards in a tenth of the time; triggers would do what is written here by itself.
        later = [
            sql for (sql,) in db.execute("SELECT sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL")
        ]
        for kind, name in db.execute(
            "SELECT type, name FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL"
        ).fetchall():
            db.execute(f"DROP {kind} {name}")
        db.execute("PRAGMA synchronous = OFF")
        db.execute("BEGIN")
        made = _runs(runs, flows, end - days * 86_400, end, seed)
        while chunk := [row for row, _n in zip(made, range(CHUNK), strict=False)]:
            db.executemany(
                'INSERT INTO runs (id, flow, flow_file, flow_hash, "by", "trigger", parameters, parent, state, created, started, '
                "finished, error, rows, bytes) VALUES (?, ?, ?, '', ?, ?, '{}', ?, ?, ?, ?, ?, ?, ?, ?)",
                (row for row, _events in chunk),
            )
            db.executemany("INSERT INTO events (run, time, kind, node, data) VALUES (?, ?, ?, ?, ?)",
                           (event for _row, events in chunk for event in events))  # fmt: skip
        db.execute("INSERT OR IGNORE INTO named SELECT DISTINCT flow, coalesce(flow_file, ''), \"by\" FROM runs")
        db.execute("INSERT INTO unread SELECT id FROM runs WHERE error IS NOT NULL")
        db.execute("COMMIT")
        for sql in later:
            db.execute(sql)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return end


def _runs(runs: int, flows: int, begin: float, end: float, seed: int) -> Iterator[tuple[tuple[Any, ...], list[tuple[Any, ...]]]]:
    rand = random.Random(seed)
    step = (end - begin) / runs
    parent: str | None = None
    for n in range(runs):
        moment = begin + n * step + rand.random() * step
        id = time.strftime("%Y%m%d-%H%M%S", time.gmtime(moment)) + f"-{int(moment % 1 * 4096):03x}{rand.getrandbits(16):04x}"
        flow = f"flow-{int(flows * rand.random() ** 2):03}"
        called = parent is not None and rand.random() < 0.1
        chance = rand.random()
        state = "done" if chance < 0.94 else "failed" if chance < 0.985 else "cancelled" if chance < 0.995 else "interrupted"
        seconds = rand.lognormvariate(1, 1)
        rows, size = rand.randrange(10_000), rand.randrange(1_000_000)
        error = None
        if state == "failed":
            error = json.dumps(
                Problem(
                    "node.error",
                    msg("There is no file “{file}”.", file=f"in/part-{rand.randrange(5000)}.csv"),
                    None,
                    Place(flow=flow, node="read"),
                ).to_json()
            )
        row = (
            id, flow, f"flows/{flow}.yaml", rand.choice(PEOPLE), "flow" if called else rand.choice(("schedule", "event", "manual")),
            parent if called else None, state, moment, moment, moment + seconds, error, rows, size,
        )  # fmt: skip
        facts = json.dumps({"rows": rows, "where": f"out/{n}.csv", "bytes": size})
        events = [
            (id, moment, "run.queued", None, "{}"),
            (id, moment, "run.started", None, '{"pid": 1}'),
            (id, moment + seconds / 2, "sink.done", "write", facts),
            (id, moment + seconds, "node.done", "write", json.dumps({"rows": {"result": 1}, "bytes": size, "seconds": seconds})),
            (id, moment + seconds, f"run.{state}", None, "{}"),
        ]
        yield row, events
        if not called:
            parent = id


def make_keys(root: Path, end: float, runs: int, seed: int = 5) -> None:
    """One order number for each run, some of them in several."""
    path = root / ".tisserand" / "keys.sqlite"
    KeyStore(path).close()
    rand = random.Random(seed)
    with (
        closing(sqlite3.connect(root / ".tisserand" / "journal.sqlite")) as journal,
        closing(sqlite3.connect(path, isolation_level=None)) as db,
    ):
        db.execute("PRAGMA synchronous = OFF")
        db.execute("BEGIN")
        db.executemany(
            "INSERT OR IGNORE INTO keys VALUES (?, 'order', ?, ?, 'read', ?)",
            ((f"ORD-{rand.randrange(runs):07}", id, flow, end) for id, flow in journal.execute("SELECT id, flow FROM runs")),
        )
        db.execute("COMMIT")
