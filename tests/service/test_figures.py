"""Figures, runs by filter, timelines: each equals what plain Python makes of the raw journal."""

from __future__ import annotations

import importlib.util
import random
import sqlite3
from pathlib import Path

import pytest

from tisserand.engine.journal import Event, Journal
from tisserand.engine.launch import journal_path
from tisserand.sdk.node import Arrived
from tisserand.service.figures.calls import Asked
from tisserand.service.figures.timeline import spans
from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import Refused


def _beside(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


made = _beside("made_journal")
ERRORS, computed, figures, fill = made.ERRORS, made.computed, made.figures, made.fill

DAY = 86_400
BEGIN = 1_763_000_000.0
END = BEGIN + 9 * DAY
NAMES = ("runs", "done", "failed", "rows", "bytes", "p50", "p95")


def told(each):
    return {name: getattr(each, name) for name in NAMES}


@pytest.fixture
def filled(executor, root, monkeypatch):
    """An executor over 400 runs of nine days, and the runs as their events tell them."""
    with monkeypatch.context() as patched, Journal(journal_path(root)) as journal:
        fill(journal, patched, 400, BEGIN, END, 7)
    return executor, computed(journal_path(root))


def test_figures_of_flows_equal_the_raw_journal(filled, root):
    executor, runs = filled
    rand = random.Random(1)
    stretches = [(BEGIN, END), (BEGIN - DAY, END + DAY), (0.0, None)]
    stretches += [sorted(rand.uniform(BEGIN, END) for _ in range(2)) for _ in range(6)]
    stretches += [(BEGIN // DAY * DAY + DAY, BEGIN // DAY * DAY + 3 * DAY)]
    for since, until in stretches * 2:  # once summed, and once from the sums
        found = {each.flow: each for each in executor.figures.flows(since, until)}
        assert "sample" in found and found["sample"].file == "flows/sample.yaml"
        assert found["sample"].title == "Sample" and found["sample"].success is None
        for flow in {run["flow"] for run in runs if run["parent"] is None}:
            top = [run for run in runs if run["flow"] == flow and run["parent"] is None]
            inside = [run for run in top if since <= run["created"] < (until or 1e12)]
            assert told(found[flow]) == vars(figures(inside)), (flow, since, until)
            last = max(top, key=lambda run: run["created"])
            assert (found[flow].last, found[flow].last_state, found[flow].last_time) == (
                last["id"], last["state"], last["created"],
            )  # fmt: skip
            live = [sum(run["state"] == state for run in top) for state in ("running", "queued", "waiting")]
            assert [found[flow].running, found[flow].queued, found[flow].waiting] == live


def test_load_equals_the_raw_journal(filled):
    executor, runs = filled
    top = [run for run in runs if run["parent"] is None]
    hour = BEGIN // 3600 * 3600
    for since, until, seconds in [
        (BEGIN, END, DAY), (hour, hour + 8 * DAY, 3600.0), (hour, END, 6 * 3600.0), (BEGIN + 0.1, BEGIN + DAY, 0.1 * 3600),
        (BEGIN // DAY * DAY, END, DAY), (BEGIN, BEGIN, 60.0),
    ]:  # fmt: skip
        for flow in (None, "orders"):
            for _again in range(2):
                found = executor.figures.load(since, until, seconds, flow)
                assert sum(each.runs for each in found) == sum(
                    since <= run["created"] < until and flow in (None, run["flow"]) for run in top
                )
                for n, each in enumerate(found):
                    assert (each.time, each.seconds) == (since + n * seconds, seconds)
                    end = min(since + (n + 1) * seconds, until)
                    inside = [run for run in top if each.time <= run["created"] < end and flow in (None, run["flow"])]
                    assert told(each) == vars(figures(inside))
                assert not found or found[-1].time < until <= found[-1].time + seconds + 1e-6


def test_a_resumed_run_changes_the_sums_of_its_day(filled, root):
    executor, runs = filled
    first = sum(each.done for each in executor.figures.flows(BEGIN - DAY, END + DAY))
    failed = next(run for run in runs if run["state"] == "failed" and run["parent"] is None)
    with Journal(journal_path(root)) as journal:
        journal.claim(failed["id"], 1, 1.0)
        journal.append(failed["id"], "sink.done", "z", {"rows": 1_000_000, "where": "", "bytes": 3})
        journal.set_state(failed["id"], "done")
    after = executor.figures.flows(BEGIN - DAY, END + DAY)
    assert sum(each.done for each in after) == first + 1
    flow = next(each for each in after if each.flow == failed["flow"])
    inside = [run for run in computed(journal_path(root)) if run["flow"] == flow.flow and run["parent"] is None]
    assert told(flow) == vars(figures(inside))


def test_a_journal_of_before_is_counted_when_it_is_looked_at(filled, root):
    executor, runs = filled
    with sqlite3.connect(journal_path(root)) as db:
        db.execute("UPDATE runs SET rows = NULL, bytes = NULL")
    found = executor.figures.flows(BEGIN, END)
    top = [run for run in runs if run["parent"] is None and BEGIN <= run["created"] < END]
    assert (sum(each.rows for each in found), sum(each.bytes for each in found)) == (figures(top).rows, figures(top).bytes)


ERROR_OF = {error.code: error for error in ERRORS}


def fits(run, asked, errors):
    text = asked.text.strip().casefold() if asked.text else None
    error = errors.get(run["id"])
    sentences = [error.code, error.place.node or "", error.message.text("en"), error.message.text("fr")] if error else []
    return (
        (asked.children or run["parent"] is None)
        and asked.flow in (None, run["flow"])
        and (not asked.states or run["state"] in asked.states)
        and asked.trigger in (None, run["trigger"])
        and asked.by in (None, run["by"])
        and (asked.since is None or run["created"] >= asked.since)
        and (asked.until is None or run["created"] < asked.until)
        and (
            text is None
            or any(text in (part or "").casefold() for part in (run["flow"], run["file"], run["by"]))
            or (len(text) >= 3 and any(text in sentence.casefold() for sentence in sentences))
            or (len(text) >= 3 and run["id"].split("-")[2].startswith(text))
            or (len(text) >= 8 and run["id"].startswith(text))
        )
    )


QUESTIONS = [
    {}, {"flow": "orders"}, {"states": ("failed",)}, {"states": ("failed", "interrupted")}, {"trigger": "schedule"}, {"by": "ann"},
    {"flow": "Stock", "states": ("done",), "by": ""}, {"since": BEGIN + DAY, "until": BEGIN + 2.5 * DAY},
    {"text": "OLD"}, {"text": "o"}, {"text": "ANNÉ"}, {"text": "märz"}, {"text": "été"}, {"text": "killed"}, {"text": "read_all"},
    {"text": "SIGTERM", "states": ("failed",), "since": BEGIN + DAY, "until": BEGIN + 4 * DAY}, {"text": "bob", "flow": "invoices"}, {"text": "märz", "flow": "invoices"}, {"text": "SIGTERM", "flow": "Stock", "states": ("failed",)},
    {"text": "20251114-"}, {"text": "2025"}, {"text": "%"}, {"text": '"'}, {"text": "a\"b'c"}, {"text": "  ann "},
    {"text": "no such thing"}, {"text": "in", "trigger": "manual"},
]  # fmt: skip


def test_runs_by_filter_equal_a_filter_in_python(filled, root):
    executor, runs = filled
    with sqlite3.connect(journal_path(root)) as db:
        import json

        errors = {
            run: ERROR_OF[json.loads(error)["code"]]
            for run, error in db.execute("SELECT id, error FROM runs WHERE error IS NOT NULL")
        }
    tail = {"text": runs[123]["id"].split("-")[2][:4].upper()}
    for question in [*QUESTIONS, tail, {"text": runs[5]["id"]}]:
        for children in (False, True):
            asked = Asked(**question, children=children)
            wanted = sorted((run["id"] for run in runs if fits(run, asked, errors)), reverse=True)
            found, before = [], None
            while page := executor.figures.runs(asked, 150, before):
                found += [run.id for run in page]
                before = page[-1].id
            assert found == wanted, asked
            assert executor.figures.count(asked) == len(wanted)


def test_what_an_error_said_once_is_not_found_after_the_run_is_done(filled, root):
    executor, runs = filled
    failed = next(run for run in runs if run["state"] == "failed" and run["parent"] is None)
    with sqlite3.connect(journal_path(root)) as db:
        code = db.execute("SELECT json_extract(error, '$.code') FROM runs WHERE id = ?", (failed["id"],)).fetchone()[0]
    asked = Asked(text=code)
    assert failed["id"] in [run.id for run in executor.figures.runs(asked, 1000)]
    with Journal(journal_path(root)) as journal:
        journal.claim(failed["id"], 1, 1.0)
        journal.set_state(failed["id"], "done")
    assert failed["id"] not in [run.id for run in executor.figures.runs(asked, 1000)]


def test_a_filter_comes_through_the_whole_way(filled):
    executor, _runs = filled
    run = executor.figures.runs(Asked(states=("failed",)), 1)[0]
    assert (run.state, run.error.code in ERROR_OF) == ("failed", True)
    assert executor.figures.runs(Asked(), 0) == []
    with pytest.raises(Refused, match="ends before"):
        executor.figures.flows(END, BEGIN)
    with pytest.raises(Refused, match="stretches"):
        executor.figures.load(BEGIN, END, 1.0)


def event(time, kind, node=None, **data):
    return Event(1, "r", time, kind, node, data)


def test_a_timeline_tells_attempts_children_and_what_was_broken_off():
    found = spans(
        [
            event(0, "run.queued"), event(1, "run.started"),
            event(2, "node.started", "a"), event(2, "node.started", "b"),
            event(3, "node.retry", "a", attempt=1, wait=2),
            event(6, "node.done", "a", rows={"table": 3}, bytes=9),
            event(7, "child.started", "b", run="c1", flow="x"), event(8, "child.done", "b", run="c1", state="failed"),
            event(9, "child.started", "b", run="c2", flow="x"),
            event(20, "run.interrupted"),
            event(30, "run.started"), event(31, "node.started", "b"), event(32, "node.done", "b", rows={}),
            event(33, "node.started", "d"), event(34, "log"),
            event(40, "run.started"),
            event(41, "node.started", "d"), event(42, "node.failed", "d"), event(42, "node.skipped", "e"), event(43, "run.failed"),
        ]
    )  # fmt: skip
    assert [(s.node, s.begin, s.end, s.state, s.attempt, s.kind, s.run) for s in found] == [
        ("a", 2, 3, "failed", 1, "node", None),
        ("b", 2, 20, "interrupted", 1, "node", None),
        ("a", 5, 6, "done", 2, "node", None),
        ("b", 7, 8, "failed", 1, "child", "c1"),
        ("b", 9, 20, "interrupted", 1, "child", "c2"),
        ("b", 31, 32, "done", 2, "node", None),
        ("d", 33, 34, "interrupted", 1, "node", None),
        ("d", 41, 42, "failed", 2, "node", None),
        ("e", 42, 42, "skipped", 1, "node", None),
    ]
    assert (found[2].rows, found[2].bytes) == ({"table": 3}, 9)


def test_a_timeline_of_a_real_run(executor, worker, root):
    worker(
        'journal.append(run, "node.started", "a")\njournal.append(run, "node.done", "a", {"rows": {"t": 2}, "bytes": 5})\n'
        'journal.append(run, "node.started", "b")\njournal.set_state(run, "failed")\n'
    )
    from tisserand.service.protocol import RunRequest

    run = executor.start(RunRequest("flows/sample.yaml"))
    list(executor.events(run, follow=True))
    assert [(s.node, s.state, dict(s.rows), s.bytes) for s in executor.figures.timeline(run)] == [
        ("a", "done", {"t": 2}, 5), ("b", "failed", {}, None),
    ]  # fmt: skip
    for wrong in ("20260101-000000-abc123", "..", "a/b", ""):
        with pytest.raises(Refused):
            executor.figures.timeline(wrong)


def test_what_is_on_paused_or_waits_is_told(root):
    executor = LocalExecutor(root)
    executor.watch("flows/sample.yaml")
    executor.ledger.pause("flows/sample.yaml", "ann")
    found = executor.figures.flows(0)[0]
    assert (found.flow, found.on, found.paused, found.inbox) == ("sample", True, "ann", 0)
    executor.inbox.store.keep("flows/sample.yaml", "start", [Arrived({"a": n}, f"k{n}") for n in range(3)])
    assert executor.figures.flows(0)[0].inbox == 3
    executor.inbox.discard([1])
    assert executor.figures.flows(0)[0].inbox == 2
    (root / "flows" / "sample.yaml").write_text(
        "tisserand: 1\nid: sample\nnodes:\n  due: {kind: trigger.cron, config: {cron: '0 12 * * *'}}\n"
    )
    due = executor.figures.flows(0)[0].next_due
    assert due is not None and due % 900 == 0
    executor.close()
