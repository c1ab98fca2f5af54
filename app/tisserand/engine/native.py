"""What the backend can do by itself of a flow's reading and writing; a result that cannot be written is told before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tisserand.engine.context import NodeContext
from tisserand.engine.resolve import Resolution, ResolvedNode, problem_of
from tisserand.model.problem import Problem
from tisserand.sdk.errors import NodeError
from tisserand.workspace.folder import Environment, Workspace

if TYPE_CHECKING:
    from tisserand.engine.run import FlowRun


def scan_natively(run: FlowRun) -> list[Problem]:
    """Ask readers and writers what the backend can do by itself; gives a problem for each result that cannot be written."""
    problems = []
    for node in run.resolution.nodes.values():
        try:
            if node.role == "reader" and node.spec.pinned is None and node.found is not None:
                _ask_reader(run, node)
            elif node.role == "writer" and node.inputs:
                _ask_writer(run, node)
        except NodeError as error:
            problems.append(_placed(run.flow.id, node, error))
    return problems


def _ask_reader(run: FlowRun, node: ResolvedNode) -> None:
    from tisserand.sdk.scan import fingerprint

    instance: Any = node.node
    scan = instance.scan(NodeContext(run, node, run.stop), node.config, node.found)
    run.scans[node.id] = scan
    if scan is not None:
        run.fingerprints[node.id] = fingerprint(scan.paths)
        if not scan.rejects:
            run.bases[node.id, node.outputs[0].name] = scan


def _ask_writer(run: FlowRun, node: ResolvedNode) -> None:
    instance: Any = node.node
    source = next(iter(node.inputs.values()))[0]
    schema = run.resolution.nodes[source[0]].schemas[source[1]]
    wants_rejects = node.rejects_port() is not None and run.rejects_wanted(node)
    run.sinks[node.id] = None if wants_rejects else instance.sink(NodeContext(run, node, run.stop), node.config, schema)


def _placed(flow: str, node: ResolvedNode, error: NodeError) -> Problem:
    """Placed at the field that holds what the error names, where the error itself does not say."""
    problem = problem_of(error).at(flow=flow, node=node.id)
    named = error.message.args.get("path")
    field = next((name for name, value in node.config if named is not None and str(value) == named), None)
    return problem.at(field=f"config.{field}") if field is not None else problem


def unwritable(resolution: Resolution, workspace: Workspace, environment: Environment) -> list[Problem]:
    """Results for which the flow names a place that cannot hold them, as far as that shows without running."""
    problems = []
    for node in resolution.nodes.values():
        instance: Any = node.node
        target = instance.target(node.config) if node.role == "writer" and not node.spec.disabled else None
        if not isinstance(target, Path):
            continue
        try:
            if workspace.resolve(str(target), environment).is_dir():
                raise NodeError("“{path}” is a folder, a file is needed.", path=str(target), fix="Add a file name.")
        except NodeError as error:
            problems.append(_placed(resolution.flow.id, node, error))
    return problems
