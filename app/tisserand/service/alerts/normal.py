"""What is usual for a number of a flow's runs, from its history alone: a centre and how far around it runs normally lie.

Numbers are compared as logarithms, with the runs at comparable times: the same weekday around the same hour, else the same kind of
day, else all. The centre is their median (moved along where they grow or shrink steadily), the spread their median absolute
deviation, held near that of ordinary runs while there are few. Unusual is what lies so far out that ordinary noise hardly ever does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tisserand.texts import Message, msg

MOST = 200
"""The latest comparable runs that count."""
FEWEST = 8
"""Comparable runs below which nothing is said."""
ORDINARY = 0.4
"""The spread (of logarithms) that is assumed where history is short."""
ASSUMED = 30
"""How many runs that assumption weighs as much as."""
SELDOM, OFTEN = 4.3, 5.0
"""How many spreads out is unusual: for flows that run up to hourly, and for those that run more often, of which each run is a
chance for a false alarm."""
LEAST = math.log(3)
"""What differs by less than this factor is never unusual."""
PAIRED = 60
"""Runs that are enough to tell steady growth from."""
STEEPEST = math.log(1.03)
"""The steepest steady growth, by day."""
DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Usual:
    """`low` and `high` are what a number may be; `from_` to `to` is where nine of ten comparable runs lay."""

    low: float
    high: float
    centre: float
    from_: float
    to: float
    runs: int
    when: Message | None = None
    """Which runs it was compared with, as words behind “usually …”."""


@dataclass(frozen=True, slots=True)
class Past:
    """A number of an earlier run. `at` is when that began."""

    at: float
    value: float


def usual(
    past: Sequence[Past], at: float, often: bool, when: Message | None = None, wider: float = 1.0, slope: float = 0.0
) -> Usual | None:
    """What is usual for a run that began `at`, from comparable ones; None where they are too few. `wider` is a factor by which more
    is let pass, `slope` the growth by day of all runs of the flow."""
    known = sorted((one for one in past if one.value > 0), key=lambda one: one.at)[-MOST:]
    if len(known) < FEWEST:
        return None
    return _around(known, at, OFTEN if often else SELDOM, when, wider, slope)


def few(past: Sequence[Past], at: float, often: bool, when: Message, slope: float) -> Usual | None:
    """The same from three runs on, for times that come seldom (the ends of months); with another opinion beside it."""
    known = sorted((one for one in past if one.value > 0), key=lambda one: one.at)[-MOST:]
    return _around(known, at, OFTEN if often else SELDOM, when, 1.0, slope) if len(known) >= 3 else None


def _around(known: Sequence[Past], at: float, spreads: float, when: Message | None, wider: float, slope: float) -> Usual:
    logs = [math.log(one.value) for one in known]
    moved = [value + slope * (at - one.at) / DAY for one, value in zip(known, logs, strict=True)]
    centre = median(moved)
    own = 1.4826 * median(abs(value - centre) for value in moved)
    spread = math.sqrt((len(moved) * own**2 + ASSUMED * ORDINARY**2) / (len(moved) + ASSUMED))
    reach = max(LEAST, spreads * spread) + math.log(wider)
    shown = sorted(math.exp(value) for value in moved)
    return Usual(
        math.exp(centre - reach), math.exp(centre + reach), math.exp(centre), _at(shown, 0.05), _at(shown, 0.95), len(known), when
    )


def growth(past: Sequence[Past]) -> float:
    """How the logarithm of a number grows or shrinks by day, steadily: the median of the slopes between all pairs of runs (Theil and
    Sen), where that is more than chance; 0 where runs are few or lie too near together."""
    known = sorted((one for one in past if one.value > 0), key=lambda one: one.at)[-MOST:]
    if len(known) < 12 or known[-1].at - known[0].at < 14 * DAY:
        return 0.0
    points = [(one.at / DAY, math.log(one.value)) for one in known[:: max(1, len(known) // PAIRED)]]
    slope = median(
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for number, earlier in enumerate(points)
        for later in points[number + 1 :]
        if later[0] > earlier[0]
    )
    left = [value - slope * day for day, value in points]
    spread = max(1.4826 * median(abs(value - median(left)) for value in left), 0.05)
    chance = spread * math.sqrt(12 / len(points)) / (points[-1][0] - points[0][0])
    return max(-STEEPEST, min(STEEPEST, slope)) if abs(slope) > 2.5 * chance else 0.0


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, max(0, math.ceil(share * len(ordered)) - 1))]


def both(one: Usual, other: Usual) -> Usual:
    """What either of two opinions lets pass; the words are those of the first."""
    return Usual(min(one.low, other.low), max(one.high, other.high), one.centre, one.from_, one.to, one.runs, one.when)


def span(seconds: float) -> Message:
    """A duration in the unit a person would choose."""
    if seconds < 1:
        return msg("{n} s", n=f"{seconds:.2g}")
    if seconds < 100:
        return msg("{n} s", n=round(seconds))
    if seconds < 5400:
        return msg("{n} min", n=round(seconds / 60))
    return msg("{n} h", n=f"{seconds / 3600:.2g}")


def amount(value: float) -> str:
    """A count as texts show it."""
    return str(round(value)) if value < 1e6 else f"{value:.2g}"
