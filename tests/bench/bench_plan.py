"""Planning bench: all that a worker does with a flow of 1,000 nodes before its first node starts, beside networkx' bare order.

Usage: bench_plan.py [NODES] [ROUNDS] — CPU seconds, medians, after everything is imported.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import networkx as nx
from bench_model import medians
from made_flow import make_workspace
from measure import table

from tisserand.engine.backends.base import Base, Query
from tisserand.engine.backends.duckdb import _TEXTS, chain_sql
from tisserand.engine.check import looking
from tisserand.engine.locking import SourceLock
from tisserand.engine.native import scan_natively
from tisserand.engine.plan import Plan, make_plan
from tisserand.engine.prepare import load
from tisserand.engine.resolve import Port, Resolution, resolve
from tisserand.model.graph import graph
from tisserand.model.yamlfile import read_flow
from tisserand.sdk.registry import registry
from tisserand.workspace.folder import Workspace

BUDGET = 1.0
BUDGET_NODES = 1_000


class Bench:
    """The steps of `engine.worker` and `engine.prepare`, one by one."""

    def __init__(self, root: Path, nodes: int) -> None:
        self.file = make_workspace(root, nodes)
        self.text = self.file.read_text(encoding="utf-8")
        self.workspace = Workspace(root)
        self.environment = self.workspace.environment(None)
        self.registry = registry()
        flow = read_flow(self.text).flow
        assert flow is not None
        self.flow = flow
        self.run = looking(self.workspace, flow, None, root)
        self.found: dict[str, Any] = {}
        self.looked()
        self.run.resolution = self.resolved()
        scan_natively(self.run)

    def looked(self) -> None:
        """Look at every source; what is found is kept, as the lock file keeps it."""
        lock = SourceLock(self.workspace.root, None)
        found: dict[str, Any] = {}

        def discover(node: Any) -> Any:
            found[node.id] = lock.hold(node, self.run.discover(node))
            return found[node.id]

        assert resolve(self.flow, self.registry, self.values(), discover).ok
        self.found = found

    def values(self) -> dict[str, Any]:
        given = {**self.workspace.values(self.environment), "env": self.environment.name}
        return {**given, "least": 1.5, "run": "run", "__now": self.run.started_at}

    def loaded(self) -> None:
        load(self.text, "flows/large.yaml", self.registry, self.workspace, self.environment, {"least": 1.5})

    def resolved(self) -> Resolution:
        resolution = resolve(self.flow, self.registry, self.values(), lambda node: self.found.get(node.id))
        assert resolution.ok and len(resolution.nodes) == len(self.flow.nodes), [p.line() for p in resolution.problems[:5]]
        return resolution

    def planned(self) -> Plan:
        """Columns, scans and sinks, units and their order."""
        self.run.resolution = self.resolved()
        scan_natively(self.run)
        return make_plan(self.run.resolution, self.run.scans, self.run.sinks)

    def whole(self) -> None:
        """What happens between the start of a warm worker and its first node."""
        self.loaded()
        self.looked()
        self.planned()

    def compiled(self) -> None:
        """Afterwards and bit by bit, each query when its turn comes: the SQL of all of them."""
        plan = self.planned()
        _TEXTS.clear()
        resolution = self.run.resolution
        bases: dict[Port, Base] = dict(self.run.bases)
        for port in plan.spooled:
            bases[port] = Path(f"{port[0]}.{port[1]}.parquet")
        for unit in plan.units:
            sources = [port for ports in resolution.nodes[unit.node].inputs.values() for port in ports]
            port = (unit.node, unit.port) if unit.port else next(iter(sources), None)
            if port is not None and unit.kind in ("spool", "sink") and (unit.port or port not in bases):
                chain_sql(Query(resolution, port, {at: base for at, base in bases.items() if at != port}))


def main(nodes: int = BUDGET_NODES, rounds: int = 7) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="tisserand-bench-") as folder:
        bench = Bench(Path(folder), nodes)
        plan = bench.planned()
        costs = medians(
            {
                "planning: columns at every edge, scans and sinks, units and order": bench.planned,
                "all before the first node: load, check, look at the sources, plan": bench.whole,
                "planning and compiling the SQL of every query": bench.compiled,
                "networkx: the graph and its topological order alone": lambda: list(
                    nx.lexicographical_topological_sort(graph(bench.flow))
                ),
            },
            rounds,
        )
        bench.run.journal.close()
    budget = BUDGET * nodes / BUDGET_NODES
    first, second, *_ = costs
    lines = []
    ratios = {}
    for name, cost in costs.items():
        counted = name in (first, second)
        ratios[name] = cost / budget
        verdict = ("met" if cost <= budget else "MISSED") if counted else ""
        lines.append([name, f"{cost:.3f}", f"{budget:.2f}" if counted else "", verdict, f"{cost / budget:.2f}"])
    heads = ["what", "CPU s", "budget", "", "ratio to the budget"]
    readers = len(bench.found)
    text = (
        f"Planning, {nodes:,} nodes, {readers} of them readers, {len(plan.units)} units (medians of {rounds} rounds)\n\n{table(heads, lines)}\n\n"
        "SQL is compiled when the turn of its query comes, so it is no part of the time before the first node; it is shown for honesty."
    )
    return {"title": "Planning", "text": text, "ratios": ratios, "nodes": nodes, "seconds": costs}


if __name__ == "__main__":
    report = main(*(int(argument.replace("_", "")) for argument in sys.argv[1:3]))
    print(report["text"])
    print(json.dumps({name: report[name] for name in ("nodes", "seconds")}))
