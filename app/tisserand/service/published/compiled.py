"""A flow made ready to answer: its operations with what reads their requests, works out their rows and writes their answers."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tisserand.engine.check import Looking, check_text, looking
from tisserand.engine.launch import Refused, flow_text
from tisserand.engine.locking import SourceLock
from tisserand.engine.pinned import columns
from tisserand.engine.resolve import Resolution, ResolvedNode, resolve
from tisserand.engine.rows.compile import Unrowable
from tisserand.engine.rows.program import compile_program
from tisserand.engine.values import parameter_values
from tisserand.engine.warm import Warm, WarmQuery
from tisserand.sdk.node import Discovery
from tisserand.sdk.registry import registry
from tisserand.service.published.answers import Replying
from tisserand.service.published.asked import Asking
from tisserand.service.published.operations import LARGE, Operation, operations, ready
from tisserand.workspace.folder import Workspace

Rows = Sequence[tuple[Any, ...]]
ByRow = Callable[[Rows], Rows]


class Ready:
    """One operation, ready to answer. Exactly one of `by_row` and `query` is there, or none where each request becomes a run."""

    def __init__(self, operation: Operation, by_row: ByRow | None, query: WarmQuery | None) -> None:
        self.operation = operation
        self.asking = Asking(operation)
        self.replying = Replying(operation.answer.model_dump(mode="json"), operation.columns)
        self.by_row, self.query = by_row, query
        self.largest: int = operation.request.largest.bytes


class Compiled:
    """Raises `Refused` with all that keeps the flow from answering, and `NodeError` where a source cannot be read."""

    def __init__(self, root: Path, file: str, env: str | None, memory: int | None = None) -> None:
        workspace = Workspace(root)
        text = flow_text(root, file, None)
        checked = check_text(workspace, text, env, file=file)
        errors = [problem for problem in checked.problems if problem.severity == "error"]
        if errors or checked.flow is None:
            raise Refused(errors)
        self._open = ExitStack()
        try:
            folder = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="tisserand-published-")))
            run = looking(workspace, checked.flow, env, folder)
            self._open.callback(run.journal.close)
            resolution = _resolved(workspace, run, file, env)
            found, problems = operations(resolution)
            problems += resolution.problems
            if any(problem.severity == "error" for problem in problems):
                raise Refused([problem for problem in problems if problem.severity == "error"])
            self.resolution = resolution
            self._warm: Warm | None = None
            self.flow = checked.flow
            self.operations = [self._ready(run, each, memory) for each in found]
        except BaseException:
            self._open.close()
            raise

    def close(self) -> None:
        self._open.close()

    def _ready(self, run: Looking, operation: Operation, memory: int | None) -> Ready:
        if operation.way == "run":
            return Ready(operation, None, None)
        event = (operation.node, "event")
        try:
            program = compile_program(self.resolution, event, [operation.source])
        except Unrowable:
            if self._warm is None:
                self._warm = Warm(run, self.resolution, memory, LARGE)
                self._open.callback(self._warm.close)
            return Ready(operation, None, self._warm.query(event, operation.source))
        port = operation.source
        return Ready(operation, lambda rows: program(rows)[port], None)


def _resolved(workspace: Workspace, run: Looking, file: str, env: str | None) -> Resolution:
    """The flow with the values that hold while it is published: defaults of parameters, and no moment of a start, so that `now()` is the
    moment of a request."""
    environment = workspace.environment(env)
    given, problems = parameter_values(run.flow, {})
    if problems:
        raise Refused(problems)
    run.parameters = given
    lock = SourceLock(workspace.root, file, run.flow)

    def found(node: ResolvedNode) -> Discovery | None:
        if node.spec.pinned is not None:
            return columns(run, node)
        # What is held ready is looked at now; a source that only runs read need not be there.
        return lock.hold(node, run.discover(node)) if ready(node) else lock.answer(node) or run.discover(node)

    values = {**workspace.values(environment), "env": environment.name, "run": "published", **given}
    return resolve(run.flow, registry(), values, found, run.called)
