"""Calendar periods of quotas: in UTC, weeks begin on Monday."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

from tisserand.apis.model import Period

PERIODS: tuple[Period, ...] = get_args(Period)


def begin(period: Period, at: float) -> int:
    """When the period that holds a moment began; both in seconds since 1970, UTC."""
    return int(_begin(period, at).timestamp())


def end(period: Period, at: float) -> int:
    """When it ends, and the next one begins."""
    first = _begin(period, at)
    if period == "month":
        return int((first + timedelta(days=32)).replace(day=1).timestamp())
    lengths = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
    return int((first + lengths[period]).timestamp())


def _begin(period: Period, at: float) -> datetime:
    moment = datetime.fromtimestamp(at, UTC).replace(minute=0, second=0, microsecond=0)
    if period == "hour":
        return moment
    day = moment.replace(hour=0)
    if period == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if period == "month" else day
