"""Checking a flow: its form, its wiring, its settings, and the columns at every edge, all problems at once."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from tisserand.engine.connected import unconnected
from tisserand.engine.context import NodeContext
from tisserand.engine.control import Stop
from tisserand.engine.journal import Journal
from tisserand.engine.keyed import wrong_keys
from tisserand.engine.locking import SourceLock, open_parameters
from tisserand.engine.native import unwritable
from tisserand.engine.orders import colliding, undeclared
from tisserand.engine.pinned import columns
from tisserand.engine.prepare import placed
from tisserand.engine.resolve import Resolution, ResolvedNode, resolve
from tisserand.engine.rows.request import batched
from tisserand.engine.run import FlowRun, Options
from tisserand.engine.scheduled import uncalendared
from tisserand.engine.values import typical_values
from tisserand.model.check import check_flow
from tisserand.model.edit_group import named
from tisserand.model.flow import Flow, Node
from tisserand.model.graph import order
from tisserand.model.growth import growing
from tisserand.model.problem import Place, Problem
from tisserand.model.schema import Schema
from tisserand.model.yamlfile import read_flow
from tisserand.sdk.errors import NodeError
from tisserand.sdk.node import Discovery
from tisserand.sdk.registry import registry
from tisserand.texts import msg
from tisserand.workspace.connections import Connections
from tisserand.workspace.folder import Workspace


@dataclass(frozen=True)
class CheckResult:
    problems: list[Problem]
    schemas: Mapping[str, Mapping[str, Schema]] = field(default_factory=dict)
    """Node → output port → columns, as far as they are known."""
    flow: Flow | None = None
    resolution: Resolution | None = None


@growing()
def check_text(
    workspace: Workspace,
    text: str,
    env: str | None = None,
    file: str | None = None,
    discover: bool = True,
    locked: bool = True,
    relock: bool = False,
) -> CheckResult:
    """Check the text of a flow.

    What the lock file of `file` says of a source counts, and the source is not called (`locked=False`: it is called all the
    same). Readers of which it says nothing look at their sources with `discover`; without, the columns behind them stay unknown.
    `relock` looks at every source and writes the lock file anew, unless a source cannot be looked at.
    """
    reading = read_flow(text, file)
    problems = list(reading.problems)
    if reading.flow is None:
        return CheckResult(problems)
    flow = reading.flow
    environment = workspace.environment(env)
    nodes = registry()
    values: dict[str, Any] = {**workspace.values(environment), "env": environment.name, "run": "run", **typical_values(flow)}
    problems += check_flow(flow, nodes, reading.positions, values, file)
    # What hangs on broken wiring would only bring follow-up errors about columns; the rest of the flow is checked to its end.
    whole = flow
    flow = _sound(flow, problems)
    with tempfile.TemporaryDirectory(prefix="tisserand-check-") as folder:
        run = looking(workspace, flow, env, Path(folder))
        known = {(problem.place.node, problem.place.field) for problem in problems}
        lock = SourceLock(workspace.root, file, flow)
        left: list[Problem] = []
        open_names = open_parameters(flow)
        problems += [] if relock else lock.problems

        def found_at(node: ResolvedNode) -> Discovery | None:
            if node.spec.pinned is not None:
                return columns(run, node)
            later = sorted(named(node.spec.config) & open_names)
            if later:
                left.append(_later(node, later[0]))
                return None
            harmless = relock or _harmless(node)
            known = lock.answer(node) if (locked or not harmless) and not relock else None
            if known is None and not harmless:
                left.append(_unasked(node))
            elif known is None and discover:
                known = run.discover(node)
                lock.learn(node, known)
            return known

        resolution = resolve(flow, nodes, values, found_at, run.called)
        if relock and flow is whole:
            problems += _relocked(lock, run, resolution)
        run.journal.close()
    loose = unconnected(resolution, run.connections, environment)
    # A source whose connection is not there says nothing else of use.
    known |= {(problem.place.node, None) for problem in loose} | {(problem.place.node, problem.place.field) for problem in loose}
    found = [problem for problem in resolution.problems if (problem.place.node, problem.place.field) not in known]
    found += [
        *left,
        *loose,
        *undeclared(resolution),
        *wrong_keys(resolution),
        *unwritable(resolution, workspace, environment),
        *colliding(resolution, workspace, environment),
        *uncalendared(resolution, workspace),
        *batched(resolution),
    ]
    problems += placed(found, reading, file)
    return CheckResult(problems, {name: dict(node.schemas) for name, node in resolution.nodes.items()}, whole, resolution)


def _harmless(node: ResolvedNode) -> bool:
    reader: Any = node.node
    return bool(reader.harmless(node.config))


def _unasked(node: ResolvedNode) -> Problem:
    """A source that is not looked at before a run, for looking at it could change something there."""
    message = msg(
        "Asking this source may change something there, so that it is only asked in a run: its columns are not known yet."
    )
    return Problem(
        "source.unasked", message, msg("Run the flow once: the lock file keeps its columns."), Place(node=node.id), "warning"
    )


def _later(node: ResolvedNode, name: str) -> Problem:
    message = msg("What is read here is known only when the flow starts, by its parameter “{name}”.", name=name)
    fix = msg("Give the parameter a default, and the columns are known before.")
    return Problem("source.unasked", message, fix, Place(node=node.id), "warning")


def _sound(flow: Flow, problems: list[Problem]) -> Flow:
    """The flow without the nodes that are wrong beyond their settings, those on circles, and all that hang on them."""
    wrong = {
        problem.place.node
        for problem in problems
        if problem.severity == "error" and not (problem.place.field or "").startswith("config")
    }
    kept: dict[str, Node] = {}
    for name in order(flow):
        node = flow.nodes[name]
        if name not in wrong and all(ref.node in kept for _, ref in node.refs()) and all(source in kept for source in node.after):
            kept[name] = node
    if len(kept) == len(flow.nodes):
        return flow
    return replace(flow, nodes={name: node for name, node in flow.nodes.items() if name in kept})


def _relocked(lock: SourceLock, run: Looking, resolution: Resolution) -> list[Problem]:
    """Write the lock file, whole or not at all."""
    if any(problem.code.startswith("source.") for problem in resolution.problems):
        return []
    try:
        lock.save(run.flow, run.registry, run.connections.know_secrets().clean, anew=True)
    except OSError as error:
        reason = error.strerror or str(error)
        message = msg("The lock file “{file}” could not be written: {reason}.", file=lock.file, reason=reason)
        return [Problem("lock.unwritten", message, place=Place(file=lock.file))]
    return []


class Looking(FlowRun):
    """A run that only looks: for checks, explanations and previews. Its journal goes away with its folder."""

    def discover(self, node: ResolvedNode) -> Discovery:
        instance: Any = node.node
        try:
            found: Discovery = instance.discover(NodeContext(self, node, self.stop), node.config)
            return found
        except OSError as error:
            raise NodeError("The source cannot be looked at: {reason}", reason=error.strerror or str(error)) from None

    def called(self, node: Any, schemas: Mapping[str, Schema]) -> Mapping[str, Schema] | None:
        from tisserand.engine.prepare import called_schemas

        return called_schemas(self, node)


def looking(workspace: Workspace, flow: Flow, env: str | None, folder: Path) -> Looking:
    """A run in a temporary folder that journals nothing in the workspace."""
    from tisserand.engine.journal import RunRecord

    journal = Journal(folder / "journal.sqlite")
    journal.create_run(RunRecord("check", flow.id))
    nodes = registry()
    environment = workspace.environment(env)
    return Looking(
        "check", flow, folder, workspace, environment, Connections(workspace, nodes), nodes, journal, Options(),
        typical_values(flow), Stop(), started_at=datetime(2026, 1, 1),
    )  # fmt: skip
