"""The waits of an executor process, over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tisserand.service.waits.calls import Decision, OpenWait, Sent

if TYPE_CHECKING:
    from tisserand.service.client import HttpExecutor


class RemoteWaits:
    """Implements `Waits`."""

    def __init__(self, executor: HttpExecutor) -> None:
        self._executor = executor

    def open(self, kind: str | None = None) -> list[OpenWait]:
        return [OpenWait.from_json(found) for found in self._executor.call("GET", "/waits", params={"kind": kind}).json()]

    def signal(self, name: str, key: str | None = None, data: Mapping[str, Any] | None = None, by: str = "") -> Sent:
        body = {"name": name, "key": key, "data": dict(data or {}), "by": by}
        return Sent.from_json(self._executor.call("POST", "/waits/signals", body).json())

    def answer(self, run: str, node: str | None, decision: Decision, comment: str = "", by: str = "") -> OpenWait:
        body = {"run": run, "node": node, "decision": decision, "comment": comment, "by": by}
        return OpenWait.from_json(self._executor.call("POST", "/waits/answers", body).json())
