"""Schedules bench: many flows due in the same minute: a verdict each, and how long after the due time each was started.

Usage: bench_schedules.py [FLOWS]. First the clock and the ledger alone, then with the entering of runs in journal and folder (no
worker is started); in the last line `tisserand serve` does them all, and what counts is when each run began and ended.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measure import table

from tisserand.engine import launch
from tisserand.engine.launch import RunRequest
from tisserand.service import life
from tisserand.service.local import LocalExecutor
from tisserand.service.schedule.clock import Clock
from tisserand.service.serve import ensure
from tisserand.workspace.folder import Workspace

BUDGET = 60.0
"""Seconds after which a start counts as late."""


def share(delays: list[float], of: float) -> float:
    """The nearest rank."""
    return sorted(delays)[max(0, -(-int(len(delays) * of * 100) // 100) - 1)]


def written(workspace: Path, flows: int, due: float, more: str = "") -> None:
    """The flows, each due at one moment."""
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(due))
    for number in range(flows):
        text = (
            f"tisserand: 1\nid: f{number}\nnodes:\n  t: {{kind: trigger.dates, config: {{dates: ['{moment}'], timezone: UTC}}}}\n"
        )
        path = workspace / "flows" / f"f{number}.yaml"
        path.write_text(text + more)
        os.utime(path, (due - 3600, due - 3600))


def served(root: Path, flows: int) -> dict[str, float]:
    """All of it in real processes: from the due time until each run began, and until the last ended."""
    workspace = Workspace.create(root).root
    due = time.time() + 15 + flows / 100
    written(workspace, flows, due)
    executor = LocalExecutor(workspace)
    with executor.ledger.writing() as db:
        db.executemany("INSERT INTO watches (file, since) VALUES (?, ?)", [(f"flows/f{n}.yaml", due - 60) for n in range(flows)])
    ensure(workspace)
    try:
        end = due + 600
        while executor.journal.row("SELECT count(*) FROM runs WHERE state = 'done'") != (flows,) and time.time() < end:
            time.sleep(0.5)
        found = executor.journal.rows("SELECT started, finished, state FROM runs")
        assert len(found) == flows and {state for *_times, state in found} == {"done"}, len(found)
        verdicts = executor.schedules.verdicts(None, 0, 4e9, limit=5000)
        assert len(verdicts) == flows and {each.verdict for each in verdicts} == {"ran"}, len(verdicts)
        delays = [started - int(due) for started, _finished, _state in found]
        last = max(finished for _started, finished, _state in found) - int(due)
        return {"p50": share(delays, 0.5), "p99": share(delays, 0.99), "last": max(delays), "all done": last}
    finally:
        life.stop(workspace)
        executor.close()


def measured(root: Path, flows: int, entered: bool) -> dict[str, float]:
    """Real time: the flows come due a few seconds after the clock has taken them in."""
    workspace = Workspace.create(root).root
    executor = LocalExecutor(workspace)
    started: dict[str, float] = {}
    whole = executor.start

    def start(request: RunRequest) -> str:
        assert request.label is not None and request.file is not None
        run = whole(request) if entered else f"20261125-000000-{len(started):06x}"
        started[request.file] = time.time()
        return run

    executor.start = start  # type: ignore[method-assign]
    due = time.time() + 8 + flows / 100
    written(workspace, flows, due)
    with executor.ledger.writing() as db:
        db.executemany("INSERT INTO watches (file, since) VALUES (?, ?)", [(f"flows/f{n}.yaml", due - 60) for n in range(flows)])
    begun = time.perf_counter()
    clock = Clock(executor)
    clock.start()
    while len(clock._next) < flows:
        time.sleep(0.05)
    taken_in = time.perf_counter() - begun
    worked, waited = time.process_time(), time.perf_counter()
    while time.time() < int(due) - 0.2:
        time.sleep(0.05)
    idle = (time.process_time() - worked) / max(0.1, time.perf_counter() - waited)
    while len(started) < flows:
        time.sleep(0.05)
    clock.stop()
    verdicts = executor.schedules.verdicts(None, 0, 4e9, limit=5000)
    executor.close()
    assert len(verdicts) == flows and {each.verdict for each in verdicts} == {"ran"}, len(verdicts)
    delays = [moment - int(due) for moment in started.values()]
    return {"taken in": taken_in, "p50": share(delays, 0.5), "p99": share(delays, 0.99), "last": max(delays), "idle": idle}


def main(flows: int = 1000) -> dict[str, Any]:
    rows: list[list[str]] = []
    found: dict[str, dict[str, float]] = {}
    handle = launch.RunHandle
    # Only in this process: no worker is started, and so none is watched.
    launch.RunHandle = lambda _root, run, *_rest: Handle(run)  # type: ignore[assignment,misc]
    for name, entered in (("judged and handed over", False), ("also entered in the journal, with its folder", True)):
        with tempfile.TemporaryDirectory(prefix="tisserand-bench-") as folder:
            found[name] = measured(Path(folder) / "w", flows, entered)
        cost = found[name]
        verdict = "met" if cost["p99"] <= BUDGET else "MISSED"
        rows.append([name, *(f"{cost[each]:.2f}" for each in ("p50", "p99", "last")), f"{BUDGET:.0f}", verdict, f"{cost['taken in']:.1f}", f"{cost['idle']:.1%}"])  # fmt: skip
    launch.RunHandle = handle  # type: ignore[misc]
    with tempfile.TemporaryDirectory(prefix="tisserand-bench-") as folder:
        cost = found["served"] = served(Path(folder) / "w", flows)
    rows.append(["served: each run begun by a worker", *(f"{cost[each]:.2f}" for each in ("p50", "p99", "last")), "", "", "", ""])
    heads = ["what", "p50 s", "p99 s", "last s", "budget s", "", "taking them in, s", "load while nothing is due"]
    text = f"{flows:,} schedules due in the same second: {flows:,} verdicts, all of them “ran”.\n\n{table(heads, rows)}\n\nServed, the last run ended {found['served']['all done']:.1f} s after the due time."
    return {"title": "Schedules", "text": text, "flows": flows, "found": found}


class Handle:
    """In the place of what watches a worker."""

    def __init__(self, run: str) -> None:
        self.run = run


if __name__ == "__main__":
    report = main(*(int(argument.replace("_", "")) for argument in sys.argv[1:2]))
    print(report["text"])
    print(json.dumps(report["found"]))
