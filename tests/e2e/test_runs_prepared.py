"""Rules that hold before the first row: what cannot even begin fails as its node says, and nobody runs up to a node that is not there."""

from __future__ import annotations

import pytest

ONE = "  one: {kind: data.table, config: {columns: {a: integer}, rows: [[1], [2]]}}\n"
REST = (
    "  out: {kind: file.write_csv, inputs: {table: bad}, config: {path: out/bad.csv}}\n"
    "  told: {kind: flow.log, after: {bad: failed}, config: {message: sorry}}\n"
    "  well: {kind: flow.log, after: {bad: done}, config: {message: fine}}\n"
    "  good: {kind: file.write_csv, inputs: {table: one}, config: {path: out/good.csv}}\n"
)


@pytest.mark.parametrize(
    "source",
    ["kind: http.request, RULE config: {url: 'WEB/refuses'}", "kind: file.read_csv, RULE config: {path: nowhere.csv}"],
)
@pytest.mark.parametrize("rule", ["", "on_error: continue,", "on_error: route,"])
def test_a_source_out_of_reach_ends_its_node_as_the_flow_says(place, web, source, rule):
    found = place.run("reach", ONE + f"  bad: {{{source.replace('RULE', rule).replace('WEB', web.url)}}}\n" + REST)
    if not rule:
        assert found.state == "failed" and found.error.place.node == "bad" and not (place.root / "out").exists()
        return
    states = {name: node.state for name, node in found.nodes.items()}
    assert (found.state, states) == (
        "done",
        {"one": "done", "bad": "failed", "out": "skipped", "told": "done", "well": "skipped", "good": "done"},
    )
    assert found.nodes["bad"].error is not None
    assert (place.root / "out" / "good.csv").exists() and not (place.root / "out" / "bad.csv").exists()


def test_a_file_that_cannot_be_written_ends_its_node_as_the_flow_says(place):
    nodes = ONE + (
        "  there: {kind: file.write_csv, on_error: continue, inputs: {table: one}, config: {path: there.csv, mode: create}}\n"
        "  result: {kind: flow.log, inputs: {table: there.result}, config: {message: made}}\n"
        "  good: {kind: file.write_csv, inputs: {table: one}, config: {path: out/good.csv}}\n"
    )
    assert place.run("written", nodes).state == "done"
    before = (place.root / "there.csv").stat().st_mtime_ns
    found = place.again("flows/written.yaml")
    states = {name: node.state for name, node in found.nodes.items()}
    assert (found.state, states) == ("done", {"one": "done", "there": "failed", "result": "skipped", "good": "done"})
    assert (place.root / "there.csv").stat().st_mtime_ns == before


def test_the_time_limit_of_a_source_holds_while_it_is_looked_at(place, web):
    found = place.run("slow", f"  slow: {{kind: http.request, timeout: 400ms, config: {{url: '{web.url}/slow-2'}}}}\n")
    assert found.state == "failed" and found.error.place.node == "slow" and "0.4" in found.error.message.text("en")


def test_a_run_goes_up_to_a_node_that_is_there(place):
    found = place.run("until", ONE, until="nowhere")
    assert (found.state, found.error.code) == ("failed", "call.until") and "“nowhere”" in found.error.message.text("en")
    assert place.again("flows/until.yaml", until="one").state == "done"
