"""Erasures that a kill left unfinished are finished by the next start."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tisserand.service import crash

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor

AGAIN = 300.0
"""Seconds between two tries, where a run that holds the value is under way."""


class Finishing:
    """A part of the executor process."""

    def __init__(self, executor: LocalExecutor) -> None:
        self._executor = executor
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="finishing erasures", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join(5)

    def _work(self) -> None:
        while not self._over.is_set():
            try:
                self._executor.keys.erasing.finish()
            except Exception as error:  # noqa: BLE001 - the thread's last line: reported, and tried again
                crash.report(error, self._executor.root)
            self._over.wait(AGAIN)
