"""Looks out for what a person should see, whatever page is shown: alerts, dead events, questions; and whether the executor lives."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from tisserand.model.problem import Problem
from tisserand.texts import ngettext
from tisserand.texts import translate as _
from tisserand.ui.canvas.state import number

if TYPE_CHECKING:
    from tisserand.service.alerts.calls import Alert
    from tisserand.service.protocol import Executor
    from tisserand.ui.window import Window

OFTEN = 5000
"""Milliseconds between two looks."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is to be seen now. `badges` counts by the action of a page."""

    running: bool = False
    paused: bool = False
    alerts: tuple[Alert, ...] = ()
    """Open ones of which nobody knows, and that are not silent."""
    badges: Mapping[str, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Everything that waits for a person."""
        return sum(self.badges.values())


def look(executor: Executor, root: Path) -> Outlook:
    """Ask for all of it; beside the window."""
    from tisserand.service.serve import running
    from tisserand.ui.supervision.alerts import serious

    alerts = tuple(serious(executor.alerts.list("open")))
    badges = {
        "inbox_page": sum(found.counts.get("dead", 0) for found in executor.inbox.counts()),
        "schedules_page": len(executor.schedules.verdicts(None, 0, time.time() + 86_400, "asking")),
        "alerts_page": len(alerts),
        "approvals_page": len(executor.waits.open("decision")),
    }
    return Outlook(running(root) is not None, executor.queue.standing().paused is not None, alerts, badges)


class Lookout(QObject):
    """One for a window. It begins when it is told to."""

    changed = Signal()
    alerted = Signal(object)
    """Alerts that were not there at the look before."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window_ = window
        self.seen = Outlook()
        self._root: Path | None = None
        self._known: set[int] | None = None
        self._under_way = False
        self._timer = QTimer(self)
        self._timer.setInterval(OFTEN)
        self._timer.timeout.connect(self.look)

    def begin(self) -> None:
        """Look now, and from now on."""
        if not self._timer.isActive():
            self._timer.start()
            self.look()

    def look(self) -> None:
        """Once, beside the window; nothing while a look is under way."""
        root = self.window_.runner.root
        if root != self._root:
            self._root, self._known = root, None
            self._see(Outlook())
        if root is None or self._under_way:
            return
        self._under_way = True
        runner = self.window_.runner

        def come(seen: Outlook) -> None:
            self._under_way = False
            if root == self.window_.runner.root:
                self._see(seen)
                self._tell_new(seen)

        def failed(problems: list[Problem]) -> None:
            # What cannot be looked at now is told by the pages; here it means that nothing is known.
            self._under_way = False
            if root == self.window_.runner.root:
                self._see(Outlook())

        self.window_.background.do(lambda: look(runner.executor(root), root), come, failed)

    def _see(self, seen: Outlook) -> None:
        if seen == self.seen:
            return
        self.seen = seen
        action = self.window_.actions_["supervision"]
        word = _("Supervision")
        action.setIconText(f"{word} ({number(seen.count)})" if seen.count else word)
        self.window_.actions_.hint("supervision", f"{action.text()} · {told(seen)}" if seen.count else action.text())
        self.changed.emit()

    def _tell_new(self, seen: Outlook) -> None:
        ids = {alert.id for alert in seen.alerts}
        if self._known is not None:
            fresh = [alert for alert in seen.alerts if alert.id not in self._known]
            if fresh:
                self.alerted.emit(fresh)
        self._known = ids | (self._known or set())


def told(seen: Outlook) -> str:
    """What waits for a person, in words."""
    counts = seen.badges
    pages = ("alerts_page", "inbox_page", "schedules_page", "approvals_page")
    alerts, dead, asking, questions = (counts.get(page, 0) for page in pages)
    parts = []
    if alerts:
        parts.append(ngettext("{count} alert", "{count} alerts", alerts).format(count=number(alerts)))
    if dead:
        parts.append(ngettext("{count} event given up", "{count} events given up", dead).format(count=number(dead)))
    if asking:
        parts.append(
            ngettext("{count} missed time asks you", "{count} missed times ask you", asking).format(count=number(asking))
        )
    if questions:
        parts.append(ngettext("{count} question", "{count} questions", questions).format(count=number(questions)))
    return ", ".join(parts)
