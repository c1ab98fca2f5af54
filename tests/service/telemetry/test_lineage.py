"""OpenLineage events, held against the official schemas; datasets named as the specification has it."""

import json
import sqlite3
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

from tisserand.engine.journal import RunRecord, new_run_id
from tisserand.service.telemetry.part import Exporting
from tisserand.workspace.folder import Workspace

SPEC = Path(__file__).with_name("openlineage")


def validator(name="OpenLineage", at="#/$defs/RunEvent"):
    """Of the official documents (fetched from the OpenLineage repository, Apache-2.0)."""
    found = [json.loads(path.read_text()) for path in SPEC.glob("*.json")]
    registry = Registry().with_resources([(one["$id"], Resource.from_contents(one)) for one in found])
    base = next(one["$id"] for one in found if one["$id"].endswith(f"/{name}.json"))
    return Draft202012Validator({"$ref": base + at}, registry=registry, format_checker=FormatChecker())


def valid(event):
    assert [error.message for error in validator().iter_errors(event)] == []
    parts = [event["run"], event["job"], *event["inputs"], *event["outputs"]]
    for part in parts:
        for kind in ("facets", "inputFacets", "outputFacets"):
            for name, facet in part.get(kind, {}).items():
                url, _hash, pointer = facet["_schemaURL"].partition("#")
                document = url.rpartition("/")[2].removesuffix(".json")
                assert [error.message for error in validator(document, "#" + pointer).iter_errors(facet)] == [], name


def told(place):
    lines = (place / "data" / "lineage.ndjson").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    for event in events:
        valid(event)
    return events


@pytest.fixture
def part(place, executor):
    (place / "tisserand.yaml").write_text("id: told\nexecutor: {telemetry: {openlineage: {file: data/lineage.ndjson}}}\n")
    made = Exporting(executor)
    made.look()
    return made


def test_the_official_schema_refuses_what_is_wrong():
    """The check itself: an event that lacks something, or names a run by no UUID, is found."""
    event = {"eventTime": "2026-01-01T00:00:00+00:00", "producer": "urn:x", "schemaURL": "urn:y", "run": {"runId": "no"},
             "job": {"namespace": "a", "name": "b"}}  # fmt: skip
    assert any("uuid" in error.message for error in validator().iter_errors(event))
    del event["job"]
    assert any("job" in error.message for error in validator().iter_errors(event))


def test_what_a_run_reads_and_writes(place, part, ran):
    ran("orders")
    part.look()
    start, complete = told(place)
    assert (start["eventType"], complete["eventType"]) == ("START", "COMPLETE")
    assert start["run"]["runId"] == complete["run"]["runId"]
    assert complete["job"]["namespace"] == "tisserand://told" and complete["job"]["name"] == "orders"
    (into,), (out,) = complete["inputs"], complete["outputs"]
    assert (into["namespace"], into["name"]) == ("file", str(place / "data" / "in.csv"))
    assert (out["namespace"], out["name"]) == ("file", str(place / "data" / "out.csv"))
    for dataset in (into, out):
        assert [field["name"] for field in dataset["facets"]["schema"]["fields"]] == ["a", "b"]
    assert out["outputFacets"]["outputStatistics"]["rowCount"] == 2
    part.look()
    assert len(told(place)) == 2


def test_failures_children_and_what_was_broken_off(place, part, executor, ran):
    broken = ran("broken")
    outer = ran("outer")
    for state in ("cancelled", "interrupted"):
        run = new_run_id()
        executor.journal.create_run(RunRecord(run, "orders", "h"))
        executor.journal.claim(run, 1, 1.0)
        executor.journal.set_state(run, state)
    part.look()
    events = told(place)
    failed = next(event for event in events if event["eventType"] == "FAIL")
    assert "none.csv" in failed["run"]["facets"]["errorMessage"]["message"]
    assert failed["run"]["facets"]["tisserand_run"]["run"] == broken.id
    child = next(event for event in events if event["job"]["name"] == "orders" and event["eventType"] == "COMPLETE")
    parent = child["run"]["facets"]["parent"]
    above = next(event for event in events if event["job"]["name"] == "outer")
    assert above["run"]["facets"]["tisserand_run"]["run"] == outer.id
    assert parent["run"]["runId"] == above["run"]["runId"] == parent["root"]["run"]["runId"] and parent["job"]["name"] == "outer"
    assert [event["eventType"] for event in events if event["eventType"] == "ABORT"] == ["ABORT"] * 2


def test_over_http_with_a_key(place, executor, receiver, ran):
    (place / "tisserand.yaml").write_text(
        f"id: told\nexecutor: {{telemetry: {{openlineage: {{url: '{receiver.url}/api/v1/lineage', key: secret:told, namespace: mine}}}}}}\n"
    )
    part = Exporting(executor)
    part.look()
    ran("orders")
    part.look()
    assert [path for path, *_ in receiver.taken] == ["/api/v1/lineage"] * 2
    assert receiver.taken[0][1]["Authorization"] == "Bearer planted-telemetry-secret-92"
    for _path, _headers, body in receiver.taken:
        event = json.loads(body)
        valid(event)
        assert event["job"]["namespace"] == "mine"


def test_databases_and_services(place, part, ran, web):
    with sqlite3.connect(place / "data" / "shop.sqlite") as db:
        db.execute("CREATE TABLE a (id INTEGER)")
        db.execute("CREATE TABLE b (id INTEGER)")
        db.execute("INSERT INTO a VALUES (1)")
    (place / "connections.yaml").write_text(
        f"shop: {{type: database, system: sqlite, file: data/shop.sqlite}}\napi: {{type: http, base_url: '{web.url}'}}\n"
    )
    (place / "flows" / "moves.yaml").write_text(
        "tisserand: 1\nid: moves\ntitle: Moves\nnodes:\n"
        "  both: {kind: sql.read, config: {connection: shop, query: 'WITH x AS (SELECT id FROM a) SELECT id FROM x UNION SELECT id FROM b'}}\n"
        "  items: {kind: http.request, config: {connection: api, url: '/items?token=7'}}\n"
        "  write: {kind: sql.write, inputs: {table: both}, config: {connection: shop, table: c}}\n"
        "  keep: {kind: file.write_json, inputs: {table: items}, config: {path: data/items.json}}\n"
    )
    assert ran("moves").state == "done"
    part.look()
    complete = told(place)[-1]
    base = f"sqlite://{place / 'data' / 'shop.sqlite'}"
    assert sorted((one["namespace"], one["name"]) for one in complete["inputs"]) == sorted(
        [(base, "a"), (base, "b"), (web.url, "/items")]
    )
    assert sorted((one["namespace"], one["name"]) for one in complete["outputs"]) == sorted(
        [(base, "c"), ("file", str(place / "data" / "items.json"))]
    )


def test_postgresql_is_named_as_the_specification_has_it(place, executor):
    """`postgres://{host}:{port}`, `{database}.{schema}.{table}`; no password is needed to say so."""
    from tisserand.sdk.registry import registry
    from tisserand.workspace.connections import Connections

    (place / "connections.yaml").write_text(
        "erp: {type: database, system: postgresql, host: db.example.org, port: 5433, database: erp, user: me, password: secret:none}\n"
    )
    workspace = Workspace(place)
    connections = Connections(workspace, registry())
    reader = registry().get("sql.read")
    for config, expected in [
        ({"connection": "erp", "table": "orders"}, [("postgres://db.example.org:5433", "erp.public.orders")]),
        ({"connection": "erp", "query": "SELECT * FROM sales.orders"}, [("postgres://db.example.org:5433", "erp.sales.orders")]),
        ({"connection": "erp", "query": "not SQL at all ((("}, []),
    ]:
        found = reader.node().datasets(
            reader.read_config(config, {}), lambda name: connections.plain(name, workspace.environment(None))
        )
        assert [(one.namespace, one.name) for one in found] == expected
