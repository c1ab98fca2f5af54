"""Which node, column and row made a fused query fail: the nodes are asked one after the other, then the rows that arrive, by halves."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tisserand.engine.backends.base import Query
from tisserand.engine.plan import Unit, blocking
from tisserand.engine.resolve import Port, ResolvedNode
from tisserand.sdk.fields import Formula

if TYPE_CHECKING:
    import pyarrow as pa

    from tisserand.engine.run import FlowRun

PATIENCE = 15.0
"""Seconds that the search may take; a query that ran for hours is not run again to find the node."""


@dataclass(frozen=True)
class Blame:
    """The first node of a failed query that fails by itself; what it says of one row, where a row can be told."""

    node: str
    error: Exception
    field: str | None = None
    row: int | None = None
    """From 1, in the order in which the rows arrive at the node."""
    values: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """What the failing column is computed from, in that row."""


def guilty(run: FlowRun, unit: Unit) -> Blame | None:
    """Whom a failed query is blamed on, or None where that cannot be told in time."""
    import duckdb

    thread = threading.get_ident()
    late = threading.Event()

    def stop() -> None:
        late.set()
        run.backend.interrupt(thread)

    def over() -> bool:
        return late.is_set() or run.stop.pulled()

    timer = threading.Timer(PATIENCE, stop)
    timer.daemon = True
    timer.start()
    blame: Blame | None = None
    try:
        for port in _asked(run, unit):
            try:
                # Every row and column is taken: a count would let the backend leave out what fails.
                for _batch in run.backend.batches(Query(run.resolution, port, run.bases)):
                    if over():
                        return None
            except duckdb.Error as error:
                if over():
                    return None
                blame = Blame(port[0], error)
                return _narrowed(run, port, blame)
    except duckdb.Error:
        # Interrupted for want of time while the row was looked for: the node is known.
        return blame
    finally:
        timer.cancel()
    return None


def _asked(run: FlowRun, unit: Unit) -> Iterator[Port]:
    """The ports of the fused nodes that the query reads, in order."""
    nodes = run.resolution.nodes
    inside = (*unit.covers, unit.node)
    read = {port for name in inside for ports in nodes[name].inputs.values() for port in ports}
    for name in inside:
        if nodes[name].role == "transform":
            yield from ((name, out.name) for out in nodes[name].outputs if (name, out.name) in read or name == unit.node)


def _narrowed(run: FlowRun, port: Port, blame: Blame) -> Blame:
    """The same with the first row that fails, for a node that makes each row from one row."""
    import pyarrow as pa

    node = run.resolution.nodes[port[0]]
    sources = [source for ports in node.inputs.values() for source in ports]
    if len(sources) != 1 or blocking(node):
        return blame
    before = 0
    for batch in run.backend.batches(Query(run.resolution, sources[0], run.bases)):
        error = _failing(run, port, sources[0], batch)
        if error is not None:
            break
        before += batch.num_rows
    else:
        return blame
    low, high = 0, batch.num_rows
    while high - low > 1:
        middle = (low + high) // 2
        found = _failing(run, port, sources[0], batch.slice(low, middle - low))
        low, high, error = (low, middle, found) if found is not None else (middle, high, error)
    single = batch.slice(low, 1)
    error = _failing(run, port, sources[0], single) or error
    columns = node.schemas[port[1]].names
    failing = [name for name in columns if _failing(run, port, sources[0], single, name) is not None]
    [row] = pa.Table.from_batches([single]).to_pylist()
    used = _used(node, port[1], failing)
    values = {name: value for name, value in row.items() if not used or name in used}
    assert error is not None
    return Blame(blame.node, error, _setting(node, failing[0] if failing else None), before + low + 1, values)


def _failing(run: FlowRun, port: Port, source: Port, rows: pa.RecordBatch, column: str | None = None) -> Exception | None:
    """How a node fails over some of the rows that arrive, or None."""
    import duckdb
    import pyarrow as pa
    from pyarrow import parquet

    path = run.folder / "tmp" / f"blame.{threading.get_ident()}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        parquet.write_table(pa.Table.from_batches([rows]), path, compression="lz4")
        for _batch in run.backend.batches(Query(run.resolution, port, {source: path}), column):
            pass
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        failed: Exception = error
        return failed
    finally:
        path.unlink(missing_ok=True)
    return None


def _used(node: ResolvedNode, port: str, failing: list[str]) -> frozenset[str]:
    """The arriving columns that the first failing column is computed from; where every column fails, what the rows are chosen by."""
    import ibis.expr.operations as ops

    relation = node.relations[port].op()
    if len(failing) == len(relation.schema) and isinstance(relation, ops.Filter):
        return frozenset().union(*(_behind(predicate) for predicate in relation.predicates))
    return _behind(relation.values[failing[0]]) if failing and failing[0] in relation.values else frozenset()


def _behind(value: Any) -> frozenset[str]:
    """The columns of the placeholder that a value of an Ibis expression is computed from."""
    import ibis.expr.operations as ops

    if isinstance(value, ops.Field):
        if isinstance(value.rel, ops.UnboundTable):
            return frozenset((value.name,))
        return _behind(value.rel.values[value.name])
    return frozenset().union(*(_behind(part) for part in value.__children__))


def _setting(node: ResolvedNode, column: str | None) -> str | None:
    """The setting that holds the failing formula, where it is plain: the one formula, or the one that is named like the column."""
    formulas: list[tuple[str, str | None]] = []
    for name in type(node.config).model_fields:
        value = getattr(node.config, name)
        if isinstance(value, Formula):
            formulas.append((f"config.{name}", None))
        elif isinstance(value, Mapping):
            formulas += [(f"config.{name}.{key}", key) for key, one in value.items() if isinstance(one, Formula)]
    named = [path for path, key in formulas if key is not None and key == column]
    if len(named) == 1:
        return named[0]
    return formulas[0][0] if len(formulas) == 1 else None
