"""Flows called by a flow: run as a part of the caller, journalled as a run of their own."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tisserand.engine import failures
from tisserand.engine.control import Cancelled, Stop, TimedOut
from tisserand.engine.journal import RunRecord, new_run_id
from tisserand.engine.launch import UNDOING
from tisserand.engine.resolve import ResolvedNode, resolve
from tisserand.engine.suspending import Suspended
from tisserand.engine.undo import calls_back, marked, undo
from tisserand.engine.values import parameter_values, typical_values
from tisserand.files import write_text
from tisserand.model.problem import Problem
from tisserand.model.schema import Schema
from tisserand.sdk.errors import NodeError
from tisserand.texts import Message, msg

if TYPE_CHECKING:
    from tisserand.engine.run import FlowRun
    from tisserand.model.flow import Flow

DEEPEST = 20
"""Calls inside calls: more is a flow that calls itself."""


def door_schema(run: FlowRun, node: ResolvedNode) -> Schema:
    """The columns at the output door that a calling node names."""
    from tisserand.engine.prepare import load

    if run.depth >= DEEPEST:
        raise NodeError("Flows call each other {depth} deep: does one call itself?", depth=run.depth, field="flow")
    text, file = flow_source(run, node.config.flow)
    loaded = _loaded(run, text, file, {}, load)
    child = _Look(run, file, loaded.flow)
    child.run.flow = loaded.flow
    values = {**loaded.values, **typical_values(loaded.flow), "run": run.id, "__now": run.started_at}
    found = resolve(loaded.flow, run.registry, values, child.discover, lambda inner, schemas: child.called(inner))
    wrong = next((problem for problem in found.problems if problem.severity == "error"), None)
    if wrong is not None:
        raise NodeError(
            "The flow “{flow}” cannot be called: at its node “{node}”: {reason}",
            fix=wrong.fix,
            flow=loaded.flow.id,
            node=wrong.place.node or "?",
            reason=wrong.message,
        )
    for inner in found.nodes.values():
        if inner.type.kind == "flow.output" and inner.config.name == node.config.output and inner.inputs:
            source = next(iter(inner.inputs.values()))[0]
            return found.nodes[source[0]].schemas.get(source[1], Schema())
    return Schema()


class _Look:
    """Looking into a called flow, one call deeper."""

    def __init__(self, run: FlowRun, file: str, flow: Flow) -> None:
        import copy

        from tisserand.engine.locking import SourceLock

        self.lock = SourceLock(run.workspace.root, file, flow)
        self.run = copy.copy(run)
        self.run.depth += 1

    def discover(self, node: ResolvedNode) -> Any:
        from tisserand.engine.check import Looking
        from tisserand.engine.context import NodeContext
        from tisserand.engine.pinned import columns

        if node.spec.pinned is not None:
            return columns(self.run, node)
        # A check or preview believes the lock file; a real run finds out now, before anything is done, whether it is still true.
        instance: Any = node.node
        harmless = instance.harmless(node.config)
        known = self.lock.answer(node) if isinstance(self.run, Looking) or not harmless else None
        if known is not None:
            return known
        if not harmless:
            raise NodeError(
                "Asking this source may change something there, so that it is only asked in a run: its columns are not known yet.",
                fix="Run “{flow}” once on its own: its lock file keeps the columns.",
                flow=self.run.flow.id,
            )
        return self.lock.hold(node, instance.discover(NodeContext(self.run, node, self.run.stop), node.config))

    def called(self, node: ResolvedNode) -> Mapping[str, Schema] | None:
        return {node.outputs[0].name: door_schema(self.run, node)} if node.type.kind == "flow.call" else None


def flow_source(run: FlowRun, name: str) -> tuple[str, str]:
    """Text and file name of a flow of the workspace."""
    path = run.workspace.find_flow(name)
    return path.read_text(encoding="utf-8"), str(path.relative_to(run.workspace.root))


def _loaded(run: FlowRun, text: str, file: str, values: Mapping[str, Any], load: Any) -> Any:
    from tisserand.engine.prepare import FlowWrong
    from tisserand.model.yamlfile import read_flow

    flow = read_flow(text, file).flow
    given = dict(values) or (typical_values(flow) if flow else {})
    try:
        return load(text, file, run.registry, run.workspace, run.environment, given)
    except FlowWrong as error:
        first = error.problems[0].message if error.problems else msg("It cannot be read.")
        raise NodeError("The flow “{flow}” is wrong: {error}", flow=file, error=first, field="flow") from None


def run_child(
    parent: FlowRun,
    node: str,
    name: str,
    parameters: Mapping[str, Any],
    inputs: Mapping[str, Path],
    label: str,
    stop: Stop,
    given: Mapping[str, Any],
) -> Mapping[str, Any]:
    """Run a called flow; a call that was done before a resume is not made again, unless it now gets other parameters or rows (of
    which `given` tells the digests)."""
    from tisserand.engine.prepare import FlowWrong, load, prepare
    from tisserand.engine.run import FlowRun
    from tisserand.model.yamlfile import read_flow

    if parent.depth >= DEEPEST:
        raise NodeError("Flows call each other {depth} deep: does one call itself?", depth=parent.depth, field="flow")
    text, file = flow_source(parent, name)
    flow = read_flow(text, file).flow
    values, problems = parameter_values(flow, parameters) if flow else ({}, [])
    if problems:
        raise NodeError(problems[0].message, fix=problems[0].fix, field="parameters")
    loaded = _loaded(parent, text, file, values, load)
    digest = hashlib.sha256(json.dumps([name, dict(parameters), given], sort_keys=True, default=str).encode()).hexdigest()[:20]
    known, before = parent.children.get((node, label), ("", ""))
    run_id = known if known and before == digest else new_run_id()
    record = parent.journal.run(run_id)
    folder = parent.folder.parent / run_id
    if record is not None and record.state == "failed" and parent.woken:
        # Nobody asked to try again what failed: the caller only waited for something else.
        failed = Problem.from_json(record.error).message if record.error else None
        return {"run": run_id, "state": "failed", "error": failed, "outputs": {}}
    if record is not None and record.state == "done":
        return {"run": run_id, "state": "done", "error": None, "outputs": _outputs(folder)}
    if record is None:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / "flow.yaml", text)
        asked = {
            "run": run_id,
            "workspace": str(parent.workspace.root),
            "file": file,
            "parent": parent.id,
            "parameters": dict(parameters),
        }
        write_text(folder / "request.json", json.dumps(asked, default=str), 0o600)
        shown = json.loads(json.dumps(dict(parameters), default=str))
        parent.journal.create_run(
            RunRecord(
                run_id,
                loaded.flow.id,
                hashlib.sha256(text.encode()).hexdigest(),
                file,
                parent.environment.name,
                parent.options.by,
                "flow",
                shown,
                parent.id,
                label,
                created=time.time(),
            )
        )
        parent.note(node, "child.started", {"run": run_id, "flow": loaded.flow.id, "label": label, "digest": digest})
        parent.children[node, label] = (run_id, digest)
    parent.journal.claim(run_id, *parent.owner)
    child = FlowRun(
        run_id, loaded.flow, folder, parent.workspace, parent.environment, parent.connections, parent.registry, parent.journal,
        parent.options, values, Stop(stop), dict(inputs), depth=parent.depth + 1, owner=parent.owner, started_at=parent.started_at, root=parent.root,
    )  # fmt: skip
    child.options, child.pause = _options(parent), parent.pause
    # One backend for all: the memory of the run is theirs together, and starting another takes longer than many a called flow.
    child.backend, child.query_lock = parent.backend, parent.query_lock
    error: Message | None = None
    try:
        prepare(child, loaded, file)
        if marked(folder) and not calls_back(child):
            raise Cancelled
        child.execute()
        problem = child.failure
    except FlowWrong as wrong:
        problem = wrong.problems[0]
    except Suspended:
        parent.journal.set_state(run_id, "waiting")
        raise
    except (Cancelled, TimedOut):
        left = undo(child) if parent.stop.reason is Cancelled and hasattr(child, "plan") else None
        parent.journal.set_state(run_id, "cancelled", child.problem_json(left) if left is not None else None)
        if left is None:
            (folder / UNDOING).unlink(missing_ok=True)
        raise
    except Exception as wrong:
        told = failures.explain(wrong, loaded.flow.id, node).problem
        parent.journal.set_state(run_id, "failed", child.problem_json(told))
        raise
    finally:
        child.stop.release()
        shutil.rmtree(folder / "tmp", ignore_errors=True)
    if problem is not None:
        error = problem.message
        parent.journal.set_state(run_id, "failed", problem)
    else:
        parent.journal.set_state(run_id, "done")
    state = "failed" if problem is not None else "done"
    if state == "done" and child.options.keep == "none":
        _only_doors(child.spools.folder)
    parent.note(node, "child.done", {"run": run_id, "state": state, "label": label})
    return {"run": run_id, "state": state, "error": error, "outputs": _outputs(folder)}


def _only_doors(folder: Path) -> None:
    """What the caller goes on with stays; other rows of the called flow are not wanted."""
    for path in folder.glob("*.parquet"):
        if not path.name.startswith("door."):
            path.unlink(missing_ok=True)


def _options(parent: FlowRun) -> Any:
    from dataclasses import replace

    return replace(parent.options, until=None)


def _outputs(folder: Path) -> dict[str, Path]:
    return {
        path.name.removeprefix("door.").removesuffix(".parquet"): path
        for path in sorted((folder / "spool").glob("door.*.parquet"))
    }
