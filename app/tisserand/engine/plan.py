"""The plan of a run: which ports are written down, which neighbours fuse into one query, and in what order it all happens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tisserand.engine.resolve import Port, Resolution, ResolvedNode
from tisserand.model.graph import undoing
from tisserand.sdk.node import FileSink, Scan

Keep = Literal["none", "cuts", "all"]
UnitKind = Literal["read", "spool", "sink", "step", "query", "control", "trigger"]

MAX_CHAIN = 50
"""A query of more fused nodes than this is cut: a backend's binder recurses over them."""

_UNIT_OF_ROLE: dict[str, UnitKind] = {
    "reader": "read",
    "writer": "sink",
    "step": "step",
    "isolated": "query",
    "control": "control",
    "trigger": "trigger",
}


@dataclass(frozen=True)
class Unit:
    """One thing that is done whole or not at all: a query into a spool, a writer, a step, a reader, a decision."""

    id: str
    kind: UnitKind
    node: str
    port: str | None = None
    bases: tuple[Port, ...] = ()
    """The written-down ports that it reads."""
    covers: tuple[str, ...] = ()
    """Lazy nodes computed inside its query, in order."""
    needs: tuple[str, ...] = ()
    """Units that must have ended before."""


@dataclass(frozen=True)
class Plan:
    units: tuple[Unit, ...]
    spooled: frozenset[Port]
    reuse: Mapping[Port, str]
    """Fan-outs read from the Parquet file that a sink writes anyway: port → the sink's unit id."""
    why: Mapping[Port, str] = field(default_factory=dict)
    """Why a port is written down (`fan-out`, `kept`, `memory`, `leaf`, `order`, `own rules`, `long chain`, `control`, `undo`)."""

    def unit(self, unit_id: str) -> Unit:
        return next(unit for unit in self.units if unit.id == unit_id)


def blocking(node: ResolvedNode) -> bool:
    """Whether a transform must see its whole input before its first row: sort, join, aggregate, window, distinct."""
    import ibis.expr.operations as ops

    kinds = (
        ops.Sort,
        ops.JoinChain,
        ops.Aggregate,
        ops.Distinct,
        ops.WindowFunction,
        ops.Union,
        ops.Intersection,
        ops.Difference,
    )
    return any(relation.op().find(kinds) for relation in node.relations.values())


class _Planner:
    def __init__(
        self,
        resolution: Resolution,
        scans: Mapping[str, Scan | None],
        sinks: Mapping[str, FileSink | None],
        keep: Keep,
        staged: bool,
    ):
        self.nodes = {name: node for name, node in resolution.nodes.items() if not node.spec.disabled}
        self.scans = scans
        self.sinks = sinks
        self.keep = keep
        self.staged = staged
        self.back = undoing(resolution.flow)
        self.why: dict[Port, str] = {}
        self.reuse: dict[Port, str] = {}
        self.used: dict[Port, list[tuple[ResolvedNode, str]]] = {}
        for node in self.nodes.values():
            for name, ports in node.inputs.items():
                for port in ports:
                    self.used.setdefault(port, []).append((node, name))

    # -- what is lazy, what is written down

    def lazy(self, node: ResolvedNode) -> bool:
        """Whether the node is computed inside the queries of those who use it."""
        return node.role == "transform" or (node.role == "reader" and self.native(node) and node.spec.pinned is None)

    def native(self, node: ResolvedNode) -> bool:
        scan = self.scans.get(node.id)
        return scan is not None and not scan.rejects

    def used_outputs(self, node: ResolvedNode) -> list[str]:
        used = [out.name for out in node.outputs if (node.id, out.name) in self.used]
        return used or ([node.outputs[0].name] if node.outputs else [])

    def uses(self, port: Port) -> int:
        """How many queries will ask for the rows of a port."""
        count = 0
        for node, _ in self.used.get(port, ()):
            count += len(self.used_outputs(node)) if node.role == "transform" else 1
        return count

    def decide(self) -> None:
        """Choose the ports to write down, in topological order."""
        depth: dict[str, int] = {}
        ordered = {source for node in self.nodes.values() for source in node.spec.after}
        for node in self.nodes.values():
            if not self.lazy(node):
                depth[node.id] = 0
                continue
            depth[node.id] = 1 + max((depth.get(s, 0) if (s, p) not in self.why else 0 for s, p in _sources(node)), default=0)
            for name in self.used_outputs(node):
                reason = self.reason(node, (node.id, name), depth[node.id], ordered)
                if reason:
                    self.why[node.id, name] = reason
                    if reason in ("fan-out", "kept"):
                        self.reuse_sink((node.id, name))

    def reason(self, node: ResolvedNode, port: Port, depth: int, ordered: set[str]) -> str | None:
        users = self.used.get(port, ())
        if not users:
            return "leaf"
        if self.keep == "all":
            return "kept"
        if any(user.role in ("control", "isolated") for user, _ in users):
            return "control"
        if node.id not in self.back and any(user.id in self.back for user, _ in users):
            return "undo"  # the rows as they were, whatever becomes of their source until then
        if self.uses(port) > 1 and not self.cheap(node):
            return "fan-out"
        if node.id in ordered:
            return "order"
        if node.spec.retry or node.spec.timeout or node.spec.on_error not in (None, "stop"):
            return "own rules"
        if depth >= MAX_CHAIN:
            return "long chain"
        if (
            self.staged
            and node.role == "transform"
            and (blocking(node) or any(u.role == "transform" and blocking(u) for u, _ in users))
        ):
            return "memory"
        return None

    def cheap(self, node: ResolvedNode) -> bool:
        """Reading a Parquet file a second time costs less than writing it down."""
        scan = self.scans.get(node.id)
        return node.role == "reader" and scan is not None and scan.format == "parquet"

    def reuse_sink(self, port: Port) -> None:
        """A sink that writes just these rows to Parquet makes the spool needless: its file is the spool, too."""
        for user, _ in self.used[port]:
            sink = self.sinks.get(user.id)
            plain = not user.spec.after and user.spec.on_error in (None, "stop") and len(_sources(user)) == 1
            if user.role == "writer" and sink is not None and sink.format == "parquet" and plain:
                self.reuse[port] = f"sink:{user.id}"
                return

    # -- units

    def base(self, port: Port) -> bool:
        node = self.nodes.get(port[0])
        return port in self.why or (node is not None and not self.lazy(node))

    def chain(self, ports: list[Port], skip: Port | None = None) -> tuple[tuple[Port, ...], tuple[str, ...]]:
        """The written-down ports and the lazy nodes behind some ports; `skip` is computed even if it is to be written down."""
        bases: dict[Port, None] = {}
        covers: dict[str, None] = {}
        stack = [(port, False) for port in reversed(ports)]
        while stack:
            port, left = stack.pop()
            if left:
                covers[port[0]] = None
            elif port != skip and self.base(port):
                bases[port] = None
            elif port[0] in self.nodes and port[0] not in covers:
                stack.append((port, True))
                stack += [(source, False) for source in reversed(_sources(self.nodes[port[0]]))]
        return tuple(bases), tuple(covers)

    def units(self) -> Iterator[Unit]:
        makers: dict[Port, str] = {}
        last: dict[str, list[str]] = {}
        for node in self.nodes.values():
            for unit in self.units_of(node, makers):
                needs = dict.fromkeys(makers[base] for base in unit.bases if base in makers)
                for covered in (*unit.covers, unit.node):
                    for source in self.nodes[covered].spec.after:
                        needs.update(dict.fromkeys(last.get(source, ())))
                needs.pop(unit.id, None)
                done = Unit(unit.id, unit.kind, unit.node, unit.port, unit.bases, unit.covers, tuple(needs))
                last.setdefault(node.id, []).append(done.id)
                yield done

    def units_of(self, node: ResolvedNode, makers: dict[Port, str]) -> Iterator[Unit]:
        if self.lazy(node):
            for name in self.used_outputs(node):
                port = (node.id, name)
                if port in self.reuse:
                    makers[port] = self.reuse[port]
                elif port in self.why:
                    bases, covers = self.chain([port], skip=port)
                    makers[port] = f"spool:{node.id}.{name}"
                    yield Unit(makers[port], "spool", node.id, name, bases, covers)
            return
        kind = _UNIT_OF_ROLE[node.role]
        unit_id = f"{kind}:{node.id}"
        for out in node.outputs:
            makers[node.id, out.name] = unit_id
        reused = next((port for port, sink in self.reuse.items() if sink == unit_id), None)
        bases, covers = self.chain(_sources(node), skip=reused)
        yield Unit(unit_id, kind, node.id, None, bases, covers)


def _sources(node: ResolvedNode) -> list[Port]:
    return [port for ports in node.inputs.values() for port in ports]


def make_plan(
    resolution: Resolution,
    scans: Mapping[str, Scan | None],
    sinks: Mapping[str, FileSink | None],
    keep: Keep = "cuts",
    staged: bool = False,
    until: str | None = None,
) -> Plan:
    """Plan a resolved flow without problems. `scans` and `sinks` say which readers and writers the backend serves natively;
    `staged` writes down what comes into and out of blocking nodes (small memory); `until` keeps only what that node needs."""
    planner = _Planner(resolution, scans, sinks, keep, staged)
    if until is not None:
        wanted = _behind(planner, until)
        planner.nodes = {name: node for name, node in planner.nodes.items() if name in wanted}
        planner.used = {
            port: kept
            for port, users in planner.used.items()
            if (kept := [(node, name) for node, name in users if node.id in wanted])
        }
    planner.decide()
    units = _in_order(list(planner.units()))
    return Plan(units, frozenset(planner.why) - frozenset(planner.reuse), planner.reuse, planner.why)


def _behind(planner: _Planner, until: str) -> set[str]:
    wanted: set[str] = set()
    stack = until.split(",")
    while stack:
        name = stack.pop()
        if name in wanted or name not in planner.nodes:
            continue
        wanted.add(name)
        node = planner.nodes[name]
        stack += [source for source, _ in _sources(node)] + list(node.spec.after)
    return wanted


def _in_order(units: list[Unit]) -> tuple[Unit, ...]:
    """Units so that each comes after what it needs, otherwise as they were: a reused sink moves before its readers."""
    by_id = {unit.id: unit for unit in units}
    placed: dict[str, Unit] = {}

    def place(start: Unit) -> None:
        stack: list[tuple[Unit, bool]] = [(start, False)]
        while stack:
            unit, ready = stack.pop()
            if unit.id in placed:
                continue
            if ready:
                placed[unit.id] = unit
                continue
            stack.append((unit, True))
            stack += [(by_id[need], False) for need in reversed(unit.needs) if need in by_id and need not in placed]

    for unit in units:
        place(unit)
    return tuple(placed.values())


def plan_json(plan: Plan) -> dict[str, Any]:
    """The plan as plain values, for `explain` and for the run's folder."""
    return {
        "units": [
            {
                "id": unit.id,
                "kind": unit.kind,
                "node": unit.node,
                "port": unit.port,
                "reads": [f"{node}.{port}" for node, port in unit.bases],
                "fuses": list(unit.covers),
                "needs": list(unit.needs),
            }
            for unit in plan.units
        ],
        "spooled": {f"{node}.{port}": plan.why[node, port] for node, port in sorted(plan.spooled)},
        "reused": {f"{node}.{port}": unit for (node, port), unit in sorted(plan.reuse.items())},
    }
