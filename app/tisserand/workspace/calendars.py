"""Business calendars in `calendars.yaml`: holidays of a country, days taken out and put in, opening hours."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, model_validator
from pydantic_core import core_schema

from tisserand.model.problem import Place, Problem
from tisserand.model.yamlfile import Positions, read_data
from tisserand.sdk.config import Config
from tisserand.sdk.errors import NodeError
from tisserand.sdk.fields import _Marked
from tisserand.sdk.problems import config_problems
from tisserand.sdk.timed import Zone, wrong
from tisserand.texts import Message, msg

if TYPE_CHECKING:
    from holidays import HolidayBase

    from tisserand.workspace.folder import Workspace

FILE = "calendars.yaml"
FURTHEST = 800
"""Days within which a calendar must be open once; it is looked for no further."""

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_Date = date  # `Days` has a field of that name
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_RANGE = re.compile(r"\s*(\d{1,2}):(\d\d)\s*[-–]\s*(\d{1,2}):(\d\d)\s*")


class Day(_Marked):
    """A date, as `2026-12-24`."""

    @classmethod
    def _read(cls, value: str, info: core_schema.ValidationInfo) -> Day:
        try:
            date.fromisoformat(value)
        except ValueError:
            raise wrong(msg("“{text}” is not a date. Write it like 2026-12-24.", text=value)) from None
        return cls(value)

    @property
    def date(self) -> date:
        return date.fromisoformat(self)


class Hours(_Marked):
    """A stretch of a day, as `08:00-12:00`; the end no longer belongs to it. `24:00` is the end of the day."""

    @classmethod
    def _read(cls, value: str, info: core_schema.ValidationInfo) -> Hours:
        found = _RANGE.fullmatch(value)
        minutes = cls._minutes(found) if found else (1, 0)
        if not found or minutes[0] >= minutes[1] or minutes[1] > 1440 or int(found[2]) > 59 or int(found[4]) > 59:
            raise wrong(msg("“{text}” is not a stretch of a day. Write it like 08:00-12:00.", text=value))
        return cls(value)

    @staticmethod
    def _minutes(found: re.Match[str]) -> tuple[int, int]:
        return int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])

    @property
    def minutes(self) -> tuple[int, int]:
        """Minutes after midnight: the first that is open, and the first that is not any more."""
        found = _RANGE.fullmatch(self)
        assert found is not None
        return self._minutes(found)


class Days(Config):
    """A day, or the days from one to another."""

    date: Day
    until: Day | None = None
    """The last of the days, where there are several."""
    reason: str = ""
    """Why, in the words that “why did it not run” is answered with."""

    @model_validator(mode="after")
    def _forwards(self) -> Days:
        if self.until is not None and self.until.date < self.date.date:
            raise wrong(msg("“{until}” lies before “{date}”.", until=str(self.until), date=str(self.date)))
        return self

    def holds(self, day: _Date) -> bool:
        return self.date.date <= day <= (self.until or self.date).date


class CalendarConfig(Config):
    """One calendar of `calendars.yaml`."""

    country: str = ""
    """Whose public holidays are closed days: the ISO code of a country, for example `FR`. Empty: none."""
    subdivision: str = ""
    """A part of the country with holidays of its own, for example `57` in France or `BY` in Germany."""
    timezone: Zone = Zone("")
    """Where its days and hours are; empty: the time zone of the schedule that uses it."""
    open: Annotated[tuple[Weekday, ...], Field(min_length=1)] = ("mon", "tue", "wed", "thu", "fri")
    """The days of the week on which it is open."""
    hours: tuple[Hours, ...] = ()
    """When it is open on those days; nothing said: the whole day."""
    exclude: tuple[Days, ...] = ()
    """Days on which it is closed all the same."""
    include: tuple[Days, ...] = ()
    """Days on which it is open all the same; they count most."""


@dataclass(frozen=True)
class Calendar:
    """A calendar that can be asked. All moments are aware; days are those of `zone`."""

    name: str
    config: CalendarConfig = field(default_factory=CalendarConfig)
    fallback: tzinfo = UTC

    @cached_property
    def zone(self) -> tzinfo:
        return ZoneInfo(self.config.timezone) if self.config.timezone else self.fallback

    @cached_property
    def _holidays(self) -> HolidayBase | None:
        if not self.config.country:
            return None
        import holidays

        return holidays.country_holidays(self.config.country, subdiv=self.config.subdivision or None)

    @cached_property
    def _stretches(self) -> tuple[tuple[int, int], ...]:
        return tuple(sorted(each.minutes for each in self.config.hours)) or ((0, 1440),)

    def closed_day(self, day: date) -> Message | None:
        """Why it is closed on a day; None when it is open."""
        if any(each.holds(day) for each in self.config.include):
            return None
        shown = day.isoformat()
        for each in self.config.exclude:
            if each.holds(day):
                if each.reason:
                    return msg("{day} is excluded by the calendar “{calendar}”: {reason}",
                               day=shown, calendar=self.name, reason=each.reason)  # fmt: skip
                return msg("{day} is excluded by the calendar “{calendar}”", day=shown, calendar=self.name)
        holiday = self._holidays.get(day) if self._holidays is not None else None
        if holiday:
            return msg("{day} is a public holiday in the calendar “{calendar}”: {holiday}",
                       day=shown, calendar=self.name, holiday=str(holiday))  # fmt: skip
        if WEEKDAYS[day.weekday()] not in self.config.open:
            return msg("{day} is a {weekday}, on which the calendar “{calendar}” is closed",
                       day=shown, calendar=self.name, weekday=_NAMES[day.weekday()])  # fmt: skip
        return None

    def closed(self, moment: datetime) -> Message | None:
        """Why it is closed at a moment; None when it is open."""
        local = moment.astimezone(self.zone)
        reason = self.closed_day(local.date())
        if reason is None and not self._open_at(local.hour * 60 + local.minute):
            return msg("{time} is outside the opening hours of the calendar “{calendar}”: {hours}",
                       time=f"{local:%H:%M}", calendar=self.name, hours=[str(each) for each in self.config.hours])  # fmt: skip
        return reason

    def following(self, moment: datetime) -> datetime | None:
        """Where a moment goes that must wait until it is open: to the same time of the next open day, or, outside the opening
        hours, to the next opening. The moment itself when it is open; None when it never opens."""
        local = moment.astimezone(self.zone)
        day, minute = local.date(), local.hour * 60 + local.minute
        if self.closed_day(day) is None and self._open_at(minute):
            return moment
        if self.closed_day(day) is not None:
            found = self.open_day(day, 1)
            if found is None:
                return None
            day = found
            if self._open_at(minute):
                return self._at(day, local.timetz().replace(tzinfo=None))
        later = [begin for begin, _end in self._stretches if begin > minute]
        if later:
            return self._at(day, _clock(later[0]))
        found = self.open_day(day, 1)
        return self._at(found, _clock(self._stretches[0][0])) if found is not None else None

    def preceding(self, moment: datetime) -> datetime | None:
        """As `following`, backwards: to the same time of the open day before, or to the last minute before it closed."""
        local = moment.astimezone(self.zone)
        day, minute = local.date(), local.hour * 60 + local.minute
        if self.closed_day(day) is None and self._open_at(minute):
            return moment
        if self.closed_day(day) is not None:
            found = self.open_day(day, -1)
            if found is None:
                return None
            day = found
            if self._open_at(minute):
                return self._at(day, local.timetz().replace(tzinfo=None))
        earlier = [end for _begin, end in self._stretches if end <= minute]
        if earlier:
            return self._at(day, _clock(max(earlier) - 1))
        found = self.open_day(day, -1)
        return self._at(found, _clock(max(end for _begin, end in self._stretches) - 1)) if found is not None else None

    def open_day(self, day: date, step: int) -> date | None:
        """The nearest open day after (`step` 1) or before (-1) a day."""
        for _count in range(FURTHEST):
            try:
                day += timedelta(days=step)
            except OverflowError:
                return None
            if self.closed_day(day) is None:
                return day
        return None

    def _open_at(self, minute: int) -> bool:
        return any(begin <= minute < end for begin, end in self._stretches)

    def _at(self, day: date, clock: time) -> datetime:
        return datetime.combine(day, clock, self.zone).astimezone(UTC)


def _clock(minute: int) -> time:
    return time(minute // 60, minute % 60)


_NAMES = (
    msg("Monday"), msg("Tuesday"), msg("Wednesday"), msg("Thursday"), msg("Friday"), msg("Saturday"), msg("Sunday"),
)  # fmt: skip


class Calendars:
    """The calendars of one workspace. Every reading asks the file: it is small, and people edit it."""

    def __init__(self, workspace: Workspace) -> None:
        self.path = workspace.root / FILE

    def names(self) -> list[str]:
        return sorted(self._read()[0])

    def problems(self) -> list[Problem]:
        """Everything that is wrong with the file, each with its line."""
        return self._read()[1]

    def get(self, name: str, zone: tzinfo = UTC) -> Calendar:
        """The calendar of a name; `zone` where it says nothing of one. Raises `NodeError`."""
        found, problems = self._read()
        if name in found:
            return Calendar(name, found[name], zone)
        mine = [problem for problem in problems if (problem.place.field or "").partition(".")[0] in (name, "")]
        if mine:
            raise NodeError(
                "The calendar “{name}” cannot be used: {problem}",
                name=name, problem=mine[0].message, fix=mine[0].fix, line=mine[0].place.line, field="calendar",
            )  # fmt: skip
        near = difflib.get_close_matches(name, found, 3) or sorted(found) or ["–"]
        raise NodeError(
            "There is no calendar “{name}” in “{file}”.",
            name=name, file=FILE, near=near, field="calendar", fix="Calendars: {near}.",
        )  # fmt: skip

    def _read(self) -> tuple[dict[str, CalendarConfig], list[Problem]]:
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}, []
        except (OSError, UnicodeDecodeError) as error:
            message = msg("“{file}” cannot be read: {reason}", file=FILE, reason=str(error))
            return {}, [Problem("calendar.unreadable", message, None, Place(file=FILE))]
        if not text.strip():
            return {}, []
        data, problems, positions = read_data(text)
        found: dict[str, CalendarConfig] = {}
        told = [*problems]
        for name, raw in (data or {}).items():
            config, wrong_here = _calendar(name, raw)
            told += wrong_here
            if config is not None:
                found[name] = config
        return found, [_placed(problem, positions) for problem in told]


def _calendar(name: str, raw: Any) -> tuple[CalendarConfig | None, list[Problem]]:
    if not _NAME.fullmatch(name):
        fix = msg("Use letters, digits, dashes and underscores, beginning with a letter.")
        return None, [
            Problem("calendar.name", msg("“{name}” cannot be the name of a calendar.", name=name), fix, Place(field=name))
        ]
    if raw is not None and not isinstance(raw, Mapping):
        message = msg("The calendar “{name}” must hold settings (“country: FR”).", name=name)
        return None, [Problem("calendar.form", message, None, Place(field=name))]
    try:
        config = CalendarConfig.model_validate(raw or {})
    except ValidationError as error:
        found = config_problems(error, CalendarConfig)
        return None, [
            Problem(
                problem.code.replace("config.", "calendar."),
                problem.message,
                problem.fix,
                Place(field=".".join([name, *(problem.place.field or "").split(".")[1:]])),
            )
            for problem in found
        ]
    told = list(_unknown(name, config))
    return (None if told else config), told


def _unknown(name: str, config: CalendarConfig) -> Iterator[Problem]:
    """Whose holidays are not known, and what never opens."""
    if config.country:
        import holidays

        known = holidays.list_supported_countries()
        if config.country not in known:
            near = [code for code in known if code.startswith(config.country[:1].upper())][:12] or ["FR", "DE", "US"]
            message = msg("The holidays of the country “{country}” are not known.", country=config.country)
            yield Problem("calendar.country", message, msg("Write its ISO code, for example: {near}.", near=near), Place(field=f"{name}.country"))  # fmt: skip
            return
        parts = known[config.country]
        if config.subdivision and config.subdivision not in parts:
            message = msg("“{country}” has no part “{part}” with holidays of its own.", country=config.country, part=config.subdivision)  # fmt: skip
            yield Problem("calendar.subdivision", message, msg("Parts: {parts}.", parts=list(parts) or ["–"]), Place(field=f"{name}.subdivision"))  # fmt: skip
            return
    elif config.subdivision:
        message = msg("A part of a country needs the country.")
        yield Problem("calendar.subdivision", message, msg("Write “country”, too."), Place(field=f"{name}.subdivision"))
        return
    if Calendar(name, config).open_day(date.today() - timedelta(days=1), 1) is None:
        message = msg("The calendar “{name}” is never open in the next two years.", name=name)
        yield Problem("calendar.never", message, msg("Look at “exclude”."), Place(field=name))


def _placed(problem: Problem, positions: Positions) -> Problem:
    line = problem.place.line
    column = problem.place.column
    if line is None and positions.root is not None:
        line, column = positions.of(None, problem.place.field)
    return problem.at(file=FILE, line=line, column=column)
