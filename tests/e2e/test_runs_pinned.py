"""A pinned node does not run, whatever its kind: its file stands for what it gives, and what only it needs does not run either."""

from __future__ import annotations

import duckdb
import pytest

from tisserand.service.protocol import Refused


@pytest.fixture
def kept(place):
    duckdb.sql(f"COPY (SELECT 7 AS a, 'kept' AS word) TO '{place.root / 'kept.parquet'}'")
    return "pinned: kept.parquet"


def flow(web, kept, node):
    return (
        f"  web: {{kind: http.request, config: {{url: '{web.url}/asked'}}}}\n"
        f"  mid: {{kind: table.sort, inputs: {{table: web}}, config: {{by: [id]}}}}\n"
        f"  pin: {{{node}, {kept}}}\n"
        "  out: {kind: table.formula, inputs: {table: pin}, config: {columns: {b: a + 1}}}\n"
    )


@pytest.mark.parametrize(
    "node",
    [
        "kind: http.request, config: {url: 'WEB/asked'}",
        "kind: table.formula, inputs: {table: mid}, config: {columns: {z: id}}",
        "kind: table.filter, inputs: {table: mid}, config: {where: id > 1}",
        "kind: http.call, inputs: {table: mid}, config: {url: 'WEB/asked', method: POST}",
        "kind: table.sql, inputs: {tables: mid}, config: {query: SELECT id FROM mid}",
        "kind: python.step, inputs: {table: mid}, config: {code: 'def process(table): return table'}",
        "kind: trigger.manual",
    ],
)
def test_the_file_stands_for_the_node_and_nothing_is_asked(place, web, kept, node):
    nodes = flow(web, kept, node.replace("WEB", web.url))
    if "mid" not in node:
        nodes = nodes[nodes.index("  pin") :]
    found = place.run("pinned", nodes)
    assert found.state == "done", found.error
    assert place.rows(found.id, "out") == [{"a": 7, "word": "kept", "b": 8}]
    assert web.counts() == ({} if "mid" not in node else {"/asked": 1})  # its columns were looked at, no more
    if "mid" in node:
        assert (found.nodes["web"].state, found.nodes["mid"].state) == ("skipped", "skipped")
    page = place.executor.preview(file="flows/pinned.yaml", node="out")
    assert page.total == 1
    assert place.executor.check(file="flows/pinned.yaml") == []


def test_what_others_need_too_runs(place, web, kept):
    nodes = flow(web, kept, "kind: table.formula, inputs: {table: mid}, config: {columns: {z: id}}")
    found = place.run("shared", nodes + "  other: {kind: file.write_csv, inputs: {table: mid}, config: {path: out/x.csv}}\n")
    assert (found.state, found.nodes["mid"].state, found.nodes["other"].state) == ("done", "done", "done")


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ("  pin: {kind: data.table, config: {columns: {a: integer}, rows: [[1]]}, pinned: no.parquet}\n", "no file"),
        ("  pin: {kind: data.table, config: {columns: {a: integer}, rows: [[1]]}, pinned: kept.csv}\n", "must be a Parquet file"),
        ("  pin: {kind: data.table, config: {columns: {a: integer}, rows: [[1]]}, pinned: bad.parquet}\n", "not a Parquet file"),
        (
            "  one: {kind: data.table, config: {columns: {a: integer}, rows: [[1]]}}\n"
            "  pin: {kind: table.filter, inputs: {table: one}, config: {where: a > 0}, pinned: kept.parquet}\n"
            "  other: {kind: table.sort, inputs: {table: pin.rejected}, config: {by: [a]}}\n",
            "“rejected” is connected",
        ),
        (
            "  one: {kind: data.table, config: {columns: {a: integer}, rows: [[1]]}}\n"
            "  pin: {kind: file.write_csv, inputs: {table: one}, config: {path: out/x.csv}, pinned: kept.parquet}\n",
            "Only a node that gives rows",
        ),
    ],
)
def test_what_cannot_be_pinned_is_said(place, kept, nodes, words):
    (place.root / "kept.csv").write_text("a\n1\n")
    (place.root / "bad.parquet").write_text("no")
    found = place.run("wrong", nodes)
    assert found.state == "failed" and words in found.error.message.text("en")
    assert (found.error.place.node, found.error.place.field) == ("pin", "pinned")
    assert [problem.place.node for problem in place.executor.check(file="flows/wrong.yaml")] == ["pin"]
    with pytest.raises(Refused):
        place.executor.preview(file="flows/wrong.yaml", node="pin")
