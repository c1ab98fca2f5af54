"""Placeholders and cached type translations: a flow of thousands of nodes has few distinct schemas."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from tisserand.model.schema import Column, Schema
from tisserand.sdk import arrow

if TYPE_CHECKING:
    import ibis
    import pyarrow as pa

to_duckdb = lru_cache(maxsize=5_000)(arrow.to_duckdb)
from_arrow = arrow.from_arrow


@lru_cache(maxsize=20_000)
def placeholder(schema: Schema, name: str) -> ibis.Table:
    """An unbound Ibis table with these columns."""
    import ibis

    return ibis.table(_to_ibis(schema), name=name)


@lru_cache(maxsize=5_000)
def _to_ibis(schema: Schema) -> ibis.Schema:
    import ibis

    return ibis.schema({column.name: column.type for column in schema})


def from_ibis(schema: ibis.Schema) -> Schema:
    return Schema(tuple(Column(name, arrow.type_text(dtype)) for name, dtype in schema.items()))


@lru_cache(maxsize=20_000)
def settled(schema: Schema) -> Schema:
    """The columns as expressions over them have them: types in Ibis' own notation, all nullable."""
    found = tuple(_settled_column(column) for column in schema)
    return schema if found == schema.columns else Schema(found)


@lru_cache(maxsize=20_000)
def _settled_column(column: Column) -> Column:
    import ibis

    return Column(column.name, arrow.type_text(ibis.dtype(column.type)))


@lru_cache(maxsize=5_000)
def to_arrow(schema: Schema) -> pa.Schema:
    return arrow.to_arrow(schema)
