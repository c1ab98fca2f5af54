"""A run as a trace, made from the journal: the run is a span, its nodes are spans below, called flows stand below their nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tisserand.engine import tracing
from tisserand.engine.journal import Event, Journal, RunRecord
from tisserand.texts import Message

Status = Literal["unset", "ok", "error"]


@dataclass(slots=True)
class Span:
    """Times are seconds since 1970, UTC; ids are hexadecimal."""

    trace: str
    id: str
    parent: str | None
    name: str
    begin: float
    end: float
    status: Status = "unset"
    message: str = ""
    attributes: dict[str, str | int | float | bool] = field(default_factory=dict)
    events: list[tuple[float, str, Mapping[str, str | int]]] = field(default_factory=list)


def caller(journal: Journal, record: RunRecord) -> str | None:
    """The node that called a run."""
    if record.parent is None:
        return None
    found = journal.row(
        "SELECT node FROM events WHERE run = ? AND kind = 'child.started' AND json_extract(data, '$.run') = ? LIMIT 1",
        (record.parent, record.id),
    )
    return str(found[0]) if found and found[0] else None


def spans(journal: Journal, record: RunRecord) -> list[Span]:
    """The span of a run that is over, and those of its nodes."""
    place = tracing.place(record, journal.run, lambda run: caller(journal, run))
    end = record.finished or record.created
    own = Span(
        place.trace, tracing.run_span(record.id), place.parent, record.flow, record.started or record.created, end,
        _STATUS.get(record.state, "unset"), _text((record.error or {}).get("message")), _about(record),
    )  # fmt: skip
    if record.state == "interrupted":
        own.message = own.message or "interrupted"
    found: dict[str, Span] = {}
    for event in journal.all_events(record.id):
        _take(found, own, record, event)
    for span in found.values():
        if not span.end:
            # The run was over before the node was.
            span.end, span.status, span.message = end, "error", span.message or "broken off"
    return [own, *found.values()]


def _take(found: dict[str, Span], own: Span, record: RunRecord, event: Event) -> None:
    node = event.node
    if node is None:
        return
    if event.kind == "node.started":
        found[node] = Span(
            own.trace, tracing.node_span(record.id, node), own.id, node, event.time, 0.0,
            attributes={"tisserand.node": node, "tisserand.run": record.id, "tisserand.flow": record.flow},
        )  # fmt: skip
        return
    span = found.get(node)
    if span is None:
        if event.kind == "node.failed":
            # It failed before it began.
            found[node] = Span(own.trace, tracing.node_span(record.id, node), own.id, node, event.time, event.time,
                               attributes={"tisserand.node": node, "tisserand.run": record.id, "tisserand.flow": record.flow})  # fmt: skip
            _failed(found[node], event)
        return
    if event.kind == "node.done":
        span.end, span.status = event.time, "ok"
        for port, rows in (event.data.get("rows") or {}).items():
            span.attributes[f"tisserand.rows.{port or 'in'}"] = int(rows)
        if event.data.get("bytes") is not None:
            span.attributes["tisserand.bytes"] = int(event.data["bytes"])
    elif event.kind == "node.failed":
        span.end = event.time
        _failed(span, event)
    elif event.kind == "node.retry":
        error = _error(event.data.get("error"))
        span.events.append((event.time, "retry", {"attempt": int(event.data.get("attempt") or 0), "exception.message": error[1]}))
    elif event.kind == "sink.done":
        span.attributes["tisserand.written"] = int(event.data.get("rows") or 0)


def _failed(span: Span, event: Event) -> None:
    code, text = _error(event.data.get("error"))
    span.status, span.message = "error", text
    span.events.append((event.time, "exception", {"exception.type": code, "exception.message": text}))


def _about(record: RunRecord) -> dict[str, str | int | float | bool]:
    about: dict[str, str | int | float | bool] = {
        "tisserand.run": record.id,
        "tisserand.flow": record.flow,
        "tisserand.state": record.state,
        "tisserand.trigger": record.trigger,
    }
    for name, value in (
        ("tisserand.flow.file", record.flow_file), ("tisserand.env", record.env), ("tisserand.by", record.by),
        ("tisserand.parent", record.parent), ("tisserand.flow.hash", record.flow_hash),
    ):  # fmt: skip
        if value:
            about[name] = value
    return about


def _error(error: Any) -> tuple[str, str]:
    if not isinstance(error, Mapping):
        return "unknown", ""
    return str(error.get("code") or "unknown"), _text(error.get("message"))


def _text(message: Any) -> str:
    # English, whatever the executor speaks: traces are read by programs, and searched.
    return Message.from_json(message).text("en") if isinstance(message, Mapping) and "id" in message else ""


_STATUS: Mapping[str, Status] = {"done": "ok", "failed": "error", "interrupted": "error"}


def whole(spans: Iterable[Span]) -> list[Span]:
    """The spans of several runs, each id once: a run that ended twice is told as it ended last."""
    return list({(span.trace, span.id): span for span in spans}.values())
