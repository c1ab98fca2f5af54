"""Formulas that try to reach files, network, settings or other tables: refused; as raw SQL, without the guard, they succeed."""

from __future__ import annotations

from pathlib import Path

import duckdb
import ibis
import pytest

from tisserand.sdk.errors import NodeError
from tisserand.sdk.formulas import compile_formula

SECRET = "the secret content"

# Expressions, and what DuckDB gives for them where nothing guards it. FILE stands for a file that holds SECRET.
READS = {
    "read_text in a subquery": ("(SELECT content FROM read_text('FILE'))", SECRET),
    "a file as a table": ("(SELECT * FROM 'FILE.csv')", SECRET),
    "read_csv": ("(SELECT a FROM read_csv('FILE.csv'))", SECRET),
    "glob": ("(SELECT file FROM glob('FILE'))", "FILE"),
    "a setting": ("current_setting('threads') > 0", True),
    "another table": ("(SELECT secret FROM other)", SECRET),
    "exists": ("EXISTS (SELECT 1 FROM other)", True),
    "in a subquery": (f"'{SECRET}' IN (SELECT secret FROM other)", True),
    "catalogue by a quoted name": ('(SELECT max(table_name) FROM "information_schema"."tables")', "other"),
    "a macro": ("leak()", SECRET),
    "a dotted macro": ("main.leak()", SECRET),
    "a window": ("count(*) OVER ()", 1),
    "a cast by colons": ("'12'::INTEGER", 12),
    "an interval": ("INTERVAL '1' DAY = INTERVAL '24 hours'", None),
    "a lambda": ("list_transform([1], lambda x: x + 1)[1]", 2),
    "a dotted function": ("'abc'.upper()", "ABC"),
    "a struct": ("{'a': 1}.a", 1),
    "a sequence": ("nextval('numbers')", 1),
    "a huge list": ("len(range(1000))", 1000),
    "a table as a row": ("input.x", 1),
}


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(SECRET)
    (tmp_path / "secret.csv").write_text(f"a\n{SECRET}\n")
    return path


@pytest.mark.parametrize("attack", READS)
def test_refused_and_the_guard_matters(attack: str, secret_file: Path) -> None:
    formula, expected = READS[attack]
    formula = formula.replace("FILE", str(secret_file))
    table = ibis.table({"x": "int64"}, name="input")
    with pytest.raises(NodeError) as error:
        compile_formula(formula, table, {})
    assert str(error.value).endswith((".", "?"))

    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE input AS SELECT 1::BIGINT AS x")
        connection.execute(f"CREATE TABLE other AS SELECT '{SECRET}' AS secret")
        connection.execute("CREATE MACRO leak() AS (SELECT secret FROM other)")
        connection.execute("CREATE SEQUENCE numbers")
        [[found]] = connection.sql(f"SELECT {formula} FROM input").fetchall()
    if isinstance(expected, str):
        assert found == expected.replace("FILE", str(secret_file))
    elif expected is not None:
        assert found == expected


def test_a_statement_behind_a_semicolon(secret_file: Path) -> None:
    target = secret_file.with_name("written.csv")
    formula = f"1; COPY (SELECT 42 AS a) TO '{target}'; SELECT 1"
    with pytest.raises(NodeError, match="not allowed"):
        compile_formula(formula, ibis.table({"x": "int64"}, name="input"), {})
    with duckdb.connect() as connection:
        connection.execute(f"SELECT {formula}")
    assert target.read_text() == "a\n42\n"


def test_attach_writes_a_database(secret_file: Path) -> None:
    target = secret_file.with_name("made.db")
    formula = f"1; ATTACH '{target}' AS made; CREATE TABLE made.t AS SELECT 1"
    with pytest.raises(NodeError, match="not allowed"):
        compile_formula(formula, ibis.table({"x": "int64"}, name="input"), {})
    with duckdb.connect() as connection:
        connection.execute(f"SELECT {formula}")
    assert target.exists()


def test_leaving_a_text_by_its_quote() -> None:
    """A text stays a text, whatever quotes it holds: it is never pasted into SQL unescaped."""
    table = ibis.table({"x": "int64"}, name="input")
    attack = "' || (SELECT secret FROM other) || '"
    compiled = compile_formula("$text", table, {"text": attack})
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE other AS SELECT '{SECRET}' AS secret; CREATE TABLE input AS SELECT 1::BIGINT AS x")
        assert connection.sql(ibis.to_sql(table.select(x=compiled), dialect="duckdb")).fetchall() == [(attack,)]
        assert connection.sql(f"SELECT '{attack}'").fetchall() == [(SECRET,)]


@pytest.mark.parametrize(
    "formula",
    [
        "read_csv('x')",
        "read_text('x')",
        "getenv('HOME')",
        "pg_read_file('/etc/passwd')",
        "query('SELECT 1')",
        "query_table('other')",
        "http_get('http://localhost')",
        "load_extension('x')",
        "COLUMNS('.*')",
        "'other'::regclass",
        "x AT TIME ZONE 'UTC'",
        "x COLLATE nocase",
        "{fn now()}",
        "VALUES (1)",
        "FROM other",
        "PRAGMA version",
        "x := 1",
        "ARRAY[1, 2]",
        "x[1]",
        "? + 1",
        "@@version",
        "/*+ hint */ read_csv('x')",
        "upper(DISTINCT 'x')",
        "count(*) FILTER (WHERE x > 1)",
    ],
)
def test_also_refused(formula: str) -> None:
    for aggregate in (False, True):
        with pytest.raises(NodeError):
            compile_formula(formula, ibis.table({"x": "int64"}, name="input"), {}, aggregate)
