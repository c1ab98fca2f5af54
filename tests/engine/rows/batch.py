"""Rows and batches side by side: one expression as closures and as SQL on DuckDB, over the same rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import ibis
import pyarrow as pa

from tisserand.engine import types
from tisserand.engine.backends.duckdb import node_sql
from tisserand.engine.rows.compile import compile_rows
from tisserand.sdk.errors import NodeError
from tisserand.sdk.formulas import compile_formula

FAILED = "failed"
"""What stands for an error in a comparison."""


class Batch:
    """A DuckDB connection as the engine sets one up."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone='UTC'")

    def rows(self, table: ibis.Table, rows: Sequence[Sequence[Any]], expression: ibis.Table) -> list[tuple[Any, ...]]:
        """The rows of the expression, in their order; raises `duckdb.Error`."""
        schema = types.to_arrow(types.from_ibis(table.schema()))
        columns = [pa.array([row[i] for row in rows], field.type) for i, field in enumerate(plain(schema))]
        given = pa.table(columns, names=schema.names)
        self.connection.register("given", given)
        names = ", ".join(
            f'CAST("{name}" AS {types.to_duckdb(str(kind).replace("!", ""))}) AS "{name}"'
            for name, kind in table.schema().items()
        )
        self.connection.execute(f'CREATE OR REPLACE TEMP VIEW "{table.get_name()}" AS SELECT {names} FROM given')
        casts = ", ".join(
            f'CAST("{name}" AS {types.to_duckdb(str(kind).replace("!", ""))}) AS "{name}"'
            for name, kind in expression.schema().items()
        )
        found = self.connection.sql(f"SELECT {casts} FROM ({node_sql(expression)})").to_arrow_table()
        return list(zip(*(column.to_pylist() for column in found.columns), strict=True)) if found.num_rows else []


def plain(schema: pa.Schema) -> list[pa.Field]:
    """JSON stands as its text."""
    return [pa.field(f.name, pa.string()) if isinstance(f.type, pa.BaseExtensionType) else f for f in schema]


def same(one: Any, other: Any) -> bool:
    """Equal in value and in type, NaN and the sign of zero included."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return (math.isnan(one) and math.isnan(other)) or (one == other and math.copysign(1, one) == math.copysign(1, other))
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    return bool(one == other) and str(one) == str(other)


def compared(
    batch: Batch, schema: Mapping[str, str], rows: Sequence[tuple[Any, ...]], expression: Any, table: ibis.Table
) -> None:
    """Assert that each row by itself gives what a batch of that row gives, errors included."""
    function = compile_rows(expression)
    for row in rows:
        try:
            expected: Any = batch.rows(table, [row], expression)
        except duckdb.Error as error:
            expected = FAILED, str(error).strip()
        except (OverflowError, ValueError) as error:
            expected = FAILED, str(error)  # a date that Python cannot hold
        try:
            found = function(row)
            made: Any = found if isinstance(found, list) else [] if found is None else [found]
        except NodeError as error:
            made = FAILED, str(error)
        shown = f"{expression!r}\nrow {row}\nbatch {expected}\nrow by row {made}"
        if isinstance(expected, tuple):
            assert isinstance(made, tuple), shown
        else:
            assert not isinstance(made, tuple) and same(made, expected), shown


def table_of(schema: Mapping[str, str]) -> ibis.Table:
    return ibis.table(dict(schema), name="event.rows")


def formula(batch: Batch, schema: Mapping[str, str], rows: Sequence[tuple[Any, ...]], *texts: str) -> None:
    """Compare formulas."""
    table = table_of(schema)
    for text in texts:
        compared(batch, schema, rows, table.select(x=compile_formula(text, table, {})), table)
