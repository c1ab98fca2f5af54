"""What the dialog of connections does to the workspace's file and keyring; every call may wait, so none belongs in the window's thread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tisserand.model.flow import Flow
from tisserand.model.problem import Place as Spot
from tisserand.model.problem import Problem
from tisserand.texts import Message, msg

if TYPE_CHECKING:
    from tisserand.workspace.connections import Connections, Entry


@dataclass(frozen=True, slots=True)
class Place:
    """A node that names a connection."""

    flow: str
    node: str


@dataclass(frozen=True)
class Listed:
    """What there is."""

    entries: Mapping[str, Entry]
    uses: Mapping[str, list[Place]]
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True)
class Wanted:
    """A connection as it shall be written."""

    name: str
    type: str
    fields: Mapping[str, Any]
    secrets: Mapping[str, str]
    """Name → value, for the keyring; never for the file."""
    new: bool

    def __repr__(self) -> str:
        # It holds secrets: it never prints.
        return f"Wanted({self.name!r}, {self.type!r})"


def look(root: Path, catalog: Any) -> Listed:
    """Read the file, and who uses what it holds."""
    known = _known(root, catalog)
    uses = {name: [Place(use.flow, use.node) for use in found] for name, found in known.uses().items()}
    return Listed(known.load(), uses, known.problems())


def save(root: Path, catalog: Any, wanted: Wanted) -> list[Problem]:
    """Put the secrets into the keyring and the rest into the file; gives what is wrong, and then nothing was written."""
    known = _known(root, catalog)
    if wanted.new and wanted.name in known.load():
        return [Problem("connection.twice", taken(wanted.name), None, Spot(field="@name"))]
    faults = known.faults(wanted.name, wanted.type, wanted.fields)
    if faults:
        return faults
    for name, value in wanted.secrets.items():
        known.store.set(name, value)
    known.save(wanted.name, wanted.type, wanted.fields)
    return []


def remove(root: Path, catalog: Any, name: str) -> bool:
    """Take a connection out of the file."""
    return _known(root, catalog).remove(name)


def taken(name: str) -> Message:
    return msg("There is a connection “{name}” already.", name=name)


def uses_in(flows: Iterable[Flow], catalog: Any) -> dict[str, list[Place]]:
    """Who names which connection in flows as they stand on the screen."""
    found: dict[str, list[Place]] = {}
    for flow in flows:
        for node, name in _named(flow, catalog):
            found.setdefault(name, []).append(Place(flow.id, node))
    return found


def _named(flow: Flow, catalog: Any) -> Iterator[tuple[str, str]]:
    from tisserand.workspace.connection_text import connection_fields

    for node in flow.nodes.values():
        kind = catalog.get(node.kind)
        if kind is not None:
            yield from ((node.id, name) for _field, name in connection_fields(kind.node.Config, node.config, ""))
        elif isinstance(node.config.get("connection"), str):
            yield node.id, node.config["connection"]


def _known(root: Path, catalog: Any) -> Connections:
    from tisserand.workspace.connections import Connections
    from tisserand.workspace.folder import Workspace

    return Connections(Workspace(root), catalog)
