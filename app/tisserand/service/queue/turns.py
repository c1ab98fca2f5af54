"""Whose turn it is: of the runs that are queued, which begin now, which end unbegun, and why the others wait. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tisserand.model.flow import Overlap, Priority
from tisserand.texts import Message, msg

PRIORITY: Mapping[Priority, int] = {"low": -10, "normal": 0, "high": 10}


@dataclass(frozen=True, slots=True)
class Asking:
    """A run that is queued, or under way."""

    run: str
    flow: str
    file: str | None = None
    since: float = 0.0
    memory: int = 0
    """What it counts for, in bytes."""
    overlap: Overlap | None = None
    """None also for a run that another one called."""
    waits: bool = False
    """It is suspended, and takes neither a place nor memory; only its flow is under way."""
    called: bool = False
    """Another run called it: it is in no later one's way."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`begin`; `skip`: it ends without having begun, for `other` is under way; `replaced`: it ends, for `other` was queued later
    and takes its place; `replace`: `other` is to be cancelled, and this one waits until it is gone; `wait`."""

    asking: Asking
    what: Literal["begin", "wait", "skip", "replace", "replaced"]
    reason: Message | None = None
    other: str | None = None


@dataclass(frozen=True, slots=True)
class Holds:
    """What is paused."""

    all: Message | None = None
    flows: Mapping[str, Message] = field(default_factory=dict)
    runs: Mapping[str, Message] = field(default_factory=dict)

    def reason(self, asking: Asking) -> Message | None:
        if self.all is not None:
            return self.all
        if asking.run in self.runs:
            return self.runs[asking.run]
        return self.flows[asking.file] if asking.file is not None and asking.file in self.flows else None


def verdicts(line: Sequence[Asking], under_way: Iterable[Asking], runs: int, memory: int, holds: Holds) -> list[Verdict]:
    """One verdict for each run of the line, which is in the order of the turns. At most `runs` runs and `memory` bytes at a time.

    A run for which there is no memory holds up those behind it: small ones would keep a large one waiting for ever. A run that
    waits for another of its flow, or is paused, holds up nobody.
    """
    busy = list(under_way)
    latest = _latest(line, holds)
    found: list[Verdict] = []
    short = False
    for asking in line:
        verdict = _held(asking, busy, holds, latest)
        begun = sum(not each.waits for each in busy)
        if verdict is None and begun >= runs:
            verdict = Verdict(asking, "wait", msg("runs under way: {busy} of {most}", busy=begun, most=runs))
        if verdict is None:
            short = short or (begun > 0 and sum(each.memory for each in busy) + asking.memory > memory)
            if short:
                verdict = Verdict(asking, "wait", msg("memory"))
        if verdict is None:
            verdict = Verdict(asking, "begin")
            busy.append(asking)
        found.append(verdict)
    return found


def _held(asking: Asking, busy: list[Asking], holds: Holds, latest: Mapping[str, Asking]) -> Verdict | None:
    """What keeps a run from its turn besides the limits."""
    paused = holds.reason(asking)
    if paused is not None:
        return Verdict(asking, "wait", paused)
    if asking.overlap is None:
        return None
    later = latest.get(asking.flow)
    if asking.overlap == "replace" and later is not None and later.run != asking.run:
        return Verdict(asking, "replaced", other=later.run)
    earlier = next((each for each in busy if each.flow == asking.flow and not each.called), None)
    if earlier is None:
        return None
    if asking.overlap == "skip":
        return Verdict(asking, "skip", other=earlier.run)
    reason = msg("waits for the run {run} of this flow", run=earlier.run)
    return Verdict(asking, "replace" if asking.overlap == "replace" else "wait", reason, earlier.run)


def _latest(line: Sequence[Asking], holds: Holds) -> dict[str, Asking]:
    """Of the runs that take their flow's earlier run's place, the one queued last of each flow."""
    found: dict[str, Asking] = {}
    for asking in line:
        if asking.overlap == "replace" and holds.reason(asking) is None:
            known = found.get(asking.flow)
            if known is None or (known.since, known.run) < (asking.since, asking.run):
                found[asking.flow] = asking
    return found
