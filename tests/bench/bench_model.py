"""Model bench: reading and checking a flow file of 5,000 nodes, beside PyYAML with jsonschema on the same file.

Usage: bench_model.py [NODES] [ROUNDS] — CPU seconds, medians, after everything is imported.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from made_flow import make_workspace
from measure import table

from tisserand.engine.check import check_text
from tisserand.model.check import check_flow
from tisserand.model.flowschema import flow_schema
from tisserand.model.yamlfile import read_flow, write_flow
from tisserand.sdk.registry import registry
from tisserand.workspace.folder import Workspace

BUDGET = 2.0
BUDGET_NODES = 5_000


class Peer(yaml.CSafeLoader):
    """PyYAML as it comes, but that `on:` is a key and no truth value (YAML 1.2)."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in found if first not in "yYnNoO" or not tag.endswith(":bool")]
        for first, found in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }


def spent(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def medians(variants: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Each variant once a round, after one round that does not count."""
    times: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(rounds + 1):
        for name, work in variants.items():
            seconds = spent(work)
            if number:
                times[name].append(seconds)
    return {name: statistics.median(found) for name, found in times.items()}


def main(nodes: int = BUDGET_NODES, rounds: int = 7) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="tisserand-bench-") as folder:
        root = Path(folder)
        file = make_workspace(root, nodes)
        text = file.read_text(encoding="utf-8")
        place = "flows/large.yaml"
        workspace = Workspace(root)
        relocked = check_text(workspace, text, file=place, relock=True)
        assert not relocked.problems, [problem.line() for problem in relocked.problems[:5]]
        known = registry()
        values = {**workspace.values(workspace.environment(None)), "env": "default", "run": "run", "least": 1.5}
        schema = flow_schema(known)
        validator = Draft202012Validator(schema)
        reading = read_flow(text)
        assert reading.flow is not None and len(reading.flow.nodes) == nodes
        flow = reading.flow
        assert write_flow(flow) == text

        def peer() -> None:
            assert next(validator.iter_errors(yaml.load(text, Peer)), None) is None

        def load_and_check() -> None:
            found = read_flow(text)
            assert found.flow is not None
            assert check_flow(found.flow, known, found.positions, values) == []

        def everything() -> None:
            checked = check_text(workspace, text, file=place, discover=False)
            assert checked.problems == [] and len(checked.schemas) == nodes

        costs = medians(
            {
                "load and check: form, kinds, wiring, settings, each with its line": load_and_check,
                "`tisserand check`: the same, and formulas and columns at every edge (lock file)": everything,
                "load alone": lambda: read_flow(text),
                "write": lambda: write_flow(flow),
                "PyYAML alone (CSafeLoader)": lambda: yaml.load(text, Peer),
                "PyYAML + jsonschema with the flow's schema": peer,
            },
            rounds,
        )
    budget = BUDGET * nodes / BUDGET_NODES
    first, second, *_ = costs
    floor = costs["PyYAML + jsonschema with the flow's schema"]
    lines = []
    ratios = {}
    for name, cost in costs.items():
        counted = name in (first, second)
        ratios[name] = cost / budget if counted else cost / floor
        verdict = ("met" if cost <= budget else "MISSED") if counted else ""
        lines.append([name, f"{cost:.2f}", f"{budget:.2f}" if counted else "", verdict, f"{cost / floor:.2f}"])
    heads = ["what", "CPU s", "budget", "", "ratio to PyYAML + jsonschema"]
    text = f"Model, {nodes:,} nodes, {len(text) / 1e6:.2f} MB of YAML (medians of {rounds} rounds)\n\n{table(heads, lines)}"
    return {"title": "Model", "text": text, "ratios": ratios, "nodes": nodes, "seconds": costs}


if __name__ == "__main__":
    report = main(*(int(argument.replace("_", "")) for argument in sys.argv[1:3]))
    print(report["text"])
    print(json.dumps({name: report[name] for name in ("nodes", "seconds")}))
