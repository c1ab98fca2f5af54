"""A run is killed between what a sink does and the journal's word of it, again and again: every sink's content is right, and there once."""

from __future__ import annotations

import csv
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tisserand.engine import launch as launching
from tisserand.engine.launch import RunRequest, launch, relaunch

FLOW = """tisserand: 1
id: commits
nodes:
  orders:
    kind: file.read_csv
    config: {path: orders.csv}
  lines:
    kind: file.write_json
    inputs: {table: orders}
    config: {path: out/orders.jsonl, format: lines}
  list:
    kind: file.write_json
    inputs: {table: orders}
    config: {path: out/orders.json, format: array}
  sheet:
    kind: file.write_excel
    inputs: {table: orders}
    config: {path: out/orders.xlsx}
  longer:
    kind: file.write_csv
    inputs: {table: orders}
    config: {path: out/longer.csv, mode: append}
  added:
    kind: sql.write
    inputs: {table: orders}
    config: {connection: base, table: added, mode: append}
  replaced:
    kind: sql.write
    inputs: {table: orders}
    config: {connection: base, table: replaced, mode: replace}
  changed:
    kind: sql.write
    inputs: {table: orders}
    config: {connection: base, table: changed, mode: upsert, key: [id]}
"""
SINKS = ("lines", "list", "sheet", "longer", "added", "replaced", "changed")

DRIVER = """
import os, signal, sys
from pathlib import Path
from tisserand.engine import worker
from tisserand.engine.journal import Journal
folder, marks, kind = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
append = Journal.append
def killing(self, run, what, node=None, data=None):
    mark = marks / str(node)
    if what == kind and node in sys.argv[4:] and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return append(self, run, what, node, data)
Journal.append = killing
os._exit(worker.main(folder))
"""

ROWS = [(number, number * 7 % 23) for number in range(40)]


def workspace(root: Path) -> Path:
    for folder in ("flows", "out", "marks"):
        (root / folder).mkdir()
    (root / "tisserand.yaml").write_text("id: commits\n")
    (root / "flows" / "commits.yaml").write_text(FLOW)
    (root / "connections.yaml").write_text("base: {type: database, system: sqlite, file: base.sqlite}\n")
    (root / "orders.csv").write_text("id,amount\n" + "".join(f"{a},{b}\n" for a, b in ROWS))
    (root / "out" / "longer.csv").write_text("id,amount\n-1,-1\n")
    with sqlite3.connect(root / "base.sqlite") as db:
        for table in ("added", "replaced", "changed"):
            db.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, amount INTEGER)")
            db.execute(f"INSERT INTO {table} VALUES (-1, -1)")
        db.execute("INSERT INTO changed VALUES (3, 999)")
    return root


def content(root: Path) -> dict[str, Any]:
    out = root / "out"
    found: dict[str, Any] = {
        "lines": [tuple(json.loads(line).values()) for line in (out / "orders.jsonl").read_text().splitlines()],
        "list": [tuple(row.values()) for row in json.loads((out / "orders.json").read_text())],
        "sheet": list(openpyxl.load_workbook(out / "orders.xlsx").active.iter_rows(min_row=2, values_only=True)),
        "longer": [(int(row["id"]), int(row["amount"])) for row in csv.DictReader((out / "longer.csv").open())],
    }
    db = sqlite3.connect(root / "base.sqlite")
    found |= {table: db.execute(f"SELECT id, amount FROM {table}").fetchall() for table in ("added", "replaced", "changed")}
    db.close()
    return {name: sorted(rows) for name, rows in found.items()}


BESIDE = [(-1, -1), *ROWS]
EXPECTED = {"lines": ROWS, "list": ROWS, "sheet": ROWS, "longer": BESIDE, "added": BESIDE, "replaced": ROWS, "changed": BESIDE}


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
@pytest.mark.parametrize("kind", ["sink.done", "segment.done"])
def test_a_kill_between_a_commit_and_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    root = workspace(tmp_path)

    def spawn(folder: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", DRIVER, str(folder), str(root / "marks"), kind, *SINKS]
        with (folder / "worker.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    monkeypatch.setattr(launching, "_spawn", spawn)
    handle = launch(root, RunRequest(file="flows/commits.yaml"))
    record, kills = handle.wait(60), 0
    while record.state != "done":
        kills += 1
        log = (root / ".tisserand" / "runs" / handle.run / "worker.log").read_text()
        assert record.error and record.error["code"] == "worker.killed" and kills <= 2 * len(SINKS), (record.error, log)
        record = relaunch(root, handle.run).wait(60)
    assert content(root) == EXPECTED
    assert {path.name for path in (root / "marks").iterdir()} == set(SINKS)
    assert [path.name for path in (root / "out").iterdir() if path.name.endswith(".part")] == []
