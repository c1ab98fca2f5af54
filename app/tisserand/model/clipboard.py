"""Copy and paste: a selection of nodes, frames and notes as YAML text, in the form that a flow file has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tisserand.model.command import Command, EditError, coordinates, refuse_secret, refuse_secrets, unique_ids
from tisserand.model.edit_nodes import renamed
from tisserand.model.flow import Flow, Frame, Node
from tisserand.model.yamlfile import read_data
from tisserand.model.yamlread import NODE_ID, flow_from_data
from tisserand.model.yamlwrite import frame_data, node_data, note_data, write_nested
from tisserand.texts import Message, msg

_STEP = 40


def copy_text(flow: Flow, ids: Iterable[str]) -> str:
    """The text of some nodes, frames and notes with their places. What leads to others is left out: wires, the content of
    frames, what notes are about."""
    wanted = set(ids)
    part = _among(flow, wanted)
    data: dict[str, Mapping[str, Any]] = {
        "nodes": {id: node_data(node) for id, node in part.nodes.items()},
        "frames": {id: frame_data(frame) for id, frame in part.frames.items()},
        "notes": {id: note_data(note) for id, note in part.notes.items()},
        "layout": {id: list(place) for id, place in part.layout.items()},
    }
    return write_nested({name: section for name, section in data.items() if section})


def _among(flow: Flow, ids: set[str]) -> Flow:
    """Only what has one of the ids, with only those references that stay among it."""
    nodes = {id for id in flow.nodes if id in ids}
    return replace(
        flow,
        nodes={id: _node_among(node, nodes) for id, node in flow.nodes.items() if id in ids},
        frames={id: _frame_among(frame, nodes) for id, frame in flow.frames.items() if id in ids},
        notes={id: note if note.near in nodes else replace(note, near=None) for id, note in flow.notes.items() if id in ids},
        layout={id: place for id, place in flow.layout.items() if id in ids},
    )


def _node_among(node: Node, ids: set[str]) -> Node:
    if ids.issuperset(node.after) and all(ref.node in ids for _port, ref in node.refs()):
        return node
    kept = {port: tuple(ref for ref in refs if ref.node in ids) for port, refs in node.inputs.items()}
    inputs = {port: refs for port, refs in kept.items() if refs}
    after = {other: state for other, state in node.after.items() if other in ids}
    return replace(node, inputs=inputs, many=node.many & inputs.keys(), after=after)


def _frame_among(frame: Frame, ids: set[str]) -> Frame:
    return frame if ids.issuperset(frame.holds) else replace(frame, holds=tuple(id for id in frame.holds if id in ids))


def read_text(text: str) -> Flow:
    """What a text made by `copy_text` (or a whole flow file) holds; raises `EditError` where it is something else."""
    data, problems, _ = read_data(text)
    if data is None or problems:
        raise EditError(problems[0].message)
    parts = ("nodes", "frames", "notes")
    if not any(isinstance(data.get(name), dict) and data[name] for name in parts):
        raise EditError(msg("The text holds no nodes."))
    flow, problems = flow_from_data({"id": "pasted", **{name: data[name] for name in (*parts, "layout") if name in data}})
    if problems:
        raise EditError(problems[0].message)
    ids = [*flow.nodes, *flow.frames, *flow.notes]
    twice = next((id for id in ids if (id in flow.nodes) + (id in flow.frames) + (id in flow.notes) > 1), None)
    if twice is not None:
        raise EditError(msg("“{id}” is taken already.", id=twice))
    return _among(flow, {id for id in ids if NODE_ID.fullmatch(id)})


@dataclass(frozen=True)
class Paste(Command):
    """Adds the nodes, frames and notes of a text, under new ids where theirs are taken.

    `at` is where the upper left corner of them all goes; without it the copies stand a step beside the originals.
    """

    text: str
    at: tuple[float, float] | None = None
    content: Flow | None = field(default=None, repr=False, compare=False)
    """What the text holds (`read_text`), where that is known already."""

    @property
    def name(self) -> Message:
        return msg("Paste")

    def ids(self, flow: Flow) -> dict[str, str]:
        """Id in the text → id in the flow."""
        return _names(flow, self.content or read_text(self.text))

    def apply(self, flow: Flow) -> Flow:
        pasted = self.content or read_text(self.text)
        names = _names(flow, pasted)
        taken = any(old != new for old, new in names.items())
        for node in pasted.nodes.values():
            refuse_secrets(node)
        for note in pasted.notes.values():
            refuse_secret(("notes", note.id, "text"), note.text)
        # One at a time would follow references of a node already renamed: all names change at once.
        pasted = renamed(pasted, names) if taken else pasted
        dx: float = _STEP if taken else 0
        dy = dx
        places = pasted.layout
        if self.at is not None and places:
            dx = self.at[0] - min(x for x, _ in places.values())
            dy = self.at[1] - min(y for _, y in places.values())
        return replace(
            flow,
            nodes={**flow.nodes, **pasted.nodes},
            frames={**flow.frames, **{names[id]: replace(frame, id=names[id]) for id, frame in pasted.frames.items()}},
            notes={**flow.notes, **{names[id]: replace(note, id=names[id]) for id, note in pasted.notes.items()}},
            layout={**flow.layout, **{id: coordinates(x + dx, y + dy) for id, (x, y) in places.items()}},
        )


def _names(flow: Flow, pasted: Flow) -> dict[str, str]:
    return unique_ids(flow, [*pasted.nodes, *pasted.frames, *pasted.notes])
