"""Doing one unit: a query into a spool, a reader, a writer, a step, user's SQL, a decision, a start."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tisserand.engine import pinned
from tisserand.engine.backends.base import Query
from tisserand.engine.context import NodeContext
from tisserand.engine.control import Stop
from tisserand.engine.isolated_sql import IsolatedQuery
from tisserand.engine.later import look_again
from tisserand.engine.memory import alone, guarded, unchanged
from tisserand.engine.plan import Unit
from tisserand.engine.resolve import Port, ResolvedNode, isolated_names
from tisserand.engine.reuse import unfinished
from tisserand.engine.sinks import commit, settle_earlier, sink_result, tell_uncertain
from tisserand.engine.spool import SpoolWriter
from tisserand.engine.values import typed
from tisserand.model.schema import Schema
from tisserand.sdk.errors import NodeError
from tisserand.sdk.node import FileSink, Outcome, Written
from tisserand.texts import msg

if TYPE_CHECKING:
    import pyarrow as pa

    from tisserand.engine.run import FlowRun

Rows = dict[Port, int]


def perform(run: FlowRun, unit: Unit, stop: Stop, attempt: int) -> Rows:
    """Do a unit; gives the rows counted at ports. On an error nothing of it is left."""
    node = run.resolution.nodes[unit.node]
    context = NodeContext(run, node, stop, attempt)
    thread = threading.get_ident()
    stop.on_pull(lambda: run.backend.interrupt(thread))
    try:
        look_again(run, unit, stop)
        run.keyed.ahead(unit)
        rows = _UNITS[unit.kind](run, unit, node, context)
        if context.rejects is not None or (node.rejects_port() and unit.kind in ("read", "sink", "step")):
            _finish_rejects(run, node, context, rows)
        stop.check()
        return rows
    except BaseException:
        for staged in context.staged:
            staged.temporary.unlink(missing_ok=True)
        if context.rejects is not None:
            context.rejects.abandon()
        raise


def _spool(run: FlowRun, unit: Unit, node: ResolvedNode, context: NodeContext) -> Rows:
    assert unit.port is not None
    port = (node.id, unit.port)
    with run.spools.writing(port) as part:
        count = guarded(run, unit, port, lambda query, backend: backend.spool(query, part, "lz4"))
    run.bases[port] = run.spools.path(port)
    return {port: count}


def _read(run: FlowRun, unit: Unit, node: ResolvedNode, context: NodeContext) -> Rows:
    port = (node.id, next(out.name for out in node.outputs if out.kind == "rows"))
    schema = node.schemas[port[1]]
    if node.spec.pinned is not None:
        return _pinned(run, node, port)
    scan = run.scans.get(node.id)
    if scan is not None:
        rejects = node.rejects_port() or "rejects"
        with run.spools.writing(port) as part, run.spools.writing((node.id, rejects)) as bad:
            count, refused = run.backend.scan_with_rejects(scan, schema, part, bad)
        unchanged(run, unit)
        run.bases[port] = run.spools.path(port)
        run.bases[node.id, rejects] = run.spools.path((node.id, rejects))
        return {port: count, (node.id, rejects): refused}
    given = run.inputs.get(str(getattr(node.config, "name", ""))) if node.type.kind == "flow.input" else None
    if given is not None:
        run.bases[port] = given
        return {port: _parquet_rows(given)}
    instance: Any = node.node
    if node.spec.after:
        instance.forget(node.config)
    batches = instance.read(context, node.config, node.found)
    with run.spools.writing(port) as part, SpoolWriter(part, schema) as writer:
        for batch in batches:
            writer.write(batch)
            context.passed(batch)
    run.bases[port] = run.spools.path(port)
    return {port: writer.rows}


def _pinned(run: FlowRun, node: ResolvedNode, port: Port) -> Rows:
    """A data file used instead of running the node."""
    count = run.spools.write(port, node.schemas[port[1]], pinned.batches(run, node))
    run.bases[port] = run.spools.path(port)
    run.log(msg("Pinned: the rows come from “{path}”; the node did not run.", path=str(node.spec.pinned)), "warning", node.id)
    return {port: count}


def _sink(run: FlowRun, unit: Unit, node: ResolvedNode, context: NodeContext) -> Rows:
    earlier = settle_earlier(run, node)
    if earlier is not None:
        return earlier
    source = node.inputs[node.type.inputs[0].name][0] if node.inputs else None
    door = getattr(node.node, "door", "")
    if door in ("output", "reply") and source is not None:
        # Where rows go back to a calling flow, or to who asked: kept under the name of the door.
        name = node.config.name if door == "output" else f"reply.{node.id}"
        shutil.copyfile(_file(run, source), run.spools.folder / f"door.{name}.parquet")
    started = time.monotonic()
    written = _write(run, unit, node, context, source)
    commit(run, node, context, written)
    return sink_result(run, node, written, time.monotonic() - started)


def _write(run: FlowRun, unit: Unit, node: ResolvedNode, context: NodeContext, source: Port | None) -> Written:
    instance: Any = node.node
    sink = run.sinks.get(node.id)
    if source is not None and sink is not None:
        return _native(run, unit, context, source, sink)
    run.note(node.id, "sink.begun", {"delivery": instance.delivery, "key": context.key})
    schema = run.resolution.nodes[source[0]].schemas[source[1]] if source else Schema()
    written: Written = instance.write(context, node.config, schema, _arriving(run, unit, source, context))
    return written


def _native(run: FlowRun, unit: Unit, context: NodeContext, source: Port, sink: FileSink) -> Written:
    final = context.path(sink.path)
    if not sink.overwrite and final.exists():
        raise NodeError("“{path}” exists already.", fix="Choose another file, or the mode that replaces it.", path=sink.path)
    target = context.target(sink.path)
    count = guarded(run, unit, source, lambda query, backend: backend.sink(query, sink, target))
    if run.plan.reuse.get(source) == unit.id:
        run.spools.link(source, target)
        run.bases[source] = run.spools.path(source)
    return Written(count, str(final), target.stat().st_size)


def _arriving(run: FlowRun, unit: Unit, source: Port | None, context: NodeContext) -> Iterator[pa.RecordBatch]:
    """The rows that come into a node, counted, stoppable."""
    if source is None:
        return
    query = Query(run.resolution, source, run.bases).exact()  # what was handed over cannot be taken back for a second try
    base = run.bases.get(source)
    if isinstance(base, Path) and not context.gathers:
        context.expected = _parquet_rows(base)
    for batch in run.backend.batches(query):
        context.passed(batch)
        yield batch


def _leaving(context: NodeContext, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        context.passed(batch)
        yield batch


def _step(run: FlowRun, unit: Unit, node: ResolvedNode, context: NodeContext) -> Rows:
    instance: Any = node.node
    source = node.inputs[node.type.inputs[0].name][0]
    rows_ports = [out.name for out in node.outputs if out.kind != "rejects"]
    context.gathers = instance.gathers(node.config)
    process: Callable[..., Iterator[Any]] = instance.process
    if instance.isolated:
        from tisserand.engine.isolated import process_isolated

        process = process_isolated(node.node)
    once = not instance.repeats(node.config)
    if once:
        key = unfinished(run, node)
        if key is not None:
            tell_uncertain(run, node, key)
        run.note(node.id, "sink.begun", {"delivery": "at least once", "key": context.key})
    schemas = {name: node.schemas[name] for name in rows_ports}
    parts = {name: context.temporary(f"{name}.parquet") for name in rows_ports}
    writers = {name: SpoolWriter(parts[name], schemas[name]).__enter__() for name in rows_ports}
    try:
        for item in process(context, node.config, schemas, _arriving(run, unit, source, context)):
            name, batch = item if isinstance(item, tuple) else (rows_ports[0], item)
            writers[name].write(batch)
    finally:
        for writer in writers.values():
            writer.__exit__()
    counted: Rows = {}
    for name in rows_ports:
        port = (node.id, name)
        with run.spools.writing(port) as part:
            parts[name].replace(part)
        run.bases[port] = run.spools.path(port)
        counted[port] = writers[name].rows
    if once:
        run.note(node.id, "sink.done", {"rows": sum(counted.values())})
    return counted


def _query(run: FlowRun, unit: Unit, node: ResolvedNode, context: NodeContext) -> Rows:
    instance: Any = node.node
    tables: dict[str, Path] = {}
    for name, ports in node.inputs.items():
        tables.update(isolated_names(name, ports, tuple(_file(run, port) for port in ports)))
    port = (node.id, node.outputs[0].name)

    def asked(threads: int | None) -> int:
        query = IsolatedQuery()
        context.start_over()
        context._stop.on_pull(query.interrupt)
        batches = query.batches(instance.query(node.config), tables, run.backend.memory, threads, run.folder / "tmp")
        return run.spools.write(port, node.schemas[port[1]], _leaving(context, batches))

    count = alone(run, unit, asked)
    run.bases[port] = run.spools.path(port)
    return {port: count}


def _file(run: FlowRun, port: Port) -> Path:
    """The Parquet file of a port; a native scan is written down first."""
    base = run.bases.get(port)
    if isinstance(base, Path):
        return base
    with run.spools.writing(port) as part:
        run.backend.spool(Query(run.resolution, port, run.bases).exact(), part, "lz4")
    run.bases[port] = run.spools.path(port)
    return run.spools.path(port)


def _control(run: FlowRun, unit: Unit, node: ResolvedNode, context: NodeContext) -> Rows:
    for ports in node.inputs.values():
        for source in ports:
            _file(run, source)
    instance: Any = node.node
    outcome: Outcome = instance.run(context, node.config)
    counted: Rows = {}
    for out in node.outputs:
        port = (node.id, out.name)
        if outcome.taken is not None and out.name not in outcome.taken:
            run.closed.add(port)
            continue
        given = outcome.passes.get(out.name, [])
        if isinstance(given, str):
            run.bases[port] = _file(run, node.inputs[given][0])
        elif isinstance(given, Path):
            if given.is_relative_to(run.folder / "tmp"):
                # What is temporary goes away with the worker; these rows may be looked at, and a resume goes on from them.
                with run.spools.writing(port) as part:
                    given.replace(part)
                given = run.spools.path(port)
            run.bases[port] = given
        else:
            run.spools.write_rows(port, node.schemas[out.name], given)
            run.bases[port] = run.spools.path(port)
        counted[port] = _parquet_rows(run.base_file(port))
    run.note(node.id, "control.decided", {"taken": sorted(name for node_id, name in counted if node_id == node.id)})
    return counted


def _trigger(run: FlowRun, unit: Unit, node: ResolvedNode, context: NodeContext) -> Rows:
    """The rows that this trigger brought. One that another trigger of the flow forestalled has none; started by hand, each has one."""
    port = (node.id, node.outputs[0].name)
    schema = node.schemas[port[1]]
    event = run.event()
    if event is None:
        instance: Any = node.node
        known = run.event_row()
        # As plain JSON values, in which examples are written, too.
        given = {name: value.isoformat() if isinstance(value, date) else value for name, value in run.parameters.items()}
        given = {name: value for name, value in given.items() if value is not None} | {"received_at": known["at"].isoformat()}
        sampled = [{name: given.get(name, value) for name, value in row.items()} for row in instance.sample(node.config)]
        rows = typed(sampled, schema) or [{name: known.get(name) for name in schema.names}]
    else:
        rows = typed(event["rows"], schema) if event["node"] == node.id else []
    count = run.spools.write_rows(port, schema, rows)
    run.bases[port] = run.spools.path(port)
    return {port: count}


def _finish_rejects(run: FlowRun, node: ResolvedNode, context: NodeContext, rows: Rows) -> None:
    name = node.rejects_port()
    if name is None or (node.id, name) in run.bases:
        return
    port = (node.id, name)
    if context.rejects is not None:
        context.rejects.close()
        with run.spools.writing(port) as part:
            context.rejects.path.replace(part)
        rows[port] = context.rejects.rows
    else:
        rows[port] = run.spools.write_rows(port, node.schemas[name], [])
    run.bases[port] = run.spools.path(port)


def _parquet_rows(path: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)


_UNITS: Mapping[str, Callable[[FlowRun, Unit, ResolvedNode, NodeContext], Rows]] = {
    "spool": _spool,
    "read": _read,
    "sink": _sink,
    "step": _step,
    "query": _query,
    "control": _control,
    "trigger": _trigger,
}
