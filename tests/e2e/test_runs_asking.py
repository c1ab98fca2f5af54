"""How often a service is asked: what was answered while looking for the columns is the first page of the run."""

from __future__ import annotations

import time


def source(web, path, more="", rules=""):
    return f"  web: {{kind: http.request, {rules}config: {{url: '{web.url}{path}'{more}}}}}\n"


OUT = "  out: {kind: file.write_csv, inputs: {table: web}, config: {path: out/x.csv}}\n"


def test_the_first_page_is_asked_for_once(place, web):
    found = place.run("once", source(web, "/once") + OUT)
    assert found.state == "done" and web.counts() == {"/once": 1}
    assert [(row["id"], row["call"]) for row in place.rows(found.id, "web")] == [(1, 1), (2, 1), (3, 1)]
    # The next run asks again, and sees what is there now.
    again = place.again("flows/once.yaml")
    assert web.counts() == {"/once": 2} and {row["call"] for row in place.rows(again.id, "web")} == {2}


def test_a_post_is_sent_once(place, web):
    found = place.run("post", source(web, "/made", ", method: POST, body: {a: 1}") + OUT)
    assert found.state == "done" and web.counts() == {"/made": 1}
    # Its columns are known from now on: it is sent when its turn comes.
    nodes = (
        "  first: {kind: flow.fail, config: {message: stop}}\n"
        + source(web, "/made", ", method: POST, body: {a: 1}", "after: {first: done}, ")
        + OUT
    )
    assert place.run("post", nodes).state == "failed"
    assert web.counts() == {"/made": 1}


def test_what_comes_after_a_node_is_asked_after_it(place, web):
    nodes = (
        "  one: {kind: data.table, config: {columns: {a: integer}, rows: [[1]]}}\n"
        f"  call: {{kind: http.call, inputs: {{table: one}}, config: {{url: '{web.url}/slow-1'}}}}\n"
    )
    found = place.run("later", nodes + source(web, "/late", rules="after: {call: done}, ") + OUT)
    assert found.state == "done" and web.counts() == {"/slow-1": 1, "/late": 2}
    assert {row["call"] for row in place.rows(found.id, "web")} == {2}


def test_an_old_answer_is_not_taken(tmp_path, web, monkeypatch):
    from tisserand.sdk.testing import LoneContext, config_of
    from tisserand_nodes.http.request import FRESH, HttpRequest

    node, config = HttpRequest(), config_of(HttpRequest, {"url": f"{web.url}/old"})
    ctx = LoneContext(tmp_path)
    found = node.discover(ctx, config)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + FRESH + 1)
    rows = [row for batch in node.read(ctx, config, found) for row in batch.to_pylist()]
    assert web.counts() == {"/old": 2} and {row["call"] for row in rows} == {2}
