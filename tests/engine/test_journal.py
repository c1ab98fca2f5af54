"""The journal: what it keeps, between threads and processes, and after kill -9 in the middle."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from tisserand.engine.journal import Event, Journal, JournalError, RunRecord, new_run_id
from tisserand.engine.launch import process_alive, process_started
from tisserand.texts import msg


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "state" / "journal.sqlite") as journal:
        yield journal


def new_run(journal: Journal, **fields) -> str:
    run = RunRecord(new_run_id(), fields.pop("flow", "f"), **fields)
    journal.create_run(run)
    return run.id


def test_ids_sort_by_time_and_differ():
    assert new_run_id(1795479534.25)[:19] == "20261124-001854-400"
    ids = [new_run_id(1_800_000_000 + step / 100) for step in range(500)]
    assert sorted(ids) == ids
    assert len({new_run_id(1_800_000_000.0) for _ in range(50)}) > 45


def test_a_record_comes_back_as_it_was_written(journal):
    run = RunRecord(
        new_run_id(),
        "f",
        "hash",
        "flows/f.yaml",
        "dev",
        "ann",
        "manual",
        {"n": 1, "text": "é"},
        "p",
        "l",
        created=5.5,
        error={"code": "x"},
    )
    journal.create_run(run)
    assert journal.run(run.id) == run
    assert journal.run("nothing") is None


def test_events_come_in_order_and_from_any_number_on(journal):
    first, other = new_run(journal), new_run(journal)
    numbers = [journal.append(first, "log", "n", {"message": msg("Row {n}", n=n)}) for n in range(10)]
    journal.append(other, "log")
    assert numbers == sorted(set(numbers))
    events = journal.events(first, after=numbers[3])
    assert [event.seq for event in events] == numbers[4:]
    assert events[0].data == {"message": {"id": "Row {n}", "args": {"n": 4}}}
    assert len(journal.events(first, limit=3)) == 3
    assert [event.kind for event in journal.all_events(first)] == ["run.queued"] + ["log"] * 10
    assert Event.from_json(events[0].to_json()) == events[0]


def test_a_run_is_claimed_once(journal):
    run = new_run(journal)
    assert journal.claim(run, 10, 1.0)
    assert not journal.claim(run, 11, 2.0)
    record = journal.run(run)
    assert (record.state, record.owner_pid, record.owner_started) == ("running", 10, 1.0)
    assert journal.set_state(run, "failed", error={"code": "c"})
    assert journal.claim(run, 11, 2.0), "a failed run may be resumed"
    assert journal.run(run).error is None
    journal.set_state(run, "done")
    assert not journal.claim(run, 12, 3.0)


def test_a_state_is_set_once_and_only_from_what_is_expected(journal):
    run = new_run(journal)
    assert journal.set_state(run, "running")
    assert not journal.set_state(run, "running")
    assert journal.set_state(run, "done", expect=("running",))
    assert not journal.set_state(run, "failed", expect=("queued", "running"))
    assert journal.run(run).state == "done"
    assert journal.run(run).finished >= journal.run(run).started
    assert [event.kind for event in journal.events(run)] == ["run.queued", "run.started", "run.done"]
    assert not journal.set_state("nothing", "done")


def test_runs_are_listed_latest_first_and_page_by_page(journal):
    ids = [f"20260101-0000{n:02d}-abcdef0" for n in range(10)]
    for n, id in enumerate(ids):
        journal.create_run(RunRecord(id, "even" if n % 2 == 0 else "odd", parent="p" if n == 4 else None))
    journal.set_state(ids[3], "running")
    assert [run.id for run in journal.runs(limit=3)] == ids[:6:-1]
    assert [run.id for run in journal.runs(limit=3, before=ids[7])] == ids[6:3:-1]
    assert [run.id for run in journal.runs(flow="even")] == ids[8::-2]
    assert [run.id for run in journal.runs(state="running")] == [ids[3]]
    assert [run.id for run in journal.runs(parent="p")] == [ids[4]]


def test_progress_is_one_row_a_node_and_no_durable_write(tmp_path):
    writes: list[str] = []
    with Journal(tmp_path / "j.sqlite", writes.append) as journal:
        run = new_run(journal)
        for rows in range(5):
            journal.progress(run, "a", {"rows": rows})
        journal.progress(run, "b", {"rows": 7})
        journal.heartbeat(run)
        assert journal.progress_of(run) == {"a": {"rows": 4}, "b": {"rows": 7}}
        assert journal.run(run).heartbeat is not None
        journal.append(run, "node.done", "a")
        journal.claim(run, 1, 1.0)
        journal.set_state(run, "done")
    assert writes == ["run.queued", "node.done", "run.started", "run.done"]


def test_what_was_committed_is_there_when_on_write_is_called(tmp_path):
    seen: list[int] = []

    def look(_kind: str) -> None:
        with sqlite3.connect(tmp_path / "j.sqlite") as db:
            seen.append(db.execute("SELECT count(*) FROM events").fetchone()[0])

    with Journal(tmp_path / "j.sqlite", look) as journal:
        run = new_run(journal)
        journal.append(run, "log")
    assert seen == [1, 2]


def test_dead_owners_are_found_and_live_ones_left_alone(journal):
    dead, live, done, lost = (new_run(journal) for _ in range(4))
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = process_started(child.pid)
    journal.claim(dead, child.pid, started)
    journal.claim(live, os.getpid(), process_started(os.getpid()))
    journal.claim(done, child.pid, started)
    journal.set_state(done, "done")
    assert journal.recover(process_alive) == []
    child.communicate(b"\n")
    assert journal.recover(process_alive) == [dead]
    assert journal.recover(process_alive) == []
    assert [journal.run(run).state for run in (dead, live, done, lost)] == ["interrupted", "running", "done", "queued"]
    assert journal.events(dead)[-1].kind == "run.interrupted"
    assert journal.recover(process_alive, patience=-1) == [lost], "queued, and nobody came for it"


def test_a_recycled_pid_is_not_the_owner():
    assert process_alive(os.getpid(), process_started(os.getpid()))
    assert not process_alive(os.getpid(), process_started(os.getpid()) - 60)


def test_threads_share_one_journal(journal):
    run = new_run(journal)

    def write(name: str) -> None:
        for n in range(25):
            journal.append(run, "log", name, {"n": n})
            journal.progress(run, name, {"n": n})

    threads = [threading.Thread(target=write, args=(f"t{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = journal.events(run)
    assert len(events) == 101
    for name in ("t0", "t1", "t2", "t3"):
        assert [event.data["n"] for event in events if event.node == name] == list(range(25))


WRITER = textwrap.dedent("""
    import os, signal, sys
    from pathlib import Path
    from tisserand.engine.journal import Journal, RunRecord
    path, run, count, kill_at = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    written = 0
    def on_write(kind):
        global written
        written += 1
        if written == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
    journal = Journal(path, on_write)
    journal.create_run(RunRecord(run, "f"))
    for n in range(count):
        journal.append(run, "log", None, {"n": n})
        journal.progress(run, "x", {"n": n})
    journal.set_state(run, "done")
""")


def writer(path: Path, run: str, count: int, kill_at: int = 0) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(path), run, str(count), str(kill_at)])


def test_processes_create_and_write_one_journal_at_once(tmp_path):
    path = tmp_path / "j.sqlite"
    runs = [new_run_id() for _ in range(3)]
    processes = [writer(path, run, 40) for run in runs]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    with Journal(path) as journal:
        for run in runs:
            assert [event.data["n"] for event in journal.events(run) if event.kind == "log"] == list(range(40))
            assert journal.run(run).state == "done"


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")
@pytest.mark.parametrize("kill_at", [1, 2, 7])
def test_what_was_written_before_a_kill_is_kept_and_nothing_half(tmp_path, kill_at):
    path = tmp_path / "j.sqlite"
    run = new_run_id()
    assert writer(path, run, 10, kill_at).wait(60) == -signal.SIGKILL
    with Journal(path) as journal:
        kinds = [event.kind for event in journal.events(run)]
        assert kinds == ["run.queued"] + ["log"] * (kill_at - 1)
        assert journal.run(run).state == "queued"
        assert journal.claim(run, os.getpid(), process_started(os.getpid()))
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_newer_or_broken_journal_is_refused_with_a_sentence(tmp_path):
    path = tmp_path / "j.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(JournalError, match="newer Tisserand"):
        Journal(path)
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"this is no database, only text that is long enough to be read as a page" * 100)
    with pytest.raises(JournalError, match="cannot be opened"):
        Journal(broken)
