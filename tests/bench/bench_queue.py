"""Queue bench: a trivial flow from `start` to `done`, in a new process each time and by warm workers, and many of them at once.

Usage: bench_queue.py [RUNS] [ROUNDS] — CPU seconds of the executor and of its workers, and seconds by the clock, medians.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from measure import table

from tisserand.engine.launch import RunRequest
from tisserand.service.local import LocalExecutor
from tisserand.service.queue.line import Line

FLOW = "tisserand: 1\nid: one\nnodes:\n  one: {kind: data.table, config: {columns: {a: integer}, rows: [[1]]}}\n"


class Spent:
    """CPU of this process, of its live children, and of those that are gone."""

    def __init__(self) -> None:
        self._live: dict[int, float] = {}
        self.look()

    def look(self) -> float:
        for child in psutil.Process().children(recursive=True):
            try:
                times = child.cpu_times()
            except psutil.NoSuchProcess:
                continue
            self._live[child.pid] = times.user + times.system
        mine = psutil.Process().cpu_times()
        gone = mine.children_user + mine.children_system
        alive = {child.pid for child in psutil.Process().children(recursive=True)}
        return mine.user + mine.system + gone + sum(spent for pid, spent in self._live.items() if pid in alive)


def done(executor: LocalExecutor, runs: list[str]) -> None:
    for run in runs:
        while executor.journal.run(run).state not in ("done", "failed"):  # type: ignore[union-attr]
            time.sleep(0.005)
        assert executor.run(run).state == "done", executor.run(run)


def measured(warm: bool, runs: int, rounds: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "flows").mkdir()
        (root / "flows" / "one.yaml").write_text(FLOW)
        (root / "tisserand.yaml").write_text(f"id: bench\nexecutor: {{runs: 2, warm: {str(warm).lower()}}}\n")
        executor = LocalExecutor(root)
        line = Line(executor)
        line.start()
        spent = Spent()
        request = RunRequest(file="flows/one.yaml")
        if warm:
            first = [executor.start(request) for _ in range(2)]
            done(executor, first)
        clock, cpu = [], []
        for _ in range(rounds):
            begun, before = time.perf_counter(), spent.look()
            run = executor.start(request)
            done(executor, [run])
            clock.append(time.perf_counter() - begun)
            line.pool.settle(run, 30)
            cpu.append(spent.look() - before)
        begun, before = time.perf_counter(), spent.look()
        many = [executor.start(request) for _ in range(runs)]
        done(executor, many)
        line.pool.settle(many[-1], 30)
        whole, whole_cpu = time.perf_counter() - begun, spent.look() - before
        line.stop()
        executor.close()
        return {
            "clock": statistics.median(clock),
            "cpu": statistics.median(cpu),
            "runs_a_second": runs / whole,
            "cpu_a_run": whole_cpu / runs,
        }


def main(runs: int = 200, rounds: int = 7) -> dict[str, Any]:
    cold = measured(False, max(4, runs // 20), rounds)
    warm = measured(True, runs, rounds)
    rows = [
        ["start to done, clock s", f"{cold['clock']:.3f}", f"{warm['clock']:.3f}", f"{cold['clock'] / warm['clock']:.1f} ×"],
        ["start to done, CPU s", f"{cold['cpu']:.3f}", f"{warm['cpu']:.3f}", f"{cold['cpu'] / warm['cpu']:.1f} ×"],
        [f"CPU s a run, {runs} queued", f"{cold['cpu_a_run']:.3f}", f"{warm['cpu_a_run']:.3f}",
         f"{cold['cpu_a_run'] / warm['cpu_a_run']:.1f} ×"],
        ["runs a second, queued", f"{cold['runs_a_second']:.1f}", f"{warm['runs_a_second']:.1f}",
         f"{warm['runs_a_second'] / cold['runs_a_second']:.1f} ×"],
    ]  # fmt: skip
    text = table(["", "a process each", "warm workers", "ratio"], rows)
    return {"title": "A trivial flow through the queue", "text": text, "cold": cold, "warm": warm}


if __name__ == "__main__":
    found = main(*(int(word) for word in sys.argv[1:]))
    print(found["text"])
