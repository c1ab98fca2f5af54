"""What other parts of the executor know of a flow, beside its runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tisserand.sdk.errors import NodeError
from tisserand.texts import Message

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor


@dataclass(slots=True)
class Known:
    """Of one flow; as the fields of `FlowFigures` of the same names."""

    on: bool = False
    paused: str | None = None
    problem: Message | None = None
    inbox: int = 0
    dead: int = 0
    next_due: float | None = None


def known_elsewhere(executor: LocalExecutor) -> dict[str, Known]:
    """Flow file → what ledger, schedules and inbox say."""
    found: dict[str, Known] = {}
    for watch in executor.ledger.watches():
        problem = watch.problem.message if watch.problem else None
        known = found[watch.file] = Known(on=True, problem=problem)
        try:
            known.next_due = executor.schedules.next_due(watch.file)
        except NodeError as error:  # its settings or calendars are wrong
            known.problem = known.problem or error.message
    for file, paused in executor.ledger.paused().items():
        found.setdefault(file, Known()).paused = paused.by
    for held in executor.inbox.counts():
        known = found.setdefault(held.file, Known())
        known.inbox, known.dead = held.counts.get("waiting", 0), held.counts.get("dead", 0)
    return found
