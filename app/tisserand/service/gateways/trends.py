"""Usage beside that of the period before, of the same length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tisserand.apis.usage import UsageQuery, UsageSum
from tisserand.apis.usage_store import DAY, HOUR, LARGEST


@dataclass(frozen=True, slots=True)
class Trend:
    """The sum over one group, and how many requests there were before."""

    sum: UsageSum
    before: int

    @property
    def change(self) -> float | None:
        """1.0 is twice as many; None where there were none before."""
        return self.sum.requests / self.before - 1 if self.before else None


def trends(ask: Callable[[UsageQuery], Sequence[UsageSum]], query: UsageQuery) -> list[Trend]:
    """What `ask` (`Gateways.usage`) says of a query with both `start` and `end`, each group beside itself in the period before. The
    periods are whole hours, as usage is kept. Groups by hour and day are laid over those of before by their distance from the
    beginning: by day, the period before lies back by whole days. A group that there was before only is not listed."""
    start, end = query.start // HOUR * HOUR, -(-query.end // HOUR) * HOUR
    length = int(end - start)
    if "day" in query.by:
        length = -(-length // DAY) * DAY
    now = ask(replace(query, start=start, end=end))
    earlier = ask(replace(query, start=start - length, end=end - length, limit=LARGEST))
    known = {_key(each, length): each.requests for each in earlier}
    return [Trend(each, known.get(_key(each, 0), 0)) for each in now]


def _key(found: UsageSum, later: int) -> tuple[tuple[str, object], ...]:
    return tuple((name, value + later if name in ("hour", "day") else value) for name, value in found.group.items())
