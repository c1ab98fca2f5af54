"""The rules: from what is known of a run, and what is usual, to what is unusual about it, in a sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from tisserand.engine.journal import RunRecord
from tisserand.model.problem import Problem
from tisserand.service.alerts.facts import Facts
from tisserand.service.alerts.history import Compared
from tisserand.service.alerts.normal import Usual, amount, span
from tisserand.service.alerts.store import Finding
from tisserand.texts import Message, msg

RULES: dict[str, Message] = {
    "failed": msg("A run failed, or was interrupted."),
    "missing": msg("A run did not begin that should have: by the schedule, or by the rhythm of earlier runs."),
    "duration": msg("A run took much longer than usual."),
    "rows": msg("A run wrote far more or far fewer rows than usual."),
    "no_rows": msg("A run wrote no row where there usually are some."),
    "rejects": msg("A far larger share of rows than usual was rejected."),
    "drift": msg("The columns of a source have changed."),
    "queue": msg("More runs are queued from minute to minute."),
    "inbox": msg("Events arrive faster than the runs of a flow take them."),
    "cause": msg("Several flows fail from one cause."),
}

NUMBERS = ("duration", "rows", "no_rows", "rejects")
"""The rules that a good run either shows or shows to be over."""

LONGER = 10.0
"""Seconds that a run must take more than usual, whatever the factor."""
ROWS = 20
"""The same for rows."""
REJECTED = 10
SHARE = 0.01
"""Rows, and their share, that must have been rejected at least."""
SOME = 10
"""Rows that are usually written where none are missed."""


def failed(record: RunRecord, cause: str | None) -> Finding:
    """A run that failed or was interrupted; one whose source has changed is told as that."""
    if record.state == "interrupted":
        message = msg("The run was interrupted: its process ended without a word.")
        fix = msg("Resume it: tisserand resume {run}", run=record.id)
        return Finding("failed", record.flow, message, fix, "error", record.flow_file, record.id)
    problem = Problem.from_json(record.error) if record.error else None
    code = problem.code if problem else ""
    reason = problem.message if problem else msg("It ended without a word.")
    node = problem.place.node if problem else None
    message = msg("At its node “{node}”: {reason}", node=node, reason=reason) if node else reason
    fix = (problem.fix if problem else None) or msg("Resume it when the cause is removed: tisserand resume {run}", run=record.id)
    rule = "drift" if code == "source.drift" else "failed"
    return Finding(rule, record.flow, message, fix, "error", record.flow_file, record.id, cause if rule == "failed" else None)


def unusual(record: RunRecord, facts: Facts, compared: Compared) -> Iterator[Finding]:
    """What is unusual about the numbers of a good run."""

    def found(rule: str, message: Message, fix: Message) -> Finding:
        return Finding(rule, record.flow, message, fix, "warning", record.flow_file, record.id)

    look = msg("Look into it: tisserand logs {run}", run=record.id)
    usual = compared.usual["seconds"]
    # A run that was tried again may take as much longer as it was tried.
    allowed = usual.high * (1 + facts.retries) if usual else 0.0
    if usual and facts.seconds is not None and facts.seconds > allowed and facts.seconds - usual.centre > LONGER:
        message = msg("The run took {took}; usually it takes {usual}.", took=span(facts.seconds), usual=_range(usual, True))
        yield found("duration", message, look)
    yield from _rows(facts, compared, found, look)
    usual, share = compared.usual["rejects"], facts.rejects
    if usual and share is not None and share + 0.001 > usual.high and facts.rejected >= REJECTED and share >= SHARE:
        message = msg("{rows} rows were rejected, {share} % of all; usually {usual} %.",
                      rows=facts.rejected, share=_percent(share), usual=_percent(max(0.0, usual.centre - 0.001)))  # fmt: skip
        yield found("rejects", message, msg("See what was rejected at the rejects port of the run {run}.", run=record.id))


def _rows(facts: Facts, compared: Compared, found: Any, look: Message) -> Iterator[Finding]:
    usual = compared.usual["rows"]
    if usual is None or facts.rows is None:
        return
    said = _range(usual, False)
    if facts.rows == 0:
        if compared.zeros == 0 and usual.centre >= SOME:
            yield found(
                "no_rows", msg("The run wrote no row; usually {usual}.", usual=said), msg("See whether its source is empty.")
            )
    elif facts.rows < usual.low and usual.centre - facts.rows >= ROWS:
        yield found("rows", msg("The run wrote {rows} rows only; usually {usual}.", rows=amount(facts.rows), usual=said), look)
    elif facts.rows > usual.high and facts.rows - usual.centre >= ROWS:
        yield found("rows", msg("The run wrote {rows} rows; usually {usual}.", rows=amount(facts.rows), usual=said), look)


def _range(usual: Usual, time: bool) -> Message:
    """`3 min – 5 min on working days around 02:00`."""
    low, high = (span(usual.from_), span(usual.to)) if time else (amount(usual.from_), amount(usual.to))
    shown = low if str(low) == str(high) else msg("{low} to {high}", low=low, high=high)
    return Message("{range} {when}", {"range": shown, "when": usual.when}) if usual.when else Message("{range}", {"range": shown})


def _percent(share: float) -> str:
    return f"{100 * share:.2g}" if share >= 0.00005 else "0"


def changed(record: RunRecord, facts: Facts, earlier: Sequence[str | None], accepted: frozenset[str]) -> Finding | None:
    """Sources whose columns are no longer those of the latest five runs, which were all the same. What a lock file holds was accepted
    by somebody."""
    if len(earlier) < 5 or len(set(earlier)) != 1 or earlier[0] is None:
        return None
    before = json.loads(earlier[0])
    for node, columns in facts.columns.items():
        if node in accepted or node not in before or list(columns) == before[node]:
            continue
        added = [column for column in columns if column not in before[node]]
        gone = [column for column in before[node] if column not in columns]
        if not added and not gone:
            continue  # another order
        message = msg("At its node “{node}”, the columns of the source have changed: new {added}; gone {gone}.",
                      node=node, added=added or ["–"], gone=gone or ["–"])  # fmt: skip
        fix = msg("See whether the flow still does what it should with them.")
        return Finding("drift", record.flow, message, fix, "warning", record.flow_file, record.id)
    return None
