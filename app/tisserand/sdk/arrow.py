"""The one translation of column types: ours (Ibis' notation), Arrow's and DuckDB's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tisserand.model.schema import Column, Schema

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


def to_arrow(schema: Schema) -> pa.Schema:
    """The Arrow schema of a table with these columns, as Ibis and DuckDB give it."""
    import ibis
    from ibis.formats.pyarrow import PyArrowSchema

    return PyArrowSchema.from_ibis(ibis.schema({column.name: column.type for column in schema}))


def from_arrow(schema: pa.Schema) -> Schema:
    """Our schema of an Arrow table."""
    from ibis.formats.pyarrow import PyArrowType

    return Schema(tuple(Column(field.name, type_text(PyArrowType.to_ibis(field.type))) for field in schema))


def from_duckdb(columns: list[tuple[str, str]]) -> Schema:
    """Our schema from names and DuckDB type texts, as `DESCRIBE` gives them."""
    from ibis.backends.sql.datatypes import DuckDBType

    return Schema(tuple(Column(name, type_text(DuckDBType.from_string(text))) for name, text in columns))


def to_duckdb(type: str) -> str:
    """DuckDB's text for one of our types (`array<string>` → `TEXT[]`)."""
    import ibis
    from ibis.backends.sql.datatypes import DuckDBType

    text: str = DuckDBType.to_string(ibis.dtype(type))
    return text


def type_text(dtype: Any) -> str:
    """Ibis' notation of a type, without the mark of non-null."""
    return str(dtype).replace("!", "")


def streamed(relation: duckdb.DuckDBPyRelation, rows: int) -> Iterator[pa.RecordBatch]:
    """The rows of a DuckDB query in batches of at most `rows`; raises `duckdb.Error` wherever the query breaks.

    Some pyarrow versions hand over an error in the middle of the rows as their own `OSError`, without its class.
    """
    import duckdb

    try:
        yield from relation.to_arrow_reader(rows)
    except OSError as error:
        raise duckdb.Error(str(error)) from error
