"""The process of one run: `python -m tisserand.engine.worker RUN_FOLDER`. Exit codes: 0 done, 1 failed, 2 wrong, 130 cancelled."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tisserand import __version__
from tisserand.engine.control import Cancelled, Stop, TimedOut
from tisserand.engine.journal import FINAL, Journal
from tisserand.engine.launch import UNDOING, journal_path, process_started
from tisserand.engine.overlap import Overlapping, give_way
from tisserand.engine.run import FlowRun, Options
from tisserand.engine.suspending import Suspended
from tisserand.engine.undo import calls_back, marked, undo
from tisserand.engine.waits import Waits, worked
from tisserand.model import units
from tisserand.model.problem import Problem
from tisserand.sdk.errors import NodeError
from tisserand.texts import msg

HEARTBEAT = 2.0

LOOK = 0.2
"""Seconds between two looks whether the run was cancelled."""

DONE, FAILED, WRONG, CANCELLED = 0, 1, 2, 130


def main(folder: Path, on_write: Callable[[str], None] | None = None) -> int:
    """Do the run that `folder` describes. `on_write` is handed to the journal (tests end the process there)."""
    asked = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    root = Path(asked["workspace"])
    with Journal(journal_path(root), on_write) as journal:
        stop = Stop()
        _obey_signals(stop)
        owner = (os.getpid(), process_started(os.getpid()) or 0.0)
        if not journal.claim(asked["run"], *owner, only_queued=True):
            return CANCELLED
        over = threading.Event()
        beat = threading.Thread(target=_beat, args=(journal, asked["run"], folder, stop, over), name="heartbeat", daemon=True)
        beat.start()
        try:
            return _run(folder, asked, root, journal, stop, owner)
        except Exception as error:  # noqa: BLE001 - the last line: a mistake of ours must end as a failed run, with its trace in the log
            traceback.print_exc()
            message = msg("Unexpected: {error}", error=f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")
            fix = msg("The details stand in “{log}”.", log=str(folder / "worker.log"))
            journal.set_state(asked["run"], "failed", Problem("run.unexpected", message, fix))
            return FAILED
        finally:
            over.set()
            beat.join()


def _run(folder: Path, asked: dict[str, Any], root: Path, journal: Journal, stop: Stop, owner: tuple[int, float]) -> int:
    from tisserand.engine.prepare import FlowWrong, load, prepare
    from tisserand.engine.values import parameter_values
    from tisserand.model.yamlfile import read_flow
    from tisserand.sdk.registry import registry
    from tisserand.sdk.without_pandas import spare_pandas
    from tisserand.workspace.connections import Connections
    from tisserand.workspace.folder import Workspace

    spare_pandas()
    run_id: str = asked["run"]
    text = (folder / "flow.yaml").read_text(encoding="utf-8")
    workspace = Workspace(root)
    run: FlowRun | None = None
    try:
        environment = workspace.environment(asked.get("env"))
        nodes = registry()
        connections = Connections(workspace, nodes)
        read = read_flow(text, asked.get("file"))
        parameters, problems = parameter_values(read.flow, asked.get("parameters") or {}) if read.flow else ({}, [])
        if problems:
            raise FlowWrong(problems)
        loaded = load(text, asked.get("file"), nodes, workspace, environment, parameters)
        record = journal.run(run_id)
        started = datetime.fromtimestamp(record.created if record else 0, UTC).replace(tzinfo=None)
        run = FlowRun(
            run_id, loaded.flow, folder, workspace, environment, connections, nodes, journal,
            _options(asked, loaded.flow.limits.memory), parameters, stop, owner=owner, started_at=started,
        )  # fmt: skip
        waits = Waits(journal)
        if not asked.get("parent") and not waits.ever(run_id):
            give_way(root, journal, run_id, loaded.flow.id, loaded.flow.limits.overlap, stop)
        limit = loaded.flow.limits.timeout or asked.get("timeout")
        # Time that was waited does not count, however often the run was suspended.
        left = max(0.001, units.seconds(limit) - worked(journal, run_id)) if limit else None
        try:
            with stop.deadline(left):
                prepare(run, loaded, asked.get("file"))
                if marked(folder) and not calls_back(run):
                    raise Cancelled
                run.execute()
        except TimedOut:
            raise TimedOut(units.seconds(limit or "0s")) from None
        if run.failure is not None:
            journal.set_state(run_id, "failed", run.problem_json(run.failure))
            return FAILED
        journal.set_state(run_id, "done")
        _tidy(run)
        return DONE
    except Suspended as suspended:
        if marked(folder) or (folder / "cancel").exists():
            return _cancelled(run, folder, journal, run_id)
        journal.set_state(run_id, "waiting", data={"reason": suspended.reason.to_json()})
        return DONE
    except FlowWrong as wrong:
        for problem in wrong.problems:
            journal.append(run_id, "problem", problem.place.node, {"error": problem.to_json()})
        journal.set_state(run_id, "failed", wrong.problems[0])
        # A source that cannot be reached, or has changed, is a run that failed; everything else is a flow to correct.
        return FAILED if all(problem.code in ("source.error", "source.drift") for problem in wrong.problems) else WRONG
    except NodeError as error:
        problem = Problem("workspace.error", error.message, error.fix)
        journal.set_state(run_id, "failed", problem)
        return WRONG
    except Overlapping as overlapping:
        journal.set_state(run_id, "cancelled", overlapping.problem)
        return CANCELLED
    except Cancelled:
        return _cancelled(run, folder, journal, run_id)
    except TimedOut as late:
        message = msg("The run's time limit of {seconds} seconds has passed.", seconds=late.seconds)
        journal.set_state(run_id, "failed", Problem("run.timeout", message, msg("Raise “limits: timeout”, or split the flow.")))
        return FAILED
    finally:
        if run is not None and hasattr(run, "backend"):
            run.backend.close()
        record = journal.run(run_id)
        if record is not None and record.state in FINAL:
            Waits(journal).close(run_id)
        shutil.rmtree(folder / "tmp", ignore_errors=True)


def _cancelled(run: FlowRun | None, folder: Path, journal: Journal, run_id: str) -> int:
    """The run ends as cancelled; what it did is undone before, as far as the flow says how."""
    left = undo(run) if run is not None and hasattr(run, "plan") else None
    journal.set_state(run_id, "cancelled", run.problem_json(left) if run is not None and left is not None else None)
    if left is None:
        (folder / UNDOING).unlink(missing_ok=True)
    return CANCELLED


def _options(asked: dict[str, Any], limit: str | None) -> Options:
    memory = asked.get("memory") or limit
    return Options(
        keep=asked.get("keep") or "cuts",
        memory=units.size(memory) if memory else None,
        threads=asked.get("threads"),
        until=asked.get("until"),
        uncertain=asked.get("uncertain"),
        by=asked.get("by") or "",
        trigger=asked.get("trigger") or "manual",
        version=asked.get("tisserand") or __version__,
    )


def _tidy(run: FlowRun) -> None:
    if run.options.keep == "none":
        shutil.rmtree(run.spools.folder, ignore_errors=True)


def _obey_signals(stop: Stop) -> None:
    for name in ("SIGTERM", "SIGINT"):
        number = getattr(signal, name, None)
        if number is not None:
            # The handler only starts a thread: pulling takes locks that the interrupted code may hold.
            signal.signal(number, lambda *_: threading.Thread(target=stop.pull, daemon=True).start())


def _beat(journal: Journal, run: str, folder: Path, stop: Stop, over: threading.Event) -> None:
    beaten = 0.0
    while not stop.pulled() and not over.is_set():
        if time.monotonic() - beaten >= HEARTBEAT:
            journal.heartbeat(run)
            beaten = time.monotonic()
        if (folder / "cancel").exists():
            stop.pull()
            return
        over.wait(LOOK)


if __name__ == "__main__":
    code = main(Path(sys.argv[1]))
    sys.stdout.flush()
    # Interpreter shutdown may wait for threads of libraries; everything of the run is on the disk by now.
    os._exit(code)
