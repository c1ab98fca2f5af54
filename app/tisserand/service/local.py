"""The executor in this process: `tisserand run`, tests, and what the HTTP server hands its calls to."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tisserand.engine.journal import Event, Journal, RunRecord
from tisserand.engine.launch import (
    GRACE,
    RunHandle,
    cancel_run,
    enter,
    flow_text,
    journal_path,
    launch,
    process_alive,
    reenter,
    refusal,
    relaunch,
    resolved,
    run_folder,
    state_folder,
    unknown_run,
)
from tisserand.model import units
from tisserand.sdk.errors import NodeError
from tisserand.service.areas import HereAreas
from tisserand.service.audit.store import Audit
from tisserand.service.ledger import Ledger, Watch
from tisserand.service.protocol import Checked, ConnectionInfo, Page, RunInfo, RunRequest, Tested, Uncertain
from tisserand.service.states import Follower, info
from tisserand.texts import Message, msg

if TYPE_CHECKING:
    import pyarrow as pa

    from tisserand.model.problem import Problem
    from tisserand.sdk.registry import Registry
    from tisserand.service.queue.line import Line
    from tisserand.workspace.connections import Connections
    from tisserand.workspace.folder import Environment, Workspace

T = TypeVar("T")

LARGEST_PAGE = 100_000
_NAME = re.compile(r"[\w-]+")


class LocalExecutor(HereAreas):
    """Implements `Executor` for one workspace. Runs are processes of their own and outlive this object."""

    def __init__(self, root: Path, grace: float = GRACE) -> None:
        self.root = root.resolve()
        self._grace = grace
        state_folder(self.root)
        self.journal = Journal(journal_path(self.root))
        self.ledger = Ledger(self.root / ".tisserand" / "ledger.sqlite")
        self.audit = Audit(self.root / ".tisserand" / "audit.sqlite")
        self._handles: dict[str, RunHandle] = {}
        self.line: Line | None = None
        """In the executor process: where runs are queued until their turn has come. Without it they begin at once."""
        self.journal.recover(process_alive)

    # Runs

    def start(self, request: RunRequest) -> str:
        if request.keep not in ("none", "cuts", "all"):
            raise refusal("call.keep", msg("“{value}” is not one of none, cuts, all.", value=str(request.keep)))
        if request.memory is not None:
            try:
                units.size(request.memory)
            except units.UnitError as error:
                raise refusal("call.memory", error.message) from None
        file = self.inside(request.file) if request.file else None
        request = replace(request, file=file)
        if request.trigger == "manual" and request.parent is None:
            # Names of parameters only: a value may be personal, and nothing is ever taken out of the log.
            about = {"env": request.env, "parameters": sorted(request.parameters), "until": request.until}
            self.audit.note("run.started", request.file or "–", about, by=request.by)
        if self.line is not None:
            return self._queue(self.line, request)
        handle = launch(self.root, request, self.journal)
        self._handles[handle.run] = handle
        return handle.run

    def _queue(self, line: Line, request: RunRequest) -> str:
        text = flow_text(self.root, request.file, request.text)
        priority = request.priority
        if priority is None:
            from tisserand.service.queue.turns import PRIORITY

            priority = PRIORITY[line.demands.limits(text).priority or "normal"]
        run = enter(
            self.root, replace(request, text=text, priority=priority), self.journal, queue=True, timeout=line.limits.timeout
        )
        line.look()
        return run

    def resume(
        self,
        run: str,
        uncertain: Uncertain | None = None,
        edited: bool = False,
        text: str | None = None,
        until: str | None = None,
        by: str = "",
    ) -> str:
        if uncertain not in (None, "repeat", "skip"):
            raise refusal("call.uncertain", msg("“{value}” is not one of repeat, skip.", value=str(uncertain)))
        self.journal.recover(self.alive)
        found = self.run(run)
        if found.uncertain and uncertain is None:
            raise refusal(
                "run.uncertain",
                msg("Nobody knows whether {nodes} wrote before the run “{run}” broke off.", nodes=list(found.uncertain), run=run),
                msg("Look at the target, then resume with “--uncertain repeat” or “--uncertain skip”."),
            )
        if found.state == "waiting" and not edited and text is None and until is None and uncertain is None:
            self._may_go_on(found)
        handle = self._handles.get(run)
        if handle is not None and (found.final or found.state == "waiting"):
            # The worker has said how the run ended, and is still about to go: two of them must not be at one run.
            handle.wait(self._grace)
        text = self._edited(found) if edited and text is None else text
        if by:
            self.audit.note("run.resumed", run, {"uncertain": uncertain, "edited": text is not None}, by=by)
        if self.line is not None:
            reenter(self.root, run, self.journal, uncertain, text, until, queue=True)
            self.line.look()
        else:
            self._handles[run] = relaunch(self.root, run, uncertain, self.journal, text, until)
        return run

    def _may_go_on(self, found: RunInfo) -> None:
        """Refuses for a run that waits for what is not there yet."""
        from tisserand.engine.waits import Waits

        if not Waits(self.journal).due(found.id, time.time()):
            reasons = [node.reason for node in found.nodes.values() if node.state == "suspended" and node.reason is not None]
            message = msg("The run “{run}” waits: {reasons}", run=found.id, reasons=reasons or ["–"])
            fix = msg("It goes on by itself when that has come. “tisserand cancel {run}” ends it.", run=found.id)
            raise refusal("run.waiting", message, fix)

    def _edited(self, found: RunInfo) -> str:
        """The text of a run's flow as its file now has it."""
        if found.file is None:
            raise refusal(
                "run.unsaved", msg("The flow of the run “{run}” has no file that could have been edited.", run=found.id)
            )
        return flow_text(self.root, found.file, None)

    def cancel(self, run: str, by: str = "") -> None:
        self._record(run)
        if by:
            self.audit.note("run.cancelled", run, by=by)
        if self._turned_back(run):
            return
        handle = self._handles.get(run)
        if handle is not None:
            handle.cancel(self._grace)
        else:
            cancel_run(self.root, self.journal, run, self._grace)
        if self.line is not None:
            self.line.look()

    def _turned_back(self, run: str) -> bool:
        """Whether the run had stopped on its way, and now undoes what it has done."""
        from tisserand.engine.undo import turn_back

        stopped = self._record(run).state in ("failed", "interrupted", "waiting")
        if not stopped or not turn_back(self.root, run, self.journal):
            return False
        self.resume(run, "repeat")
        return True

    def run(self, run: str) -> RunInfo:
        return info(self._record(run), self.journal.all_events(run))

    def flow_text(self, run: str) -> str:
        self._record(run)
        try:
            return (run_folder(self.root, run) / "flow.yaml").read_text(encoding="utf-8")
        except FileNotFoundError:
            raise refusal("run.flow_gone", msg("The files of the run “{run}” are gone.", run=run), missing=True) from None

    def runs(
        self, flow: str | None = None, state: str | None = None, limit: int = 100, before: str | None = None
    ) -> list[RunInfo]:
        return [info(record) for record in self.journal.runs(flow, state, max(0, min(limit, 10_000)), before)]

    def events(self, run: str, after: int = 0, follow: bool = False) -> Iterator[Event]:
        self._record(run)
        return self._follow(run, after) if follow else self.journal.all_events(run, after)

    def _follow(self, run: str, after: int) -> Iterator[Event]:
        follower = self.follower(run, after)
        while not follower.over:
            news = follower.poll()
            yield from news
            if not news and not follower.over:
                time.sleep(follower.PAUSE)

    PAUSE = 0.2
    """Seconds between two looks at what happens in all runs."""

    def tail(self, after: int | None = None, follow: bool = False) -> Iterator[Event]:
        seen = self.journal.last() if after is None else after
        while True:
            while news := self.journal.tail(seen):
                yield from news
                seen = news[-1].seq or seen
            if not follow:
                return
            time.sleep(self.PAUSE)

    def follower(self, run: str, after: int = 0) -> Follower:
        """For callers that must not block while they wait."""
        return Follower(self.journal, run, after, self.alive)

    def wait(self, run: str) -> RunInfo:
        """Wait for the end of a run that this object started."""
        handle = self._handles.get(run)
        if handle is not None:
            handle.wait()
        elif self.line is not None:
            while (not (found := self.run(run)).final and found.state != "waiting") or run in self.line.pool.held():
                time.sleep(0.05)
        return self.run(run)

    # Flows that start by themselves

    def watch(self, file: str, by: str = "") -> None:
        file = self.inside(file)
        self.audit.note("flow.switched_on", file, by=by)
        self.ledger.switch_on(file)

    def unwatch(self, file: str, by: str = "") -> None:
        file = self.inside(file)
        self.audit.note("flow.switched_off", file, by=by)
        self.ledger.switch_off(file)

    def watches(self) -> list[Watch]:
        return self.inbox.watches(self.ledger.watches())

    # Flows

    def check(self, *, file: str | None = None, text: str | None = None, env: str | None = None) -> list[Problem]:
        from tisserand.engine.check import check_text

        content = flow_text(self.root, file, text)
        return list(self._asked(lambda: check_text(self._workspace(), content, env, file=file, discover=False)).problems)

    def schemas(
        self,
        *,
        file: str | None = None,
        text: str | None = None,
        env: str | None = None,
        node: str | None = None,
        relock: bool = False,
    ) -> Checked:
        from tisserand.engine.check import check_text

        if relock and file is None:
            raise refusal("call.relock", msg("Only a saved flow has a lock file."), msg("Save the flow first."))
        where = self.inside(file) if file is not None else None
        content = flow_text(self.root, file, text)
        result = self._asked(lambda: check_text(self._workspace(), content, env, file=where, relock=relock))
        schemas = {name: dict(ports) for name, ports in result.schemas.items() if node is None or name == node}
        return Checked(tuple(result.problems), schemas)

    def explain(self, *, file: str | None = None, text: str | None = None, env: str | None = None) -> dict[str, Any]:
        from tisserand.engine.explain import explain

        content = flow_text(self.root, file, text)
        return dict(self._asked(lambda: explain(self._workspace(), content, env, file=file)))

    # Data

    def page(
        self,
        run: str,
        node: str,
        port: str | None = None,
        offset: int = 0,
        limit: int = 100,
        order: str | None = None,
        where: str | None = None,
    ) -> Page:
        from tisserand.engine.pages import page

        folder = self._edge(run, node, port)
        limit, offset = max(0, min(limit, LARGEST_PAGE)), max(0, offset)
        self._known_order(folder, node, port, order)
        table, total = self._asked(lambda: page(folder, node, port, offset, limit, order, where))
        return Page(_ipc(table), total, offset)

    def find(
        self,
        run: str,
        node: str,
        port: str | None,
        text: str,
        start: int = 0,
        back: bool = False,
        order: str | None = None,
        where: str | None = None,
    ) -> tuple[int, int] | None:
        from tisserand.engine import edges, pages

        folder = self._edge(run, node, port)
        self._known_order(folder, node, port, order)
        return self._asked(lambda: edges.find(pages.kept(folder, node, port), text, start, back, order, where))

    def profile(self, run: str, node: str, port: str | None, column: str, where: str | None = None) -> Mapping[str, Any]:
        from tisserand.engine import edges, pages

        folder = self._edge(run, node, port)
        return self._asked(lambda: edges.profile(pages.kept(folder, node, port), column, where))

    def _edge(self, run: str, node: str, port: str | None) -> Path:
        self._record(run)
        for name in (node, port or "x"):
            if not _NAME.fullmatch(name):
                raise refusal("call.name", msg("“{name}” is not a name of a node or port.", name=name), missing=True)
        return run_folder(self.root, run)

    def _known_order(self, folder: Path, node: str, port: str | None, order: str | None) -> None:
        from tisserand.engine.pages import page

        if order is not None:
            columns = self._asked(lambda: page(folder, node, port, 0, 0))[0].column_names
            if order.removeprefix("-") not in columns:
                message = msg("There is no column “{name}”. Columns: {columns}.", name=order.removeprefix("-"), columns=columns)
                raise refusal("call.column", message)

    def evaluate(self, formula: str, rows: bytes, parameters: Mapping[str, Any]) -> tuple[str, list[str | None]]:
        import pyarrow as pa

        from tisserand.engine import edges

        try:
            with pa.ipc.open_stream(rows) as reader:
                table = reader.read_all()
        except (pa.ArrowException, OSError) as error:
            raise refusal("call.rows", msg("The rows cannot be read: {reason}", reason=str(error).partition("\n")[0])) from None
        return self._asked(lambda: edges.evaluate(formula, table, parameters))

    def preview(
        self,
        *,
        node: str,
        port: str | None = None,
        file: str | None = None,
        text: str | None = None,
        env: str | None = None,
        limit: int = 100,
    ) -> Page:
        from tisserand.engine.pages import preview

        content = flow_text(self.root, file, text)
        limit = max(0, min(limit, LARGEST_PAGE))
        table = self._asked(lambda: preview(self._workspace(), content, node, port, limit, env=env, file=file))
        return Page(_ipc(table), table.num_rows, 0)

    # Connections

    def connections(self, env: str | None = None) -> list[ConnectionInfo]:
        registry, connections, environment = self._asked(lambda: self._connections(env))
        found = {name: entry.type for name, entry in self._asked(connections.load).items()}
        for name, over in environment.connections.items():
            found[name] = str(over.get("type") or found.get(name, ""))
        types = registry.connection_types()
        return [ConnectionInfo(name, type, types[type].title if type in types else "") for name, type in found.items()]

    def test_connection(self, name: str, env: str | None = None) -> Tested:
        _registry, connections, environment = self._asked(lambda: self._connections(env))
        if name not in self._asked(connections.load) and name not in environment.connections:
            known = sorted(connections.load()) or ["–"]
            raise refusal(
                "connection.unknown",
                msg("There is no connection “{name}”. Connections: {known}.", name=name, known=known),
                msg("Add it: tisserand connection add {name}", name=name),
                missing=True,
            )
        begun = time.monotonic()
        try:
            found = connections.get(name, environment).check()
        except NodeError as error:
            message = Message.from_json(connections.redactor.clean(error.message.to_json()))
            return Tested(False, message, time.monotonic() - begun)
        return Tested(True, found, time.monotonic() - begun)

    def _connections(self, env: str | None) -> tuple[Registry, Connections, Environment]:
        from tisserand.sdk.registry import registry
        from tisserand.workspace.connections import Connections

        workspace = self._workspace()
        return registry(), Connections(workspace, registry()), workspace.environment(env)

    def close(self) -> None:
        """Runs go on; whoever opens the workspace next finds out how they ended."""
        if "figures" in self.__dict__:
            self.figures.close()
        if "keys" in self.__dict__:
            self.keys.close()
        self._handles.clear()
        if "inbox" in self.__dict__:
            self.inbox.store.close()
        if "schedules" in self.__dict__:
            self.schedules.close()
        if "gateways" in self.__dict__:
            self.gateways.close()
        self.telemetry.close()
        self.alerts.close()
        self.audit.close()
        self.ledger.close()
        self.journal.close()

    # Inside

    def _workspace(self) -> Workspace:
        from tisserand.workspace.folder import Workspace

        return Workspace(self.root)

    def _record(self, run: str) -> RunRecord:
        run_folder(self.root, run)  # refuses what is no run id
        record = self.journal.run(run)
        if record is None:
            raise unknown_run(run)
        return record

    def alive(self, pid: int, started: float) -> bool:
        """Whether a run's process lives, or is ours: of those the pool says how they died."""
        return (self.line is not None and pid in self.line.pool.pids()) or process_alive(pid, started)

    def inside(self, file: str) -> str:
        """The path of a flow file relative to the workspace, which it may not leave."""
        path = resolved(self.root, file)
        if not path.is_relative_to(self.root):
            raise refusal("call.outside", msg("“{path}” lies outside the workspace.", path=file), file=file)
        return path.relative_to(self.root).as_posix()

    @staticmethod
    def _asked(call: Callable[[], T]) -> T:
        try:
            return call()
        except NodeError as error:
            raise refusal("call.refused", error.message, error.fix) from error


def _ipc(table: pa.Table) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())
