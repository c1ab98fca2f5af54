"""The connection to a relational database (SQLite or PostgreSQL), and what reading and writing share about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal
from urllib.parse import quote

from tisserand.sdk import Connection, ConnectionType, Context, Dataset, ListenContext, Message, NodeError, Secret, When, msg

if TYPE_CHECKING:
    import sqlite3

    from sqlalchemy import Engine


class Database(ConnectionType):
    """A relational database: a SQLite file, or a PostgreSQL server."""

    type: ClassVar[str] = "database"
    title: ClassVar[str] = "Database"
    icon: ClassVar[str] = "database"

    system: Literal["sqlite", "postgresql"]
    """Which system it is."""
    file: Annotated[str | None, When(system="sqlite", required=True)] = None
    """The file of a SQLite database, for example `{{ workspace }}/data/shop.sqlite`."""
    host: Annotated[str | None, When(system="postgresql", required=True)] = None
    """Name or address of the server."""
    port: Annotated[int, When(system="postgresql")] = 5432
    """Port of the server."""
    database: Annotated[str | None, When(system="postgresql", required=True)] = None
    """Name of the database on the server."""
    user: Annotated[str | None, When(system="postgresql")] = None
    """Name to log in with."""
    password: Annotated[Secret | None, When(system="postgresql")] = None
    """The password, as a reference to a secret."""
    tls: Annotated[Literal["disable", "prefer", "require", "verify-full"], When(system="postgresql")] = "prefer"
    """Whether the connection is encrypted; `verify-full` also checks who the server is."""

    def check(self) -> Message:
        if self.system == "sqlite":
            assert self.file is not None
            if not self.near(self.file).is_file():
                raise NodeError("There is no file “{file}”.", file=self.file, field="file")
        from sqlalchemy import inspect

        with opened(self, self.near(self.file) if self.file else None, write=False) as engine, engine.connect() as connection:
            tables = len(inspect(connection).get_table_names())
            if self.system == "sqlite":
                version = connection.exec_driver_sql("SELECT sqlite_version()").scalar()
                return msg("SQLite {version} in {file}, {tables} tables", version=str(version), file=self.file, tables=tables)
            version = str(connection.exec_driver_sql("SHOW server_version").scalar()).split(" ")[0]
            where = f"{self.host}:{self.port}/{self.database}"
            return msg("PostgreSQL {version} at {where}, {tables} tables", version=version, where=where, tables=tables)

    def place(self) -> str:
        """Where it is, for people."""
        return str(self.file) if self.system == "sqlite" else f"{self.host}:{self.port}/{self.database}"

    def dataset(self, schema: str | None, table: str) -> Dataset:
        """A table, as lineage names it."""
        if self.system == "sqlite":
            return Dataset(f"sqlite://{self.near(self.file or '')}", table)
        return Dataset(f"postgres://{self.host}:{self.port}", f"{self.database}.{schema or 'public'}.{table}")


class DatabaseConnection(Connection):
    types = ("database",)


def database(ctx: Context | ListenContext, name: str) -> tuple[Database, Path | None]:
    """The connection of that name and, for SQLite, its file, which must lie in the allowed folders."""
    found = ctx.connection(name)
    if not isinstance(found, Database):
        raise NodeError("The connection “{name}” is not a database.", name=name, field="connection")
    return found, ctx.path(found.file) if found.system == "sqlite" and found.file else None


@contextmanager
def opened(database: Database, file: Path | None, *, write: bool) -> Iterator[Engine]:
    """An engine on the database; without `write` it can change nothing. What the database says becomes a `NodeError`."""
    import sqlalchemy
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.pool import NullPool

    if database.system == "sqlite":
        assert file is not None
        if not write and not file.is_file():
            raise NodeError("There is no file “{file}”.", file=str(file), field="connection")
        # With the driver's usual “?”, SQLAlchemy would replace what looks like a parameter inside a quoted name.
        engine = sqlalchemy.create_engine(
            "sqlite://", creator=_sqlite(file, write), poolclass=NullPool, hide_parameters=True, paramstyle="named"
        )

        @sqlalchemy.event.listens_for(engine, "begin")
        def begin(connection: Any) -> None:
            # Python's driver begins transactions late and ends them early by itself; here one transaction holds all.
            connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    else:
        url = sqlalchemy.URL.create(
            "postgresql+psycopg",
            username=database.user,
            password=database.password.reveal() if database.password else None,
            host=database.host,
            port=database.port,
            database=database.database,
        )
        options = {"connect_timeout": 10, "sslmode": database.tls, "application_name": "tisserand"}
        engine = sqlalchemy.create_engine(url, connect_args=options, poolclass=NullPool, hide_parameters=True)
        if not write:
            engine = engine.execution_options(postgresql_readonly=True)
    try:
        yield engine
    except DBAPIError as error:
        raise said(error, database) from None
    finally:
        engine.dispose()


def _sqlite(file: Path, write: bool) -> Callable[[], sqlite3.Connection]:
    def connect() -> sqlite3.Connection:
        import sqlite3

        mode = "rwc" if write else "ro"
        if write:
            file.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            f"file:{quote(str(file))}?mode={mode}", uri=True, timeout=30, isolation_level=None, check_same_thread=False
        )
        # Neither another file nor an extension can be reached from SQL.
        refused = {sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH}
        connection.set_authorizer(lambda action, *_rest: sqlite3.SQLITE_DENY if action in refused else sqlite3.SQLITE_OK)
        return connection

    return connect


def said(error: Any, database: Database) -> NodeError:
    """A database's complaint as a sentence; trying again helps where the server was away or busy."""
    from sqlalchemy.exc import InterfaceError, OperationalError

    reason = first_line(error.orig)
    again = isinstance(error, InterfaceError | OperationalError) and not re.search(
        r"no such|syntax|authentication failed|does not exist|readonly|not authorized|near \"", reason
    )
    if isinstance(error, OperationalError) and not getattr(error.orig, "sqlstate", None) and database.system == "postgresql":
        return NodeError(
            "The database at {where} cannot be reached: {reason}", where=database.place(), reason=reason, retry=again
        )
    return NodeError("The database at {where} refuses: {reason}", where=database.place(), reason=reason, retry=again)


def first_line(error: Any) -> str:
    """The first line of a driver's error: the rest repeats the statement."""
    diagnosis = getattr(getattr(error, "diag", None), "message_primary", None)
    lines = str(diagnosis or error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


_TOKENS = re.compile(
    r"""(?P<skip>'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    | \$(?P<name>[A-Za-z_]\w*) | (?P<percent>%)""",
    re.VERBOSE | re.DOTALL,
)


def bound(query: str, parameters: Mapping[str, Any], system: str) -> tuple[str, dict[str, Any]]:
    """The query in the driver's own parameter style, with the values of its `$name`s; texts and comments stay untouched."""
    values: dict[str, Any] = {}

    def put(match: re.Match[str]) -> str:
        name = match["name"]
        if name is None:
            return match[0] if system == "sqlite" else match[0].replace("%", "%%")
        if name not in parameters:
            raise NodeError(
                "The query names “${name}”, which is not a parameter. Parameters: {known}.",
                name=name,
                known=sorted(parameters) or ["–"],
                field="query",
            )
        values[name] = plain(parameters[name]) if system == "sqlite" else parameters[name]
        return f":{name}" if system == "sqlite" else f"%({name})s"

    return _TOKENS.sub(put, query.strip().rstrip(";")), values


def plain(value: Any) -> Any:
    """A value as SQLite keeps it: dates and times as ISO texts, decimals as exact texts, nested values as JSON."""
    import datetime
    import decimal
    import json

    if isinstance(value, bool):
        return int(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, dict | list):
        return json.dumps(value, default=str, ensure_ascii=False)
    return value
