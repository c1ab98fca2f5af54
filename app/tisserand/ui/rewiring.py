"""Edits of several wires as one step: put a node on a wire, take nodes out of their wires, cut many."""

from __future__ import annotations

from collections.abc import Iterable

from tisserand.model.command import Command, Several
from tisserand.model.edit_marks import SetFrame
from tisserand.model.edit_nodes import Connect, Disconnect, MoveNodes, SetNode
from tisserand.model.flow import Ref
from tisserand.texts import msg
from tisserand.ui.document import Document, Wire


class Loosening(Several):
    """Taking nodes out of their wires. Shaken loose, they are put down elsewhere by the same drag: that is one step."""

    def merged(self, later: Command) -> Command | None:
        moves = later.commands if isinstance(later, Several) else (later,)
        return Loosening((*self.commands, *moves), self.label) if isinstance(moves[0], MoveNodes) else None


def splice(document: Document, node: str, wire: Wire, place: tuple[float, float]) -> bool:
    """Put a node that stands loose between the two ends of a wire, where it was dropped."""
    face = document.kinds.face(document.flow.nodes[node], document.flow)
    entry = face.inputs[0]
    commands: list[Command] = [
        Disconnect(wire[2], wire[3], Ref(wire[0], wire[1] or None)),
        Connect(document.ref(wire[0], wire[1]), node, entry.name, entry.many),
        Connect(Ref(node), wire[2], wire[3], document.takes_many(wire[2], wire[3])),
        MoveNodes({node: place}),
    ]
    return document.do(Several(tuple(commands), msg("Insertion of “{node}”", node=node)))


def loosen(document: Document, ids: Iterable[str]) -> bool:
    """Take nodes out of the wires that lead to other nodes; what fed them feeds what they fed."""
    chosen = set(ids)
    arriving: list[Wire] = []
    leaving: list[Wire] = []
    for id, node in document.flow.nodes.items():
        for port, ref in node.refs():
            wire = (ref.node, ref.port or "", id, port)
            if (ref.node in chosen) != (id in chosen):
                (arriving if id in chosen else leaving).append(wire)
    if not arriving and not leaving:
        return False
    commands: list[Command] = [Disconnect(wire[2], wire[3], Ref(wire[0], wire[1] or None)) for wire in (*arriving, *leaving)]
    if arriving:
        source = Ref(arriving[0][0], arriving[0][1] or None)
        seen = set()
        for wire in leaving:
            target = (wire[2], wire[3])
            fed = any(ref == source for ref in document.flow.nodes[wire[2]].inputs.get(wire[3], ()))
            if target not in seen and not fed:
                seen.add(target)
                commands.append(Connect(source, *target, document.takes_many(*target)))
    label = msg("Taking “{node}” out of its wires", node=next(iter(chosen)))
    if len(chosen) > 1:
        label = msg("Taking {count} nodes out of their wires", count=len(chosen))
    return document.do(Loosening(tuple(commands), label))


def cut(document: Document, wires: Iterable[Wire]) -> bool:
    """Remove wires, orders without data too."""
    commands: list[Command] = []
    after: dict[str, dict[str, str]] = {}
    for wire in wires:
        if wire[3].startswith("@"):
            left = after.setdefault(wire[2], dict(document.flow.nodes[wire[2]].after))
            left.pop(wire[0], None)
        else:
            commands.append(Disconnect(wire[2], wire[3], Ref(wire[0], wire[1] or None)))
    commands += [SetNode(node=id, changes={"after": left}) for id, left in after.items()]
    if len(commands) == 1:
        return document.do(commands[0])
    return bool(commands) and document.do(Several(tuple(commands), msg("Cutting of {count} wires", count=len(commands))))


def regroup(
    document: Document, places: dict[str, tuple[float, float]], frames: dict[str, tuple[str, ...]], *, joins: bool = False
) -> bool:
    """Move nodes into frames or out of them."""
    changes = tuple(SetFrame(id=id, changes={"holds": holds}) for id, holds in frames.items())
    move = MoveNodes(places)
    return document.do(Several((move, *changes), move.name), joins=joins)
