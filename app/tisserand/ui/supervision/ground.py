"""What all pages of the supervision stand on: the workspace, questions to its executor, and the way from one page to another."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal
from shiboken6 import isValid

from tisserand.model.problem import Problem
from tisserand.texts import translate as _

if TYPE_CHECKING:
    from PySide6.QtWidgets import QPushButton

    from tisserand.service.figures.calls import FlowFigures
    from tisserand.service.protocol import Executor
    from tisserand.ui.window import Window

OFTEN = 20.0
"""Seconds after which the flows' names are asked for anew."""


class Ground(QObject):
    """One for all pages of a window."""

    titled = Signal()
    """The flows' names are known, or others."""
    run_asked = Signal(str)
    """A run that shall be shown."""
    runs_asked = Signal(str)
    """A flow whose runs shall be listed."""
    trouble = Signal(str)
    """Why the executor did not answer; empty once it does again."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window_ = window
        self.flows: Mapping[str, FlowFigures] = {}
        """Flow id → what is known of it."""
        self.buttons: dict[str, list[QPushButton]] = {}
        """Action → the buttons of all pages that do the same."""
        self._root: Path | None = None
        self._asked_at = 0.0
        self._under_way: dict[tuple[int, str], float] = {}
        self._told = ""

    @property
    def root(self) -> Path | None:
        """The workspace that is looked at."""
        return self.window_.runner.root

    def title(self, flow: str) -> str:
        """A flow as a person calls it."""
        found = self.flows.get(flow)
        return (found.title if found is not None else "") or flow

    def file(self, flow: str) -> str | None:
        """Its file, where it has one."""
        found = self.flows.get(flow)
        return found.file if found is not None else None

    # -- questions -----------------------------------------------------------------------------------------------------
    def ask(
        self,
        owner: QObject,
        question: Callable[[Executor], Any],
        then: Callable[[Any], object],
        failed: Callable[[list[Problem]], object] | None = None,
        once: str = "",
    ) -> bool:
        """Ask the executor beside the window. The answer is dropped when `owner` is gone or another workspace is looked at; with
        `once`, nothing is asked while the same question of the same owner is under way. Whether it was asked."""
        root = self.root
        key = (id(owner), once)
        if root is None or (once and key in self._under_way):
            return False
        if once:
            self._under_way[key] = time.monotonic()
        runner = self.window_.runner

        def over() -> bool:
            if once:
                self._under_way.pop(key, None)
            return isValid(owner) and self.root == root

        def come(answer: Any) -> None:
            if over():
                self._tell("")
                then(answer)

        def refuse(problems: list[Problem]) -> None:
            if over():
                (failed or self.complain)(problems)

        self.window_.background.do(lambda: question(runner.executor(root)), come, refuse)
        return True

    def complain(self, problems: list[Problem]) -> None:
        """Say what went wrong, over the page."""
        self._tell("\n".join(f"{p.message.text()} {p.fix.text() if p.fix else ''}".rstrip() for p in problems))

    def _tell(self, text: str) -> None:
        if text != self._told:
            self._told = text
            self.trouble.emit(text)

    def say(self, text: str) -> None:
        """A word in the status bar."""
        self.window_.desk.say(text)

    # -- names ---------------------------------------------------------------------------------------------------------
    def learn_names(self, *, anew: bool = False) -> None:
        """The names of the flows, now and then."""
        now = time.monotonic()
        if self.root != self._root:
            self._root, self.flows, anew = self.root, {}, True
        if not anew and now - self._asked_at < OFTEN:
            return
        self._asked_at = now
        # From now on: their names and states, without figures over a stretch of time.
        self.ask(self, lambda executor: executor.figures.flows(time.time()), self._named, once="names")

    def _named(self, found: list[FlowFigures]) -> None:
        flows = {flow.flow: flow for flow in found}
        changed = {id: (flow.title, flow.file) for id, flow in flows.items()} != {
            id: (flow.title, flow.file) for id, flow in self.flows.items()
        }
        self.flows = flows
        if changed:
            self.titled.emit()

    def nothing(self) -> str:
        """What is said where there is no workspace."""
        return _("There is no workspace yet. Open a flow, or make one: what its runs do is seen here.")
