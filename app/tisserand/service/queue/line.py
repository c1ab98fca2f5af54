"""The part of the executor process that begins runs when their turn has come."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from tisserand.engine.launch import run_folder
from tisserand.engine.overlap import under_way as overlapping
from tisserand.engine.pool import Pool
from tisserand.model.problem import Problem
from tisserand.service import crash
from tisserand.service.queue.demands import Demands, paused_runs
from tisserand.service.queue.limits import run_limits
from tisserand.service.queue.turns import Asking, Holds, Verdict, verdicts
from tisserand.texts import Message, msg
from tisserand.workspace.folder import Workspace

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor

LOOK = 0.5
"""Seconds between two looks when nothing was told: other processes write to the journal too."""
RECOVER = 2.0
"""Seconds between two looks for runs whose process died with nobody watching it."""
EVERYTHING = "*"
"""Stands in the ledger of what is paused for all flows together."""


class Line:
    """The queue at work. Which runs it holds stands in the journal alone: a kill at any moment loses nothing, and a run that was
    handed to a worker just before is not done twice, because of two workers only one can claim it."""

    def __init__(self, executor: LocalExecutor) -> None:
        self._executor = executor
        self.limits = run_limits(Workspace(executor.root))
        self.demands = Demands(executor.root, executor.journal, self.limits.default_memory.bytes)
        self.pool = Pool(executor.root, executor.journal, lambda _run: self.look(), self.limits.warm)
        self.draining = False
        self.problem: Message | None = None
        """Why no run can be begun."""
        self._replaced: set[tuple[str, str]] = set()
        self._recovered = 0.0
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._work, name="queue", daemon=True)

    def start(self) -> None:
        self._executor.line = self
        self._thread.start()

    def stop(self) -> None:
        """Begin nothing more. What is queued is begun by the next executor process; what is under way goes on."""
        self._stop.set()
        self._wake.set()
        self._thread.join(10)
        self.pool.close()

    def look(self) -> None:
        """Something has changed: a run was queued, or is over."""
        self._wake.set()

    def verdicts(self) -> tuple[list[Verdict], dict[str, Asking]]:
        """Whose turn it is now, and what is under way. Reads only."""
        # In this order: of what a worker claims meanwhile, we know by one of the three.
        held = self.pool.held()
        line = self.demands.line()
        busy = {asking.run: asking for asking in self.demands.under_way()}
        busy |= {asking.run: asking for asking in line if asking.run in held}
        # A run may be over while its worker still tidies up: that takes its place until it is free, or gone.
        rest = self.limits.default_memory.bytes
        busy |= {run: Asking(run, "", memory=rest, called=True) for run in held if run not in busy}
        waiting = [asking for asking in line if asking.run not in busy]
        found = verdicts(waiting, busy.values(), self.limits.runs, self.limits.most_memory(), self._holds(waiting))
        return found, busy

    # Inside

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                self._take_turns()
                self.pool.tidy()
                self._recover()
                self.problem = None
            except OSError as error:
                self.problem = msg("no process can be started: {reason}", reason=error.strerror or str(error))
            except Exception as error:  # noqa: BLE001 - the thread's end of the line: it is reported, told, and tried again
                self.problem = crash.report(error, self._executor.root).message
                self._stop.wait(LOOK)
            self._wake.wait(LOOK)
            self._wake.clear()

    def _take_turns(self) -> None:
        if self.draining:
            return
        found, busy = self.verdicts()
        for verdict in found:
            if self._stop.is_set():
                return
            self._obey(verdict)
        if not found:
            self.demands.forget(set(busy))
            self._replaced.clear()

    def _obey(self, verdict: Verdict) -> None:
        journal, asking = self._executor.journal, verdict.asking
        if verdict.what == "begin":
            if not run_folder(self._executor.root, asking.run).is_dir():
                message = msg("The files of the run “{run}” were removed before it began.", run=asking.run)
                journal.set_state(asking.run, "failed", Problem("run.gone", message, msg("Run it anew.")), expect=("queued",))
                return
            self.pool.begin(asking.run, self.demands.own_process(asking))
        elif verdict.what == "skip" and verdict.other is not None:
            journal.set_state(asking.run, "cancelled", overlapping(verdict.other, asking.flow), expect=("queued",))
        elif verdict.what == "replaced":
            message = msg("Its place is taken by the run “{run}” of this flow.", run=verdict.other)
            journal.set_state(asking.run, "cancelled", Problem("run.replaced", message), expect=("queued",))
        elif verdict.what == "replace" and verdict.other is not None and (asking.run, verdict.other) not in self._replaced:
            self._replaced.add((asking.run, verdict.other))
            about = msg("Takes the place of the run “{run}” of this flow, which is cancelled.", run=verdict.other)
            journal.append(asking.run, "log", None, {"message": about.to_json(), "level": "info"})
            self._executor.cancel(verdict.other)

    def _recover(self) -> None:
        """Runs of an earlier executor process may die too. Those of this one are told by the pool, with the cause."""
        if time.monotonic() - self._recovered < RECOVER:
            return
        self._recovered = time.monotonic()
        self._executor.journal.recover(self._executor.alive)

    def _holds(self, waiting: list[Asking]) -> Holds:
        return holds(self._executor, waiting)


def holds(executor: LocalExecutor, waiting: list[Asking]) -> Holds:
    """What is paused now."""
    paused = executor.ledger.paused()
    everything = paused.pop(EVERYTHING, None)
    return Holds(
        msg("queue is paused by {by}", by=everything.by) if everything else None,
        {file: msg("flow is paused by {by}", by=each.by) for file, each in paused.items()},
        dict.fromkeys(paused_runs(executor.root, waiting), msg("run is paused")),
    )
