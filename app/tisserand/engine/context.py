"""What a running node may ask for: the engine's side of the SDK's `Context` and `ControlContext`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tisserand.engine.control import Stop
from tisserand.engine.spool import RejectSpool
from tisserand.model.schema import Schema
from tisserand.sdk.connection import ConnectionType
from tisserand.sdk.errors import NodeError
from tisserand.sdk.waiting import Answer, Awaited
from tisserand.texts import Message

if TYPE_CHECKING:
    import pyarrow as pa

    from tisserand.engine.resolve import ResolvedNode
    from tisserand.engine.run import FlowRun


@dataclass(frozen=True)
class Staged:
    """A file written beside its place, not yet there."""

    temporary: Path
    final: Path

    def to_json(self) -> dict[str, Any]:
        state = self.temporary.stat()
        return {"temporary": str(self.temporary), "final": str(self.final), "size": state.st_size, "inode": state.st_ino}


class NodeContext:
    """The context of one attempt of one node."""

    def __init__(self, run: FlowRun, node: ResolvedNode, stop: Stop, attempt: int = 1) -> None:
        self._run = run
        self._node = node
        self._stop = stop
        self.attempt = attempt
        self.staged: list[Staged] = []
        self.rejects: RejectSpool | None = None
        self._counted = [0, 0]
        """Rows and bytes that the node itself told."""
        self._passed = [0, 0]
        """Those that the engine saw pass."""
        self.expected: int | None = None
        """How many rows will pass, where that is known."""
        self.gathers = False
        """Whether the node takes in all rows before it does anything with them: then they say nothing of its progress."""

    @property
    def flow(self) -> str:
        return self._run.flow.id

    @property
    def node(self) -> str:
        return self._node.id

    @property
    def run_id(self) -> str:
        return self._run.id

    @property
    def key(self) -> str:
        # After an edit the node gets other rows: to whoever keeps the key, that is another effect.
        generation = self._run.generations.get(self._node.id, 1)
        return f"{self._run.id}/{self._node.id}" + (f"/{generation}" if generation > 1 else "")

    @property
    def traceparent(self) -> str:
        from tisserand.engine import tracing

        found = self._run.traced()
        return tracing.traceparent(found.trace, tracing.node_span(self._run.id, self._node.id))

    @property
    def parameters(self) -> Mapping[str, Any]:
        return self._run.parameters

    def path(self, text: str) -> Path:
        return self._run.workspace.resolve(text, self._run.environment)

    def target(self, text: str) -> Path:
        final = self.path(text)
        if final.is_dir():
            raise NodeError("“{path}” is a folder; a file name is needed.", path=text)
        for staged in self.staged:
            if staged.final == final:
                return staged.temporary
        # Journalled before it exists, under a name of this run: whatever a kill leaves behind is found again.
        temporary = final.with_name(f".{final.name}.{self._run.id}.{self._node.id}.part")
        self._run.note(self._node.id, "sink.begun", {"temporary": str(temporary), "final": str(final)})
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(b"")
        except OSError as error:
            raise NodeError("“{path}” cannot be written: {reason}", path=text, reason=error.strerror or str(error)) from None
        self.staged.append(Staged(temporary, final))
        return temporary

    def temporary(self, name: str) -> Path:
        folder = self._run.folder / "tmp" / self._node.id
        folder.mkdir(parents=True, exist_ok=True)
        return folder / name

    def connection(self, name: str) -> ConnectionType:
        return self._run.connections.get(name, self._run.environment)

    def secret(self, reference: str) -> str:
        return self._run.connections.secret(reference)

    def usage(self, start: float, end: float, *, api: str = "", consumer: str = "") -> Iterator[Mapping[str, Any]]:
        from tisserand.apis.usage import UsageQuery
        from tisserand.apis.usage_store import FILE, plain, read

        query = UsageQuery(start, end, api, consumer=consumer, limit=0)
        for gateway, row in read(self._run.workspace.state / FILE, query):
            self._stop.check()
            yield plain(gateway, row)

    def progress(self, rows: int = 0, bytes: int = 0) -> None:
        self._counted[0] += rows
        self._counted[1] += bytes
        self._tell()

    def start_over(self) -> None:
        """Whatever passed will pass again."""
        self._passed = [0, 0]

    def passed(self, batch: pa.RecordBatch) -> None:
        """Rows went in or out. Where the node counts by itself, they are not counted twice."""
        self._passed[0] += batch.num_rows
        self._passed[1] += batch.nbytes
        self._tell()

    def _tell(self) -> None:
        self._stop.check()
        rows, bytes = (own or seen for own, seen in zip(self._counted, self._passed, strict=True))
        share = self._passed[0] / self.expected if self.expected else None
        self._run.progress.count(self._node.id, rows, bytes, share)

    def cancelled(self) -> bool:
        return self._stop.pulled()

    def sleep(self, seconds: float) -> None:
        self._stop.wait(seconds)

    def reject(self, row: Any, error: Message | str, place: str = "") -> None:
        port = self._node.rejects_port()
        if port is None or not self._run.rejects_wanted(self._node):
            message = error if isinstance(error, Message) else Message("{error}", {"error": error})
            raise NodeError(
                "A row was refused: {error} {place}",
                fix="Connect the rejects port to keep such rows apart, or correct the source.",
                error=message, place=place,
            )  # fmt: skip
        if self.rejects is None:
            self.rejects = RejectSpool(self.temporary("rejects.parquet"))
        self.rejects.add(row, error, place)

    def log(self, message: Message, level: str = "info") -> None:
        self._run.log(message, level, self._node.id)

    # -- ControlContext

    def rows(self, port: str) -> Iterator[pa.RecordBatch]:
        import pyarrow.parquet as pq

        for source in self._node.inputs.get(port, ()):
            for batch in pq.ParquetFile(self._run.base_file(source)).iter_batches():
                self._stop.check()
                yield batch

    def values(self, formula: str) -> Any:
        import ibis

        from tisserand.sdk.formulas import compile_formula

        table = ibis.table({"_": "int64"}, name="nothing")
        return self._run.backend.value(table.select(_=compile_formula(formula, table, self.parameters)), {"nothing": None})

    def aggregate(self, port: str, formula: str) -> Any:
        from tisserand.engine import types
        from tisserand.sdk.formulas import compile_formula

        (source,) = self._node.inputs[port]
        table = types.placeholder(self._run.resolution.nodes[source[0]].schemas[source[1]], "arriving")
        value = compile_formula(formula, table, self.parameters, aggregate=True)
        return self._run.backend.value(table.aggregate(_=value), {"arriving": self._run.base_file(source)})

    def run_flow(self, flow: str, parameters: Mapping[str, Any], inputs: Mapping[str, str], label: str) -> Mapping[str, Any]:
        from tisserand.engine.children import run_child

        files = {
            name: self._run.base_file(self._node.inputs[port][0]) for name, port in inputs.items() if self._node.inputs.get(port)
        }
        given = {name: [self._run.digests.get(source), out] for name in files for source, out in self._node.inputs[inputs[name]]}
        return run_child(self._run, self._node.id, flow, parameters, files, label, self._stop, given)

    def wait(self, wait: Awaited) -> Answer:
        from tisserand.engine.suspending import wait_for

        return wait_for(self._run, self._node, self._stop, wait)

    def send_signal(self, name: str, key: str | None, data: Mapping[str, Any]) -> None:
        from tisserand.engine.waits import Waits

        Waits(self._run.journal).signal(name, key, dict(data), f"{self.flow} ({self.run_id})", origin=self.key)

    def fitting(self, row: Mapping[str, Any], schema: Schema) -> Mapping[str, Any]:
        from tisserand.engine.values import typed

        return typed([row], schema)[0]
