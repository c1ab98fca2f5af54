"""One run of one flow: what is known before, the state of its nodes, and the units done in their order."""

from __future__ import annotations

import json
import threading
import time
import traceback
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tisserand import __version__
from tisserand.engine import failures, tracing
from tisserand.engine.backends.base import Base
from tisserand.engine.blame import guilty
from tisserand.engine.control import Cancelled, Stop
from tisserand.engine.failures import Failure
from tisserand.engine.journal import Event, Journal
from tisserand.engine.keyed import Keyed
from tisserand.engine.launch import EVENT, PAUSE
from tisserand.engine.plan import Keep, Plan, Unit
from tisserand.engine.progress import Progress
from tisserand.engine.resolve import Port, Resolution, ResolvedNode
from tisserand.engine.spool import Spools
from tisserand.engine.suspending import Suspended
from tisserand.engine.waits import Waits
from tisserand.model import units as texts_of_units
from tisserand.model.flow import Flow
from tisserand.model.graph import undoing
from tisserand.model.problem import Problem
from tisserand.sdk.errors import NodeError
from tisserand.sdk.scan import scan_error
from tisserand.texts import Message, msg
from tisserand.workspace.connections import Connections
from tisserand.workspace.folder import Environment, Workspace

if TYPE_CHECKING:
    from tisserand.engine.backends.duckdb import DuckDB
    from tisserand.sdk.node import FileSink, Scan
    from tisserand.sdk.registry import Registry

NodeState = Literal["done", "failed", "skipped"]

PARALLEL = 4
"""Units under way at the same time; at most one of them is a query of the backend, which uses all cores by itself."""

PAUSED = 0.2
"""Seconds between two looks whether a paused run goes on."""


@dataclass
class Options:
    keep: Keep = "cuts"
    memory: int | None = None
    threads: int | None = None
    until: str | None = None
    uncertain: Literal["repeat", "skip"] | None = None
    by: str = ""
    trigger: str = "manual"
    version: str = __version__
    """Of the Tisserand that began the run."""


@dataclass
class FlowRun:
    """Everything that one run knows. Made by the worker, and by a node that calls another flow."""

    id: str
    flow: Flow
    folder: Path
    workspace: Workspace
    environment: Environment
    connections: Connections
    registry: Registry
    journal: Journal
    options: Options
    parameters: Mapping[str, Any]
    stop: Stop
    inputs: Mapping[str, Path] = field(default_factory=dict)
    """For a called flow: input name → Parquet file, used by its `flow.input` nodes."""
    outputs: dict[str, Path] = field(default_factory=dict)
    depth: int = 0
    owner: tuple[int, float] = (0, 0.0)
    """Process id and start time of the worker."""
    started_at: datetime = datetime(1970, 1, 1)
    """When the run was asked for; the same after a resume. Formulas see it as now."""

    resolution: Resolution = field(init=False)
    plan: Plan = field(init=False)
    spools: Spools = field(init=False)
    progress: Progress = field(init=False)
    keyed: Keyed = field(init=False)
    backend: DuckDB = field(init=False)
    bases: dict[Port, Base] = field(init=False, default_factory=dict)
    """Where the rows of ports stand: spools, and files that the backend scans."""
    scans: dict[str, Scan | None] = field(init=False, default_factory=dict)
    sinks: dict[str, FileSink | None] = field(init=False, default_factory=dict)
    fingerprints: dict[str, str] = field(init=False, default_factory=dict)
    """Of the files that the backend scans, as they were when the run began."""
    earlier: dict[str, list[Event]] = field(init=False, default_factory=dict)
    """What earlier attempts of this run tell of the effects of nodes, with the rows that these get now."""
    former: dict[str, list[Event]] = field(init=False, default_factory=dict)
    """The same, with the rows of before an edit."""
    digests: dict[str, str] = field(init=False, default_factory=dict)
    """Of what each node does and gets."""
    generations: dict[str, int] = field(init=False, default_factory=dict)
    """How many different rows a node has got over the attempts, where there were edits between them."""
    children: dict[tuple[str, str], tuple[str, str]] = field(init=False, default_factory=dict)
    """The last run of each called flow: node and label → run, and a digest of what it was called with."""
    left_alone: dict[str, Message] = field(init=False, default_factory=dict)
    """Nodes that must not run again, and why."""
    states: dict[str, NodeState] = field(init=False, default_factory=dict)
    rows: dict[str, dict[str, int]] = field(init=False, default_factory=dict)
    written: dict[str, int | None] = field(init=False, default_factory=dict)
    """Bytes of what sinks wrote, where they tell."""
    closed: set[Port] = field(init=False, default_factory=set)
    """Ports of decisions that were not taken."""
    ended: dict[str, NodeState] = field(init=False, default_factory=dict)
    """Units that ended."""
    failure: Problem | None = field(init=False, default=None)
    stopping: bool = field(init=False, default=False)
    looked: set[str] = field(init=False, default_factory=set)
    """Readers whose files were looked at when their turn came."""
    look_lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    query_lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _lock: threading.RLock = field(init=False, default_factory=threading.RLock)
    _started: dict[str, float] = field(init=False, default_factory=dict)
    _traced: tracing.Place | None = field(init=False, default=None)

    root: str = ""
    """The run that began all: this one, or the one that called it, or the one that called that."""
    woken: bool = field(init=False, default=False)
    """It goes on because what it waited for has come, and not because somebody tries again."""
    on_way_back: bool = field(init=False, default=False)
    """It undoes what it did."""
    suspended: dict[str, Message] = field(init=False, default_factory=dict)
    """Units that wait for what may take days, and for what."""
    pause: Path = field(init=False)
    """Nothing begins while this file exists; a called flow has that of the run that began all."""

    def __post_init__(self) -> None:
        self.pause = self.folder / PAUSE
        self.root = self.root or self.id
        self.spools = Spools(self.folder / "spool")
        self.progress = Progress(self)
        self.keyed = Keyed(self)

    # -- journal

    def note(self, node: str | None, kind: str, data: Mapping[str, Any] | None = None) -> int:
        """Journal an event, free of secrets."""
        redactor = self.connections.know_secrets()
        return self.journal.append(self.id, kind, node, redactor.clean(dict(data or {})))

    def log(self, message: Message, level: str = "info", node: str | None = None) -> None:
        self.note(node, "log", {"message": message.to_json(), "level": level})

    def traced(self) -> tracing.Place:
        """Where this run stands in its trace."""
        if self._traced is None:
            record = self.journal.run(self.id)
            assert record is not None, self.id
            self._traced = tracing.place(record, self.journal.run, lambda run: None)
        return self._traced

    def problem_json(self, problem: Problem) -> dict[str, Any]:
        cleaned: dict[str, Any] = self.connections.know_secrets().clean(problem.to_json())
        return cleaned

    # -- what nodes ask

    def base_file(self, port: Port) -> Path:
        """The Parquet file of a port that is written down."""
        base = self.bases[port]
        assert isinstance(base, Path), port
        return base

    def rejects_wanted(self, node: ResolvedNode) -> bool:
        """Whether rejected rows may be kept apart: somebody listens there, or the node's `on_error` lets them pass."""
        port = node.rejects_port()
        # Asked of the whole flow: a run up to a node does not know what comes behind it, which changes nothing about its rows.
        refs = ((ref.node, ref.port) for other in self.flow.nodes.values() for _, ref in other.refs())
        connected = port is not None and (node.id, port) in refs
        return connected or node.spec.on_error in ("continue", "route")

    # -- running

    def execute(self) -> None:
        """Do all units of the plan. Raises `Cancelled`, and `Suspended` when what is left waits for something; a failure stands in
        `failure`."""
        back = undoing(self.flow)
        waiting = [unit for unit in self.plan.units if unit.node not in back]
        running: dict[Future[None], Unit] = {}
        self.keyed.begin()
        with self.progress, ThreadPoolExecutor(PARALLEL, thread_name_prefix=f"unit {self.id}") as pool:
            try:
                while waiting or running or (self.suspended and self.stopping):
                    if self.suspended and self.stopping and not running:
                        waiting += self._give_up()
                    if not self.pause.exists():
                        self._submit(waiting, running, pool)
                    elif not running:
                        self.stop.wait(PAUSED)
                    if not running:
                        self.stop.check()
                        if self.suspended and not self.pause.exists():
                            break
                        continue
                    finished, _ = wait(running, timeout=0.25, return_when=FIRST_COMPLETED)
                    for future in finished:
                        running.pop(future)
                        future.result()
                    self.stop.check()
            except BaseException:
                self.stop.pull()
                raise
        if self.suspended:
            raise Suspended(next(iter(self.suspended.values())))
        for unit in self.plan.units:
            if unit.node in back:
                self._pass_over(unit, msg("There is nothing to undo."))

    def begin_again(self, stop: Stop) -> None:
        """After a cancel: units are done once more, under another stop."""
        self.stop, self.stopping, self.failure = stop, False, None
        self.suspended.clear()
        self.on_way_back = True
        self.progress = Progress(self)

    def do(self, unit: Unit) -> None:
        """One unit in this thread, or why it must not run. Raises `Cancelled` only."""
        self.stop.check()
        reason = self.skip_reason(unit)
        if reason is not None:
            self.skip(unit, reason)
        else:
            self._perform(unit)

    def _give_up(self) -> list[Unit]:
        """The run was stopped by an error: nothing more is waited for, and those units are skipped like others that come later."""
        found = [unit for unit in self.plan.units if unit.id in self.suspended]
        self.suspended.clear()
        self.left_alone.update({unit.node: msg("The run was stopped by an error.") for unit in found})
        return found

    def _submit(self, waiting: list[Unit], running: dict[Future[None], Unit], pool: ThreadPoolExecutor) -> None:
        """Start what can start, skip what cannot run any more, in the order of the plan."""
        # A unit has ended before the last of its nodes is told as done: whoever looks in between would skip what comes after it.
        with self._lock:
            for unit in list(waiting):
                if any(need not in self.ended for need in unit.needs):
                    continue
                reason = self.skip_reason(unit)
                if reason is not None:
                    waiting.remove(unit)
                    self.skip(unit, reason)
                elif len(running) < PARALLEL:
                    waiting.remove(unit)
                    running[pool.submit(self._perform, unit)] = unit

    def skip_reason(self, unit: Unit) -> Message | None:
        """Why a unit whose needs have ended must not run, or None."""
        if unit.node in self.left_alone:
            return self.left_alone[unit.node]
        for node_id in (*unit.covers, unit.node):
            for source, condition in self.resolution.nodes[node_id].spec.after.items():
                state = self.states.get(source, "skipped")
                if condition == "done" and state != "done":
                    return msg("“{source}” did not succeed.", source=source)
                if condition == "undo" and state != "done":
                    return msg("“{source}” was not done: there is nothing to undo.", source=source)
                if condition == "failed" and state != "failed":
                    return msg("“{source}” did not fail.", source=source)
        for port in unit.bases:
            if port in self.closed:
                return msg("The path “{port}” was not taken.", port=f"{port[0]}.{port[1]}")
            if port not in self.bases:
                return msg("“{source}” gave nothing.", source=port[0])
        if self.stopping:
            conditions = [c for name in (*unit.covers, unit.node) for c in self.resolution.nodes[name].spec.after.values()]
            if not any(condition in ("failed", "always") for condition in conditions):
                return msg("The run was stopped by an error.")
        return None

    def skip(self, unit: Unit, reason: Message) -> None:
        with self._lock:
            self.ended[unit.id] = "skipped"
            self._pass_over(unit, reason)

    def _pass_over(self, unit: Unit, reason: Message) -> None:
        with self._lock:
            for name in (*unit.covers, unit.node):
                if name not in self.states and self._only_in(name, unit):
                    self.states[name] = "skipped"
                    self.note(name, "node.skipped", {"reason": reason.to_json()})

    def _only_in(self, name: str, unit: Unit) -> bool:
        """Whether no unit still to come computes the node."""
        return not any(
            name in (*other.covers, other.node) and other.id not in self.ended for other in self.plan.units if other is not unit
        )

    def _perform(self, unit: Unit) -> None:
        """One unit with its retries; ends with its nodes done or failed. Raises `Cancelled` only."""
        from tisserand.engine.perform import perform

        node = self.resolution.nodes[unit.node]
        retry = node.spec.retry
        attempts = retry.attempts if retry else 1
        pause = texts_of_units.seconds(retry.wait) if retry else 0.0
        self._begin(unit)
        for attempt in range(1, attempts + 1):
            stop = Stop(self.stop)
            try:
                limit = texts_of_units.seconds(node.spec.timeout) if node.spec.timeout else None
                with stop.deadline(limit), self.progress.of(unit, stop):
                    rows = perform(self, unit, stop, attempt)
                    self.keyed.behind(unit)
                self._done(unit, rows)
                return
            except Cancelled:
                raise
            except Suspended as suspended:
                with self._lock:
                    self.suspended[unit.id] = suspended.reason
                if Waits(self.journal).of(self.id, unit.node) is None:  # what it waits for is told of the flow that it called
                    self.note(unit.node, "node.waiting", {"what": "flow", "reason": suspended.reason.to_json()})
                return
            except Exception as error:  # noqa: BLE001 - whatever a node raises ends that node, told as a problem
                if self.stop.pulled():
                    raise self.stop.reason from None
                failure = self._told(error, stop, unit)
                if attempt == attempts or not (failure.retry or _worth_retrying(failure)):
                    self._failed(unit, failure)
                    return
                self.progress.start_over(unit)
                wait_for = failure.retry_after if failure.retry_after is not None else pause
                self.note(
                    unit.node, "node.retry", {"attempt": attempt, "wait": wait_for, "error": self.problem_json(failure.problem)}
                )
                self.stop.wait(wait_for)
                pause *= retry.factor if retry else 1.0
            finally:
                stop.release()

    def _told(self, error: Exception, stop: Stop, unit: Unit) -> Failure:
        if stop.pulled() and isinstance(stop.reason, Exception):
            error = stop.reason  # the time limit, whatever the interrupted call made of it
        node, scan = self._culprit(error, unit)
        if scan is not None and not isinstance(error, NodeError):
            error = scan_error(error, scan)
        failure = failures.explain(error, self.flow.id, node)
        if failure.problem.code == "data.error" and node == unit.node and scan is None:
            failure = failures.blamed(guilty(self, unit), self.flow.id) or failure
        if failure.problem.code in ("run.unexpected", "data.error"):
            text = "".join(traceback.format_exception(error))
            print(self.connections.know_secrets().redact(text), flush=True)  # the worker's log, for whoever repairs it
        return failure

    def _culprit(self, error: Exception, unit: Unit) -> tuple[str, Scan | None]:
        """The node that a failed query is told for: the reader whose file it names, with its scan; else the unit's own."""
        text = str(error)
        for name in unit.covers:
            outputs = self.resolution.nodes[name].outputs
            base = self.bases.get((name, outputs[0].name)) if outputs else None
            if not isinstance(base, Path) and base is not None:
                csv = text.startswith(("Conversion Error: CSV", "Invalid Input Error: CSV"))
                if csv or any(str(path) in text for path in base.paths):
                    return name, base
        return unit.node, None

    def _begin(self, unit: Unit) -> None:
        with self._lock:
            about = {"unit": unit.id, "kind": unit.kind, "nodes": [*unit.covers], "digest": self.digests.get(unit.node)}
            self.note(unit.node, "segment.started", about)
            for name in dict.fromkeys((*unit.covers, unit.node)):
                if name not in self._started:
                    self._started[name] = time.monotonic()
                    self.note(name, "node.started", {"unit": unit.id})

    def _done(self, unit: Unit, rows: Mapping[Port, int]) -> None:
        with self._lock:
            counted = dict(rows)
            self._spread(unit, counted)
            files = {f"{n}.{p}": str(base) for n, p in rows if isinstance(base := self.bases.get((n, p)), Path)}
            closed = [f"{n}.{p}" for n, p in list(self.closed) if n == unit.node]
            shown = {f"{n}.{p}": count for (n, p), count in counted.items()}
            digest = self.digests.get(unit.node)
            about = {"unit": unit.id, "rows": shown, "files": files, "closed": closed, "digest": digest}
            self.note(unit.node, "segment.done", about)
            self.ended[unit.id] = "done"
            for name in dict.fromkeys((*unit.covers, unit.node)):
                known = self.rows.setdefault(name, {})
                known.update({port: count for (node, port), count in counted.items() if node == name})
                if name == unit.node and not self._whole(name):
                    continue
                self.states[name] = "done"
                seconds = round(time.monotonic() - self._started.get(name, time.monotonic()), 3)
                done = {"rows": known, "bytes": self._size(name), "seconds": seconds, "unit": unit.id}
                rejects = self.resolution.nodes[name].rejects_port()
                if rejects in known:
                    done["rejected"] = known[rejects]
                self.note(name, "node.done", done)

    def _size(self, name: str) -> int | None:
        """The bytes that a node wrote: of its result, or of its rows where they are written down."""
        if name in self.written:
            return self.written[name]
        # A copy, of one step: units in other threads add theirs meanwhile. `list(items())` makes tuples, at which garbage may be
        # collected and another thread have its turn.
        bases = self.bases.copy()
        sizes = [base.stat().st_size for (node, _), base in bases.items() if node == name and isinstance(base, Path)]
        return sum(sizes) if sizes else None

    def _whole(self, name: str) -> bool:
        """Whether every unit of the node has ended well."""
        return all(self.ended.get(other.id) == "done" for other in self.plan.units if other.node == name)

    def _spread(self, unit: Unit, counted: dict[Port, int]) -> None:
        """Row counts follow backwards through nodes that keep their rows: those need no counting of their own."""
        for name in (unit.node, *reversed(unit.covers)):
            node = self.resolution.nodes[name]
            sources = [source for ports in node.inputs.values() for source in ports]
            keeps = getattr(node.node, "keeps_rows", False) or (name == unit.node and unit.kind == "sink")
            if keeps and len(sources) == 1:
                out = (name, node.outputs[0].name)
                count = counted.get(out) if unit.kind != "sink" or name != unit.node else counted.get((name, ""))
                if count is not None:
                    counted.setdefault(sources[0], count)
        counted.pop((unit.node, ""), None)

    def _failed(self, unit: Unit, failure: Failure) -> None:
        problem = failure.problem
        culprit = problem.place.node or unit.node
        with self._lock:
            self.ended[unit.id] = "failed"
            self.note(culprit, "node.failed", {"error": self.problem_json(problem), "unit": unit.id})
            for name in dict.fromkeys((*unit.covers, unit.node)):
                if name == culprit or (name == unit.node and culprit not in self.resolution.nodes):
                    self.states[name] = "failed"
                elif name not in self.states and self._only_in(name, unit):
                    self.states[name] = "skipped"
                    self.note(name, "node.skipped", {"reason": msg("“{source}” failed.", source=culprit).to_json()})
            rule = self.resolution.nodes[culprit].spec.on_error or "stop"
            if rule == "stop":
                self.stopping = True
                if self.failure is None:
                    self.failure = problem
            elif rule == "route":
                self._route(culprit, problem)

    def _route(self, name: str, problem: Problem) -> None:
        """A node that failed as a whole gives its error to those who listen at its rejects port."""
        node = self.resolution.nodes[name]
        port = node.rejects_port()
        if port is None:
            return
        from tisserand.sdk.node import REJECTS

        row = {"row": "", "error": problem.message.text("en"), "place": name}
        self.spools.write_rows((name, port), node.schemas.get(port, REJECTS), [row])
        self.bases[name, port] = self.spools.path((name, port))

    def event(self) -> Mapping[str, Any] | None:
        """What a trigger brought: `node` and `rows`; None for a run that a person, or another flow, started."""
        try:
            found: Mapping[str, Any] = json.loads((self.folder / EVENT).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return found

    def event_row(self) -> dict[str, Any]:
        """What a manual start tells: when, who, and the parameters."""
        return {
            "started_at": datetime.now(UTC).replace(tzinfo=None),
            "at": datetime.now(UTC).replace(tzinfo=None),
            "by": self.options.by,
            "run": self.id,
            "trigger": self.options.trigger,
            "parameters": json.dumps(dict(self.parameters), default=str, ensure_ascii=False),
            **self.parameters,
        }


def _worth_retrying(failure: Failure) -> bool:
    """A retry the flow asks for is made unless the failure says that it cannot help."""
    return failure.problem.code not in ("node.error", "data.error", "config.missing", "disk.full")
