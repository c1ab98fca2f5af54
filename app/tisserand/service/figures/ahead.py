"""Sums and words made before anybody asks: the first look at a large journal shall be as quick as the second."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tisserand.engine.journal import Journal
from tisserand.engine.launch import journal_path
from tisserand.service import crash
from tisserand.service.figures.sums import Sums
from tisserand.service.figures.words import Words

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor

DAYS = 400
"""How far back; days before are summed when somebody asks."""

EVERY = 600.0
"""Seconds between two looks."""


class Ahead:
    """A part of the executor process."""

    def __init__(self, executor: LocalExecutor) -> None:
        self._root = executor.root
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="figures ahead", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join(5)

    def _work(self) -> None:
        try:
            # A connection of its own: who asks meanwhile does not wait.
            with Journal(journal_path(self._root)) as journal:
                sums, words = Sums(journal), Words(journal)
                while not self._over.is_set():
                    words.catch_up(self._over.is_set)
                    sums.sum_up(DAYS, self._over.is_set)
                    self._over.wait(EVERY)
        except Exception as error:  # noqa: BLE001 - the thread's last line; whoever asks for figures meets the same fault and is told
            crash.report(error, self._root)
