"""Retention: what goes by age, size and flow, what stays, and what is left after a kill at any step."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from tisserand.engine.journal import RunRecord
from tisserand.sdk.node import Arrived
from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import Refused
from tisserand.service.retention.settings import Rules
from tisserand.service.retention.sweep import Sweeping
from tisserand.workspace.folder import Workspace

DAY = 86_400.0
NOW = time.time()


@pytest.fixture
def local(root):
    made = LocalExecutor(root, grace=2)
    yield made
    made.close()


def rules(root, text):
    (root / "tisserand.yaml").write_text(f"id: test-workspace\nexecutor:\n  retention: {text}\n")


def made(local, age, state="done", flow="f", parent=None, size=1000, n=[0]):  # noqa: B006 - a counter
    """A run that ended `age` days ago, with rows of `size` bytes."""
    n[0] += 1
    run = time.strftime("%Y%m%d-%H%M%S", time.gmtime(NOW - age * DAY)) + f"-{n[0]:07x}"
    local.journal.create_run(RunRecord(run, flow, parent=parent, created=NOW - age * DAY))
    local.journal.append(run, "sink.done", "w", {"rows": 7, "where": "", "bytes": 70})
    if state != "queued":
        local.journal.set_state(run, "running")
    if state not in ("queued", "running"):
        local.journal.set_state(run, state)
    with local.journal.writing() as db:
        started = NOW - age * DAY
        finished = started if state in ("done", "failed", "cancelled") else None
        db.execute("UPDATE runs SET started = ?, finished = ? WHERE id = ?", (started - 5, finished, run))
        db.execute("UPDATE events SET time = ? WHERE run = ?", (started, run))
    folder = local.root / ".tisserand" / "runs" / run
    (folder / "spool").mkdir(parents=True)
    (folder / "spool" / "a.rows.parquet").write_bytes(b"x" * size)
    (folder / "flow.yaml").write_text("id: f\n")
    (folder / "event.json").write_text("{}")
    local.keys.store.put(run, flow, "n", "order", [f"v-{run}"], False)
    return run


def rows_of(local):
    folder = local.root / ".tisserand" / "runs"
    return {path.name for path in folder.iterdir() if (path / "spool").is_dir()}


def runs_of(local):
    return {run.id for run in local.journal.runs(limit=10_000)}


def test_nothing_goes_where_nothing_is_said(local):
    run = made(local, 4000)
    assert local.retention.plan().data == () == local.retention.plan().runs
    local.retention.sweep()
    assert rows_of(local) == {run} == runs_of(local)


def test_by_age_and_flow(local, root):
    rules(root, "{data: 7d, runs: 90d, keep_failed: 30d, flows: {long: {data: 400d, runs: 500d}, short: {runs: 1d, data: 1d}}}")
    young, old, ancient = made(local, 1), made(local, 10), made(local, 100)
    failed, failed_long_ago = made(local, 10, "failed"), made(local, 40, "failed")
    waiting, running = made(local, 300, "waiting"), made(local, 300, "running")
    kept, brief = made(local, 300, flow="long"), made(local, 2, flow="short")
    caller = made(local, 200, "waiting")
    called = made(local, 200, parent=caller)
    served = made(local, 50)
    local.inbox.store.keep("flows/sample.yaml", "n", [Arrived({}, "k")])
    with local.inbox.store.writing() as db:
        db.execute("UPDATE events SET state = 'taken', run = ?", (served,))
    everything = runs_of(local)
    plan = local.retention.plan()
    assert runs_of(local) == everything == rows_of(local), "a plan removes nothing"
    swept = local.retention.sweep("ann")
    assert plan == swept
    assert rows_of(local) == {young, failed, waiting, running, kept, caller, called, served}
    assert runs_of(local) == everything - {ancient, brief}
    assert {each.run for each in swept.runs} == {ancient, brief}
    assert (root / ".tisserand" / "runs" / old / "flow.yaml").exists()
    assert not (root / ".tisserand" / "runs" / old / "event.json").exists()
    assert (root / ".tisserand" / "runs" / failed_long_ago / "event.json").exists(), "it may be begun anew"
    assert not (root / ".tisserand" / "runs" / ancient).exists()
    assert local.journal.events(ancient) == [] and local.keys.search(f"v-{ancient}").steps == ()
    assert local.keys.search(f"v-{old}").steps
    assert [entry.what for entry in local.audit.entries()] == ["retention.swept"]


def test_a_family_goes_as_one(local, root):
    rules(root, "{data: 7d, runs: 90d, keep_failed: 30d}")
    caller = made(local, 20, "failed")
    called = made(local, 20, parent=caller)
    old = made(local, 100)
    with_it = made(local, 100, parent=old)
    local.retention.sweep()
    assert rows_of(local) == {caller, called}, "what failed and may be resumed goes on from the rows of what it called"
    assert runs_of(local) == {caller, called} and with_it not in runs_of(local)


def test_by_size_the_oldest_data_goes_first(local, root):
    rules(root, "{size: 5KB, keep_failed: 30d}")
    runs = [made(local, 20 - n, size=1000) for n in range(8)]
    failed = made(local, 25, "failed", size=1000)
    swept = local.retention.sweep()
    assert rows_of(local) == {failed, *runs[5:]} and [each.run for each in swept.data] == runs[:5]
    assert ({each.reason for each in swept.data}, swept.over) == ({"size"}, 0) and 4000 < swept.kept <= 5000
    rules(root, "{size: 1KB, keep_failed: 30d}")
    swept = local.retention.sweep()
    assert rows_of(local) == {failed} and swept.over > 0
    assert runs_of(local) == {failed, *runs}


def test_load_of_removed_runs_stays_in_the_figures(local, root):
    for age in (40, 40.2, 41, 50, 5):
        made(local, age)
    made(local, 45, "failed")
    local.journal.set_state(made(local, 60, "running"), "cancelled")
    first = NOW // DAY * DAY - 70 * DAY
    load = local.figures.load(first, NOW // DAY * DAY, DAY)
    hours = local.figures.load(first, NOW // DAY * DAY, 3600.0)
    flows = local.figures.flows(first, NOW // DAY * DAY)
    rules(root, "{runs: 30d}")
    assert len(local.retention.sweep().runs) >= 5
    assert local.figures.load(first, NOW // DAY * DAY, DAY) == load
    assert local.figures.load(first, NOW // DAY * DAY, 3600.0) == hours
    after = next(each for each in local.figures.flows(first, NOW // DAY * DAY) if each.flow == "f")
    before = next(each for each in flows if each.flow == "f")
    assert [getattr(after, name) for name in ("runs", "done", "failed", "rows", "bytes", "p50", "p95")] == [
        getattr(before, name) for name in ("runs", "done", "failed", "rows", "bytes", "p50", "p95")
    ]
    assert before.runs >= 6


@pytest.mark.parametrize("step", ["data", "folder", "keys", "journal"])
def test_a_kill_at_any_step_leaves_work_for_the_next_time(root, step):
    rules(root, "{data: 7d, runs: 30d}")
    local = LocalExecutor(root)
    old, ancient, young = made(local, 10), made(local, 50), made(local, 1)
    load = local.figures.load(NOW // DAY * DAY - 70 * DAY, NOW // DAY * DAY, DAY)
    local.close()
    program = f"""
        import os, signal, sys
        from pathlib import Path
        from tisserand.service.local import LocalExecutor
        from tisserand.service.retention.settings import Rules
        from tisserand.service.retention.sweep import Sweeping
        from tisserand.workspace.folder import Workspace
        root = Path(sys.argv[1])
        die = lambda what: os.kill(os.getpid(), signal.SIGKILL) if what == {step!r} else None
        Sweeping(LocalExecutor(root), Rules(Workspace(root)), die).sweep()
    """
    ended = subprocess.run([sys.executable, "-P", "-c", textwrap.dedent(program), str(root)], check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    local = LocalExecutor(root)
    Sweeping(local, Rules(Workspace(root))).sweep()
    assert rows_of(local) == {young} and runs_of(local) == {old, young}
    assert local.keys.search(f"v-{ancient}").steps == () and local.journal.events(ancient) == []
    assert local.figures.load(NOW // DAY * DAY - 70 * DAY, NOW // DAY * DAY, DAY) == load
    local.close()


def test_the_journal_gives_its_space_back(local, root):
    rules(root, "{runs: 30d}")
    for _n in range(30):
        run = made(local, 50)
        local.journal.append(run, "log", None, {"message": "x" * 20_000})
    local.journal._durable.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = local.journal.path.stat().st_size
    local.retention.sweep()
    local.journal._durable.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert local.journal.path.stat().st_size < before / 2


def test_wrong_settings_are_said_and_remove_nothing(executor, root):
    rules(root, "{runs: soon}")
    with pytest.raises(Refused, match="not understood"):
        executor.retention.plan()
    with pytest.raises(Refused, match="not understood"):
        executor.retention.sweep()


def test_retention_on_the_command_line(local, root, capsys):
    from tisserand.cli.main import call

    rules(root, "{runs: 30d, data: 7d}")
    made(local, 50), made(local, 10)
    assert call(["retention", "--dry-run", "--json", "--workspace", str(root)]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (len(plan["data"]), len(plan["runs"])) == (2, 1)
    assert call(["retention", "--workspace", str(root)]) == 0
    assert "1 run is removed" in capsys.readouterr().out
    assert len(runs_of(local)) == 1
