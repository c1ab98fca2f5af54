"""Random formulas over random rows, several in one program: row by row against DuckDB, values and errors alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import ibis
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from tests.engine.rows.batch import Batch, compared, overlooked

from tisserand.sdk.errors import NodeError
from tisserand.sdk.formulas import compile_formula

Text = st.SearchStrategy[str]

LETTERS = st.text(st.sampled_from("aAzZ09 -;.,:/é日ßİ😀\u0301\n%_"), max_size=6)
NUMBERS_AS_TEXT = st.one_of(
    st.integers(-(10**19), 10**19).map(str),
    st.floats(allow_nan=False, width=32).map(str),
    st.dates(date(1900, 1, 1), date(2100, 1, 1)).map(str),
    st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(str),
)
WHOLE = st.one_of(st.integers(-9, 9), st.integers(-(2**63), 2**63 - 1), st.sampled_from([0, 1, 2**63 - 1, -(2**63), 2**31]))
REAL = st.one_of(st.integers(-9, 9).map(lambda n: n / 4), st.floats(), st.decimals(-99, 99, places=3).map(float))
EXACT = st.decimals(Decimal("-9999999999.99"), Decimal("9999999999.99"), places=2)
VALUES: dict[str, tuple[str, st.SearchStrategy[Any]]] = {
    "i": ("int64", WHOLE),
    "j": ("int32", st.integers(-(2**31), 2**31 - 1) | st.integers(-9, 9)),
    "f": ("float64", REAL),
    "g": ("float32", st.floats(width=32)),
    "d": ("decimal(12, 2)", EXACT),
    "s": ("string", LETTERS | NUMBERS_AS_TEXT),
    "t": ("string", LETTERS),
    "p": ("boolean", st.booleans()),
    "day": ("date", st.dates()),
    "at": ("timestamp(6)", st.datetimes()),
}
ROWS = st.lists(st.tuples(*(st.none() | values for _, values in VALUES.values())), min_size=1, max_size=5)


def rule(template: str, *parts: Text) -> Text:
    return st.tuples(*parts).map(lambda made: template.format(*made))


def grown(depth: int) -> tuple[Text, ...]:
    whole: Text = st.sampled_from(["i", "j", "i", "0", "1", "7", "(-3)", "9223372036854775807"])
    real: Text = st.sampled_from(["f", "g", "f", "0.5", "2.675", "1e300"])
    exact: Text = st.just("d")
    text: Text = st.sampled_from(["s", "t", "''", "'a%'", "'É'", "';'"])
    truth: Text = st.sampled_from(["p", "TRUE", "FALSE"])
    when: Text = st.sampled_from(["day", "at"])
    for _ in range(depth):
        i, r, d, s, p, w = whole, real, exact, text, truth, when
        unit = st.sampled_from(["year", "quarter", "month", "week", "day", "hour", "minute", "second"])
        compare = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
        whole = st.one_of(
            i, rule("({} {} {})", i, st.sampled_from(["+", "-", "*", "%"]), i), rule("(-{})", i), rule("abs({})", i), rule("length({})", s),
            rule("round({}, -2)", i), rule("sign({})", r), rule("floor({})", r), rule("ceil({})", d), rule("coalesce({}, {})", i, i),
            rule("nullif({}, {})", i, i), rule("greatest({}, {})", i, i), rule("if({}, {}, {})", p, i, i), rule("TRY_CAST({} AS integer)", s),
            rule("to_integer({})", st.one_of(s, r, d, p)), rule("TRY_CAST({} AS integer)", r), rule("year({})", w), rule("week({})", w),
            rule("date_diff('{}', {}, {})", unit, w, w), rule("CASE {} WHEN 1 THEN {} WHEN {} THEN 3 END", i, i, i), rule("epoch({})", w),
        )  # fmt: skip
        real = st.one_of(
            r, rule("({} {} {})", r, st.sampled_from(["+", "-", "*", "/", "%"]), r), rule("({} / {})", i, d), rule("round({})", r),
            rule("round({}, 2)", r), rule("sqrt({})", r), rule("ln({})", r), rule("least({}, {})", r, i), rule("to_number({})", st.one_of(s, d, i)),
            rule("TRY_CAST({} AS float)", s), rule("CASE WHEN {} THEN {} ELSE {} END", p, r, r), rule("coalesce({}, {})", r, d),
        )  # fmt: skip
        exact = st.one_of(
            d, rule("({} {} {})", d, st.sampled_from(["+", "-", "*", "%"]), st.one_of(d, i)), rule("round({}, 1)", d), rule("abs({})", d),
            rule("CAST({} AS decimal(10, 3))", st.one_of(d, r, i)), rule("TRY_CAST({} AS decimal(8, 2))", st.one_of(s, r)), rule("(-{})", d),
        )  # fmt: skip
        text = st.one_of(
            s, rule("({} || {})", s, st.one_of(s, i, r, d, p, w)), rule("concat({}, {})", s, st.one_of(i, r, d, w)), rule("upper({})", s),
            rule("lower({})", s), rule("trim({})", s), rule("substr({}, {}, {})", s, i, i), rule("left({}, {})", s, i), rule("right({}, {})", s, i),
            rule("replace({}, {}, {})", s, s, s), rule("reverse({})", s), rule("split_part({}, {}, {})", s, s, i), rule("md5({})", s),
            rule("lpad({}, 7, {})", s, s), rule("regexp_replace({}, '[a-z]+', '<\\0>')", s), rule("regexp_extract({}, '([0-9])-?(.)', 2)", s),
            rule("to_text({})", st.one_of(i, r, d, p, w)), rule("nullif({}, {})", s, s), rule("format_date({}, '%Y/%j %I%p')", w),
        )  # fmt: skip
        truth = st.one_of(
            p, rule("({} AND {})", p, p), rule("({} OR {})", p, p), rule("(NOT {})", p), rule("({} IS NULL)", st.one_of(i, s, r, w)),
            rule("({} {} {})", i, compare, st.one_of(i, r, d)), rule("({} {} {})", r, compare, st.one_of(r, d)), rule("({} {} {})", s, compare, s),
            rule("({} {} {})", d, compare, d), rule("({} {} {})", w, compare, w), rule("({} IN ({}, {}))", i, i, i),
            rule("({} NOT IN ({}, {}))", s, s, s), rule("({} BETWEEN {} AND {})", r, r, i), rule("({} LIKE {})", s, s),
            rule("({} ILIKE {})", s, s), rule("contains({}, {})", s, s), rule("starts_with({}, {})", s, s), rule("({} IS TRUE)", p),
            rule("regexp_matches({}, '^\\w+\\s?$')", s),
        )  # fmt: skip
        when = st.one_of(
            w, rule("date_trunc('{}', {})", unit, w), rule("date_add('{}', {}, {})", unit, i, w), rule("TRY_CAST({} AS date)", s),
            rule("TRY_CAST({} AS timestamp)", s), rule("to_date({})", w), rule("if({}, {}, {})", p, w, w),
        )  # fmt: skip
    return whole, real, exact, text, truth, when


@pytest.fixture(scope="module")
def batch() -> Iterator[Batch]:
    with Batch() as made:
        yield made


def tried(batch: Batch, formulas: list[str], condition: str, rows: list[tuple[Any, ...]]) -> None:
    schema = {name: kind for name, (kind, _) in VALUES.items()}
    table = ibis.table(schema, name="event.rows")
    made = {}
    for index, text in enumerate(formulas):
        try:
            made[f"x{index}"] = compile_formula(text, table, {})
        except NodeError:
            continue  # types that do not go together
        except ibis.common.exceptions.IbisError:
            continue
    try:
        where = compile_formula(condition, table, {})
    except NodeError:
        where = compile_formula("p", table, {})
    for name, value in made.items():
        compared(batch, schema, rows, table.select(**{name: value}), table)
    compared(batch, schema, rows, table.filter(where.fill_null(False)), table)


KINDS = grown(1)
DEEP = grown(2)
SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


@seed(5)
@settings(max_examples=60, deadline=None, suppress_health_check=SLOW, database=None)
@given(st.lists(st.one_of(*KINDS), min_size=6, max_size=6), KINDS[4], ROWS)
def test_random_formulas(batch: Batch, formulas: list[str], condition: str, rows: list[tuple[Any, ...]]) -> None:
    tried(batch, formulas, condition, rows)


def test_an_error_that_only_the_company_of_a_row_hides(batch: Batch) -> None:
    """DuckDB does not compute the right side where a whole batch has NULL on the left; beside another row, the same row fails."""
    schema = {"i": "int64", "s": "string"}
    table = ibis.table(schema, name="event.rows")
    expression = table.select(x=compile_formula("if(i = 1, i, NULL) + CAST(s AS integer)", table, {}))
    assert batch.rows(table, [(0, "")], expression) == [(None,)]
    with pytest.raises(duckdb.ConversionException):
        batch.rows(table, [(0, ""), (1, "2")], expression)
    compared(batch, schema, [(0, ""), (1, "2")], expression, table)
    assert overlooked(batch, table, (0, ""), expression) and not overlooked(batch, table, (0, "3"), expression)


@pytest.mark.soak
@pytest.mark.timeout(3_600)
@settings(max_examples=5_000, deadline=None, suppress_health_check=SLOW, print_blob=False)
@given(st.lists(st.one_of(*DEEP), min_size=4, max_size=4), DEEP[4], ROWS)
def test_many_random_formulas(batch: Batch, formulas: list[str], condition: str, rows: list[tuple[Any, ...]]) -> None:
    tried(batch, formulas, condition, rows)
