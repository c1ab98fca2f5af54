"""Sub-flows out of a selection, and a sub-flow taken apart again."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tisserand.model.command import Command, EditError, Several, node_of, unique_id
from tisserand.model.edit_marks import RemoveFrame, RemoveNote
from tisserand.model.edit_nodes import AddNode, Connect, RemoveNodes, SetNode, renamed
from tisserand.model.flow import Flow, Node, Parameter, Ref
from tisserand.model.yamlwrite import node_data
from tisserand.texts import msg

CALL, ENTRY, EXIT = "flow.call", "flow.input", "flow.output"
DOOR = "table"
STEP = 264.0

Port = Callable[[Ref], str]
"""The output port that a reference means: its own, or the node's first."""
Many = Callable[[str, str], bool]
"""(node, input port) → whether the port takes several wires."""
Names = re.compile(r"\$([A-Za-z_]\w*)|\{\{\s*([A-Za-z_]\w*)")


@dataclass(frozen=True)
class Grouped:
    """The new flow, and the edit that puts one node in the place of what went into it."""

    child: Flow
    edit: Several
    node: str


def group(
    flow: Flow, ids: tuple[str, ...], id: str, title: str, columns: Mapping[str, str] | None, port: Port, many: Many
) -> Grouped:
    """Make a flow `id` of some nodes. `columns` are those that arrive from outside, name → type; None where unknown.

    A sub-flow takes rows from one place and gives rows to one place: what does not fit that raises `EditError`.
    """
    chosen = set(ids)
    for each in ids:
        if node_of(flow, each).kind.startswith("trigger."):
            raise EditError(msg("“{node}” starts the flow; it cannot stand in a sub-flow.", node=each))
    entering, leaving, consumers = _border(flow, chosen, port)
    if len(entering) > 1:
        raise EditError(msg("Rows enter the selection from {count} places; a sub-flow has one entrance.", count=len(entering)))
    if len(leaving) > 1:
        raise EditError(msg("Rows leave the selection at {count} places; a sub-flow has one exit.", count=len(leaving)))
    if entering and columns is None:
        raise EditError(msg("The columns that enter the selection are not known yet. Fix what feeds it first."))
    call = unique_id(flow, id.replace("-", "_"))
    child = _child(flow, chosen, id, title, entering, leaving, columns or {}, port)
    places = [flow.layout[each] for each in ids if each in flow.layout]
    at = (min(x for x, _ in places), sum(y for _, y in places) / len(places)) if places else None
    parameters = {name: f"${name}" for name in child.parameters}
    after = {other: when for each in ids for other, when in flow.nodes[each].after.items() if other not in chosen}
    node = Node(
        call,
        CALL,
        title=title or None,
        inputs={DOOR: tuple(entering.values())} if entering else {},
        config={"flow": id, **({"parameters": parameters} if parameters else {})},
        after=after,
    )
    commands: list[Command] = [RemoveFrame(each) for each in flow.frames if each in child.frames]
    commands += [RemoveNote(each) for each in flow.notes if each in child.notes]
    commands += [RemoveNodes(ids), AddNode(node, at)]
    commands += [Connect(Ref(call), target, name, many(target, name)) for target, name in consumers]
    for other, behind in flow.nodes.items():
        waits = {before: when for before, when in behind.after.items() if before in chosen}
        if other not in chosen and waits:
            kept = {before: when for before, when in behind.after.items() if before not in chosen}
            commands.append(SetNode(node=other, changes={"after": {**kept, call: next(iter(waits.values()))}}))
    return Grouped(child, Several(tuple(commands), msg("Making a sub-flow of {count} nodes", count=len(ids))), call)


def _border(
    flow: Flow, chosen: set[str], port: Port
) -> tuple[dict[tuple[str, str], Ref], dict[tuple[str, str], Ref], list[tuple[str, str]]]:
    entering: dict[tuple[str, str], Ref] = {}
    leaving: dict[tuple[str, str], Ref] = {}
    consumers: list[tuple[str, str]] = []
    for id, node in flow.nodes.items():
        for name, ref in node.refs():
            if (ref.node in chosen) == (id in chosen):
                continue
            (entering if id in chosen else leaving).setdefault((ref.node, port(ref)), ref)
            if id not in chosen:
                consumers.append((id, name))
    return entering, leaving, list(dict.fromkeys(consumers))


def _child(
    flow: Flow,
    chosen: set[str],
    id: str,
    title: str,
    entering: Mapping[tuple[str, str], Ref],
    leaving: Mapping[tuple[str, str], Ref],
    columns: Mapping[str, str],
    port: Port,
) -> Flow:
    nodes = {each: node for each, node in flow.nodes.items() if each in chosen}
    layout = {each: place for each, place in flow.layout.items() if each in chosen}
    left = min((x for x, _ in layout.values()), default=0.0)
    right = max((x for x, _ in layout.values()), default=0.0)
    top = min((y for _, y in layout.values()), default=0.0)
    inside = Flow(id, nodes=nodes)
    if entering:
        door = unique_id(inside, "rows_in")

        def within(ref: Ref) -> Ref:
            return Ref(door) if ref.node not in chosen else ref

        nodes = {
            each: replace(node, inputs={name: tuple(dict.fromkeys(map(within, refs))) for name, refs in node.inputs.items()})
            for each, node in nodes.items()
        }
        nodes = {door: Node(door, ENTRY, config={"name": DOOR, "columns": dict(columns)}), **nodes}
        layout[door] = (left - STEP, top)
    nodes = {each: replace(node, after={o: w for o, w in node.after.items() if o in chosen}) for each, node in nodes.items()}
    for ref in leaving.values():
        exit = unique_id(replace(inside, nodes=nodes), "rows_out")
        nodes[exit] = Node(exit, EXIT, inputs={"table": (ref,)}, config={"name": DOOR})
        layout[exit] = (right + STEP, top)
    used = {name for node in nodes.values() for name in named(node_data(node))}
    frames = {each: frame for each, frame in flow.frames.items() if frame.holds and chosen.issuperset(frame.holds)}
    notes = {each: note for each, note in flow.notes.items() if note.near in chosen}
    layout |= {each: flow.layout[each] for each in (*frames, *notes) if each in flow.layout}
    return Flow(
        id,
        title=title,
        parameters={name: parameter for name, parameter in flow.parameters.items() if name in used},
        nodes=nodes,
        frames=frames,
        notes=notes,
        keys={name: place for name, place in flow.keys.items() if place.partition(".")[0] in chosen},
        layout=layout,
    )


def named(value: Any) -> set[str]:
    """The parameters that texts inside a value may mean."""
    if isinstance(value, str):
        return {first or second for first, second in Names.findall(value)}
    if isinstance(value, Mapping):
        return {name for item in value.values() for name in named(item)}
    if isinstance(value, list | tuple):
        return {name for item in value for name in named(item)}
    return set()


def ungroup(flow: Flow, call: str, child: Flow, port: Port, many: Many) -> tuple[Several, tuple[str, ...]]:
    """Put the nodes of a sub-flow in the place of the node that calls it; gives the edit and the ids of the new nodes."""
    node = node_of(flow, call)
    _demand_same_parameters(flow, node, child)
    doors = {id for id, each in child.nodes.items() if each.kind in (ENTRY, EXIT)}
    entry = next((id for id in doors if _door(child.nodes[id], ENTRY, str(node.config.get("input", DOOR)))), None)
    exit = next((id for id in doors if _door(child.nodes[id], EXIT, str(node.config.get("output", DOOR)))), None)
    fed = next(iter(node.inputs.get("table", ())), None)
    consumers = [(id, name) for id, each in flow.nodes.items() for name, ref in each.refs() if ref.node == call]
    inner = [id for id in child.nodes if id not in doors]
    if not inner:
        raise EditError(msg("The sub-flow “{flow}” holds no node of its own.", flow=child.id))
    without = replace(flow, nodes={id: each for id, each in flow.nodes.items() if id != call})
    names: dict[str, str] = {}
    for id in inner:
        names[id] = unique_id(replace(without, nodes={**without.nodes, **dict.fromkeys(names.values(), node)}), id)
    named = renamed(replace(child, nodes={id: child.nodes[id] for id in inner}), names)
    commands: list[Command] = [RemoveNodes((call,))]
    x0, y0 = flow.layout.get(call, (0.0, 0.0))
    left = min((child.layout[id][0] for id in inner if id in child.layout), default=0.0)
    top = min((child.layout[id][1] for id in inner if id in child.layout), default=0.0)
    added: list[Command] = []
    for old in inner:
        each = named.nodes[names[old]]
        refs: dict[str, tuple[Ref, ...]] = {}
        for name, given in each.inputs.items():
            kept = tuple(
                new
                for ref in given
                if (new := (fed if ref.node == entry else ref)) is not None and ref.node not in doors - {entry}
            )
            if kept:
                refs[name] = kept
        place = child.layout.get(old)
        at = (x0 + place[0] - left, y0 + place[1] - top) if place is not None else None
        bare = replace(each, inputs={}, after={})
        added.append(AddNode(bare, at))
        commands_later = [Connect(ref, each.id, name, name in each.many) for name, given in refs.items() for ref in given]
        added += commands_later
    # Nodes first, then what is among them.
    commands += [command for command in added if isinstance(command, AddNode)]
    commands += [command for command in added if isinstance(command, Connect)]
    after = {id: dict(named.nodes[names[id]].after) for id in inner}
    commands += [
        SetNode(node=names[id], changes={"after": {**waits, **node.after}}) for id, waits in after.items() if waits or node.after
    ]
    if exit is not None:
        source = next(iter(child.nodes[exit].inputs.get("table", ())), None)
        if source is not None:
            given_ref = fed if source.node == entry else Ref(names[source.node], source.port)
            if given_ref is not None:
                commands += [Connect(given_ref, target, name, many(target, name)) for target, name in consumers]
    return Several(tuple(commands), msg("Taking “{node}” apart", node=call)), tuple(names.values())


def _door(node: Node, kind: str, name: str) -> bool:
    return node.kind == kind and str(node.config.get("name", DOOR)) == name


def _demand_same_parameters(flow: Flow, node: Node, child: Flow) -> None:
    """Inside, `$month` must mean the same as here."""
    given = node.config.get("parameters") or {}
    for name in child.parameters:
        own: Parameter | None = flow.parameters.get(name)
        if str(given.get(name, "")).strip() != f"${name}" or own is None:
            raise EditError(
                msg(
                    "“{flow}” gets its parameter “{parameter}” as something else than this flow's own “{parameter}”: "
                    "it cannot be taken apart.",
                    flow=child.id,
                    parameter=name,
                )
            )
