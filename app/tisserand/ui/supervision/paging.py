"""Runs by the page: a list of any length of which only the stretches are kept that are looked at."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tisserand.service.protocol import RunInfo

PAGE = 100
SPARE = 20
"""Runs asked for beyond those that a stretch held: so many new ones fit without another question."""
KEPT = 60
"""Stretches whose runs are kept."""


@dataclass(eq=False, slots=True)
class Stretch:
    """Runs from the end of the stretch before down to the run `low`, the latest first; `low` is empty for the last one, which
    reaches down to the first run there ever was."""

    low: str = ""
    count: int = 0
    runs: list[RunInfo] | None = None
    """None: not here (not asked for yet, or let go of)."""


@dataclass(eq=False, slots=True)
class Paging:
    """Knows where each run stands. Run ids fall from row to row, and a stretch is a range of ids: so what is new, gone or let go
    of in one of them moves no border of the others."""

    stretches: list[Stretch] = field(default_factory=lambda: [Stretch()])
    _starts: list[int] = field(default_factory=lambda: [0])
    _used: list[Stretch] = field(default_factory=list)

    @property
    def total(self) -> int:
        """The rows known so far."""
        return self._starts[-1] + self.stretches[-1].count

    @property
    def whole(self) -> bool:
        """Whether there is nothing more to ask for."""
        return self.stretches[-1].runs is not None or self.stretches[-1].count > 0

    def recount(self) -> None:
        """After a stretch has other runs."""
        starts, at = [], 0
        for stretch in self.stretches:
            starts.append(at)
            at += stretch.count
        self._starts = starts

    def start(self, stretch: Stretch) -> int:
        """Its first row."""
        return self._starts[self.stretches.index(stretch)]

    def stretch_at(self, row: int) -> Stretch:
        """The stretch in which a row stands."""
        at = max(0, bisect_right(self._starts, row) - 1)
        return self.stretches[at]

    def run_at(self, row: int) -> RunInfo | None:
        """The run of a row; None while it is not here."""
        if not 0 <= row < self.total:
            return None
        at = bisect_right(self._starts, row) - 1
        runs = self.stretches[at].runs
        offset = row - self._starts[at]
        return runs[offset] if runs is not None and offset < len(runs) else None

    def row_of(self, run: str) -> int | None:
        """The row of a run that is here."""
        for stretch, start in zip(self.stretches, self._starts, strict=True):
            if run >= stretch.low:
                ids = [found.id for found in stretch.runs or ()]
                return start + ids.index(run) if run in ids else None
        return None

    def question(self, stretch: Stretch) -> tuple[int, str | None]:
        """(limit, before): what to ask for a stretch."""
        at = self.stretches.index(stretch)
        before = self.stretches[at - 1].low if at else None
        return (stretch.count + SPARE if stretch.count else PAGE), before

    def split(self, stretch: Stretch, answer: Sequence[RunInfo], limit: int) -> list[RunInfo]:
        """The runs of an answer that belong to the stretch. Where the answer was cut short, the rest of the stretch becomes one of
        its own, behind it; its rows stay where they are known."""
        ids = [run.id for run in answer]
        if stretch.low in ids:
            return list(answer[: ids.index(stretch.low) + 1])
        if len(answer) < limit or answer[-1].id < stretch.low:
            # The run that was the last one does not fit the filter any more.
            return [run for run in answer if run.id >= stretch.low]
        low = answer[-1].id
        if stretch.runs is not None:
            rest = [run for run in stretch.runs if run.id < low]
            behind = Stretch(stretch.low, len(rest), rest or None)
            stretch.runs = stretch.runs[: len(stretch.runs) - len(rest)]
            stretch.count = len(stretch.runs)
        else:
            behind = Stretch(stretch.low, max(0, stretch.count - len(answer)))
            stretch.count -= behind.count
        stretch.low = low
        self.stretches.insert(self.stretches.index(stretch) + 1, behind)
        self.recount()
        return list(answer)

    def use(self, stretch: Stretch) -> None:
        """It is looked at: of the others, the one that was longest not looked at lets go of its runs."""
        if self._used and self._used[-1] is stretch:
            return
        self._used = [other for other in self._used if other is not stretch] + [stretch]
        while len(self._used) > KEPT:
            self._used.pop(0).runs = None
