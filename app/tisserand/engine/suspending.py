"""Waiting for what may take days: a short wait stays in the process, a longer one suspends the node, and in the end the run."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from tisserand.engine.control import TimedOut
from tisserand.engine.waits import Waits, told, wait_of
from tisserand.model import units
from tisserand.sdk.errors import NodeError
from tisserand.sdk.waiting import Answer, Awaited
from tisserand.texts import Message

if TYPE_CHECKING:
    from tisserand.engine.control import Stop
    from tisserand.engine.resolve import ResolvedNode
    from tisserand.engine.run import FlowRun

SHORT = 30.0
"""What is over within so many seconds is waited for in the process."""
LOOK = 0.2
"""Seconds between two looks whether something has come."""


class Suspended(Exception):  # noqa: N818 - not an error: what is waited for is not there yet
    """A node waits for something that is not there yet; `reason` says for what."""

    def __init__(self, reason: Message) -> None:
        self.reason = reason
        super().__init__(reason.text("en"))


def wait_for(run: FlowRun, node: ResolvedNode, stop: Stop, wait: Awaited) -> Answer:
    """The answer to what a node waits for; raises `Suspended` where it is not there yet and will not be within moments."""
    waits = Waits(run.journal)
    known = waits.of(run.id, node.id)
    limit = units.seconds(node.spec.timeout) if node.spec.timeout else None
    # The node's own time limit goes on while it is suspended, other than that of the run, which counts work.
    limited = limit is not None and (wait.until is None or time.time() + limit < wait.until)
    if limit is not None and limited:
        wait = replace(wait, until=time.time() + limit)
    near = wait.until is not None and wait.until - time.time() <= SHORT
    if run.on_way_back and wait.kind != "time":
        raise NodeError("What undoes something cannot wait for a person or for a signal.")
    if known is None and wait.kind == "time" and (near or run.on_way_back):
        assert wait.until is not None
        stop.wait(max(0.0, wait.until - time.time()))
        if limit is not None and limited:
            raise TimedOut(limit)
        return Answer("moment", {}, "", wait.until)
    if wait.shown is not None and node.inputs.get(wait.shown):
        source, port = node.inputs[wait.shown][0]
        wait = replace(wait, shown=f"{source}.{port}")
    answer = waits.ask(run.id, node.id, run.root, run.digests[node.id], wait, limited)
    known = waits.of(run.id, node.id)
    assert known is not None
    while answer is None and known.until is not None and known.until - time.time() <= SHORT:
        stop.wait(min(LOOK, max(0.0, known.until - time.time())))
        found = waits.of(run.id, node.id)
        if known.until <= time.time() or (found is not None and found.answer is not None):
            answer = waits.ask(run.id, node.id, run.root, run.digests[node.id], wait)
    if answer is None:
        raise Suspended(told(wait_of(known)))
    if known.asked.get("limited") and answer.what in ("moment", "timeout"):
        raise TimedOut(limit or 0.0)
    return answer
