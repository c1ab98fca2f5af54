"""Retention in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tisserand.engine.launch import refusal
from tisserand.sdk.errors import NodeError
from tisserand.service.retention.calls import Swept
from tisserand.service.retention.settings import Rules
from tisserand.service.retention.sweep import ONE, Sweeping

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor


class HereRetention:
    """Implements `Retention`."""

    def __init__(self, executor: LocalExecutor) -> None:
        self._executor = executor

    def plan(self) -> Swept:
        return Sweeping(self._executor, self._rules()).plan()

    def sweep(self, by: str = "") -> Swept:
        rules = self._rules()
        self._executor.audit.note("retention.swept", "runs", {}, by=by)
        return self.work(rules)

    def work(self, rules: Rules, stopped: Callable[[], bool] = lambda: False) -> Swept:
        """As the executor process does by itself: nobody asked for it."""
        with ONE:
            return Sweeping(self._executor, rules).sweep(stopped)

    def _rules(self) -> Rules:
        from tisserand.workspace.folder import Workspace

        try:
            return Rules(Workspace(self._executor.root))
        except NodeError as error:
            raise refusal("call.refused", error.message, error.fix) from error
