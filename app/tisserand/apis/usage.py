"""Who called what, how often, how it went: rows by hour, the same from every gateway and every published flow."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

BOUNDS_MS: tuple[float, ...] = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000)
"""Upper bounds of the classes of latency; one more class holds what took longer."""

NOBODY = ""
"""The consumer of calls that named none that is known."""

LATEST = 2**37
"""Seconds since 1970: no call is later (it is the year 6325)."""
LARGEST = 2**50
"""Bytes: no call is larger."""


@dataclass(frozen=True, slots=True)
class UsageRow:
    """Calls of one hour that have everything else in common."""

    hour: int
    """Begin of the hour: seconds since 1970, UTC, a multiple of 3600."""
    api: str
    """Id; empty for calls that no API was found for."""
    version: str
    operation: str
    """`GET /orders/{id}`; empty where the gateway does not tell."""
    consumer: str
    plan: str
    status: int
    requests: int
    bytes_in: int = 0
    bytes_out: int = 0
    latency: tuple[int, ...] = ()
    """Calls in each class of `BOUNDS_MS`, one more at the end; empty where the gateway does not tell."""


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """Which usage, and by what it is summed. Times are seconds since 1970, UTC; 0 is open. Usage is kept by the hour: an hour of
    which a part lies between the two counts whole."""

    start: float = 0.0
    end: float = 0.0
    api: str = ""
    version: str = ""
    operation: str = ""
    consumer: str = ""
    plan: str = ""
    status: str = ""
    """`429`, or a class: `4xx`."""
    by: tuple[str, ...] = ()
    """Of `hour`, `day`, `api`, `version`, `operation`, `consumer`, `plan`, `status`; empty gives one sum."""
    limit: int = 1000
    gateway: str = ""


@dataclass(frozen=True, slots=True)
class UsageSum:
    """The sum over one group."""

    group: Mapping[str, Any]
    """Each of `UsageQuery.by` with its value; `hour` and `day` as the seconds at which they begin."""
    requests: int
    errors: int
    """Answers of 500 and above."""
    rejected: int
    """401, 403, 413, 429."""
    bytes_in: int
    bytes_out: int
    p50: float | None
    """ms"""
    p99: float | None

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "group": dict(self.group)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> UsageSum:
        return cls(**data)


def plausible(moment: int, status: int, *sizes: int) -> bool:
    """Whether a call can have been so. What a damaged line of a log says must not stop the counting of all others for good."""
    return 0 <= moment < LATEST and 0 < status < 1000 and all(0 <= size < LARGEST for size in sizes)


def latency_class(ms: float) -> int:
    """The class that a latency belongs to."""
    return bisect_left(BOUNDS_MS, ms)


def quantile(latency: Sequence[int], share: float) -> float | None:
    """The latency in ms below which that share of the calls stayed: interpolated within its class, as Prometheus'
    `histogram_quantile` does; calls above the last bound count as that bound. None without calls."""
    total = sum(latency)
    if total == 0:
        return None
    rank, below = share * total, 0
    for index, count in enumerate(latency):
        if count and below + count >= rank:
            if index == len(BOUNDS_MS):
                return BOUNDS_MS[-1]
            low = BOUNDS_MS[index - 1] if index else 0.0
            return low + (BOUNDS_MS[index] - low) * max(0.0, rank - below) / count
        below += count
    return BOUNDS_MS[-1]
