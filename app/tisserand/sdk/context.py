"""What a running node may ask of the engine: paths, connections, secrets, progress, rejects, logs, cancellation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tisserand.model.schema import Schema
from tisserand.sdk.connection import ConnectionType
from tisserand.sdk.waiting import Answer, Awaited
from tisserand.texts import Message

if TYPE_CHECKING:
    import pyarrow as pa


class Context(Protocol):
    """Given to readers, writers and steps. Everything that a node does outside its data goes through here."""

    @property
    def flow(self) -> str: ...
    @property
    def node(self) -> str: ...
    @property
    def run_id(self) -> str:
        """The run's id; the same after a resume."""

    @property
    def key(self) -> str:
        """An idempotency key for what this node does: the same for every retry and resume of one run and node."""

    @property
    def attempt(self) -> int:
        """1 for the first attempt."""

    @property
    def traceparent(self) -> str:
        """The `traceparent` (W3C Trace Context) of what this node does, to be sent along with its requests; empty for none."""

    @property
    def parameters(self) -> Mapping[str, Any]: ...

    def path(self, text: str) -> Path:
        """Resolve a path of a config (relative to the workspace), links followed; raises `NodeError` outside the allowed folders."""

    def target(self, text: str) -> Path:
        """Like `path`, for a file to write: gives a temporary path beside it. The engine puts it into place, durable and at
        once, when the node is done, and removes it when the node fails."""

    def temporary(self, name: str) -> Path:
        """A path of the run's own, removed with the run."""

    def connection(self, name: str) -> ConnectionType:
        """The connection of that name in the run's environment, secrets filled in; raises `NodeError` if there is none."""

    def secret(self, reference: str) -> str:
        """The value of a secret; raises `NodeError` if there is none. Never log it."""

    def usage(self, start: float, end: float, *, api: str = "", consumer: str = "") -> Iterator[Mapping[str, Any]]:
        """Who called the APIs of the workspace, by time. `start` and `end` in seconds since 1970 (UTC), 0 is open; an hour of which a
        part lies between counts whole. Each row has `hour` (seconds since 1970 at which it begins), `gateway`, `api`, `version`,
        `operation`, `consumer`, `plan`, `status`, `requests`, `bytes_in`, `bytes_out`, and `p50` and `p99` in ms, which may be None."""

    def progress(self, rows: int = 0, bytes: int = 0) -> None:
        """Count what was done since the last call. Raises the engine's cancellation when the run is cancelled."""

    def cancelled(self) -> bool: ...

    def sleep(self, seconds: float) -> None:
        """Wait, cancellable."""

    def reject(self, row: Any, error: Message | str, place: str = "") -> None:
        """Send one row to the `rejects` port (or fail the node, where nobody listens there and `on_error` is stop). `row` is
        the row as a mapping or as raw text."""

    def log(self, message: Message, level: str = "info") -> None: ...


class ControlContext(Context, Protocol):
    """What a control node may ask in addition."""

    def rows(self, port: str) -> Iterator[pa.RecordBatch]:
        """The data that arrives at an input, streamed; empty where nothing is connected."""

    def values(self, formula: str) -> Any:
        """Evaluate a formula over the run's parameters alone (`$name`), no columns."""

    def aggregate(self, port: str, formula: str) -> Any:
        """Evaluate an aggregate formula (`count() > 100`) over a whole input; one value."""

    def run_flow(self, flow: str, parameters: Mapping[str, Any], inputs: Mapping[str, str], label: str) -> Mapping[str, Any]:
        """Run another flow of the workspace as a part of this run. `inputs` maps an input name of that flow (its `flow.input`
        nodes) to an input port of this node. Gives `{"run": id, "state": "done"|"failed", "error": Message|None,
        "outputs": {name: Path of a Parquet file}}`. `label` tells several calls of one node apart; a call that was done
        before a resume is not made again."""

    def wait(self, wait: Awaited) -> Answer:
        """What came of something that may take days. While it is not there, this call does not return: the node is suspended, and
        runs anew from its beginning, with the same answer again after a restart, when it is. Have no effect before it."""

    def send_signal(self, name: str, key: str | None, data: Mapping[str, Any]) -> None:
        """Send a signal to the runs of the workspace, once for this node and run."""

    def fitting(self, row: Mapping[str, Any], schema: Schema) -> Mapping[str, Any]:
        """A row of plain JSON values in the types of some columns; raises `NodeError` for what does not fit."""


class ListenContext(Protocol):
    """What a listening trigger may ask: it has no rows and no run yet."""

    @property
    def flow(self) -> str: ...
    @property
    def node(self) -> str: ...
    @property
    def parameters(self) -> Mapping[str, Any]:
        """The defaults of the flow's parameters."""

    @property
    def mark(self) -> Any:
        """The last `Arrivals.mark` that was kept; None before the first."""

    def path(self, text: str) -> Path:
        """As `Context.path`."""

    def connection(self, name: str) -> ConnectionType:
        """As `Context.connection`."""

    def secret(self, reference: str) -> str:
        """As `Context.secret`."""

    def cancelled(self) -> bool:
        """Whether the flow was switched off or changed, or the executor ends."""

    def sleep(self, seconds: float) -> None:
        """Wait; returns early when cancelled."""

    def room(self) -> bool:
        """Wait until the inbox takes more (back-pressure). False when cancelled meanwhile."""

    def log(self, message: Message, level: str = "info") -> None:
        """Said of the listening itself; the executor's log keeps it."""
