"""Conditions that are written are read back alike, and mean in DuckDB what their words say."""

from __future__ import annotations

import duckdb
import ibis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tisserand.model.formula.conditions import COMPARISONS, Condition, complete, kind_of, offered, read, write
from tisserand.sdk.formulas import compile_formula

COLUMNS = st.sampled_from(["a", "Größe", 'qu"ote', "two words", "null"])
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
NUMBERS = st.one_of(st.integers(-(10**9), 10**9).map(str), st.decimals(-1000, 1000, places=2, allow_nan=False).map(str))


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    kind = draw(st.sampled_from(["text", "number"]))
    values = TEXTS if kind == "text" else NUMBERS
    column = draw(COLUMNS)
    comparison = draw(
        st.sampled_from([*COMPARISONS, "between", "in", "not in", "is null", "not is null", "is true", "not is true"])
    )
    base = comparison.removeprefix("not ")
    count = {"between": 2, "is null": 0, "is true": 0, "in": draw(st.integers(1, 4))}.get(base, 1)
    given = tuple(draw(values) for _number in range(count))
    return Condition(column, comparison, given, kind if count else "text")  # type: ignore[arg-type]


@given(st.lists(conditions(), min_size=1, max_size=4), st.sampled_from(["and", "or"]))
def test_what_is_written_is_read_back(wanted: list[Condition], join: str) -> None:
    text = write(wanted, join)  # type: ignore[arg-type]
    found = read(text)
    assert found is not None, text
    assert read(write(found[1], found[0])) == found
    assert [(c.column, c.comparison, tuple(map(_value, c.values))) for c in found[1]] == [
        (c.column, c.comparison, tuple(map(_value, c.values))) for c in wanted
    ]
    assert len(wanted) == 1 or found[0] == join


def _value(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text


@pytest.mark.parametrize(
    "text",
    [
        "a + 1 > 2",
        "a > b",
        "upper(a) = 'X'",
        "a = 1 and (b = 2 or c = 3)",
        "case when a then b end",
        "a =",
        "not (a > 1)",
        "a > $x",
    ],
)
def test_what_is_more_than_a_list_is_left_alone(text: str) -> None:
    assert read(text) is None


def test_what_lacks_something_is_left_out() -> None:
    ready = Condition("a", ">", ("5",), "number")
    lacking = [
        Condition("", "=", ("x",)),
        Condition("a", ">", ("five",), "number"),
        Condition("a", "between", ("1",), "number"),
        Condition("d", "=", ("soon",), "date"),
        Condition("a", "in", ()),
    ]
    assert write([lacking[0], ready, *lacking[1:]]) == "a > 5"
    assert not any(complete(each) for each in lacking) and complete(ready)
    assert read("") == ("and", []) and read("  ") == ("and", [])


ROWS = [("ab", 1, "2026-01-05", True), ("b'c", 5, "2026-02-01", False), (None, None, None, None), ("x", 9, "2026-03-01", True)]
CASES = [
    (Condition("t", "contains", ("b",)), "t LIKE '%b%'"),
    (Condition("t", "not contains", ("b",)), "NOT (t LIKE '%b%')"),
    (Condition("t", "starts_with", ("a",)), "t LIKE 'a%'"),
    (Condition("t", "ends_with", ("c",)), "t LIKE '%c'"),
    (Condition("t", "=", ("b'c",)), "t = 'b''c'"),
    (Condition("t", "not in", ("x", "ab")), "t NOT IN ('x', 'ab')"),
    (Condition("t", "is null"), "t IS NULL"),
    (Condition("n", "between", ("2", "9"), "number"), "n BETWEEN 2 AND 9"),
    (Condition("n", "<>", ("5",), "number"), "n <> 5"),
    (Condition("d", ">=", ("2026-02-01",), "date"), "d >= DATE '2026-02-01'"),
    (Condition("d", "in", ("2026-01-05", "2026-03-01"), "date"), "d IN (DATE '2026-01-05', DATE '2026-03-01')"),
    (Condition("f", "is true"), "f"),
    (Condition("f", "not is true"), "NOT f"),
]


@pytest.mark.parametrize(("condition", "sql"), CASES, ids=[f"{c.column} {c.comparison}" for c, _sql in CASES])
def test_conditions_mean_what_they_say(condition: Condition, sql: str) -> None:
    with duckdb.connect() as db:
        db.execute("CREATE TABLE r (t VARCHAR, n BIGINT, d DATE, f BOOLEAN)")
        db.executemany("INSERT INTO r VALUES (?, ?, ?, ?)", ROWS)
        wanted = db.execute(f"SELECT * FROM r WHERE {sql}").fetchall()
        table = ibis.table({"t": "string", "n": "int64", "d": "date", "f": "boolean"}, name="r")
        compiled = ibis.to_sql(table.filter(compile_formula(write([condition]), table, {})), dialect="duckdb")
        assert db.execute(str(compiled)).fetchall() == wanted


def test_what_is_offered_fits_the_type() -> None:
    assert "contains" in offered("text") and ">" not in offered("text")
    assert "between" in offered("date") and kind_of("date") == "date"
    assert offered("boolean")[0] == "is true" and kind_of("float") == "number"
