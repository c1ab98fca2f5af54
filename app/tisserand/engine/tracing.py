"""The trace of a run (W3C Trace Context): ids that follow from the run's id alone, so that whoever asks, whenever, gets the same ones."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tisserand.engine.records import RunRecord

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")

DEEPEST = 50
"""Callers that are followed upwards."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run stands: its trace, and the span that it is a part of (None for one that nobody called)."""

    trace: str
    parent: str | None = None


def run_span(run: str) -> str:
    """The id of a run's own span: 16 hexadecimal digits."""
    return _digest("run", run)[:16]


def node_span(run: str, node: str) -> str:
    """The id of the span of one node of a run."""
    return _digest("node", run, node)[:16]


def place(record: RunRecord, known: Callable[[str], RunRecord | None], caller: Callable[[RunRecord], str | None]) -> Place:
    """Where a run stands. `known` gives a run by its id, `caller` the node of the parent that called a run, where it is known.

    The run that was started first gives the trace its id, unless its cause brought a trace from outside.
    """
    parent: str | None = None
    top = record
    for depth in range(DEEPEST):
        above = known(top.parent) if top.parent else None
        if above is None:
            break
        if depth == 0:
            node = caller(record)
            parent = node_span(above.id, node) if node else run_span(above.id)
        top = above
    outside = incoming(top.cause)
    if outside is None:
        return Place(_digest("trace", top.id)[:32], parent)
    return Place(outside[0], parent or outside[1])


def incoming(cause: Mapping[str, Any] | None) -> tuple[str, str] | None:
    """Trace and span that a run's cause brought along (`trace`, or the first of several)."""
    told = (cause or {}).get("trace")
    given = told if isinstance(told, list) else [told]
    for text in given:
        match = _TRACEPARENT.fullmatch(text) if isinstance(text, str) else None
        if match is not None and set(match[1]) != {"0"} and set(match[2]) != {"0"}:
            return match[1], match[2]
    return None


def traceparent(trace: str, span: str) -> str:
    """The header that hands a span on."""
    return f"00-{trace}-{span}-01"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(("tisserand", *parts)).encode()).hexdigest()
