"""The inbox of an executor process, over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tisserand.service.inbox.calls import Hook, InboxCounts, InboxEvent

if TYPE_CHECKING:
    from tisserand.service.client import HttpExecutor


class RemoteInbox:
    """Implements `Inbox`."""

    def __init__(self, executor: HttpExecutor) -> None:
        self._executor = executor

    def events(
        self,
        file: str | None = None,
        state: str | None = None,
        text: str | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> list[InboxEvent]:
        asked = {"file": file, "state": state, "text": text, "limit": limit, "before": before}
        return [InboxEvent.from_json(found) for found in self._executor.call("GET", "/inbox/events", params=asked).json()]

    def event(self, id: int) -> InboxEvent:
        return InboxEvent.from_json(self._executor.call("GET", f"/inbox/events/{int(id)}").json())

    def counts(self) -> list[InboxCounts]:
        return [InboxCounts.from_json(found) for found in self._executor.call("GET", "/inbox").json()]

    def edit(self, id: int, row: Mapping[str, Any], by: str = "") -> InboxEvent:
        answer = self._executor.call("POST", f"/inbox/events/{int(id)}", {"row": dict(row), "by": by})
        return InboxEvent.from_json(answer.json())

    def resubmit(self, ids: Sequence[int], by: str = "") -> int:
        return int(self._executor.call("POST", "/inbox/resubmit", {"ids": list(ids), "by": by}).json()["events"])

    def discard(self, ids: Sequence[int], by: str = "") -> int:
        return int(self._executor.call("POST", "/inbox/discard", {"ids": list(ids), "by": by}).json()["events"])

    def hooks(self) -> list[Hook]:
        return [Hook.from_json(found) for found in self._executor.call("GET", "/inbox/hooks").json()]
