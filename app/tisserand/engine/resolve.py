"""From a flow to typed nodes: configs read, ports settled, columns known at every edge before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from tisserand.engine import types
from tisserand.engine.control import Cancelled, TimedOut
from tisserand.model.flow import Flow, Node, Out
from tisserand.model.graph import order
from tisserand.model.growth import growing
from tisserand.model.problem import Place, Problem
from tisserand.model.schema import Schema
from tisserand.sdk.errors import NodeError
from tisserand.sdk.node import REJECTS, Discovery
from tisserand.sdk.problems import config_problems
from tisserand.texts import Message, msg

if TYPE_CHECKING:
    import ibis

    from tisserand.sdk.node import Node as NodeRole
    from tisserand.sdk.registry import RegisteredNode, Registry

RESULT = Schema.of({"rows": "int64", "bytes": "int64", "where": "string", "seconds": "float64"})
"""The one row of a writer's `result` port."""

Port = tuple[str, str]
"""(node id, output port name)."""


@dataclass
class ResolvedNode:
    """One node, ready to plan."""

    spec: Node
    type: RegisteredNode
    node: NodeRole[Any]
    config: Any
    inputs: dict[str, tuple[Port, ...]]
    outputs: tuple[Out, ...]
    schemas: dict[str, Schema] = field(default_factory=dict)
    """Output port → its columns; empty while unknown."""
    arriving: dict[str, tuple[Schema, ...]] = field(default_factory=dict)
    """Transforms only: the columns at every input, as the placeholders have them."""
    found: Discovery | None = None
    """Readers only."""

    @property
    def id(self) -> str:
        return self.spec.id

    @property
    def role(self) -> str:
        # Where a file stands for what the node gives, all there is to do is to read that file.
        return "reader" if self.spec.pinned is not None else self.type.role

    @cached_property
    def relations(self) -> dict[str, ibis.Table]:
        """Transforms only: output port → expression over placeholders named `node.port`. Built when first asked for."""
        return built(self) if self.role == "transform" else {}

    def rejects_port(self) -> str | None:
        return next((out.name for out in self.outputs if out.kind == "rejects"), None)


@dataclass
class Resolution:
    """All nodes in a deterministic topological order, with what is wrong."""

    flow: Flow
    nodes: dict[str, ResolvedNode]
    problems: list[Problem]

    @property
    def ok(self) -> bool:
        return not any(problem.severity == "error" for problem in self.problems)

    def consumers(self, port: Port) -> Iterator[tuple[ResolvedNode, str]]:
        for node in self.nodes.values():
            for name, sources in node.inputs.items():
                if port in sources:
                    yield node, name


Discover = Callable[[ResolvedNode], "Discovery | None"]
CalledOutput = Callable[[ResolvedNode, Mapping[str, Schema]], "Mapping[str, Schema] | None"]


@growing()
def resolve(
    flow: Flow,
    registry: Registry,
    values: Mapping[str, Any],
    discover: Discover | None,
    called: CalledOutput | None = None,
) -> Resolution:
    """Read every config, settle ports, and carry the columns through the flow.

    `discover` looks at a reader's source (None, or giving None: columns stay unknown behind readers). `called` gives the columns of a node
    that calls another flow. The flow must have passed `check_flow`; what is wrong beyond that becomes problems with their
    node and field. A node behind one whose columns are unknown is left unknown without a problem of its own.
    """
    resolution = Resolution(flow, {}, [])
    for node_id in order(flow):
        spec = flow.nodes[node_id]
        kind = registry.get(spec.kind)
        if kind is None:
            continue
        raw = kind.migrate(dict(spec.config), spec.version)
        try:
            config = kind.read_config(raw, values)
        except ValidationError as error:
            resolution.problems += [p.at(node=node_id, flow=flow.id) for p in config_problems(error, kind.node.Config)]
            continue
        instance = kind.node()
        node = ResolvedNode(spec, kind, instance, config, {}, instance.ports(config))
        node.inputs = _inputs(node, resolution)
        resolution.nodes[node_id] = node
        problems = _columns(node, resolution, discover, called)
        resolution.problems += [problem.at(node=node_id, flow=flow.id) for problem in problems]
    return resolution


def _inputs(node: ResolvedNode, resolution: Resolution) -> dict[str, tuple[Port, ...]]:
    inputs: dict[str, tuple[Port, ...]] = {}
    if node.spec.pinned is not None:
        return inputs
    for name, refs in node.spec.inputs.items():
        ports: list[Port] = []
        for ref in refs:
            source = resolution.nodes.get(ref.node)
            if source is None or not source.outputs:
                continue
            ports.append((ref.node, ref.port or source.outputs[0].name))
        inputs[name] = tuple(ports)
    return inputs


class SourceError(Exception):
    """A source could not be looked at: the flow may be right, the world is not."""

    def __init__(self, error: NodeError) -> None:
        self.error = error
        super().__init__(str(error))


class DriftError(NodeError):
    """A source has other columns than the lock file says."""


def _columns(node: ResolvedNode, resolution: Resolution, discover: Discover | None, called: CalledOutput | None) -> list[Problem]:
    """Fill in `node.schemas`; gives the problems found."""
    schemas: dict[str, tuple[Schema, ...]] = {}
    pinned = node.spec.pinned is not None
    for name, ports in node.inputs.items():
        found = [resolution.nodes[source].schemas.get(port) for source, port in ports]
        if any(schema is None for schema in found) or len(found) < len(node.spec.inputs.get(name, ())):
            return []
        schemas[name] = tuple(schema for schema in found if schema is not None)
    if not pinned and any(not port.optional and port.name not in schemas for port in node.type.inputs):
        return []
    single = {name: found[0] for name, found in schemas.items() if found}
    try:
        extra = [] if pinned else [problem_of(error) for error in node.node.check(node.config, single)]
        if any(problem.severity == "error" for problem in extra):
            return extra
        _settle(node, schemas, single, discover, called)
    except (Cancelled, TimedOut):
        raise
    except SourceError as error:
        code = "source.drift" if isinstance(error.error, DriftError) else "source.error"
        return [replace(problem_of(error.error), code=code)]
    except NodeError as error:
        return [problem_of(error)]
    except Exception as error:  # noqa: BLE001 - a node author's mistake must read as a problem of that node
        message = msg(
            "The node failed while its columns were worked out: {error}", error=f"{type(error).__name__}: {_first_line(error)}"
        )
        return [Problem("node.broken", message, msg("Check its settings against the columns that arrive."))]
    return extra


def _settle(
    node: ResolvedNode,
    schemas: Mapping[str, tuple[Schema, ...]],
    single: Mapping[str, Schema],
    discover: Discover | None,
    called: CalledOutput | None,
) -> None:
    role = node.role
    instance: Any = node.node
    if role == "transform":
        _transformed(node, schemas)
    elif role == "reader" or (role == "trigger" and instance.looks):
        if discover is not None:
            try:
                node.found = discover(node)
            except NodeError as error:
                raise SourceError(error) from error
            if node.found is not None:
                main = next(out.name for out in node.outputs if out.kind == "rows")  # a pinned node has one, or was refused
                node.schemas[main] = node.found.schema
    elif role == "step":
        node.schemas.update(instance.output(node.config, single))
    elif role == "isolated":
        from tisserand.engine.isolated_sql import query_schema

        tables = {}
        for name, ports in node.inputs.items():
            tables.update(isolated_names(name, ports, schemas[name]))
        node.schemas[node.outputs[0].name] = query_schema(instance.query(node.config), tables)
    elif role == "control":
        found = called(node, single) if called is not None else None
        node.schemas.update(found if found is not None else instance.output(node.config, single))
    elif role == "trigger":
        node.schemas[node.outputs[0].name] = instance.event(node.config)
    for out in node.outputs:
        if out.kind == "rejects":
            node.schemas[out.name] = node.schemas.get(out.name) or REJECTS
        elif out.kind == "result":
            node.schemas[out.name] = RESULT


def isolated_names(name: str, ports: tuple[Port, ...], values: tuple[Any, ...]) -> dict[str, Any]:
    """The table names under which user's SQL sees an input: its nodes' ids, and the port's own name where it has one source."""
    named: dict[str, Any] = {}
    for (source, port), value in zip(ports, values, strict=True):
        named[source if source not in named else f"{source}_{port}"] = value
    if len(ports) == 1:
        named.setdefault(name, values[0])
    return named


def _transformed(node: ResolvedNode, schemas: Mapping[str, tuple[Schema, ...]]) -> None:
    """The columns of a transform: as it foretells them, else as what it builds has them."""
    instance: Any = node.node
    node.arriving = {name: tuple(types.settled(schema) for schema in found) for name, found in schemas.items()}
    foretold = instance.columns(node.config, node.arriving)
    if foretold is not None:
        node.schemas.update({out.name: foretold[out.name] for out in node.outputs})
    else:
        node.schemas.update({name: types.from_ibis(relation.schema()) for name, relation in node.relations.items()})


def built(node: ResolvedNode) -> dict[str, ibis.Table]:
    """The expressions of a transform, compared with the columns that it foretold."""
    instance: Any = node.node
    arguments: dict[str, Any] = {}
    seen: set[Port] = set()
    for port in node.type.inputs:
        if port.name not in node.arriving:
            continue
        tables = tuple(
            types.placeholder(schema, relation_name(source))
            for source, schema in zip(node.inputs[port.name], node.arriving[port.name], strict=True)
        )
        # A table that arrives at two ports is to be told apart from itself (a join with itself).
        tables = tuple(
            table.view() if source in seen else table for source, table in zip(node.inputs[port.name], tables, strict=True)
        )
        seen.update(node.inputs[port.name])
        arguments[port.name] = tables if port.many else tables[0]
    made = instance.build(node.config, **arguments)
    relations = dict(made) if isinstance(made, Mapping) else {node.outputs[0].name: made}
    for out in node.outputs:
        if out.name in node.schemas and types.from_ibis(relations[out.name].schema()) != node.schemas[out.name]:
            raise NodeError(
                "“{node}” gives other columns than it announced at its output “{port}”.",
                fix="This is a mistake in the node's code: tell its author.",
                node=node.id,
                port=out.name,
            )
    return {out.name: relations[out.name] for out in node.outputs}


def relation_name(port: Port) -> str:
    """The name of the placeholder, and of the CTE, of one port."""
    return f"{port[0]}.{port[1]}"


def problem_of(error: Exception) -> Problem:
    """The problem that an error of a node tells."""
    if isinstance(error, NodeError):
        place = Place(field=_config_field(error.field), line=None)
        return Problem("node.error", _with_row(error), error.fix if isinstance(error.fix, Message) else None, place)
    return Problem("node.error", msg("{error}", error=f"{type(error).__name__}: {_first_line(error)}"))


def _config_field(field: str | None) -> str | None:
    return field if field is None or field.startswith(("config", "inputs", "pinned")) else f"config.{field}"


def _with_row(error: NodeError) -> Message:
    if error.row is not None:
        return msg("Row {row}: {error}", row=error.row, error=error.message)
    return error.message


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
