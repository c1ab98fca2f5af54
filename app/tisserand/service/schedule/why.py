"""Why a flow ran or did not run at a time, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING

from tisserand.service.schedule.calls import Verdict
from tisserand.service.schedule.judge import Force, Segment
from tisserand.service.schedule.ledger import DueLedger
from tisserand.service.schedule.spec import Due, Read, Spec, local
from tisserand.texts import Message, msg

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor

STATES = {
    "queued": msg("it waits for its turn"),
    "running": msg("it is running"),
    "waiting": msg("it waits for something"),
    "done": msg("it is done"),
    "failed": msg("it failed"),
    "cancelled": msg("it was cancelled"),
    "interrupted": msg("it was interrupted"),
}
MINUTE = 60
BACK = (3600.0, 86_400.0, 32 * 86_400.0, 366 * 86_400.0, 5 * 366 * 86_400.0)
"""How far back the due time before a moment is looked for, step by step, in seconds."""


class Why:
    """The answers about one flow."""

    def __init__(self, executor: LocalExecutor, ledger: DueLedger, file: str, read: Read, now: float) -> None:
        self._executor = executor
        self._ledger = ledger
        self._file = file
        self._read = read
        self._now = now
        self._force = Force(executor.ledger.changes(file))

    def answer(self, time: float) -> Message:
        """Why at `time`, which is meant to the minute."""
        minute = int(time // MINUTE) * MINUTE
        judged = sorted(self._ledger.verdicts(self._file, minute, minute + MINUTE), key=lambda each: (each.due, each.node))
        if judged:
            return _together([self._judged(each) for each in judged[:5]])
        known = self._segments(minute)
        specs = [segment.spec for segment in known.values() if segment.spec is not None]
        if minute + MINUTE > self._now:
            return self._ahead(minute, [*self._read.specs.values()])
        if self._force.on(minute + MINUTE - 1) is None:
            return self._off(minute + MINUTE - 1, specs or [*self._read.specs.values()])
        if not specs:
            return self._nothing(minute)
        return self._behind(minute, [segment for segment in known.values() if segment.spec is not None])

    # With a verdict

    def _judged(self, verdict: Verdict) -> Message:
        due = local(verdict.due, verdict.zone)
        if verdict.verdict == "skipped":
            return msg("It did not run at {due}, it was skipped: {reason}", due=due, reason=verdict.reason)
        if verdict.verdict == "missed":
            return msg("It did not run at {due}, it was missed: {reason}", due=due, reason=verdict.reason)
        if verdict.verdict == "asking":
            return msg("It has not run for {due} yet: {reason}", due=due, reason=verdict.reason)
        run = self._executor.journal.run(verdict.run) if verdict.run is not None else None
        if run is None:
            if verdict.run is not None:
                return msg("It ran for {due} as the run “{run}”, which is no longer kept. {reason}",
                           due=due, run=verdict.run, reason=verdict.reason)  # fmt: skip
            return msg("It was due at {due} and is about to be started. {reason}", due=due, reason=verdict.reason)
        return msg(
            "It ran: due at {due}, it was started at {started} ({late} later) as the run “{run}”; {state}. {reason}",
            due=due,
            started=local(int(run.created), verdict.zone),
            late=_span(run.created - verdict.due),
            run=run.id,
            state=STATES.get(run.state, msg("it is {state}", state=run.state)),
            reason=verdict.reason,
        )

    # Without one

    def _ahead(self, minute: int, specs: Sequence[Spec]) -> Message:
        if self._read.problems and not specs:
            return msg(
                "That lies ahead, and its schedule cannot be understood: {problem}", problem=self._read.problems[0].message
            )
        if not specs:
            return msg("That lies ahead. The flow has no schedule: nothing makes it run then.")
        zone = specs[0].zone
        if self._force.on(self._now) is None:
            said = self._due_then(minute, specs)
            head = msg("That lies ahead, and the flow is off: it will not run by itself.")
            return msg("{first} {second}", first=head, second=said) if said is not None else head
        paused = self._force.paused(self._now)
        said = self._due_then(minute, specs)
        if said is None:
            return msg("That lies ahead: it will not be due then. {nearest}", nearest=self._nearest(minute, specs))
        if paused is not None:
            return msg("That lies ahead. {said} It is paused since {since}, though: as long as it is, it will be skipped.",
                       said=said, since=local(paused.time, zone))  # fmt: skip
        return msg("That lies ahead. {said}", said=said)

    def _due_then(self, minute: int, specs: Sequence[Spec]) -> Message | None:
        """What is due in that minute, and what the calendar does to it."""
        for spec in specs:
            due = self._in(minute, spec)
            if due is not None and due.closed:
                assert due.reason is not None
                return msg("{time} will be left out: {reason}.", time=spec.local(due.at), reason=due.reason)
            if due is not None:
                return msg("It is due at {time}.", time=spec.local(due.at))
        for spec in specs:
            moved = self._moved(minute, spec)
            if moved is not None:
                return moved
        return None

    def _moved(self, minute: int, spec: Spec) -> Message | None:
        """Where the calendar moved a time that the trigger itself names."""
        if spec.opening is None or spec.read.closed == "skip":
            return None
        begin = datetime.fromtimestamp(minute, UTC) - timedelta(microseconds=1)
        raw = next(iter(spec.named(begin)), None)
        if raw is None or raw.timestamp() >= minute + MINUTE:
            return None
        due = spec.placed(spec.opening, raw, spec.read.closed)
        if due.at == raw or due.reason is None:
            return None
        return msg("{time} is moved to {to}: {reason}.", time=spec.local(raw), to=spec.local(due.at), reason=due.reason)

    def _off(self, moment: float, specs: Sequence[Spec]) -> Message:
        zone = specs[0].zone if specs else "UTC"
        off = self._force.off(moment)
        if off is not None:
            return msg("The flow was off: it had been switched off at {time}.", time=local(off.time, zone))
        first = next((each for each in self._force.changes if each.what == "on"), None)
        if first is None:
            return msg("The flow was off: it has never been switched on.")
        return msg("The flow was off: it was switched on for the first time at {time}.", time=local(first.time, zone))

    def _nothing(self, minute: int) -> Message:
        first = min((each.since for node in self._nodes() for each in self._ledger.segments(self._file, node)), default=None)
        if first is None:
            return msg("The flow has no schedule that was ever in force: nothing made it run then.")
        spec = next(iter(self._read.specs.values()), None)
        if first <= minute + MINUTE:
            return msg("Its schedule had been taken out by then: nothing made it run.")
        return msg("Its schedule is in force since {time} only.", time=local(first, spec.zone if spec is not None else "UTC"))

    def _behind(self, minute: int, segments: Sequence[Segment]) -> Message:
        specs = [segment.spec for segment in segments if segment.spec is not None]
        for segment, spec in zip(segments, specs, strict=True):
            due = self._in(minute, spec)
            # Switched on, or edited, within that very minute, after the due time.
            if due is not None and self._force.on(due.starts.timestamp()) is None:
                return self._off(due.starts.timestamp(), specs)
            if due is not None and due.at.timestamp() < segment.since:
                return msg("Its schedule is in force since {time} only.", time=local(segment.since, spec.zone))
            through = self._ledger.through(self._file, spec.node) or 0.0
            if due is not None and due.at.timestamp() > through:
                if due.starts.timestamp() > self._now:
                    return msg("It is due at {time}, put off by its jitter to {starts}.",
                               time=spec.local(due.at), starts=spec.local(due.starts))  # fmt: skip
                return msg("It was due at {time} and is not judged yet: the executor has not been running since.", time=spec.local(due.at))  # fmt: skip
            moved = self._moved(minute, spec)
            if moved is not None:
                return msg("It did not run: {moved}", moved=moved)
        return msg("It was not due then. {nearest}", nearest=self._nearest(minute, specs))

    # Looking

    def _nodes(self) -> list[str]:
        return [node for file, node in self._ledger.nodes() if file == self._file]

    def _segments(self, minute: int) -> dict[str, Segment]:
        """What was in force of each node in that minute."""
        found = {}
        for node in self._nodes():
            before = [each for each in self._ledger.segments(self._file, node) if each.since <= minute + MINUTE - 1]
            if before:
                found[node] = before[-1]
        return found

    def _in(self, minute: int, spec: Spec) -> Due | None:
        due = next(spec.dues(datetime.fromtimestamp(minute, UTC) - timedelta(microseconds=1)), None)
        return due if due is not None and due.at.timestamp() < minute + MINUTE else None

    def _nearest(self, minute: int, specs: Sequence[Spec]) -> Message:
        """The due times before and after."""
        before = max((last for spec in specs if (last := _before(spec, minute)) is not None), default=None)
        after = min(
            (due.at for spec in specs if (due := next(spec.dues(datetime.fromtimestamp(minute, UTC)), None))), default=None
        )
        show = specs[0].local
        if before is not None and after is not None:
            return msg("The nearest due times are {before} and {after}.", before=show(before), after=show(after))
        if after is not None:
            return msg("The first due time is {after}.", after=show(after))
        if before is not None:
            return msg("The last due time is {before}.", before=show(before))
        return msg("It has no due time at all.")


def _before(spec: Spec, minute: int) -> datetime | None:
    for seconds in BACK:
        last: datetime | None = None
        begin = datetime.fromtimestamp(max(minute - seconds, 0), UTC)
        for due in takewhile(lambda due: due.at.timestamp() < minute, spec.dues(begin)):
            last = due.at
        if last is not None:
            return last
    return None


def _together(said: Sequence[Message]) -> Message:
    whole = said[0]
    for each in said[1:]:
        whole = msg("{first} {second}", first=whole, second=each)
    return whole


def _span(seconds: float) -> str:
    """`0:00:02`, or days before it."""
    total = max(0, round(seconds))
    days, rest = divmod(total, 86_400)
    clock = f"{rest // 3600}:{rest % 3600 // 60:02}:{rest % 60:02}"
    return f"{days} × 24 h + {clock}" if days else clock
