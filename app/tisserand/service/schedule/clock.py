"""The clock of the executor: looks which schedules are in force, has due times judged, and starts what is to run."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tisserand.engine.launch import Refused, RunRequest
from tisserand.model.problem import Problem
from tisserand.sdk.errors import NodeError
from tisserand.service import crash
from tisserand.service.schedule.calls import Verdict
from tisserand.service.schedule.judge import CHUNK, Batch, Force, Segment, Situation, judge
from tisserand.service.schedule.ledger import DueLedger
from tisserand.service.schedule.spec import Read, Stamp, local, read_specs, stamp_of, surroundings, unreadable
from tisserand.store import StoreError
from tisserand.texts import Message, msg
from tisserand.workspace.folder import Workspace

if TYPE_CHECKING:
    from apscheduler.schedulers.background import BackgroundScheduler

    from tisserand.service.local import LocalExecutor

LOOK = 1.0
"""Seconds between two looks at which flows are on and which files changed."""
ALIVE = 15.0
"""Seconds between two notes that the executor works."""
DAY = 86_400.0
AGAIN = 10.0
"""Seconds before what could not be started for want of room or a file is tried again."""

Key = tuple[str, str]


class Clock:
    """The part of the executor process that starts flows by their schedules. The ledger decides; apscheduler only wakes."""

    def __init__(self, executor: LocalExecutor, now: Callable[[], float] = time.time) -> None:
        self._executor = executor
        self._now = now
        self._ledger: DueLedger = executor.schedules.ledger
        self._stop = threading.Event()
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._live, name="schedules", daemon=True)
        self._wakes: BackgroundScheduler | None = None
        self._planned: float | None = None
        self._began = 0.0
        self._seen = 0.0
        self._stamps: dict[str, Stamp | None] = {}
        self._around: Stamp | None = None
        self._in_force: dict[Key, Segment] = {}
        self._next: dict[Key, float | None] = {}
        self._broken: dict[str, Problem] = {}
        self._waits: dict[Key, float] = {}
        self._on: set[str] = set()
        self._taken: set[str] = set()
        """Flows of which a run was decided on in this look."""

    # The thread

    def start(self) -> None:
        from apscheduler.schedulers.background import BackgroundScheduler

        self._wakes = BackgroundScheduler(timezone=UTC, daemon=True)
        self._wakes.start()
        self._thread.start()

    def stop(self) -> None:
        """No new runs; those under way go on."""
        self._stop.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(10)
        if self._wakes is not None:
            self._wakes.shutdown(wait=False)

    def _live(self) -> None:
        self.begin()
        while not self._stop.is_set():
            pause = LOOK
            try:
                self.tick()
                self._plan()
            except Exception as error:  # noqa: BLE001 - the thread's end of the line: it is reported, told, and tried again
                problem = crash.report(error, self._executor.root)
                with suppress(StoreError, OSError):
                    for file in self._on:
                        self._executor.ledger.tell(file, problem)
                pause = AGAIN
            self._woken.wait(pause)
            self._woken.clear()

    def _plan(self) -> None:
        """Have apscheduler wake us at the next start."""
        if self._wakes is None:
            return
        coming = [moment for moment in self._next.values() if moment is not None]
        soonest = min(coming, default=None)
        if soonest == self._planned:
            return
        self._planned = soonest
        if soonest is None:
            self._wakes.remove_all_jobs()
        else:
            self._wakes.add_job(
                self._woken.set,
                "date",
                run_date=datetime.fromtimestamp(soonest, UTC),
                id="next",
                replace_existing=True,
                misfire_grace_time=None,
            )

    # One look; tests call these without a thread

    def begin(self) -> None:
        """What is to be done once, before the first look."""
        self._began = self._now()
        self._note_life()
        self._in_force = self._ledger.in_force()

    def tick(self) -> None:
        """Take in what changed, judge what is due, start what is to run."""
        if abs(self._now() - self._seen) >= ALIVE:
            self._note_life()
        self._look()
        self._judge()
        self._start()

    def _note_life(self) -> None:
        now = self._now()
        self._seen = now
        self._ledger.live(self._began, max(now, self._began))

    # What is in force

    def _look(self) -> None:
        on = set(self._executor.ledger.on())
        around = stamp_of(*surroundings(self._executor.root))
        if around != self._around:
            self._stamps.clear()
        left = (self._on if self._around is not None else {file for file, _node in self._in_force}) - on
        changes: dict[Key, Segment] = {}
        for file in sorted(on):
            stamp = stamp_of(self._executor.root / file)
            if file in self._stamps and self._stamps[file] == stamp and file in self._on:
                continue
            changes |= self._changed(file, stamp, around if around != self._around else None)
            self._stamps[file] = stamp
        if changes:
            self._ledger.enter(changes)
            self._in_force |= changes
        self._around, self._on = around, on
        for file in left:
            # What came due before it was switched off is judged now; what comes later is none of its due times.
            self._stamps.pop(file, None)
            self._broken.pop(file, None)
            for key in [key for key in self._in_force if key[0] == file]:
                self._next[key] = self._now()

    def _changed(self, file: str, stamp: Stamp | None, around: Stamp | None) -> dict[Key, Segment]:
        """Which schedules of a flow differ from those in force, each with the moment from which on it counts."""
        read = self._read(file)
        self._tell(file, read)
        now = self._now()
        moved = max(((each[0] / 1e9) for each in (stamp, around) if each is not None), default=now)
        switched = Force(self._executor.ledger.changes(file)).on(now)
        changes: dict[Key, Segment] = {}
        known = {key: segment for key, segment in self._in_force.items() if key[0] == file}
        nodes = read.nodes if read.nodes is not None else {node for _file, node in known}
        for key in {(file, node) for node in nodes} | known.keys():
            before = known.get(key)
            found = self._segment(key[1], read, before)
            self._next[key] = now  # it may just have been switched on again
            if before is None and (found is None or found.spec is None):
                continue
            if found is None or (before is not None and (before.spec, before.problem) == (found.spec, found.problem)):
                continue
            if before is None:
                since = min(now, max(switched.time, moved)) if switched is not None else now
            else:
                through = self._ledger.through(*key) or 0.0
                since = max(through, before.since, min(moved, now))
            changes[key] = Segment(since, found.spec, found.problem)
        return changes

    def _segment(self, node: str, read: Read, before: Segment | None) -> Segment | None:
        """What is in force of a node now; what cannot be understood keeps its last schedule, and says why it cannot run."""
        if read.nodes is None or (node in read.nodes and node not in read.specs):
            mine = [each for each in read.problems if each.place.node in (node, None)] or list(read.problems)
            return Segment(0.0, before.spec, mine[0]) if before is not None and before.spec is not None and mine else before
        return Segment(0.0, read.specs.get(node))

    def _read(self, file: str) -> Read:
        path = self._executor.root / file
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            return Read({}, (unreadable(file, error),), None)
        return read_specs(Workspace(self._executor.root), file, text)

    def _tell(self, file: str, read: Read) -> None:
        """What is wrong with a schedule is told of its flow. Where nothing is, nothing is taken back but what was told here."""
        if read.problems:
            self._broken[file] = read.problems[0]
            self._executor.ledger.tell(file, read.problems[0])
        elif self._broken.pop(file, None) is not None:
            self._executor.ledger.tell(file, None)

    # Judging

    def _judge(self) -> None:
        now = self._now()
        self._taken.clear()
        due = [key for key, moment in self._next.items() if moment is not None and moment <= now]
        together: list[tuple[str, str, Batch]] = []
        for key in due:
            before = self._ledger.through(*key)
            for batch in self._judged(key, now):
                if len(batch.rows) >= CHUNK:
                    self._ledger.judged([(*key, batch)])
                elif batch.rows or (before is not None and batch.through - before > DAY):
                    together.append((*key, batch))
                if any(row.verdict == "ran" for row in batch.rows):
                    self._taken.add(key[0])
                self._next[key] = batch.wake if key[0] in self._on else None
        if together:
            self._ledger.judged(together)

    def _judged(self, key: Key, now: float) -> Iterator[Batch]:
        file, node = key
        through = self._ledger.through(file, node)
        segments = self._ledger.segments(file, node)
        if through is None or not segments:
            yield Batch((), now)
            return
        force = Force(self._executor.ledger.changes(file))
        flow = next((segment.spec.flow for segment in reversed(segments) if segment.spec is not None), "")
        situation = Situation(now, force, self._absent, lambda: self._under_way(file, flow))
        try:
            yield from judge(segments, through, situation)
        except NodeError as error:
            # The node type is gone, or no longer takes what it took.
            self._executor.ledger.tell(file, Problem("schedule.kind", error.message, None))
            yield Batch((), through)

    def _absent(self, moment: float, zone: str) -> Message:
        """Why nobody started anything at a moment that was noticed late."""
        if self._began <= moment:
            return msg("The executor was running, but was held up: the machine slept, was overloaded, or its clock was set.")
        seen, began = self._ledger.life(moment)
        until = local(began if began is not None else self._began, zone)
        if seen is None:
            return msg("The executor was not running before {until}.", until=until)
        return msg("The executor was not running from {since} to {until}.", since=local(seen, zone), until=until)

    def _under_way(self, file: str, flow: str) -> Message | None:
        """The run of a flow that must not run twice at a time."""
        if file in self._taken or any(verdict.file == file for verdict in self._ledger.to_start()):
            return msg("Another due time of this flow was about to run, and it must not run twice at a time.")
        for state in ("running", "waiting", "queued"):
            for run in self._executor.journal.runs(flow, state, 1000):
                if run.parent is None:
                    return msg(
                        "The run “{run}” of this flow was still under way, and it must not run twice at a time.", run=run.id
                    )
        return None

    # Starting

    def _start(self) -> None:
        for verdict in self._ledger.to_start():
            key = (verdict.file, f"{verdict.node}|{verdict.due}")
            if self._stop.is_set() or self._waits.get(key, 0.0) > time.monotonic():
                continue
            try:
                self._ledger.started(verdict, self._run_of(verdict))
                if self._waits.pop(key, None) is not None:
                    self._executor.ledger.tell(verdict.file, self._broken.get(verdict.file))
            except Refused as error:
                problem = error.problems[0]
                overlaps = problem.code == "run.overlap"
                reason = problem.message if overlaps else msg("It could not be started: {problem}", problem=problem.message)
                self._ledger.rejudge(verdict, "skipped" if overlaps else "missed", reason, self._now(), "ran")
            except OSError as error:
                # No room, no processes left: it is due all the same, and tried again.
                reason = msg("It could not be started: {problem}", problem=error.strerror or str(error))
                self._executor.ledger.tell(verdict.file, Problem("schedule.start", reason))
                self._waits[key] = time.monotonic() + AGAIN

    def _run_of(self, verdict: Verdict) -> str:
        """The run of a due time: the one that was started before a kill, or a new one."""
        name = label(verdict)
        return self._executor.journal.labelled(name) or self._executor.start(self._request(verdict, name))

    def _request(self, verdict: Verdict, name: str) -> RunRequest:
        due = datetime.fromtimestamp(verdict.due, UTC).isoformat()
        return RunRequest(
            file=verdict.file,
            trigger="schedule",
            cause={"kind": "schedule", "node": verdict.node, "due": due},
            label=name,
            event={"node": verdict.node, "rows": [self._row(verdict, due)]},
        )

    def _row(self, verdict: Verdict, due: str) -> dict[str, Any]:
        now = self._now()
        return {
            "due": due,
            "at": datetime.fromtimestamp(now, UTC).isoformat(),
            "scheduled": datetime.fromtimestamp(verdict.due, ZoneInfo(verdict.zone)).isoformat(),
            "timezone": verdict.zone,
            "late": round(now - verdict.due, 3),
        }


def label(verdict: Verdict) -> str:
    """What the run of a due time is found again by."""
    text = f"{verdict.file}|{verdict.node}|{verdict.due}"
    return f"due:{hashlib.sha256(text.encode()).hexdigest()[:32]}"
