"""A flow kept ready: its sources held as tables, its queries compiled once, so that the rows of an event are answered without a run."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tisserand.engine import types
from tisserand.engine.backends.base import Query, Table
from tisserand.engine.backends.duckdb import DuckDB, quoted
from tisserand.engine.context import NodeContext
from tisserand.engine.failures import sentence_of
from tisserand.engine.resolve import Port, Resolution, ResolvedNode
from tisserand.model.graph import upstream
from tisserand.model.schema import Schema
from tisserand.sdk.errors import NodeError
from tisserand.sdk.node import Scan
from tisserand.sdk.scan import fingerprint, scan_sql

if TYPE_CHECKING:
    import duckdb

    from tisserand.engine.run import FlowRun

LOOK = 0.5
"""Seconds between two looks whether the files of a source have changed: rows may be older than their file by so much."""


class Stopped(Exception):  # noqa: N818 - what was asked for
    """The query was interrupted."""


class Unready(NodeError):  # noqa: N818 - it will be ready again
    """A source cannot be read at the moment."""


class Running:
    """A query under way, which another thread may stop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cursor: Any = None
        self.stopped = False

    @contextmanager
    def on(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
        with self._lock:
            if self.stopped:
                raise Stopped
            self._cursor = cursor
        try:
            yield
        finally:
            with self._lock:
                self._cursor = None

    def stop(self) -> None:
        with self._lock:
            self.stopped = True
            if self._cursor is not None:
                self._cursor.interrupt()


class Warm:
    """The sources of a flow in one DuckDB. `run` is one that only looks; `large` the bytes of a source above which its files are read
    anew by each query instead of being held."""

    def __init__(self, run: FlowRun, resolution: Resolution, memory: int | None, large: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="tisserand-warm-")
        self._backend = DuckDB(memory, 2, Path(self._folder.name))
        self._run, self._resolution, self._large = run, resolution, large
        self._sources: dict[str, Source] = {}
        self._here = threading.local()

    def close(self) -> None:
        self._backend.close()
        self._folder.cleanup()

    def query(self, event: Port, port: Port) -> WarmQuery:
        """The rows of `port` for the rows of `event`. Its sources are read now; raises `NodeError` where that fails."""
        bases: dict[Port, Table] = {event: Table("event")}
        sources = []
        for name in sorted(upstream(self._resolution.flow, port[0])):
            node = self._resolution.nodes[name]
            if node.role != "reader":
                continue
            source = self._sources.get(name)
            if source is None:
                source = self._sources[name] = Source(self, node)
            source.look()
            sources.append(source)
            bases[name, next(out.name for out in node.outputs if out.kind == "rows")] = Table(source.table)
        return WarmQuery(self, self._resolution, event, port, bases, sources)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """The connection of this thread."""
        found: duckdb.DuckDBPyConnection | None = getattr(self._here, "cursor", None)
        if found is None:
            found = self._here.cursor = self._backend._connection.cursor()
            found.execute("SET TimeZone='UTC'")
        return found

    def settled(self, query: Query) -> str:
        return self._backend._settled(self.cursor(), query)


class Source:
    """The rows of one reader, held as a table under the node's name, and read again when its files have changed."""

    def __init__(self, warm: Warm, node: ResolvedNode) -> None:
        self._warm, self._node = warm, node
        self.name = node.id
        self.table = f"source.{node.id}"
        self._lock = threading.Lock()
        self._stamp: str | None = None
        self._looked = 0.0

    def look(self) -> None:
        """See whether the files are still those that were read, now and then."""
        if self._stamp is not None and time.monotonic() - self._looked < LOOK:
            return
        with self._lock:
            if self._stamp is not None and time.monotonic() - self._looked < LOOK:
                return
            stamp, read = self._now()
            if stamp != self._stamp:
                read()
                self._stamp = stamp
            self._looked = time.monotonic()

    def _now(self) -> tuple[str, Callable[[], None]]:
        instance: Any = self._node.node
        context = NodeContext(self._warm._run, self._node, self._warm._run.stop)
        scan = instance.scan(context, self._node.config, self._node.found)
        if scan is not None and not scan.rejects:
            # A file may have other columns by now: the query then says so, instead of giving others than were promised.
            return fingerprint(scan.paths), lambda: self._scanned(scan)
        path = getattr(self._node.config, "path", None)
        return (fingerprint([context.path(str(path))]) if path else "same"), lambda: self._read(context)

    def _scanned(self, scan: Scan) -> None:
        import duckdb

        size = sum(path.stat().st_size for path in scan.paths if path.exists())
        what = "VIEW" if size > self._warm._large else "TABLE"
        other = "TABLE" if what == "VIEW" else "VIEW"
        cursor = self._warm.cursor()
        try:
            cursor.execute("BEGIN")
            known = cursor.execute(
                "SELECT table_type FROM information_schema.tables WHERE table_name = ?", [self.table]
            ).fetchone()
            if known is not None and (known[0] == "VIEW") == (other == "VIEW"):
                cursor.execute(f"DROP {other} {quoted(self.table)}")
            cursor.execute(f"CREATE OR REPLACE {what} {quoted(self.table)} AS {scan_sql(scan)}")
            cursor.execute("COMMIT")
        except duckdb.Error as error:
            cursor.execute("ROLLBACK")
            raise sentence_of(str(error).strip()) from None

    def _read(self, context: NodeContext) -> None:
        import pyarrow as pa

        instance: Any = self._node.node
        schema = types.to_arrow(next(self._node.schemas[out.name] for out in self._node.outputs if out.kind == "rows"))
        rows = pa.RecordBatchReader.from_batches(schema, instance.read(context, self._node.config, self._node.found))
        cursor = self._warm.cursor()
        cursor.register("arriving", rows)
        try:
            cursor.execute(f"CREATE OR REPLACE TABLE {quoted(self.table)} AS SELECT * FROM arriving")
        finally:
            cursor.unregister("arriving")


class WarmQuery:
    """One compiled query. May be called from several threads; each has a connection of its own."""

    def __init__(
        self, warm: Warm, resolution: Resolution, event: Port, port: Port, bases: Mapping[Port, Table], sources: Sequence[Source]
    ) -> None:
        self._warm, self._sources = warm, sources
        self._event: Schema = resolution.nodes[event[0]].schemas[event[1]]
        self._arrow = types.to_arrow(self._event)
        columns = ", ".join(f"CAST(NULL AS {types.to_duckdb(column.type)}) AS {quoted(column.name)}" for column in self._event)
        cursor = warm.cursor()
        cursor.execute(f"CREATE OR REPLACE TEMP VIEW event AS SELECT {columns}")
        try:
            self._sql = warm.settled(Query(resolution, port, bases))
        finally:
            cursor.execute("DROP VIEW event")

    def __call__(self, rows: Sequence[Sequence[Any]], running: Running | None = None) -> list[tuple[Any, ...]]:
        """The rows for those of one event. Raises `NodeError` for a value that cannot be worked out, `Unready` where a source cannot be
        read, `Stopped` where `running` was stopped."""
        import duckdb
        import pyarrow as pa

        for source in self._sources:
            try:
                source.look()
            except (NodeError, OSError) as error:
                reason = error.message if isinstance(error, NodeError) else str(error)
                raise Unready("The source “{node}” cannot be read: {reason}", node=source.name, reason=reason) from None
        columns = zip(*rows, strict=True) if rows else [() for _ in self._event]
        arrays = [pa.array(values, field.type) for values, field in zip(columns, self._arrow, strict=True)]
        cursor = self._warm.cursor()
        cursor.register("event", pa.table(arrays, schema=self._arrow))
        try:
            with (running or Running()).on(cursor):
                found: list[tuple[Any, ...]] = cursor.execute(self._sql).fetchall()
                return found
        except duckdb.InterruptException:
            raise Stopped from None
        except duckdb.Error as error:
            raise sentence_of(str(error).strip()) from None
        finally:
            cursor.unregister("event")
