"""The audit log of the executor on the other side of HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tisserand.service.audit.store import Entry, Verdict

if TYPE_CHECKING:
    from tisserand.service.client import HttpExecutor

LONG = (5.0, 600.0)


class RemoteAudit:
    """Implements `AuditLog`."""

    def __init__(self, executor: HttpExecutor) -> None:
        self._executor = executor

    def entries(self, target: str | None = None, limit: int = 100, before: int | None = None) -> list[Entry]:
        params = {"target": target, "limit": limit, "before": before}
        return [Entry.from_json(each) for each in self._executor.call("GET", "/audit", params=params).json()]

    def verify(self) -> Verdict:
        return Verdict.from_json(self._executor.call("GET", "/audit/verdict", timeout=LONG).json())
