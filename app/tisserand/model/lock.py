"""The lock file of a flow: the columns that its sources had when people last agreed to them, and what has changed since."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from tisserand.model.flow import Node
from tisserand.model.problem import Place, Problem
from tisserand.model.schema import Schema
from tisserand.model.yamlfile import read_data
from tisserand.model.yamltext import dump
from tisserand.texts import Message, msg

FORMAT = 1

_HEAD = """\
# The columns of this flow's sources. Tisserand writes this file; keep it under version control beside the flow.
# A run stops before anything is done when a source has other columns. To accept them: tisserand check --relock
"""


@dataclass(frozen=True)
class Locked:
    """What was found at one reader's source."""

    settings: str
    """A fingerprint of the node's kind and settings: with others, the entry says nothing."""
    schema: Schema
    detected: Mapping[str, Any] = field(default_factory=dict)


Lock = Mapping[str, Locked]
"""Reader node → what was found."""


def lock_file(flow_file: str) -> str:
    """`flows/late.yaml` → `flows/late.lock`."""
    return str(PurePosixPath(flow_file.replace("\\", "/")).with_suffix(".lock"))


def settings_of(node: Node) -> str:
    """The fingerprint of a node's settings as they stand in the flow file, so that every environment shares the lock."""
    raw = json.dumps([node.kind, node.version, dict(node.config)], sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(raw.encode()).hexdigest()[:16]


def read_lock(text: str, file: str) -> tuple[Lock, list[Problem]]:
    """The lock and what is wrong with the file; of a file with a mistake nothing counts."""
    data, problems, _ = read_data(text)
    fix = msg("Write it anew: tisserand check --relock")
    if data is None or problems:
        reason: Message | None = problems[0].message if problems else None
        line = problems[0].place.line if problems else None
        message = msg("The lock file cannot be read: {reason}", reason=reason or "")
        return {}, [Problem("lock.malformed", message, fix, Place(file=file, line=line))]
    if data.get("tisserand") != FORMAT:
        message = msg("The lock file has a format that this Tisserand does not know.")
        return {}, [Problem("lock.format", message, fix, Place(file=file))]
    try:
        found = {name: _locked(entry) for name, entry in (data.get("sources") or {}).items()}
    except (KeyError, TypeError, AttributeError):
        message = msg("The lock file does not have the form that Tisserand writes.")
        return {}, [Problem("lock.malformed", message, fix, Place(file=file))]
    return found, []


def _locked(entry: Mapping[str, Any]) -> Locked:
    columns = {str(name): str(type) for name, type in entry["columns"].items()}
    return Locked(str(entry["settings"]), Schema.of(columns), dict(entry.get("detected") or {}))


def write_lock(lock: Lock) -> str:
    """The text of the lock file; the same lock always gives the same text."""
    sources = {
        name: {"settings": one.settings, "columns": one.schema.types()}
        | ({"detected": dict(one.detected)} if one.detected else {})
        for name, one in sorted(lock.items())
    }
    plain = json.loads(json.dumps({"tisserand": FORMAT, "sources": sources}, default=str))
    return _HEAD + dump(plain)


def drift(locked: Schema, found: Schema) -> Message | None:
    """How the columns changed, as a part of a sentence; None where they are the same in any order."""
    before, now = locked.types(), found.types()
    added = [f"{name} ({type})" for name, type in now.items() if name not in before]
    gone = [name for name in before if name not in now]
    retyped = [f"{name} ({before[name]} → {now[name]})" for name in before if name in now and before[name] != now[name]]
    changes = []
    if added:
        changes.append(msg("new: {columns}", columns=added))
    if gone:
        changes.append(msg("gone: {columns}", columns=gone))
    if retyped:
        changes.append(msg("type changed: {columns}", columns=retyped))
    if not changes:
        return None
    told, *more = changes
    for one in more:
        told = msg("{one}; {other}", one=told, other=one)
    return told
