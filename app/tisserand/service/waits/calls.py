"""What is asked about waits: what runs wait for, signals to them, and decisions of people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from tisserand.texts import Message

Decision = Literal["approved", "rejected"]


@dataclass(frozen=True, slots=True)
class OpenWait:
    """One thing that a run waits for. Times are seconds since 1970, UTC."""

    run: str
    """The run whose node waits; `root` is the one that it is a part of, or the same."""
    root: str
    node: str
    flow: str
    kind: Literal["time", "signal", "decision"]
    since: float
    reason: Message
    """What is waited for, as a sentence."""
    until: float | None = None
    signal: str | None = None
    key: str | None = None
    question: str = ""
    allowed: tuple[str, ...] = ()
    """Who may decide; nobody named: everybody who may use the executor."""
    comment: bool = False
    """Whether a decision needs a comment."""
    shown: str | None = None
    """`node.port` of the rows that are decided about (`Executor.page(run, node, port)`)."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"reason": self.reason.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> OpenWait:
        return cls(**{**data, "reason": Message.from_json(data["reason"]), "allowed": tuple(data["allowed"])})


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a signal: the run and node that took it, or None of both where it is kept until one asks for it."""

    run: str | None = None
    node: str | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Sent:
        return cls(**data)


class Waits(Protocol):
    def open(self, kind: str | None = None) -> list[OpenWait]:
        """What runs wait for (`time`, `signal`, `decision`), what is asked longest first."""

    def signal(self, name: str, key: str | None = None, data: Mapping[str, Any] | None = None, by: str = "") -> Sent:
        """Send a signal. The run that waits for it longest takes it; where none does, it is kept, and taken once."""

    def answer(self, run: str, node: str | None, decision: Decision, comment: str = "", by: str = "") -> OpenWait:
        """Decide what a run asks. `node` may be None where it asks one thing only. Refused where nothing is asked any more, where
        `by` is not among those who may decide, or where a comment is missing."""
