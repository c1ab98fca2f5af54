"""A journal of many runs, written as rows of its tables: what the supervision shows is compared with SQL over the same file."""

from __future__ import annotations

import json
import random
import sqlite3
import time
from pathlib import Path

from tisserand.service.local import LocalExecutor

FLOWS = ("orders", "invoices", "stock")
STATES = ("done", "done", "done", "done", "failed", "cancelled", "interrupted")
BROKEN = json.dumps(
    {
        "code": "http.failed",
        "severity": "error",
        "message": {"id": "The shop did not answer: {status}.", "args": {"status": 502}},
        "fix": None,
        "place": {"node": "shop"},
    }
)


def workspace(folder: Path, runs: int, hours: float = 20.0, seed: int = 5) -> Path:
    """A workspace with three flows that ran so many times in the last hours; gives its root."""
    (folder / "flows").mkdir(parents=True)
    (folder / "tisserand.yaml").write_text("")
    for flow in FLOWS:
        text = f"tisserand: 1\nid: {flow}\ntitle: The {flow}\nnodes:\n  one: {{kind: data.table, config: {{columns: {{a: integer}}, rows: [[1]]}}}}\n"
        (folder / "flows" / f"{flow}.yaml").write_text(text)
    LocalExecutor(folder).close()
    chance, now = random.Random(seed), time.time()
    moments = sorted(now - 60 - chance.random() * hours * 3600 for _number in range(runs))
    with sqlite3.connect(folder / ".tisserand" / "journal.sqlite") as db:
        for number, moment in enumerate(moments):
            state, flow = chance.choice(STATES), chance.choice(FLOWS)
            add(db, number, moment, flow, state, chance.lognormvariate(1, 0.6), chance.choice(("ann", "bob", "")))
    return folder


def add(db: sqlite3.Connection, number: int, moment: float, flow: str, state: str, took: float, by: str) -> str:
    """One run that is over (or under way, where its state says so)."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(moment))
    run = f"{stamp}-{int(moment % 1 * 4096):03x}{number % 65536:04x}"
    live = state in ("running", "queued", "waiting")
    db.execute(
        'INSERT INTO runs (id, flow, flow_file, flow_hash, "by", "trigger", parameters, state, created, started, finished, error) '
        "VALUES (?, ?, ?, '', ?, ?, '{}', ?, ?, ?, ?, ?)",
        (
            run,
            flow,
            f"flows/{flow}.yaml",
            by,
            "manual" if by else "schedule",
            state,
            moment,
            moment + 0.2,
            None if live else moment + 0.2 + took,
            BROKEN if state == "failed" else None,
        ),
    )
    return run


def journal(root: Path) -> sqlite3.Connection:
    return sqlite3.connect(root / ".tisserand" / "journal.sqlite")
