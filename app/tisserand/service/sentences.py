"""What happened in a run, one sentence for each event that a person wants to know of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tisserand.engine.journal import Event
from tisserand.model.problem import Problem
from tisserand.texts import Message, msg, number

_RUN = {
    "run.queued": msg("The run is queued."),
    "run.waiting": msg("The run waits."),
    "run.done": msg("The run is done."),
    "run.interrupted": msg("The run broke off: its process is gone."),
}


def sentence(event: Event) -> Message | None:
    """What an event says; None for those that only machines need."""
    data, node = event.data, event.node
    if event.kind in _RUN:
        return _RUN[event.kind]
    match event.kind:
        case "run.started":
            return msg("The run begins in the process {pid}.", pid=data.get("pid"))
        case "run.failed" | "run.cancelled":
            error = _error(data)
            ended = msg("The run failed.") if event.kind == "run.failed" else msg("The run was cancelled.")
            return msg("{sentence} {error}", sentence=ended, error=error) if error is not None else ended
        case "run.paused":
            return msg("The run was paused by {by}.", by=data.get("by") or "–")
        case "run.unpaused":
            return msg("The run goes on, says {by}.", by=data.get("by") or "–")
        case "flow.edited":
            return msg("The run goes on with an edited flow.")
        case "log":
            return msg("{node}: {message}", node=node or event.run, message=_message(data.get("message")))
        case "problem":
            return _error(data)
    return _of_node(event) if node is not None else None


def _of_node(event: Event) -> Message | None:
    data, node = event.data, event.node
    match event.kind:
        case "node.started":
            return msg("{node}: started", node=node)
        case "node.done":
            seconds = number(data.get("seconds") or 0, 1)
            rows = ", ".join(f"{port} {number(int(count))}" for port, count in (data.get("rows") or {}).items())
            if not rows:
                return msg("{node}: done in {seconds} s", node=node, seconds=seconds)
            return msg("{node}: done in {seconds} s; rows: {rows}", node=node, seconds=seconds, rows=rows)
        case "node.retry":
            return msg("{node}: tried again, attempt {attempt}", node=node, attempt=int(data.get("attempt") or 0) + 1)
        case "node.failed":
            error = _error(data)
            return msg("{node}: failed. {error}", node=node, error=error) if error else msg("{node}: failed", node=node)
        case "node.skipped":
            reason = data.get("reason")
            if reason is None:
                return msg("{node}: skipped", node=node)
            return msg("{node}: skipped. {reason}", node=node, reason=_message(reason))
        case "child.started":
            return msg("{node}: begins the run {run} of the flow “{flow}”", node=node, run=data.get("run"), flow=data.get("flow"))
        case "sink.uncertain":
            return msg("{node}: nobody knows whether it wrote", node=node)
    return None


def _error(data: Mapping[str, Any]) -> Message | None:
    error = data.get("error")
    return Problem.from_json(error).message if isinstance(error, Mapping) and "code" in error else None


def _message(value: Any) -> Any:
    return Message.from_json(value) if isinstance(value, Mapping) and "id" in value else value
