"""The figures of the executor on the other side of HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from tisserand.service.figures.calls import Asked, FlowFigures, Load, Span
from tisserand.service.protocol import RunInfo

if TYPE_CHECKING:
    from tisserand.service.client import HttpExecutor


class RemoteFigures:
    """Implements `Figures`."""

    def __init__(self, executor: HttpExecutor) -> None:
        self._executor = executor

    def flows(self, since: float, until: float | None = None) -> list[FlowFigures]:
        found = self._executor.call("GET", "/figures/flows", params={"since": since, "until": until}).json()
        return [FlowFigures.from_json(each) for each in found]

    def load(self, since: float, until: float, seconds: float, flow: str | None = None) -> list[Load]:
        params = {"since": since, "until": until, "seconds": seconds, "flow": flow}
        return [Load(**each) for each in self._executor.call("GET", "/figures/load", params=params).json()]

    def runs(self, asked: Asked, limit: int = 100, before: str | None = None) -> list[RunInfo]:
        body = {"asked": asked.to_json(), "limit": limit, "before": before}
        return [RunInfo.from_json(each) for each in self._executor.call("POST", "/figures/runs", body).json()]

    def count(self, asked: Asked) -> int:
        return int(self._executor.call("POST", "/figures/count", {"asked": asked.to_json()}).json()["count"])

    def timeline(self, run: str) -> Sequence[Span]:
        path = f"/runs/{quote(run, safe='').replace('.', '%2E') or '-'}/timeline"
        return [Span(**each) for each in self._executor.call("GET", path).json()]
