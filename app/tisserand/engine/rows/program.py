"""A chain of row-wise transforms of a flow as one program: neighbours fuse, what several nodes need is computed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from tisserand.engine.resolve import Port, Resolution, ResolvedNode, relation_name
from tisserand.engine.rows.blaming import Steps
from tisserand.engine.rows.compile import Row
from tisserand.engine.rows.running import Machine
from tisserand.engine.rows.stages import Lowering, Table, base
from tisserand.engine.rows.unrowable import Unrowable
from tisserand.model.growth import growing
from tisserand.model.schema import Schema
from tisserand.sdk.errors import NodeError
from tisserand.texts import Message, msg

__all__ = ["RowFailed", "RowProgram", "compile_program", "why_not"]


class RowFailed(NodeError):  # noqa: N818 - read beside `Unrowable`
    """A value of an event cannot be computed; `node` is where, `column` which (None: a condition). `row` counts the rows of the call."""

    def __init__(self, error: NodeError, node: str, column: str | None) -> None:
        super().__init__(error.message, fix=error.fix, field=error.field, row=error.row)
        self.node, self.column = node, column


@dataclass(frozen=True, eq=False)
class RowProgram:
    """`program(rows)` gives the rows of each target. Rows are tuples in the order of `columns`, and of the schema of each target.
    Safe to be called from several threads."""

    source: Port
    targets: tuple[Port, ...]
    columns: tuple[str, ...]
    """Of the rows that go in."""
    schemas: dict[Port, Schema]
    """Of the rows that come out."""
    nodes: tuple[str, ...]
    """The nodes that are fused, in order."""
    machine: Machine
    steps: Callable[[], Steps]
    """To find out where an event failed."""

    def __call__(self, rows: Sequence[Row]) -> dict[Port, list[Row]]:
        """The order of the rows stays. Raises `RowFailed`: then nothing of the call counts."""
        try:
            return dict(zip(self.targets, self.machine.run(rows), strict=True))
        except NodeError as error:
            raise self._blamed(error, rows) from None

    def rows_of(self, mappings: Sequence[dict[str, Any]]) -> list[Row]:
        """Rows from values by name; what is not there is NULL."""
        return [tuple(mapping.get(name) for name in self.columns) for mapping in mappings]

    def _blamed(self, error: NodeError, rows: Sequence[Row]) -> NodeError:
        """The error with the first node that fails by itself."""
        found = self.steps().failing(rows[(error.row or 1) - 1])
        if found is None:
            return error
        node, column, reason = found
        reason.row = error.row if len(rows) > 1 else None
        return RowFailed(reason, node, column)


@growing()
def compile_program(resolution: Resolution, source: Port, targets: Sequence[Port]) -> RowProgram:
    """The program from the rows of `source` to those of `targets` (each a port of a transform, or the source itself). Raises `Unrowable`
    with the node where one of the nodes between is a batch node."""
    schema = resolution.nodes[source[0]].schemas[source[1]]
    chain = _Chain(resolution, source)
    tables = [chain.table(port) for port in targets]
    machine = Machine(chain.start.stage, tables)
    order = tuple(chain.order)

    @cache
    def steps() -> Steps:
        again = _Chain(resolution, source)
        return Steps(again.start.stage, [(port[0], again.table(port)) for port in order])

    return RowProgram(
        source, tuple(targets), schema.names, {port: resolution.nodes[port[0]].schemas[port[1]] for port in targets},
        tuple(dict.fromkeys(port[0] for port in order)), machine, steps,
    )  # fmt: skip


class _Chain:
    """The tables of the ports behind a source."""

    def __init__(self, resolution: Resolution, source: Port) -> None:
        self.resolution, self.source = resolution, source
        self.start = _start(resolution, source)
        self.tables: dict[Port, Table] = {source: self.start}
        self.order: list[Port] = []

    def table(self, port: Port) -> Table:
        waiting = [port]
        while waiting:
            one = waiting[-1]
            node = self.resolution.nodes[one[0]]
            if one in self.tables:
                waiting.pop()
                continue
            if node.role != "transform":
                raise _told(why_not(self.resolution, node.id), node)
            before = [source for ports in node.inputs.values() for source in ports if source not in self.tables]
            if before:
                waiting += before
                continue
            waiting.pop()
            known = {relation_name(source): self.tables[source] for ports in node.inputs.values() for source in ports}
            try:
                self.tables[one] = Lowering(known).table(node.relations[one[1]].op())
            except Unrowable as error:
                raise Unrowable(error.operation, error.message, node.id) from None
            self.order.append(one)
        return self.tables[port]


def _start(resolution: Resolution, source: Port) -> Table:
    from tisserand.engine import types

    schema = types.settled(resolution.nodes[source[0]].schemas[source[1]])
    return base(types.placeholder(schema, relation_name(source)).op())


def _told(reason: Message | None, node: ResolvedNode) -> Unrowable:
    return Unrowable(node.role, reason or _NOT_BY_ROW, node.id)


_NOT_BY_ROW = msg("It does something outside, or decides what runs next: that is no computation of a row.")


def why_not(resolution: Resolution, node_id: str) -> Message | None:
    """Why a node is a batch node; None for one that works row by row, and for one whose columns are not known."""
    node = resolution.nodes[node_id]
    if node.role == "isolated":
        return msg("SQL that is written out works on whole tables.")
    if node.role == "step":
        return msg("Its code takes tables, not single rows.")
    if node.role == "reader":
        return msg("It reads a whole source.")
    if node.role != "transform" or any(out.name not in node.schemas for out in node.outputs):
        return None
    try:
        sources = list(dict.fromkeys(source for ports in node.inputs.values() for source in ports))
        if len(sources) != 1:
            return msg("It takes several tables.")
        start = _start(resolution, sources[0])
        for out in node.outputs:
            Machine(start.stage, [Lowering({relation_name(sources[0]): start}).table(node.relations[out.name].op())])
    except Unrowable as error:
        return error.message
    return None
