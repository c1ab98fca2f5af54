"""The kit for testing nodes: run one node class alone on a private DuckDB, without the engine.

    found = run_reader(ReadCsv, {"path": "orders.csv"}, tmp_path)
    assert found["rows"].num_rows == 3

Every function validates the raw config as the engine does, and lets a `NodeError` through to the test.
"""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tisserand.model.schema import Column, Schema
from tisserand.sdk.arrow import from_arrow, to_arrow, type_text
from tisserand.sdk.connection import ConnectionType
from tisserand.sdk.errors import OUTSIDE, NodeError
from tisserand.sdk.node import (
    Control,
    Discovery,
    Effect,
    Isolated,
    Node,
    Outcome,
    Reader,
    Scan,
    Step,
    Transform,
    Trigger,
    Writer,
    Written,
)
from tisserand.sdk.scan import REJECTED_SQL, literal, scan_error, scan_sql
from tisserand.sdk.scan_whole import too_wide
from tisserand.sdk.sessions import SESSION
from tisserand.sdk.templates import Templates
from tisserand.sdk.waiting import Answer, Awaited
from tisserand.texts import Message

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


@dataclass
class Reject:
    """One row that a node rejected."""

    row: Any
    error: str
    place: str


@dataclass
class Result:
    """What a node gave: a table for each output port, and everything it said on the way."""

    ports: dict[str, pa.Table]
    rejects: list[Reject] = field(default_factory=list)
    logs: list[tuple[str, Message]] = field(default_factory=list)
    found: Discovery | None = None
    written: Written | None = None
    outcome: Outcome | None = None
    rows_counted: int = 0

    def __getitem__(self, port: str) -> pa.Table:
        return self.ports[port]

    def rows(self, port: str | None = None) -> list[dict[str, Any]]:
        """The rows of a port (the first, if none is named) as mappings."""
        rows: list[dict[str, Any]] = self.ports[port or next(iter(self.ports))].to_pylist()
        return rows


@dataclass
class LoneContext:
    """The context of a node that runs alone: a workspace folder, and connections and secrets from mappings."""

    workspace: Path
    connections: Mapping[str, ConnectionType] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    flow: str = "test"
    node: str = "node"
    run_id: str = "run-1"
    key: str = "run-1/node"
    attempt: int = 1
    traceparent: str = ""
    inputs: Mapping[str, pa.Table] = field(default_factory=dict)
    flows: Mapping[str, Callable[..., Mapping[str, Any]]] = field(default_factory=dict)
    """For control nodes: what stands for the other flows of the workspace."""
    rejects: list[Reject] = field(default_factory=list)
    logs: list[tuple[str, Message]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    """The pauses asked for; `sleep` returns at once."""
    waited: list[Awaited] = field(default_factory=list)
    """What was waited for."""
    answers: list[Answer] = field(default_factory=list)
    """What comes of it, in this order; where there is none, the moment or the time limit."""
    signals: list[tuple[str, str | None, Mapping[str, Any]]] = field(default_factory=list)
    """Those that were sent."""
    used: list[Mapping[str, Any]] = field(default_factory=list)
    """The rows of `usage`."""
    rows_counted: int = 0
    stopped: bool = False
    mark: Any = None
    """For triggers: where to go on from."""
    targets: dict[Path, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.workspace = self.workspace.resolve()
        self._scratch = tempfile.TemporaryDirectory(prefix="tisserand-node-")

    def path(self, text: str) -> Path:
        path = (self.workspace / text).resolve()
        if not path.is_relative_to(self.workspace):
            raise NodeError(OUTSIDE, path=text)
        return path

    def target(self, text: str) -> Path:
        final = self.path(text)
        final.parent.mkdir(parents=True, exist_ok=True)
        return self.targets.setdefault(final, final.with_name(f".{final.name}.part"))

    def temporary(self, name: str) -> Path:
        return Path(self._scratch.name) / name

    def connection(self, name: str) -> ConnectionType:
        if name not in self.connections:
            raise NodeError("There is no connection “{name}”.", name=name)
        return self.connections[name]

    def secret(self, reference: str) -> str:
        name = reference.removeprefix("secret:")
        if name not in self.secrets:
            raise NodeError("There is no secret “{name}”.", name=name)
        return self.secrets[name]

    def usage(self, start: float, end: float, *, api: str = "", consumer: str = "") -> Iterator[Mapping[str, Any]]:
        for row in self.used:
            inside = (not start or row["hour"] + 3600 > start) and (not end or row["hour"] < end)
            if inside and api in ("", row["api"]) and consumer in ("", row["consumer"]):
                yield row

    def progress(self, rows: int = 0, bytes: int = 0) -> None:
        self.rows_counted += rows

    def cancelled(self) -> bool:
        return self.stopped

    def room(self) -> bool:
        return not self.stopped

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def reject(self, row: Any, error: Message | str, place: str = "") -> None:
        self.rejects.append(Reject(row, str(error), place))

    def log(self, message: Message, level: str = "info") -> None:
        self.logs.append((level, message))

    def rows(self, port: str) -> Iterator[pa.RecordBatch]:
        yield from self.inputs[port].to_batches() if port in self.inputs else ()

    def values(self, formula: str) -> Any:
        import pyarrow as pa

        return self._evaluate(pa.table({"none": [0]}), formula, aggregate=False)

    def aggregate(self, port: str, formula: str) -> Any:
        return self._evaluate(self.inputs[port], formula, aggregate=True)

    def _evaluate(self, table: pa.Table, formula: str, aggregate: bool) -> Any:
        import ibis

        from tisserand.sdk.formulas import compile_formula

        connection = ibis.duckdb.connect()
        try:
            connection.con.execute(SESSION)
            relation = _registered(connection, "input", table)
            value = compile_formula(formula, relation, self.parameters, aggregate)
            answer = relation.aggregate(value=value) if aggregate else relation.select(value=value).limit(1)
            return connection.to_pyarrow(answer)["value"][0].as_py()
        finally:
            connection.disconnect()

    def run_flow(self, flow: str, parameters: Mapping[str, Any], inputs: Mapping[str, str], label: str) -> Mapping[str, Any]:
        if flow not in self.flows:
            raise NodeError("There is no flow “{name}”.", name=flow)
        return self.flows[flow](parameters=parameters, inputs=inputs, label=label)

    def wait(self, wait: Awaited) -> Answer:
        self.waited.append(wait)
        if self.answers:
            return self.answers.pop(0)
        if wait.until is None:
            raise AssertionError("nobody would ever answer")
        return Answer("moment" if wait.kind == "time" else "timeout", {}, "", wait.until)

    def send_signal(self, name: str, key: str | None, data: Mapping[str, Any]) -> None:
        self.signals.append((name, key, data))

    def fitting(self, row: Mapping[str, Any], schema: Schema) -> Mapping[str, Any]:
        return {name: row.get(name) for name in schema.names}

    def put_in_place(self) -> None:
        """What the engine does when a writer is done: every target replaces its file."""
        for final, temporary in self.targets.items():
            if temporary.exists():
                temporary.replace(final)

    def drop(self) -> None:
        """What the engine does when a writer fails."""
        for temporary in self.targets.values():
            temporary.unlink(missing_ok=True)


def config_of(node: type[Node[Any]], raw: Mapping[str, Any], parameters: Mapping[str, Any] | None = None) -> Any:
    """The typed config of raw values, texts rendered; raises pydantic's `ValidationError`."""
    values = dict(parameters or {})
    return node.Config.model_validate(dict(raw), context={"render": Templates(values).render, "parameters": values})


def run_reader(
    node: type[Reader[Any]], raw: Mapping[str, Any], workspace: Path, *, native: bool = True, **context: Any
) -> Result:
    """Discover and read. `native=False` reads through `read` even where the node offers a scan."""
    import pyarrow as pa

    ctx, reader, config = _start(node, raw, workspace, context)
    found = reader.discover(ctx, config)
    scan = reader.scan(ctx, config, found) if native else None
    if scan is not None:
        rows = _scan(scan, ctx)
    else:
        schema = to_arrow(found.schema)
        rows = pa.Table.from_batches((_exactly(batch, schema, node) for batch in reader.read(ctx, config, found)), schema=schema)
    return Result({reader.ports(config)[0].name: rows}, ctx.rejects, ctx.logs, found, rows_counted=ctx.rows_counted)


def run_transform(node: type[Transform[Any]], raw: Mapping[str, Any], **tables: Any) -> Result:
    """Build over the given tables (Arrow tables; a list of them for a port that takes many), and run the query."""
    import ibis

    transform, config = node(), config_of(node, raw)
    connection = ibis.duckdb.connect()
    try:
        connection.con.execute(SESSION)
        relations: dict[str, Any] = {}
        for port, table in tables.items():
            if isinstance(table, list | tuple):
                relations[port] = tuple(_registered(connection, f"in_{port}_{i}", one) for i, one in enumerate(table))
            else:
                relations[port] = _registered(connection, f"in_{port}", table)
        schemas = {port: from_arrow(t.schema) for port, t in tables.items() if not isinstance(t, list | tuple)}
        for problem in transform.check(config, schemas):
            raise problem
        foretold = _foretold(transform, config, relations)
        try:
            built = transform.build(config, **relations)
        except NodeError:
            assert foretold is None, f"{transform.kind} foretells columns that it cannot build"
            raise
        ports = dict(built) if isinstance(built, Mapping) else {transform.ports(config)[0].name: built}
        for name, schema in (foretold or {}).items():
            assert schema == _schema(ports[name]), f"{transform.kind} foretells {schema}, but builds {_schema(ports[name])}"
        return Result({port: connection.to_pyarrow(relation) for port, relation in ports.items()})
    finally:
        connection.disconnect()


def _foretold(transform: Transform[Any], config: Any, inputs: Mapping[str, Any]) -> Mapping[str, Schema] | None:
    arriving = {
        port: tuple(_schema(one) for one in (found if isinstance(found, tuple) else (found,))) for port, found in inputs.items()
    }
    return transform.columns(config, arriving)


def _schema(relation: Any) -> Schema:
    return Schema(tuple(Column(name, type_text(dtype)) for name, dtype in relation.schema().items()))


def run_writer(
    node: type[Writer[Any]], raw: Mapping[str, Any], table: pa.Table, workspace: Path, *, native: bool = True, **context: Any
) -> Result:
    """Write a table and put it into place. `native=False` writes through `write` even where the node offers a sink."""
    import pyarrow as pa

    ctx, writer, config = _start(node, raw, workspace, context)
    schema = from_arrow(table.schema)
    for problem in writer.check(config, {"table": schema}):
        raise problem
    try:
        sink = writer.sink(ctx, config, schema) if native else None
        if sink is not None:
            if not sink.overwrite and ctx.path(sink.path).exists():
                raise NodeError("The file “{path}” exists already.", path=sink.path)
            target = ctx.target(sink.path)
            with _duckdb() as connection:
                connection.register("input", table)
                options = ", ".join([f"FORMAT {sink.format}", *(f"{n} {literal(v)}" for n, v in sink.options.items())])
                # Both texts are literals made by `literal`; COPY takes no bound parameters.
                connection.execute(f"COPY (SELECT * FROM input) TO {literal(str(target))} ({options})")  # noqa: S608
            written = Written(table.num_rows, sink.path, target.stat().st_size)
        else:
            written = writer.write(ctx, config, schema, iter(table.to_batches()))
    except BaseException:
        ctx.drop()
        raise
    ctx.put_in_place()
    row = {"rows": [written.rows], "bytes": [written.bytes], "where": [written.where], "seconds": [0.0]}
    return Result({writer.ports(config)[0].name: pa.table(row)}, ctx.rejects, ctx.logs, written=written)


def plan_writer(node: type[Writer[Any]], raw: Mapping[str, Any], table: pa.Table, workspace: Path, **context: Any) -> Effect:
    """What writing the table would change."""
    ctx, writer, config = _start(node, raw, workspace, context)
    effect: Effect = writer.plan(ctx, config, iter(table.to_batches()))
    return effect


def run_step(
    node: type[Step[Any]], raw: Mapping[str, Any], table: pa.Table, workspace: Path | None = None, **context: Any
) -> Result:
    """Process one table; gives every port that the step declares but the rejects, which stand in `rejects`."""
    import pyarrow as pa

    with tempfile.TemporaryDirectory() as empty:
        ctx, step, config = _start(node, raw, workspace or Path(empty), context)
        inputs = {node.inputs[0].name: from_arrow(table.schema)}
        for problem in step.check(config, inputs):
            raise problem
        schemas = dict(step.output(config, inputs))
        gathered: dict[str, list[pa.RecordBatch]] = {port: [] for port in schemas}
        first = step.ports(config)[0].name
        for item in step.process(ctx, config, schemas, iter(table.to_batches())):
            port, batch = item if isinstance(item, tuple) else (first, item)
            gathered[port].append(_exactly(batch, to_arrow(schemas[port]), node))
        ports = {port: pa.Table.from_batches(gathered[port], schema=to_arrow(schemas[port])) for port in schemas}
        return Result(ports, ctx.rejects, ctx.logs, rows_counted=ctx.rows_counted)


def run_isolated(node: type[Isolated[Any]], raw: Mapping[str, Any], **tables: Any) -> Result:
    """Run the query alone on a locked connection over the given tables."""
    isolated, config = node(), config_of(node, raw)
    with _duckdb() as connection:
        for name, table in tables.items():
            connection.register(name, table)
        connection.execute("SET enable_external_access=false")
        connection.execute("SET lock_configuration=true")
        return Result({isolated.ports(config)[0].name: connection.sql(isolated.query(config)).to_arrow_table()})


def run_control(
    node: type[Control[Any]], raw: Mapping[str, Any], workspace: Path | None = None, *, tables: Any = None, **context: Any
) -> Result:
    """Let a control node decide; `outcome` holds what it decided. `tables`: input port → Arrow table."""
    with tempfile.TemporaryDirectory() as empty:
        ctx, control, config = _start(node, raw, workspace or Path(empty), {**context, "inputs": dict(tables or {})})
        return Result({}, ctx.rejects, ctx.logs, outcome=control.run(ctx, config))


def listen(node: type[Trigger[Any]], raw: Mapping[str, Any], workspace: Path, count: int, **context: Any) -> Sequence[Any]:
    """The first `count` events of a trigger."""
    ctx, trigger, config = _start(node, raw, workspace, context)
    return list(itertools.islice(trigger.listen(ctx, config), count))


def _start(node: type[Any], raw: Mapping[str, Any], workspace: Path, context: Mapping[str, Any]) -> tuple[LoneContext, Any, Any]:
    values = {"workspace": str(workspace.resolve()), **context.get("parameters", {})}
    return LoneContext(workspace, **context), node(), config_of(node, raw, values)


def _exactly(batch: pa.RecordBatch, schema: pa.Schema, node: type[Node[Any]]) -> pa.RecordBatch:
    if batch.schema.names != schema.names or batch.schema.types != schema.types:
        raise AssertionError(f"{node.__name__} declared {schema} and gave {batch.schema}")
    return batch


def _registered(connection: Any, name: str, table: pa.Table) -> Any:
    """The relation of an Arrow table, under a name of its own."""
    connection.con.register(name, table)
    return connection.table(name)


@contextlib.contextmanager
def _duckdb() -> Iterator[duckdb.DuckDBPyConnection]:
    import duckdb

    connection = duckdb.connect(config={"threads": 2, "memory_limit": "512MB", "python_enable_replacements": "false"})
    try:
        yield connection
    finally:
        connection.close()


def _scan(scan: Scan, ctx: LoneContext) -> pa.Table:
    import duckdb

    with _duckdb() as connection:
        try:
            rows = connection.sql(scan_sql(scan)).to_arrow_table()
        except duckdb.Error as error:
            if too_wide(str(error)):
                return _scan(replace(scan, whole="exact"), ctx)
            raise scan_error(error, scan) from None
        if scan.rejects:
            for text, reason, place in connection.sql(REJECTED_SQL).fetchall():
                ctx.reject(text, reason, place)
        return rows


def columns(schema: Schema) -> dict[str, str]:
    """A schema as a mapping, for short assertions."""
    return {column.name: column.type for column in schema}
