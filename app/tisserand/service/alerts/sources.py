"""What alerts ask of other parts of the executor: lengths of queues, verdicts on due times, which flows rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tisserand.texts import Message

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor


@dataclass(frozen=True, slots=True)
class Missed:
    """A due time that was judged: its run did not begin."""

    flow: str
    file: str
    due: float
    why: Message | None = None


class Sources(Protocol):
    """All are asked every few seconds, and answer at once."""

    def queued(self) -> int:
        """Runs that wait for their turn."""

    def inbox(self) -> Mapping[str, int]:
        """Flow file → events that no run has taken yet."""

    def missed(self, since: float, until: float) -> Sequence[Missed]:
        """The verdicts *missed* on due times in `[since, until]`. Some may be given late: what was told once is not told again."""

    def scheduled(self) -> frozenset[str]:
        """The flow files whose due times are judged by a schedule: their rhythm is not."""

    def resting(self) -> frozenset[str]:
        """The flow files that are paused, or that start by themselves and are switched off: nothing is missed of them."""


class OwnSources:
    """What journal and ledger know by themselves."""

    def __init__(self, executor: LocalExecutor) -> None:
        self._executor = executor

    def queued(self) -> int:
        found = self._executor.journal.row("SELECT count(*) FROM runs WHERE state = 'queued'")
        return int(found[0]) if found else 0

    def inbox(self) -> Mapping[str, int]:
        found = self._executor.ledger.rows("SELECT file, count(*) FROM events WHERE state IS NULL GROUP BY file")
        return {str(file): int(count) for file, count in found}

    def missed(self, since: float, until: float) -> Sequence[Missed]:
        return ()

    def scheduled(self) -> frozenset[str]:
        return frozenset()

    def resting(self) -> frozenset[str]:
        return frozenset(self._executor.ledger.paused())
