"""DuckDB, embedded: each node compiled to SQL on its own, neighbours chained as CTEs that DuckDB fuses."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import duckdb

from tisserand.engine import types
from tisserand.engine.backends.base import Base, Query, Table
from tisserand.engine.resolve import Port, Resolution, relation_name
from tisserand.model.growth import growing
from tisserand.model.schema import Schema
from tisserand.sdk.arrow import streamed
from tisserand.sdk.node import FileSink, Scan
from tisserand.sdk.scan import REJECTED_SQL, literal, scan_sql
from tisserand.sdk.sessions import SESSION

if TYPE_CHECKING:
    import ibis
    import pyarrow as pa

BATCH_ROWS = 65_536
SPOOL: dict[str, Any] = {"format": "parquet", "row_group_size": 122_880}


class DuckDB:
    """`memory` bounds what DuckDB itself holds, in bytes; `spill` is a folder for what does not fit."""

    def __init__(self, memory: int | None, threads: int | None, spill: Path) -> None:
        config: dict[str, Any] = {
            "temp_directory": str(spill),
            "python_enable_replacements": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
        if memory is not None:
            config["memory_limit"] = f"{memory // 1_000_000}MB"
        if threads is not None:
            config["threads"] = threads
        self.memory, self.threads, self.spill = memory, threads, spill
        self._connection = duckdb.connect(config=config)
        self._connection.execute(SESSION)
        self._active: dict[duckdb.DuckDBPyConnection, int] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        self._connection.close()

    def with_threads(self, threads: int) -> DuckDB:
        """Another instance with as many threads; the memory limit is the same. What it runs counts among the queries of this one."""
        other = DuckDB(self.memory, threads, self.spill)
        other._active, other._lock = self._active, self._lock
        return other

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        cursor = self._connection.cursor()
        with self._lock:
            self._active[cursor] = threading.get_ident()
        try:
            yield cursor
        finally:
            with self._lock:
                self._active.pop(cursor, None)
            cursor.close()

    def interrupt(self, thread: int | None = None) -> None:
        with self._lock:
            for cursor, owner in self._active.items():
                if thread in (None, owner):
                    cursor.interrupt()

    def progress(self) -> Mapping[int, float]:
        with self._lock:
            found = {owner: cursor.query_progress() for cursor, owner in self._active.items()}
        return {thread: share / 100 for thread, share in found.items() if share >= 0}

    # -- queries as text

    def sql(self, query: Query) -> str:
        return chain_sql(query)

    def _settled(self, cursor: duckdb.DuckDBPyConnection, query: Query) -> str:
        """The query with its columns cast to the types that were promised, where DuckDB gives others (a sum of int64 is HUGEINT)."""
        text = chain_sql(query)
        promised = query.resolution.nodes[query.port[0]].schemas[query.port[1]]
        given = {row[0]: row[1] for row in cursor.execute(f"DESCRIBE {text}").fetchall()}
        columns = []
        plain = list(given) == list(promised.names)
        for column in promised:
            wanted = types.to_duckdb(column.type)
            name = quoted(column.name)
            if _same_type(given.get(column.name, ""), wanted):
                columns.append(name)
            else:
                plain = False
                columns.append(f"CAST({name} AS {wanted}) AS {name}")
        if plain:
            return text
        head, _, last = text.rpartition("\nSELECT * FROM ")
        return f"{head}\nSELECT {', '.join(columns)} FROM {last}"

    # -- running

    def spool(self, query: Query, path: Path, compression: Literal["lz4", "zstd"]) -> int:
        with self._cursor() as cursor:
            text = self._settled(cursor, query)
            return _copied(cursor, text, path, SPOOL | {"compression": compression})

    def sink(self, query: Query, sink: FileSink, path: Path) -> int:
        with self._cursor() as cursor:
            text = self._settled(cursor, query)
            return _copied(cursor, text, path, {"format": sink.format, **sink.options})

    def batches(self, query: Query, column: str | None = None) -> Iterator[pa.RecordBatch]:
        with self._cursor() as cursor:
            text = self._settled(cursor, query)
            if column is not None:
                text = f"SELECT {quoted(column)} FROM ({text})"
            yield from streamed(cursor.sql(text), BATCH_ROWS)

    def distinct(self, query: Query, column: str, longest: int, most: int) -> list[str]:
        with self._cursor() as cursor:
            text = self._settled(cursor, query.exact())
            name = quoted(column)
            kind = query.resolution.nodes[query.port[0]].schemas[query.port[1]].type_of(column)
            value = f"CAST({name} AS VARCHAR)"
            if kind in ("float64", "float32"):
                value = f"CASE WHEN {name} = trunc({name}) AND abs({name}) < 1e15 THEN CAST(CAST({name} AS BIGINT) AS VARCHAR) ELSE {value} END"
            found = cursor.execute(
                f"SELECT DISTINCT left({value}, {longest}) AS value FROM ({text}) WHERE {name} IS NOT NULL ORDER BY value LIMIT {most}"
            ).fetchall()
            return [str(each) for (each,) in found]

    def scan_with_rejects(self, scan: Scan, schema: Schema, rows: Path, rejects: Path) -> tuple[int, int]:
        with self._cursor() as cursor:
            count = _copied(cursor, scan_sql(scan), rows, SPOOL | {"compression": "zstd"})
            return count, _copied(cursor, REJECTED_SQL, rejects, SPOOL | {"compression": "zstd"})

    def value(self, relation: ibis.Table, tables: Mapping[str, Path | None]) -> Any:
        ctes = ", ".join(
            f"{quoted(name)} AS (SELECT {'0 AS _' if path is None else '*'}{'' if path is None else f' FROM read_parquet({literal(str(path))})'})"
            for name, path in tables.items()
        )
        with self._cursor() as cursor:
            row = cursor.execute(f"WITH {ctes} SELECT * FROM ({node_sql(relation)})").fetchone()
            return row[0] if row else None


def _copied(cursor: duckdb.DuckDBPyConnection, text: str, path: Path, options: Mapping[str, Any]) -> int:
    # Not by way of a temporary file of DuckDB's own, which would stay behind: the path is one that we put into place.
    listed = ", ".join(f"{name} {literal(value)}" for name, value in {**options, "use_tmp_file": False}.items())
    # Only from here on, and in this order: no other statement shall be taken for the query and be told as whole.
    cursor.execute("SET enable_progress_bar_print=false; SET enable_progress_bar=true")
    row = cursor.execute(f"COPY ({text}) TO {literal(str(path))} ({listed})").fetchone()
    return int(row[0]) if row else 0


@growing()
def chain_sql(query: Query) -> str:
    """`WITH "node.port" AS (…), … SELECT * FROM "node.port"`: one CTE for each lazy port and each base."""
    parts: dict[str, str] = {}
    _add_port(parts, query.resolution, query.port, query.bases, top=True)
    ctes = ",\n".join(f"{quoted(name)} AS ({text})" for name, text in parts.items())
    return f"WITH {ctes}\nSELECT * FROM {quoted(relation_name(query.port))}"


def _add_port(
    parts: dict[str, str], resolution: Resolution, port: Port, bases: Mapping[Port, Base | Table], top: bool = False
) -> None:
    name = relation_name(port)
    if name in parts:
        return
    if port in bases:
        base = bases[port]
        if isinstance(base, Table):
            parts[name] = f"SELECT * FROM {quoted(base.name)}"
        else:
            parts[name] = scan_sql(base) if isinstance(base, Scan) else f"SELECT * FROM read_parquet({literal(str(base))})"
        return
    node = resolution.nodes[port[0]]
    for ports in node.inputs.values():
        for source in ports:
            _add_port(parts, resolution, source, bases)
    parts[name] = node_sql(node.relations[port[1]])


@cache
def _compiler() -> Any:
    from ibis.backends.sql.compilers.duckdb import DuckDBCompiler

    return DuckDBCompiler()


_TEXTS: dict[Any, str] = {}


def node_sql(relation: ibis.Table) -> str:
    """The SQL of one node over its placeholders. Compiled once for each expression."""
    operation = relation.op()
    text = _TEXTS.get(operation)
    if text is None:
        if len(_TEXTS) > 20_000:
            _TEXTS.clear()
        text = _TEXTS[operation] = str(_compiler().to_sqlglot(relation).sql(dialect="duckdb"))
    return text


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _same_type(given: str, wanted: str) -> bool:
    """DuckDB writes some types in two ways."""
    return _normal(given) == _normal(wanted)


_ALIASES = {
    "TEXT": "VARCHAR",
    "INT": "INTEGER",
    "REAL": "FLOAT",
    "TIMESTAMP(6)": "TIMESTAMP",
    "DATETIME": "TIMESTAMP",
    "TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE",
    "BYTEA": "BLOB",
}


def _normal(name: str) -> str:
    text = name.upper().replace(", ", ",").replace('"', "")
    return _ALIASES.get(text, text)
