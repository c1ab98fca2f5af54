"""Read a table or the result of a query from a relational database, streamed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

from tisserand.sdk import (
    Config,
    ConnectionType,
    Context,
    Dataset,
    Discovery,
    NodeError,
    Out,
    Picks,
    Reader,
    Schema,
    SqlText,
    Unit,
    msg,
)
from tisserand_nodes.sql.connection import Database, DatabaseConnection, bound, database, opened
from tisserand_nodes.sql.interrupt import stoppable
from tisserand_nodes.sql.types import declared_type, postgresql_type, to_batch, type_of_values

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy import CursorResult

SAMPLE = 1000


class ReadConfig(Config):
    connection: DatabaseConnection
    """The database to read from."""
    table: Annotated[str | None, Picks("table")] = None
    """A table or view to read whole; leave it empty to write a query."""
    db_schema: str | None = None
    """The schema that the table stands in, where it is not the usual one (`public`)."""
    query: SqlText | None = None
    """One SELECT statement in the database's own SQL. `$name` is a parameter of the flow, bound as a value."""
    types: dict[str, str] = {}
    """Types of columns that the database does not tell, for example `amount: decimal(10, 2)`."""
    batch_rows: Annotated[int, Unit("rows")] = 10_000
    """How many rows are fetched at a time."""


class ReadSql(Reader[ReadConfig]):
    """Read a table, or what a query gives, from a database. Rows are streamed, and nothing can be changed on the way."""

    kind, title, icon = "sql.read", "Read from a database", "database"
    outputs = (Out("rows"),)

    def check(self, config: ReadConfig, schemas: object) -> Iterator[NodeError]:
        if (config.table is None) == (config.query is None):
            yield NodeError("Give either a table or a query.", field="table")
        if config.batch_rows < 1:
            yield NodeError("At least one row must be fetched at a time.", field="batch_rows")

    def datasets(self, config: ReadConfig, connection: Callable[[str], ConnectionType]) -> Sequence[Dataset]:
        base = connection(config.connection)
        if not isinstance(base, Database):
            return []
        if config.query is None:
            return [base.dataset(config.db_schema, config.table)] if config.table else []
        return [base.dataset(schema, table) for schema, table in _tables(config.query, base.system)]

    def discover(self, ctx: Context, config: ReadConfig) -> Discovery:
        base, _file = database(ctx, config.connection)
        with _result(ctx, config, SAMPLE if base.system == "sqlite" else 0) as result:
            if base.system == "sqlite":
                schema = _sqlite_schema(result, config, _declared(ctx, config))
            else:
                schema = _postgresql_schema(ctx, result, config)
        return Discovery(schema, {"system": base.system})

    def read(self, ctx: Context, config: ReadConfig, found: Discovery) -> Iterator[pa.RecordBatch]:
        from tisserand.sdk.arrow import to_arrow

        arrow = to_arrow(found.schema)
        with _result(ctx, config, None) as result:
            names = list(result.keys())
            if names != list(found.schema.names):
                raise NodeError(
                    "The columns have changed: {now}; they were {before}.",
                    fix="Look at the source again, so that the flow knows its new columns.",
                    now=names,
                    before=list(found.schema.names),
                )
            number = 1
            for rows in result.partitions(config.batch_rows):
                batch = to_batch(rows, found.schema, arrow, number)
                number += len(rows)
                ctx.progress(rows=batch.num_rows)
                yield batch


def _tables(query: str, system: str) -> list[tuple[str | None, str]]:
    """The tables that a query reads, each with its schema where it names one; none where the query is not understood."""
    import sqlglot
    from sqlglot import exp

    try:
        tree = sqlglot.parse_one(query, dialect="postgres" if system == "postgresql" else "sqlite")
    except sqlglot.errors.SqlglotError:
        return []
    own = {each.alias_or_name for each in tree.find_all(exp.CTE)}
    found = [(table.db or None, table.name) for table in tree.find_all(exp.Table) if table.name]
    return list(dict.fromkeys((schema, name) for schema, name in found if schema or name not in own))


@contextmanager
def _result(ctx: Context, config: ReadConfig, limit: int | None) -> Iterator[CursorResult[Any]]:
    """The running query, streamed by the server; with `limit` only so many rows, to look at the columns."""
    import sqlalchemy as sa

    base, file = database(ctx, config.connection)
    with opened(base, file, write=False) as engine, engine.connect() as connection, stoppable(ctx, connection):
        streaming = connection.execution_options(stream_results=True, max_row_buffer=config.batch_rows)
        if config.query is None:
            if not config.table:
                raise NodeError("Give either a table or a query.", field="table")
            source = sa.table(_name(config.table, "table"), schema=_name(config.db_schema, "db_schema"))
            statement = sa.select(sa.text("*")).select_from(source).limit(limit)
            _demand(connection, config, base)
            result = streaming.execute(statement)
        else:
            query, values = bound(config.query, ctx.parameters, base.system)
            if limit is not None:
                query = f"SELECT * FROM (\n{query}\n) AS looked_at LIMIT {limit}"  # noqa: S608 - the user's own query, as it is
            # psycopg reads % only where parameters are given, and SQLAlchemy always gives some.
            result = streaming.exec_driver_sql(query, values)
        if not result.returns_rows:
            raise NodeError("The query gives no rows: it must be a SELECT.", field="query")
        names = list(result.keys())
        twice = next((name for index, name in enumerate(names) if name in names[:index]), None)
        if twice is not None:
            raise NodeError("The column “{name}” comes twice.", fix="Name it with AS in the query.", name=twice, field="query")
        try:
            yield result
        finally:
            result.close()


def _name(name: str | None, field: str) -> Any:
    """A name that is always quoted, whatever it holds."""
    from sqlalchemy.sql import quoted_name

    if name is not None and ("\0" in name or not name.strip()):
        raise NodeError("“{name}” is not a name.", name=name.replace("\0", "␀"), field=field)
    return None if name is None else quoted_name(name, True)


def _demand(connection: Any, config: ReadConfig, base: Database) -> None:
    import difflib

    import sqlalchemy as sa

    inspector = sa.inspect(connection)
    known = [*inspector.get_table_names(config.db_schema), *inspector.get_view_names(config.db_schema)]
    if config.table not in known:
        near = difflib.get_close_matches(str(config.table), known, 3) or known[:10]
        raise NodeError(
            "There is no table “{table}” at {where}.",
            fix="Tables there: {near}." if near else None,
            table=config.table,
            where=base.place(),
            near=near,
            field="table",
        )


def _declared(ctx: Context, config: ReadConfig) -> dict[str, str]:
    """The declared types of a SQLite table; a query has none."""
    if not config.table:
        return {}
    import sqlalchemy as sa

    base, file = database(ctx, config.connection)
    with opened(base, file, write=False) as engine, engine.connect() as connection:
        found = {}
        for name, declared in connection.execute(
            sa.text("SELECT name, type FROM pragma_table_info(:table)"), {"table": config.table}
        ):
            ours = declared_type(declared or "")
            if ours is not None:
                found[name] = ours
        return found


def _sqlite_schema(result: CursorResult[Any], config: ReadConfig, declared: dict[str, str]) -> Schema:
    names = list(result.keys())
    rows = result.fetchall()
    types = {name: declared.get(name) or type_of_values(row[index] for row in rows) for index, name in enumerate(names)}
    return Schema.of(_stated(types, config))


def _postgresql_schema(ctx: Context, result: CursorResult[Any], config: ReadConfig) -> Schema:
    types: dict[str, str] = {}
    for column in result.cursor.description or ():
        types[column[0]], exact = postgresql_type(column)
        if not exact and column[0] not in config.types:
            ctx.log(
                msg("The column “{column}” is numeric without a precision and is read as float64.", column=column[0]), "warning"
            )
    return Schema.of(_stated(types, config))


def _stated(types: dict[str, str], config: ReadConfig) -> dict[str, str]:
    """The types with those of the config laid over them."""
    import ibis

    for name, text in config.types.items():
        if name not in types:
            raise NodeError(
                "There is no column “{name}”. Columns: {columns}.", name=name, columns=list(types), field=f"types.{name}"
            )
        try:
            types[name] = str(ibis.dtype(text)).replace("!", "")
        except Exception as error:  # noqa: BLE001 - Ibis raises its parser's own errors
            raise NodeError("“{type}” is not a type: {reason}", type=text, reason=str(error), field=f"types.{name}") from None
    return types
