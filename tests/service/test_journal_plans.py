"""A journal of 20,000 runs: every query that a page, a search, a figure or a start asks goes by an index; none reads all runs."""

from __future__ import annotations

import importlib.util
import re
import sqlite3
import sys
import time
from pathlib import Path

import pytest

from tisserand.engine.journal import Journal
from tisserand.service.figures.calls import Asked
from tisserand.service.local import LocalExecutor

RUNS = 20_000
DAY = 86_400

ALLOWED = re.compile(
    r"SCAN (named|told_as|summed|sums|gone|unread|CONSTANT ROW)|SCAN t VIRTUAL TABLE INDEX|SCAN \(subquery|SCAN SUBQUERY"
)
ORDERED = re.compile(r"SCAN (r|runs) USING (COVERING )?INDEX (top_by_time|runs_uncounted|runs_live)|SCAN r$")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = Path(__file__).parents[1] / "bench"
    spec = importlib.util.spec_from_file_location("tests_bench_made_runs", folder / "made_runs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    place = tmp_path_factory.mktemp("many")
    module.make_keys(place, module.make(place, RUNS), RUNS)
    return place


def plans(path, statements):
    """Statement → the lines of its plan."""
    found = {}
    with sqlite3.connect(path) as db:
        for statement in dict.fromkeys(statements):
            if statement.lstrip().upper().startswith("SELECT"):
                found[statement] = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}")]
    return found


def offending(found):
    wrong = []
    for statement, lines in found.items():
        for line in lines:
            if not line.startswith("SCAN") or ALLOWED.search(line):
                continue
            # In the order of an index, and only up to the end of a page.
            if ORDERED.search(line) and ("LIMIT" in statement or "runs_live" in line):
                continue
            wrong.append((statement[:300], line))
    return wrong


def asked_of(executor):
    """What the executor asks for one of each question."""
    figures, now = executor.figures, time.time()
    questions = [
        {}, {"flow": "flow-001"}, {"states": ("failed",)}, {"states": ("failed", "done")}, {"by": "ann"}, {"trigger": "manual"},
        {"since": now - 40 * DAY, "until": now - 39 * DAY}, {"flow": "flow-002", "states": ("done",), "since": now - 9 * DAY},
        {"text": "flow-0"}, {"text": "bob"}, {"text": "part-47"}, {"text": "a3f"}, {"text": "20261101"}, {"text": "o"},
        {"text": "no file", "states": ("failed",)}, {"text": "no file", "flow": "flow-003"}, {"text": "fl", "states": ("interrupted",)},
        {"flow": "flow-001", "children": True}, {"states": ("failed",), "children": True}, {"children": True},
    ]  # fmt: skip
    for question in questions:
        page = figures.runs(Asked(**question), 100)
        if page:
            figures.runs(Asked(**question), 100, page[-1].id)
        if question not in ({"children": True},):
            figures.count(Asked(**question))
    figures.flows(now - DAY)
    figures.flows(now - 30 * DAY)
    figures.load(now - DAY, now, 900)
    figures.load(now - 30 * DAY, now, 3600, "flow-001")
    figures.timeline(figures.runs(Asked(), 1)[0].id)


def test_no_question_reads_all_runs(root):
    executor = LocalExecutor(root)
    executor.figures.words.catch_up()
    executor.figures.sums.sum_up(100, lambda: False)
    statements = []
    journal = executor.figures._journal
    for db in (journal._quick, journal._durable):
        db.set_trace_callback(statements.append)
    asked_of(executor)
    for db in (journal._quick, journal._durable):
        db.set_trace_callback(None)
    found = plans(journal.path, statements)
    executor.close()
    assert len(found) > 60
    assert offending(found) == []


def test_a_start_and_a_list_read_no_more_than_they_show(root):
    statements = []
    with Journal(root / ".tisserand" / "journal.sqlite") as journal:
        journal._quick.set_trace_callback(statements.append)
        journal.recover(lambda *_: True)
        journal.last(), journal.labelled("x"), journal.tail(5 * RUNS - 10)
        journal.runs(limit=100), journal.runs(flow="flow-001"), journal.runs(state="failed"), journal.runs(parent="x")
        journal._quick.set_trace_callback(None)
        wrong = offending(plans(journal.path, statements))
    # The list of all runs goes back along the table itself, which lies in the order of ids.
    assert [line for statement, line in wrong if "ORDER BY id DESC LIMIT 100" not in statement] == []


def test_keys_are_found_by_their_index(root):
    executor = LocalExecutor(root)
    statements = []
    store = executor.keys.store
    store._quick.set_trace_callback(statements.append)
    executor.keys.search("ORD-0000123")
    executor.keys.search("ORD-00001", prefix=True, name="order")
    store.of_run("x"), store.cut_in(["x"])
    store._quick.set_trace_callback(None)
    found = plans(store.path, statements)
    executor.close()
    assert len(found) >= 4
    assert all(line.startswith("SEARCH") or "TEMP B-TREE" in line for lines in found.values() for line in lines)


def test_without_its_index_a_question_would_read_all_runs(root, tmp_path):
    """The guard taken away: the check of plans sees it."""
    copy = tmp_path / "journal.sqlite"
    with sqlite3.connect(root / ".tisserand" / "journal.sqlite") as db, sqlite3.connect(copy) as other:
        db.backup(other)
        other.execute("DROP INDEX runs_finished")
    assert offending(plans(copy, ["SELECT id FROM runs WHERE finished IS NOT NULL AND finished < 5 ORDER BY finished LIMIT 5"]))
    assert sys.platform
