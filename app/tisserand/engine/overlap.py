"""What a run does while another run of its flow is under way: not run at all, wait for it, or take its place."""

from __future__ import annotations

from pathlib import Path

from tisserand.engine.control import Stop
from tisserand.engine.journal import Journal
from tisserand.engine.launch import cancel_run, process_alive
from tisserand.model.flow import Overlap
from tisserand.model.problem import Place, Problem
from tisserand.texts import msg

PAUSE = 0.3
"""Seconds between two looks at the run that is waited for."""


class Overlapping(Exception):  # noqa: N818 - the answer "not now", with its reason
    """The flow is running already and must not run twice at a time."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.line())


def under_way(earlier: str, flow: str) -> Problem:
    """Why a run does not run while an earlier one of its flow does."""
    message = msg("The run “{run}” of this flow is still under way, and the flow must not run twice at a time.", run=earlier)
    fix = msg("Wait for it or cancel it; “limits: overlap: queue” would let this run wait by itself.")
    return Problem("run.overlap", message, fix, Place(flow=flow, field="limits.overlap"))


def give_way(root: Path, journal: Journal, run: str, flow: str, rule: Overlap | None, stop: Stop) -> None:
    """Wait for the earlier runs of the flow, cancel them, or raise `Overlapping`, as `limits: overlap` says. The run must be claimed already: of
    two that start at the same moment, the journal then tells which was first."""
    if rule is None:
        return
    told = ""
    while (earlier := _earlier(journal, run, flow)) is not None:
        if rule == "skip":
            raise Overlapping(under_way(earlier, flow))
        if told != earlier:
            told = earlier
            if rule == "replace":
                about = msg("Takes the place of the run “{run}” of this flow, which is cancelled.", run=earlier)
                cancel_run(root, journal, earlier)
            else:
                about = msg("Waiting for the run “{run}” of this flow.", run=earlier)
            journal.append(run, "log", None, {"message": about.to_json(), "level": "info"})
        stop.wait(PAUSE)


def _earlier(journal: Journal, run: str, flow: str) -> str | None:
    """The first run of the flow that was begun before this one and is under way. Calls from other flows do not count."""
    mine = journal.begun(run)
    found: list[tuple[int, str]] = []
    # A run that waits, for days perhaps, is under way: the flow has not done its work yet.
    for other in [*journal.runs(flow, "running", 1000), *journal.runs(flow, "waiting", 1000)]:
        alive = other.state == "waiting" or (
            other.owner_pid is not None and process_alive(other.owner_pid, other.owner_started or 0.0)
        )
        if other.id != run and other.parent is None and alive and (since := journal.begun(other.id)) < mine:
            found.append((since, other.id))
    return min(found)[1] if found else None
