"""The part of the executor that exports: it follows the journal, once for each receiver, and goes on where it was."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tisserand.engine.journal import FINAL, Event
from tisserand.sdk.errors import NodeError
from tisserand.service import crash
from tisserand.service.telemetry.settings import Otlp, Telemetry
from tisserand.store import StoreError

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor
    from tisserand.workspace.connections import Connections

EVERY = 2.0
BATCH = 200
"""Events that are looked at for one request."""
FIRST, LONGEST = 2.0, 300.0
"""Seconds of pause after a receiver could not be reached, doubled each time, and at most."""


class Exporting:
    """A `Part`. A receiver that is away is waited for, and nothing is left out; what it refuses for good is told and passed over."""

    def __init__(self, executor: LocalExecutor, clock: Callable[[], float] = time.monotonic) -> None:
        self._executor = executor
        self._clock = clock
        self._pauses: dict[str, tuple[float, float]] = {}
        """Receiver → when it is tried again, and the pause after that."""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._live, name="telemetry", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(15)

    def _live(self) -> None:
        while not self._stopped.wait(EVERY):
            try:
                self.look()
            except (NodeError, StoreError, OSError) as error:
                # Wrong settings, or a disk that is full: it is reported, and looked at again a good while later.
                crash.report(error, self._executor.root)
                self._stopped.wait(60)
            except Exception as error:  # noqa: BLE001 - the thread's last line: it is reported, and tried again later
                crash.report(error, self._executor.root)
                self._stopped.wait(60)

    def look(self) -> None:
        """Export what is there to be exported now."""
        telemetry = self._executor.telemetry
        telemetry.counting.catch_up()
        settings = telemetry.settings()
        for name, export in self._exports(settings).items():
            self._follow(name, export)

    def _exports(self, settings: Telemetry) -> dict[str, Callable[[Sequence[Event]], None]]:
        found: dict[str, Callable[[Sequence[Event]], None]] = {}
        if settings.otlp is not None:
            otlp = settings.otlp
            found["otlp"] = lambda events: self._spans(otlp, events)
        lineage = settings.openlineage
        if lineage is not None:
            from tisserand.service.telemetry.lineage import Lineage

            made = Lineage(self._executor, lineage)
            if lineage.file is not None:
                found["lineage.file"] = made.to_file
            if lineage.url is not None:
                found["lineage.http"] = made.to_address
        return found

    def _follow(self, name: str, export: Callable[[Sequence[Event]], None]) -> None:
        store = self._executor.telemetry.store
        if store.mark(name) is None:
            # What was before somebody asked for it is nobody's business.
            store.set_mark(name, self._executor.journal.last())
            return
        again, pause = self._pauses.get(name, (0.0, FIRST))
        if self._clock() < again:
            return
        while not self._stopped.is_set():
            events = self._executor.journal.tail(int(store.mark(name)), BATCH)
            if not events:
                break
            try:
                export([event for event in events if event.kind.startswith("run.")])
            except NodeError as error:
                if error.retry:
                    self._pauses[name] = (self._clock() + pause, min(LONGEST, pause * 2))
                    return
                crash.report(error, self._executor.root)
            self._pauses.pop(name, None)
            store.set_mark(name, events[-1].seq)

    def _spans(self, otlp: Otlp, events: Sequence[Event]) -> None:
        from tisserand.service.telemetry.otlp import encoded, post
        from tisserand.service.telemetry.spans import Span, spans, whole

        journal = self._executor.journal
        made: list[Span] = []
        for run in dict.fromkeys(event.run for event in events if event.kind.removeprefix("run.") in FINAL):
            record = journal.run(run)
            if record is not None and record.state in FINAL:
                made += spans(journal, record)
        if not made:
            return
        connections = self._connections()
        headers = {
            name: connections.secret(value) if value.startswith("secret:") else value for name, value in otlp.headers.items()
        }
        body = encoded(whole(made), otlp.service, connections.workspace.id)
        post(otlp.url, body, headers, "application/x-protobuf", otlp.timeout.seconds)

    def _connections(self) -> Connections:
        from tisserand.sdk.registry import registry
        from tisserand.workspace.connections import Connections
        from tisserand.workspace.folder import Workspace

        return Connections(Workspace(self._executor.root), registry())
