"""Rows and batches side by side: one expression as closures and as SQL on DuckDB, over the same rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import duckdb
import ibis
import ibis.expr.operations as ops
import pyarrow as pa

from tisserand.engine import types
from tisserand.engine.backends.duckdb import node_sql
from tisserand.engine.rows.compile import RowFunction, compile_rows
from tisserand.sdk.errors import NodeError
from tisserand.sdk.formulas import compile_formula
from tisserand.sdk.sessions import SESSION

FAILED = "failed"
"""What stands for an error in a comparison."""

LAZY = (ops.SearchedCase, ops.SimpleCase, ops.Coalesce, ops.And, ops.Or)
"""Operations that compute only what decides."""

BEYOND = "The result is a date or a number that a single event cannot hold"


class Batch:
    """A DuckDB connection as the engine sets one up."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        self.connection.execute(SESSION)

    def __enter__(self) -> Batch:
        return self

    def __exit__(self, *failed: object) -> None:
        self.connection.close()

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
    # Decimals have their digits.
    return bool(one == other) and str(one) == str(other)


def compared(
    batch: Batch, schema: Mapping[str, str], rows: Sequence[tuple[Any, ...]], expression: Any, table: ibis.Table
) -> None:
    """Assert that each row by itself gives what a batch of that row gives, errors included."""
    function = compile_rows(expression)
    made = [_by_row(function, row) for row in rows]
    good = [index for index, found in enumerate(made) if not isinstance(found, tuple)]
    together = _by_batch(batch, table, [rows[index] for index in good], expression)
    apart = [found for index in good for found in made[index]]
    if not isinstance(together, tuple) and not function.many and len(together) == len(apart) and same(together, apart):
        good_rows = set(good)
    else:
        good_rows = set()  # looked at one by one, to tell which row differs
    for index, row in enumerate(rows):
        if index in good_rows:
            continue
        expected, found = _by_batch(batch, table, [row], expression), made[index]
        if function.many and not isinstance(expected, tuple) and not isinstance(found, tuple):
            # The entries of a list leave a join in any order; here in theirs.
            expected, found = sorted(expected, key=repr), sorted(found, key=repr)
        if isinstance(found, tuple) and found[1].startswith(BEYOND):
            continue  # the database's dates go further than Python's; never is such a value given as another
        if isinstance(found, tuple) and not isinstance(expected, tuple) and overlooked(batch, table, row, expression):
            continue
        shown = f"{expression!r}\nrow {row}\nbatch {expected}\nrow by row {found}"
        if isinstance(expected, tuple):
            assert isinstance(found, tuple), shown
        else:
            assert not isinstance(found, tuple) and same(found, expected), shown


def overlooked(batch: Batch, table: ibis.Table, row: tuple[Any, ...], expression: Any) -> bool:
    """Whether the database passed over an error because of the company the row is in: where a whole batch has NULL on one side of an
    operation, it does not compute the other side; beside a row that has a value there, the same row fails."""

    def computed(value: Any) -> Any:
        return _by_batch(batch, table, [row], table.select(x=value.to_expr()))

    for operation in expression.op().find(ops.Value):
        if isinstance(operation, LAZY):
            continue
        null = False
        for arg in _flat(operation.args):
            found = computed(arg)
            if null and isinstance(found, tuple):
                return True
            null = null or (found == [(None,)] and not _always_null(arg, computed))
    return False


def _always_null(value: ops.Value, computed: Callable[[Any], Any]) -> bool:
    """Whether a constant makes it NULL in any company: that the database sees beforehand."""
    if not value.find(ops.Field):
        return bool(computed(value) == [(None,)])
    if isinstance(value, (*LAZY, ops.Greatest, ops.Least, ops.IsNull, ops.NotNull)):
        return False
    return any(_always_null(arg, computed) for arg in _flat(value.args))


def _flat(args: Sequence[Any]) -> Iterator[ops.Value]:
    for arg in args:
        if isinstance(arg, ops.Value):
            yield arg
        elif isinstance(arg, tuple):
            yield from _flat(arg)


def _by_row(function: RowFunction, row: tuple[Any, ...]) -> Any:
    """The rows that come out, or a tuple with the error."""
    try:
        found = function(row)
    except NodeError as error:
        return FAILED, str(error)
    return found if isinstance(found, list) else [] if found is None else [found]


def _by_batch(batch: Batch, table: ibis.Table, rows: Sequence[tuple[Any, ...]], expression: Any) -> Any:
    try:
        return batch.rows(table, rows, expression)
    except duckdb.Error as error:
        return FAILED, str(error).strip()
    except (OverflowError, ValueError) as error:
        return FAILED, str(error)  # a date that Python cannot hold


def table_of(schema: Mapping[str, str]) -> ibis.Table:
    return ibis.table(dict(schema), name="event.rows")


def formula(batch: Batch, schema: Mapping[str, str], rows: Sequence[tuple[Any, ...]], *texts: str) -> None:
    """Compare formulas."""
    table = table_of(schema)
    for text in texts:
        compared(batch, schema, rows, table.select(x=compile_formula(text, table, {})), table)
