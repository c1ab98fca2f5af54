"""Copy and paste: a selection of nodes as YAML text, in the form that a flow file has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tisserand.model.command import Command, EditError, coordinates, refuse_secrets, unique_id
from tisserand.model.edit_nodes import renamed
from tisserand.model.flow import Flow, Node
from tisserand.model.yamlfile import read_data
from tisserand.model.yamlread import NODE_ID, flow_from_data
from tisserand.model.yamlwrite import node_data, write_nested
from tisserand.texts import Message, msg

_STEP = 40


def copy_text(flow: Flow, nodes: Iterable[str]) -> str:
    """The text of some nodes with the wires among them and their places; wires to others are left out."""
    chosen = [id for id in flow.nodes if id in set(nodes)]
    kept = {id: _among(flow.nodes[id], set(chosen)) for id in chosen}
    data: dict[str, Mapping[str, Any]] = {"nodes": {id: node_data(node) for id, node in kept.items()}}
    places = {id: list(flow.layout[id]) for id in chosen if id in flow.layout}
    return write_nested({**data, "layout": places} if places else data)


def _among(node: Node, ids: set[str]) -> Node:
    """The node with only those wires that come from `ids`."""
    kept = {port: tuple(ref for ref in refs if ref.node in ids) for port, refs in node.inputs.items()}
    inputs = {port: refs for port, refs in kept.items() if refs}
    after = {other: state for other, state in node.after.items() if other in ids}
    return replace(node, inputs=inputs, many=node.many & inputs.keys(), after=after)


@dataclass(frozen=True)
class Paste(Command):
    """Adds the nodes of a text made by `copy_text` (or of a whole flow file), under new ids where theirs are taken.

    `at` is where the upper left corner of the selection goes; without it the copies stand a step beside the originals.
    """

    text: str
    at: tuple[float, float] | None = None

    @property
    def name(self) -> Message:
        return msg("Paste")

    def ids(self, flow: Flow) -> dict[str, str]:
        """Id in the text → id in the flow."""
        names: dict[str, str] = {}
        grown = flow
        for id, node in self._read().nodes.items():
            names[id] = unique_id(grown, id)
            grown = replace(grown, nodes={**grown.nodes, names[id]: node})
        return names

    def apply(self, flow: Flow) -> Flow:
        pasted = self._read()
        names = self.ids(flow)
        taken = any(old != new for old, new in names.items())
        # One at a time would follow references of a node already renamed: all names change at once.
        pasted = renamed(pasted, names)
        dx: float = _STEP if taken else 0
        dy = dx
        places = {id: at for id, at in pasted.layout.items() if id in pasted.nodes}
        if self.at is not None and places:
            dx = self.at[0] - min(x for x, _ in places.values())
            dy = self.at[1] - min(y for _, y in places.values())
        moved = {id: coordinates(x + dx, y + dy) for id, (x, y) in places.items()}
        for node in pasted.nodes.values():
            refuse_secrets(node)
        return replace(flow, nodes={**flow.nodes, **pasted.nodes}, layout={**flow.layout, **moved})

    def _read(self) -> Flow:
        data, problems, _ = read_data(self.text)
        if data is None or problems:
            raise EditError(problems[0].message)
        if not isinstance(data.get("nodes"), dict) or not data["nodes"]:
            raise EditError(msg("The text holds no nodes."))
        flow, problems = flow_from_data({"id": "pasted", "nodes": data["nodes"], "layout": data.get("layout")})
        if problems:
            raise EditError(problems[0].message)
        ids = {id for id in flow.nodes if NODE_ID.fullmatch(id)}
        return replace(flow, nodes={id: _among(node, ids) for id, node in flow.nodes.items()})
