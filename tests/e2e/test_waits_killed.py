"""Kills around waiting: the worker after each of its journal writes, the executor process between answer and waking; and an upgrade."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from tisserand.engine import launch as launching
from tisserand.engine.journal import Journal
from tisserand.engine.launch import RunRequest, launch, process_alive, relaunch
from tisserand.service.client import HttpExecutor
from tisserand.service.local import LocalExecutor
from tisserand.service.serve import connect, running
from tisserand.service.waits.waking import Waking

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")

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

WAKER = """
import os, signal, sys, time
from pathlib import Path
from tisserand.service.local import LocalExecutor
from tisserand.service.waits.waking import Waking
executor = LocalExecutor(Path(sys.argv[1]))
left = [int(sys.argv[2])]
def killer(kind):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
executor.journal._on_write = killer
if sys.argv[3] == "answer":
    executor.waits.answer(sys.argv[4], None, "approved", "", "ada")
Waking(executor, lambda: time.time() + 86400).look()
os._exit(0)
"""

NODES = """\
  rows: {kind: data.table, config: {columns: {a: integer}, rows: [[1], [2]]}}
  early: {kind: sql.write, inputs: {table: rows}, config: {connection: base, table: early, mode: append}}
  ask: {kind: flow.approve, inputs: {table: rows}, after: {early: done}, config: {question: Go on?}}
  late: {kind: sql.write, inputs: {table: ask.approved}, config: {connection: base, table: late, mode: append}}
  back: {kind: sql.write, inputs: {table: rows}, after: {early: undo}, config: {connection: base, table: back, mode: append}}
"""


def sinks(place):
    db = sqlite3.connect(place.root / "base.sqlite")
    try:
        names = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        return {
            t: sorted(a for (a,) in db.execute(f"SELECT a FROM {t}")) if t in names else [] for t in ("early", "late", "back")
        }
    finally:
        db.close()


def killing(after, begin):
    """Begin a run whose worker kills itself after so many journal writes; gives how it stands then."""
    original = launching._spawn

    def spawn(folder):
        command = [sys.executable, "-c", DRIVER, str(folder), str(after)]
        with (folder / "worker.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    launching._spawn = spawn
    try:
        handle = begin()
    finally:
        launching._spawn = original
    return handle.run, handle.wait(60)


@pytest.mark.timeout(280)
@pytest.mark.parametrize(("first", "step"), [(5, 9), *(pytest.param(n, 3, marks=pytest.mark.soak) for n in (1, 2, 3))])
def test_a_kill_after_every_write_before_it_waits_and_after_it_is_woken(place, first, step):
    """Killed before it waits and resumed, then killed after it was woken and resumed; every ninth write, and all of them in a soak."""
    place.flow("asks", NODES)
    after, waited, ended = first, False, False
    while not (waited and ended):
        place.ask("DROP TABLE IF EXISTS early"), place.ask("DROP TABLE IF EXISTS late")
        run, record = killing(after, lambda: launch(place.root, RunRequest(file="flows/asks.yaml")))
        waited = waited or record.state == "waiting"
        if record.state != "waiting":
            record = relaunch(place.root, run).wait(60)
        assert record.state == "waiting", (after, record.error, place.log(run))
        assert sinks(place)["early"] == [1, 2] and sinks(place)["late"] == [], after
        assert len(place.executor.waits.open("decision")) == 1
        place.executor.waits.answer(run, None, "approved", "", "ada")
        _run, record = killing(after, lambda run=run: relaunch(place.root, run))
        ended = ended or record.state == "done"
        if record.state != "done":
            record = relaunch(place.root, run).wait(60)
        assert record.state == "done", (after, record.error, place.log(run))
        assert sinks(place) == {"early": [1, 2], "late": [1, 2], "back": []}, after
        after += step
    assert after > 10


@pytest.mark.timeout(280)
@pytest.mark.parametrize(("first", "step"), [(4, 7), *(pytest.param(n, 2, marks=pytest.mark.soak) for n in (1, 2))])
def test_a_kill_after_every_write_while_a_waiting_run_is_cancelled(place, first, step):
    place.flow("asks", NODES)
    after = first
    while True:
        for table in ("early", "back"):
            place.ask(f"DROP TABLE IF EXISTS {table}")
        run, record = launch_and_wait(place)
        assert record.state == "waiting"
        from tisserand.engine.undo import turn_back

        assert turn_back(place.root, run, place.executor.journal)
        marked = place.root / ".tisserand" / "runs" / run / launching.UNDOING
        assert marked.exists()
        _run, record = killing(after, lambda run=run: relaunch(place.root, run))
        whole = record.state == "cancelled" and not marked.exists()
        if record.state != "cancelled":
            record = relaunch(place.root, run).wait(60)
        assert record.state == "cancelled", (after, record, place.log(run))
        assert sinks(place) == {"early": [1, 2], "late": [], "back": [1, 2]}, after
        assert place.executor.waits.open() == []
        if whole:
            break
        after += step
    assert after > 5


def launch_and_wait(place):
    handle = launch(place.root, RunRequest(file="flows/asks.yaml"))
    return handle.run, handle.wait(60)


@pytest.mark.parametrize("what", ["answer", pytest.param("due", marks=pytest.mark.soak)])
def test_the_executor_is_killed_at_each_write_of_answering_and_waking(place, what):
    nodes = (
        NODES if what == "answer" else NODES.replace("{question: Go on?}", "{question: Go on?, timeout: 1h, on_timeout: approve}")
    )
    place.flow("asks", nodes)
    after, writes = 1, []
    while True:
        for table in ("early", "late"):
            place.ask(f"DROP TABLE IF EXISTS {table}")
        run, _record = launch_and_wait(place)
        code = subprocess.run([sys.executable, "-c", WAKER, str(place.root), str(after), what, run], check=False).returncode
        writes.append(code)
        if place.executor.run(run).state == "waiting":
            if place.executor.waits.open():  # it was killed before it had answered
                assert after == 0, "an answer is written at once"
            waking = LocalExecutor(place.root, grace=8)
            assert Waking(waking).look() == [run]
            rest(place, run)
            waking.close()
        rest(place, run)
        place.executor.journal.recover(process_alive, 0)  # queued, and whoever was to begin it was killed before
        if place.executor.run(run).state in ("failed", "interrupted"):
            place.resume(run)
        found = rest(place, run)
        assert found.state == "done" and sinks(place) == {"early": [1, 2], "late": [1, 2], "back": []}, (
            after,
            found,
            place.log(run),
        )
        assert len(place.events(run, "wait.answered")) == 1
        if code == 0:
            break
        after += 1
    assert writes[-1] == 0 and -signal.SIGKILL in writes


def rest(place, run):
    """How a run stands once no process works on it."""
    end = time.monotonic() + 60
    while (found := place.executor.run(run)).state in ("queued", "running"):
        if found.state == "queued" and time.monotonic() > end - 50:
            return found  # whoever was to begin it was killed before
        assert time.monotonic() < end, (found, place.log(run))
        time.sleep(0.05)
    return found


@pytest.fixture
def serve(place):
    begun = []

    def start():
        command = [sys.executable, "-c", "from tisserand.cli.main import main; main()", "serve", "--workspace", str(place.root)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        begun.append(process)
        end = time.monotonic() + 30
        while running(place.root) is None:
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.05)
        remote = connect(place.root)
        assert isinstance(remote, HttpExecutor)
        return process, remote

    yield start
    for process in begun:
        process.kill()
        process.wait()


def test_executor_processes_come_and_go_while_a_run_waits(place, serve):
    process, remote = serve()
    run = remote.start(RunRequest(file=place.flow("asks", NODES), by="ada"))
    assert [event.kind for event in remote.events(run, follow=True)][-1] == "run.waiting"
    assert remote.run(run).state == "waiting"
    (turn,) = remote.queue.standing().turns
    assert (turn.run, turn.state) == (run, "waiting")
    (wait,) = remote.waits.open("decision")
    process.kill()
    process.wait()
    remote.close()
    # The flow's file becomes another one meanwhile, and somebody decides while no executor is there.
    place.flow("asks", NODES.replace("table: late", "table: other"))
    place.executor.waits.answer(run, wait.node, "approved", "", "bob")
    assert place.executor.run(run).state == "waiting"
    process, remote = serve()
    place.until(run, lambda found: found.state == "done") if place.executor.run(run).state != "done" else None
    assert sinks(place)["early"] == sinks(place)["late"] == [1, 2]
    assert remote.waits.signal("x", None, {"a": 1}, "ada").run is None
    remote.close()


FORMER = """
CREATE TABLE runs (
  id TEXT PRIMARY KEY, flow TEXT NOT NULL, flow_file TEXT, flow_hash TEXT NOT NULL, env TEXT,
  "by" TEXT NOT NULL, "trigger" TEXT NOT NULL, parameters TEXT NOT NULL, parent TEXT, label TEXT,
  state TEXT NOT NULL, created REAL NOT NULL, started REAL, finished REAL,
  owner_pid INTEGER, owner_started REAL, heartbeat REAL, error TEXT,
  priority INTEGER NOT NULL DEFAULT 0, cause TEXT
) WITHOUT ROWID;
CREATE INDEX runs_by_flow ON runs (flow, id);
CREATE INDEX runs_by_state ON runs (state, id);
CREATE INDEX runs_by_parent ON runs (parent, id) WHERE parent IS NOT NULL;
CREATE INDEX runs_by_label ON runs (label) WHERE label IS NOT NULL;
CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL REFERENCES runs (id), time REAL NOT NULL,
  kind TEXT NOT NULL, node TEXT, data TEXT NOT NULL
);
CREATE INDEX events_by_run ON events (run, seq);
CREATE TABLE progress (
  run TEXT NOT NULL, node TEXT NOT NULL, time REAL NOT NULL, data TEXT NOT NULL, PRIMARY KEY (run, node)
) WITHOUT ROWID;
PRAGMA user_version = 2;
"""
"""The journal as version 2 of its schema had it."""


def test_a_waiting_run_of_a_former_journal_goes_on_with_its_own_text(place):
    """What is kept of the run, written anew into a journal of the schema before waits were kept, and the flow's file edited."""
    run, record = launch_and_wait(_flow(place))
    assert record.state == "waiting"
    place.executor.close()
    path = place.root / ".tisserand" / "journal.sqlite"
    new = sqlite3.connect(path)
    names = [row[1] for row in sqlite3.connect(":memory:").executescript(FORMER).execute("PRAGMA table_info(runs)")]
    listed = ", ".join(f'"{name}"' for name in names)
    runs = new.execute(f"SELECT {listed} FROM runs").fetchall()
    # That version knew neither the answer's table nor the event that tells of it.
    events = new.execute("SELECT seq, run, time, kind, node, data FROM events WHERE kind != 'node.waiting'").fetchall()
    new.close()
    for file in path.parent.glob("journal.sqlite*"):
        file.unlink()
    old = sqlite3.connect(path)
    old.executescript(FORMER)
    old.executemany(f"INSERT INTO runs ({listed}) VALUES ({', '.join('?' * len(names))})", runs)
    old.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", events)
    old.commit()
    old.close()
    place.flow("asks", NODES.replace("table: late", "table: other"))
    place.executor = LocalExecutor(place.root, grace=8)
    with Journal(path) as journal:
        assert journal.row("PRAGMA user_version") == (len(Journal.migrations),)
    assert place.executor.run(run).state == "waiting"
    assert place.resume(run, uncertain="repeat").state == "waiting"  # it asks, now that it can
    place.executor.waits.answer(run, None, "approved", "", "ada")
    assert place.resume(run).state == "done"
    assert sinks(place) == {"early": [1, 2], "late": [1, 2], "back": []}


def test_a_later_version_of_tisserand_goes_on_with_what_is_done(place, monkeypatch):
    """The digests of what is done hold the version that began the run, not the one that goes on with it."""
    run, record = launch_and_wait(_flow(place))
    assert record.state == "waiting"
    folder = place.root / ".tisserand" / "runs" / run
    asked = json.loads((folder / "request.json").read_text())
    place.executor.waits.answer(run, None, "approved", "", "ada")
    driver = "import sys, tisserand; tisserand.__version__ = '99.0'\nfrom tisserand.engine.worker import main\nfrom pathlib import Path\nsys.exit(main(Path(sys.argv[1])))"
    monkeypatch.setattr(launching, "worker_command", lambda folder: [sys.executable, "-P", "-c", driver, str(folder)])
    assert asked["tisserand"] and relaunch(place.root, run).wait(60).state == "done", place.log(run)
    assert sinks(place) == {"early": [1, 2], "late": [1, 2], "back": []}
    assert len([event for event in place.events(run, "node.started") if event.node == "early"]) == 1


def _flow(place):
    place.flow("asks", NODES)
    return place
