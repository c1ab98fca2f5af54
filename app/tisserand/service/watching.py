"""Listens for the flows that are on, and starts each for every event, exactly once."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tisserand.engine.journal import FINAL
from tisserand.engine.resolve import problem_of
from tisserand.engine.values import typical_values
from tisserand.model.problem import Problem
from tisserand.model.yamlfile import read_flow
from tisserand.sdk.errors import NodeError
from tisserand.service import crash
from tisserand.service.protocol import Refused, RunRequest
from tisserand.texts import Message, msg
from tisserand.workspace.folder import Workspace

if TYPE_CHECKING:
    from tisserand.model.flow import Flow, Node
    from tisserand.sdk.connection import ConnectionType
    from tisserand.sdk.node import Trigger
    from tisserand.service.local import LocalExecutor

LOOK = 0.5
"""Seconds between two looks at which flows are on."""
AGAIN = 3.0
"""Seconds before listening is tried again after it failed."""


class Watching:
    """The listeners of one workspace; lives in the executor process, of which there is one."""

    def __init__(self, executor: LocalExecutor) -> None:
        self._executor = executor
        self._stop = threading.Event()
        self._listeners: dict[str, _Listener] = {}
        self._thread = threading.Thread(target=self._watch, name="watching", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """No new runs; those under way go on."""
        self._stop.set()
        self._thread.join(10)

    def _watch(self) -> None:
        while not self._stop.is_set():
            wanted = set(self._executor.ledger.on())
            for file in [file for file in self._listeners if file not in wanted]:
                self._listeners.pop(file).stop()
            for file in wanted - self._listeners.keys():
                self._listeners[file] = _Listener(self._executor, file)
            self._stop.wait(LOOK)
        for listener in self._listeners.values():
            listener.stop()
        for listener in self._listeners.values():
            listener.join()


class _Listener:
    """One flow that is on."""

    def __init__(self, executor: LocalExecutor, file: str) -> None:
        self._executor = executor
        self._file = file
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._live, name=f"listening {file}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()

    def join(self) -> None:
        self._thread.join(10)

    def _live(self) -> None:
        ledger = self._executor.ledger
        while not self._stopped.is_set():
            try:
                for claimed in ledger.open_events(self._file):
                    self._serve(claimed.key, claimed.data, claimed.run)
                self._listen()
            except NodeError as error:
                ledger.tell(self._file, problem_of(error))
            except Refused as error:
                ledger.tell(self._file, error.problems[0])
            except OSError as error:
                reason = error.strerror or str(error)
                ledger.tell(self._file, Problem("watch.failed", msg("It cannot listen: {reason}", reason=reason)))
            except Exception as error:  # noqa: BLE001 - the thread's end of the line: it is reported, told, and tried again
                ledger.tell(self._file, crash.report(error, self._executor.root))
            self._stopped.wait(AGAIN)

    def _listen(self) -> None:
        """Until it is switched off or the flow's file changes."""
        path = self._executor.root / self._file
        before = path.stat().st_mtime_ns
        flow, node = self._trigger(path)
        workspace = Workspace(self._executor.root)
        environment = workspace.environment(None)
        values = {**workspace.values(environment), "env": environment.name, **typical_values(flow)}
        from tisserand.sdk.registry import registry

        found = registry().get(node.kind)
        assert found is not None
        wrong = found.check_config(node.config, values)
        if wrong:
            raise Refused([problem.at(node=node.id) for problem in wrong])
        config = found.read_config(node.config, values)
        ctx = _Listening(workspace, flow, node.id, lambda: self._stopped.is_set() or _changed(path, before), self._stopped)
        trigger = cast("Trigger[Any]", found.node())
        self._executor.ledger.tell(self._file, None)
        for arrivals in trigger.listen(ctx, config):
            for event in arrivals.events:
                key = event.key or secrets.token_hex(16)
                if self._executor.ledger.claim(self._file, key, event.row):
                    self._serve(key, event.row, None)
            if ctx.cancelled():
                return

    def _trigger(self, path: Path) -> tuple[Flow, Node]:
        reading = read_flow(path.read_text(encoding="utf-8"), self._file)
        errors = [problem for problem in reading.problems if problem.severity == "error"]
        if reading.flow is None or errors:
            raise Refused(errors)
        from tisserand.sdk.registry import registry

        nodes = registry()
        for node in reading.flow.nodes.values():
            found = nodes.get(node.kind)
            if found is not None and found.role == "trigger" and node.kind != "trigger.manual" and not node.disabled:
                return reading.flow, node
        raise NodeError(
            "The flow “{flow}” has nothing that starts it by itself.",
            flow=reading.flow.id,
            fix="Add a node like “Watch a folder”.",
        )

    def _serve(self, key: str, event: Mapping[str, Any], run: str | None) -> None:
        """See one event through to the end of its run; a kill in between is made good at the next start."""
        executor, ledger = self._executor, self._executor.ledger
        label = f"event:{hashlib.sha256(f'{self._file}|{key}'.encode()).hexdigest()[:32]}"
        run = run or executor.journal.labelled(label)
        if run is None:
            run = executor.start(self._request(event, label))
        ledger.started(self._file, key, run)
        if executor.run(run).state == "interrupted":
            executor.resume(run, "repeat")
        while (state := executor.run(run).state) not in FINAL:
            if self._stopped.wait(0.1):
                return  # the run goes on by itself; how it ended is looked up at the next start
        if state != "interrupted":
            ledger.ended(self._file, key, state)

    def _request(self, event: Mapping[str, Any], label: str) -> RunRequest:
        flow, _node = self._trigger(self._executor.root / self._file)
        given = {name: value for name, value in event.items() if name in flow.parameters}
        return RunRequest(file=self._file, parameters=given, trigger="event", by="", label=label)


def _changed(path: Path, before: int) -> bool:
    try:
        return path.stat().st_mtime_ns != before
    except FileNotFoundError:
        return True


class _Listening:
    """What a listening trigger may ask for; it has no rows and no run yet."""

    def __init__(self, workspace: Workspace, flow: Flow, node: str, over: Any, stopped: threading.Event) -> None:
        self._workspace = workspace
        self._environment = workspace.environment(None)
        self.flow, self.node = flow.id, node
        self.parameters: Mapping[str, Any] = typical_values(flow)
        self.mark: Any = None
        self._over = over
        self._stopped = stopped

    def path(self, text: str) -> Path:
        return self._workspace.resolve(text, self._environment)

    def connection(self, name: str) -> ConnectionType:
        from tisserand.sdk.registry import registry
        from tisserand.workspace.connections import Connections

        return Connections(self._workspace, registry()).get(name, self._environment)

    def secret(self, reference: str) -> str:
        from tisserand.sdk.registry import registry
        from tisserand.workspace.connections import Connections

        return Connections(self._workspace, registry()).secret(reference)

    def cancelled(self) -> bool:
        return bool(self._over())

    def sleep(self, seconds: float) -> None:
        self._stopped.wait(seconds)

    def room(self) -> bool:
        return not self.cancelled()

    def log(self, message: Message, level: str = "info") -> None:
        """What a trigger says has no run to be kept with."""
