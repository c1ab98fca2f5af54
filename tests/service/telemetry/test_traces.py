"""Runs as traces at a real receiver of OTLP; context through HTTP in both directions."""

import sqlite3

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from tisserand.engine.launch import journal_path
from tisserand.service.local import LocalExecutor
from tisserand.service.telemetry.part import Exporting

PLANTED = "planted-telemetry-secret-92"


def exporting(place, executor, receiver, clock=lambda: 0.0):
    (place / "tisserand.yaml").write_text(
        f"id: told\nexecutor:\n  telemetry:\n    otlp:\n      endpoint: {receiver.url}\n      headers: {{Authorization: secret:told}}\n"
    )
    made = Exporting(executor, clock)
    made.look()
    return made


def received(receiver):
    found = []
    for path, headers, body in receiver.taken:
        assert (
            path == "/v1/traces" and headers["Content-Type"] == "application/x-protobuf" and headers["Authorization"] == PLANTED
        )
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            about = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
            assert about["service.name"] == "tisserand" and about["tisserand.workspace"] == "told"
            found += [span for scope in resource.scope_spans for span in scope.spans]
    return found


def attributes(span):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in span.attributes}


def test_a_run_is_a_trace(place, executor, ran, receiver):
    part = exporting(place, executor, receiver)
    run = ran("orders", by="ann")
    part.look()
    spans = {span.name: span for span in received(receiver)}
    assert set(spans) == {"orders", "read", "big", "write"}
    own = spans["orders"]
    assert len({span.trace_id for span in spans.values()}) == 1 and len({span.span_id for span in spans.values()}) == 4
    assert own.parent_span_id == b"" and {spans[name].parent_span_id for name in ("read", "big", "write")} == {own.span_id}
    assert {span.status.code for span in spans.values()} == {Status.STATUS_CODE_OK}
    about = attributes(own)
    assert (about["tisserand.run"], about["tisserand.state"], about["tisserand.by"]) == (run.id, "done", "ann")
    assert attributes(spans["write"])["tisserand.written"] == 2
    with sqlite3.connect(journal_path(place)) as db:
        begun, ended = db.execute("SELECT started, finished FROM runs WHERE id = ?", (run.id,)).fetchone()
        times = {
            (node, kind): time for node, kind, time in db.execute("SELECT node, kind, time FROM events WHERE run = ?", (run.id,))
        }
    assert abs(own.start_time_unix_nano / 1e9 - begun) < 1e-5 and abs(own.end_time_unix_nano / 1e9 - ended) < 1e-5
    for name in ("read", "big", "write"):
        assert abs(spans[name].start_time_unix_nano / 1e9 - times[name, "node.started"]) < 1e-5
        assert abs(spans[name].end_time_unix_nano / 1e9 - times[name, "node.done"]) < 1e-5
    part.look()
    assert len(receiver.taken) == 1  # once


def test_told_again_it_is_the_same_trace(place, executor, ran, receiver):
    part = exporting(place, executor, receiver)
    ran("orders")
    part.look()
    executor.telemetry.store.set_mark("otlp", 0)
    other = LocalExecutor(place)
    Exporting(other).look()
    other.close()
    first, second = receiver.taken
    assert first[2] == second[2]


def test_a_failure_and_a_called_flow(place, executor, ran, receiver):
    part = exporting(place, executor, receiver)
    ran("broken")
    ran("outer")
    part.look()
    spans = received(receiver)
    broken = next(span for span in spans if span.name == "broken")
    assert broken.status.code == Status.STATUS_CODE_ERROR and "none.csv" in broken.status.message
    outer, inner, orders = (next(span for span in spans if span.name == name) for name in ("outer", "inner", "orders"))
    assert outer.trace_id == inner.trace_id == orders.trace_id != broken.trace_id
    assert (inner.parent_span_id, orders.parent_span_id) == (outer.span_id, inner.span_id)


def test_a_receiver_that_is_away_is_waited_for(place, executor, ran, receiver):
    now = [0.0]
    part = exporting(place, executor, receiver, lambda: now[0])
    receiver.statuses = [503, 401, 200, 400]
    ran("orders")
    part.look()
    part.look()  # not at once again
    assert receiver.taken == [] and len(receiver.statuses) == 3
    now[0] = 10
    part.look()
    other = LocalExecutor(place)  # the executor is killed meanwhile: another goes on
    Exporting(other).look()
    other.close()
    assert len(received(receiver)) == 4
    ran("orders")
    now[0] = 100
    part.look()  # refused for good: told in a report, and passed over
    assert list((place / ".tisserand" / "crashes").iterdir()) and len(receiver.taken) == 1
    ran("orders")
    part.look()
    assert len(receiver.taken) == 2


ASK = "tisserand: 1\nid: ask\ntitle: Ask\nnodes:\n  ask: {{kind: http.request, config: {{url: '{url}/items'}}}}\n" \
      "  call: {{kind: http.call, inputs: {{table: ask}}, config: {{url: '{url}/person/1'}}}}\n"  # fmt: skip


def test_context_goes_out_and_comes_in(place, executor, ran, receiver, web):
    part = exporting(place, executor, receiver)
    (place / "flows" / "ask.yaml").write_text(ASK.format(url=web.url))
    incoming = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert ran("ask", cause={"kind": "event", "trace": incoming}).state == "done"
    part.look()
    spans = {span.name: span for span in received(receiver)}
    assert spans["ask"].trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"
    own = next(span for span in received(receiver) if "tisserand.state" in attributes(span))
    assert own.parent_span_id.hex() == "b7ad6b7169203331"
    nodes = {attributes(span)["tisserand.node"]: span for span in received(receiver) if "tisserand.node" in attributes(span)}
    sent = {asked.path: asked.headers.get("traceparent") for asked in web.asked}
    trace = "0af7651916cd43dd8448eb211c80319c"
    assert sent == {
        "/items": f"00-{trace}-{nodes['ask'].span_id.hex()}-01", "/person/1": f"00-{trace}-{nodes['call'].span_id.hex()}-01",
    }  # fmt: skip
    # What is no context is none: a run then begins a trace of its own.
    assert ran("ask", cause={"kind": "event", "trace": "00-" + "0" * 32 + "-b7ad6b7169203331-01"}).state == "done"
    assert web.asked[-1].headers["traceparent"].split("-")[1] not in (trace, "0" * 32)


def test_no_secret_in_stores(place, executor, ran, receiver):
    part = exporting(place, executor, receiver)
    receiver.statuses = [400]
    ran("orders")
    part.look()
    for path in (place / ".tisserand").rglob("*"):
        assert not path.is_file() or PLANTED.encode() not in path.read_bytes(), path
