"""DuckDB asked for a single value: what an operation gives, or says, for values that Python would treat otherwise.

Closures compute the ordinary in Python; on an overflow, a date in an odd form or a number that is none, DuckDB is asked for this one
operation over these values. So the result, and the sentence of an error, are those of a batch by construction.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from typing import Any

from tisserand.engine.failures import sentence_of
from tisserand.sdk.errors import NodeError
from tisserand.sdk.sessions import SESSION

_MEMORY = "256MB"
_SOURCE = re.compile(r" when casting from source column a[0-9]+")


class Asked:
    """One operation over values of the types of its arguments. Compiled when first needed; may be called from several threads."""

    def __init__(self, operation: Any, arguments: Sequence[Any]) -> None:
        self._operation, self._arguments = operation, arguments
        self._sql = ""
        self._bound: list[int] = []

    def __call__(self, *values: Any) -> Any:
        """The value; `values` are those of all arguments, constants among them. Raises `NodeError` with the sentence of a batch."""
        import duckdb

        if not self._sql:
            self._sql = self._compiled()
        try:
            found = _connection().sql(self._sql, params=[values[index] for index in self._bound]).to_arrow_table()
            return found.column(0)[0].as_py()
        except duckdb.Error as error:
            # The columns of this small table are nothing to anybody.
            raise sentence_of(_SOURCE.sub("", str(error).strip())) from None
        except (ValueError, OverflowError) as error:
            raise NodeError(
                "The result is a date or a number that a single event cannot hold: {reason}.",
                fix="Dates of events lie in the years 1 to 9999. Filter such values out before.",
                reason=str(error),
            ) from None

    def _compiled(self) -> str:
        import ibis
        import ibis.expr.operations as ops

        from tisserand.engine import types
        from tisserand.engine.backends.duckdb import node_sql

        # What is written out stays so: the database gives such constants types of their own.
        bound = {index: node for index, node in enumerate(self._arguments) if node.find((ops.Field, ops.Argument, ops.Impure))}
        table = ibis.table({f"a{index}": node.dtype for index, node in bound.items()} or {"a": "int64"}, name="asked")
        replaced = {node: ops.Field(table.op(), f"a{index}") for index, node in bound.items()}
        made = self._operation.replace(replaced)
        query = node_sql(table.select(made.to_expr().name("x")))
        self._bound = list(bound)
        given = ", ".join(f'CAST(? AS {types.to_duckdb(_text(node.dtype))}) AS "a{index}"' for index, node in bound.items())
        # The operation may give another type than Ibis says.
        kind = made.dtype
        result = "x" if kind.is_interval() else f"CAST(x AS {types.to_duckdb(_text(kind))})"
        return f'WITH "asked" AS (SELECT {given or "1 AS a"}) SELECT {result} FROM ({query})'


def _text(type: Any) -> str:
    return str(type).replace("!", "")


class _Here(threading.local):
    connection: Any = None


_HERE = _Here()


def _connection() -> Any:
    """A connection of this thread that sees no file and no network."""
    if _HERE.connection is None:
        import duckdb

        made = duckdb.connect(config={"threads": 1, "memory_limit": _MEMORY, "enable_external_access": "false"})
        made.execute(SESSION)
        _HERE.connection = made
    return _HERE.connection


def table_of(sql: str) -> list[Any]:
    """The rows of a query about the database's own rules (how letters change case …), for tables made when a program is compiled."""
    rows: list[Any] = _connection().execute(sql).fetchall()
    return rows
