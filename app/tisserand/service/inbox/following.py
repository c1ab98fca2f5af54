"""Ends of runs as triggers see them, and how long a chain of runs is that started each other."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from tisserand.model.problem import Problem
from tisserand.sdk.following import EndedRun
from tisserand.texts import msg

if TYPE_CHECKING:
    from tisserand.engine.journal import Journal

ENDS = {"run.done": "done", "run.failed": "failed", "run.cancelled": "cancelled"}
LONGEST = 10
"""Runs that may have started each other before one more is refused."""


def ended_runs(journal: Journal, after: int, flows: Collection[str]) -> tuple[list[EndedRun], int]:
    """The next ends of runs of these flows behind an event of the journal, and the event to go on from."""
    found = []
    for event in journal.tail(after):
        after = event.seq or after
        state = ENDS.get(event.kind)
        record = journal.run(event.run) if state is not None else None
        if record is None or state is None or record.parent is not None or record.flow not in flows:
            continue
        found.append(EndedRun(after, record.id, record.flow, state, record.started, event.time, _rows(journal, record.id)))
    return found, after


def _rows(journal: Journal, run: str) -> int:
    """What the sinks of a run wrote; of a sink that was done again after a resume, the last time counts."""
    written = {event.node: int(event.data.get("rows") or 0) for event in journal.all_events(run) if event.kind == "sink.done"}
    return sum(written.values())


def too_long(journal: Journal, run: str) -> Problem | None:
    """Why the end of a run may not start another: it is itself at the end of a long chain of runs that started each other."""
    flows: list[str] = []
    at: str | None = run
    while at is not None and len(flows) <= LONGEST:
        record = journal.run(at)
        if record is None:
            break
        flows.append(record.flow)
        at = (record.cause or {}).get("run")
    if len(flows) < LONGEST:
        return None
    chain = " → ".join(reversed(flows))
    return Problem(
        "inbox.circle",
        msg("Flows start each other in a circle: {chain}. No further run is started.", chain=chain),
        msg("Let one of them start by something else."),
    )
