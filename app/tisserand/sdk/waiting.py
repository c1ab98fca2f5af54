"""What a control node may wait for, for days if need be, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["time", "signal", "decision"]


@dataclass(frozen=True, slots=True)
class Awaited:
    """`time`: until a moment. `signal`: until a signal of this name (and key) comes. `decision`: until a person has decided."""

    kind: Kind
    until: float | None = None
    """Seconds since 1970, UTC: the moment, or the time limit of the others."""
    signal: str | None = None
    key: str | None = None
    """None takes the signal with whatever key."""
    question: str = ""
    allowed: tuple[str, ...] = ()
    """Who may decide; nobody named: everybody who may use the executor."""
    comment: bool = False
    """Whether a decision needs a comment."""
    shown: str | None = None
    """The input port whose rows are decided about."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came: the `moment`, the `signal` (`data["data"]`), the `decision` (`data["decision"]`, `data["comment"]`), or the
    `timeout` of these two. `at` is when, in seconds since 1970, UTC."""

    what: Literal["moment", "signal", "decision", "timeout"]
    data: Mapping[str, Any] = field(default_factory=dict)
    by: str = ""
    at: float = 0.0
