"""Write rows to a table of a relational database: append, replace or upsert, all in one transaction and only once per run."""

from __future__ import annotations

import datetime
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from tisserand.sdk import (
    ColumnName,
    Config,
    ConnectionType,
    Context,
    Dataset,
    Effect,
    NodeError,
    Out,
    Picks,
    Schema,
    Unit,
    When,
    Words,
    Writer,
    Written,
    msg,
)
from tisserand_nodes.sql.connection import Database, DatabaseConnection, database, first_line, opened, plain
from tisserand_nodes.sql.copying import ROWS, Copying
from tisserand_nodes.sql.interrupt import stoppable
from tisserand_nodes.sql.types import database_type

if TYPE_CHECKING:
    import pyarrow as pa
    import sqlalchemy as sa

DONE = "_tisserand_done"
"""The table that keeps the keys of finished writes."""
SAMPLES = 5


class WriteConfig(Config):
    connection: DatabaseConnection
    """The database to write to."""
    table: Annotated[str, Picks("table")]
    """The table to write to."""
    db_schema: str | None = None
    """The schema that the table stands in, where it is not the usual one (`public`)."""
    mode: Annotated[
        Literal["append", "replace", "upsert"],
        Field(title="How to write"),
        Words(append="Add the rows", replace="Replace all rows", upsert="Change rows with the same key, add the others"),
    ] = "append"
    """Add the rows; put them in the place of all rows; or change the rows with the same key and add the others."""
    key: Annotated[list[ColumnName], When(mode="upsert", required=True)] = []
    """The columns that tell rows apart. Of several rows with the same key the last one counts."""
    create: bool = True
    """Make the table where there is none."""
    batch_rows: Annotated[int, Unit("rows")] = 5_000
    """How many rows are sent at a time."""


class WriteSql(Writer[WriteConfig]):
    """Write rows to a table of a database. All rows are written in one transaction, or none; a repeated run of the same step writes
    nothing twice. Rows that the database refuses go to the rejects port, where it is connected."""

    kind, title, icon = "sql.write", "Write to a database", "database"
    outputs = (Out("result", kind="result"), Out("rejects", "Rejects", kind="rejects"))
    delivery: ClassVar[Literal["transactional"]] = "transactional"

    def check(self, config: WriteConfig, schemas: Mapping[str, Schema]) -> Iterator[NodeError]:
        columns = schemas.get("table", Schema())
        for index, name in enumerate(config.key):
            if columns and name not in columns:
                yield NodeError(
                    "There is no column “{name}”. Columns: {columns}.",
                    name=name,
                    columns=list(columns.names),
                    field=f"key.{index}",
                )
        if config.table == DONE:
            yield NodeError("The table “{table}” is the studio's own.", table=DONE, field="table")
        if config.batch_rows < 1:
            yield NodeError("At least one row must be sent at a time.", field="batch_rows")

    def target(self, config: WriteConfig) -> str:
        return f"{config.connection} · {f'{config.db_schema}.' if config.db_schema else ''}{config.table}"

    def datasets(self, config: WriteConfig, connection: Callable[[str], ConnectionType]) -> Sequence[Dataset]:
        base = connection(config.connection)
        return [base.dataset(config.db_schema, config.table)] if isinstance(base, Database) else []

    def adds(self, config: WriteConfig) -> bool:
        return config.mode == "append"

    def plan(self, ctx: Context, config: WriteConfig, batches: Iterator[pa.RecordBatch]) -> Effect:
        base, file = database(ctx, config.connection)
        where = f"{base.place()} · {config.table}"
        if file is not None and not file.exists():
            return _all_new(batches, where)
        with opened(base, file, write=False) as engine, engine.connect() as connection:
            columns = _columns(connection, config)
            if columns is None:
                return _all_new(batches, where)
            import sqlalchemy as sa

            table = _table(config, list(columns))
            present = int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() or 0)
            if config.mode != "upsert":
                effect = _all_new(batches, where)
                return (
                    effect
                    if config.mode == "append"
                    else Effect(effect.insert, delete=present, samples=effect.samples, where=where)
                )
            counts = {"insert": 0, "update": 0, "unchanged": 0}
            samples: dict[str, list[Mapping[str, Any]]] = {"insert": [], "update": []}
            for batch in batches:
                for start in range(0, batch.num_rows, 500):
                    rows = batch.slice(start, 500).to_pylist()
                    for kind, row in _compared(connection, table, config, rows, base.system):
                        counts[kind] += 1
                        if kind in samples and len(samples[kind]) < SAMPLES:
                            samples[kind].append(row)
                ctx.progress(rows=batch.num_rows)
            return Effect(**counts, samples=samples, where=where)

    def write(self, ctx: Context, config: WriteConfig, schema: Schema, batches: Iterator[pa.RecordBatch]) -> Written:
        import sqlalchemy as sa

        base, file = database(ctx, config.connection)
        where = f"{base.place()} · {config.table}"
        with opened(base, file, write=True) as engine, engine.begin() as connection, stoppable(ctx, connection):
            done = _done_table(connection, config)
            before = connection.execute(sa.select(done.c.rows).where(done.c.key == ctx.key)).scalar()
            if before is not None:
                ctx.log(msg("These rows were written already; nothing is written twice."))
                return Written(int(before), where)
            # The key first: a second attempt at the same time waits here, and then fails on it.
            connection.execute(
                sa.insert(done).values(key=ctx.key, rows=0, done_at=datetime.datetime.now(datetime.UTC).isoformat())
            )
            table = _prepared(connection, config, schema, base.system)
            if base.system == "postgresql":
                # Times without a zone are UTC here as everywhere, whatever the server's setting.
                connection.exec_driver_sql("SET LOCAL TIME ZONE 'UTC'")
            if config.mode == "replace":
                connection.execute(sa.delete(table))
            load = _Load(ctx, config, connection, table, schema, base.system)
            for batch in batches:
                load.add_batch(batch)
            connection.execute(sa.update(done).where(done.c.key == ctx.key).values(rows=load.written))
        return Written(load.written, where)


class _Load:
    """Sends rows in batches; a batch that the database refuses is sent again row by row, to find the rows at fault."""

    def __init__(
        self, ctx: Context, config: WriteConfig, connection: sa.Connection, table: Any, schema: Schema, system: str
    ) -> None:
        import sqlalchemy as sa

        self._ctx, self._config, self._connection, self._system = ctx, config, connection, system
        self._places = {name: f"p{index}" for index, name in enumerate(schema.names)}
        values: dict[Any, Any] = {table.c[name]: sa.bindparam(place) for name, place in self._places.items()}
        self._lists = _array_columns(connection, config) if system == "postgresql" else set()
        self._statement: Any
        if config.mode == "upsert":
            self._statement = _upsert(table, values, config, schema, system)
        else:
            self._statement = sa.insert(table).values(values)
        key = config.key if config.mode == "upsert" else ()
        self._copying = Copying(connection, table, list(schema.names), key) if system == "postgresql" and schema else None
        self._number = 0
        self.written = 0

    def add_batch(self, batch: pa.RecordBatch) -> None:
        """Send rows at once where the database can take them so, else in parts, down to the single row that it refuses."""
        size = self._config.batch_rows
        if self._copying is None or not self._copying.able:
            for start in range(0, batch.num_rows, size):
                self.add(batch.slice(start, size).to_pylist())
            return
        for start in range(0, batch.num_rows, ROWS):
            part = batch.slice(start, ROWS)
            if any(part.column(part.schema.names.index(name)).null_count for name in self._config.key) or not self._sent(part):
                for first in range(0, part.num_rows, size):
                    few = part.slice(first, size)
                    if part.num_rows <= size or not self._sent(few):
                        self.add(few.to_pylist())

    def _sent(self, batch: pa.RecordBatch) -> bool:
        if self._copying is None or not self._copying.send(batch):
            return False
        self._number += batch.num_rows
        self.written += batch.num_rows
        self._ctx.progress(rows=batch.num_rows)
        return True

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError

        first = self._number + 1
        self._number += len(rows)
        good = [(first + index, row) for index, row in enumerate(rows)]
        if self._config.mode == "upsert":
            good = [one for one in good if self._has_key(*one)]
        if not good:
            return
        try:
            with self._connection.begin_nested():
                self._connection.execute(self._statement, [self._values(row) for _number, row in good])
            self.written += len(good)
        except (IntegrityError, DataError, ProgrammingError):
            self._one_by_one(good)
        self._ctx.progress(rows=len(rows))

    def _one_by_one(self, rows: Sequence[tuple[int, Mapping[str, Any]]]) -> None:
        from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError

        for number, row in rows:
            try:
                with self._connection.begin_nested():
                    self._connection.execute(self._statement, self._values(row))
                self.written += 1
            except (IntegrityError, DataError, ProgrammingError) as error:
                column = _column_at_fault(error.orig, row)
                self._refuse(number, row, column, first_line(error.orig))

    def _has_key(self, number: int, row: Mapping[str, Any]) -> bool:
        empty = next((name for name in self._config.key if row[name] is None), None)
        if empty is not None:
            self._refuse(number, row, empty, "NULL")
        return empty is None

    def _refuse(self, number: int, row: Mapping[str, Any], column: str | None, reason: str) -> None:
        message = msg(
            "Row {row}, column “{column}”: “{table}” does not take it: {reason}",
            row=number,
            column=column or "?",
            table=self._config.table,
            reason=reason,
        )
        self._ctx.reject(row, message, f"row {number}")

    def _values(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return {place: self._value(name, row[name]) for name, place in self._places.items()}

    def _value(self, name: str, value: Any) -> Any:
        if self._system == "sqlite" or (isinstance(value, dict | list) and name not in self._lists):
            return plain(value)
        return value


def _name(name: str | None) -> Any:
    """A name that is always quoted, whatever it holds."""
    from sqlalchemy.sql import quoted_name

    if name is not None and ("\0" in name or not name.strip()):
        raise NodeError("“{name}” is not a name.", name=name.replace("\0", "␀"))
    return None if name is None else quoted_name(name, True)


def _table(config: WriteConfig, columns: Sequence[str]) -> Any:
    """The table without types: values go to the driver as they are, and the database judges them."""
    import sqlalchemy as sa

    return sa.table(_name(config.table), *(sa.column(_name(name)) for name in columns), schema=_name(config.db_schema))


def _columns(connection: sa.Connection, config: WriteConfig) -> dict[str, Any] | None:
    """The columns that the table has, or None where there is no table."""
    import sqlalchemy as sa

    inspector = sa.inspect(connection)
    if not inspector.has_table(config.table, config.db_schema):
        return None
    return {column["name"]: column for column in inspector.get_columns(config.table, config.db_schema)}


def _array_columns(connection: sa.Connection, config: WriteConfig) -> set[str]:
    import sqlalchemy as sa

    return {name for name, column in (_columns(connection, config) or {}).items() if isinstance(column["type"], sa.ARRAY)}


def _done_table(connection: sa.Connection, config: WriteConfig) -> sa.Table:
    import sqlalchemy as sa

    done = sa.Table(
        DONE,
        sa.MetaData(),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("done_at", sa.Text, nullable=False),
        schema=_name(config.db_schema),
    )
    if not sa.inspect(connection).has_table(DONE, config.db_schema):
        if connection.dialect.name == "postgresql":
            # Two first writes at once would both make the table; the lock ends with the transaction.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7217021)")
        connection.execute(sa.schema.CreateTable(done, if_not_exists=True))
    return done


def _prepared(connection: sa.Connection, config: WriteConfig, schema: Schema, system: str) -> Any:
    """The table, made where there is none; its columns and its key are checked."""
    import sqlalchemy as sa

    columns = _columns(connection, config)
    if columns is None:
        if not config.create:
            raise NodeError(
                "There is no table “{table}”.", fix="Make it, or let “create” make it.", table=config.table, field="table"
            )
        made = [sa.Column(_name(column.name), database_type(column.type, system), primary_key=column.name in config.key,
                          autoincrement=False) for column in schema]  # fmt: skip
        connection.execute(
            sa.schema.CreateTable(sa.Table(_name(config.table), sa.MetaData(), *made, schema=_name(config.db_schema)))
        )
        return _table(config, schema.names)
    unknown = [name for name in schema.names if name not in columns]
    if unknown:
        raise NodeError(
            "The table “{table}” has no column “{column}”. Its columns: {columns}.",
            fix="Rename or leave out the column before writing, or add it to the table.",
            table=config.table, column=unknown[0], columns=list(columns), field="table",
        )  # fmt: skip
    if config.mode == "upsert" and not _is_unique(connection, config):
        raise NodeError(
            "The table “{table}” has no primary key and no unique constraint over {key}.",
            fix="Add one, so that the database can tell which rows are the same.",
            table=config.table, key=list(config.key), field="key",
        )  # fmt: skip
    return _table(config, schema.names)


def _is_unique(connection: sa.Connection, config: WriteConfig) -> bool:
    import sqlalchemy as sa

    inspector = sa.inspect(connection)
    sets: list[Sequence[str | None]] = [inspector.get_pk_constraint(config.table, config.db_schema)["constrained_columns"]]
    sets += [one["column_names"] for one in inspector.get_unique_constraints(config.table, config.db_schema)]
    sets += [one["column_names"] for one in inspector.get_indexes(config.table, config.db_schema) if one["unique"]]
    return any(set(columns) == set(config.key) for columns in sets)


def _upsert(table: Any, values: Mapping[Any, Any], config: WriteConfig, schema: Schema, system: str) -> Any:
    from sqlalchemy.dialects import postgresql, sqlite

    insert: Any = postgresql.insert(table) if system == "postgresql" else sqlite.insert(table)
    insert = insert.values(values)
    key = [table.c[name] for name in config.key]
    changed = {table.c[name]: insert.excluded[name] for name in schema.names if name not in config.key}
    if not changed:
        return insert.on_conflict_do_nothing(index_elements=key)
    return insert.on_conflict_do_update(index_elements=key, set_=changed)


def _all_new(batches: Iterator[pa.RecordBatch], where: str) -> Effect:
    samples: list[Mapping[str, Any]] = []
    rows = 0
    for batch in batches:
        rows += batch.num_rows
        samples += itertools.islice(batch.slice(0, SAMPLES).to_pylist(), SAMPLES - len(samples))
    return Effect(insert=rows, samples={"insert": samples}, where=where)


def _compared(
    connection: sa.Connection, table: Any, config: WriteConfig, rows: Sequence[Mapping[str, Any]], system: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What an upsert would do with each row."""
    import sqlalchemy as sa

    if not rows:
        return
    names = list(rows[0])
    keys = [tuple(plain(row[name]) if system == "sqlite" else row[name] for name in config.key) for row in rows]
    wanted = sa.tuple_(*(table.c[name] for name in config.key)).in_(keys) if len(config.key) > 1 else None
    if wanted is None:
        wanted = table.c[config.key[0]].in_([key[0] for key in keys])
    found = connection.execute(sa.select(*(table.c[name] for name in names)).where(wanted)).mappings()
    present = {tuple(_same(row[name]) for name in config.key): row for row in found}
    for row in rows:
        old = present.get(tuple(_same(row[name]) for name in config.key))
        if old is None:
            yield "insert", row
        else:
            yield ("unchanged" if all(_same(old[name]) == _same(row[name]) for name in names) else "update"), row


def _same(value: Any) -> Any:
    """A value in a form in which what the database gives back equals what was written."""
    value = plain(value)
    if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value):
        return float(value)
    return float(value) if isinstance(value, int) and abs(value) < 2**53 else value


def _column_at_fault(error: Any, row: Mapping[str, Any]) -> str | None:
    """The column that a driver's error is about, as far as it tells."""
    diagnosis = getattr(error, "diag", None)
    if getattr(diagnosis, "column_name", None):
        return str(diagnosis.column_name)  # type: ignore[union-attr]
    text = f"{error}"
    match = re.search(r"Key \(\"?([^)\"]+)\"?\)=", text) or re.search(r"constraint failed: (?:.*?\.)?([^,.\n]+)$", text)
    if match:
        return match[1]
    value = re.search(r': "([^"\n]*)"', text)
    return next((name for name, item in row.items() if value and str(item) == value[1]), None)
