"""Measuring for the benches: CPU of whole process trees, interleaved rounds, medians, tables."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

TISSERAND = [sys.executable, "-m", "tisserand.cli.main"]


def scratch(name: str) -> Path:
    """A folder for generated data that stays between benches of one machine (`TISSERAND_BENCH` chooses where)."""
    folder = Path(os.environ.get("TISSERAND_BENCH") or Path(tempfile.gettempdir()) / "tisserand-bench") / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@dataclass(frozen=True, slots=True)
class Cost:
    """What one command took, its children included."""

    wall: float
    cpu: float
    peak: float
    """Largest resident memory of any single process, MB, as the kernel counted it or as seen every 20 ms."""


def run(command: Sequence[str], cwd: Path) -> Cost:
    """Run to the end; an exit code other than 0 stops the bench with what the command printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as printed:
        process = subprocess.Popen(command, cwd=cwd, stdout=printed, stderr=subprocess.STDOUT)
        peak = _Peak(process.pid)
        code = process.wait()
        wall = time.perf_counter() - start
        seen, worked = peak.stop()
        if code != 0:
            printed.seek(0)
            raise SystemExit(f"{' '.join(command)} ended with {code}:\n{printed.read()[-4000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    # A process that outlives the one that started it, if only by tidying up, is missing from what the kernel adds up for us.
    return Cost(wall, max(cpu, worked), seen)


class _Peak(threading.Thread):
    """Watches the largest resident memory of any process of a tree (the kernel's own high-water mark where it has one) and their CPU."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._root = psutil.Process(pid)
        self._done = threading.Event()
        self._bytes = 0
        self._seen: dict[psutil.Process, float] = {}
        self.start()

    def run(self) -> None:
        while not self._done.wait(0.02):
            try:
                tree = [self._root, *self._root.children(recursive=True)]
            except psutil.Error:
                continue
            self._look(tree)
        for process in [one for one in self._seen if one != self._root]:
            while process.is_running() and _status(process) != psutil.STATUS_ZOMBIE:
                self._look([process])
                time.sleep(0.02)

    def _look(self, processes: Sequence[psutil.Process]) -> None:
        for process in processes:
            self._bytes = max(self._bytes, _high_water(process))
            with suppress(psutil.Error):  # gone meanwhile
                times = process.cpu_times()
                self._seen[process] = max(self._seen.get(process, 0.0), times.user + times.system)

    def stop(self) -> tuple[float, float]:
        """The peak in MB and the CPU seconds, once every process that was seen is gone."""
        self._done.set()
        self.join()
        return self._bytes / 1e6, sum(self._seen.values())


def _status(process: psutil.Process) -> str:
    try:
        return str(process.status())
    except psutil.Error:
        return psutil.STATUS_ZOMBIE


def _high_water(process: psutil.Process) -> int:
    try:
        with open(f"/proc/{process.pid}/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass  # gone meanwhile, or a system without /proc
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def interleaved(variants: Mapping[str, Callable[[], Cost]], rounds: Mapping[str, int]) -> dict[str, list[Cost]]:
    """Every variant once a round, as often as `rounds` says, so that a slow minute of the machine hits all of them."""
    costs: dict[str, list[Cost]] = {name: [] for name in variants}
    for number in range(max(rounds.values())):
        for name, measured in variants.items():
            if number < rounds[name]:
                costs[name].append(measured())
                latest = costs[name][-1]
                print(
                    f"  round {number + 1} {name}: {latest.cpu:.1f} s CPU, {latest.wall:.1f} s, {latest.peak:.0f} MB",
                    file=sys.stderr,
                )
    return costs


def median(costs: Sequence[Cost]) -> Cost:
    return Cost(*(statistics.median(getattr(cost, field) for cost in costs) for field in ("wall", "cpu", "peak")))


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def plain(costs: Mapping[str, Sequence[Cost]]) -> dict[str, list[dict[str, float]]]:
    return {name: [asdict(cost) for cost in found] for name, found in costs.items()}
