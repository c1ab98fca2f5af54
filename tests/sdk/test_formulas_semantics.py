"""What formulas mean, against values worked out by hand, and the sentences for what does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import ibis
import pyarrow as pa
import pytest

from tisserand.sdk.errors import NodeError
from tisserand.sdk.formulas import columns_used, compile_formula, formula_type

ROW = {
    "qty": pa.array([7], pa.int32()),
    "tiny": pa.array([120], pa.int8()),
    "big": pa.array([2**63 - 1], pa.int64()),
    "price": pa.array([Decimal("19.99")], pa.decimal128(10, 2)),
    "rate": pa.array([0.1], pa.float64()),
    "name": pa.array(["Zoé"], pa.string()),
    "none": pa.array([None], pa.string()),
    "zero": pa.array([0], pa.int64()),
    "ok": pa.array([True], pa.bool_()),
    "born": pa.array([date(2026, 1, 31)], pa.date32()),
    "seen": pa.array([datetime(2026, 3, 9, 14, 5, 6, 700000)], pa.timestamp("us")),
    "zoned": pa.array([datetime(2026, 3, 9, 14, 0, tzinfo=UTC)], pa.timestamp("us", "UTC")),
    "odd name": pa.array([5], pa.int64()),
}


def value(formula: str, parameters: Mapping[str, Any] | None = None) -> Any:
    rows = pa.table(ROW)
    table = ibis.table(ibis.Schema.from_pyarrow(rows.schema), name="input")
    compiled = compile_formula(formula, table, parameters or {})
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("input", rows)
        found = connection.sql(ibis.to_sql(table.select(x=compiled), dialect="duckdb")).to_arrow_table()["x"]
    assert found.type == compiled.type().to_pyarrow(), formula
    return found[0].as_py()


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("qty / 2", 3.5),
        ("qty / zero", None),
        ("qty % zero", None),
        ("-qty % 3", -1),
        ("tiny + tiny", 240),
        ("100000 * 100000", 10_000_000_000),
        ("0.1 + 0.2", 0.30000000000000004),
        ("price * qty", Decimal("139.93")),
        ("price * price", Decimal("399.6001")),
        ("price + 1", Decimal("20.99")),
        ("price - 0.99", 19.0),
        ("price % 5", Decimal("4.99")),
        ("price = 20", False),
        ("price IN (19, 20)", False),
        ("price BETWEEN 19 AND 20", True),
        ("coalesce(price, 0)", Decimal("19.99")),
        ("greatest(price, 20)", Decimal("20.00")),
        ("if(ok, price, 0)", Decimal("19.99")),
        ("CASE WHEN ok THEN 0 ELSE price END", Decimal("0.00")),
        ("nullif(price, 0)", Decimal("19.99")),
        ("coalesce(NULL, price, CAST(1 AS decimal(4, 3)))", Decimal("19.990")),
        ("price / 0", None),
        ("-price", Decimal("-19.99")),
        ("abs(-price)", Decimal("19.99")),
        ("floor(price)", 19),
        ("ceil(price)", 20),
        ("sign(-price)", -1),
        ("to_text(price)", "19.99"),
        ("CAST(price AS integer)", 20),
        ("CAST('12.345' AS decimal(6, 2))", Decimal("12.35")),
        ("round(price)", Decimal("20.00")),
        ("round(price, 1)", Decimal("20.00")),
        ("price > 19.5", True),
        ("round(0.5)", 1.0),
        ("round(-0.5)", -1.0),
        ("round(big, -2)", 9_223_372_036_854_775_800),
        ("round(-1250, -2)", -1300),
        ("CAST(2.5 AS integer)", 3),
        ("CAST(-3.5 AS integer)", -4),
        ("TRY_CAST(2.5 AS integer)", 3),
        ("TRY_CAST(1e300 AS integer)", None),
        ("TRY_CAST(none AS integer)", None),
        ("TRY_CAST(name AS date)", None),
        ("none = 'x'", None),
        ("none <> 'x'", None),
        ("NOT (none = 'x')", None),
        ("none = 'x' OR ok", True),
        ("none = 'x' AND NOT ok", False),
        ("none IS NULL", True),
        ("(none = 'x') IS TRUE", False),
        ("name IN ('x', NULL)", None),
        ("name NOT IN ('x')", True),
        ("'Z' < 'a'", True),
        ("upper(none)", None),
        ("none || 'x'", None),
        ("concat(none, 'x')", "x"),
        ("qty || ' pieces'", "7 pieces"),
        ("length(name)", 3),
        ("substr(name, 3, 1)", "é"),
        ("substr(name, 0, 2)", "Zo"),
        ("substr(name, -5)", "Zoé"),
        ("left(name, -1)", ""),
        ("lpad(name, 8, 'ab')", "ababaZoé"),
        ("split_part('a;b', ';', 0)", None),
        ("split_part('a;b', ';', -1)", None),
        ("born < '2026-02-01'", True),
        ("born BETWEEN '2026-01-31' AND '2026-01-31'", True),
        ("born = seen", False),
        ("born IN ('2026-01-31')", True),
        ("seen > born", True),
        ("date_add('month', 1, born)", date(2026, 2, 28)),
        ("date_add('hour', 1, born)", datetime(2026, 1, 31, 1)),
        ("date_add('week', -1, born)", date(2026, 1, 24)),
        ("date_diff('hour', born, '2026-02-01')", 24),
        ("date_trunc('week', born)", date(2026, 1, 26)),
        ("epoch(seen)", 1773065106),
        ("hour(zoned)", 14),
        ("to_date(seen)", date(2026, 3, 9)),
        ("coalesce(NULL, qty, 1.5)", 7.0),
        ("coalesce(none, name)", "Zoé"),
        ("CASE qty WHEN 7 THEN 'seven' ELSE 'other' END", "seven"),
        ("CASE WHEN qty > 100 THEN 1 END", None),
        ("if(ok, born, '2000-01-01')", date(2026, 1, 31)),
        ("nullif(qty, 7)", None),
        ('"odd name" + 1 -- a comment', 6),
        ("NULL", None),
    ],
)
def test_value(formula: str, expected: Any) -> None:
    assert value(formula) == expected


@pytest.mark.parametrize(
    "formula",
    ["big + 1", "round(big, -1)", "big * 2", "-big - 2", "CAST(name AS integer)", "CAST(1e300 AS integer)", "to_date(name)"],
)
def test_overflow_and_failed_casts_are_errors(formula: str) -> None:
    with pytest.raises(duckdb.Error):
        value(formula)


def test_parameters_are_bound_typed() -> None:
    assert value("qty > $least", {"least": 6}) is True
    assert value("born >= $since", {"since": "2026-01-01"}) is True
    assert value("born >= $since", {"since": date(2026, 2, 1)}) is False
    assert value("name = $name", {"name": "' OR 1=1 --"}) is False
    assert value("$text", {"text": "x'); DROP TABLE input; --"}) == "x'); DROP TABLE input; --"
    assert value("$none IS NULL", {"none": None}) is True
    assert value("zoned = $at", {"at": datetime(2026, 3, 9, 14, tzinfo=UTC)}) is True
    assert value("today()", {"__now": datetime(2026, 3, 9, 14)}) == date(2026, 3, 9)


def test_aggregates() -> None:
    table = ibis.table({"x": "int64", "k": "string"}, name="input")
    rows = pa.table({"x": [1, 2, 6], "k": ["a", "b", "b"]})
    compiled = compile_formula("sum(x) / count(*) + $more", table, {"more": 1}, aggregate=True)
    with duckdb.connect() as connection:
        connection.register("input", rows)
        assert connection.sql(ibis.to_sql(table.aggregate(x=compiled), dialect="duckdb")).fetchall() == [(4.0,)]
    for formula, sentence in [
        ("sum(x) + x", "Column “x” stands outside of an aggregate. Write for example max(x)."),
        ("sum(max(x))", "The aggregate “max” stands inside of “sum”; that is not allowed."),
    ]:
        with pytest.raises(NodeError) as error:
            compile_formula(formula, table, {}, aggregate=True)
        assert str(error.value) == sentence


@pytest.mark.parametrize(
    ("formula", "sentence"),
    [
        ("upper(qty)", "Function “upper” takes a text, but “qty” is a whole number."),
        ("qyt + 1", "Unknown column “qyt”. Did you mean “qty”?"),
        ("QTY + 1", "Unknown column “QTY”. Did you mean “qty”?"),
        ("uper(name)", "Unknown function “uper”. Did you mean “upper”?"),
        ("$leest > 1", "Unknown parameter “$leest”. Did you mean “$least”?"),
        ("upper(name, 2)", "Function “upper” does not take this number of values (2). Write upper(text: text)."),
        ("sum(qty)", "“sum” is an aggregate: it works in the Aggregate node only."),
        ("name + 1", "“+” takes numbers, but “name” is a text. Texts are joined with ||."),
        ("born + 1", "“+” takes numbers, but “born” is a date. Dates are moved with date_add."),
        ("born = 'tomorrow'", "“tomorrow” is not a date. Write it as 2026-03-09 or 2026-03-09 14:05:06."),
        ("CAST(qty AS blob)", None),
        ("CAST(born AS integer)", "“born” is a date and cannot be converted to a whole number."),
        ("date_trunc('moon', born)", None),
        ("format_date(born, '%q')", None),
        ("regexp_matches(name, '(')", None),
        ("regexp_matches(name, '(a)\\1')", None),
        ("name = qty", None),
        ("qty AND ok", "“AND” takes a truth value, but “qty” is a whole number."),
        ("if(ok, 1, 'x')", None),
        ("round(rate, qty)", None),
        ("json_value(name, 'a\"b')", None),
    ],
)
def test_sentences(formula: str, sentence: str | None) -> None:
    table = ibis.table(ibis.Schema.from_pyarrow(pa.table(ROW).schema), name="input")
    with pytest.raises(NodeError) as error:
        compile_formula(formula, table, {"least": 1})
    assert "{" not in str(error.value)
    if sentence is not None:
        assert str(error.value) == sentence


def test_nothing_near_lists_the_columns() -> None:
    with pytest.raises(NodeError, match="Columns: a, b"):
        formula_type("zzzzzz", {"a": "int64", "b": "string"}, {})


def test_types_without_a_table() -> None:
    assert formula_type("a + 1", {"a": "int8"}, {}) == "int64"
    assert formula_type("a * 1.5", {"a": "decimal(10, 2)"}, {}) == "float64"
    assert columns_used('a + "odd name" * $p') == {"a", "odd name"}
