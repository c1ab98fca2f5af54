"""Runs tell how far they are: shares of queries, rows that pass, and after the end nothing."""

from __future__ import annotations

import sqlite3
from itertools import pairwise
from typing import Any

import duckdb
import pytest

ROWS = 2_000_000
READ = "  many: {kind: file.read_parquet, config: {path: many.parquet}}\n"
SORT = "  sorted: {kind: table.sort, inputs: {table: many}, config: {by: [text]}}\n"
WRITE = "  out: {kind: file.write_parquet, inputs: {table: sorted}, config: {path: out/sorted.parquet}}\n"
SLOW = "import time\\ndef process(t):\\n    time.sleep(0.05)\\n    return t"


@pytest.fixture
def many(place: Any) -> Any:
    """A place with two million rows of random text: their sort by one thread takes a second or two."""
    query = f"SELECT range AS id, md5(range::VARCHAR) AS text FROM range({ROWS})"
    duckdb.sql(f"COPY ({query}) TO '{place.root}/many.parquet' (FORMAT parquet)")
    return place


def followed(place: Any, run: str) -> dict[str, list[dict[str, Any]]]:
    """Node → what it told until the run was over."""
    found: dict[str, list[dict[str, Any]]] = {}
    for event in place.executor.events(run, follow=True):
        if event.kind == "progress":
            assert event.seq is None
            found.setdefault(event.node, []).append(dict(event.data))
    assert place.executor.wait(run).state == "done", place.log(run)
    return found


def shares(notes: list[dict[str, Any]]) -> list[float]:
    return [note["share"] for note in notes if "share" in note]


def test_a_fused_query_tells_its_share_at_all_its_nodes(many: Any) -> None:
    run = many.start("shares", READ + SORT + WRITE, keep="none", threads=1)
    found = followed(many, run)
    assert set(found) == {"many", "sorted", "out"}
    told = shares(found["out"])
    assert len(set(told)) >= 3 and all(0 < share < 1 for share in told)
    assert all(one <= other for one, other in pairwise(told))
    assert shares(found["many"]) == shares(found["sorted"]) == told
    # Nothing of it is an event, and nothing is left of it.
    assert many.events(run, "progress") == []
    with sqlite3.connect(many.root / ".tisserand" / "journal.sqlite") as db:
        assert db.execute("SELECT count(*) FROM progress").fetchone() == (0,)
    assert list(many.events(run, "plan.ready")[0].data["nodes"]) == ["many", "sorted", "out"]


def test_a_step_tells_the_share_of_the_rows_that_passed(many: Any) -> None:
    step = f'  slow: {{kind: python.step, inputs: {{table: many}}, config: {{code: "{SLOW}"}}}}\n'
    notes = [note for note in followed(many, many.start("steps", READ + step, keep="all"))["slow"] if note.get("rows")]
    assert len(notes) >= 3
    for note in notes:
        assert note["rows"] <= ROWS
        assert note["share"] == pytest.approx(min(note["rows"] / ROWS, 0.99), abs=0.001)


def test_a_step_that_takes_everything_first_tells_no_share(many: Any) -> None:
    code = "import time\\ndef process(t):\\n    time.sleep(1)\\n    return t.slice(0, 1)"
    step = f'  slow: {{kind: python.step, inputs: {{table: many}}, config: {{rows: all, code: "{code}"}}}}\n'
    notes = followed(many, many.start("whole", READ + step, keep="all"))["slow"]
    assert notes and shares(notes) == [] and notes[-1]["rows"] == ROWS


def test_rows_that_a_node_counts_itself_are_not_counted_twice(many: Any) -> None:
    # Rows with the name of their file come from the reader itself, batch by batch.
    read = "  many: {kind: file.read_parquet, config: {path: many.parquet, file_column: file}}\n"
    found = followed(many, many.start("counted", read + SORT, keep="all"))
    counts = [note["rows"] for note in found["many"]]
    assert counts and max(counts) <= ROWS


def test_what_an_interrupted_attempt_told_is_forgotten(many: Any) -> None:
    step = f'  slow: {{kind: python.step, inputs: {{table: many}}, config: {{code: "{SLOW}"}}}}\n'
    run = many.start("again", READ + step, keep="all")
    next(event for event in many.executor.events(run, follow=True) if event.node == "slow" and event.data.get("share", 0) > 0.4)
    many.executor.cancel(run)
    # At once, as a person does who sees that it is cancelled; the worker may still be about to go.
    for _event in many.executor.events(run, follow=True):
        pass
    assert many.executor.run(run).state == "cancelled"
    seen = many.events(run)[-1].seq
    many.executor.resume(run)
    events = many.executor.events(run, seen, follow=True)
    assert next(event.data["share"] for event in events if event.node == "slow" and "share" in event.data) < 0.4
    assert many.executor.wait(run).state == "done"
