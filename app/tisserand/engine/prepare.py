"""Before a run: the flow read, sources looked at, the plan made, and what an interrupted attempt already did taken over."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tisserand.engine.backends.duckdb import DuckDB
from tisserand.engine.connected import unconnected
from tisserand.engine.context import NodeContext
from tisserand.engine.control import Stop, TimedOut
from tisserand.engine.locking import SourceLock
from tisserand.engine.memory import share, thread_count, too_little
from tisserand.engine.native import scan_natively
from tisserand.engine.orders import colliding
from tisserand.engine.pinned import columns, needless
from tisserand.engine.plan import make_plan, plan_json
from tisserand.engine.resolve import Resolution, ResolvedNode, problem_of, resolve
from tisserand.engine.reuse import Stale, digests, take_over
from tisserand.engine.run import FlowRun
from tisserand.files import write_text
from tisserand.model import units
from tisserand.model.check import check_flow
from tisserand.model.flow import Flow
from tisserand.model.problem import Place, Problem
from tisserand.model.schema import Schema
from tisserand.model.yamlfile import Reading, read_flow
from tisserand.sdk.errors import NodeError
from tisserand.sdk.node import Discovery
from tisserand.sdk.registry import Registry
from tisserand.texts import msg
from tisserand.workspace.folder import Environment, Workspace

SMALL_MEMORY = 2_000_000_000
"""Below this, blocking nodes are staged from the start."""


class FlowWrong(Exception):  # noqa: N818 - the flow is wrong, not the program
    """The flow cannot run as it stands; `problems` say why."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(problem.line() for problem in problems))


@dataclass(frozen=True)
class Loaded:
    flow: Flow
    reading: Reading
    values: Mapping[str, Any]


def load(
    text: str, file: str | None, registry: Registry, workspace: Workspace, environment: Environment, parameters: Mapping[str, Any]
) -> Loaded:
    """Read and check a flow's text; raises `FlowWrong` with all its problems."""
    reading = read_flow(text, file)
    values = {**workspace.values(environment), "env": environment.name, **parameters}
    problems = list(reading.problems)
    if reading.flow is not None:
        problems += check_flow(reading.flow, registry, reading.positions, values, file)
    if reading.flow is None or any(problem.severity == "error" for problem in problems):
        raise FlowWrong(problems)
    return Loaded(reading.flow, reading, values)


def placed(problems: list[Problem], reading: Reading, file: str | None) -> list[Problem]:
    """Problems with the file, line and column of their node and field."""
    found = []
    for problem in problems:
        place = reading.positions.of(problem.place.node, problem.place.field) if problem.place.node else None
        line, column = place if place else (None, None)
        found.append(problem.at(file=file, line=line, column=column))
    return found


def prepare(run: FlowRun, loaded: Loaded, file: str | None) -> None:
    """Resolve, look at sources, plan, and take over what is already done; raises `FlowWrong`."""
    memory = run.options.memory
    threads = thread_count(memory, run.options.threads)
    spill = run.folder / "tmp"
    spill.mkdir(parents=True, exist_ok=True)
    lock = SourceLock(run.workspace.root, file, run.flow)
    if lock.problems:
        raise FlowWrong(lock.problems)
    known = _Discoveries(run.folder / "discovery.json", lock)
    values = {**loaded.values, "run": run.id, "__now": run.started_at}
    until = run.options.until
    unknown = [name for name in (until.split(",") if until is not None else ()) if name not in run.flow.nodes]
    if unknown:
        message = msg("There is no node “{node}” to run up to.", node=unknown[0])
        others = msg("Known here: {known}.", known=list(run.flow.nodes)[:20] or ["–"])
        raise FlowWrong([Problem("call.until", message, others, Place(flow=run.flow.id, file=file))])
    resolution = resolve(
        _up_to(run.flow, until),
        run.registry,
        values,
        lambda node: known.of(run, node),
        lambda node, schemas: called_schemas(run, node),
    )
    _let_pass(run, resolution)
    loose = unconnected(resolution, run.connections, run.environment)
    problems = [*resolution.problems, *loose, *colliding(resolution, run.workspace, run.environment)]
    if any(problem.severity == "error" for problem in problems):
        raise FlowWrong(placed(problems, loaded.reading, file))
    _keep(lock, run)
    _drop_disabled(run, resolution)
    for name, reason in needless(resolution).items():
        del resolution.nodes[name]
        run.states[name] = "skipped"
        run.note(name, "node.skipped", {"reason": reason.to_json()})
    run.resolution = resolution
    scarce = too_little(memory) if memory and not run.depth else None
    if scarce is not None:
        raise FlowWrong([scarce.at(flow=run.flow.id, file=file)])
    if not hasattr(run, "backend"):
        run.backend = DuckDB(share(memory) if memory else None, threads, spill)
    refused = scan_natively(run)
    for problem in [problem for problem in refused if _passes(resolution, problem)]:
        refused.remove(problem)
        _drop_failed(run, resolution, problem)
    if refused:
        raise FlowWrong(placed(refused, loaded.reading, file))
    staged = memory is not None and memory < SMALL_MEMORY
    run.plan = make_plan(resolution, run.scans, run.sinks, run.options.keep, staged, run.options.until)
    written = {
        node.id: resolution.nodes[source[0]].schemas.get(source[1], Schema()).types()
        for node in resolution.nodes.values()
        if node.role == "writer"
        for source in next(iter(node.inputs.values()), ())[:1]
        if source[0] in resolution.nodes
    }
    write_text(run.folder / "plan.json", json.dumps(plan_json(run.plan) | {"written": written}, indent=1))
    run.digests = digests(resolution, loaded.values, run.options.version)
    about = {"nodes": list(resolution.nodes), "units": [unit.id for unit in run.plan.units], "sources": dict(run.fingerprints)}
    run.note(None, "plan.ready", about)
    try:
        take_over(run)
    except Stale as stale:
        raise FlowWrong(placed(stale.problems, loaded.reading, file)) from None


def _up_to(flow: Flow, until: str | None) -> Flow:
    """The flow without what a node does not need: other sources are not even looked at."""
    if until is None:
        return flow
    needed: set[str] = set()
    stack = until.split(",")
    while stack:
        name = stack.pop()
        if name not in needed and name in flow.nodes:
            needed.add(name)
            node = flow.nodes[name]
            stack += [*(ref.node for _, ref in node.refs()), *node.after]
    return replace(flow, nodes={name: node for name, node in flow.nodes.items() if name in needed})


def _keep(lock: SourceLock, run: FlowRun) -> None:
    """Write down what the sources look like. A folder that cannot be written to is no reason not to run."""
    try:
        lock.save(run.flow, run.registry, run.connections.know_secrets().clean)
    except OSError as error:
        reason = error.strerror or str(error)
        run.log(msg("The lock file “{file}” could not be written: {reason}.", file=lock.file, reason=reason), "warning")


class _Discoveries:
    """What was found out about sources, kept with the run: a resume does not call them again."""

    def __init__(self, path: Path, lock: SourceLock) -> None:
        self.path = path
        self.lock = lock
        self.known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def of(self, run: FlowRun, node: ResolvedNode) -> Discovery:
        if node.spec.pinned is not None:
            return columns(run, node)
        raw = json.dumps([node.spec.kind, dict(node.spec.config)], sort_keys=True, default=str)
        key = hashlib.sha256(raw.encode()).hexdigest()[:16]
        kept = self.known.get(node.id)
        if kept is not None and kept["config"] == key:
            return Discovery(Schema.from_json(kept["schema"]), kept["detected"], kept["fingerprint"], kept["rows"])
        instance: Any = node.node
        known = None if instance.harmless(node.config) else self.lock.answer(node)
        found = known or self.lock.hold(node, _looked_at(run, node, instance))
        self.known[node.id] = {
            "config": key,
            "schema": found.schema.to_json(),
            "detected": dict(found.detected),
            "fingerprint": found.fingerprint,
            "rows": found.rows,
        }
        write_text(self.path, json.dumps(self.known, indent=1, default=str))
        detected = json.loads(json.dumps(dict(found.detected), default=str))
        run.note(node.id, "discovery.done", {"detected": detected, "columns": found.schema.types()})
        return found


def _looked_at(run: FlowRun, node: ResolvedNode, instance: Any) -> Discovery:
    """Discover, as often as the node's `retry` says."""
    retry = node.spec.retry
    pause = units.seconds(retry.wait) if retry else 0.0
    for attempt in range(1, (retry.attempts if retry else 1) + 1):
        stop = Stop(run.stop)
        limit = units.seconds(node.spec.timeout) if node.spec.timeout else None
        try:
            with stop.deadline(limit):
                found: Discovery = instance.discover(NodeContext(run, node, stop, attempt), node.config)
                stop.check()
            return found
        except TimedOut as late:
            run.stop.check()
            raise NodeError("Looking at the source takes longer than {seconds} seconds.", seconds=late.seconds) from None
        except NodeError as error:
            run.stop.check()  # what a cancelled source says is not its own fault
            if retry is None or attempt == retry.attempts or not error.retry:
                raise
            wait = error.retry_after if error.retry_after is not None else pause
            run.note(node.id, "node.retry", {"attempt": attempt, "wait": wait, "error": run.problem_json(problem_of(error))})
            run.stop.wait(wait)
            pause *= retry.factor
        finally:
            stop.release()
    raise AssertionError("a node is tried at least once")


def _passes(resolution: Resolution, problem: Problem) -> bool:
    """Whether the flow goes on where this node fails. Where errors are routed and somebody takes them, rows are awaited that a
    node that cannot even begin does not give."""
    node = resolution.nodes.get(problem.place.node or "")
    if node is None or node.spec.on_error not in ("continue", "route"):
        return False
    port = node.rejects_port()
    return node.spec.on_error == "continue" or port is None or not any(resolution.consumers((node.id, port)))


def _let_pass(run: FlowRun, resolution: Resolution) -> None:
    """Sources that cannot be looked at end their nodes, not the run, where the flow says so; what needs their rows is left out."""
    for problem in [p for p in resolution.problems if p.code == "source.error" and _passes(resolution, p)]:
        resolution.problems.remove(problem)
        _drop_failed(run, resolution, problem)


def _drop_failed(run: FlowRun, resolution: Resolution, problem: Problem) -> None:
    name = str(problem.place.node)
    del resolution.nodes[name]
    run.states[name] = "failed"
    run.note(name, "node.failed", {"error": run.problem_json(problem)})
    gone = {name}
    for node in list(resolution.nodes.values()):
        behind = next((source for ports in node.inputs.values() for source, _ in ports if source in gone), None)
        lost = {ref.node for _, ref in node.spec.refs()} & gone
        if behind is not None or lost:
            gone.add(node.id)
            del resolution.nodes[node.id]
            run.states[node.id] = "skipped"
            reason = msg("“{source}” gave nothing.", source=behind or min(lost))
            run.note(node.id, "node.skipped", {"reason": reason.to_json()})


def called_schemas(run: FlowRun, node: ResolvedNode) -> Mapping[str, Schema] | None:
    """The columns that a called flow gives: those that arrive at its output door."""
    if node.type.kind != "flow.call":
        return None
    from tisserand.engine.children import door_schema

    return {node.outputs[0].name: door_schema(run, node)}


def _drop_disabled(run: FlowRun, resolution: Resolution) -> None:
    """Leave out disabled nodes and all that need their rows."""
    gone: set[str] = set()
    for node in list(resolution.nodes.values()):
        behind = next((source for ports in node.inputs.values() for source, _ in ports if source in gone), None)
        if not node.spec.disabled and behind is None:
            continue
        gone.add(node.id)
        del resolution.nodes[node.id]
        reason = msg("It is switched off.") if node.spec.disabled else msg("“{source}” gave nothing.", source=behind)
        run.states[node.id] = "skipped"
        run.note(node.id, "node.skipped", {"reason": reason.to_json()})
