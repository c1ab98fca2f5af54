"""Writing databases: modes, one transaction, once per run, rejects, plans, and names that cannot inject."""

from __future__ import annotations

import datetime
import decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tisserand.sdk import NodeError
from tisserand.sdk.testing import LoneContext, config_of, plan_writer, run_reader, run_writer
from tisserand_nodes.sql.read import ReadSql
from tisserand_nodes.sql.write import WriteSql

PEOPLE = pa.table({"id": [1, 2, 3], "name": ["Ann", "Bob", None]})


def write(bench: Any, folder: Path, rows: pa.Table, key: str = "run/1", **config: Any) -> Any:
    raw = {"connection": "db", "table": "people", **config}
    return run_writer(WriteSql, raw, rows, folder, connections=bench.connections, key=key)


def test_every_type_comes_back_as_it_went(bench: Any, tmp_path: Path) -> None:
    table = pa.table(
        {
            "i": pa.array([1, -(2**62), None]),
            "f": [0.1, 1e300, None],
            "t": ["é'\"%;$x", "", None],
            "b": [True, False, None],
            "d": [datetime.date(1, 1, 1), datetime.date(9999, 12, 31), None],
            "ts": pa.array([datetime.datetime(2024, 2, 29, 1, 2, 3, 456789), None, None], pa.timestamp("us")),
            "n": pa.array([decimal.Decimal("12345678901234.56"), decimal.Decimal("-0.01"), None], pa.decimal128(18, 2)),
            "raw": pa.array([b"\x00'", b"", None]),
            'odd "name%(x)s': ["1", None, "3"],
        }
    )
    written = write(bench, tmp_path, table)
    assert written.written.rows == 3
    back = run_reader(ReadSql, {"connection": "db", "table": "people"}, tmp_path, connections=bench.connections)
    assert back["rows"].to_pylist() == table.to_pylist()


def test_append_and_replace(bench: Any, tmp_path: Path) -> None:
    write(bench, tmp_path, PEOPLE, "a")
    write(bench, tmp_path, PEOPLE, "b")
    assert bench.ask("SELECT count(*) FROM people") == [(6,)]
    write(bench, tmp_path, PEOPLE.slice(1), "c", mode="replace")
    assert bench.ask("SELECT id, name FROM people ORDER BY id") == [(2, "Bob"), (3, None)]


def test_upsert_changes_and_adds(bench: Any, tmp_path: Path) -> None:
    bench.ask("CREATE TABLE people (id int PRIMARY KEY, name text, note text DEFAULT 'new')")
    bench.ask("INSERT INTO people VALUES (1, 'Ann', 'old'), (9, 'Zoe', 'old')")
    table = pa.table({"id": [1, 2, 2], "name": ["Anna", "Bob", "Bert"]})
    write_upsert(bench, tmp_path, table, "a")
    assert bench.ask("SELECT id, name, note FROM people ORDER BY id") == [
        (1, "Anna", "old"),
        (2, "Bert", "new"),
        (9, "Zoe", "old"),
    ]


def write_upsert(bench: Any, folder: Path, table: pa.Table, run: str) -> Any:
    raw = {"connection": "db", "table": "people", "mode": "upsert", "key": ["id"]}
    return run_writer(WriteSql, raw, table, folder, connections=bench.connections, key=run)


def test_upsert_makes_a_table_with_its_key(bench: Any, tmp_path: Path) -> None:
    write_upsert(bench, tmp_path, PEOPLE, "a")
    write_upsert(bench, tmp_path, pa.table({"id": [3], "name": ["Cyd"]}), "b")
    assert bench.ask("SELECT id, name FROM people ORDER BY id") == [(1, "Ann"), (2, "Bob"), (3, "Cyd")]


def test_the_same_key_writes_once(bench: Any, tmp_path: Path) -> None:
    assert write(bench, tmp_path, PEOPLE, "same").written.rows == 3
    again = write(bench, tmp_path, PEOPLE, "same")
    assert again.written.rows == 3
    assert bench.ask("SELECT count(*) FROM people") == [(3,)]
    assert bench.ask("SELECT key, rows FROM _tisserand_done") == [("same", 3)]


def test_a_broken_off_write_leaves_nothing_and_can_be_done_again(bench: Any, tmp_path: Path) -> None:
    bench.ask("CREATE TABLE people (id int, name text)")
    bench.ask("INSERT INTO people VALUES (7, 'old')")

    def broken() -> Any:
        yield PEOPLE.to_batches()[0]
        raise ConnectionError("the power is gone")

    ctx = LoneContext(tmp_path, bench.connections, key="k")
    config = config_of(WriteSql, {"connection": "db", "table": "people", "mode": "replace"})
    from tisserand.sdk.arrow import from_arrow

    with pytest.raises(ConnectionError):
        WriteSql().write(ctx, config, from_arrow(PEOPLE.schema), broken())
    assert bench.ask("SELECT id FROM people") == [(7,)]
    write(bench, tmp_path, PEOPLE, "k", mode="replace")
    assert bench.ask("SELECT count(*) FROM people") == [(3,)]


def constrained(bench: Any) -> None:
    bench.ask("CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL)")
    bench.ask("INSERT INTO people VALUES (2, 'here')")


def test_refused_rows_go_to_the_rejects_and_the_rest_is_written(bench: Any, tmp_path: Path) -> None:
    constrained(bench)
    table = pa.table({"id": [1, 2, 3, 4], "name": ["Ann", "Bob", None, "Dan"]})
    result = write(bench, tmp_path, table, batch_rows=3)
    assert bench.ask("SELECT id, name FROM people ORDER BY id") == [(1, "Ann"), (2, "here"), (4, "Dan")]
    assert [(reject.row["id"], reject.place) for reject in result.rejects] == [(2, "row 2"), (3, "row 3")]
    assert "Row 2, column “id”" in result.rejects[0].error and "Row 3, column “name”" in result.rejects[1].error
    assert result.written.rows == 2


def test_without_rejects_the_whole_transaction_fails_and_names_the_row(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    constrained(bench)

    def refuse(self: LoneContext, row: Any, error: Any, place: str = "") -> None:
        raise NodeError("A row was refused: {error}", error=error)

    monkeypatch.setattr(LoneContext, "reject", refuse)
    with pytest.raises(NodeError, match="Row 3, column “name”"):
        write(bench, tmp_path, pa.table({"id": [5, 1, 3], "name": ["Eve", "Ann", None]}))
    assert bench.ask("SELECT id, name FROM people") == [(2, "here")]
    with pytest.raises(NodeError, match=r"column “id”.*NULL"):
        write_upsert(bench, tmp_path, pa.table({"id": [None, 1], "name": ["Eve", "Ann"]}), "u")
    assert bench.ask("SELECT id, name FROM people") == [(2, "here")]


def test_a_text_in_a_number_column_names_row_and_column(postgres: Any, bench: Any, tmp_path: Path) -> None:
    if bench.system == "sqlite":
        return  # SQLite keeps any value in any column
    bench.ask("CREATE TABLE people (id int, name text)")
    result = write(bench, tmp_path, pa.table({"id": ["1", "abc"], "name": ["x", "y"]}))
    assert [reject.error for reject in result.rejects] == [
        'Row 2, column “id”: “people” does not take it: invalid input syntax for type integer: "abc"'
    ]
    assert bench.ask("SELECT id FROM people") == [(1,)]


def test_a_plan_counts_and_touches_nothing(bench: Any, tmp_path: Path) -> None:
    def plan(table: pa.Table, **config: Any) -> Any:
        return plan_writer(
            WriteSql, {"connection": "db", "table": "people", **config}, table, tmp_path, connections=bench.connections
        )

    effect = plan(PEOPLE)
    assert (effect.insert, effect.update, effect.delete) == (3, 0, 0)
    tables = "sqlite_master" if bench.system == "sqlite" else "pg_tables WHERE schemaname = 'public'"
    assert bench.ask(f"SELECT count(*) FROM {tables}") == [(0,)]
    bench.ask("CREATE TABLE people (id bigint PRIMARY KEY, name text)")
    bench.ask("INSERT INTO people VALUES (1, 'Ann'), (2, 'Old'), (8, 'Zoe')")
    effect = plan(PEOPLE, mode="upsert", key=["id"])
    assert (effect.insert, effect.update, effect.unchanged, effect.delete) == (1, 1, 1, 0)
    assert effect.samples == {"insert": [{"id": 3, "name": None}], "update": [{"id": 2, "name": "Bob"}]}
    effect = plan(PEOPLE, mode="replace")
    assert (effect.insert, effect.delete) == (3, 3)
    assert bench.ask("SELECT id, name FROM people ORDER BY id") == [(1, "Ann"), (2, "Old"), (8, "Zoe")]


@pytest.mark.parametrize(
    "name", ['x"; DROP TABLE kept; --', "x'; DROP TABLE kept; --", "x`); DROP TABLE kept", 'a"b', "%(p0)s", ":p0"]
)
def test_names_do_not_inject(bench: Any, tmp_path: Path, name: str) -> None:
    bench.ask("CREATE TABLE kept (a int)")
    table = pa.table({"id": [1], name: ["v"]})
    for run, mode in enumerate(("append", "upsert", "replace")):
        raw = {"connection": "db", "table": name, "mode": mode, "key": ["id"]}
        run_writer(WriteSql, raw, table, tmp_path, connections=bench.connections, key=f"r{run}")
    back = run_reader(ReadSql, {"connection": "db", "table": name}, tmp_path, connections=bench.connections)
    assert back.rows() == [{"id": 1, name: "v"}]
    assert bench.ask("SELECT count(*) FROM kept") == [(0,)]


def test_the_injection_succeeds_without_quoting(bench: Any) -> None:
    """What `test_names_do_not_inject` guards against is real: pasted into a statement, the name drops the table."""
    bench.ask("CREATE TABLE kept (a int)")
    pasted = 'CREATE TABLE "x" (a int); DROP TABLE kept; --" (id int)'
    if bench.system == "sqlite":
        for statement in pasted.split(";")[:2]:
            bench.ask(statement)
    else:
        bench.ask(pasted)
    with pytest.raises(Exception, match="kept"):
        bench.ask("SELECT * FROM kept")


def test_faults_are_sentences(bench: Any, tmp_path: Path) -> None:
    with pytest.raises(NodeError, match="no table “people”"):
        write(bench, tmp_path, PEOPLE, create=False)
    bench.ask("CREATE TABLE people (id int)")
    with pytest.raises(NodeError, match="no column “name”"):
        write(bench, tmp_path, PEOPLE)
    bench.ask("ALTER TABLE people ADD COLUMN name text")
    with pytest.raises(NodeError, match="no primary key and no unique"):
        write_upsert(bench, tmp_path, PEOPLE, "u")
    with pytest.raises(NodeError, match="no column “nr”"):
        run_writer(
            WriteSql, {"connection": "db", "table": "people", "mode": "upsert", "key": ["nr"]}, PEOPLE, tmp_path,
            connections=bench.connections,
        )  # fmt: skip
    with pytest.raises(NodeError, match="studio's own"):
        write(bench, tmp_path, PEOPLE, table="_tisserand_done")
    assert bench.ask("SELECT count(*) FROM people") == [(0,)]
