"""Formulas row by row against their batch on DuckDB: directed values for NULL, division, rounding, overflow, index and time zone."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.engine.rows.batch import Batch, formula

from tisserand.engine.backends.duckdb import DuckDB
from tisserand.engine.edges import asking, evaluate
from tisserand.engine.rows.compile import compile_rows
from tisserand.sdk.errors import NodeError
from tisserand.sdk.formulas import compile_formula

SCHEMA = {
    "i": "int64", "j": "int32", "f": "float64", "g": "float64", "d": "decimal(12, 2)", "e": "decimal(20, 5)", "s": "string", "t": "string",
    "b": "boolean", "dt": "date", "ts": "timestamp(6)", "ts2": "timestamp(6)", "tz": "timestamp('UTC', 6)", "js": "json", "tm": "time",
}  # fmt: skip
NAN, INF = float("nan"), float("inf")
VALUES: dict[str, list[Any]] = {
    "i": [0, 1, -1, 3, -7, 2**63 - 1, -(2**63), 10**17, 1250, None, 12345],
    "j": [0, 5, -(2**31), 90_000, None, -3],
    "f": [0.0, -0.0, 0.5, -2.5, 2.5, 1e300, NAN, INF, -INF, None, 2.675, 1.005, 1e16, 123456789.125, 1e-5, 0.1, 9.2e18, 0.49999999999999994],
    "g": [0.0, 1.0, NAN, INF, None, -3.25, 2.0, 1e22],
    "d": [Decimal(n) for n in ("0.00", "9999999999.99", "-9999999999.99", "2.50", "-2.50", "0.05", "-0.49")] + [None],
    "e": [Decimal(n) for n in ("0.00000", "999999999999999.99999", "-1.00001", "2.50000", "7.12345")] + [None],
    "s": [
        "", "a", "Zoé", "  a b\t\n", "日本語", "ÀÉ😀x", "straße", "İ", "e\u0301x", "12", "-5", " 7 ", "1.5", "1e3", "nan", "true", "2026-03-09",
        "2026-03-09 14:05:06", "2026-03-09T14:05:06.123Z", "2026-3-9", "09/03/2026", "a;b;c", "12:30:00", None, "abcabc", "A-42", "\r\n",
        "🇫🇷x", "9" * 20, "0.005", "infinity", '{"a": {"b": [1, "x", null, 2.50, 1e20]}, "c": "d\\u00e9"}', '{"a":1,"a":2}', "[1,2]", "{bad",
    ],
    "t": ["a", "%", "_b%", "", ";", "é", "[a-c]+", None, "%a%b", "ab", "İ"],
    "b": [True, False, None],
    "dt": [date(2026, 1, 31), date(1, 1, 1), date(9999, 12, 31), date(1969, 12, 31), date(2024, 2, 29), None],
    "ts": [
        datetime(2026, 3, 9, 14, 5, 6, 700000), datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999),
        datetime(1969, 12, 31, 23, 59, 59, 500000), None, datetime(2024, 2, 29, 0, 0, 0, 120),
    ],
    "ts2": [datetime(2026, 3, 15, 14, 5, 6), datetime(1970, 1, 1), None, datetime(1960, 5, 5, 5, 5, 5, 5)],
    "tz": [datetime(2026, 3, 9, 14, 5, 6, 700000, tzinfo=UTC), None, datetime(1960, 3, 9, 14, 5, 6, tzinfo=UTC)],
    "js": ['{"a": 1}', '{"a": "x"}', '[1, {"b": 2}]', '"q"', "1.5", "null", None, '{"a": [1,{"b":"é"}], "k": 1.0e5}'],
    "tm": [time(1, 2, 3), time(23, 59, 59, 999999), None],
}  # fmt: skip
FORMULAS = r"""
upper(s) | lower(s) | trim(s) | ltrim(s) | rtrim(s) | length(s) | substr(s, i) | substr(s, 2, j) | substr(s, j, i) | left(s, j) | right(s, i)
replace(s, t, '*') | replace(s, 'a', t) | reverse(s) | contains(s, t) | starts_with(s, t) | ends_with(s, t) | split_part(s, t, 2)
split_part(s, ';', i) | concat(s, i, f, d, dt, ts, b, tm, tz) | lpad(s, 5, t) | rpad(s, 7, 'ab') | md5(s) | hash_sha256(s)
regexp_matches(s, '^[A-Z]-[0-9]+$') | regexp_matches(s, 'a.b') | regexp_extract(s, '[0-9]+') | regexp_extract(s, '([a-z])(;)?', 2)
regexp_replace(s, '[0-9a]+', '<\0>') | regexp_replace(s, '(a)(b)', '\2\1') | regexp_matches(s, '\s') | regexp_matches(s, '\bab')
regexp_matches(s, '[^a-c]$') | regexp_replace(s, '\D', '') | s like 'a%' | s like t | s like '%b%c' | s like '_' | s ilike 'É%' | s ilike t
abs(i) | abs(f) | abs(d) | round(f) | round(f, 1) | round(f, 2) | round(f, -2) | round(d) | round(d, 1) | round(d, -1) | round(d, -3) | round(d, -10) | round(d, -15) | round(e, -2) | round(i, -2) | round(i, -5) | round(e, 3)
floor(f) | ceil(f) | floor(d) | ceil(d) | floor(e) | sqrt(f) | power(f, g) | exp(f) | ln(f) | log10(f) | sign(i) | sign(f) | sign(d)
mod(i, j) | mod(f, g) | mod(d, 2) | mod(d, e) | d % 0 | greatest(i, j) | greatest(f, g) | least(f, g, 1.0) | greatest(d, e) | least(s, t)
coalesce(s, t) | coalesce(i, f) | coalesce(d, e) | nullif(s, t) | nullif(f, g) | nullif(i, 1) | if(b, i, j) | if(b, i, f) | if(b, d, e) | if(b, s)
year(dt) | quarter(ts) | month(ts) | week(dt) | week(ts) | day(ts) | weekday(ts) | hour(ts) | minute(ts) | second(ts) | hour(tz) | epoch(ts) | epoch(tz)
date_trunc('year', dt) | date_trunc('quarter', ts) | date_trunc('week', ts) | date_trunc('week', dt) | date_trunc('day', ts)
date_trunc('hour', ts) | date_trunc('second', ts) | date_trunc('hour', dt) | date_add('month', j, dt) | date_add('month', 1, dt)
date_add('year', i, ts) | date_add('quarter', -3, ts) | date_add('week', 2, dt) | date_add('day', j, ts) | date_add('hour', i, ts)
date_diff('year', ts, ts2) | date_diff('quarter', ts, ts2) | date_diff('month', dt, ts) | date_diff('week', ts, ts2) | date_diff('week', dt, ts2) | date_diff('day', ts, ts2)
date_diff('hour', ts, ts2) | date_diff('minute', ts, ts2) | date_diff('second', ts2, ts) | format_date(dt, '%d/%m/%Y')
format_date(ts, '%Y-%m-%d %H:%M:%S.%f %j %y %b %B %a %A %I %p %%') | to_text(i) | to_text(f) | to_text(d) | to_text(b) | to_text(ts) | to_text(tz)
to_text(tm) | to_text(js) | to_integer(s) | to_integer(f) | to_integer(d) | to_integer(b) | to_number(s) | to_number(d) | to_number(e)
to_date(s) | to_date(ts) | to_date(s, '%d/%m/%Y') | to_timestamp(s) | to_timestamp(s, '%Y-%m-%d %H:%M:%S') | TRY_CAST(s AS integer)
TRY_CAST(s AS float) | TRY_CAST(s AS decimal(6,2)) | CAST(s AS decimal(6,2)) | TRY_CAST(s AS date) | TRY_CAST(s AS timestamp)
TRY_CAST(s AS boolean) | TRY_CAST(s AS time) | TRY_CAST(f AS integer) | TRY_CAST(d AS integer) | CAST(f AS decimal(8,2)) | CAST(d AS decimal(6,1))
CAST(i AS decimal(10,3)) | CAST(i AS boolean) | CAST(ts AS time) | TRY_CAST(i AS decimal(3,1)) | json_value(js, '$.a') | json_value(s, '$.a.b[1]')
json_value(s, '$.a.b[3]') | json_value(s, '$.c') | json_value(js, '[1].b') | json_value(js, '$.k') | json_value(s, '$.a')
i + j | i - j | i * j | -i | i % j | i / j | f + g | f - g | f * g | f / g | f % g | -f | d + e | d - e | d * e | d * d | d / e | d % e | -d | e * e * d | i * i
i = j | i < f | f < g | f <= g | f > g | f >= g | f = g | f <> g | f > 1.5 | f < 1.5 | d = e | d < f | d > i | s < t | dt < ts | ts >= ts2 | tz > ts
i between j and 3 | f between g and 2.0 | i in (1, j, NULL) | i not in (1, NULL) | f in (0.5, g) | s not in ('a', 'Zoé') | d in (0, 2.5)
b and i > 1 | b or f > 1 | not b | b is true | b is false | s is null | (i + 1 > 0) and b | b and (i * i > 0) | b or (to_integer(s) > 0)
i - 5 <= 9 | 3 - i = 4 | i * 2 > 7 | i * 2 > 8 | i * 3 = 7 | -9223372036854775807 < i - 5 | (i + 1) * 2 < 10 | -i = 0 | -i > 3 | -(i + 1) <> 5 | -i = case 0 when 1 then i when 0 then 3 end | -i > coalesce(NULL, 3, j) | i + 1 + 1 > 3
case when b then i + 1 else j end | case i when 1 then 'a' when j then s else t end | case when i > 1 then f when b then g end | s || t | f || s || d
"""
EACH = 12
"""Rows that each formula is tried on, drawn anew from the values with a fixed seed."""


def rows_for(text: str, number: int, seed: int) -> list[tuple[Any, ...]]:
    used = [name for name in SCHEMA if name in re.findall(r"\w+", text)]
    drawn = random.Random(f"{seed} {text}")
    if len(used) == 1:
        chosen = [{used[0]: value} for value in VALUES[used[0]]]
    else:
        chosen = [{name: drawn.choice(VALUES[name]) for name in used} for _ in range(number)]
    return [tuple(row.get(name) for name in SCHEMA) for row in chosen]


def formulas() -> list[str]:
    return [text.strip() for text in FORMULAS.replace("\n", " | ").replace("||", "\0").split("|") if text.strip()]


@pytest.fixture(scope="module")
def batch() -> Iterator[Batch]:
    with Batch() as made:
        yield made


@pytest.mark.parametrize("text", [text.replace("\0", "||") for text in formulas()])
def test_row_by_row_as_in_a_batch(batch: Batch, text: str) -> None:
    formula(batch, SCHEMA, rows_for(text, EACH, 0), text)


@pytest.mark.parametrize("choice", ["NULL, 3, j", "3, j", "NULL, 3", "3, 4", "3, NULL", "j, 3"])
def test_a_choice_is_settled_only_where_the_database_settles_it(batch: Batch, choice: str) -> None:
    row = tuple({"i": -(2**63), "j": 3}.get(name) for name in SCHEMA)
    formula(batch, SCHEMA, [row], f"-i > coalesce({choice})")


@pytest.mark.soak
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("seed", range(1, 6))
def test_many_rows(batch: Batch, seed: int) -> None:
    for text in formulas():
        formula(batch, SCHEMA, rows_for(text.replace("\0", "||"), 200, seed), text.replace("\0", "||"))


@pytest.mark.parametrize(
    "choice", ["coalesce(NULL, 3, j)", "coalesce(3, j)", "coalesce(NULL, 3, 1)", "coalesce(3)", "if(TRUE, 3, j)"]
)
def test_what_is_chosen_beforehand_is_what_the_database_chooses_beforehand(batch: Batch, choice: str) -> None:
    """`-i > 3` becomes `i < -3`, which cannot overflow; where the database does not see the 3, the negation does."""
    schema = {"i": "int64", "j": "int32"}
    formula(batch, schema, [(-(2**63), 1), (-4, None), (0, 0)], f"-i > {choice}", f"{choice} < -i", f"i + 1 > {choice}")


SUM = "(i + 9223372036854775807)"


@pytest.mark.parametrize(
    "text",
    [
        f"nullif(0, {SUM})", f"nullif({SUM}, 0)", f"{SUM} in (1)", f"1 in ({SUM}, 3)", f"{SUM} between 0 and 5", f"CASE {SUM} WHEN 1 THEN 2 END",
        f"CASE 1 WHEN {SUM} THEN 2 END", f"coalesce({SUM} > 1, false)", f"greatest({SUM}, 1)", f"{SUM} = j",
    ],
)  # fmt: skip
def test_comparisons_in_other_words_overflow_as_in_the_database(batch: Batch, text: str) -> None:
    """`nullif(0, i + 1)` compares as `0 = i + 1` does, which becomes `i = -1`."""
    formula(batch, {"i": "int64", "j": "int64"}, [(1, 1), (-5, None), (None, 2)], text)


CHOSEN = (
    "p and CAST(s AS integer) = 3", "CAST(s AS integer) = 3 and p", "p or CAST(s AS integer) = 3", "(p or i > 1) and CAST(s AS integer) = 3",
    "not (p and CAST(s AS integer) = 3)", "(p and CAST(s AS integer) = 3) is true", "p and (i > 1 or CAST(s AS integer) = 3)",
    "coalesce(p and CAST(s AS integer) = 3, false)",
)  # fmt: skip


@pytest.mark.parametrize("condition", CHOSEN)
def test_what_a_condition_of_a_choice_leaves_unlooked_at_cannot_fail(batch: Batch, condition: str) -> None:
    """In CASE, and nowhere else, the database stops at what decides: `if(p and to_integer(s) > 3, …)` is fine where p does not hold."""
    schema = {"i": "int64", "s": "string", "p": "boolean"}
    rows = [(None, "x", None), (0, "x", False), (5, "x", True), (5, "3", True), (0, "3", None)]
    choices = (
        "if({}, 1, 2)",
        "CASE WHEN i > 100 THEN 0 WHEN {} THEN 1 ELSE 2 END",
        "if(not ({}), 1, 2)",
        "if({}, CAST(s AS integer), 7)",
    )
    formula(batch, schema, rows, condition, *(each.format(condition) for each in choices))


NOWHERE = "substr(s, 1, 9223372036854775807)"
"""Fails for every text."""


@pytest.mark.parametrize(
    "text",
    [
        f"(t || NULL) || {NOWHERE}", f"lpad({NOWHERE}, 7, NULL)", f"lpad(t, i, NULL) || {NOWHERE}", f"lpad(nullif('a', 'a'), 7, {NOWHERE})",
        "(i + NULL) + CAST(s AS integer)", "(i % NULL) * CAST(s AS integer)", "coalesce(i + NULL, CAST(s AS integer))",
        "nullif(i + NULL, CAST(s AS integer))", "if(i > NULL, CAST(s AS integer), 7)", "(i > NULL) and CAST(s AS integer) > 3",
    ],
)  # fmt: skip
def test_what_a_constant_null_makes_null_takes_along_what_could_fail(batch: Batch, text: str) -> None:
    schema = {"i": "int64", "s": "string", "t": "string"}
    formula(batch, schema, [(0, "x", "a"), (None, "3", None)], text)


@pytest.mark.parametrize(
    ("text", "row", "expected"),
    [
        ("i / j", (1, 0), None),
        ("i % j", (-7, 3), -1),
        ("i + NULL", (1, 0), None),
        ("b is true", (None,), False),
        ("NULL and i > 0", (1, 0), None),
        ("NULL and i > 0", (0, 0), False),
        ("round(f)", (2.5,), 3.0),
        ("round(f)", (-2.5,), -3.0),
        ("to_integer(f)", (0.5,), 1),
        ("split_part(s, ';', 9)", ("a;b",), None),
        ("split_part(s, t, 1)", ("a;b", None), "a;b"),
        ("hour(tz)", (datetime(2026, 3, 9, 14, tzinfo=UTC),), 14),
        ("to_text(tz)", (datetime.fromisoformat("2026-03-09T14:00:00+02:00"),), "2026-03-09 12:00:00"),
        ("d * 3", (Decimal("0.10"),), Decimal("0.30")),
        ("upper(s)", ("straße",), "STRAẞE"),
        ("i not in (2, NULL)", (1, 0), None),
        ("round(d, -1)", (Decimal("-15.00"),), Decimal("-20.00")),
        ("round(d, -2)", (Decimal("149.99"),), Decimal("100.00")),
        ("round(d, -2)", (Decimal("9999999999.99"),), Decimal("10000000000.00")),
        ("round(d, -12)", (Decimal("9999999999.99"),), Decimal("0.00")),
        # A Sunday and the Monday after it; a Monday and the Sunday of the next week.
        ("date_diff('week', dt, ts)", (date(2026, 3, 8), datetime(2026, 3, 9)), 1),
        ("date_diff('week', dt, ts)", (date(2026, 3, 9), datetime(2026, 3, 22, 23, 59)), 1),
        ("date_diff('week', dt, ts)", (date(2026, 3, 9), datetime(2026, 3, 8)), -1),
        ("sqrt(f)", (-0.0,), -0.0),
    ],
)
def test_defined_once(text: str, row: tuple[Any, ...], expected: Any) -> None:
    """Worked out by hand, not by either of the two."""
    import ibis

    names = [name for name in SCHEMA if name in re.findall(r"\w+", text)] or ["i"]
    names = names if len(names) == len(row) else ["i", "j"][: len(row)]
    table = ibis.table({name: SCHEMA[name] for name in names}, name="event.rows")
    found = compile_rows(table.select(x=compile_formula(text, table, {})))(row)
    assert found == (expected,)
    assert isinstance(found, tuple) and type(found[0]) is type(expected)


@pytest.mark.parametrize(
    ("text", "row", "sentence"),
    [
        ("i + 1", (2**63 - 1,), "A number became too large for its type: 9223372036854775807 + 1."),
        ("to_integer(s)", ("twelve",), "“twelve” cannot be read as integer."),
        ("to_date(s)", ("2026-02-30",), 'A value became too large for its type: date field value out of range: "2026-02-30"'),
        ("sqrt(f)", (-1.0,), "There is no square root of a number below zero."),
        ("ln(f)", (0.0,), "There is no logarithm of zero."),
        ("ln(f)", (-1.0,), "There is no logarithm of a number below zero."),
        ("log10(f)", (-0.0,), "There is no logarithm of zero."),
        ("power(f, -1)", (0.0,), "There is no power of zero by a number below zero."),
        ("abs(i)", (-(2**63),), "A value became too large for its type: Overflow on abs(-9223372036854775808)"),
    ],
)
def test_errors_are_sentences(text: str, row: tuple[Any, ...], sentence: str) -> None:
    import ibis

    [name] = [name for name in SCHEMA if name in re.findall(r"\w+", text)]
    table = ibis.table({name: SCHEMA[name]}, name="event.rows")
    with pytest.raises(NodeError) as error:
        compile_rows(table.select(x=compile_formula(text, table, {})))(row)
    assert error.value.message.text("en") == sentence


def test_whatever_computes_formulas_fails_alike(tmp_path: Path) -> None:
    """Batches, previews and the filters of the data view: each has a database of its own."""
    backend = DuckDB(None, 1, tmp_path)
    with backend._cursor() as cursor, pytest.raises(duckdb.OutOfRangeException):
        cursor.execute("SELECT sqrt(-1.0::DOUBLE)").fetchall()
    backend.close()
    with pytest.raises(NodeError, match="no logarithm of zero"):
        evaluate("ln(f)", pa.table({"f": [1.0, 0.0]}), {})
    pq.write_table(pa.table({"f": [1.0, -1.0]}), tmp_path / "edge.parquet")
    with asking(tmp_path / "edge.parquet", "sqrt(f) > 0") as (connection, sql), pytest.raises(duckdb.OutOfRangeException):
        connection.execute(sql).fetchall()


def test_a_decimal_that_cannot_be_rounded_so_is_told_in_a_sentence() -> None:
    import ibis

    table = ibis.table({"w": "decimal(38, 30)"}, name="event.rows")
    with pytest.raises(NodeError) as error:
        compile_formula("round(w, -9)", table, {})
    assert str(error.value) == "A decimal number with 30 digits behind the point cannot be rounded to 9 zeros."
