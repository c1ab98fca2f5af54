"""Published flows of the executor on the other side of HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from tisserand.service.published.calls import AskedPage, PublishedInfo, Suitability

if TYPE_CHECKING:
    from tisserand.service.client import HttpExecutor

LONG = (5.0, 600.0)


class RemotePublished:
    """Implements `Published`."""

    def __init__(self, executor: HttpExecutor) -> None:
        self._executor = executor

    def list(self) -> Sequence[PublishedInfo]:
        return [PublishedInfo.from_json(each) for each in self._executor.call("GET", "/published").json()]

    def suits(self, flow: str) -> Suitability:
        return Suitability.from_json(self._executor.call("POST", "/published/suits", {"flow": flow}, timeout=LONG).json())

    def refresh(self) -> None:
        self._executor.call("POST", "/published/refresh", {})

    def requests(self, api: str, version: str, limit: int = 100, errors: bool = False, before: int | None = None) -> AskedPage:
        path = f"/published/{quote(api, safe='')}/{quote(version, safe='')}/requests"
        asked = {"limit": limit, "errors": errors, "before": before}
        return AskedPage.from_json(self._executor.call("GET", path, params=asked).json())
