"""Retention of the executor on the other side of HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tisserand.service.retention.calls import Swept

if TYPE_CHECKING:
    from tisserand.service.client import HttpExecutor

LONG = (5.0, 3600.0)


class RemoteRetention:
    """Implements `Retention`."""

    def __init__(self, executor: HttpExecutor) -> None:
        self._executor = executor

    def plan(self) -> Swept:
        return Swept.from_json(self._executor.call("GET", "/retention", timeout=LONG).json())

    def sweep(self, by: str = "") -> Swept:
        return Swept.from_json(self._executor.call("POST", "/retention", {"by": by}, timeout=LONG).json())
