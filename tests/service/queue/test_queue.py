"""The queue at work, with real workers: order, limits, overlap, pausing, cancelling, and restarts."""

from __future__ import annotations

import itertools
import os
import time

import pytest
from tests.service.queue.conftest import SINK, TABLE, then, waits

from tisserand.engine.journal import Journal
from tisserand.engine.launch import journal_path, process_alive
from tisserand.sdk.errors import NodeError
from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import Refused, RunRequest


def test_runs_begin_by_priority_then_age_and_no_more_than_allowed(desk):
    desk.settings("runs: 1")
    plain, low, high = desk.flow("plain"), desk.flow("low", limits="priority: low"), desk.flow("high", limits="priority: high")
    desk.open(work=False)
    runs = [desk.start(file) for file in (low, plain, high, plain)] + [desk.start(low, priority=20)]
    assert {desk.executor.run(run).state for run in runs} == {"queued"}
    assert [desk.executor.run(run).priority for run in runs] == [-10, 0, 10, 0, 20]
    desk.line.start()
    for run in runs:
        assert desk.until(run).state == "done"
    assert desk.order(runs) == [runs[4], runs[2], runs[1], runs[3], runs[0]]
    spans = sorted((run.started, run.finished) for run in desk.executor.runs())
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))


def test_why_a_run_waits_is_said(desk):
    desk.settings("runs: 2, memory: 2GB, default_memory: 600MB")
    long, large = desk.flow("long", waits(60)), desk.flow("large", limits="memory: 1900MB")
    desk.open()
    first = desk.start(long)
    desk.until(first, "running")
    behind = desk.start(large)
    assert desk.reason(behind) == "memory"
    second = desk.start(long, priority=5)
    desk.until(second, "running")
    assert desk.reason(behind) == "runs under way: 2 of 2"
    desk.node(first, "hold")
    turns = desk.executor.queue.standing().turns
    assert [turn.run for turn in turns] == [first, second, behind]
    assert turns[0].pid and turns[0].memory > 10_000_000 and turns[0].nodes == (1, 2)
    desk.executor.cancel(second)
    desk.executor.cancel(first)
    assert desk.until(behind).state == "done"


def test_a_flow_that_must_not_overlap(desk):
    desk.settings("runs: 1")
    skip, queue = desk.flow("skip", waits(60), "overlap: skip"), desk.flow("queue", waits(1), "overlap: queue")
    desk.open()
    first = desk.start(skip)
    desk.until(first, "running")
    second = desk.until(desk.start(skip))
    assert (second.state, second.error.code, second.started) == ("cancelled", "run.overlap", None)
    assert first in second.error.message.text("en")
    desk.executor.cancel(first)
    desk.until(first)
    runs = [desk.start(queue), desk.start(queue)]
    desk.until(runs[0], "running")
    assert desk.reason(runs[1]) == f"waits for the run {runs[0]} of this flow"
    assert [desk.until(run).state for run in runs] == ["done", "done"]
    assert desk.executor.run(runs[0]).finished <= desk.executor.run(runs[1]).started


def test_a_run_takes_the_place_of_the_one_before(desk):
    file = desk.flow("replace", waits(60), "overlap: replace")
    desk.open()
    first = desk.start(file)
    desk.node(first, "hold")
    desk.flow("replace", TABLE, "overlap: replace")
    second = desk.start(file)
    assert (desk.until(second).state, desk.until(first).state) == ("done", "cancelled")
    assert desk.executor.run(first).finished <= desk.executor.run(second).started


def test_a_limit_of_time_for_flows_that_have_none(desk):
    desk.settings("timeout: 1s")
    desk.open()
    found = desk.until(desk.start(desk.flow("long", waits(60))))
    assert (found.state, found.error.code) == ("failed", "run.timeout")
    assert desk.until(desk.start(desk.flow("own", waits(2), "timeout: 1min"))).state == "done"


def test_impossible_settings_are_told_with_their_place(desk):
    for text, field in (("runs: none", "executor.runs"), ("rums: 3", "executor.rums")):
        desk.settings(text)
        with pytest.raises(NodeError) as told:
            desk.open()
        desk.executor.close()
        assert field in told.value.message.text("en")
    desk.settings("memory: 1GB, alerts: {mail: x}")
    desk.open()


def test_a_paused_run_holds_between_two_nodes_and_goes_on(desk):
    desk.open()
    run = desk.start(desk.flow("two", then(1)))
    desk.node(run, "hold")
    queue = desk.executor.queue
    assert queue.pause(run, "ann") and not queue.pause(run, "ann")
    desk.node(run, "hold", "node.done")
    time.sleep(1)
    assert desk.executor.run(run).state == "running"
    assert not any((event.node, event.kind) == ("last", "node.started") for event in desk.executor.events(run))
    turn = desk.turn(run)
    assert (turn.state, turn.reason.text("en")) == ("paused", "run is paused by ann")
    assert queue.unpause(run, "bob") and not queue.unpause(run, "bob")
    assert desk.until(run).state == "done"
    told = [(event.kind, event.data["by"]) for event in desk.executor.events(run) if event.kind.endswith("paused")]
    assert told == [("run.paused", "ann"), ("run.unpaused", "bob")]
    entries = [(entry.what, entry.target, entry.by) for entry in desk.executor.audit.entries(run)][::-1]
    assert entries == [("run.paused", run, "ann"), ("run.unpaused", run, "bob")]
    with pytest.raises(Refused, match="is over"):
        queue.pause(run)


def test_a_paused_run_can_be_cancelled(desk):
    desk.open()
    run = desk.start(desk.flow("two", then(1)))
    desk.node(run, "hold")
    desk.executor.queue.pause(run)
    desk.node(run, "hold", "node.done")
    desk.executor.cancel(run, "ann")
    assert desk.until(run).state == "cancelled"
    assert desk.executor.audit.entries()[0].what == "run.cancelled"


def test_paused_flows_and_the_paused_queue_begin_nothing(desk):
    desk.open()
    queue = desk.executor.queue
    one, other = desk.flow("one"), desk.flow("other")
    queue.pause(one, "ann")
    held = desk.start(one)
    assert desk.until(desk.start(other)).state == "done"
    assert (desk.turn(held).state, desk.reason(held)) == ("paused", "flow is paused by ann")
    queue.pause(None, "bob")
    also = desk.start(other)
    queue.unpause(one)
    assert desk.reason(held) == desk.reason(also) == "queue is paused by bob"
    time.sleep(0.7)
    assert {desk.executor.run(run).state for run in (held, also)} == {"queued"}
    desk.close()
    desk.open()  # it outlives the executor
    assert desk.executor.queue.standing().paused.by == "bob"
    desk.executor.queue.unpause(None)
    assert {desk.until(run).state for run in (held, also)} == {"done"}
    with pytest.raises(Refused, match="no flow file"):
        queue.pause("flows/none.yaml")


def test_what_is_queued_is_never_taken_for_lost_and_begins_after_a_restart(desk):
    file = desk.flow("sink", SINK)
    desk.open(work=False)
    runs = [desk.start(file) for _ in range(3)]
    desk.close()
    with Journal(journal_path(desk.root)) as journal:
        journal._durable.execute("UPDATE runs SET created = created - 100000")
        assert journal.recover(process_alive) == []
    other = LocalExecutor(desk.root)  # a command line without an executor process looks at them, too
    assert {run.state for run in other.runs()} == {"queued"}
    assert other.queue.standing().turns[0].reason.text("en") == "no executor serves this workspace"
    other.close()
    desk.open()
    assert [desk.until(run).state for run in runs] == ["done"] * 3
    assert desk.written() == 3


def test_a_failed_run_is_resumed_through_the_queue(desk):
    desk.settings("runs: 1")
    desk.open()
    failing = (
        TABLE
        + "  out: {kind: sql.write, inputs: {table: one}, config: {connection: base, table: 'no such', mode: update, keys: [a]}}\n"
    )
    run = desk.start(desk.flow("sink", failing))
    assert desk.until(run).state == "failed"
    busy = desk.start(desk.flow("long", waits(60)))
    desk.until(busy, "running")
    desk.flow("sink", SINK)
    assert desk.executor.resume(run, edited=True) == run
    assert desk.reason(run) == "runs under way: 1 of 1"
    desk.executor.cancel(busy)
    assert desk.until(run).state == "done"
    assert desk.written() == 1


def test_a_queued_run_is_cancelled_at_once_and_one_without_files_fails(desk):
    import shutil

    desk.open(work=False)
    file = desk.flow("one")
    run, gone = desk.start(file), desk.start(file)
    desk.executor.cancel(run)
    assert desk.executor.run(run).state == "cancelled"
    shutil.rmtree(desk.root / ".tisserand" / "runs" / gone)
    desk.line.start()
    found = desk.until(gone)
    assert (found.state, found.error.code) == ("failed", "run.gone")
    assert desk.until(desk.start(file)).state == "done"


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_a_run_whose_text_cannot_be_read_holds_up_nobody(desk):
    desk.open()
    broken = desk.executor.start(RunRequest(text="nodes: ["))
    assert desk.until(broken).state == "failed"
    assert desk.until(desk.start(desk.flow("one"))).state == "done"


def test_a_worker_that_still_tidies_up_keeps_its_place(desk, monkeypatch):
    """Its run is over in the journal: without this, one more process than allowed would be started."""
    desk.settings("runs: 1")
    desk.open(work=False)
    run = desk.start(desk.flow("one"))
    (verdict,) = desk.line.verdicts()[0]
    assert verdict.what == "begin"
    monkeypatch.setattr(desk.line.pool, "held", lambda: {"20260101-000000-abcd123": 1})
    (verdict,) = desk.line.verdicts()[0]
    assert (verdict.asking.run, verdict.what) == (run, "wait")
