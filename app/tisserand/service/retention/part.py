"""Retention by itself: a pass now and then, as the settings say at that moment."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tisserand.engine.launch import Refused
from tisserand.sdk.errors import NodeError
from tisserand.service import crash
from tisserand.service.retention.settings import Rules
from tisserand.workspace.folder import Workspace

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor

EVERY = 3600.0
FIRST = 30.0
"""Seconds after the start: what was asked for goes first."""


class Keeping:
    """A part of the executor process."""

    def __init__(self, executor: LocalExecutor) -> None:
        self._executor = executor
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="retention", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join(5)

    def _work(self) -> None:
        wait = FIRST
        while not self._over.wait(wait):
            wait = EVERY
            try:
                self._executor.retention.work(Rules(Workspace(self._executor.root)), self._over.is_set)
            except (NodeError, Refused):
                continue  # wrong settings remove nothing; who asks for a plan is told what is wrong
            except Exception as error:  # noqa: BLE001 - the thread's last line: reported, and tried again
                crash.report(error, self._executor.root)
