"""A source whose question may change something is asked by runs only: not by checks, explanations, previews or calling flows."""

from __future__ import annotations

import pytest

from tisserand.engine.launch import Refused

POST = "  web: {{kind: http.request, config: {{url: '{url}/made', method: POST, body: {{a: 1}}}}}}\n"
KEPT = "  kept: {kind: table.filter, inputs: {table: web}, config: {where: id > 1}}\n"
OUT = "  out: {kind: file.write_csv, inputs: {table: kept}, config: {path: out/made.csv}}\n"
DOOR = "  door: {kind: flow.output, inputs: {table: kept}, config: {name: made}}\n"


def test_a_check_asks_for_nothing_and_says_so(place, web):
    file = place.flow("post", POST.format(url=web.url) + KEPT + OUT)
    [told] = place.executor.check(file=file)
    assert (told.code, told.severity, told.place.node, told.place.line) == ("source.unasked", "warning", "web", 4)
    assert "changes" not in told.line() and "only asked in a run" in told.line()
    with pytest.raises(Refused, match="only asked in a run"):
        place.executor.explain(file=file)
    with pytest.raises(Refused, match="only asked in a run"):
        place.executor.preview(file=file, node="kept")
    assert web.counts() == {}
    found = place.again(file)
    assert found.state == "done" and web.counts() == {"/made": 1}
    # The columns are known now, and still nothing is asked before the next run.
    assert place.executor.check(file=file) == []
    assert place.executor.explain(file=file)["units"]
    with pytest.raises(Refused, match="has effects"):
        place.executor.preview(file=file, node="kept")
    assert web.counts() == {"/made": 1}


def test_a_called_flow_asks_once_a_call(place, web):
    inner = place.flow("inner", POST.format(url=web.url) + KEPT + DOOR)
    call = "  call: {kind: flow.call, config: {flow: inner, output: made}}\n"
    outer = place.flow("outer", call + "  out: {kind: file.write_csv, inputs: {table: call}, config: {path: out/made.csv}}\n")
    refused = place.again(outer)
    assert refused.state == "failed" and "Run “inner” once on its own" in refused.error.line()
    assert web.counts() == {}
    assert place.again(inner).state == "done" and web.counts() == {"/made": 1}
    assert place.again(outer).state == "done" and web.counts() == {"/made": 2}
    assert (place.root / "out" / "made.csv").read_text() == "id,call\n2,2\n3,2\n"
