"""Listens for the flows that are on: one thread for each trigger, and what arrives is in the inbox before it is acknowledged."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tisserand.engine.resolve import problem_of
from tisserand.engine.values import typical_values
from tisserand.model.problem import Problem
from tisserand.sdk.called import CalledTrigger
from tisserand.sdk.errors import NodeError
from tisserand.service import crash
from tisserand.service.inbox import triggers
from tisserand.service.inbox.door import Door
from tisserand.service.inbox.following import ended_runs
from tisserand.service.protocol import Refused
from tisserand.texts import Message, msg
from tisserand.workspace.connections import Connections
from tisserand.workspace.folder import Workspace

if TYPE_CHECKING:
    from tisserand.sdk.connection import ConnectionType
    from tisserand.sdk.following import EndedRun
    from tisserand.service.inbox.hooks import Hooks
    from tisserand.service.local import LocalExecutor

LOOK = 0.5
"""Seconds between two looks at which flows are on and whether they changed."""
AGAIN = 3.0
"""Seconds before listening is tried again after it failed."""
FULL = 0.2
"""Seconds between two looks at whether a full inbox takes more."""

LOG = logging.getLogger("tisserand.listening")
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class Listening:
    """The listeners of one workspace; lives in the executor process, of which there is one."""

    def __init__(self, executor: LocalExecutor, hooks: Hooks) -> None:
        self._executor, self._hooks = executor, hooks
        self._stop = threading.Event()
        self._flows: dict[str, _Flow] = {}
        self._thread = threading.Thread(target=self._watch, name="listening", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Nothing more is taken in."""
        self._stop.set()
        self._thread.join(10)

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                self._look()
            except Exception as error:  # noqa: BLE001 - the thread's end of the line: it is reported, and tried again
                crash.report(error, self._executor.root)
            self._stop.wait(LOOK)
        for flow in self._flows.values():
            flow.cut()
        end = time.monotonic() + 8
        for flow in self._flows.values():
            flow.join(end)

    def _look(self) -> None:
        wanted = self._executor.ledger.on()
        for file in [file for file in self._flows if file not in wanted]:
            self._flows[file].cut()
            if self._flows[file].over():
                del self._flows[file]
        for file in wanted:
            flow = self._flows.setdefault(file, _Flow(self._executor, file, self._hooks))
            flow.look()


class _Flow:
    """One flow that is on, with the listeners of its triggers."""

    def __init__(self, executor: LocalExecutor, file: str, hooks: Hooks) -> None:
        self._executor, self._hooks = executor, hooks
        self._file = file
        self._stamp: tuple[int, ...] | None = None
        self._listeners: list[_Listener] = []
        self._troubles: dict[str, Problem] = {}
        self._lock = threading.Lock()

    def cut(self) -> None:
        self._stamp = None
        for listener in self._listeners:
            listener.cut.set()

    def over(self) -> bool:
        self._listeners = [listener for listener in self._listeners if listener.alive()]
        return not self._listeners

    def join(self, end: float) -> None:
        for listener in self._listeners:
            listener.join(max(0.0, end - time.monotonic()))

    def look(self) -> None:
        """Listen anew where the flow or what it depends on changed: never two listeners for one trigger."""
        now = triggers.stamp(self._executor.root, self._file)
        if now == self._stamp:
            return
        self.cut()
        if not self.over():
            return
        self._stamp = now
        with self._lock:
            self._troubles.clear()
        try:
            flow = triggers.read(self._executor.root, self._file)
            nodes = triggers.nodes_of(flow)
        except NodeError as error:
            self.tell("", problem_of(error))
        except Refused as error:
            self.tell("", error.problems[0])
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self.tell("", Problem("watch.failed", msg("It cannot listen: {reason}", reason=reason)))
        else:
            self._listeners = [_Listener(self._executor, self._file, node.id, self, self._hooks) for node in nodes]

    def tell(self, node: str, problem: Problem | None) -> None:
        """What is wrong with one trigger, or that nothing is; of several problems the first is told."""
        with self._lock:
            if problem is None:
                self._troubles.pop(node, None)
            else:
                self._troubles[node] = problem
            self._executor.ledger.tell(self._file, next(iter(self._troubles.values()), None))


class _Listener:
    """One trigger of a flow that is on."""

    def __init__(self, executor: LocalExecutor, file: str, node: str, flow: _Flow, hooks: Hooks) -> None:
        self._executor, self._hooks = executor, hooks
        self._file, self._node, self._flow = file, node, flow
        self.cut = threading.Event()
        self._thread = threading.Thread(target=self._live, name=f"listening {file} {node}", daemon=True)
        self._thread.start()

    def alive(self) -> bool:
        return self._thread.is_alive()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def _live(self) -> None:
        while not self.cut.is_set():
            try:
                self._listen()
            except NodeError as error:
                self._flow.tell(self._node, problem_of(error).at(node=self._node))
            except Refused as error:
                self._flow.tell(self._node, error.problems[0])
            except OSError as error:
                reason = error.strerror or str(error)
                self._flow.tell(self._node, Problem("watch.failed", msg("It cannot listen: {reason}", reason=reason)))
            except Exception as error:  # noqa: BLE001 - the thread's end of the line: it is reported, told, and tried again
                self._flow.tell(self._node, crash.report(error, self._executor.root))
            self.cut.wait(AGAIN)

    def _listen(self) -> None:
        """Until it is switched off or the flow changes."""
        executor = self._executor
        workspace = Workspace(executor.root)
        flow = triggers.read(executor.root, self._file)
        found = triggers.listener(workspace, flow, flow.nodes[self._node])
        if self._node == triggers.nodes_of(flow)[0].id:
            adopt(executor, self._file, self._node)
        ctx = ListeningContext(executor, workspace, found, self._file, self.cut)
        if isinstance(found.node, CalledTrigger):
            self._answer(found.node, found, ctx, workspace)
            return
        self._flow.tell(self._node, None)
        over = False
        for arrivals in found.node.listen(ctx, found.config):
            if arrivals.events or arrivals.mark is not None:
                if executor.inbox.store.keep(self._file, self._node, arrivals.events, arrivals.mark):
                    executor.inbox.arrived.set()
                ctx.kept(arrivals.mark)
            if over:
                return
            over = ctx.cancelled()  # it is asked once more, so that it acknowledges what was kept

    def _answer(self, node: CalledTrigger[Any], found: triggers.Listener, ctx: ListeningContext, workspace: Workspace) -> None:
        """Let the trigger be called until it is switched off or the flow changes."""
        receiver = node.receiver(ctx, found.config)
        schema, most = node.event(found.config), triggers.most_waiting(workspace)
        with self._hooks.open(Door(self._file, found.flow.id, self._node, receiver, schema, most)):
            self._flow.tell(self._node, None)
            self.cut.wait()


def adopt(executor: LocalExecutor, file: str, node: str) -> None:
    """Events that the ledger kept before there was an inbox move to the trigger that they came from, with all that is known of
    them: what was served is not served again."""
    old = executor.ledger.old_events(file)
    if not old:
        return
    labelled = [(*event, f"event:{hashlib.sha256(f'{file}|{event[0]}'.encode()).hexdigest()[:32]}") for event in old]
    executor.inbox.store.adopt(file, node, labelled)
    executor.ledger.forget_events(file)
    executor.inbox.adopted.set()


class ListeningContext:
    """What a trigger may ask; it has no rows and no run yet."""

    def __init__(
        self, executor: LocalExecutor, workspace: Workspace, found: triggers.Listener, file: str, cut: threading.Event
    ) -> None:
        from tisserand.sdk.registry import registry

        self._workspace = workspace
        self._environment = workspace.environment(None)
        self._connections = Connections(workspace, registry())
        self.flow, self.node = found.flow.id, found.spec.id
        self.parameters: Mapping[str, Any] = typical_values(found.flow)
        self._file, self._journal, self._store, self._cut = file, executor.journal, executor.inbox.store, cut
        self._most = triggers.most_waiting(workspace)
        self._mark = self._store.mark(file, self.node)

    @property
    def mark(self) -> Any:
        return self._mark

    def kept(self, mark: Any) -> None:
        if mark is not None:
            self._mark = mark

    def path(self, text: str) -> Path:
        return self._workspace.resolve(text, self._environment)

    def connection(self, name: str) -> ConnectionType:
        return self._connections.get(name, self._environment)

    def secret(self, reference: str) -> str:
        return self._connections.secret(reference)

    def cancelled(self) -> bool:
        return self._cut.is_set()

    def sleep(self, seconds: float) -> None:
        self._cut.wait(seconds)

    def room(self) -> bool:
        while not self._cut.is_set() and self._store.fuller(self._file, self._most):
            self._cut.wait(FULL)
        return not self._cut.is_set()

    def last_ended(self) -> int:
        return self._journal.last()

    def ended_runs(self, after: int, flows: Collection[str]) -> tuple[Sequence[EndedRun], int]:
        return ended_runs(self._journal, after, flows)

    def log(self, message: Message, level: str = "info") -> None:
        """One line of the executor's log, without the secrets that the connections hold."""
        known = self._connections.know_secrets()
        text = Message.from_json(known.clean(message.to_json())).text("en")
        LOG.log(LEVELS.get(level, logging.INFO), "%s, %s: %s", self.flow, self.node, known.redact(text))
