"""How runs and their nodes stand, folded from the journal: the same reading for lists, screens and progress bars."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from tisserand.engine.journal import FINAL, Event, Journal, RunRecord
from tisserand.engine.launch import process_alive, unknown_run
from tisserand.engine.progress import MOST
from tisserand.model.problem import Problem
from tisserand.service.protocol import NodeInfo, RunInfo
from tisserand.texts import Message


def fold(nodes: Mapping[str, NodeInfo], event: Event) -> Mapping[str, NodeInfo]:
    """The nodes' states after one more event. The designer and the progress bars follow a run with it."""
    if event.kind == "plan.ready":
        planned = {str(node): NodeInfo() for node in event.data.get("nodes") or ()}
        return {**planned, **nodes}
    if event.node is None:
        return nodes
    known = nodes.get(event.node, NodeInfo())
    changed = _after(known, event.kind, event.data)
    return nodes if changed is known else {**nodes, event.node: changed}


def _after(node: NodeInfo, kind: str, data: Mapping[str, Any]) -> NodeInfo:
    match kind:
        case "node.started":
            return NodeInfo("running", attempt=int(data.get("attempt") or 1))
        case "node.retry":
            return NodeInfo("running", attempt=int(data.get("attempt") or node.attempt + 1), error=_problem(data))
        case "progress":
            if node.state != "running":
                return node
            rows = {"": int(data["rows"])} if data.get("rows") else node.rows
            # What is told of something under way neither falls nor says that it is whole.
            share = max((min(told, MOST) for told in (data.get("share"), node.share) if told is not None), default=None)
            return replace(node, rows=rows, share=share, bytes=data.get("bytes") or node.bytes)
        case "node.done":
            rows = {str(port): int(count) for port, count in (data.get("rows") or {}).items()}
            return NodeInfo("done", rows, data.get("bytes"), data.get("seconds"), node.attempt)
        case "node.failed":
            return NodeInfo("failed", {}, None, data.get("seconds"), node.attempt, _problem(data))
        case "node.waiting":
            reason = data.get("reason")
            return NodeInfo("suspended", attempt=node.attempt, reason=_message(reason) if reason else None)
        case "node.skipped":
            reason = data.get("reason")
            return NodeInfo("skipped", reason=_message(reason) if reason else None)
        case "sink.uncertain":
            return replace(node, state="uncertain")
    return node


def _problem(data: Mapping[str, Any]) -> Problem | None:
    error = data.get("error")
    if not error:
        return None
    if isinstance(error, Mapping) and "code" in error:
        return Problem.from_json(error)
    return Problem("node.failed", _message(error))


def _message(value: Any) -> Message:
    return Message.from_json(value) if isinstance(value, Mapping) else Message("{text}", {"text": str(value)})


def info(record: RunRecord, events: Iterable[Event] = ()) -> RunInfo:
    """A run from its record and, for the nodes' states, its events."""
    nodes: Mapping[str, NodeInfo] = {}
    asking: set[str] = set()
    for event in events:
        nodes = fold(nodes, event)
        if event.node and event.kind == "sink.begun" and event.data.get("delivery") == "at least once":
            asking.add(event.node)
    if record.state in FINAL and record.state != "done":
        # Broken off in the middle of an effect that nobody can look up: whoever resumes must say what to do.
        broken = {name: replace(nodes[name], state="uncertain") for name in asking if nodes[name].state == "running"}
        nodes = {**nodes, **broken}
    if record.state in FINAL:
        # What was planned and never began has nothing to tell.
        nodes = {name: _over(node) for name, node in nodes.items() if node.state != "waiting"}
    return RunInfo(
        id=record.id,
        flow=record.flow,
        state=record.state,
        file=record.flow_file,
        env=record.env,
        by=record.by,
        trigger=record.trigger,
        parameters=dict(record.parameters),
        parent=record.parent,
        label=record.label,
        created=record.created,
        started=record.started,
        finished=record.finished,
        error=Problem.from_json(record.error) if record.error else None,
        priority=record.priority,
        cause=record.cause,
        nodes=nodes,
    )


def _over(node: NodeInfo) -> NodeInfo:
    """What a run that is over waited for will not come any more."""
    return replace(node, state="skipped") if node.state == "suspended" else node


class Follower:
    """Reads a run's events as they come. `poll` never waits; `over` says that nothing more comes: the run is over, or waits for what
    may take days."""

    PAUSE = 0.1
    """Seconds between two polls."""

    def __init__(self, journal: Journal, run: str, after: int = 0, alive: Callable[[int, float], bool] = process_alive) -> None:
        self._journal = journal
        self._alive = alive
        self._run = run
        self._after = after
        self._shown: dict[str, dict[str, Any]] = {}
        self._looked = time.monotonic()
        self.over = False
        if journal.run(run) is None:
            raise unknown_run(run)

    def poll(self) -> list[Event]:
        # The state is read before the events: what a final state follows is then surely among them.
        record = self._journal.run(self._run)
        final = record is None or record.state in FINAL or record.state == "waiting"
        found = self._journal.events(self._run, self._after)
        if found:
            self._after = found[-1].seq or self._after
        elif final:
            self.over = True
            return []
        elif time.monotonic() - self._looked > 2:
            # Where a run's owner died with nobody watching, following it would never end.
            self._looked = time.monotonic()
            self._journal.recover(self._alive)
        return found if final else found + self._progress()

    def _progress(self) -> list[Event]:
        now = self._journal.progress_of(self._run)
        news = [
            Event(None, self._run, time.time(), "progress", node, data)
            for node, data in now.items()
            if data != self._shown.get(node)
        ]
        self._shown = now
        return news
