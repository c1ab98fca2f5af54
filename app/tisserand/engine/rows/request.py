"""Flows that answer requests: which of their nodes work row by row, and what is said of those that do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tisserand.engine.resolve import Resolution
from tisserand.engine.rows.program import why_not
from tisserand.model.graph import downstream
from tisserand.model.problem import Place, Problem
from tisserand.texts import Message, msg

REQUEST = "trigger.request"


def answers(resolution: Resolution) -> bool:
    """Whether a flow is started by requests that wait for its answer."""
    return any(node.spec.kind == REQUEST for node in resolution.nodes.values())


def by_row(resolution: Resolution) -> Mapping[str, Message | None]:
    """The transforms, SQL and steps behind the requests of a flow, each with the reason why it is a batch node; None for one that works
    row by row."""
    behind = downstream(resolution.flow, [name for name, node in resolution.nodes.items() if node.spec.kind == REQUEST])
    roles = ("transform", "isolated", "step")
    return {name: why_not(resolution, name) for name, node in resolution.nodes.items() if name in behind and node.role in roles}


def batched(resolution: Resolution) -> Iterator[Problem]:
    """A warning for each node that makes a request wait for a query."""
    if not answers(resolution):
        return
    for name, why in by_row(resolution).items():
        if why is not None:
            yield Problem(
                "rows.batch",
                msg("This node needs a query of its own for each request, which takes milliseconds: {why}", why=why),
                msg("Nothing needs to be done where that is fast enough. Otherwise do without it, or answer with a job."),
                Place(node=name),
                "warning",
            )
