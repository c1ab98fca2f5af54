"""Start by cron: at the minutes that a standard cron text names."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Annotated

from cronsim.cronsim import CronSim, CronSimError
from cronsim.cronsim import Field as CronField
from pydantic import AfterValidator, Field

from tisserand.sdk import Config, Message, NodeError, Schema, msg
from tisserand.sdk.timed import Timed, TimedConfig, first_due, wrong

FIELDS: tuple[tuple[CronField, Message, Message], ...] = (
    (CronField.MINUTE, msg("minute"), msg("a number from 0 to 59, for example 0, */15 or 0,30")),
    (CronField.HOUR, msg("hour"), msg("a number from 0 to 23, for example 6, 8-18 or */2")),
    (CronField.DAY, msg("day of the month"), msg("a number from 1 to 31, for example 1, 1,15 or L for the last")),
    (CronField.MONTH, msg("month"), msg("a number from 1 to 12 or a name, for example 1, 1-6 or jan")),
    (CronField.DOW, msg("day of the week"), msg("a number from 0 (Sunday) to 7 or a name, for example 1, mon-fri or 5L")),
)
EXAMPLE = "0 6 * * mon-fri"


def _cron(text: str) -> str:
    parts = text.split()
    if len(parts) != len(FIELDS):
        raise wrong(
            msg(
                "“{text}” has {count} fields; a cron text has five: minute, hour, day of the month, month, day of the week. "
                "Example: {example} (at 6:00 from Monday to Friday).",
                text=text,
                count=len(parts),
                example=EXAMPLE,
            )
        )
    for part, (field, name, expected) in zip(parts, FIELDS, strict=True):
        try:
            field.parse(part.upper())
        except CronSimError:
            raise wrong(
                msg(
                    "“{part}” cannot be the {field} of a cron text: write {expected}. Whole example: {example}.",
                    part=part,
                    field=name,
                    expected=expected,
                    example=EXAMPLE,
                )
            ) from None
    return " ".join(parts)


class CronText(Config):
    cron: Annotated[str, AfterValidator(_cron)] = Field(title="Cron text")
    """Minute, hour, day of the month, month, day of the week: `0 6 * * mon-fri` is 6:00 from Monday to Friday, `*/15 * * * *`
    every quarter of an hour. Where day of the month and day of the week are both given, either will do."""


class CronConfig(TimedConfig, CronText):
    pass


class Cron(Timed[CronConfig]):
    """Start the flow by a cron text: at 6:00 on working days, every quarter of an hour, on the last day of the month.

    When the clocks change, it keeps the rules of Debian’s cron: a fixed time that the clocks skip runs right after the jump, one
    that they repeat runs once; what runs at every hour follows the hours as they really pass. The event tells when it was due,
    when it was started and how late that was.
    """

    kind, title, icon = "trigger.cron", "Start by cron", "calendar-clock"

    def due(self, config: CronConfig, after: datetime, zone: tzinfo) -> Iterator[datetime]:
        """See `Timed.due`. cronsim repeats a moment when two skipped times fall on it, and may begin a little early where an hour
        is repeated: both are left out here."""
        last = after
        try:
            for found in CronSim(config.cron, after.astimezone(zone)):
                moment = found.astimezone(UTC)
                if moment > last:
                    last = moment
                    yield moment
        except CronSimError:
            return  # a day that none of its months has
        except OverflowError:
            return  # the end of the calendar: the year 9999

    def check(self, config: CronConfig, schemas: Mapping[str, Schema]) -> Iterable[Exception]:
        if first_due(self, config) is None:
            yield NodeError(
                "“{cron}” never comes: none of its months has such a day.",
                cron=config.cron,
                field="cron",
                fix="For the last day of a month write L, for example: 0 6 L * *.",
            )
