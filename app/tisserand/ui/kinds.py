"""What the designer shows of a node type: title, icon, group, ports. Unknown kinds get a placeholder that keeps everything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tisserand.model.flow import Flow, In, Node, Out
from tisserand.texts import N_, in_all_languages, translate

GROUPS: tuple[tuple[str, str], ...] = (
    ("start", N_("Start")),
    ("read", N_("Bring in")),
    ("transform", N_("Transform")),
    ("step", N_("Call and compute")),
    ("control", N_("Steer")),
    ("write", N_("Send out")),
)
"""Families of nodes as a person sees them: a colour token and a heading."""

_GROUP_OF = {
    "trigger": "start",
    "reader": "read",
    "transform": "transform",
    "isolated": "transform",
    "step": "step",
    "control": "control",
    "writer": "write",
}


@dataclass(frozen=True, slots=True)
class Face:
    """How one node looks on the canvas."""

    title: str
    icon: str
    group: str
    inputs: tuple[In, ...]
    outputs: tuple[Out, ...]
    known: bool = True


class Kinds:
    """The node types in use, with the little that the canvas asks of them, thousands of times, answered fast."""

    def __init__(self, catalog: Any = None) -> None:
        self.catalog = catalog
        self._plain: dict[str, Face] = {}

    def get(self, kind: str) -> Any:
        return self.catalog.get(kind) if self.catalog is not None else None

    def group(self, kind: str) -> str:
        found = self.get(kind)
        return _GROUP_OF.get(found.role, "unknown") if found else "unknown"

    def face(self, node: Node, flow: Flow) -> Face:
        """The look of one node; an unknown kind takes its ports from the references that the flow holds."""
        found = self.get(node.kind)
        if found is None:
            return self._placeholder(node, flow)
        base = self._plain.get(node.kind)
        if base is None:
            base = Face(translate(found.title), found.icon, self.group(node.kind), found.inputs, found.outputs)
            self._plain[node.kind] = base
        outputs = found.outputs_for(node.config)
        if outputs is base.outputs and node.title is None:
            return base
        return Face(node.title or base.title, base.icon, base.group, base.inputs, outputs)

    def default_output(self, node: Node, flow: Flow) -> str:
        outputs = self.face(node, flow).outputs
        return outputs[0].name if outputs else ""

    def _placeholder(self, node: Node, flow: Flow) -> Face:
        asked: dict[str, None] = {}
        for other in flow.nodes.values():
            for _port, ref in other.refs():
                if ref.node == node.id:
                    asked[ref.port or ""] = None
        outputs = tuple(Out(name) for name in asked) or (Out(""),)
        inputs = tuple(In(name, many=True) for name in node.inputs) or (In("table"),)
        return Face(node.title or node.kind, "puzzle", "unknown", inputs, outputs, known=False)


def unused_id(kind: str, taken: Mapping[str, Any]) -> str:
    """A readable id for a new node: the last word of its kind, numbered where it is taken."""
    base = kind.rpartition(".")[2] or "node"
    if base not in taken:
        return base
    number = 2
    while f"{base}_{number}" in taken:
        number += 1
    return f"{base}_{number}"


def kind_words(found: Any, family: str) -> str:
    """What a node type is found by: title, family and help in every language, and its kind."""
    return f"{in_all_languages(found.title)} {found.kind} {in_all_languages(family)} {in_all_languages(found.help)}"
