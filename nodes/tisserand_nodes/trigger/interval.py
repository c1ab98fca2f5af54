"""Start by interval: again and again, always the same time apart."""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from typing import Annotated

from pydantic import AfterValidator

from tisserand.sdk import Config, Duration, msg
from tisserand.sdk.timed import Moment, Timed, TimedConfig, wrong

LEAST = 1.0
ANCHOR = Moment("2000-01-01 00:00")


def _whole(every: Duration) -> Duration:
    if every.seconds < LEAST or every.seconds != int(every.seconds):
        raise wrong(msg("“{text}” is too fine: the least is 1s, and only whole seconds are counted.", text=every))
    return every


class Every(Config):
    every: Annotated[Duration, AfterValidator(_whole)]
    """How far apart the starts are: `15min`, `2h`, `1d`."""
    anchor: Moment | None = None
    """A moment that is one of the due times; the others are counted from it, forwards and backwards. Empty: midnight of
    1 January 2000."""


class IntervalConfig(TimedConfig, Every):
    pass


class Interval(Timed[IntervalConfig]):
    """Start the flow again and again, always the same time apart.

    The time is counted as it passes: when the clocks change, a start every 24 hours comes an hour earlier or later by the clock.
    For a fixed time of day take “Start by cron”. The event tells when it was due, when it was started and how late that was.
    """

    kind, title, icon = "trigger.interval", "Start at intervals", "repeat"

    def due(self, config: IntervalConfig, after: datetime, zone: tzinfo) -> Iterator[datetime]:
        every = int(config.every.seconds)
        anchor = (config.anchor or ANCHOR).at(zone)
        number = math.floor((after - anchor) / timedelta(seconds=every))
        while True:
            number += 1
            try:
                moment = anchor + timedelta(seconds=number * every)
            except OverflowError:
                return  # the end of the calendar: the year 9999
            if moment > after:
                yield moment
