"""The process of the executor is killed at every write of the ledger of due times: each due time is judged once, and the sink of
the flow holds each once."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tisserand.workspace.folder import Workspace

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")

PROGRAM = """
import os, signal, sys
from pathlib import Path
from tisserand.service.local import LocalExecutor
from tisserand.service.schedule.clock import Clock
root, kill_at, looks = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
executor = LocalExecutor(root)
count = 0
def wrote(what):
    global count
    count += 1
    print(what, flush=True)
    if count == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
executor.schedules.ledger._on_write = wrote
clock = Clock(executor)
clock.begin()
for _look in range(looks):
    clock.tick()
# What runs goes on by itself; here it is waited for, so that no worker outlives the test.
for handle in executor._handles.values():
    handle.wait()
"""

NODES = """
  t: {kind: trigger.dates, config: {dates: [DATES], missed: all, timezone: UTC}}
  put: {kind: sql.write, inputs: {table: t}, config: {connection: base, table: done, mode: append}}
"""


def made(folder: Path, ago: list[int]) -> tuple[Path, list[str]]:
    """A workspace whose flow was due some seconds ago, and has been on for longer."""
    root = Workspace.create(folder).root
    (root / "connections.yaml").write_text("base: {type: database, system: sqlite, file: base.sqlite}\n")
    now = time.time()
    dues = [datetime.fromtimestamp(int(now - seconds), UTC).strftime("%Y-%m-%d %H:%M:%S") for seconds in ago]
    text = NODES.replace("DATES", ", ".join(f"'{due}'" for due in dues))
    path = root / "flows" / "f.yaml"
    path.write_text(f"tisserand: 1\nid: f\nlimits: {{overlap: queue}}\nnodes:{text}")
    for each in (path, root / "tisserand.yaml"):
        os.utime(each, (now - 5000, now - 5000))
    from tisserand.service.ledger import Ledger

    ledger = Ledger(root / ".tisserand" / "ledger.sqlite")
    with ledger.writing() as db:
        db.execute("INSERT INTO watches (file, since) VALUES ('flows/f.yaml', ?)", (now - 4000,))
    ledger.close()
    return root, sorted(dues)


def process(root: Path, kill_at: int, looks: int = 2) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, str(root), str(kill_at), str(looks)],
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode, done.stdout.split()


def asked(path: Path, sql: str) -> list[tuple]:
    with sqlite3.connect(path, timeout=30) as db:
        return db.execute(sql).fetchall()


def ended(root: Path) -> None:
    """Wait for the workers that a killed process left behind."""
    end = time.monotonic() + 60
    sql = "SELECT count(*) FROM runs WHERE state IN ('queued', 'running')"
    while asked(root / ".tisserand" / "journal.sqlite", sql) != [(0,)]:
        assert time.monotonic() < end
        time.sleep(0.1)


def compare(root: Path, dues: list[str]) -> None:
    verdicts = asked(root / ".tisserand" / "schedule.sqlite", "SELECT due, verdict, run FROM verdicts ORDER BY due")
    assert [datetime.fromtimestamp(due, UTC).strftime("%Y-%m-%d %H:%M:%S") for due, _verdict, _run in verdicts] == dues
    assert {verdict for _due, verdict, _run in verdicts} == {"ran"}
    runs = asked(root / ".tisserand" / "journal.sqlite", "SELECT id, state FROM runs ORDER BY id")
    assert sorted(run for _due, _verdict, run in verdicts) == [run for run, _state in runs]
    assert {state for _run, state in runs} == {"done"}
    held = asked(root / "base.sqlite", "SELECT due FROM done ORDER BY due")
    assert [str(due)[:19].replace("T", " ") for (due,) in held] == dues


WRITES = ["schedule", "judged", "started"]


@pytest.mark.timeout(200)
def test_killed_at_every_write(tmp_path: Path) -> None:
    for kill_at in range(1, len(WRITES) + 1):
        root, dues = made(tmp_path / f"w{kill_at}", [3000, 100])
        code, wrote = process(root, kill_at)
        assert code == -signal.SIGKILL and wrote == WRITES[:kill_at]
        assert process(root, 0)[0] == 0
        ended(root)
        compare(root, dues)


@pytest.mark.timeout(200)
def test_killed_between_the_start_and_its_note(tmp_path: Path) -> None:
    """The run is in the journal and its worker at work, and the ledger knows nothing of it: it is found by its label."""
    root, dues = made(tmp_path / "w", [100])
    program = PROGRAM.replace(
        "clock = Clock(executor)",
        "start = executor.start\n"
        "def started(request):\n    start(request)\n    os.kill(os.getpid(), signal.SIGKILL)\n"
        "executor.start = started\nclock = Clock(executor)",
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, str(root), "0", "2"], capture_output=True, timeout=90, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert asked(root / ".tisserand" / "schedule.sqlite", "SELECT verdict, run FROM verdicts") == [("ran", None)]
    assert process(root, 0)[0] == 0
    ended(root)
    compare(root, dues)
