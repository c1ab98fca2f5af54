"""Telemetry of the executor in this process: opened when it is first asked for."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from tisserand.service.telemetry.counting import Counting
from tisserand.service.telemetry.settings import Telemetry
from tisserand.service.telemetry.store import TelemetryStore
from tisserand.workspace.folder import Workspace
from tisserand.workspace.settings import settings

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor
    from tisserand.service.telemetry.metrics import Stocks

FILE = "telemetry.sqlite"


class HereTelemetry:
    """Attribute `telemetry` of a `LocalExecutor`. `stocks` may be put in the place of what is known without other parts."""

    def __init__(self, executor: LocalExecutor) -> None:
        self._executor = executor
        self.stocks: Stocks | None = None

    @cached_property
    def store(self) -> TelemetryStore:
        return TelemetryStore(self._executor.root / ".tisserand" / FILE)

    @cached_property
    def counting(self) -> Counting:
        return Counting(self._executor.journal, self.store)

    def settings(self) -> Telemetry:
        """Raises `NodeError`."""
        return settings(Workspace(self._executor.root), "telemetry", Telemetry)

    def metrics(self) -> bytes:
        """The text that Prometheus reads. Raises `NodeError` where the settings are wrong."""
        from tisserand.service.telemetry.metrics import OwnStocks, scraped

        return scraped(self._executor, self.settings().metrics.flows, self.stocks or OwnStocks(self._executor))

    def close(self) -> None:
        if "store" in self.__dict__:
            self.store.close()
