"""What supervision asks: flows with their figures, load by time, runs by filter, the timeline of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from tisserand.service.protocol import RunInfo
from tisserand.texts import Message


@dataclass(frozen=True, slots=True)
class FlowFigures:
    """One flow over a stretch of time: the runs with `since <= created < until`. Runs that other flows called do not count. Times
    are seconds since 1970, UTC."""

    flow: str
    file: str | None = None
    title: str = ""
    on: bool = False
    """It starts by itself."""
    paused: str | None = None
    """By whom it is paused; it starts nothing meanwhile."""
    problem: Message | None = None
    """Why it cannot listen or be scheduled."""
    running: int = 0
    queued: int = 0
    waiting: int = 0
    """Runs that wait for a time, a signal or a person."""
    inbox: int = 0
    """Events that no run has taken yet."""
    dead: int = 0
    """Events given up on."""
    runs: int = 0
    """Runs that were asked for in the stretch."""
    done: int = 0
    failed: int = 0
    """`failed` and `interrupted`."""
    p50: float | None = None
    """Seconds from begin to end of the runs that are done: the nearest-rank median."""
    p95: float | None = None
    rows: int = 0
    """Rows that its sinks wrote, in runs that are over."""
    bytes: int = 0
    last: str | None = None
    """The latest run, and how it stands."""
    last_state: str | None = None
    last_time: float | None = None
    next_due: float | None = None

    @property
    def success(self) -> float | None:
        """Share of the runs that ended well among those that ended well or failed."""
        ended = self.done + self.failed
        return self.done / ended if ended else None

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"problem": self.problem.to_json() if self.problem else None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FlowFigures:
        problem = data.get("problem")
        return cls(**{**data, "problem": Message.from_json(problem) if problem else None})


@dataclass(frozen=True, slots=True)
class Load:
    """What was asked for in one stretch of time: `[time, time + seconds)`."""

    time: float
    seconds: float
    runs: int = 0
    done: int = 0
    failed: int = 0
    rows: int = 0
    bytes: int = 0
    p50: float | None = None
    p95: float | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A filter over runs; everything given must hold.

    `text` is looked for, in any case, inside flow, file and who; with three letters and more, also inside errors (code, node, and
    the sentence in every language) and at the beginning of the last part of run ids; with eight and more, at the beginning of
    run ids. Nothing that fits is left out."""

    flow: str | None = None
    states: tuple[str, ...] = ()
    trigger: str | None = None
    by: str | None = None
    since: float | None = None
    until: float | None = None
    text: str | None = None
    children: bool = False
    """Also runs that other flows called."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"states": list(self.states)}


@dataclass(frozen=True, slots=True)
class Span:
    """One attempt of one node in the timeline of a run; `end` is None while it is under way."""

    node: str
    begin: float
    end: float | None
    state: str
    attempt: int = 1
    rows: Mapping[str, int] = field(default_factory=dict)
    bytes: int | None = None
    kind: str = "node"
    """`node`, or `child` for a called flow: then `run` is its run."""
    run: str | None = None


class Figures(Protocol):
    """Reads only. Every number equals what SQL over the journal gives."""

    def flows(self, since: float, until: float | None = None) -> list[FlowFigures]:
        """Every flow of the workspace and every flow that ran, by title."""

    def load(self, since: float, until: float, seconds: float, flow: str | None = None) -> list[Load]:
        """Stretches of `seconds` from `since` on, all of them, also those in which nothing began. Runs that retention has removed
        count in whole hours (with `flow`: UTC days) that lie inside one stretch."""

    def runs(self, asked: Asked, limit: int = 100, before: str | None = None) -> list[RunInfo]:
        """Runs that fit, the latest first, without their nodes; `before` is the run id to go on from."""

    def count(self, asked: Asked) -> int:
        """How many runs fit (counted up to 10,000)."""

    def timeline(self, run: str) -> Sequence[Span]:
        """The nodes of a run in the order in which they began."""
