"""The timeline of a run: which attempt of which node was under way when, folded from its events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tisserand.engine.journal import FINAL, Event
from tisserand.service.figures.calls import Span

_ENDS = {"node.done": "done", "node.failed": "failed", "node.skipped": "skipped"}
BROKEN = "interrupted"


def spans(events: Iterable[Event]) -> list[Span]:
    """In the order in which they began. What was under way when an attempt of the run broke off ends there, as `interrupted` (or
    as the run: `cancelled`, `failed`)."""
    found: list[Span] = []
    open_at: dict[tuple[str, str | None], int] = {}
    attempts: dict[str, int] = {}
    last = 0.0

    def begin(node: str, moment: float) -> None:
        attempts[node] = attempts.get(node, 0) + 1
        open_at[node, None] = len(found)
        found.append(Span(node, moment, None, "running", attempts[node]))

    def end_all(moment: float, state: str) -> None:
        for place in open_at.values():
            found[place] = replace(found[place], end=moment, state=state)
        open_at.clear()

    for event in events:
        node, data = event.node, event.data
        if event.kind == "run.started":
            end_all(last, BROKEN)  # nobody could say how the attempt before ended
        elif event.kind.removeprefix("run.") in FINAL:
            end_all(event.time, "failed" if event.kind == "run.done" else event.kind.removeprefix("run."))
        elif node is None:
            pass
        elif event.kind == "node.started":
            begin(node, event.time)
        elif event.kind == "node.retry" and (node, None) in open_at:
            place = open_at.pop((node, None))
            found[place] = replace(found[place], end=event.time, state="failed")
            begin(node, event.time + float(data.get("wait") or 0))
        elif event.kind in _ENDS:
            place = open_at.pop((node, None), -1)
            if place < 0:
                begin(node, event.time)
                place = open_at.pop((node, None))
            rows = {str(port): int(count) for port, count in (data.get("rows") or {}).items()}
            # Of a node that was stopped while it waited for its next attempt, the attempt never began.
            begun = min(found[place].begin, event.time)
            found[place] = replace(
                found[place], begin=begun, end=event.time, state=_ENDS[event.kind], rows=rows, bytes=data.get("bytes")
            )
        elif event.kind == "child.started":
            open_at[node, str(data["run"])] = len(found)
            found.append(Span(node, event.time, None, "running", kind="child", run=str(data["run"])))
        elif event.kind == "child.done":
            place = open_at.pop((node, str(data["run"])), -1)
            if place >= 0:
                found[place] = replace(found[place], end=event.time, state=str(data.get("state") or "done"))
        last = event.time
    return sorted(found, key=lambda span: span.begin)
