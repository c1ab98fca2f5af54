"""Edit commands on nodes and wires."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, get_args

from tisserand.model import units
from tisserand.model.command import (
    Changes,
    Command,
    EditError,
    coordinates,
    demand_new,
    is_taken,
    node_of,
    plain,
    refuse_secrets,
    refuse_unwritable,
    with_node,
)
from tisserand.model.flow import After, Flow, Node, OnError, Ref, Retry
from tisserand.model.graph import downstream
from tisserand.texts import Message, msg

SETTABLE = ("title", "retry", "on_error", "timeout", "disabled", "pinned", "breakpoint", "after", "kind", "version")


@dataclass(frozen=True)
class AddNode(Command):
    node: Node
    at: tuple[float, float] | None = None

    @property
    def name(self) -> Message:
        return msg("Adding of “{node}”", node=self.node.id)

    def apply(self, flow: Flow) -> Flow:
        demand_new(flow, self.node.id)
        refuse_unwritable(self.node.config)
        node = replace(self.node, config=plain(self.node.config))
        refuse_secrets(node)
        for other in [*(ref.node for _, ref in node.refs()), *node.after]:
            node_of(flow, other)
        layout = flow.layout if self.at is None else {**flow.layout, node.id: coordinates(*self.at)}
        return replace(flow, nodes={**flow.nodes, node.id: node}, layout=layout)


@dataclass(frozen=True)
class RemoveNodes(Command):
    """Removes nodes and everything that names them: wires, `after`, keys, frames' content, notes' targets, places."""

    ids: tuple[str, ...]

    @property
    def name(self) -> Message:
        if len(self.ids) == 1:
            return msg("Removal of “{node}”", node=self.ids[0])
        return msg("Removal of {count} nodes", count=len(self.ids))

    def apply(self, flow: Flow) -> Flow:
        gone = set(self.ids)
        for id in self.ids:
            node_of(flow, id)
        return replace(
            flow,
            nodes={id: _without(node, gone) for id, node in flow.nodes.items() if id not in gone},
            keys={name: place for name, place in flow.keys.items() if place.partition(".")[0] not in gone},
            frames={
                id: replace(frame, holds=tuple(held for held in frame.holds if held not in gone))
                for id, frame in flow.frames.items()
            },
            notes={id: replace(note, near=None) if note.near in gone else note for id, note in flow.notes.items()},
            layout={id: place for id, place in flow.layout.items() if id not in gone},
        )


def _without(node: Node, gone: set[str]) -> Node:
    """The node without its references to nodes that are gone."""
    if not any(ref.node in gone for _, ref in node.refs()) and not gone & node.after.keys():
        return node
    kept = {port: tuple(ref for ref in refs if ref.node not in gone) for port, refs in node.inputs.items()}
    inputs = {port: refs for port, refs in kept.items() if refs or not node.inputs[port]}
    after = {other: state for other, state in node.after.items() if other not in gone}
    return replace(node, inputs=inputs, many=node.many & inputs.keys(), after=after)


@dataclass(frozen=True)
class RenameNode(Command):
    """Gives a node another id; every reference follows."""

    old: str
    new: str

    @property
    def name(self) -> Message:
        return msg("Renaming of “{old}” to “{new}”", old=self.old, new=self.new)

    def apply(self, flow: Flow) -> Flow:
        node_of(flow, self.old)
        if self.new == self.old:
            return flow
        demand_new(flow, self.new)
        return renamed(flow, {self.old: self.new})


def renamed(flow: Flow, names: Mapping[str, str]) -> Flow:
    """The flow with node ids replaced wherever they stand, everything at its place."""

    def now(id: str) -> str:
        return names.get(id, id)

    def key(place: str) -> str:
        node, dot, column = place.partition(".")
        return f"{now(node)}{dot}{column}"

    return replace(
        flow,
        nodes={now(id): _renamed_node(node, names) for id, node in flow.nodes.items()},
        keys={name: key(place) for name, place in flow.keys.items()},
        frames={id: replace(frame, holds=tuple(now(held) for held in frame.holds)) for id, frame in flow.frames.items()},
        notes={id: replace(note, near=now(note.near)) if note.near else note for id, note in flow.notes.items()},
        layout={now(id): place for id, place in flow.layout.items()},
    )


def _renamed_node(node: Node, names: Mapping[str, str]) -> Node:
    touched = node.id in names or names.keys() & node.after.keys() or any(ref.node in names for _, ref in node.refs())
    if not touched:
        return node
    return replace(
        node,
        id=names.get(node.id, node.id),
        inputs={port: tuple(Ref(names.get(ref.node, ref.node), ref.port) for ref in refs) for port, refs in node.inputs.items()},
        after={names.get(other, other): state for other, state in node.after.items()},
    )


@dataclass(frozen=True)
class Connect(Command):
    """Wires an output to an input. An input that takes one gives up its wire; one that takes `many` gets another."""

    source: Ref
    node: str
    port: str
    many: bool = False

    @property
    def name(self) -> Message:
        return msg("Wire from “{source}” to “{node}”", source=str(self.source), node=self.node)

    def apply(self, flow: Flow) -> Flow:
        node = node_of(flow, self.node)
        node_of(flow, self.source.node)
        refuse_cycle(flow, self.source.node, self.node)
        refs = node.inputs.get(self.port, ())
        if self.source in refs:
            raise EditError(msg("“{source}” is wired to “{node}” already.", source=str(self.source), node=self.node))
        refs = (*refs, self.source) if self.many else (self.source,)
        many = node.many | {self.port} if self.many else node.many - {self.port}
        return with_node(flow, replace(node, inputs={**node.inputs, self.port: refs}, many=many))


def refuse_cycle(flow: Flow, source: str, node: str) -> None:
    if source == node or source in downstream(flow, node):
        raise EditError(msg("“{source}” needs “{node}” itself: this wire would close a circle.", source=source, node=node))


@dataclass(frozen=True)
class Disconnect(Command):
    """Removes one wire of an input, or all of them where `source` is None."""

    node: str
    port: str
    source: Ref | None = None

    @property
    def name(self) -> Message:
        return msg("Removal of a wire to “{node}”", node=self.node)

    def apply(self, flow: Flow) -> Flow:
        node = node_of(flow, self.node)
        refs = node.inputs.get(self.port)
        if refs is None or (self.source is not None and self.source not in refs):
            raise EditError(msg("There is no such wire to “{port}” of “{node}”.", port=self.port, node=self.node))
        kept = tuple(ref for ref in refs if self.source is not None and ref != self.source)
        if kept:
            return with_node(flow, replace(node, inputs={**node.inputs, self.port: kept}))
        inputs = {port: refs for port, refs in node.inputs.items() if port != self.port}
        return with_node(flow, replace(node, inputs=inputs, many=node.many - {self.port}))


@dataclass(frozen=True)
class SetConfig(Command):
    """Sets fields of a node's config, and removes others; `whole` replaces the config altogether."""

    node: str
    values: Mapping[str, Any] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    whole: bool = False

    @property
    def name(self) -> Message:
        fields = [*self.values, *self.remove]
        if len(fields) == 1 and not self.whole:
            return msg("Change of “{field}” of “{node}”", field=fields[0], node=self.node)
        return msg("Change of the settings of “{node}”", node=self.node)

    def apply(self, flow: Flow) -> Flow:
        node = node_of(flow, self.node)
        refuse_unwritable(self.values)
        kept = {} if self.whole else {name: value for name, value in node.config.items() if name not in self.remove}
        changed = replace(node, config={**kept, **plain(self.values)})
        refuse_secrets(changed)
        return with_node(flow, changed)

    def merged(self, later: Command) -> Command | None:
        if not isinstance(later, SetConfig) or later.node != self.node or self.whole or later.whole:
            return None
        mine, others = {*self.values, *self.remove}, {*later.values, *later.remove}
        return later if len(mine) == 1 and mine == others else None


@dataclass(frozen=True)
class SetNode(Changes):
    """Sets what a node has beside inputs and config: see `SETTABLE`."""

    node: str
    changes: Mapping[str, Any]

    @property
    def target(self) -> Any:
        return self.node

    @property
    def name(self) -> Message:
        if len(self.changes) == 1:
            return msg("Change of “{field}” of “{node}”", field=next(iter(self.changes)), node=self.node)
        return msg("Change of “{node}”", node=self.node)

    def apply(self, flow: Flow) -> Flow:
        node = node_of(flow, self.node)
        for name, value in self.changes.items():
            self._check(flow, name, value)
        changed = replace(node, **self.changes)
        refuse_secrets(changed)
        return with_node(flow, changed)

    def _check(self, flow: Flow, name: str, value: Any) -> None:
        if name not in SETTABLE:
            raise EditError(msg("A node has no “{field}” to set.", field=name))
        if name in ("disabled", "breakpoint"):
            fits = isinstance(value, bool)
        elif name == "on_error":
            fits = value is None or value in get_args(OnError)
        elif name == "retry":
            fits = value is None or (isinstance(value, Retry) and value.attempts >= 1 and _is_duration(value.wait))
        elif name == "timeout":
            fits = value is None or _is_duration(value)
        elif name == "after":
            fits = isinstance(value, Mapping) and all(state in get_args(After) for state in value.values())
            if fits:
                for other in value:
                    node_of(flow, other)
                    refuse_cycle(flow, other, self.node)
        elif name == "version":
            fits = isinstance(value, int) and not isinstance(value, bool) and value >= 1
        elif name == "kind":
            fits = isinstance(value, str) and "." in value
        else:
            fits = value is None or isinstance(value, str)
        if not fits:
            raise EditError(msg("“{value}” does not fit “{field}”.", value=str(value), field=name))


def _is_duration(text: Any) -> bool:
    try:
        units.seconds(text)
    except (units.UnitError, TypeError):
        return False
    return True


@dataclass(frozen=True)
class MoveNodes(Command):
    """Puts nodes, frames and notes to other places. Moving the same ones on is one edit."""

    places: Mapping[str, tuple[float, float]]

    @property
    def name(self) -> Message:
        if len(self.places) == 1:
            return msg("Move of “{node}”", node=next(iter(self.places)))
        return msg("Move of {count} nodes", count=len(self.places))

    def apply(self, flow: Flow) -> Flow:
        for id in self.places:
            if not is_taken(flow, id):
                raise EditError(msg("There is no node “{node}”.", node=id))
        return replace(flow, layout={**flow.layout, **{id: coordinates(*at) for id, at in self.places.items()}})

    def merged(self, later: Command) -> Command | None:
        return later if isinstance(later, MoveNodes) and later.places.keys() == self.places.keys() else None
