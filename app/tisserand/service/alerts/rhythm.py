"""When a flow should run again, from when it ran: only for flows that do so like clockwork."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, tzinfo
from statistics import median

WINDOW = 36 * 86400.0
"""How far back is looked."""
SPAN = 15 * 86400.0
"""How long a flow must have been known: every weekday came twice."""
NEAR = 45 * 60.0
"""Starts on the same weekday that differ by less than this, in time of day, are the same appointment."""
REGULAR = 0.9
"""The share of pauses that must be as long as those at the same appointment."""

DAY = 86400.0


class Rhythm:
    """The pauses between the starts of one flow, by weekday and time of day of the start that they follow."""

    def __init__(self, starts: Sequence[float], zone: tzinfo | None) -> None:
        self._zone = zone
        self._gaps: dict[int, list[tuple[float, float, int]]] = defaultdict(list)
        """Weekday → (time of day, pause, number of the day)."""
        ordered = sorted(starts)
        self.span = ordered[-1] - ordered[0] if ordered else 0.0
        for start, next_ in itertools.pairwise(ordered):
            weekday, clock, number = self._place(start)
            self._gaps[weekday].append((clock, next_ - start, number))
        self.regular = self.span >= SPAN and self._regular()

    def patience(self, start: float) -> tuple[float, float] | None:
        """Seconds after a start by which the next one comes, and by which it should have come; None where that cannot be told."""
        if not self.regular:
            return None
        weekday, clock, _number = self._place(start)
        same = self._same(weekday, clock)
        if len(same) < 2 or len({number for _gap, number in same}) < 2:
            return None
        usual = median(gap for gap, _number in same)
        longest = max((gap for gap, _number in same if gap <= 1.6 * usual), default=usual)
        return longest, longest + max(120.0, min(usual / 2, 4500.0))

    def _same(self, weekday: int, clock: float) -> list[tuple[float, int]]:
        return [(gap, number) for at, gap, number in self._gaps[weekday] if _apart(at, clock) <= NEAR]

    def _regular(self) -> bool:
        kept = seen = 0
        for weekday, gaps in self._gaps.items():
            for clock, gap, number in gaps[:: max(1, len(gaps) // 60)]:
                others = [other for other, day in self._same(weekday, clock) if day != number]
                if others:
                    usual = median(others)
                    seen += 1
                    kept += abs(gap - usual) <= max(0.25 * usual, 60.0)
        return (seen >= 6 and kept >= REGULAR * seen) or (3 <= seen < 6 and kept == seen)

    def _place(self, moment: float) -> tuple[int, float, int]:
        local = datetime.fromtimestamp(moment, self._zone)
        return local.weekday(), local.hour * 3600 + local.minute * 60 + local.second, local.toordinal()


def _apart(one: float, other: float) -> float:
    return min(abs(one - other), DAY - abs(one - other))
