"""The executor is killed wherever it writes, and workers under load: each run is done once, and the sinks hold what they should."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest
from tests.service.queue.conftest import SINK, waits

from tisserand.service.protocol import RunRequest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")

RUNS = 5

EXECUTOR = """
import os, signal, sys, time
from pathlib import Path
import tisserand.engine.pool as pool
import tisserand.service.local as local
from tisserand.engine.launch import RunRequest
from tisserand.service.queue.line import Line
root, place, runs = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
count = 0
def die(what):
    global count
    count += 1
    if place.isdigit() and count == int(place):
        os.kill(os.getpid(), signal.SIGKILL)
made, kept = local.Journal, local.Ledger
local.Journal = lambda path: made(path, die)
local.Ledger = lambda path: kept(path, die)
give = pool._Worker.give
def given(worker, folder):
    give(worker, folder)
    if place == "given":
        os.kill(os.getpid(), signal.SIGKILL)
pool._Worker.give = given
executor = local.LocalExecutor(root)
line = Line(executor)
executor.queue.pause(None, "test")  # a write of the queue, too
executor.line = line
for n in range(runs):
    file = "flows/sink.yaml" if n else "flows/skip.yaml"
    executor.start(RunRequest(file=file, label=f"n{n}"))
executor.start(RunRequest(file="flows/skip.yaml", label="again"))
executor.queue.unpause(None, "test")
line.start()
while executor.runs(state="queued") or executor.runs(state="running"):
    time.sleep(0.05)
os._exit(7)
"""
"""Writes: 1 pause, 2 to 6 the runs, 7 the run that is skipped, 8 unpause, 9 its end."""


def kill_at(desk, place):
    command = [sys.executable, "-c", EXECUTOR, str(desk.root), str(place), str(RUNS)]
    return subprocess.run(command, check=False, timeout=90).returncode


def all_done(desk):
    """The next executor; who asked for the runs asks again for those that are not in the journal."""
    desk.open(work=False)
    desk.executor.queue.unpause(None)
    for n in range(RUNS):
        if desk.executor.journal.labelled(f"n{n}") is None:
            desk.start("flows/sink.yaml" if n else "flows/skip.yaml", label=f"n{n}")
    desk.line.start()
    labels = {}
    for run in desk.executor.runs():
        found = desk.until(run.id)
        labels.setdefault(found.label, []).append(found)
    assert sorted(labels)[-RUNS:] == [f"n{n}" for n in range(RUNS)]
    assert all(len(runs) == 1 for runs in labels.values())
    return {label: runs[0] for label, runs in labels.items()}


def check(desk, place):
    desk.settings("runs: 2")
    desk.flow("sink", SINK)
    desk.flow("skip", SINK, "overlap: skip")
    code = kill_at(desk, place)
    assert code in (-signal.SIGKILL, 7)
    found = all_done(desk)
    again = found.pop("again", None)
    assert {run.state for run in found.values()} == {"done"}
    for run in found.values():
        kinds = [event.kind for event in desk.executor.events(run.id)]
        assert kinds.count("run.started") == kinds.count("run.done") == 1, kinds
    done = RUNS + (again is not None and again.state == "done")
    assert desk.written() == done
    return code


@pytest.mark.parametrize("place", [2, 9, "given"])
def test_the_executor_is_killed_where_the_queue_writes(desk, place):
    assert check(desk, place) == -signal.SIGKILL


@pytest.mark.soak
@pytest.mark.parametrize("place", [1, 3, 4, 5, 6, 7, 8])
def test_the_executor_is_killed_at_every_other_write(desk, place):
    assert check(desk, place) == -signal.SIGKILL


def kill_workers(desk, runs, kills, seed):
    """SIGKILL to workers at random; what failed by it is resumed, until all is done."""
    seeded = random.Random(seed)
    desk.settings("runs: 2")
    nodes = waits(0.3) + "  out: {kind: sql.write, inputs: {table: hold}, config: {connection: base, table: out, mode: append}}\n"
    file = desk.flow("sink", nodes)
    desk.open()
    started = [desk.executor.start(RunRequest(file=file)) for _ in range(runs)]
    killed = 0
    end = time.monotonic() + 90
    while any(desk.executor.journal.run(run).state != "done" for run in started):
        assert time.monotonic() < end, desk.executor.queue.standing()
        time.sleep(seeded.uniform(0.1, 0.8))
        held = sorted(desk.line.pool.held().items())
        if held and killed < kills:
            os.kill(seeded.choice(held)[1], signal.SIGKILL)
            killed += 1
        for run in started:
            if desk.executor.run(run).state in ("failed", "interrupted"):
                assert desk.executor.run(run).error.code.startswith("worker.")
                desk.executor.resume(run, "repeat")
    assert killed == kills
    assert [desk.executor.run(run).state for run in started] == ["done"] * runs
    assert desk.written() == runs


def test_workers_are_killed_under_load(desk):
    kill_workers(desk, 5, 3, 4)


@pytest.mark.soak
def test_workers_are_killed_under_load_for_long(desk):
    kill_workers(desk, 60, 25, 5)
