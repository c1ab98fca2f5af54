"""Sending many rows to PostgreSQL at once: by COPY, into the table itself or, for an upsert, by way of a temporary one."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa
    import sqlalchemy as sa

ROWS = 65_536
"""How many rows are sent at a time; where the database refuses one of them, they are sent again in smaller parts."""
_TEMPORARY = "_tisserand_new"


class Copying:
    """COPY of Arrow batches as CSV, which needs no Python object for each value. `key` is that of an upsert."""

    def __init__(self, connection: sa.Connection, table: Any, columns: Sequence[str], key: Sequence[str]) -> None:
        self._connection = connection
        self._target = ".".join(_quoted(name) for name in (table.schema, table.name) if name is not None)
        self._columns = [_quoted(name) for name in columns]
        self._key = [_quoted(name) for name in key]
        self._made = False
        self.able = True
        """Whether this table takes COPY; with row-level security, for example, it does not."""

    def send(self, batch: pa.RecordBatch) -> bool:
        """Send rows, all or none of them; says whether the database took them. Raises what has nothing to do with the rows."""
        import psycopg
        from sqlalchemy.exc import DBAPIError

        data = _as_csv(batch) if self.able else None
        if data is None:
            return False
        outer = self._connection.begin_nested()
        try:
            self._send(data)
        except (psycopg.DataError, psycopg.IntegrityError):
            outer.rollback()
            return False
        except (psycopg.ProgrammingError, psycopg.NotSupportedError):
            outer.rollback()
            self.able = self._made = False
            return False
        except psycopg.Error as error:
            raise DBAPIError.instance("COPY", None, error, psycopg.Error) from None
        outer.commit()
        return True

    def _send(self, data: memoryview) -> None:
        import psycopg

        cursor: Any = self._connection.connection.cursor()
        if not self._key:
            self._copy(cursor, self._target, data)
            return
        listed = ", ".join(self._columns)
        if self._made:
            cursor.execute(f"TRUNCATE {_TEMPORARY}")
        else:
            # Without the constraints: what the table refuses is to be refused by the table.
            like = f"SELECT {listed} FROM {self._target} WITH NO DATA"  # noqa: S608 - quoted names
            cursor.execute(f"CREATE TEMPORARY TABLE {_TEMPORARY} ON COMMIT DROP AS {like}")
        self._copy(cursor, _TEMPORARY, data)
        cursor.execute("SAVEPOINT _tisserand_put")
        try:
            cursor.execute(self._put())
        except psycopg.errors.CardinalityViolation:
            # Several rows with one key: the last one counts.
            cursor.execute("ROLLBACK TO SAVEPOINT _tisserand_put")
            cursor.execute(self._put(last=True))
        cursor.execute("RELEASE SAVEPOINT _tisserand_put")
        self._made = True

    def _put(self, last: bool = False) -> str:
        listed, keys = ", ".join(self._columns), ", ".join(self._key)
        changed = ", ".join(f"{name} = excluded.{name}" for name in self._columns if name not in self._key)
        then = f"DO UPDATE SET {changed}" if changed else "DO NOTHING"
        only, order = (f"DISTINCT ON ({keys})", f"ORDER BY {keys}, ctid DESC") if last else ("", "")
        rows = f"SELECT {only} {listed} FROM {_TEMPORARY} {order}"  # noqa: S608 - quoted names
        return f"INSERT INTO {self._target} ({listed}) {rows} ON CONFLICT ({keys}) {then}"

    def _copy(self, cursor: Any, table: str, data: memoryview) -> None:
        with cursor.copy(f"COPY {table} ({', '.join(self._columns)}) FROM STDIN (FORMAT csv)") as copy:
            for start in range(0, len(data), 1 << 20):
                copy.write(data[start : start + (1 << 20)])


def _quoted(name: str) -> str:
    # The dialect's own quoting doubles “%” for statements with parameters; these have none.
    return '"' + name.replace('"', '""') + '"'


def _as_csv(batch: pa.RecordBatch) -> memoryview | None:
    """The rows as CSV, in which an empty field without quotes is NULL; None for types that have no such form."""
    import pyarrow as pa
    from pyarrow import csv

    columns = []
    for column in batch.columns:
        type = column.type
        if pa.types.is_nested(type) or pa.types.is_duration(type) or pa.types.is_dictionary(type):
            return None
        if pa.types.is_binary(type) or pa.types.is_large_binary(type) or pa.types.is_fixed_size_binary(type):
            column = pa.array([None if value is None else f"\\x{value.hex()}" for value in column.to_pylist()], pa.string())
        elif pa.types.is_floating(type):
            column = column.cast(pa.float64())  # the digits of a float32 would be read as another number
        columns.append(column)
    out = io.BytesIO()
    # Names do not matter here, and may be anything.
    table = pa.Table.from_arrays(columns, names=[f"c{index}" for index in range(len(columns))])
    csv.write_csv(table, out, csv.WriteOptions(include_header=False))
    return out.getbuffer()
