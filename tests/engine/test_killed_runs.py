"""A run is killed after every single journal write, then resumed: the sinks hold what an undisturbed run writes, once."""

from __future__ import annotations

import csv
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tisserand.engine.launch import RunRequest, launch, relaunch

FLOW = """tisserand: 1
id: two-sinks
nodes:
  orders:
    kind: file.read_csv
    config: {path: orders.csv}
  large:
    kind: table.filter
    inputs: {table: orders}
    config: {where: amount >= 10}
  report:
    kind: file.write_csv
    inputs: {table: large}
    config: {path: out/large.csv}
  base:
    kind: sql.write
    inputs: {table: large.rejected}
    config: {connection: base, table: small, mode: append}
  told:
    kind: file.write_parquet
    inputs: {table: report.result}
    config: {path: out/told.parquet}
"""

DRIVER = """
import os, signal, sys
from pathlib import Path
from tisserand.engine import worker
left = [int(sys.argv[2])]
def killer(kind):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
os._exit(worker.main(Path(sys.argv[1]), on_write=killer))
"""


def workspace(root: Path) -> Path:
    root.mkdir()
    (root / "tisserand.yaml").write_text("id: crash\n")
    (root / "flows").mkdir()
    (root / "flows" / "two-sinks.yaml").write_text(FLOW)
    (root / "connections.yaml").write_text("base:\n  type: database\n  system: sqlite\n  file: base.sqlite\n")
    rows = [(number, number * 7 % 23) for number in range(50)]
    (root / "orders.csv").write_text("id,amount\n" + "".join(f"{a},{b}\n" for a, b in rows))
    return root


def sinks(root: Path) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    with (root / "out" / "large.csv").open() as file:
        large = sorted((int(row["id"]), int(row["amount"])) for row in csv.DictReader(file))
    with sqlite3.connect(root / "base.sqlite") as db:
        small = sorted(db.execute("SELECT id, amount FROM small"))
    return large, small


EXPECTED = (
    sorted((n, n * 7 % 23) for n in range(50) if n * 7 % 23 >= 10),
    sorted((n, n * 7 % 23) for n in range(50) if n * 7 % 23 < 10),
)


def killed_run(root: Path, after: int) -> tuple[str, int]:
    """A run whose worker kills itself after so many journal writes."""
    from tisserand.engine import launch as module

    original = module._spawn

    def spawn(folder: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", DRIVER, str(folder), str(after)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    module._spawn = spawn
    try:
        handle = launch(root, RunRequest(file="flows/two-sinks.yaml", keep="cuts"))
    finally:
        module._spawn = original
    record = handle.wait(60)
    return handle.run, 0 if record.state == "done" else 1


STEP = 3
"""The kills are shared out to as many tests, which run side by side."""


@pytest.mark.timeout(280)
@pytest.mark.parametrize("first", range(1, STEP + 1))
def test_a_kill_after_every_journal_write_loses_and_doubles_nothing(tmp_path: Path, first: int) -> None:
    after = first
    while True:
        root = workspace(tmp_path / f"kill{after}")
        run, code = killed_run(root, after)
        if code == 0:  # the run has fewer writes than that
            break
        record = relaunch(root, run).wait(60)
        log = (root / ".tisserand" / "runs" / run / "worker.log").read_text()
        assert record.state == "done", (after, record.error, log)
        assert sinks(root) == EXPECTED, after
        left = [path.name for path in (root / "out").iterdir() if path.name.endswith(".part")]
        assert left == [], (after, left)
        after += STEP
    assert after > 20, "the run journals too little to be resumed"
    assert sinks(root) == EXPECTED
