"""Journal bench: a million runs of 100 flows: start, pages, search, figures and business keys, with the queries' plans.

Usage: bench_journal.py [--runs 1_000_000] [--rounds 5] — wall milliseconds, medians, and the CPU time of the quickest round, which
other work on the machine changes least; the journal is made anew.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from made_runs import make, make_keys
from measure import scratch, table

from tisserand.service.figures.calls import Asked
from tisserand.service.local import LocalExecutor

QUICK = 200.0
"""Milliseconds that a page may take."""
START = 3.0
"""Seconds in which the executor must be there."""
DAY = 86_400

QUESTIONS: dict[str, dict[str, Any]] = {
    "all runs": {},
    "a flow": {"flow": "flow-099"},
    "a state": {"states": ("failed",)},
    "a flow and a rare state": {"flow": "flow-001", "states": ("interrupted",)},
    "text: a flow's name": {"text": "flow-099"},
    "text: in every flow": {"text": "flow-0"},
    "text: one letter": {"text": "o"},
    "text: a person": {"text": "marie"},
    "text: in one error in 5,000": {"text": "part-4711"},
    "text: in every error": {"text": "no file"},
    "text: in every error, and a flow": {"text": "no file", "flow": "flow-099"},
    "text: nowhere": {"text": "no such thing"},
    "text: the end of an id": {"text": "a3f"},
    "text and a rare state": {"text": "fl", "states": ("interrupted",)},
}


def started(root: Any) -> float:
    """Seconds from the command to the first answer of `tisserand serve`."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "tisserand.cli.main", "serve", "--workspace", str(root)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        from tisserand.service.guard import token
        from tisserand.service.serve import running

        while (url := running(root)) is None:
            if process.poll() is not None:
                raise SystemExit(f"tisserand serve ended with {process.returncode}")
            time.sleep(0.01)
        from tisserand.service.client import HttpExecutor

        with closing(HttpExecutor(url, token(root))) as remote:
            assert len(remote.runs(limit=100)) == 100
        return time.perf_counter() - begun
    finally:
        process.terminate()
        process.wait(20)


def main(runs: int = 1_000_000, rounds: int = 5) -> dict[str, str]:
    root = scratch("journal")
    shutil.rmtree(root, ignore_errors=True)
    begun = time.perf_counter()
    end = make(root, runs)
    make_keys(root, end, runs)
    made = time.perf_counter() - begun
    start = started(root)
    rows: list[list[str]] = []

    def ask(what: str, call: Callable[[], Any]) -> Any:
        found, walls, worked = None, [], []
        for _round in range(rounds):
            begun, busy = time.perf_counter(), time.process_time()
            found = call()
            walls.append((time.perf_counter() - begun) * 1000)
            worked.append((time.process_time() - busy) * 1000)
        note = "" if statistics.median(walls) <= QUICK else " MISSED"
        rows.append([what, f"{walls[0]:.1f}", f"{statistics.median(walls):.1f}{note}", f"{max(walls):.1f}", f"{min(worked):.1f}"])
        return found

    with closing(LocalExecutor(root)) as executor:
        figures = executor.figures
        begun = time.perf_counter()
        figures.words.catch_up()
        figures.sums.sum_up(100, lambda: False)
        ahead = time.perf_counter() - begun
        for name, question in QUESTIONS.items():
            asked = Asked(**question)
            page = ask(f"page, {name}", lambda asked=asked: figures.runs(asked, 100))
            if len(page) == 100:
                ask("… the next page", lambda asked=asked, page=page: figures.runs(asked, 100, page[-1].id))
            ask("… count", lambda asked=asked: figures.count(asked))
        ago = Asked(since=end - 60 * DAY, until=end - 59 * DAY)
        ask("page, a day two months ago", lambda: figures.runs(ago, 100))
        now = time.time()
        hour = now // 3600 * 3600
        ask("flows, 24 h", lambda: figures.flows(now - DAY))
        ask("flows, 30 d", lambda: figures.flows(now - 30 * DAY))
        ask("flows, everything", lambda: figures.flows(0))
        ask("load, 24 h by quarters", lambda: figures.load(now - DAY, now, 900))
        ask("load, 30 d by hours", lambda: figures.load(hour - 30 * DAY, hour, 3600))
        ask("load, 30 d by days from now", lambda: figures.load(now - 30 * DAY, now, DAY))
        ask("load, 30 d by days, a flow", lambda: figures.load(now - 30 * DAY, now, DAY, "flow-001"))
        run = figures.runs(Asked(), 1)[0].id
        ask("timeline", lambda: figures.timeline(run))
        ask("key: a value", lambda: executor.keys.search("ORD-0471100"))
        ask("key: a beginning", lambda: executor.keys.search("ORD-04711", prefix=True))
        ask("key: nowhere", lambda: executor.keys.search("nothing"))
        ask("alone: GET /runs", lambda: executor.runs(limit=100))
    size = (root / ".tisserand" / "journal.sqlite").stat().st_size / 1e6
    head = (
        f"{runs:,} runs, {5 * runs:,} events, {runs:,} business keys, 100 flows, 40 connections: a journal of {size:,.0f} MB, made in "
        f"{made:.0f} s. `tisserand serve` answers a page of runs {start:.2f} s after the command (target {START:.0f} s"
        f"{' MISSED' if start > START else ''}). Words and sums, made ahead in the background, take {ahead:.1f} s the first time."
    )
    shutil.rmtree(root, ignore_errors=True)
    heads = ["what", "first, ms", f"median of {rounds}, ms (target {QUICK:.0f})", "slowest", "CPU"]
    return {
        "title": "A journal of many runs",
        "text": f"{head}\n\n{table(heads, rows)}",
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    os.environ.setdefault("TISSERAND_LANG", "en")
    print(main(given.runs, given.rounds)["text"])
