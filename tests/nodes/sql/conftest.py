"""Both database systems, each a real one, as the same fixture."""

from __future__ import annotations

import importlib.util
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tisserand.sdk.fields import FilledSecret
from tisserand_nodes.sql.connection import Database


def _load(name: str) -> Any:
    path = Path(__file__).parents[2] / "servers" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"tests_servers_{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@dataclass
class Bench:
    """One database with a way to ask it past the nodes."""

    system: str
    connection: Database
    ask: Callable[..., list[tuple[Any, ...]]]

    @property
    def connections(self) -> dict[str, Database]:
        return {"db": self.connection}


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    with _load("postgres").running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def bench(request: Any, tmp_path: Path) -> Iterator[Bench]:
    if request.param == "sqlite":
        file = tmp_path / "db.sqlite"

        def ask_sqlite(sql: str, *values: Any) -> list[tuple[Any, ...]]:
            connection = sqlite3.connect(file)
            try:
                rows = connection.execute(sql, values).fetchall()
                connection.commit()
                return rows
            finally:
                connection.close()

        ask_sqlite("VACUUM")
        yield Bench("sqlite", Database(system="sqlite", file=str(file)), ask_sqlite)
        return
    import psycopg

    server = request.getfixturevalue("postgres")
    with psycopg.connect(server.dsn, autocommit=True) as own:
        own.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")

        def ask(sql: str, *values: Any) -> list[tuple[Any, ...]]:
            cursor = own.execute(sql, values or None)
            return cursor.fetchall() if cursor.description else []

        connection = Database(
            system="postgresql", host=server.host, port=server.port, database=server.database, user=server.user,
            password=FilledSecret(server.password),
        )  # fmt: skip
        yield Bench("postgresql", connection, ask)
