"""The queue in the process that holds it, or over a workspace that nobody serves."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tisserand.engine.launch import PAUSE, process_alive, refusal, run_folder
from tisserand.engine.records import QUEUE
from tisserand.files import write_text
from tisserand.service.protocol import RunInfo
from tisserand.service.queue.calls import Queued, Standing, Turn
from tisserand.service.queue.limits import run_limits
from tisserand.service.queue.line import EVERYTHING
from tisserand.texts import Message, msg
from tisserand.workspace.folder import Workspace

if TYPE_CHECKING:
    from tisserand.engine.journal import RunRecord
    from tisserand.service.local import LocalExecutor

LARGEST_LOG = 1_000_000
MOST = 10_000
"""Runs of one state that are told."""


class HereQueue:
    """Implements `Queue`."""

    def __init__(self, executor: LocalExecutor) -> None:
        self._executor = executor

    def standing(self) -> Queued:
        executor = self._executor
        line = executor.line
        limits = line.limits if line is not None else run_limits(Workspace(executor.root))
        paused = executor.ledger.paused().get(EVERYTHING)
        begun = [self._running(record) for record in executor.journal.runs(state="running", limit=MOST) if record.parent is None]
        waiting = [_turn(record, "waiting", None) for record in executor.journal.runs(state="waiting", limit=MOST)]
        draining = line is not None and line.draining
        turns = (*sorted(begun, key=lambda turn: turn.since), *self._line(), *waiting)
        return Queued(limits.runs, limits.most_memory(), paused, draining, line is not None, turns)

    def pause(self, target: str | None, by: str = "") -> bool:
        executor = self._executor
        if target is None:
            executor.audit.note("queue.paused", "queue", by=by)
            return executor.ledger.pause(EVERYTHING, by)
        if not _is_run(target):
            file = self._flow(target)
            executor.audit.note("flow.paused", file, by=by)
            return executor.ledger.pause(file, by)
        info = executor.run(target)
        if info.final:
            raise refusal("run.over", msg("The run “{run}” is over.", run=target))
        mark = run_folder(executor.root, target) / PAUSE
        if mark.exists():
            return False
        executor.audit.note("run.paused", target, by=by)
        write_text(mark, json.dumps({"by": by, "since": time.time()}), 0o600)
        executor.journal.append(target, "run.paused", None, {"by": by})
        return True

    def unpause(self, target: str | None, by: str = "") -> bool:
        executor = self._executor
        try:
            if target is None:
                executor.audit.note("queue.unpaused", "queue", by=by)
                return executor.ledger.unpause(EVERYTHING)
            if not _is_run(target):
                file = self._flow(target)
                executor.audit.note("flow.unpaused", file, by=by)
                return executor.ledger.unpause(file)
            executor.run(target)
            mark = run_folder(executor.root, target) / PAUSE
            if not mark.exists():
                return False
            executor.audit.note("run.unpaused", target, by=by)
            executor.journal.append(target, "run.unpaused", None, {"by": by})
            mark.unlink(missing_ok=True)
            return True
        finally:
            if executor.line is not None:
                executor.line.look()

    def drain(self, on: bool = True, by: str = "") -> None:
        line = self._executor.line
        if line is None:
            raise refusal("serve.none", msg("No executor serves this workspace."), msg("Start it with “tisserand serve”."))
        self._executor.audit.note("queue.drained" if on else "queue.resumed", "queue", by=by)
        line.draining = on
        line.look()

    def log(self, run: str, offset: int = 0) -> tuple[str, int]:
        self._executor.run(run)
        try:
            with (run_folder(self._executor.root, run) / "worker.log").open("rb") as stream:
                stream.seek(max(0, offset))
                found = stream.read(LARGEST_LOG)
        except FileNotFoundError:
            return "", max(0, offset)
        return found.decode(errors="replace"), max(0, offset) + len(found)

    # Inside

    def _flow(self, file: str) -> str:
        inside = self._executor.inside(file)
        if not (self._executor.root / inside).is_file():
            raise refusal("call.missing", msg("There is no flow file “{path}”.", path=file), missing=True, file=file)
        return inside

    def _line(self) -> list[Turn]:
        executor = self._executor
        records = {record.id: record for record in executor.journal.runs(state="queued", limit=MOST)}
        if executor.line is None:
            nobody = msg("no executor serves this workspace")
            found = sorted(records.values(), key=lambda record: (-record.priority, record.heartbeat or record.created, record.id))
            return [_turn(record, "queued", nobody if record.owner_pid == QUEUE else None) for record in found]
        verdicts, _busy = executor.line.verdicts()
        held = msg("nothing is begun: the executor is about to end") if executor.line.draining else executor.line.problem
        turns = []
        for verdict in verdicts:
            record = records.pop(verdict.asking.run, None)
            if record is not None:
                paused = verdict.reason is not None and verdict.reason.id.endswith(("is paused", "is paused by {by}"))
                turns.append(_turn(record, "paused" if paused else "queued", held or verdict.reason))
        return turns + [_turn(record, "queued", None) for record in records.values()]

    def _running(self, record: RunRecord) -> Turn:
        info = self._executor.run(record.id)
        paused = _paused(run_folder(self._executor.root, record.id) / PAUSE)
        pid = record.owner_pid
        alive = pid and process_alive(pid, record.owner_started or 0.0)
        ended, share = _progress(info)
        return _turn(
            record, "paused" if paused else "running", paused, pid, _memory(pid) if pid and alive else None, share, ended
        )


def _turn(
    record: RunRecord,
    state: Standing,
    reason: Message | None,
    pid: int | None = None,
    memory: int | None = None,
    share: float | None = None,
    nodes: tuple[int, int] | None = None,
) -> Turn:
    since = record.started if state in ("running", "waiting") or pid else record.heartbeat
    return Turn(
        record.id, record.flow, state, since or record.created, record.flow_file, reason, record.priority,
        record.by, record.trigger, pid, memory, share, nodes,
    )  # fmt: skip


def _progress(info: RunInfo) -> tuple[tuple[int, int] | None, float | None]:
    nodes = info.nodes.values()
    if not nodes:
        return None, None
    ended = sum(node.state in ("done", "failed", "skipped") for node in nodes)
    under_way = sum(node.share or 0.0 for node in nodes if node.state == "running")
    return (ended, len(nodes)), (ended + under_way) / len(nodes)


def _paused(mark: Path) -> Message | None:
    try:
        known: Mapping[str, object] = json.loads(mark.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return msg("run is paused by {by}", by=str(known.get("by") or "–"))


def _memory(pid: int) -> int | None:
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None


def _is_run(target: str) -> bool:
    """A run's id holds neither a dot nor a slash, a flow's file has both or its ending at least."""
    return not target.endswith((".yaml", ".yml"))
