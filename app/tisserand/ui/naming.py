"""Names from words, and ids that change: the id of a new flow, and which node has another one now."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from tisserand.model.flow import Flow

UNTITLED = "untitled"
"""The id of a flow that was never saved."""
_ID = re.compile(r"^id:[ \t]*([a-z][a-z0-9_-]*)", re.MULTILINE)
_HEAD = 2000
"""So many letters of a file are looked at: the id stands at the top."""


def slug(text: str) -> str:
    """`Orders by café` → `orders-by-cafe`; empty where nothing is left that a name could begin with."""
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    found = re.sub(r"[^a-z0-9]+", "-", letters).strip("-")[:60].strip("-")
    return found if found and found[0].isalpha() else ""


def first_id(path: Path, title: str) -> str:
    """The id of a flow that is saved for the first time: its file's name, else its title, numbered where a flow beside it has it."""
    wanted = next((found for found in (slug(path.stem), slug(title)) if found and found != UNTITLED), "flow")
    taken = _ids_beside(path)
    id, number = wanted, 2
    while id in taken:
        id, number = f"{wanted}-{number}", number + 1
    return id


def _ids_beside(path: Path) -> set[str]:
    found = set()
    for other in path.parent.glob("*.yaml"):
        if other.name != path.name and other.is_file():
            with other.open(encoding="utf-8", errors="replace") as stream:
                match = _ID.search(stream.read(_HEAD))
            found.add(match[1] if match else other.stem)
    return found


def renames(before: Flow, after: Flow) -> dict[str, str]:
    """The node that an edit gave another id: old → new. Whoever shows it goes along."""
    gone, new = before.nodes.keys() - after.nodes.keys(), after.nodes.keys() - before.nodes.keys()
    if len(gone) != 1 or len(new) != 1:
        return {}
    old, now = before.nodes[next(iter(gone))], after.nodes[next(iter(new))]
    return {old.id: now.id} if old.kind == now.kind and old.config is now.config else {}
