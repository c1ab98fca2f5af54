"""Runs that are cancelled or out of time stop at once, whatever they wait for, and leave nothing half-written."""

from __future__ import annotations

import os
import time

import pytest

ONE = "  one: {kind: data.table, config: {columns: {a: integer}, rows: [[1]]}}\n"
LONG = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) AS m FROM n"
WAITS = {
    "python": '  busy: {kind: python.step, inputs: {table: one}, config: {code: "def process(t):\\n    while True: pass"}}\n',
    "silent server": "  busy: {kind: http.call, inputs: {table: one}, config: {url: 'URL/slow-30'}}\n",
    "busy server": "  busy: {kind: http.call, inputs: {table: one}, config: {url: 'URL/busy-9-60'}}\n",
    "source": "  busy: {kind: http.request, config: {url: 'URL/slow-30'}}\n",
    "database": f"  busy: {{kind: sql.read, config: {{connection: base, query: '{LONG}'}}}}\n",
    "wait": "  busy: {kind: flow.wait, inputs: {table: one}, config: {duration: 28s}}\n",
    "query": (
        '  many: {kind: python.step, inputs: {table: one}, config: {output: {a: int64}, code: "import pyarrow as pa\\n'
        "def process(t):\\n    return pa.table({'a': pa.array([1] * 60000)})\"}}\n"
        "  busy: {kind: table.join, inputs: {left: many, right: many}, config: {on: [a]}}\n"
    ),
}


@pytest.mark.parametrize("what", WAITS)
def test_a_cancelled_run_stops_at_once(place, web, what):
    place.ask("VACUUM")
    end = "  out: {kind: file.write_csv, inputs: {table: busy}, config: {path: out/x.csv}}\n"
    run = place.start("stops", ONE + WAITS[what].replace("URL", web.url) + end)
    waiting = {"query": "out", "source": None, "database": None}.get(what, "busy")
    if waiting is None:  # looked at before any node begins
        place.until(run, lambda found: found.state == "running")
        time.sleep(1.5)
    else:
        place.until(run, lambda found: waiting in found.nodes and found.nodes[waiting].state == "running")
        time.sleep(0.3)
    pid = place.owner(run)
    place.executor.cancel(run)
    found = place.executor.wait(run)
    assert found.state == "cancelled", (found, place.log(run))
    # Killed after the grace, it could not have said so itself.
    assert place.events(run, "run.cancelled") and "Traceback" not in place.log(run)
    took = place.events(run, "run.cancelled")[0].time
    assert found.finished is not None and took <= found.finished + 1
    assert place.left_over() == [] and not (place.root / "out" / "x.csv").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize("what", ["wait", "source"])
def test_the_time_limit_of_a_flow_fails_the_run(place, web, what):
    found = place.run("late", ONE + WAITS[what].replace("URL", web.url), "limits: {timeout: 1500ms}\n")
    assert (found.state, found.error.code) == ("failed", "run.timeout")


def test_the_time_limit_of_a_node_is_its_failure_only(place):
    nodes = ONE + (
        "  slow: {kind: flow.wait, inputs: {table: one}, timeout: 300ms, on_error: continue, config: {duration: 60s}}\n"
        "  behind: {kind: flow.log, inputs: {table: slow}}\n"
        "  beside: {kind: flow.log, inputs: {table: one}}\n"
    )
    found = place.run("late", nodes)
    assert found.state == "done"
    states = {name: node.state for name, node in found.nodes.items()}
    assert states == {"one": "done", "slow": "failed", "behind": "skipped", "beside": "done"}
    assert found.nodes["slow"].error.code == "run.timeout"
