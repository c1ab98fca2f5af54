"""A journal of random runs, made through the journal's own calls on a clock that the test moves; and its figures, computed from
the raw events with nothing of ours."""

from __future__ import annotations

import json
import math
import random
import sqlite3
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tisserand.engine import journal as journal_module
from tisserand.engine.journal import Journal, RunRecord
from tisserand.model.problem import Place, Problem
from tisserand.texts import msg

FLOWS = ["orders", "invoices", "Stock", "années", "idle-one"]
PEOPLE = ["ann", "Bob", ""]
ERRORS = [
    Problem("node.error", msg("There is no file “{file}”.", file="In/März.csv"), place=Place(node="read_all")),
    Problem("data.error", msg("“{path}” lies outside the workspace.", path="ÉTÉ.xlsx"), place=Place(node="calc")),
    Problem("worker.killed", msg("The process of the run was ended by the signal {signal}.", signal="SIGTERM")),
]


class Clock:
    """Stands for the module `time` in the journal."""

    def __init__(self, now: float) -> None:
        self.now = now

    def time(self) -> float:
        return self.now


def stamped(moment: float, rand: random.Random) -> str:
    from time import gmtime, strftime

    return strftime("%Y%m%d-%H%M%S", gmtime(moment)) + f"-{int(moment % 1 * 4096):03x}{rand.getrandbits(16):04x}"


def fill(journal: Journal, monkeypatch: Any, runs: int, begin: float, end: float, seed: int) -> list[str]:
    """Runs of all kinds: done, failed, cancelled, interrupted and resumed, under way, called by others."""
    rand = random.Random(seed)
    clock = Clock(begin)
    monkeypatch.setattr(journal_module, "time", clock)
    journal._durable.execute("PRAGMA synchronous = OFF")  # nobody pulls the plug here
    made: list[str] = []
    for moment in sorted(rand.uniform(begin, end) for _ in range(runs)):
        clock.now = moment
        flow = rand.choice(FLOWS)
        run = stamped(moment, rand)
        parent = rand.choice(made) if made and rand.random() < 0.2 else None
        file = f"flows/{flow.lower()}{rand.choice(['', '-old'])}.yaml" if rand.random() < 0.95 else None
        by, trigger = rand.choice(PEOPLE), "flow" if parent else rand.choice(["manual", "schedule"])
        journal.create_run(RunRecord(run, flow, "", file, None, by, trigger, parent=parent, created=moment))
        made.append(run)
        _live(journal, run, rand, clock)
    return made


def _live(journal: Journal, run: str, rand: random.Random, clock: Clock) -> None:
    if rand.random() < 0.03:
        return  # it waits to be begun
    while True:
        clock.now += rand.uniform(0, 60)
        journal.claim(run, 1, 1.0)
        for node in rand.sample(["a", "b", "c"], rand.randint(0, 3)):
            journal.append(run, "node.started", node)
            clock.now += rand.uniform(0, 5)
            if rand.random() < 0.5:
                size = rand.choice([None, rand.randint(1, 10**6)])
                journal.append(run, "sink.done", node, {"rows": rand.randint(0, 5000), "where": "x", "bytes": size})
            elif rand.random() < 0.3:
                journal.append(run, "sink.done", node, {"rows": rand.randint(0, 5000)})  # a step with an effect
            journal.append(run, "node.done", node, {"rows": {"table": 5}, "bytes": 7})
        clock.now += rand.expovariate(1 / 30)
        end = rand.choices(["done", "failed", "cancelled", "interrupted", "running", "waiting"], [12, 3, 1, 1, 0.5, 0.5])[0]
        if end == "running":
            return
        if end == "interrupted":
            journal.recover(lambda *_: False)
        else:
            journal.set_state(run, end, rand.choice(ERRORS) if end == "failed" else None)
        if end == "done" or rand.random() < 0.7:
            return


def computed(path: Path) -> list[dict[str, Any]]:
    """Every run as its raw events tell it."""
    with sqlite3.connect(path) as db:
        facts = {
            run: {"id": run, "flow": flow, "parent": parent, "file": file, "by": by, "trigger": trigger, "rows": 0, "bytes": 0,
                  "state": None, "created": created, "started": None, "finished": None}
            for run, flow, parent, file, by, trigger, created in db.execute(
                'SELECT id, flow, parent, flow_file, "by", "trigger", created FROM runs'
            )
        }  # fmt: skip
        wrote: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for run, moment, kind, text in db.execute("SELECT run, time, kind, data FROM events ORDER BY seq"):
            data = json.loads(text)
            if run not in facts:
                continue
            fact = facts[run]
            if kind == "sink.done" and "bytes" in data:
                wrote[run][0] += data["rows"]
                wrote[run][1] += data["bytes"] or 0
            elif kind == "run.started":
                fact["started"] = fact["started"] or moment
                fact["state"], fact["finished"] = "running", None
            elif kind.startswith("run."):
                fact["state"] = kind[4:]
                final = kind[4:] in ("done", "failed", "cancelled", "interrupted")
                fact["finished"] = moment if final else None
                fact["rows"], fact["bytes"] = wrote[run] if final else (0, 0)
    return list(facts.values())


def figures(runs: list[dict[str, Any]]) -> SimpleNamespace:
    times = sorted(run["finished"] - run["started"] for run in runs if run["state"] == "done")
    rank = {share: times[math.ceil(share * len(times)) - 1] if times else None for share in (0.5, 0.95)}
    return SimpleNamespace(
        runs=len(runs),
        done=len(times),
        failed=sum(run["state"] in ("failed", "interrupted") for run in runs),
        rows=sum(run["rows"] for run in runs),
        bytes=sum(run["bytes"] for run in runs),
        p50=rank[0.5],
        p95=rank[0.95],
    )
