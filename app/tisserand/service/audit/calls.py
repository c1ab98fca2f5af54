"""What is asked of the audit log."""

from __future__ import annotations

from typing import Protocol

from tisserand.service.audit.store import Entry, Verdict


class AuditLog(Protocol):
    """Reads only; entries are written by the executor itself, before what they tell of is done."""

    def entries(self, target: str | None = None, limit: int = 100, before: int | None = None) -> list[Entry]:
        """Entries, the latest first; `before` is the number to go on from."""

    def verify(self) -> Verdict:
        """Whether the log is as it was written."""
