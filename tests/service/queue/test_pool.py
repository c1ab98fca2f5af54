"""Workers that stay loaded: which run gets which process, what they leave behind, and what kills hit."""

from __future__ import annotations

import os
import signal
import threading
import time

import psutil
import pytest
from tests.service.queue.conftest import SINK, TABLE, waits

from tisserand.engine import pool, stopping
from tisserand.engine.journal import Journal
from tisserand.engine.launch import journal_path, process_started
from tisserand.engine.pool import Pool
from tisserand.engine.records import RunRecord, new_run_id

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")

FAILS = TABLE + "  stop: {kind: flow.fail, inputs: {table: one}, config: {message: enough}}\n"


def pids(desk, runs):
    return [next(e.data["pid"] for e in desk.executor.events(run) if e.kind == "run.started") for run in runs]


def ended(pid, seconds=20):
    end = time.monotonic() + seconds
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end, pid
        time.sleep(0.02)


def test_a_worker_does_one_run_after_the_other_each_with_its_own_log(desk, monkeypatch):
    monkeypatch.setattr(pool, "RUNS", 3)
    desk.settings("runs: 1")
    desk.open()
    file = desk.flow("sink", SINK)
    runs = [desk.start(file) for _ in range(4)]
    assert [desk.until(run).state for run in runs] == ["done"] * 4
    found = pids(desk, runs)
    assert len(set(found[:3])) == 1 and found[3] != found[0], "a worker that did its share is not used again"
    ended(found[0])
    assert desk.written() == 4
    assert all((desk.root / ".tisserand" / "runs" / run / "worker.log").exists() for run in runs)


def test_a_run_with_a_memory_limit_has_a_process_of_its_own(desk):
    desk.settings("runs: 1")
    desk.open()
    plain, limited = desk.flow("plain"), desk.flow("limited", limits="memory: 1GB")
    runs = [desk.start(file) for file in (plain, limited, limited, plain)]
    runs.append(desk.start(plain, memory="900MB"))
    assert [desk.until(run).state for run in runs] == ["done"] * 5
    found = pids(desk, runs)
    assert found[0] == found[3] and len(set(found)) == 4
    for pid in (found[1], found[2], found[4]):
        ended(pid)


def test_a_worker_whose_run_did_not_end_well_is_not_used_again(desk):
    desk.settings("runs: 1")
    desk.open()
    runs = [desk.start(desk.flow("fails", FAILS)), desk.start(desk.flow("one"))]
    assert [desk.until(run).state for run in runs] == ["failed", "done"]
    assert len(set(pids(desk, runs))) == 2


def test_a_worker_that_has_grown_or_has_nothing_to_do_ends(desk, monkeypatch):
    monkeypatch.setattr(pool, "GROWN", 1)
    desk.open()
    run = desk.start(desk.flow("one"))
    desk.until(run)
    ended(*pids(desk, [run]))
    monkeypatch.undo()
    desk.line.pool._idle = 0.3
    run = desk.start(desk.flow("one"))
    desk.until(run)
    ended(*pids(desk, [run]))
    end = time.monotonic() + 10
    while desk.line.pool.pids():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_worker_that_is_killed_is_told_with_its_cause(desk):
    desk.open()
    run = desk.start(desk.flow("long", waits(60)))
    desk.node(run, "hold")
    os.kill(*pids(desk, [run]), signal.SIGKILL)
    found = desk.until(run)
    assert (found.state, found.error.code) == ("failed", "worker.killed")


def test_a_worker_that_died_while_idle_costs_no_run(desk):
    desk.settings("runs: 1")
    desk.open()
    file = desk.flow("sink", SINK)
    first = desk.start(file)
    desk.until(first)
    assert desk.line.pool.settle(first, 10)
    (worker,) = desk.line.pool.pids()
    os.kill(worker, signal.SIGSTOP)  # it takes the order, and dies before it reads it
    second = desk.start(file)
    end = time.monotonic() + 10
    while second not in desk.line.pool.held():
        assert time.monotonic() < end
        time.sleep(0.01)
    os.kill(worker, signal.SIGKILL)
    assert desk.until(second).state == "done"
    assert desk.written() == 2


def test_cancel_never_hits_the_next_run_of_a_worker(desk):
    """Cancelled at the very moment when they end, over and over: what ends is what was asked for, and nothing else."""
    desk.settings("runs: 1")
    desk.open()
    desk.executor._grace = 0.0  # the kill comes at once
    file = desk.flow("one")
    runs = [desk.start(file) for _ in range(12)]
    for run in runs[::2]:
        end = time.monotonic() + 40
        while desk.executor.journal.run(run).state == "queued" and time.monotonic() < end:
            time.sleep(0.002)
        time.sleep(0.05 * (runs.index(run) % 5))
        desk.executor.cancel(run)
    states = [desk.until(run).state for run in runs]
    assert states[1::2] == ["done"] * 6
    assert set(states[::2]) <= {"done", "cancelled"}


def test_a_kill_looks_first_whose_run_it_is(tmp_path, monkeypatch):
    """The worker has taken up the next run: it is let go. Without the look it would be killed."""
    import subprocess
    import sys

    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    started = process_started(process.pid)
    with Journal(journal_path(tmp_path)) as journal:
        old, new = new_run_id(), new_run_id()
        for run in (old, new):
            journal.create_run(RunRecord(run, "f"))
        journal.claim(old, process.pid, started)
        journal.set_state(old, "done")
        journal.claim(new, process.pid, started)
        assert not stopping.kill_owner(journal, old, process.pid, started)
        end = time.monotonic() + 10
        while psutil.Process(process.pid).status() == psutil.STATUS_STOPPED:
            assert time.monotonic() < end
        assert process.poll() is None
        monkeypatch.setattr(stopping, "owns", lambda *_: True)
        assert stopping.kill_owner(journal, old, process.pid, started)
        assert process.wait(10) == -signal.SIGKILL


def test_a_deaf_run_is_killed_after_the_grace(desk):
    desk.open()
    run = desk.start(desk.flow("long", waits(60)))
    desk.node(run, "hold")
    (pid,) = pids(desk, [run])
    held = threading.Event()
    os.kill(pid, signal.SIGSTOP)
    held.wait(0.3)
    desk.executor.cancel(run)
    assert desk.until(run).state == "cancelled"
    ended(pid)


def test_the_end_of_the_executor_ends_idle_workers_and_lets_the_others_finish(desk):
    desk.open()
    one, long = desk.start(desk.flow("one")), desk.start(desk.flow("long", waits(2)))
    desk.until(one)
    desk.node(long, "hold")
    idle, busy = pids(desk, [one, long])
    desk.line.stop()
    ended(idle) if idle != busy else None
    assert desk.until(long).state == "done"
    ended(busy)


def test_without_warm_workers_each_run_has_a_process(desk):
    desk.settings("warm: false")
    desk.open()
    runs = [desk.start(desk.flow("sink", SINK)) for _ in range(2)]
    assert [desk.until(run).state for run in runs] == ["done"] * 2
    assert len(set(pids(desk, runs))) == 2
    assert isinstance(desk.line.pool, Pool) and desk.written() == 2
