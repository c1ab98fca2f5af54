"""Starts runs for what waits in the inbox, in the order of arrival, and sees each through to its end."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tisserand.engine.journal import FINAL
from tisserand.engine.launch import process_alive
from tisserand.engine.resolve import problem_of
from tisserand.model.problem import Problem
from tisserand.sdk.errors import NodeError
from tisserand.sdk.following import FollowingTrigger
from tisserand.sdk.node import Trigger
from tisserand.service import crash
from tisserand.service.inbox import triggers
from tisserand.service.inbox.following import too_long
from tisserand.service.inbox.listening import ListeningContext
from tisserand.service.protocol import Refused, RunRequest
from tisserand.service.queue.line import EVERYTHING
from tisserand.texts import msg
from tisserand.workspace.folder import Workspace

if TYPE_CHECKING:
    from tisserand.engine.journal import Event
    from tisserand.service.inbox.store import Batch, InboxStore, Source
    from tisserand.service.local import LocalExecutor

LOOK = 0.1
"""Seconds between two looks at the journal and at windows that are over."""
AGAIN = 3.0
"""Seconds before a run that could not be started is tried again."""
ORPHANS = 5.0
"""Seconds between two looks for runs whose process died with nobody watching."""
SEEN = "journal"


@dataclass
class _Open:
    """A batch whose run is not over."""

    batch: Batch
    run: str | None = None
    parked: bool = False
    """Its run waits for days: others may begin meanwhile."""
    again: float | None = None
    """When a start that broke off is tried again."""


class Dispatch:
    """Lives in the executor process, of which there is one. Everything is found again in inbox and journal after a kill."""

    def __init__(self, executor: LocalExecutor) -> None:
        self._executor = executor
        self._store: InboxStore = executor.inbox.store
        self._stop = threading.Event()
        self._open: dict[str, _Open] = {}
        """Label → batch."""
        self._by_run: dict[str, str] = {}
        self._seq = self._store.seen(SEEN) or executor.journal.last()
        self._orphans = 0.0
        self._flows: dict[str, tuple[tuple[int, ...], dict[str, triggers.Listener]]] = {}
        self._held: dict[tuple[str, str], float] = {}
        """Trigger → before when no run is tried for it."""
        self._endings = ThreadPoolExecutor(4, thread_name_prefix="events end")
        self._lock = threading.RLock()
        self._thread = threading.Thread(target=self._live, name="dispatching", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """No new runs; those under way go on."""
        self._stop.set()
        self._executor.inbox.arrived.set()
        self._thread.join(10)
        self._endings.shutdown(wait=True, cancel_futures=True)

    def _live(self) -> None:
        inbox = self._executor.inbox
        inbox.adopted.set()
        while not self._stop.is_set():
            try:
                if inbox.adopted.is_set():
                    inbox.adopted.clear()
                    self._find_again()
                self._follow()
                self._once_more()
                self._begin()
            except Exception as error:  # noqa: BLE001 - the thread's end of the line: it is reported, and tried again
                crash.report(error, self._executor.root)
                inbox.adopted.set()
                self._stop.wait(AGAIN)
            inbox.arrived.wait(LOOK)
            inbox.arrived.clear()

    # -- after a restart -----------------------------------------------------------------------------------------------
    def _find_again(self) -> None:
        """The batches that were taken when the executor ended: their runs are found by label, or started now."""
        journal = self._executor.journal
        for batch in self._store.taken():
            with self._lock:
                if batch.label in self._open:
                    continue
            run = batch.run or journal.labelled(batch.label)
            self._follow_batch(batch, run)
            if run is None:
                self._launch(batch)
            else:
                if batch.run is None:
                    self._store.began(batch.label, run)
                self._look_at(run)

    def _follow_batch(self, batch: Batch, run: str | None) -> None:
        with self._lock:
            self._open[batch.label] = _Open(batch, run)
            if run is not None:
                self._by_run[run] = batch.label

    def _look_at(self, run: str) -> None:
        record = self._executor.journal.run(run)
        if record is None:
            self._over(run, "failed", Problem("run.unknown", msg("There is no run “{run}”.", run=run)).to_json())
        elif record.state in FINAL:
            self._over(run, record.state, record.error)
        else:
            self._park(run, record.state == "waiting")

    # -- runs ----------------------------------------------------------------------------------------------------------
    def _follow(self) -> None:
        """What the journal tells since the last look."""
        while news := self._executor.journal.tail(self._seq):
            for event in news:
                if event.kind.startswith("run."):
                    self._hear(event)
            self._seq = news[-1].seq or self._seq
            self._store.see(SEEN, self._seq)
        now = time.monotonic()
        if self._executor.line is None and now - self._orphans > ORPHANS and self._by_run:
            self._orphans = now
            self._executor.journal.recover(process_alive)

    def _hear(self, event: Event) -> None:
        state = event.kind.removeprefix("run.")
        if event.run in self._by_run:
            if state in FINAL:
                self._look_at(event.run)
            elif state in ("waiting", "started", "queued"):
                self._park(event.run, state == "waiting")
        elif state == "done":
            self._store.revive(event.run)

    def _park(self, run: str, waits: bool) -> None:
        with self._lock:
            label = self._by_run.get(run)
            if label is not None:
                self._open[label].parked = waits

    def _over(self, run: str, state: str, error: Any) -> None:
        with self._lock:
            label = self._by_run.get(run)
            if label is None:
                return
            batch = self._open[label].batch
            if state != "interrupted":
                del self._by_run[run]
        if state == "interrupted":
            self._resume(batch, run)
        else:
            self._endings.submit(self._end, batch, state, error)

    def _resume(self, batch: Batch, run: str) -> None:
        try:
            self._executor.resume(run, "repeat")
        except Refused as refused:
            record = self._executor.journal.run(run)
            if record is not None and record.state == "interrupted":
                self._by_run.pop(run, None)
                self._endings.submit(self._end, batch, "failed", refused.problems[0].to_json())

    def _end(self, batch: Batch, state: str, error: Any) -> None:
        """Keep how the run of a batch ended; the trigger is told before, again after a crash."""
        try:
            found = self._listener(batch.file, batch.node)
            attempts = found.attempts if found is not None else 1
            last = state == "done" or batch.attempts + 1 >= attempts
            if last and found is not None:
                self._tell_trigger(batch, found, state == "done")
            if state == "done":
                self._store.done(batch.label)
            elif last or found is None:
                self._store.dead(batch.label, error or _unsaid(state))
            else:
                self._store.again(batch.label, time.time() + found.pause(batch.attempts + 1), error or _unsaid(state))
        except Exception as failed:  # noqa: BLE001 - the thread's end of the line: it is reported, told, and tried again
            self._executor.ledger.tell(batch.file, crash.report(failed, self._executor.root))
            if not self._stop.wait(AGAIN):
                self._endings.submit(self._end, batch, state, error)
            return
        with self._lock:
            self._open.pop(batch.label, None)
        self._executor.inbox.arrived.set()

    def _tell_trigger(self, batch: Batch, found: triggers.Listener, done: bool) -> None:
        if type(found.node).ended is Trigger.ended:
            return
        ctx = ListeningContext(self._executor, Workspace(self._executor.root), found, batch.file, self._stop)
        try:
            found.node.ended(ctx, found.config, batch.rows, done)
        except NodeError as error:
            self._executor.ledger.tell(batch.file, problem_of(error).at(node=batch.node))
        except OSError as error:
            reason = error.strerror or str(error)
            self._executor.ledger.tell(batch.file, Problem("watch.failed", msg("It cannot listen: {reason}", reason=reason)))
        except Exception as error:  # noqa: BLE001 - foreign code: how the run ended is kept all the same
            self._executor.ledger.tell(batch.file, crash.report(error, self._executor.root))

    # -- starting ------------------------------------------------------------------------------------------------------
    def _begin(self) -> None:
        line = self._executor.line
        waiting = self._store.sources()
        if not waiting or (line is not None and line.draining):
            return
        on, paused = set(self._executor.ledger.on()), self._executor.ledger.paused()
        if EVERYTHING in paused:
            return
        for source in waiting:
            # Those of one trigger that may begin now, until the flow is busy or nothing more is ready.
            while source.file in on and source.file not in paused and not self._stop.is_set() and self._begin_one(source):
                pass

    def _begin_one(self, source: Source) -> bool:
        now = time.time()
        if source.due > now or self._held.get((source.file, source.node), 0.0) > now:
            return False
        found = self._listener(source.file, source.node)
        if found is None or self._busy(source.file) >= found.at_once:
            return False
        until = float("inf")
        grouping = found.node.grouping(found.config)
        if grouping.seconds > 0:
            until = (source.oldest // grouping.seconds + 1) * grouping.seconds
            if until > now:
                return False
        batch = self._store.take(source.file, source.node, max(1, grouping.most), until)
        if batch is None:
            return False
        circle = self._circle(batch, found)
        if circle is not None:
            self._executor.ledger.tell(batch.file, circle)
            self._store.dead(batch.label, circle.to_json())
            return True
        self._follow_batch(batch, None)
        return self._launch(batch)

    def _circle(self, batch: Batch, found: triggers.Listener) -> Problem | None:
        """Why this run may not be started: runs start each other without end."""
        if not isinstance(found.node, FollowingTrigger):
            return None
        problems = (too_long(self._executor.journal, str(row["run"])) for row in batch.rows)
        return next((problem.at(node=batch.node) for problem in problems if problem is not None), None)

    def _busy(self, file: str) -> int:
        with self._lock:
            return sum(each.batch.file == file and not each.parked for each in self._open.values())

    def _launch(self, batch: Batch) -> bool:
        found = self._listener(batch.file, batch.node)
        try:
            if found is None:
                raise Refused([Problem("inbox.trigger", msg("The trigger “{node}” is gone.", node=batch.node))])
            run = self._executor.start(self._request(batch, found))
        except Refused as error:
            self._executor.ledger.tell(batch.file, error.problems[0])
            with self._lock:
                del self._open[batch.label]
            self._store.put_back(batch.label, time.time() + AGAIN)
            self._held[batch.file, batch.node] = time.time() + AGAIN
            return False
        except Exception as error:  # noqa: BLE001 - a full disk, or rows that cannot be written: it holds up no other flow
            return self._broke_off(batch, error)
        with self._lock:
            self._open[batch.label].run = run
            self._by_run[run] = batch.label
        self._store.began(batch.label, run)
        return True

    def _broke_off(self, batch: Batch, error: Exception) -> bool:
        """A start that nobody foresaw to fail. The run may stand in the journal: only its label tells, when it is tried again."""
        problem = crash.report(error, self._executor.root)
        self._executor.ledger.tell(batch.file, problem)
        if isinstance(error, ValueError | TypeError) and self._executor.journal.labelled(batch.label) is None:
            with self._lock:
                del self._open[batch.label]
            self._store.dead(batch.label, problem.to_json())  # the rows themselves cannot be written: no later start could either
            return True
        with self._lock:
            self._open[batch.label].again = time.time() + AGAIN
        return False

    def _once_more(self) -> None:
        """The starts that broke off, when their time has come."""
        now = time.time()
        with self._lock:
            due = [each for each in self._open.values() if each.again is not None and each.again <= now]
        for each in due:
            each.again = None
            run = self._executor.journal.labelled(each.batch.label)
            if run is None:
                self._launch(each.batch)
                continue
            self._follow_batch(each.batch, run)
            self._store.began(each.batch.label, run)
            self._look_at(run)

    def _request(self, batch: Batch, found: triggers.Listener) -> RunRequest:
        cause: dict[str, Any] = {"kind": "event", "node": batch.node, "events": len(batch.ids), "first": batch.ids[0]}
        if batch.traces:
            cause["trace"] = batch.traces[0]
        if batch.attempts:
            cause["attempt"] = batch.attempts + 1
        if isinstance(found.node, FollowingTrigger):
            cause["run"] = batch.rows[-1]["run"]
        given: Mapping[str, Any] = batch.rows[0] if len(batch.rows) == 1 else {}
        return RunRequest(
            file=batch.file,
            parameters={name: value for name, value in given.items() if name in found.flow.parameters},
            trigger="event",
            label=batch.label,
            cause=cause,
            event={"node": batch.node, "rows": [dict(row) for row in batch.rows]},
        )

    def _listener(self, file: str, node: str) -> triggers.Listener | None:
        """A trigger as its file now has it; None, and told, where it cannot be read."""
        now = triggers.stamp(self._executor.root, file)
        known = self._flows.get(file)
        if known is None or known[0] != now:
            known = self._flows[file] = (now, self._read(file))
        return known[1].get(node)

    def _read(self, file: str) -> dict[str, triggers.Listener]:
        """The triggers that can be read; the listening tells what is wrong with the others."""
        workspace, found = Workspace(self._executor.root), {}
        try:
            flow = triggers.read(self._executor.root, file)
            for spec in triggers.nodes_of(flow):
                try:
                    found[spec.id] = triggers.listener(workspace, flow, spec)
                except Refused:
                    continue
        except (Refused, NodeError, OSError, UnicodeDecodeError):
            return {}
        return found


def _unsaid(state: str) -> dict[str, Any]:
    if state == "cancelled":
        return Problem("run.cancelled", msg("The run was cancelled.")).to_json()
    return Problem("run.failed", msg("The run failed.")).to_json()
