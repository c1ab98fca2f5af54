"""A private, short-lived DuckDB for looking at files: few threads, little memory, no extensions, closed at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tisserand.sdk.arrow import streamed

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

BATCH = 65_536


@contextmanager
def private() -> Iterator[duckdb.DuckDBPyConnection]:
    import duckdb

    settings = {
        "threads": 1,
        "memory_limit": "400MB",
        "python_enable_replacements": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    connection = duckdb.connect(config=settings)
    connection.execute("SET TimeZone = 'UTC'")
    try:
        yield connection
    finally:
        connection.close()


def stream(connection: duckdb.DuckDBPyConnection, sql: str) -> Iterator[pa.RecordBatch]:
    """The rows of a query batch by batch; raises `duckdb.Error` wherever the query breaks."""
    return streamed(connection.sql(sql), BATCH)
