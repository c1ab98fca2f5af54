"""The log of the last run: what happened, when, at which node."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from PySide6.QtWidgets import QPlainTextEdit

from tisserand.texts import N_, Message
from tisserand.texts import translate as _
from tisserand.ui.canvas.state import number
from tisserand.ui.canvas.state import rows as row_count
from tisserand.ui.kinds import Face
from tisserand.ui.theme import mono

LONGEST = 32
"""Characters of a node's name."""
_WORDS = {
    "run.queued": N_("Run queued"),
    "run.waiting": N_("Run waits"),
    "flow.edited": N_("flow edited"),
    "problem": N_("problem"),
    "run.started": N_("Run started"),
    "plan.ready": N_("Plan ready"),
    "node.started": N_("started"),
    "node.retry": N_("trying again"),
    "node.done": N_("done"),
    "node.failed": N_("failed"),
    "node.skipped": N_("skipped"),
    "sink.uncertain": N_("uncertain"),
    "discovery.done": N_("source checked"),
    "log": N_("says"),
    "run.done": N_("Run done"),
    "run.failed": N_("Run failed"),
    "run.cancelled": N_("Run cancelled"),
    "run.interrupted": N_("Run broke off"),
    "child.started": N_("started a flow"),
    "child.done": N_("flow ended"),
}
_UNSAID = frozenset({"segment.started", "segment.done", "sink.begun", "sink.staged", "sink.done", "control.decided"})


class Log(QPlainTextEdit):
    """Lines, the newest last."""

    def __init__(self) -> None:
        super().__init__()
        self._width = 8
        self._names: dict[str, str] = {}
        self._ports: dict[str, dict[str, str]] = {}
        self.setObjectName("log")
        self.setReadOnly(True)
        self.setFont(mono())
        self.setFrameShape(QPlainTextEdit.Shape.NoFrame)
        self.setMaximumBlockCount(20_000)
        self.setAccessibleName(_("Log"))
        self.setPlaceholderText(_("What a run does is written here."))

    def add_event(self, event: Any) -> None:
        """One event of a run as a line; how the engine cut the flow into pieces is of no interest here."""
        line = self.line_of(event)
        if line is not None:
            self.appendPlainText(line)

    def line_of(self, event: Any) -> str | None:
        """The line of an event; None for one that is not told."""
        if event.kind in _UNSAID:
            return None
        clock = time.strftime("%H:%M:%S", time.localtime(event.time))
        word = _(_WORDS[event.kind]) if event.kind in _WORDS else event.kind
        said = _said(event.data, self._ports.get(event.node or "", {}))
        name = self._names.get(event.node or "", event.node or "")
        # Nodes stand in a column of their own, as wide as the longest so far.
        self._width = max(self._width, len(name))
        parts = [clock, name.ljust(self._width), word, said]
        return "  ".join(part for part in parts if part).rstrip()

    def begin(self, cards: Mapping[str, Face]) -> None:
        """A run of these nodes starts: its lines stand alone, and name nodes and ports as the cards do."""
        self.clear()
        self.name(cards)

    def name(self, cards: Mapping[str, Face]) -> None:
        """How nodes and ports are called from now on."""
        self._names = {id: _short(shown.title) for id, shown in cards.items()}
        self._ports = {
            id: {port.name: "" if port.kind == "result" else _(port.title) or port.name for port in shown.outputs}
            for id, shown in cards.items()
        }
        self._width = max((len(name) for name in self._names.values()), default=8)

    def add_line(self, text: str) -> None:
        self.appendPlainText(f"{time.strftime('%H:%M:%S')}  {text}")


def _short(title: str) -> str:
    """A title that leaves room for what happened."""
    told = " ".join(title.split())
    return told if len(told) <= LONGEST else told[: LONGEST - 1] + "…"


def _said(data: Any, ports: Mapping[str, str]) -> str:
    error = data.get("error") or data.get("message") or data.get("reason")
    if isinstance(error, dict):
        inner = error.get("message", error)
        if isinstance(inner, dict) and "id" in inner:
            return Message.from_json(inner).text()
        return str(inner)
    if error:
        return str(error)
    rows = data.get("rows")
    if isinstance(rows, dict) and rows:
        # The one row in which a writer reports says nothing of what it wrote.
        told = {ports.get(port, port): count for port, count in rows.items() if ports.get(port, port)}
        if len(told) == 1:
            return row_count(next(iter(told.values())))
        return ", ".join(f"{port} {number(count)}" for port, count in told.items())
    return ""
