"""Start on dates: at moments that a list names."""

from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Annotated

from pydantic import Field

from tisserand.sdk import Config
from tisserand.sdk.timed import Moment, Timed, TimedConfig


class Moments(Config):
    dates: Annotated[tuple[Moment, ...], Field(min_length=1)]
    """When it starts, one entry each, for example `2026-12-31 23:00`."""


class DatesConfig(TimedConfig, Moments):
    pass


class Dates(Timed[DatesConfig]):
    """Start the flow at the moments of a list: the closing days of the year, a migration, a rehearsal.

    The event tells when it was due, when it was started and how late that was.
    """

    kind, title, icon = "trigger.dates", "Start on dates", "calendar"

    def due(self, config: DatesConfig, after: datetime, zone: tzinfo) -> Iterator[datetime]:
        yield from sorted({moment for each in config.dates if (moment := each.at(zone)) > after})
