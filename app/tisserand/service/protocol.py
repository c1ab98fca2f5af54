"""The one protocol between those who ask for runs (command line, designer, other machines) and the executor that does them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from tisserand.engine.journal import FINAL, Event, State
from tisserand.engine.launch import Keep, Refused, RunRequest, Uncertain
from tisserand.model.problem import Problem
from tisserand.model.schema import Schema
from tisserand.service.ledger import Watch
from tisserand.service.schedule.calls import Schedules
from tisserand.texts import Message

if TYPE_CHECKING:
    from tisserand.service.alerts.calls import Alerts
    from tisserand.service.apis.calls import Apis
    from tisserand.service.audit.calls import AuditLog
    from tisserand.service.figures.calls import Figures
    from tisserand.service.gateways.calls import Gateways
    from tisserand.service.inbox.calls import Inbox
    from tisserand.service.keys.calls import Keys
    from tisserand.service.published.calls import Published
    from tisserand.service.queue.calls import Queue
    from tisserand.service.retention.calls import Retention
    from tisserand.service.waits.calls import Waits

__all__ = [
    "FINAL",
    "Checked",
    "ConnectionInfo",
    "Event",
    "Executor",
    "Keep",
    "NodeInfo",
    "NodeState",
    "Page",
    "Refused",
    "RunInfo",
    "RunRequest",
    "State",
    "Tested",
    "Uncertain",
    "Watch",
]

NodeState = Literal["waiting", "running", "suspended", "done", "failed", "skipped", "uncertain"]
"""`waiting` has not begun; `suspended` waits for a moment, a signal or a person."""


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """How one node of a run stands."""

    state: NodeState = "waiting"
    rows: Mapping[str, int] = field(default_factory=dict)
    """Output port → rows; while running, what was counted so far under `""`."""
    bytes: int | None = None
    seconds: float | None = None
    attempt: int = 1
    error: Problem | None = None
    reason: Message | None = None
    """Why it was skipped, or what it waits for."""
    share: float | None = None
    """While running, how much of it is done, from 0 to 1, where that is known."""

    def to_json(self) -> dict[str, Any]:
        return {
            "state": self.state,
            "rows": dict(self.rows),
            "bytes": self.bytes,
            "seconds": self.seconds,
            "attempt": self.attempt,
            "error": self.error.to_json() if self.error else None,
            "reason": self.reason.to_json() if self.reason else None,
            "share": self.share,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> NodeInfo:
        error, reason = data.get("error"), data.get("reason")
        return cls(
            data["state"],
            data["rows"],
            data["bytes"],
            data["seconds"],
            data["attempt"],
            Problem.from_json(error) if error else None,
            Message.from_json(reason) if reason else None,
            data.get("share"),
        )


@dataclass(frozen=True, slots=True)
class RunInfo:
    """One run as seen from outside. Times are seconds since 1970, UTC."""

    id: str
    flow: str
    state: State
    file: str | None = None
    env: str | None = None
    by: str = ""
    trigger: str = "manual"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    parent: str | None = None
    label: str | None = None
    created: float = 0.0
    started: float | None = None
    finished: float | None = None
    error: Problem | None = None
    priority: int = 0
    cause: Mapping[str, Any] | None = None
    """Why it was started: `kind` (schedule, event, flow, resubmit …) and what belongs to it."""
    nodes: Mapping[str, NodeInfo] = field(default_factory=dict)
    """Node → how it stands; filled by `Executor.run`, empty in lists."""

    @property
    def final(self) -> bool:
        return self.state in FINAL

    @property
    def started_nodes(self) -> bool:
        """Whether any node ever began."""
        return any(node.state not in ("waiting", "skipped") for node in self.nodes.values())

    @property
    def uncertain(self) -> tuple[str, ...]:
        """The sinks of which nobody knows whether they wrote."""
        return tuple(name for name, node in self.nodes.items() if node.state == "uncertain")

    def to_json(self) -> dict[str, Any]:
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in {"error", "nodes"}}
        return {
            **plain,
            "parameters": dict(self.parameters),
            "error": self.error.to_json() if self.error else None,
            "nodes": {name: node.to_json() for name, node in self.nodes.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RunInfo:
        values = dict(data)
        error = values.pop("error", None)
        nodes = values.pop("nodes", None) or {}
        return cls(
            **values,
            error=Problem.from_json(error) if error else None,
            nodes={name: NodeInfo.from_json(node) for name, node in nodes.items()},
        )


@dataclass(frozen=True, slots=True)
class Checked:
    """All problems of a flow, and the columns of every port whose columns are known."""

    problems: tuple[Problem, ...] = ()
    schemas: Mapping[str, Mapping[str, Schema]] = field(default_factory=dict)
    """Node → output port → columns."""

    @property
    def ok(self) -> bool:
        return not any(problem.severity == "error" for problem in self.problems)

    def to_json(self) -> dict[str, Any]:
        return {
            "problems": [problem.to_json() for problem in self.problems],
            "schemas": {node: {port: schema.to_json() for port, schema in ports.items()} for node, ports in self.schemas.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Checked:
        return cls(
            tuple(Problem.from_json(problem) for problem in data["problems"]),
            {
                node: {port: Schema.from_json(columns) for port, columns in ports.items()}
                for node, ports in data["schemas"].items()
            },
        )


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of one edge: `data` is an Arrow IPC stream (`pyarrow.ipc.open_stream(page.data).read_all()`)."""

    data: bytes
    total: int
    """Rows of the whole edge."""
    offset: int = 0


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """A connection of the workspace, without any secret."""

    name: str
    type: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Tested:
    """What *test connection* found."""

    ok: bool
    message: Message
    seconds: float = 0.0


class Executor(Protocol):
    """Every call raises `Refused` when the flow or the call is wrong. `file` is relative to the workspace; `text` is YAML."""

    def start(self, request: RunRequest) -> str:
        """Start a run; gives its id at once."""

    def resume(
        self,
        run: str,
        uncertain: Uncertain | None = None,
        edited: bool = False,
        text: str | None = None,
        until: str | None = None,
        by: str = "",
    ) -> str:
        """Go on with a run that did not end well, or that was to run up to some node only. With uncertain sinks, `uncertain` must
        say what to do with them. `edited` takes the flow as its file now has it, `text` this one: what was completed and does not
        depend on the edit is not done again. `until` is the node to stop behind this time, "" for none."""

    def cancel(self, run: str, by: str = "") -> None:
        """Ask a run to stop, and make it stop after a grace period. Returns at once. `by` is the person who asked for it."""

    @property
    def queue(self) -> Queue:
        """Runs that are not over: whose turn it is, and what is paused."""

    def run(self, run: str) -> RunInfo: ...

    def flow_text(self, run: str) -> str:
        """The flow that a run did, as YAML: what stood in its file, or on the screen, at that time."""

    def runs(
        self, flow: str | None = None, state: str | None = None, limit: int = 100, before: str | None = None
    ) -> list[RunInfo]:
        """Runs, the latest first; `before` is the run id to go on from."""

    def events(self, run: str, after: int = 0, follow: bool = False) -> Iterator[Event]:
        """The events of a run with a number above `after`. With `follow`, wait for more until the run is over, or waits for what may
        take days (state `waiting`: follow again after the last number), with events of the kind `progress` (without a number) in
        between."""

    def tail(self, after: int | None = None, follow: bool = False) -> Iterator[Event]:
        """The events of all runs with a number above `after`, or from now on. With `follow`, wait for more until the iterator is
        closed; whoever lost the connection goes on after the last number it saw, and misses nothing."""

    def watch(self, file: str, by: str = "") -> None:
        """Switch a flow on: the executor process of the workspace listens for it and starts it for every event."""

    def unwatch(self, file: str, by: str = "") -> None:
        """Switch a flow off; runs under way go on."""

    def watches(self) -> list[Watch]:
        """The flows that are on."""

    @property
    def schedules(self) -> Schedules:
        """Due times: those to come, those judged, and why."""

    def check(self, *, file: str | None = None, text: str | None = None, env: str | None = None) -> list[Problem]:
        """All problems of a flow at once."""

    def schemas(
        self,
        *,
        file: str | None = None,
        text: str | None = None,
        env: str | None = None,
        node: str | None = None,
        relock: bool = False,
    ) -> Checked:
        """The columns at every port (of one `node`), and all problems met. What the flow's lock file says of a source is believed;
        other sources are looked at. `relock` looks at all of them, and writes the lock file anew."""

    def explain(self, *, file: str | None = None, text: str | None = None, env: str | None = None) -> dict[str, Any]:
        """The plan of a flow: segments, cuts, SQL."""

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
        """Rows of one edge of a run, where they were kept; `order` is a column, `-column` for descending; `where` is a formula
        that is true for the rows that count."""

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
        """(row, column) of the nearest cell that holds a text, from the row `start` on, or `back`."""

    def profile(self, run: str, node: str, port: str | None, column: str, where: str | None = None) -> Mapping[str, Any]:
        """What a column of an edge holds: `type`, `rows`, `nulls`, `distinct` (`exact` or not), `minimum`, `maximum`, `mean`,
        `deviation`, `quartiles`, `bins` (a histogram), `frequent` (value, count); those that the type has."""

    def evaluate(self, formula: str, rows: bytes, parameters: Mapping[str, Any]) -> tuple[str, list[str | None]]:
        """What a formula gives over some rows (an Arrow IPC stream, as `Page.data`): the type, and the first values as texts."""

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
        """The first rows that a node would give, without a run and without any effect."""

    def connections(self, env: str | None = None) -> list[ConnectionInfo]: ...

    def test_connection(self, name: str, env: str | None = None) -> Tested:
        """Reach the system behind a connection and say what was found."""

    @property
    def inbox(self) -> Inbox: ...

    @property
    def figures(self) -> Figures:
        """Load, success, durations; runs by filter; timelines."""

    @property
    def audit(self) -> AuditLog:
        """Who had the executor do what."""

    @property
    def retention(self) -> Retention:
        """What is not kept for ever."""

    @property
    def keys(self) -> Keys:
        """Business keys: where a value went, and its erasure."""

    @property
    def alerts(self) -> Alerts:
        """What is unusual."""

    @property
    def waits(self) -> Waits:
        """What runs wait for: signals, decisions, moments."""

    @property
    def apis(self) -> Apis:
        """The catalogue of APIs."""

    @property
    def gateways(self) -> Gateways:
        """Where APIs are pushed to, and their usage."""

    @property
    def published(self) -> Published:
        """Flows that answer requests."""

    def close(self) -> None:
        """Let go of what this object holds; runs go on."""
