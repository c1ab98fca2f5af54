"""What a flow says of failures: retries, `on_error`, `after`; and failures are told for the node at fault."""

from __future__ import annotations

import sys

from tisserand.engine import launch

TEXTS = "  texts: {kind: data.table, config: {columns: {a: text}, rows: [['1'], ['x']]}}\n"
FUSED = TEXTS + (
    "  first: {kind: table.filter, inputs: {table: texts}, config: {where: a IS NOT NULL}}\n"
    "  number: {kind: table.formula, RULEinputs: {table: first}, config: {columns: {b: CAST(a AS INTEGER)}}}\n"
    "  sorted: {kind: table.sort, inputs: {table: number}, config: {by: [b]}}\n"
    "  out: {kind: file.write_csv, inputs: {table: sorted}, config: {path: out/x.csv}}\n"
)


def states(found):
    return {name: node.state for name, node in found.nodes.items()}


def test_a_fused_query_blames_the_node_at_fault(place):
    found = place.run("fused", FUSED.replace("RULE", ""))
    assert (found.state, found.error.place.node) == ("failed", "number")
    assert states(found) == {"texts": "done", "first": "skipped", "number": "failed", "sorted": "skipped", "out": "skipped"}
    assert "“x”" in found.error.message.text("en")


def test_the_rule_of_a_fused_node_holds(place):
    nodes = FUSED.replace("RULE", "on_error: continue, ") + (
        "  told: {kind: flow.log, after: {number: failed}, config: {message: sorry}}\n"
        "  well: {kind: flow.log, after: {number: done}, config: {message: fine}}\n"
        "  last: {kind: flow.log, after: {number: always}, config: {message: bye}}\n"
    )
    found = place.run("rule", nodes)
    assert found.state == "done"
    assert states(found) | {"first": "done"} == {
        "texts": "done", "first": "done", "number": "failed", "sorted": "skipped", "out": "skipped",
        "told": "done", "well": "skipped", "last": "done",
    }  # fmt: skip
    assert not (place.root / "out" / "x.csv").exists()


def test_a_source_that_nobody_reads_is_read_and_may_be_waited_for(place):
    (place.root / "a.csv").write_text("a\n1\n2\n")
    nodes = "  alone: {kind: file.read_csv, config: {path: a.csv}}\n  then: {kind: flow.log, after: {alone: done}, config: {message: m}}\n"
    found = place.run("alone", nodes)
    assert states(found) == {"alone": "done", "then": "done"} and found.nodes["alone"].rows == {"rows": 2}
    assert place.rows(found.id, "alone") == [{"a": 1}, {"a": 2}]


SLOW_TELLING = """
import os, sys, time
from pathlib import Path
from tisserand.engine import worker
from tisserand.engine.run import FlowRun
told = FlowRun.note
def slowly(self, node, kind, data=None):
    if kind == "node.done":
        time.sleep(0.6)
    return told(self, node, kind, data)
FlowRun.note = slowly
os._exit(worker.main(Path(sys.argv[1])))
"""


def test_what_waits_for_a_node_sees_it_done_however_slowly_that_is_told(place, monkeypatch):
    """A unit of several nodes ends before all of them are told as done: who looked in between skipped what came after, silently."""
    monkeypatch.setattr(launch, "worker_command", lambda folder: [sys.executable, "-c", SLOW_TELLING, str(folder)])
    nodes = (
        "  rows: {kind: data.table, config: {columns: {a: integer}, rows: [[1], [2]]}}\n"
        "  more: {kind: table.formula, inputs: {table: rows}, config: {columns: {b: a + 1}}}\n"
        "  out: {kind: file.write_csv, inputs: {table: more}, config: {path: out/x.csv}}\n"
        "  then: {kind: file.write_csv, after: {out: done}, inputs: {table: rows}, config: {path: out/y.csv}}\n"
    )
    found = place.run("slowly", nodes)
    assert states(found) == dict.fromkeys(("rows", "more", "out", "then"), "done")
    assert (place.root / "out" / "y.csv").exists()


def test_a_busy_service_is_asked_again_and_every_attempt_is_journalled(place, web):
    nodes = (
        f"  inside: {{kind: http.request, config: {{url: '{web.url}/busy-2-0'}}}}\n"
        f"  outside: {{kind: http.request, retry: {{attempts: 3, wait: 50ms, factor: 2}}, "
        f"config: {{url: '{web.url}/busy-2', attempts: 1}}}}\n"
        f"  refused: {{kind: http.call, retry: {{attempts: 3, wait: 50ms}}, on_error: route, inputs: {{table: inside}}, "
        f"config: {{url: '{web.url}/refuses'}}}}\n"
        "  kept: {kind: flow.log, inputs: {table: refused.rejects}}\n"
    )
    found = place.run("busy", nodes)
    assert found.state == "done", found
    retries = [(event.node, event.data["attempt"], event.data["wait"]) for event in place.events(found.id, "node.retry")]
    assert retries == [("outside", 1, 0.05), ("outside", 2, 0.1)]
    assert web.counts()["/refuses"] == 3, "a refusal (400) is no reason to ask again"
    rejected = place.rows(found.id, "refused", "rejects")
    assert len(rejected) == 3 and all("400" in row["error"] and row["place"].startswith("row ") for row in rejected)


def test_a_node_tells_its_rows_bytes_and_seconds(place):
    found = place.run("told", TEXTS + "  out: {kind: file.write_csv, inputs: {table: texts}, config: {path: out/x.csv}}\n")
    out, texts = found.nodes["out"], found.nodes["texts"]
    assert (out.bytes, out.rows) == ((place.root / "out" / "x.csv").stat().st_size, {"result": 1})
    assert texts.bytes and texts.rows == {"rows": 2} and texts.seconds is not None and out.seconds is not None
