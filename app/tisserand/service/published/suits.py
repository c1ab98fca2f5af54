"""Whether a flow can answer requests: what it lacks, and what makes it too slow or unbounded to wait for."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Any

from tisserand.engine.check import check_text
from tisserand.engine.journal import Journal
from tisserand.engine.resolve import Resolution
from tisserand.engine.rows.compile import Unrowable
from tisserand.engine.rows.program import compile_program
from tisserand.model.graph import upstream
from tisserand.model.problem import Place, Problem
from tisserand.sdk.errors import NodeError
from tisserand.service.published.calls import Suitability
from tisserand.service.published.operations import LARGE, Operation, operations
from tisserand.texts import msg
from tisserand.workspace.folder import Workspace

SLOW = 5.0
"""Seconds that the runs of a flow may take until its callers are better not kept waiting."""
RUNS = 20
"""So many of the latest runs are looked at."""


def suitability(workspace: Workspace, file: str, journal: Journal, env: str | None = None) -> Suitability:
    """Looks at the flow and at how long its runs took; runs nothing."""
    text = (workspace.root / file).read_text(encoding="utf-8")
    checked = check_text(workspace, text, env, file=file)
    errors = [problem for problem in checked.problems if problem.severity == "error"]
    if errors or checked.resolution is None:
        return Suitability(tuple(errors))
    found, problems = operations(checked.resolution)
    slow = [problem for each in found for problem in each.why]
    slow += _large(workspace, checked.resolution, found, env)
    slow += _durations(checked.resolution.flow.id, journal)
    unique = {(problem.code, problem.place.node): problem for problem in slow}
    rowwise = bool(found) and all(_by_row(checked.resolution, each) for each in found)
    json = tuple(each.to_json() for each in found)
    return Suitability((*problems, *unique.values()), "async" if unique else "sync", rowwise, json)


def _by_row(resolution: Resolution, operation: Operation) -> bool:
    if operation.way == "run":
        return False
    try:
        compile_program(resolution, (operation.node, "event"), [operation.source])
    except Unrowable:
        return False
    return True


def _large(workspace: Workspace, resolution: Resolution, found: list[Operation], env: str | None) -> Iterator[Problem]:
    """The sources that are read anew for each request."""
    environment = workspace.environment(env)
    names = {name for each in found if each.way == "direct" for name in upstream(resolution.flow, each.source[0])}
    for name in sorted(names):
        node = resolution.nodes[name]
        path: Any = getattr(node.config, "path", None)
        if node.role != "reader" or path is None:
            continue
        try:
            size = workspace.resolve(str(path), environment).stat().st_size
        except (NodeError, OSError):
            continue  # a pattern, or not there: reading it says so
        if size > LARGE:
            message = msg("This file has {size} MB: each request reads it.", size=size // 1_000_000)
            fix = msg("Answer with a job, or keep the data where it can be asked for by key.")
            yield Problem("published.large", message, fix, Place(node=name), "warning")


def _durations(flow: str, journal: Journal) -> Iterator[Problem]:
    took = [
        run.finished - run.started
        for run in journal.runs(flow, "done", RUNS)
        if run.finished is not None and run.started is not None
    ]
    typical = median(took) if took else 0.0
    if typical > SLOW:
        message = msg(
            "Its runs took {seconds} s, as the median of the latest {count}.", seconds=round(typical, 1), count=len(took)
        )
        fix = msg("Answer with a job: callers ask for its result.")
        yield Problem("published.slow", message, fix, Place(flow=flow), "warning")
