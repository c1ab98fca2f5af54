"""Triggers that follow what other flows of the workspace do."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from tisserand.sdk.config import Config
from tisserand.sdk.context import ListenContext
from tisserand.sdk.node import Arrivals, Trigger

C = TypeVar("C", bound=Config)


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run that is over. Times are seconds since 1970, UTC."""

    number: int
    """Grows with every end of a run in the workspace; a run that is resumed ends again, under another number."""
    run: str
    flow: str
    state: str
    """`done`, `failed` or `cancelled`."""
    started: float | None
    finished: float | None
    rows: int
    """Rows that its sinks wrote."""


class RunsContext(ListenContext, Protocol):
    """What a trigger that follows runs may ask in addition."""

    def last_ended(self) -> int:
        """The number from which on everything is still to come."""

    def ended_runs(self, after: int, flows: Collection[str]) -> tuple[Sequence[EndedRun], int]:
        """Ends of runs of these flows behind a number, some at a time, in order, and the number to go on from. Runs that are a
        part of another run do not count."""


class FollowingTrigger(Trigger[C]):
    """A trigger whose events are ends of runs: its event has a column `run`, and each run takes one event. The executor refuses to
    start a run at the end of a long chain of runs that started each other."""

    def listen(self, ctx: RunsContext, config: C) -> Iterator[Arrivals]:  # type: ignore[override]
        raise NotImplementedError
