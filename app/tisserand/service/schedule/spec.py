"""The schedule of one trigger node as a value: everything that its due times follow from, today and when they are judged later."""

from __future__ import annotations

import hashlib
import heapq
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

from tisserand.engine.resolve import problem_of
from tisserand.engine.values import typical_values
from tisserand.model.problem import Problem
from tisserand.model.yamlfile import read_flow
from tisserand.sdk.errors import NodeError
from tisserand.sdk.registry import registry
from tisserand.sdk.timed import Timed, TimedConfig, known_zone
from tisserand.texts import Message, msg
from tisserand.workspace.calendars import FILE as CALENDARS
from tisserand.workspace.calendars import Calendar, CalendarConfig, Calendars
from tisserand.workspace.folder import MARKER

if TYPE_CHECKING:
    from tisserand.model.flow import Flow, Node
    from tisserand.workspace.folder import Workspace


Stamp = tuple[int, int]
"""When files changed last, in nanoseconds, and how large they are together."""


@dataclass(frozen=True, slots=True)
class Due:
    """One due time. Moments are UTC."""

    at: datetime
    """What names it; whole seconds."""
    starts: datetime
    """When it is to be started: later by its jitter, and before the next due time."""
    scheduled: datetime
    """What the trigger says, before the calendar moved it."""
    closed: bool = False
    """The calendar leaves it out."""
    reason: Message | None = None
    """Why it is left out or was moved."""


@dataclass(frozen=True)
class Spec:
    """The schedule of one node. Two that are equal have the same due times."""

    file: str
    flow: str
    node: str
    kind: str
    config: Mapping[str, Any]
    """As the flow has it, with everything filled in."""
    zone: str
    calendar: Mapping[str, Any] | None = None
    """The calendar as its file had it."""
    overlap: str | None = None
    """What the flow does with a run that begins while another is under way."""

    def to_json(self) -> str:
        return json.dumps({name: getattr(self, name) for name in self.__dataclass_fields__}, sort_keys=True, ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> Spec:
        return _spec(text)

    @cached_property
    def read(self) -> TimedConfig:
        found = registry().get(self.kind)
        if found is None:
            raise NodeError("There is no node type “{kind}” any more.", kind=self.kind)
        return cast(TimedConfig, found.node.Config.model_validate(dict(self.config)))

    @cached_property
    def place(self) -> tzinfo:
        return ZoneInfo(self.zone)

    @cached_property
    def opening(self) -> Calendar | None:
        if self.calendar is None:
            return None
        return Calendar(self.read.calendar, CalendarConfig.model_validate(dict(self.calendar)), self.place)

    def local(self, moment: datetime | float) -> str:
        """A moment as people of the schedule's zone write it."""
        return local(moment, self.zone)

    def dues(self, after: datetime) -> Iterator[Due]:
        """Every due time whose `at` is later than `after`, in order."""
        jitter = self.read.jitter.seconds if self.read.jitter else 0.0
        before: Due | None = None
        for due in self._moved(after):
            if not jitter:
                yield due
                continue
            if before is not None:
                yield self._put_off(before, min(jitter, (due.at - before.at).total_seconds()))
            before = due
        if before is not None:
            yield self._put_off(before, jitter)

    def _put_off(self, due: Due, most: float) -> Due:
        digest = hashlib.sha256(f"{self.file}|{self.node}|{int(due.at.timestamp())}".encode()).digest()
        share = int.from_bytes(digest[:6], "big") / 2**48
        return Due(due.at, due.at + timedelta(milliseconds=int(share * most * 1000)), due.scheduled, due.closed, due.reason)

    def named(self, after: datetime) -> Iterator[datetime]:
        """The times that the trigger itself names, between start and end."""
        found = registry().get(self.kind)
        assert found is not None
        node = cast("Timed[Any]", found.node())
        config = self.read
        if config.start is not None:
            after = max(after, config.start.at(self.place) - timedelta(microseconds=1))
        last = config.end.at(self.place) if config.end is not None else None
        for moment in node.due(config, after, self.place):
            if last is not None and moment > last:
                return
            yield moment

    def _moved(self, after: datetime) -> Iterator[Due]:
        calendar, way = self.opening, self.read.closed
        if calendar is None or way == "skip":
            for moment in self.named(after):
                reason = calendar.closed(moment) if calendar is not None else None
                yield Due(moment, moment, moment, reason is not None, reason)
            return
        # What is moved may change places with others, so each waits here until nothing can come before it any more.
        waiting: list[tuple[datetime, bool, datetime, Due]] = []
        last = after
        for moment in self.named(_days_back(calendar, after, 3) if way == "next" else after):
            bound = moment if way == "next" else _days_back(calendar, moment, 2)
            while waiting and waiting[0][0] < bound:
                due = heapq.heappop(waiting)[-1]
                if due.at > last:
                    last = due.at
                    yield due
            due = self.placed(calendar, moment, way)
            heapq.heappush(waiting, (due.at, due.at != moment, moment, due))
        while waiting:
            due = heapq.heappop(waiting)[-1]
            if due.at > last:
                last = due.at
                yield due

    def placed(self, calendar: Calendar, moment: datetime, way: str) -> Due:
        """What the calendar makes of a time."""
        reason = calendar.closed(moment)
        if reason is None:
            return Due(moment, moment, moment)
        to = calendar.following(moment) if way == "next" else calendar.preceding(moment)
        return Due(moment, moment, moment, True, reason) if to is None else Due(to, to, moment, False, reason)


def _days_back(calendar: Calendar, moment: datetime, count: int) -> datetime:
    """Midnight of the open day that lies `count` open days before."""
    day = moment.astimezone(calendar.zone).date()
    for _number in range(count):
        day = calendar.open_day(day, -1) or day
    return datetime(day.year, day.month, day.day, tzinfo=calendar.zone).astimezone(UTC) - timedelta(microseconds=1)


@lru_cache(maxsize=4096)
def _spec(text: str) -> Spec:
    return Spec(**json.loads(text))


def local(moment: datetime | float, zone: str) -> str:
    """`2026-11-25 06:00 (Europe/Paris)`."""
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(moment, UTC)
    there = moment.astimezone(ZoneInfo(zone))
    return f"{there:%Y-%m-%d %H:%M:%S} ({zone})" if there.second else f"{there:%Y-%m-%d %H:%M} ({zone})"


@lru_cache(maxsize=1)
def machine_zone() -> str:
    """The time zone of this machine; UTC where it has none with a name."""
    import tzlocal

    try:
        name = str(tzlocal.get_localzone_name())
    except (LookupError, ValueError, OSError):
        return "UTC"
    return name if known_zone(name) else "UTC"


@dataclass(frozen=True, slots=True)
class Read:
    """What a flow file says of schedules: a spec for each of its timed nodes that can be understood, and what is wrong."""

    specs: Mapping[str, Spec]
    problems: tuple[Problem, ...] = ()
    nodes: frozenset[str] | None = frozenset()
    """The timed nodes that are switched on, also those that are wrong; None where the file cannot be read."""


def read_specs(workspace: Workspace, file: str, text: str) -> Read:
    """The schedules of the text of a flow."""
    reading = read_flow(text, file)
    errors = [problem for problem in reading.problems if problem.severity == "error"]
    if reading.flow is None or errors:
        return Read({}, tuple(errors), None)
    flow, specs, problems = reading.flow, {}, []
    nodes = list(_timed(flow))
    values: dict[str, Any] = {}
    if nodes:
        try:
            environment = workspace.environment(None)
        except NodeError as error:
            return Read({}, (problem_of(error),), frozenset(node.id for node in nodes))
        values = {**workspace.values(environment), "env": environment.name, **typical_values(flow)}
    for node in nodes:
        try:
            specs[node.id] = _compiled(workspace, file, flow, node, values)
        except NodeError as error:
            problems.append(problem_of(error).at(file=file, flow=flow.id, node=node.id))
        except _Wrong as error:
            problems += [problem.at(file=file, flow=flow.id, node=node.id) for problem in error.problems]
    return Read(specs, tuple(problems), frozenset(node.id for node in nodes))


class _Wrong(Exception):  # noqa: N818 - carries problems
    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__(problems[0].line())


def _timed(flow: Flow) -> Iterable[Node]:
    nodes = registry()
    for node in flow.nodes.values():
        found = nodes.get(node.kind)
        if found is not None and issubclass(found.node, Timed) and not node.disabled:
            yield node


def _compiled(workspace: Workspace, file: str, flow: Flow, node: Node, values: Mapping[str, Any]) -> Spec:
    found = registry().get(node.kind)
    assert found is not None
    raw = found.migrate(dict(node.config), node.version)
    wrong = found.check_config(raw, values)
    if wrong:
        raise _Wrong(wrong)
    config = cast(TimedConfig, found.read_config(raw, values))
    for error in cast("Timed[Any]", found.node()).check(config, {}):
        raise error
    calendar = Calendars(workspace).get(config.calendar) if config.calendar else None
    zone = config.timezone or (calendar.config.timezone if calendar is not None else "") or machine_zone()
    return Spec(
        file,
        flow.id,
        node.id,
        found.kind,
        config.model_dump(mode="json", exclude_defaults=True),
        str(zone),
        calendar.config.model_dump(mode="json", exclude_defaults=True) if calendar is not None else None,
        flow.limits.overlap,
    )


def unreadable(file: str, error: OSError | UnicodeDecodeError) -> Problem:
    """Why a flow file that is on cannot be read."""
    if isinstance(error, FileNotFoundError):
        return Problem("schedule.missing", msg("There is no flow file “{path}” any more.", path=file))
    reason = getattr(error, "strerror", None) or str(error)
    return Problem("schedule.unreadable", msg("“{path}” cannot be read: {reason}.", path=file, reason=reason))


def stamp_of(*paths: Path) -> Stamp | None:
    """The time of the last change of some files, in nanoseconds, and their sizes together; None where none is there."""
    found = []
    for path in paths:
        with suppress(OSError):
            state = path.stat()
            found.append((state.st_mtime_ns, state.st_size))
    return (max(each[0] for each in found), sum(each[1] for each in found)) if found else None


def surroundings(root: Path) -> list[Path]:
    """What the schedules of all flows hang on besides their files."""
    return [root / CALENDARS, root / MARKER, *sorted((root / "environments").glob("*.yaml"))]
