"""The judgement: what becomes of each due time that has passed. It computes and touches nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tisserand.model.problem import Problem
from tisserand.service.ledger import Change
from tisserand.service.schedule.calls import Judged, Verdict
from tisserand.service.schedule.spec import Due, Spec, local
from tisserand.texts import Message, msg

LATE = 60.0
"""Seconds after which a due time counts as missed."""
CHUNK = 1000
"""Verdicts written at once, of those whose reason hangs on no other."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of time in which one schedule was in force: from `since` to the next segment's."""

    since: float
    spec: Spec | None
    """None: the node was not there, or switched off."""
    problem: Problem | None = None
    """Why it could not be run; `spec` is then the last one that was understood."""


@dataclass(frozen=True, slots=True)
class Force:
    """Whether a flow was on and whether it was paused, at any time."""

    changes: Sequence[Change] = ()

    def on(self, time: float) -> Change | None:
        """The switching on that counted then; None where it was off."""
        found = self._last(time, "on", "off")
        return found if found is not None and found.what == "on" else None

    def off(self, time: float) -> Change | None:
        """The switching off that counted then; None where it was on, or never had been."""
        found = self._last(time, "on", "off")
        return found if found is not None and found.what == "off" else None

    def paused(self, time: float) -> Change | None:
        found = self._last(time, "paused", "unpaused")
        return found if found is not None and found.what == "paused" else None

    def _last(self, time: float, *what: str) -> Change | None:
        return next((each for each in reversed(self.changes) if each.what in what and each.time <= time), None)


@dataclass(frozen=True, slots=True)
class Situation:
    """What is so at the moment of judging."""

    now: float
    force: Force
    absent: Callable[[float, str], Message]
    """(time, zone) → why nobody started anything then."""
    under_way: Callable[[], Message | None]
    """Why another run of the flow must not begin now; asked only where the flow's overlap rule is `skip`."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Verdicts that are entered together, and up to where the node is then judged."""

    rows: tuple[Verdict, ...]
    through: float
    wake: float | None = None
    """When the next due time starts; of the last batch only."""


def judge(segments: Sequence[Segment], through: float, situation: Situation) -> Iterator[Batch]:
    """Judge every due time later than `through` whose start has come, oldest first. The last batch is always given."""
    now = situation.now
    broken = _unusable(segments[-1]) if segments else None
    latest = _latest(segments, through, situation, broken)
    rows: list[Verdict] = []
    wake = None
    done = through
    running = False
    for segment, due in _walk(segments, through):
        starts = due.starts.timestamp()
        if starts > now:
            wake = starts
            done = max(done, min(now, due.at.timestamp() - 1))
            break
        found = _verdict(segment, due, situation, broken, latest, running)
        if found is not None:
            running = running or found.verdict == "ran"
            rows.append(found)
        done = due.at.timestamp()
        assert segment.spec is not None
        if len(rows) >= CHUNK and now - starts > segment.spec.read.catch_up.seconds:
            yield Batch(tuple(rows), done)
            rows = []
    else:
        done = max(done, now)
    yield Batch(tuple(rows), done, wake)


def _walk(segments: Sequence[Segment], through: float) -> Iterator[tuple[Segment, Due]]:
    """All due times later than `through`, each under the schedule that was in force; the last segment has no end."""
    for index, segment in enumerate(segments):
        end = segments[index + 1].since if index + 1 < len(segments) else None
        begin = max(through, segment.since)
        if segment.spec is None or (end is not None and end <= begin):
            continue
        for due in segment.spec.dues(datetime.fromtimestamp(begin, UTC)):
            if end is not None and due.at.timestamp() > end:
                break
            yield segment, due


def _latest(segments: Sequence[Segment], through: float, situation: Situation, broken: Message | None) -> datetime | None:
    """The newest due time that may run; where the policy is `latest`, it stands for those before it."""
    if not any(segment.spec is not None and segment.spec.read.missed == "latest" for segment in segments):
        return None
    found = None
    for segment, due in _walk(segments, through):
        if due.starts.timestamp() > situation.now:
            break
        if _hindered(segment, due, situation, broken) is None and _within(segment, due, situation.now):
            found = due.at
    return found


def _within(segment: Segment, due: Due, now: float) -> bool:
    assert segment.spec is not None
    return now - due.starts.timestamp() <= max(segment.spec.read.catch_up.seconds, LATE)


def _hindered(segment: Segment, due: Due, situation: Situation, broken: Message | None) -> tuple[Judged | None, Message] | None:
    """What keeps a due time from being run, whenever it is judged; the verdict None: it was none, the flow was off."""
    starts = due.starts.timestamp()
    force, spec = situation.force, segment.spec
    assert spec is not None
    if force.on(starts) is None:
        return None, msg("The flow was off.")
    if due.closed:
        assert due.reason is not None
        return "skipped", msg("{reason}.", reason=due.reason)
    paused = force.paused(starts) or force.paused(situation.now)
    if paused is not None:
        return "skipped", _paused(paused, spec.zone)
    off = force.off(situation.now)
    if off is not None:
        return "missed", msg("The flow was switched off at {time}, before it could be made up for.", time=spec.local(off.time))
    unusable = _unusable(segment) or broken
    return ("missed", unusable) if unusable is not None else None


def _unusable(segment: Segment) -> Message | None:
    """Why what is in force cannot be run."""
    if segment.problem is not None:
        return msg("The flow could not be run as its file was: {problem}", problem=segment.problem.message)
    if segment.spec is None:
        return msg("The trigger was taken out of the flow before it could be made up for.")
    return None


def _paused(paused: Change, zone: str) -> Message:
    if paused.by:
        return msg("The flow was paused by {by} since {since}.", by=paused.by, since=local(paused.time, zone))
    return msg("The flow was paused since {since}.", since=local(paused.time, zone))


def _verdict(
    segment: Segment, due: Due, situation: Situation, broken: Message | None, latest: datetime | None, running: bool
) -> Verdict | None:
    spec, starts, now = segment.spec, due.starts.timestamp(), situation.now
    assert spec is not None

    def made(verdict: Judged, reason: Message) -> Verdict:
        return Verdict(spec.file, spec.node, int(due.at.timestamp()), verdict, reason, None, now, starts, spec.zone)

    hindered = _hindered(segment, due, situation, broken)
    if hindered is not None:
        return made(hindered[0], hindered[1]) if hindered[0] is not None else None
    reason = _moved(due, spec)
    if now - starts > LATE:
        why = situation.absent(starts, spec.zone)
        policy = spec.read.missed
        if not _within(segment, due, now):
            return made("missed", msg("{why} It was longer ago than the {window} within which it is made up for.",
                                      why=why, window=str(spec.read.catch_up)))  # fmt: skip
        if policy == "none":
            return made("missed", msg("{why} Its schedule makes up for nothing.", why=why))
        if policy == "ask":
            return made("asking", msg("{why} A person has to say whether to run it now.", why=why))
        if policy == "latest" and due.at != latest:
            return made("missed", msg("{why} A later due time took its place.", why=why))
        reason = msg("{why} It was made up for.", why=why)
    if spec.overlap == "skip":
        if running:
            return made("skipped", msg("Another due time of this flow was started at the same moment, and it must not run twice at a time."))  # fmt: skip
        hinder = situation.under_way()
        if hinder is not None:
            return made("skipped", hinder)
    return made("ran", reason)


def _moved(due: Due, spec: Spec) -> Message:
    if due.at == due.scheduled or due.reason is None:
        return msg("It was due.")
    return msg("It was moved here from {time}: {reason}.", time=spec.local(due.scheduled), reason=due.reason)
