"""What the journal tells of a run that is over, as far as alerts are concerned."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tisserand.engine.journal import Event, Journal, RunRecord
from tisserand.engine.launch import Refused, run_folder
from tisserand.model.lenient_yaml import Loader

_OUTAGES = frozenset({"disk.full", "run.memory", "workspace.error", "system.error", "file.refused"})
"""Problems that are not the flow's own: where several flows have one at a time, it has one cause."""


@dataclass(frozen=True, slots=True)
class Facts:
    """One attempt of a run, from its beginning to its end."""

    seconds: float | None = None
    """From begin to end without the pauses before retries; None where that says nothing: it was interrupted, or waited for somebody."""
    rows: int | None = None
    """Rows that its sinks wrote; None for a flow without sinks."""
    rejected: int = 0
    taken: int = 0
    """Rows that passed the nodes which can reject some."""
    retries: int = 0
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Source → its columns, each with its type."""

    @property
    def rejects(self) -> float | None:
        """The share of rows that were rejected."""
        whole = self.rejected + self.taken
        return self.rejected / whole if whole else None


def facts(record: RunRecord, events: Iterable[Event]) -> Facts:
    """What the events of a run tell."""
    begun, retries, paused, waited = 0, 0, 0.0, False
    written: dict[str, int] = {}
    passed: dict[str, tuple[int, int]] = {}
    columns: dict[str, tuple[str, ...]] = {}
    for event in events:
        data, node = event.data, event.node or ""
        if event.kind == "run.started":
            begun += 1
        elif event.kind == "run.waiting":
            waited = True
        elif event.kind == "node.retry":
            retries += 1
            paused += float(data.get("wait") or 0)
        elif event.kind == "sink.done":
            written[node] = int(data.get("rows") or 0)
        elif event.kind == "discovery.done" and data.get("columns"):
            columns[node] = tuple(f"{name}: {type}" for name, type in data["columns"].items())
        elif event.kind == "node.done" and "rejected" in data:
            refused = int(data["rejected"] or 0)
            others = sum(int(count) for count in (data.get("rows") or {}).values()) - refused
            passed[node] = (refused, others)
    whole = (record.finished or 0) - (record.started or 0) if record.finished and record.started else None
    return Facts(
        seconds=max(0.0, whole - paused) if whole is not None and begun <= 1 and not waited else None,
        rows=sum(written.values()) if written else None,
        rejected=sum(refused for refused, _others in passed.values()),
        taken=sum(max(written.get(node, 0), others) for node, (_refused, others) in passed.items()),
        retries=retries,
        columns=columns,
    )


def partial(root: Path, run: str) -> bool:
    """Whether a run was to go up to some node only: somebody was trying something out."""
    return bool(_asked(root, run).get("until"))


def cause(root: Path, record: RunRecord) -> str | None:
    """What a failed run may have in common with others: the connection of the node that failed, or an outage of this machine."""
    error = record.error or {}
    node = (error.get("place") or {}).get("node")
    name = _connection(root, record.id, node) if node else None
    if name is not None:
        return f"connection:{name}"
    code = str(error.get("code") or "")
    return f"code:{code}" if code in _OUTAGES else None


def _connection(root: Path, run: str, node: str) -> str | None:
    try:
        text = (run_folder(root, run) / "flow.yaml").read_text(encoding="utf-8")
        flow = yaml.load(text, Loader=Loader)  # noqa: S506 - a safe loader
        name = flow["nodes"][node]["config"]["connection"]
    except (OSError, Refused, yaml.YAMLError, KeyError, TypeError):
        return None  # a flow that is gone, or whose node has no connection, has no cause in common
    return name if isinstance(name, str) and "{{" not in name else None


def _asked(root: Path, run: str) -> dict[str, Any]:
    try:
        found = json.loads((run_folder(root, run) / "request.json").read_text(encoding="utf-8"))
    except (OSError, Refused, ValueError):
        return {}  # retention has taken the folder, or the run was made elsewhere
    return found if isinstance(found, dict) else {}


def first_seq(journal: Journal, since: float) -> int:
    """The number of the event after which everything happened since then; found by run ids, which sort by time."""
    from datetime import UTC, datetime

    prefix = datetime.fromtimestamp(max(since, 0), UTC).strftime("%Y%m%d-%H%M%S")
    found = journal.row("SELECT seq FROM events WHERE run >= ? ORDER BY run, seq LIMIT 1", (prefix,))
    return int(found[0]) - 1 if found else journal.last()
