"""Triggers that start a flow at times: the role, the settings they share, and moments as people write them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError, core_schema

from tisserand.model.schema import Schema
from tisserand.sdk.config import Config, Picks, Words
from tisserand.sdk.context import ListenContext
from tisserand.sdk.fields import Duration, _Marked
from tisserand.sdk.node import Arrivals, Trigger
from tisserand.texts import Message, msg


def wrong(sentence: Message) -> PydanticCustomError:
    """What a validator raises, so that the sentence reaches the person in their language."""
    return PydanticCustomError("sentence", "{sentence}", {"sentence": sentence.text("en"), "message": sentence.to_json()})


class Moment(_Marked):
    """A date with a time, as `2026-11-30 06:00`: local time of the schedule, unless it ends with an offset (`+01:00`, `Z`)."""

    form = "text"

    @classmethod
    def _read(cls, value: str, info: core_schema.ValidationInfo) -> Moment:
        try:
            datetime.fromisoformat(value.strip())
        except ValueError:
            raise wrong(msg("“{text}” is not a moment. Write it like 2026-11-30 06:00.", text=value)) from None
        return cls(value.strip())

    def at(self, zone: tzinfo) -> datetime:
        """The moment in UTC. A time that the clocks skip counts as after the jump, one that they repeat is the first."""
        moment = datetime.fromisoformat(self)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC).replace(microsecond=0)


class Zone(_Marked):
    """A time zone by its IANA name, for example `Europe/Paris`."""

    form = "text"

    @classmethod
    def _read(cls, value: str, info: core_schema.ValidationInfo) -> Zone:
        if value and not known_zone(value):
            raise wrong(msg("There is no time zone “{name}”. Write one like Europe/Paris or UTC.", name=value))
        return cls(value)


def known_zone(name: str) -> bool:
    """Whether the system knows a time zone of this name; never a file outside its list."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # nothing there; no relative path; a folder
        return False
    return True


class TimedConfig(Config):
    """The settings of every trigger that starts a flow at times. A subclass puts its own before them:
    `class CronConfig(TimedConfig, Own)`."""

    timezone: Zone = Field(Zone(""), title="Time zone")
    """Where the times are meant, for example `Europe/Paris`. Empty: the zone of the calendar, else that of this machine."""
    calendar: Annotated[str, Picks("calendar")] = ""
    """A business calendar of the workspace (`calendars.yaml`) that tells on which days and at which hours it is open."""
    closed: Annotated[
        Literal["skip", "next", "previous"],
        Field(title="When it is closed"),
        Words(skip="Leave it out", next="Run on the next open day", previous="Run on the open day before"),
    ] = "skip"
    """What becomes of a due time while the calendar is closed: left out, or moved, at the same time of day where that is open, to
    the next open day or to the one before."""
    missed: Annotated[
        Literal["all", "latest", "none", "ask"],
        Field(title="Missed due times"),
        Words(all="Run each of them", latest="Run the latest one", none="Run none", ask="Ask a person"),
    ] = "latest"
    """What becomes of due times that passed while the executor was not running."""
    catch_up: Duration = Field(Duration("1d"), title="Catch up within")
    """Due times that were missed longer ago than this are not run any more."""
    jitter: Duration | None = None
    """Spread the starts: each is put off by up to this long, always by the same for the same due time, and never to the next."""
    start: Moment | None = Field(None, title="Not before")
    """No due time lies before this moment."""
    end: Moment | None = Field(None, title="Not after")
    """No due time lies after this moment."""

    @model_validator(mode="after")
    def _in_order(self) -> TimedConfig:
        if self.start is not None and self.end is not None and self.end.at(UTC) < self.start.at(UTC):
            raise wrong(msg("“Not after” lies before “Not before”: it would never run."))
        return self


C = TypeVar("C", bound=TimedConfig)

EVENT = Schema.of({"due": "timestamp(6)", "at": "timestamp(6)", "scheduled": "string", "timezone": "string", "late": "float64"})
"""When it was due and when it was started (UTC), the due time as the schedule has it, its zone, and the seconds between both."""


class Timed(Trigger[C]):
    """A trigger that is due at times that can be computed. The executor's ledger judges each due time exactly once."""

    def due(self, config: C, after: datetime, zone: tzinfo) -> Iterator[datetime]:
        """The due times later than `after`, in UTC, in order, each once, without an end where there is none; `zone` is where local
        times are meant. Calendar, jitter, start and end are not its business."""
        raise NotImplementedError

    def event(self, config: C) -> Schema:
        return EVENT

    def listen(self, ctx: ListenContext, config: C) -> Iterator[Arrivals]:
        """Nothing to listen to: the schedule of the executor starts the flow."""
        while not ctx.cancelled():
            ctx.sleep(5.0)
        return iter(())


def first_due(node: Timed[C], config: C, zone: tzinfo = UTC) -> datetime | None:
    """The first due time from 1970 on (there is none for 30 February)."""
    return next(iter(node.due(config, datetime(1970, 1, 1, tzinfo=UTC) - timedelta(seconds=1), zone)), None)
