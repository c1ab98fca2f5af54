"""The part of the executor that raises alerts and hands them out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import tzinfo
from typing import TYPE_CHECKING

from tisserand.service import crash
from tisserand.service.alerts.delivery import Delivery
from tisserand.service.alerts.following import Following
from tisserand.service.alerts.sources import OwnSources, Sources
from tisserand.store import StoreError

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor

EVERY = 2.0
"""Seconds between two looks."""


class Alerting:
    """A `Part`. `sources` are what other parts of the executor tell; `clock` and `zone` are the machine's own where none is given."""

    def __init__(
        self,
        executor: LocalExecutor,
        sources: Sources | None = None,
        clock: Callable[[], float] = time.time,
        zone: tzinfo | None = None,
    ) -> None:
        self._executor = executor
        self._clock = clock
        store = executor.alerts.store
        self.following = Following(executor.root, executor.journal, store, sources or OwnSources(executor), clock, zone)
        self.delivery = Delivery(executor.root, store, lambda: self.following.settings, clock)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._live, name="alerts", daemon=True)

    def start(self) -> None:
        # Before the executor answers: what it is then asked to do is looked at, though it were killed the next moment.
        self.following.begin(self._clock())
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(10)
        self.delivery.stop()

    def _live(self) -> None:
        while not self._stopped.wait(EVERY):
            try:
                self.following.look()
                self.delivery.look()
            except (StoreError, OSError) as error:
                crash.report(error, self._executor.root)
                self._stopped.wait(30)
            except Exception as error:  # noqa: BLE001 - the thread's last line: it is reported, and tried again later
                crash.report(error, self._executor.root)
                self._stopped.wait(30)
