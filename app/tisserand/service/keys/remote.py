"""Business keys of the executor on the other side of HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tisserand.service.keys.calls import Erased, Erasure, Trail

if TYPE_CHECKING:
    from tisserand.service.client import HttpExecutor

LONG = (5.0, 3600.0)
"""Seconds: an erasure looks through everything that is kept."""


class RemoteKeys:
    """Implements `Keys`. Values go in bodies, never in addresses: those stand in logs."""

    def __init__(self, executor: HttpExecutor) -> None:
        self._executor = executor

    def search(self, value: str, prefix: bool = False, name: str | None = None, limit: int = 200) -> Trail:
        body = {"value": value, "prefix": prefix, "name": name, "limit": limit}
        return Trail.from_json(self._executor.call("POST", "/keys/search", body).json())

    def names(self) -> Sequence[str]:
        return [str(name) for name in self._executor.call("GET", "/keys").json()]

    def erasure(self, name: str, value: str) -> Erasure:
        return Erasure.from_json(
            self._executor.call("POST", "/keys/erasure", {"name": name, "value": value}, timeout=LONG).json()
        )

    def erase(self, name: str, value: str, by: str, reason: str) -> Erasure:
        body = {"name": name, "value": value, "by": by, "reason": reason}
        return Erasure.from_json(self._executor.call("POST", "/keys/erase", body, timeout=LONG).json())

    def erasures(self) -> Sequence[Erased]:
        return [Erased.from_json(each) for each in self._executor.call("GET", "/keys/erasures").json()]
