"""Ending a run whose worker does other runs afterwards: the run is killed with its worker, and never a later run in its place."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from tisserand.engine.journal import Journal
from tisserand.engine.launch import gone, journal_path, kill_group, process_alive, run_folder, undoes

LOOK = 0.1
"""Seconds between two looks at how the run stands."""

HELD = 2.0
"""The longest time, in seconds, that a process may take to hold still."""


def finish_off(root: Path, run: str, pid: int, started: float, grace: float) -> None:
    """Wait until the run that was asked to stop is over, and kill its worker after `grace` seconds."""
    with Journal(journal_path(root)) as journal:
        deadline = time.monotonic() + grace
        while owns(journal, run, pid) and process_alive(pid, started):
            if undoes(root, run):
                deadline = time.monotonic() + grace
            if time.monotonic() > deadline and kill_owner(journal, run, pid, started):
                deadline = float("inf")
            time.sleep(LOOK)
        # Where the worker is another process's child, nobody else may be there to say how it ended. Where somebody goes on with
        # the run already, it is no longer what was cancelled.
        if owns(journal, run, pid) and (run_folder(root, run) / "cancel").exists():
            gone(root, run, journal, ("running",))


def owns(journal: Journal, run: str, pid: int) -> bool:
    """Whether the process with this id is at this run."""
    record = journal.run(run)
    return record is not None and record.state == "running" and record.owner_pid == pid


def kill_owner(journal: Journal, run: str, pid: int, started: float) -> bool:
    """Kill a worker, with what it started, if it is at this run; says whether it was. The worker is made to hold still before the
    journal is asked: it can then neither end this run nor begin the next one between the answer and the signal."""
    if os.name == "nt":
        # Windows has no such stop; the moment between answer and end is as short as it can be.
        if not owns(journal, run, pid):
            return False
        os.kill(pid, signal.SIGTERM)
        return True
    try:
        os.kill(pid, signal.SIGSTOP)
        _wait_still(pid, started)
        if not owns(journal, run, pid):
            os.kill(pid, signal.SIGCONT)
            return False
        kill_group(pid)
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False  # it has ended by itself
    return True


def _wait_still(pid: int, started: float) -> None:
    import psutil

    end = time.monotonic() + HELD
    while time.monotonic() < end and process_alive(pid, started):
        try:
            if psutil.Process(pid).status() == psutil.STATUS_STOPPED:
                return
        except psutil.NoSuchProcess:
            return
        time.sleep(0.005)
