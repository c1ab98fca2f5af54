"""A watched folder, end to end: every file that arrives is converted exactly once, whatever is killed when."""

from __future__ import annotations

import csv
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

from tisserand.files import shipped
from tisserand.service.serve import connect, ensure, running
from tisserand.workspace.folder import Workspace

SCENARIO = shipped("flows") / "scenarios" / "flows" / "folder-to-excel.yaml"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    root = Workspace.create(tmp_path / "w").root
    for name in ("in", "out"):
        (root / name).mkdir()
    text = SCENARIO.read_text()
    for name, folder in (("source", "in"), ("target", "out")):
        text = text.replace(f"{name}:\n    type: folder\n", f"{name}:\n    type: folder\n    default: {folder}\n")
        text = text.replace(f"{name}: {{type: folder, ", f"{name}: {{type: folder, default: {folder}, ")
    (root / "flows" / "copy.yaml").write_text(text.replace("{folder: ", "{settle: 200ms, folder: ").replace(
        "      folder: ", "      settle: 200ms\n      folder: "))  # fmt: skip
    yield root
    stop(root)


def stop(root: Path, how: int = signal.SIGTERM) -> None:
    import json

    known = root / ".tisserand" / "executor.json"
    if running(root) is None:
        return
    pid = json.loads(known.read_text())["pid"]
    os.kill(pid, how)
    end = time.monotonic() + 20
    while running(root) is not None and time.monotonic() < end:
        time.sleep(0.05)


def arrive(root: Path, name: str, rows: int) -> None:
    """As another program would write it: some at a time."""
    with (root / "in" / name).open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["id", "name"])
        for row in range(rows):
            writer.writerow([row, f"{name} {row}"])
            if row == rows // 2:
                out.flush()
                time.sleep(0.1)


def until(ready, seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if ready():
            return True
        time.sleep(0.05)
    return bool(ready())


def cells(path: Path) -> list[tuple[object, ...]]:
    book = openpyxl.load_workbook(path, read_only=True)
    try:
        return [tuple(cell.value for cell in row) for row in book.active.iter_rows()]
    finally:
        book.close()


def runs_of(root: Path) -> dict[str, list[str]]:
    """File → the states of its runs, from the journal itself."""
    import json

    db = sqlite3.connect(root / ".tisserand" / "journal.sqlite")
    found: dict[str, list[str]] = {}
    for parameters, state in db.execute("SELECT parameters, state FROM runs"):
        found.setdefault(Path(json.loads(parameters)["file"]).name, []).append(state)
    db.close()
    return found


def test_files_are_converted_as_they_arrive(place: Path) -> None:
    arrive(place, "early.csv", 10)
    executor = connect(place)
    executor.watch("flows/copy.yaml")
    executor.close()
    ensure(place)
    assert until(lambda: (place / "out" / "early.xlsx").exists())
    arrive(place, "late.csv", 500)
    (place / "in" / ".hidden.csv").write_text("a\n1\n")
    (place / "in" / "other.txt").write_text("a\n1\n")
    assert until(lambda: (place / "out" / "late.xlsx").exists())
    wanted = [("id", "name"), *((row, f"late.csv {row}") for row in range(500))]
    assert cells(place / "out" / "late.xlsx") == wanted
    with Connected(place) as remote:
        assert until(lambda: dict(remote.watches()[0].counts) == {"done": 2})
        assert remote.watches()[0].problem is None
        # Off: what arrives now waits for nobody.
        remote.unwatch("flows/copy.yaml")
        time.sleep(1.2)
        arrive(place, "after.csv", 3)
        time.sleep(1.5)
        assert not (place / "out" / "after.xlsx").exists()
        # On again: what was done is not done again, what waited is.
        remote.watch("flows/copy.yaml")
        assert until(lambda: (place / "out" / "after.xlsx").exists())
    assert runs_of(place) == {"early.csv": ["done"], "late.csv": ["done"], "after.csv": ["done"]}
    # A file that is changed later is another one.
    arrive(place, "early.csv", 20)
    assert until(lambda: len(runs_of(place)["early.csv"]) == 2)
    assert until(lambda: len(cells(place / "out" / "early.xlsx")) == 21)


class Connected:
    def __init__(self, root: Path) -> None:
        self.root = root

    def __enter__(self):
        self.executor = connect(self.root)
        return self.executor

    def __exit__(self, *_error: object) -> None:
        self.executor.close()


def test_killed_again_and_again_every_file_is_there_once(place: Path) -> None:
    seed = int(os.environ.get("TISSERAND_SEED", "7"))
    chance = random.Random(seed)
    with Connected(place) as executor:
        executor.watch("flows/copy.yaml")
    names = [f"f{number}.csv" for number in range(8)]
    for index, name in enumerate(names):
        ensure(place)
        arrive(place, name, 50 + index)
        time.sleep(chance.uniform(0.1, 0.9))
        if index % 2:
            stop(place, signal.SIGKILL)
    ensure(place)
    outputs = [place / "out" / f"{Path(name).stem}.xlsx" for name in names]
    assert until(lambda: all(path.exists() for path in outputs), 120), seed
    with Connected(place) as remote:
        assert until(lambda: dict(remote.watches()[0].counts) == {"done": 8}), (seed, remote.watches())
    for index, path in enumerate(outputs):
        assert len(cells(path)) == 51 + index
    assert {name: len(states) for name, states in runs_of(place).items()} == dict.fromkeys(names, 1), seed


def test_what_is_wrong_is_told_and_mended_while_it_listens(place: Path) -> None:
    shutil.rmtree(place / "in")
    with Connected(place) as executor:
        executor.watch("flows/copy.yaml")
    ensure(place)
    with Connected(place) as remote:
        assert until(lambda: remote.watches()[0].problem is not None)
        assert "in" in remote.watches()[0].problem.message.text()
        (place / "in").mkdir()
        arrive(place, "a.csv", 3)
        assert until(lambda: (place / "out" / "a.xlsx").exists())
        assert until(lambda: remote.watches()[0].problem is None)


def test_a_file_that_is_still_written_waits(place: Path) -> None:
    text = (place / "flows" / "copy.yaml").read_text().replace("200ms", "2s")
    (place / "flows" / "copy.yaml").write_text(text)
    with Connected(place) as executor:
        executor.watch("flows/copy.yaml")
    ensure(place)
    with (place / "in" / "slow.csv").open("w") as out:
        out.write("id,name\n")
        for row in range(14):
            out.write(f"{row},x\n")
            out.flush()
            time.sleep(0.25)
    assert not (place / "out" / "slow.xlsx").exists()
    assert until(lambda: (place / "out" / "slow.xlsx").exists())
    assert len(cells(place / "out" / "slow.xlsx")) == 15
    # The file stands before the run has told its end.
    assert until(lambda: runs_of(place) == {"slow.csv": ["done"]}), runs_of(place)


def test_files_are_put_away_when_their_run_is_over(place: Path) -> None:
    text = (place / "flows" / "copy.yaml").read_text()
    put = "when_done: move, done_folder: done, failed_folder: failed, settle"
    (place / "flows" / "copy.yaml").write_text(text.replace("settle", put))
    arrive(place, "good.csv", 3)
    (place / "in" / "bad.csv").write_bytes(b'id,name\n1,"\xff\xfe\n')
    with Connected(place) as executor:
        executor.watch("flows/copy.yaml")
    ensure(place)
    assert until(lambda: (place / "done" / "good.csv").exists() and (place / "failed" / "bad.csv").exists())
    with Connected(place) as remote:
        assert until(lambda: dict(remote.watches()[0].counts) == {"done": 1, "failed": 1})
        dead = remote.inbox.events(state="dead")
        assert [Path(event.row["file"]).name for event in dead] == ["bad.csv"]
        assert dead[0].error is not None
        # Mended where it lies now, and sent again.
        (place / "failed" / "bad.csv").write_text("id,name\n1,x\n")
        row = {**dead[0].row, "file": str(place / "failed" / "bad.csv")}
        remote.inbox.edit(dead[0].id, row, "ann")
        remote.inbox.resubmit([dead[0].id], "ann")
        assert until(lambda: dict(remote.watches()[0].counts) == {"done": 2})
    assert len(cells(place / "out" / "bad.xlsx")) == 2
    assert list((place / "in").iterdir()) == []


def test_the_command_line_shows_and_switches(place: Path) -> None:
    def call(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "tisserand.cli.main", *words, "--workspace", str(place)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return done.stdout + done.stderr

    assert "copy" in call("watch", "copy")
    assert "copy" in call("watch")
    call("watch", "copy", "--off")
    assert "copy" not in call("watch")
