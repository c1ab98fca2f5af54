"""What the journal holds, as values: runs, events, and what a run waits for."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Literal

State = Literal["queued", "running", "waiting", "done", "failed", "cancelled", "interrupted"]
FINAL: frozenset[str] = frozenset({"done", "failed", "cancelled", "interrupted"})
"""States in which no process works on the run; all but `done` can be resumed. A run that is `waiting` has no process either, but
goes on by itself when what it waits for has come."""


QUEUE = 0
"""The owner of a run that is queued for the executor process: it waits there for as long as it takes, and nobody may call it lost."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run as it stands in the journal. Times are seconds since 1970, UTC."""

    id: str
    flow: str
    flow_hash: str = ""
    flow_file: str | None = None
    """Relative to the workspace; None for a flow that was never saved."""
    env: str | None = None
    by: str = ""
    trigger: str = "manual"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    parent: str | None = None
    label: str | None = None
    """Tells several runs of one parent apart."""
    state: State = "queued"
    created: float = 0.0
    started: float | None = None
    finished: float | None = None
    owner_pid: int | None = None
    owner_started: float | None = None
    heartbeat: float | None = None
    error: Mapping[str, Any] | None = None
    """A `Problem` in its JSON form."""
    priority: int = 0
    """Of the runs that are queued, the one with the highest number is begun first; then the one that was queued first."""
    cause: Mapping[str, Any] | None = None
    """Why the run was started: `kind` (schedule, event, flow, resubmit …) and what belongs to it (node, due time, event, run)."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a run. `seq` grows over the whole journal; None marks progress, which is not kept."""

    seq: int | None
    run: str
    time: float
    kind: str
    node: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "seq": self.seq,
            "run": self.run,
            "time": self.time,
            "kind": self.kind,
            "node": self.node,
            "data": dict(self.data),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Event:
        return cls(data["seq"], data["run"], data["time"], data["kind"], data.get("node"), data.get("data") or {})


def new_run_id(now: float | None = None) -> str:
    """An id that sorts by time (to a 4096th of a second) and differs between processes: `20261124-001122-a3f09c1`."""
    moment = time.time() if now is None else now
    stamp = datetime.fromtimestamp(moment, UTC).strftime("%Y%m%d-%H%M%S")
    return f"{stamp}-{int(moment % 1 * 4096):03x}{os.urandom(2).hex()}"


COLUMNS = tuple(f.name for f in fields(RunRecord))
SELECT = "SELECT " + ", ".join(f'"{name}"' for name in COLUMNS) + " FROM runs"


def to_column(name: str, value: Any) -> Any:
    """A field of `RunRecord` as its column holds it."""
    if name == "parameters":
        return json.dumps(dict(value), default=to_json)
    if name in ("error", "cause"):
        return json.dumps(value, default=to_json) if value is not None else None
    return value


def record(row: tuple[Any, ...]) -> RunRecord:
    """A row of `SELECT`."""
    values = dict(zip(COLUMNS, row, strict=True))
    values["parameters"] = json.loads(values["parameters"])
    for name in ("error", "cause"):
        values[name] = json.loads(values[name]) if values[name] else None
    return RunRecord(**values)


def to_json(value: Any) -> Any:
    """For `json.dumps`: messages and problems in their JSON form; dates, paths and decimals as text."""
    form = getattr(value, "to_json", None)
    if form is not None:
        return form()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    isoformat = getattr(value, "isoformat", None)
    return isoformat() if isoformat is not None else str(value)
