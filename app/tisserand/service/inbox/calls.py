"""What is asked of the inbox: its events by state, how many there are, and what to do with those that nothing serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tisserand.model.problem import Problem
from tisserand.service.inbox.store import EventState


@dataclass(frozen=True, slots=True)
class InboxEvent:
    """One event as it stands in the inbox. Times are seconds since 1970, UTC."""

    id: int
    file: str
    """The flow's file, relative to the workspace."""
    node: str
    """The trigger that it arrived at."""
    key: str
    row: Mapping[str, Any]
    received: float
    state: EventState
    trace: str | None = None
    batch: str | None = None
    """The label of the run that took it."""
    run: str | None = None
    """The run that took it last."""
    attempts: int = 0
    """How many runs failed with it."""
    due: float = 0.0
    """Before when no run takes it."""
    error: Problem | None = None
    """Why the last run failed, or why it was given up."""
    edited_by: str | None = None
    edited_at: float | None = None

    def to_json(self) -> dict[str, Any]:
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return plain | {"row": dict(self.row), "error": self.error.to_json() if self.error else None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> InboxEvent:
        error = data.get("error")
        return cls(**{**data, "error": Problem.from_json(error) if error else None})


@dataclass(frozen=True, slots=True)
class InboxCounts:
    """How many events of a flow stand how."""

    file: str
    counts: Mapping[str, int] = field(default_factory=dict)
    """State → how many."""
    oldest: float | None = None
    """When the first of those that wait arrived."""
    most_waiting: int = 0
    """So many may wait; then nothing more is taken in."""

    def to_json(self) -> dict[str, Any]:
        return {"file": self.file, "counts": dict(self.counts), "oldest": self.oldest, "most_waiting": self.most_waiting}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> InboxCounts:
        return cls(**data)


@dataclass(frozen=True, slots=True)
class Hook:
    """An address that other programs call to start a flow."""

    url: str
    file: str
    node: str

    def to_json(self) -> dict[str, Any]:
        return {"url": self.url, "file": self.file, "node": self.node}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Hook:
        return cls(**data)


class Inbox(Protocol):
    """Every call raises `Refused` when it cannot be done."""

    def events(
        self,
        file: str | None = None,
        state: str | None = None,
        text: str | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> list[InboxEvent]:
        """Events, the latest first; `text` is looked for in keys and rows (any case), `before` is the number to go on from."""

    def event(self, id: int) -> InboxEvent: ...

    def counts(self) -> list[InboxCounts]:
        """Of every flow that ever had an event, by file."""

    def edit(self, id: int, row: Mapping[str, Any], by: str = "") -> InboxEvent:
        """Give an event that waits or is dead another row, which must fit the columns of its trigger."""

    def resubmit(self, ids: Sequence[int], by: str = "") -> int:
        """Let events that are dead or discarded wait for a run again, all or none; gives how many."""

    def discard(self, ids: Sequence[int], by: str = "") -> int:
        """Give up events that wait or are dead, all or none; gives how many."""

    def hooks(self) -> list[Hook]:
        """The addresses that can be called now; none where no executor process serves the workspace."""
