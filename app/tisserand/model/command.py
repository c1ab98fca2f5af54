"""What every edit command is: a value that makes a new flow, has a name, and has an exact inverse."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from tisserand.model.flow import Flow, Node
from tisserand.model.secrets import holds_secret
from tisserand.model.yamlread import NODE_ID
from tisserand.model.yamlwrite import node_data
from tisserand.texts import Message, msg

_NUMBER = re.compile(r"_\d+$")


class EditError(Exception):
    """An edit that cannot be done; `message` is the sentence."""

    def __init__(self, message: Message) -> None:
        self.message = message
        super().__init__(message.text("en"))


@dataclass(frozen=True)
class Command(ABC):
    """One edit. Commands are the only way any editor changes a flow."""

    @property
    @abstractmethod
    def name(self) -> Message:
        """What it does, for “Undo: …”."""

    @abstractmethod
    def apply(self, flow: Flow) -> Flow:
        """The flow after the edit; raises `EditError` and changes nothing where it cannot be done."""

    def inverse(self, before: Flow) -> Command:
        """The command that leads from `apply(before)` back to exactly `before`, the order of every mapping included."""
        return self.undo(before, self.apply(before))

    def undo(self, before: Flow, after: Flow) -> Command:
        """Like `inverse`, where the flow after the edit is at hand."""
        return Restore.between(after, before, self.name)

    def merged(self, later: Command) -> Command | None:
        """One command for this and a `later` one that directly follows, where a person takes both for one edit."""
        return None


@dataclass(frozen=True)
class Restore(Command):
    """Puts parts of a flow back as they were. Flows are values that share what they have in common, so this costs little."""

    parts: Mapping[str, Any]
    label: Message

    @classmethod
    def between(cls, current: Flow, wanted: Flow, label: Message) -> Restore:
        names = [part.name for part in fields(Flow)]
        parts = {name: getattr(wanted, name) for name in names if getattr(wanted, name) is not getattr(current, name)}
        return cls(parts, label)

    @property
    def name(self) -> Message:
        return self.label

    def apply(self, flow: Flow) -> Flow:
        return replace(flow, **self.parts)


@dataclass(frozen=True)
class Several(Command):
    """Several commands as one edit: all or nothing."""

    commands: tuple[Command, ...]
    label: Message | None = None

    @property
    def name(self) -> Message:
        if self.label is not None:
            return self.label
        if len(self.commands) == 1:
            return self.commands[0].name
        return msg("{count} edits", count=len(self.commands))

    def apply(self, flow: Flow) -> Flow:
        for command in self.commands:
            flow = command.apply(flow)
        return flow


class Changes(Command):
    """Base of commands that set named attributes of one thing: typing on in the same field is one edit."""

    changes: Mapping[str, Any]

    def merged(self, later: Command) -> Command | None:
        if type(later) is not type(self) or self.target != getattr(later, "target", None):
            return None
        assert isinstance(later, Changes)
        same = len(self.changes) == 1 and self.changes.keys() == later.changes.keys()
        return later if same else None

    @property
    def target(self) -> Any:
        """What is changed."""
        return None


# What commands ask of a flow


def node_of(flow: Flow, id: str) -> Node:
    node = flow.nodes.get(id)
    if node is None:
        raise EditError(msg("There is no node “{node}”.", node=id))
    return node


def with_node(flow: Flow, node: Node) -> Flow:
    """The flow with one node replaced, at its place in the file."""
    return replace(flow, nodes={**flow.nodes, node.id: node})


def is_taken(flow: Flow, id: str) -> bool:
    """Nodes, frames and notes share one layout, so they share their names."""
    return id in flow.nodes or id in flow.frames or id in flow.notes


def demand_new(flow: Flow, id: str) -> None:
    if not NODE_ID.fullmatch(id):
        raise EditError(
            msg("“{id}” cannot be a name here: use small letters, digits and underscores, beginning with a letter.", id=id)
        )
    if is_taken(flow, id):
        raise EditError(msg("“{id}” is taken already.", id=id))


def refuse_secrets(node: Node) -> None:
    for name, value in node_data(node).items():
        if holds_secret(("nodes", node.id, name), value):
            raise EditError(
                msg(
                    "A flow cannot hold a secret. Store it with the workspace's secrets and write secret:NAME in “{node}”.",
                    node=node.id,
                )
            )


_SECRET = msg("A flow cannot hold a secret. Store it with the workspace's secrets and write secret:NAME here.")


def refuse_secret(path: tuple[str, ...], value: Any) -> None:
    """The same for one value outside the nodes; `path` is where it would stand."""
    if holds_secret(path, value):
        raise EditError(_SECRET)


def refuse_unwritable(value: Any) -> None:
    """Only what a file can hold and give back may enter a flow: texts, numbers, booleans, nothing, lists, mappings of texts."""
    if value is None or isinstance(value, bool | int | float | str):
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise EditError(msg("“{key}” cannot be the name of a setting.", key=str(key)))
            refuse_unwritable(item)
    elif isinstance(value, list | tuple):
        for item in value:
            refuse_unwritable(item)
    else:
        raise EditError(msg("A value of type {type} cannot stand in a flow.", type=type(value).__name__))


def plain(value: Any) -> Any:
    """Tuples as lists and mappings as dicts, as reading the file would give them."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def coordinates(x: float, y: float) -> tuple[float, float]:
    """A place as the file keeps it: whole units without a fraction, others to a hundredth."""
    return (_coordinate(x), _coordinate(y))


def _coordinate(value: float) -> float:
    if not abs(value) < 1e15:
        raise EditError(msg("A place on the canvas must be a finite number."))
    rounded = round(value, 2)
    return int(rounded) if float(rounded).is_integer() else rounded


def unique_id(flow: Flow, wanted: str) -> str:
    """`wanted` as a slug, with a number behind it where it is taken: `filter`, `filter_2`, `filter_3` …"""
    return unique_ids(flow, [wanted])[wanted]


def unique_ids(flow: Flow, wanted: Iterable[str]) -> dict[str, str]:
    """Several such ids at once, none like another."""
    taken: set[str] = set()
    numbers: dict[str, int] = {}
    found: dict[str, str] = {}
    for text in wanted:
        slug = _slug(text)
        if slug in taken or is_taken(flow, slug):
            base = _NUMBER.sub("", slug)
            # Goes on where the last one of that name ended: counting from 2 for each of 10,000 would take minutes.
            number = numbers.get(base, 2)
            while (slug := f"{base}_{number}") in taken or is_taken(flow, slug):
                number += 1
            numbers[base] = number + 1
        taken.add(slug)
        found[text] = slug
    return found


def _slug(wanted: str) -> str:
    if NODE_ID.fullmatch(wanted) and not wanted.endswith("_") and "__" not in wanted:
        return wanted
    import unicodedata

    plain_letters = unicodedata.normalize("NFKD", wanted).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "_", plain_letters).strip("_")
    if not slug or not slug[0].isalpha():
        slug = f"n{slug}" if slug else "node"
    return slug
