"""The part of the executor process that wakes runs: when a moment is due, a signal has come, or a person has decided."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from tisserand.engine.launch import PAUSE, Refused, reenter, relaunch, run_folder
from tisserand.engine.waits import Waits
from tisserand.model.problem import Problem
from tisserand.sdk.config import Config
from tisserand.sdk.fields import Duration
from tisserand.service import crash
from tisserand.workspace.folder import Workspace
from tisserand.workspace.settings import settings

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor

LOOK = 0.5
"""Seconds between two looks: other processes answer, too."""
TIDY = 3600.0
"""Seconds between two looks for signals that are too old."""
AGAIN = 30.0
"""Seconds until a run that could not be woken is tried again."""


class WaitSettings(Config):
    """`executor: waits:` of `tisserand.yaml`."""

    keep_signals: Duration = Duration("30d")
    """How long a signal is kept for a run that may ask for it."""


class Waking:
    """What is due stands in the journal alone: a kill at any moment loses nothing, and as only a waiting run becomes queued, each is
    woken once. `clock` tells the time, in seconds since 1970, UTC."""

    def __init__(self, executor: LocalExecutor, clock: Callable[[], float] = time.time) -> None:
        self._executor = executor
        self._clock = clock
        self._waits = Waits(executor.journal)
        self._keep = settings(Workspace(executor.root), "waits", WaitSettings).keep_signals.seconds
        self._tidied = float("-inf")
        self._held: dict[str, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="waking", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def look(self) -> list[str]:
        """Wake what can go on now; gives the runs."""
        now = self._clock()
        for root in self._waits.left_open():
            self._waits.close(root)
        self._waits.expire(now)
        woken = [run for run in self._waits.ready() if self._held.get(run, 0.0) <= time.monotonic() and self._wake(run)]
        if now - self._tidied >= TIDY:
            self._tidied = now
            self._waits.forget(now - self._keep)
        return woken

    # Inside

    def _wake(self, run: str) -> bool:
        executor, folder = self._executor, run_folder(self._executor.root, run)
        if (folder / PAUSE).exists() or (folder / "cancel").exists():
            return False
        try:
            if executor.line is not None:
                reenter(executor.root, run, executor.journal, queue=True)
                executor.line.look()
            else:
                relaunch(executor.root, run, None, executor.journal)
        except Refused as refused:
            self._failed(run, refused.problems[0])
            return False
        return True

    def _failed(self, run: str, problem: Problem) -> None:
        """Its files are gone, or somebody else goes on with it at this moment."""
        if problem.code == "run.gone":
            self._executor.journal.set_state(run, "failed", problem, expect=("waiting",))
        self._held[run] = time.monotonic() + AGAIN

    def _work(self) -> None:
        while not self._stop.wait(LOOK):
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - the thread's end of the line: it is reported, and tried again
                crash.report(error, self._executor.root)
                self._stop.wait(AGAIN)
