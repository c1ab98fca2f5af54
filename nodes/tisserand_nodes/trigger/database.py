"""Rows that are added to a table or changed in it start the flow."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from tisserand.sdk import (
    Arrivals,
    Arrived,
    Config,
    Context,
    Discovery,
    Duration,
    Grouping,
    ListenContext,
    NodeError,
    Picks,
    Schema,
    Trigger,
    Unit,
    Words,
)
from tisserand_nodes.sql.connection import Database, DatabaseConnection, database, first_line, opened
from tisserand_nodes.sql.read import ReadConfig, ReadSql
from tisserand_nodes.trigger.watermark import MOST_KNOWN, Watermark, name_of, plain

if TYPE_CHECKING:
    import psycopg
    import sqlalchemy as sa

SLICE = 0.5
"""Seconds between two looks at whether listening is over."""


class DatabaseConfig(Config):
    connection: DatabaseConnection
    """The database."""
    table: Annotated[str, Picks("table")]
    """The table, or a view, whose new rows count."""
    db_schema: str | None = None
    """The schema that the table stands in, where it is not the usual one (`public`)."""
    watermark: str
    """A column that grows with every new or changed row: a number that is given out in order, or the time of the last change."""
    key: tuple[str, ...] = ()
    """The columns that tell rows of the same watermark apart; empty for the primary key of the table."""
    begin: Annotated[Literal["now", "all"], Words(now="With what comes from now on", all="With all that is there")] = "now"
    """What counts when the flow is switched on for the first time."""
    every: Duration = Duration("5s")
    """How often the table is looked at."""
    channel: str | None = None
    """PostgreSQL: a channel whose `NOTIFY` has the table looked at there and then. Looking `every` so often goes on, as a net below."""
    late: Duration = Duration("60s")
    """Where the watermark is a time: how far below the highest one is read once more. A transaction may be committed after others
    that got a higher watermark; without this its rows would never be seen. Make it longer than your longest transaction."""
    late_numbers: Annotated[int, Field(ge=0)] = 1000
    """The same where the watermark is a number: so many numbers below the highest are read once more."""
    batch: Annotated[int, Unit("rows"), Field(ge=1)] = 1000
    """How many rows are read, and kept in the inbox, at a time."""
    most: Annotated[int, Unit("rows"), Field(ge=1)] = 1000
    """The most rows that one run takes."""


class DatabaseRows(Trigger[DatabaseConfig]):
    """Start the flow for rows that are added to a table or changed in it. A row counts once for each value of its watermark. Rows
    that are deleted, or whose watermark is empty, are not seen."""

    kind, title, icon = "trigger.database", "Rows of a database", "database"
    looks = True

    def discover(self, ctx: Context, config: DatabaseConfig) -> Discovery:
        return ReadSql().discover(ctx, _reading(config))

    def event(self, config: DatabaseConfig) -> Schema:
        return Schema()

    def check(self, config: DatabaseConfig, schemas: Mapping[str, Schema]) -> Iterable[NodeError]:
        if config.every.seconds <= 0:
            yield NodeError("The time between two looks must be longer than nothing.", field="every")

    def grouping(self, config: DatabaseConfig) -> Grouping:
        return Grouping(config.most)

    def listen(self, ctx: ListenContext, config: DatabaseConfig) -> Iterator[Arrivals]:
        """Yield the rows above the mark, in the order of watermark and key; the mark is the highest watermark."""
        base, file = database(ctx, config.connection)
        with _woken(base, config) as awake, opened(base, file, write=False) as engine, engine.connect() as connection:
            look = _Look(connection, config, base)
            # SQLite has one writer at a time: nothing is committed late.
            late = (0.0, 0) if base.system == "sqlite" else (config.late.seconds, config.late_numbers)
            water = Watermark(ctx.mark, *late)
            if ctx.mark is None and config.begin == "now":
                look.begin(water)
                yield Arrivals(mark=water.mark())
            while not ctx.cancelled():
                for rows in look.pages(water):
                    if not ctx.room():
                        return
                    events = [Arrived({name: plain(value) for name, value in row.items()}, name) for name, row in rows]
                    yield Arrivals(events, water.mark())
                end = time.monotonic() + config.every.seconds
                while not ctx.cancelled() and time.monotonic() < end and not awake(ctx, end):
                    pass


class _Look:
    """Reads a table above a watermark, page by page."""

    def __init__(self, connection: sa.Connection, config: DatabaseConfig, base: Database) -> None:
        import sqlalchemy as sa
        from sqlalchemy.sql import quoted_name

        self._connection, self._batch = connection, config.batch
        inspector = sa.inspect(connection)
        known = [*inspector.get_table_names(config.db_schema), *inspector.get_view_names(config.db_schema)]
        if config.table not in known:
            raise NodeError(
                "There is no table “{table}” at {where}.", table=config.table, where=base.place(), field="table", retry=True
            )
        columns = [column["name"] for column in inspector.get_columns(config.table, config.db_schema)]
        keys = list(config.key) or inspector.get_pk_constraint(config.table, config.db_schema)["constrained_columns"]
        connection.rollback()
        if not keys:
            raise NodeError(
                "The table “{table}” has no primary key.", table=config.table, field="key", fix="Name the columns of a key."
            )
        for field, names in (("watermark", [config.watermark]), ("key", keys)):
            for name in names:
                if name not in columns:
                    raise NodeError("There is no column “{name}”. Columns: {columns}.", name=name, columns=columns, field=field)
        self._water: sa.ColumnClause[Any] = sa.column(quoted_name(config.watermark, True))
        self._by = [self._water, *(sa.column(quoted_name(name, True)) for name in keys if name != config.watermark)]
        self._names = [column.name for column in self._by]
        schema = quoted_name(config.db_schema, True) if config.db_schema else None
        table = sa.table(
            quoted_name(config.table, True), *(sa.column(quoted_name(name, True)) for name in columns), schema=schema
        )
        self._columns = columns
        self._top = sa.select(sa.func.max(self._water)).select_from(table)
        self._rows = sa.select(*table.columns).where(self._water.is_not(None)).order_by(*self._by).limit(config.batch)

    def begin(self, water: Watermark) -> None:
        """The highest watermark there is, and the names of the rows so near below it that they will be read again."""
        high = self._connection.execute(self._top).scalar()
        self._connection.rollback()
        if high is None:
            return
        water.begin(high, ())
        low, names, after = water.low(), [], None
        while True:
            rows = self._page(low, after)
            names += [name_of(row, self._names) for row in rows if row[self._names[0]] <= high]
            if len(names) > MOST_KNOWN:
                water.begin(high, None)
                return
            if len(rows) < self._batch:
                break
            after = rows[-1]
        water.begin(high, names)

    def pages(self, water: Watermark) -> Iterator[list[tuple[str, Mapping[str, Any]]]]:
        """New rows with their names, a page at a time; the watermark rises with them."""
        low = water.low() if water.high is not None else None
        after: Mapping[str, Any] | None = None
        while True:
            rows = self._page(low, after)
            new = []
            for row in rows:
                value = row[self._names[0]]
                name = name_of(row, self._names)
                if water.new(name, value):
                    new.append((name, row))
                if water.high is None or value > water.high:
                    water.rise(value)
            if new:
                yield new
            if len(rows) < self._batch:
                break
            after = rows[-1]
        water.forget()

    def _page(self, low: Any, after: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
        import sqlalchemy as sa

        statement = self._rows
        if after is not None:
            statement = statement.where(sa.tuple_(*self._by) > sa.tuple_(*(sa.literal(after[name]) for name in self._names)))
        elif low is not None:
            statement = statement.where(self._water >= low)
        found = self._connection.execute(statement).fetchall()
        self._connection.rollback()  # no transaction stays open between two looks: it would hold up the database's tidying
        return [dict(zip(self._columns, row, strict=True)) for row in found]


def _reading(config: DatabaseConfig) -> ReadConfig:
    return ReadConfig(connection=config.connection, table=config.table, db_schema=config.db_schema)


@contextmanager
def _woken(base: Database, config: DatabaseConfig) -> Iterator[Any]:
    """Gives a wait that ends early, with True, when somebody says `NOTIFY` on the channel."""
    if config.channel is None:
        yield lambda ctx, end: ctx.sleep(min(SLICE, max(0.0, end - time.monotonic())))
        return
    if base.system != "postgresql":
        raise NodeError("Only PostgreSQL has channels.", field="channel")
    import psycopg
    from psycopg import sql

    try:
        with psycopg.connect(
            host=base.host, port=base.port, dbname=base.database, user=base.user, sslmode=base.tls, connect_timeout=10,
            password=base.password.reveal() if base.password else None, application_name="tisserand", autocommit=True,
        ) as listening:  # fmt: skip
            listening.execute(sql.SQL("LISTEN {}").format(sql.Identifier(config.channel)))

            def awake(ctx: ListenContext, end: float) -> bool:
                try:
                    return bool(list(listening.notifies(timeout=min(SLICE, max(0.0, end - time.monotonic())), stop_after=1)))
                except psycopg.Error as error:
                    raise _gone(error, base) from None

            yield awake
    except psycopg.Error as error:
        raise _gone(error, base) from None


def _gone(error: psycopg.Error, base: Database) -> NodeError:
    return NodeError(
        "The database at {where} cannot be reached: {reason}", where=base.place(), reason=first_line(error), retry=True
    )
