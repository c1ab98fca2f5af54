"""Workers that stay loaded: starting a process and its libraries takes longer than many a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

from tisserand.engine.journal import Journal
from tisserand.engine.launch import POOLED, RunHandle, journal_death, kill_group, run_folder

RUNS = 50
"""A worker does at most so many runs."""
GROWN = 600_000_000
"""A worker that holds more resident memory than this, in bytes, does no further run."""
IDLE = 120.0
"""Seconds after which a worker without a run ends."""


class _Worker:
    """One process of the pool, and a thread that reads what it says."""

    def __init__(self, pool: Pool, log: Path) -> None:
        self.run: str | None = None
        self.before: int = 0
        """When its run was last begun before the worker got it."""
        self.given = 0
        """How many runs it was given."""
        self.last = False
        """It does no further run."""
        self.since = time.monotonic()
        self.process = _spawn(pool.root, log)
        self._pool = pool
        threading.Thread(target=self._follow, name=f"worker {self.process.pid}", daemon=True).start()

    def give(self, folder: Path) -> None:
        """Raises `OSError` when the process is gone."""
        orders = cast(IO[bytes], self.process.stdin)
        orders.write(json.dumps({"folder": str(folder)}).encode() + b"\n")
        orders.flush()

    def end(self) -> None:
        """Let it end, after its run where it has one."""
        self.last = True
        try:
            cast(IO[bytes], self.process.stdin).close()
        except OSError:
            return  # it is gone already

    def _follow(self) -> None:
        answers = cast(IO[bytes], self.process.stdout)
        for line in answers:
            self._pool._done(self, json.loads(line))
        if hasattr(os, "waitid"):
            # Still a zombie here, so its group id cannot belong to anybody else: what it left behind goes too.
            os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)
            kill_group(self.process.pid)
        code = self.process.wait()
        answers.close()
        self._pool._gone(self, code)


class Pool:
    """The workers of one executor process. Where it dies, they go on to the end of their run, and end.

    `ended` is called, from a thread of the pool, when a run that was begun here has no worker any more. Without `warm` each run
    has a process of its own, as without a pool.
    """

    def __init__(self, root: Path, journal: Journal, ended: Callable[[str], None], warm: bool = True, idle: float = IDLE) -> None:
        self.root = root
        self._journal = journal
        self._ended = ended
        self._warm = warm
        self._idle = idle
        self._lock = threading.Lock()
        self._workers: list[_Worker] = []
        self._alone: dict[str, RunHandle] = {}

    def begin(self, run: str, own: bool = False) -> None:
        """Hand a queued run to a worker. With `own` that one has done no run before, and does none afterwards: what a process has
        come to hold counts against the memory of its run."""
        if not self._warm:
            with self._lock:
                self._alone[run] = RunHandle(self.root, run, self._journal, self._left)
            return
        folder = run_folder(self.root, run)
        (folder / POOLED).touch()
        before = self._journal.begun(run)
        while True:
            with self._lock:
                worker = self._free(own)
                if worker is None:
                    worker = _Worker(self, folder / "worker.log")
                    self._workers.append(worker)
                worker.run, worker.before, worker.last = run, before, own
                worker.given += 1
            try:
                worker.give(folder)
            except OSError:
                with self._lock:
                    worker.run, worker.last = None, True  # it died while nothing was to be done: another one
                continue
            return

    def held(self) -> dict[str, int]:
        """The runs that have a worker → its process id."""
        with self._lock:
            found = {worker.run: worker.process.pid for worker in self._workers if worker.run is not None}
            return found | {run: handle.pid for run, handle in self._alone.items()}

    def settle(self, run: str, seconds: float) -> bool:
        """Wait until no worker is at a run; whether that came true."""
        end = time.monotonic() + seconds
        while run in self.held():
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    def pids(self) -> set[int]:
        """The processes of the pool, with a run or without."""
        with self._lock:
            return {worker.process.pid for worker in self._workers} | {handle.pid for handle in self._alone.values()}

    def tidy(self) -> None:
        """End the workers that had nothing to do for a while."""
        with self._lock:
            late = [w for w in self._workers if w.run is None and not w.last and time.monotonic() - w.since > self._idle]
            for worker in late:
                worker.end()

    def close(self) -> None:
        """End all workers, those with a run after it."""
        with self._lock:
            for worker in self._workers:
                worker.end()

    # Inside

    def _free(self, own: bool) -> _Worker | None:
        """The worker that was free last: the others may end some day."""
        found = [w for w in self._workers if w.run is None and not w.last and not (own and w.given)]
        return max(found, key=lambda worker: worker.since, default=None)

    def _done(self, worker: _Worker, answer: dict[str, Any]) -> None:
        with self._lock:
            run, worker.run = worker.run, None
            worker.since = time.monotonic()
            if worker.last or worker.given >= RUNS or answer["memory"] > GROWN:
                worker.end()
        if run is not None:
            self._ended(run)

    def _gone(self, worker: _Worker, code: int) -> None:
        run = worker.run
        if run is not None:
            # A worker that died while it waited for work has not tried the run: that is begun again, with another.
            journal_death(self.root, run, worker.process.pid, code, worker.before if worker.given == 1 else None)
        with self._lock:
            self._workers.remove(worker)
            worker.end()
        if run is not None:
            self._ended(run)

    def _left(self, run: str) -> None:
        with self._lock:
            self._alone.pop(run, None)
        self._ended(run)


def _spawn(root: Path, log: Path) -> subprocess.Popen[bytes]:
    # -P: a module file in the current folder must not shadow the standard library's.
    command = [sys.executable, "-P", "-m", "tisserand.engine.pooled"]
    extra: dict[str, Any] = {"start_new_session": True}
    if os.name == "nt":
        extra = {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    with log.open("ab") as errors:
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, cwd=root, **extra)
