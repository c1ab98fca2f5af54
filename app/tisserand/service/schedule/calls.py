"""What is asked of schedules: what comes due, what became of what was due, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from tisserand.model.problem import Problem
from tisserand.texts import Message

Judged = Literal["ran", "skipped", "missed", "asking"]

PAGE = 500
"""Due times and verdicts that one call gives at most, where it says nothing else."""
LARGEST = 5000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one due time of one trigger. Times are seconds since 1970, UTC."""

    file: str
    node: str
    due: int
    verdict: Judged
    reason: Message
    run: str | None = None
    """The run, once it was started."""
    decided: float = 0.0
    starts: float = 0.0
    """When it was to be started: the due time with the jitter of the schedule."""
    zone: str = "UTC"
    """Where the schedule means its times."""

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "reason": self.reason.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Verdict:
        return cls(**{**data, "reason": Message.from_json(data["reason"])})


@dataclass(frozen=True, slots=True)
class Upcoming:
    """A due time to come, or one that the calendar leaves out."""

    file: str
    node: str
    due: int
    starts: float
    scheduled: int
    """The time that the schedule names; another than `due` where the calendar moved it."""
    closed: bool = False
    """The calendar leaves it out: it will be skipped."""
    reason: Message | None = None
    """Why it is left out or was moved."""
    zone: str = "UTC"

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "reason": self.reason.to_json() if self.reason else None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Upcoming:
        reason = data.get("reason")
        return cls(**{**data, "reason": Message.from_json(reason) if reason else None})


class Schedules(Protocol):
    """`file` is a flow file relative to the workspace. Every call raises `Refused` when it is wrong."""

    def upcoming(
        self, since: float, until: float, file: str | None = None, text: str | None = None, limit: int = PAGE
    ) -> list[Upcoming]:
        """The due times later than `since`, up to `until` (at most five years on), in order: of one flow, whether it is on or not
        (`text` is its YAML where it is not saved), or of all that are on. At most `limit`, and those at the same moment as the
        last: to go on, ask again with `since` = the last `due`."""

    def verdicts(
        self, file: str | None, since: float, until: float, verdict: Judged | None = None, limit: int = PAGE
    ) -> list[Verdict]:
        """What was judged of the due times in `since` ≤ due < `until`, the latest first; to go on, ask with `until` = the last."""

    def why(self, file: str, time: float) -> Message:
        """In a sentence, why the flow ran or did not run at a time, in the past or in the future. A time is meant to the minute."""

    def answer(self, file: str, node: str, due: int, run: bool, by: str = "") -> Verdict:
        """A person decides on a missed due time that is `asking`: to run it now, or to leave it."""

    def next_due(self, file: str) -> float | None:
        """When a flow that is on starts next by its schedule; None where nothing is due any more, or it is off."""

    def problems(self) -> Sequence[Problem]:
        """What is wrong with the calendars and with the schedules of the flows that are on."""
