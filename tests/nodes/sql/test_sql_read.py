"""Reading databases: types, parameters bound, streaming, and nothing that can be changed or reached on the way."""

from __future__ import annotations

import datetime
import decimal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tisserand.sdk import Discovery, NodeError, Schema
from tisserand.sdk.fields import FilledSecret
from tisserand.sdk.testing import LoneContext, columns, config_of, run_reader
from tisserand_nodes.sql.connection import Database, bound
from tisserand_nodes.sql.read import ReadSql


def test_a_table_comes_typed(bench: Any, tmp_path: Path) -> None:
    blob = "bytea" if bench.system == "postgresql" else "blob"
    bench.ask(f"""CREATE TABLE "od'd ""t" (id bigint, name varchar(9), price decimal(10, 2), part real, ok boolean, day date,
        at timestamp, raw {blob}, "a b%c:d" text)""")
    hexed = r"'\x00ff'" if bench.system == "postgresql" else "x'00ff'"
    bench.ask(f"""INSERT INTO "od'd ""t" VALUES
        (1, 'é', 12.5, 0.5, true, '2024-02-29', '2024-02-29 12:30:00', {hexed}, 'x'),
        (2, null, null, null, null, null, null, null, null)""")
    found = run_reader(ReadSql, {"connection": "db", "table": "od'd \"t"}, tmp_path, connections=bench.connections)
    assert found.rows()[0] == {
        "id": 1, "name": "é", "price": decimal.Decimal("12.50"), "part": 0.5, "ok": True, "day": datetime.date(2024, 2, 29),
        "at": datetime.datetime(2024, 2, 29, 12, 30), "raw": b"\x00\xff", "a b%c:d": "x",
    }  # fmt: skip
    assert set(found.rows()[1].values()) == {2, None}
    assert found.found is not None
    assert columns(found.found.schema) | {"part": "float"} == {
        "id": "int64", "name": "string", "price": "decimal(10, 2)", "part": "float", "ok": "boolean", "day": "date",
        "at": "timestamp(6)", "raw": "binary", "a b%c:d": "string",
    }  # fmt: skip


def test_parameters_are_bound_and_never_pasted(bench: Any, tmp_path: Path) -> None:
    bench.ask("CREATE TABLE people (name text, age int)")
    bench.ask("INSERT INTO people VALUES ('Ann', 30), ('Bob', 40)")
    query = "SELECT name, '$name 100%' AS text, age % 7 AS rest FROM people WHERE name = $name /* $no */ -- $no"
    given = {"name": "x' OR '1'='1"}
    found = run_reader(ReadSql, {"connection": "db", "query": query}, tmp_path, connections=bench.connections, parameters=given)
    assert found.rows() == []
    # With the binding removed the attack reads every row.
    assert len(bench.ask(f"SELECT name FROM people WHERE name = '{given['name']}'")) == 2
    given = {"name": "Ann"}
    found = run_reader(ReadSql, {"connection": "db", "query": query}, tmp_path, connections=bench.connections, parameters=given)
    assert found.rows() == [{"name": "Ann", "text": "$name 100%", "rest": 2}]
    with pytest.raises(NodeError, match="“\\$name”, which is not a parameter"):
        run_reader(ReadSql, {"connection": "db", "query": query}, tmp_path, connections=bench.connections)


def test_rows_are_streamed_in_batches(bench: Any, tmp_path: Path) -> None:
    series = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000) SELECT i FROM n"
    found = run_reader(
        ReadSql, {"connection": "db", "query": series, "batch_rows": 1000}, tmp_path, connections=bench.connections
    )
    assert found["rows"].num_rows == 25_000 and found["rows"].column(0).num_chunks == 25
    assert sum(found["rows"]["i"].to_pylist()) == 25_000 * 25_001 // 2
    assert found.rows_counted == 25_000


@pytest.mark.parametrize("attack", ["DELETE FROM people", "DROP TABLE people", "INSERT INTO people VALUES ('x', 1)"])
def test_reading_changes_nothing(bench: Any, tmp_path: Path, attack: str) -> None:
    bench.ask("CREATE TABLE people (name text, age int)")
    bench.ask("INSERT INTO people VALUES ('Ann', 30)")
    with pytest.raises(NodeError):
        run_reader(ReadSql, {"connection": "db", "query": attack}, tmp_path, connections=bench.connections)
    # Past the discovery, too: a lock file may say that this query gives rows.
    ctx, known = LoneContext(tmp_path, bench.connections), Discovery(Schema.of({"a": "int64"}))
    with pytest.raises(NodeError):
        list(ReadSql().read(ctx, config_of(ReadSql, {"connection": "db", "query": attack}), known))
    assert bench.ask("SELECT count(*) FROM people") == [(1,)]
    bench.ask(attack)  # with the guard removed it succeeds


def test_a_function_that_writes_is_stopped_by_the_transaction(postgres: Any, tmp_path: Path) -> None:
    import psycopg

    connection = Database(system="postgresql", host=postgres.host, port=postgres.port, database="postgres", user="tisserand",
                          password=FilledSecret(postgres.password))  # fmt: skip
    with psycopg.connect(postgres.dsn, autocommit=True) as own:
        own.execute("CREATE TABLE IF NOT EXISTS kept (a int); TRUNCATE kept; INSERT INTO kept VALUES (1)")
        own.execute("CREATE OR REPLACE FUNCTION wipe() RETURNS int LANGUAGE sql AS 'DELETE FROM kept RETURNING 1'")
        with pytest.raises(NodeError, match="read-only transaction"):
            run_reader(ReadSql, {"connection": "db", "query": "SELECT wipe() AS a"}, tmp_path, connections={"db": connection})
        assert own.execute("SELECT count(*) FROM kept").fetchall() == [(1,)]
        own.execute("SELECT wipe()")  # with the guard removed it succeeds
        assert own.execute("SELECT count(*) FROM kept").fetchall() == [(0,)]


def test_sqlite_reaches_no_other_file(tmp_path: Path) -> None:
    for name in ("in", "out"):
        with sqlite3.connect(tmp_path / f"{name}.sqlite") as own:
            own.execute("CREATE TABLE t (a)")
        own.close()
    connections = {"db": Database(system="sqlite", file=str(tmp_path / "in.sqlite"))}
    for attack in (
        f"ATTACH '{tmp_path}/out.sqlite' AS o",
        f"VACUUM INTO '{tmp_path}/stolen.sqlite'",
        "SELECT load_extension('x')",
    ):
        with pytest.raises(NodeError):
            run_reader(ReadSql, {"connection": "db", "query": attack}, tmp_path, connections=connections)
        config = config_of(ReadSql, {"connection": "db", "query": attack})
        with pytest.raises(NodeError):
            list(ReadSql().read(LoneContext(tmp_path, connections), config, Discovery(Schema.of({"a": "int64"}))))
    assert not (tmp_path / "stolen.sqlite").exists()
    outside = {"db": Database(system="sqlite", file="/etc/passwd")}
    with pytest.raises(NodeError, match="outside the workspace"):
        run_reader(ReadSql, {"connection": "db", "table": "t"}, tmp_path, connections=outside)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"table": "peopel"}, "no table “peopel”"),
        ({"query": "SELEC 1"}, "refuses"),
        ({"query": "SELECT 1 AS a, 2 AS a"}, "comes twice|refuses"),
        ({"query": "SELECT 1 AS a", "types": {"b": "int64"}}, "no column “b”"),
        ({"query": "SELECT 1 AS a", "types": {"a": "nonsense"}}, "not a type"),
        ({}, "either a table or a query"),
        ({"table": "a\0b"}, "not a name"),
        ({"table": "people; DROP TABLE people"}, "no table"),
    ],
)
def test_faults_are_sentences(bench: Any, tmp_path: Path, config: dict[str, Any], sentence: str) -> None:
    bench.ask("CREATE TABLE people (name text)")
    with pytest.raises(NodeError, match=sentence):
        run_reader(ReadSql, {"connection": "db", **config}, tmp_path, connections=bench.connections)
    assert bench.ask("SELECT count(*) FROM people") == [(0,)]


def test_a_value_that_does_not_fit_is_named(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "db.sqlite") as own:
        own.execute("CREATE TABLE t (n integer)")
        own.executemany("INSERT INTO t VALUES (?)", [(1,), (2,), ("many",)])
    own.close()
    connections = {"db": Database(system="sqlite", file=str(tmp_path / "db.sqlite"))}
    with pytest.raises(NodeError, match="Row 3: “many” in the column “n” is not of type int64"):
        run_reader(ReadSql, {"connection": "db", "table": "t"}, tmp_path, connections=connections)
    found = run_reader(ReadSql, {"connection": "db", "table": "t", "types": {"n": "string"}}, tmp_path, connections=connections)
    assert [row["n"] for row in found.rows()] == ["1", "2", "many"]


def test_check_says_what_is_there(bench: Any) -> None:
    bench.ask("CREATE TABLE a (x int)")
    bench.ask("CREATE TABLE b (x int)")
    said = str(bench.connection.check())
    assert said.endswith(", 2 tables") and said.startswith("SQLite 3." if bench.system == "sqlite" else "PostgreSQL ")


def test_a_wrong_password_or_port_is_a_sentence_without_the_password(postgres: Any) -> None:
    base = {"system": "postgresql", "host": postgres.host, "database": "postgres", "user": "tisserand"}
    wrong = Database(**base, port=postgres.port).model_copy(update={"password": FilledSecret("planted-wrong")})
    with pytest.raises(NodeError, match="password authentication failed") as error:
        wrong.check()
    assert "planted" not in str(error.value) and not error.value.retry
    with pytest.raises(NodeError, match="cannot be reached") as error:
        Database(**base, port=1).check()
    assert error.value.retry


def test_dollars_in_texts_stay() -> None:
    query = """SELECT $a, '$a', "$a", $$ $a $$, $q$ $a $q$, /* $a */ '%' -- $a"""
    assert bound(query, {"a": 1}, "postgresql") == (
        """SELECT %(a)s, '$a', "$a", $$ $a $$, $q$ $a $q$, /* $a */ '%%' -- $a""",
        {"a": 1},
    )
