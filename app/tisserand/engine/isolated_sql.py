"""SQL written by users: its tables allow-listed by the parser, run alone on a locked connection that reaches neither files nor network."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tisserand.engine import types
from tisserand.model.schema import Schema
from tisserand.sdk.arrow import streamed
from tisserand.sdk.errors import NodeError
from tisserand.sdk.scan import literal

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


def checked(text: str, tables: Mapping[str, Any]) -> None:
    """Refuse everything but one SELECT over the node's own inputs (and its own CTEs); raises `NodeError`."""
    import sqlglot
    from sqlglot import expressions as exp

    try:
        statements = [statement for statement in sqlglot.parse(text, dialect="duckdb") if statement is not None]
    except sqlglot.errors.SqlglotError as error:
        first = error.errors[0] if getattr(error, "errors", None) else {}
        line = first.get("line") if first else None
        reason = first.get("description") or str(error).partition("\n")[0]
        raise NodeError("The SQL cannot be read: {reason}", field="query", line=line, reason=reason) from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise NodeError("The SQL must be one SELECT statement, and nothing else.", field="query")
    statement = statements[0]
    own = {cte.alias_or_name.lower() for cte in statement.find_all(exp.CTE)}
    known = {name.lower() for name in tables} | own
    for table in statement.find_all(exp.Table):
        if isinstance(table.this, exp.Identifier) and not table.db and not table.catalog and table.name.lower() in known:
            continue
        if (
            isinstance(table.this, exp.Func)
            and table.this.key in _ROW_FUNCTIONS | {"anonymous"}
            and _function_name(table.this) in _ROW_FUNCTIONS
        ):
            continue
        shown = table.sql(dialect="duckdb")
        raise NodeError(
            "The SQL names the table “{table}”, which is no input of this node. Its inputs: {known}.",
            field="query", table=shown, known=sorted(tables),
        )  # fmt: skip
    for function in statement.find_all(exp.Anonymous):
        name = function.name.lower()
        if name.startswith(_REACHING) or name in _REFUSED:
            raise NodeError("The function “{name}” reaches outside the flow and is not allowed in SQL.", field="query", name=name)


_ROW_FUNCTIONS = {"unnest", "generate_series", "range", "explodingGenerateSeries".lower(), "generateseries"}
_REACHING = (
    "read_",
    "scan_",
    "sniff_",
    "parquet_",
    "sqlite_",
    "postgres_",
    "mysql_",
    "duckdb_",
    "pragma_",
    "iceberg_",
    "st_read",
    "glob",
    "query",
)
_REFUSED = {"getenv", "current_setting", "which_secret", "write_log", "getvariable"}


def _function_name(function: Any) -> str:
    return str(function.name or function.key).lower() if function.key == "anonymous" else str(function.key).lower()


@contextmanager
def locked_connection(
    tables: Mapping[str, Any],
    memory: int | None = None,
    threads: int | None = None,
    spill: Path | None = None,
    began: Callable[[duckdb.DuckDBPyConnection | None], None] = lambda _connection: None,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection of its own with these Arrow objects, or Parquet files, as tables; then locked: no files, no network, no
    settings. `began` gets it before anything is loaded, and None before it is closed."""
    import duckdb

    from tisserand.engine.backends.duckdb import quoted

    config: dict[str, Any] = {
        "python_enable_replacements": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    if memory is not None:
        config["memory_limit"] = f"{memory // 1_000_000}MB"
    if threads is not None:
        config["threads"] = threads
    if spill is not None:
        config["temp_directory"] = str(spill)
    connection = duckdb.connect(config=config)
    try:
        connection.execute("SET TimeZone='UTC'")
        began(connection)
        loaded: dict[Path, str] = {}
        for name, table in tables.items():
            if not isinstance(table, Path):
                connection.register(name, table)
            elif table in loaded:
                connection.execute(f"CREATE VIEW {quoted(name)} AS SELECT * FROM {quoted(loaded[table])}")
            else:
                rows = f"SELECT * FROM read_parquet({literal(str(table))})"
                connection.execute(f"CREATE TABLE {quoted(name)} AS {rows}")
                loaded[table] = name
        connection.execute("SET enable_external_access=false")
        connection.execute("SET lock_configuration=true")
        yield connection
    finally:
        began(None)
        connection.close()


def query_schema(query: str, tables: Mapping[str, Schema]) -> Schema:
    """The columns that a query gives over inputs with these columns; raises `NodeError` with what is wrong."""
    import pyarrow as pa

    checked(query, tables)
    empty = {name: pa.Table.from_batches([], types.to_arrow(schema)) for name, schema in tables.items()}
    with locked_connection(empty) as connection:
        described = _run(connection, query).limit(0).to_arrow_table()
    return types.from_arrow(described.schema)


class IsolatedQuery:
    """One query under way, which another thread may interrupt."""

    def __init__(self) -> None:
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._lock = threading.Lock()

    def interrupt(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.interrupt()

    def batches(
        self, query: str, tables: Mapping[str, Path], memory: int | None, threads: int | None, spill: Path
    ) -> Iterator[pa.RecordBatch]:
        """Run `query` over Parquet spools, streamed."""
        import pyarrow.dataset as dataset

        checked(query, tables)
        opened: dict[str, Any] = dict(tables)
        if memory is None:
            opened = {name: dataset.dataset(path, format="parquet") for name, path in tables.items()}
        # Arrow reads ahead as much as it likes; where memory is short, the rows are loaded into tables that may be spilled.
        with locked_connection(opened, memory, threads, spill, self._keep) as connection:
            yield from streamed(_run(connection, query), 65_536)

    def _keep(self, connection: duckdb.DuckDBPyConnection | None) -> None:
        with self._lock:
            self._connection = connection


def _run(connection: duckdb.DuckDBPyConnection, query: str) -> Any:
    import duckdb

    parameters = getattr(query, "parameters", None) or {}
    used = {name: value for name, value in parameters.items() if f"${name}" in query}
    try:
        return connection.sql(str(query), params=used) if used else connection.sql(str(query))
    except duckdb.Error as error:
        reason = str(error).strip().partition("\n")[0]
        raise NodeError("The SQL does not fit its inputs: {reason}", field="query", reason=reason) from None
