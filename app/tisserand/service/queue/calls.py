"""What is asked about the queue: how the runs stand that are not over, and holding flows, runs or everything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from tisserand.service.ledger import Paused
from tisserand.texts import Message

Standing = Literal["running", "queued", "paused", "waiting"]


@dataclass(frozen=True, slots=True)
class Turn:
    """A run that is not over. Times are seconds since 1970, UTC."""

    run: str
    flow: str
    state: Standing
    """`paused` is a run that is held, before it begins or between two of its nodes; `waiting` one without a process, for days perhaps."""
    since: float
    """Since when it is queued, or under way."""
    file: str | None = None
    reason: Message | None = None
    """Why it does not go on."""
    priority: int = 0
    by: str = ""
    trigger: str = "manual"
    pid: int | None = None
    memory: int | None = None
    """Resident memory of its worker, in bytes."""
    share: float | None = None
    """How much of it is done, from 0 to 1, by its nodes: a coarse measure."""
    nodes: tuple[int, int] | None = None
    """How many nodes have ended, of how many."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"reason": self.reason.to_json() if self.reason else None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Turn:
        reason, nodes = data.get("reason"), data.get("nodes")
        return cls(
            **{
                **data,
                "reason": Message.from_json(reason) if reason else None,
                "nodes": (nodes[0], nodes[1]) if nodes else None,
            }
        )


@dataclass(frozen=True, slots=True)
class Queued:
    """The whole queue: its limits, what holds it, and its runs, those under way first, then in the order of their turns."""

    runs: int
    """At most so many runs are under way at a time."""
    memory: int
    """They take at most so much memory together, in bytes."""
    paused: Paused | None = None
    draining: bool = False
    """Nothing is begun any more, because the executor is about to end."""
    serving: bool = True
    """An executor process is there; without one, nothing in the queue begins."""
    turns: tuple[Turn, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"turns": [turn.to_json() for turn in self.turns]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Queued:
        paused = data.get("paused")
        turns = tuple(Turn.from_json(turn) for turn in data["turns"])
        return cls(**{**data, "paused": Paused(**paused) if paused else None, "turns": turns})


class Queue(Protocol):
    """`target` is a run's id, or the file of a flow relative to the workspace, or None for everything."""

    def standing(self) -> Queued: ...

    def pause(self, target: str | None, by: str = "") -> bool:
        """Hold a run before its next node, let a flow begin no run, or the executor begin none at all; what is queued stays queued.
        Whether it was not paused yet."""

    def unpause(self, target: str | None, by: str = "") -> bool:
        """Whether it was paused."""

    def drain(self, on: bool = True, by: str = "") -> None:
        """Begin nothing more, as long as this executor process lives."""

    def log(self, run: str, offset: int = 0) -> tuple[str, int]:
        """What the worker of a run wrote, from a byte on (a megabyte at most), and the byte to go on from."""
