"""The queue of an executor on the other side of HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tisserand.service.queue.calls import Queued

if TYPE_CHECKING:
    from tisserand.service.client import HttpExecutor


class RemoteQueue:
    """Implements `Queue`."""

    def __init__(self, executor: HttpExecutor) -> None:
        self._executor = executor

    def standing(self) -> Queued:
        return Queued.from_json(self._executor.call("GET", "/queue").json())

    def pause(self, target: str | None, by: str = "") -> bool:
        return bool(self._executor.call("POST", "/queue/pause", {"target": target, "by": by}).json()["changed"])

    def unpause(self, target: str | None, by: str = "") -> bool:
        return bool(self._executor.call("POST", "/queue/unpause", {"target": target, "by": by}).json()["changed"])

    def drain(self, on: bool = True, by: str = "") -> None:
        self._executor.call("POST", "/queue/drain", {"on": on, "by": by})

    def log(self, run: str, offset: int = 0) -> tuple[str, int]:
        found = self._executor.call("GET", "/queue/log", params={"run": run, "offset": offset}).json()
        return found["text"], found["offset"]
