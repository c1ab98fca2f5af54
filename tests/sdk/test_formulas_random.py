"""Random formulas over a small table: DuckDB against an evaluator written here, which shares nothing with the product."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import ibis
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tisserand.sdk.formulas import compile_formula

ROWS: dict[str, list[Any]] = {
    "i": [0, 1, -7, 12, None, 3],
    "j": [2, 0, 3, None, 5, -4],
    "f": [0.5, -2.5, None, 1e6, 0.0, 2.25],
    "s": ["", "Zoé", "a b", None, "日本語", "ÀÉ😀x"],
    "t": ["a", "é", None, "b", "本", "Zoé"],
    "p": [True, False, None, True, None, False],
}
Row = dict[str, Any]
Made = tuple[str, Callable[[Row], Any]]
"""A formula and what it gives for a row."""


def strict(operate: Callable[..., Any]) -> Callable[..., Any]:
    """NULL in, NULL out."""
    return lambda *values: None if any(value is None for value in values) else operate(*values)


def conjunction(a: bool | None, b: bool | None) -> bool | None:
    return False if a is False or b is False else None if a is None or b is None else True


def disjunction(a: bool | None, b: bool | None) -> bool | None:
    return True if a is True or b is True else None if a is None or b is None else False


def half_away(x: float) -> float:
    return math.copysign(math.floor(abs(x) + 0.5), x)


def among(value: Any, *others: Any) -> bool | None:
    if value is None:
        return None
    return True if value in [o for o in others if o is not None] else None if None in others else False


def part_of(text: str, start: int, length: int) -> str:
    start = max(start, 1)
    return text[start - 1 : start - 1 + max(length, 0)]


def apply(template: str, operate: Callable[..., Any], *parts: Made) -> Made:
    return template.format(*(text for text, _ in parts)), lambda row: operate(*(part(row) for _, part in parts))


def leaf(name: str) -> Made:
    return name, lambda row: row[name]


def constant(text: str, value: Any) -> Made:
    return text, lambda row: value


def rule(template: str, operate: Callable[..., Any], *parts: st.SearchStrategy[Made]) -> st.SearchStrategy[Made]:
    return st.tuples(*parts).map(lambda made: apply(template, operate, *made))


def grow() -> tuple[st.SearchStrategy[Made], ...]:
    whole: st.SearchStrategy[Made] = st.one_of(
        st.sampled_from(["i", "j"]).map(leaf), st.integers(-9, 9).map(lambda n: constant(f"({n})", n))
    )
    real: st.SearchStrategy[Made] = st.one_of(
        st.just("f").map(leaf), st.sampled_from([0.5, 2.5, 10.0]).map(lambda x: constant(repr(x), x))
    )
    text: st.SearchStrategy[Made] = st.one_of(
        st.sampled_from(["s", "t"]).map(leaf),
        st.sampled_from(["", "é", "a'b", "日本"]).map(lambda s: constant("'" + s.replace("'", "''") + "'", s)),
    )
    truth: st.SearchStrategy[Made] = st.one_of(
        st.just("p").map(leaf),
        st.sampled_from([("TRUE", True), ("FALSE", False), ("CAST(NULL AS boolean)", None)]).map(lambda c: constant(*c)),
    )
    for _ in range(2):
        i, r, s, p = whole, real, text, truth
        whole = st.one_of(
            i,
            rule("({0} + {1})", strict(lambda a, b: a + b), i, i),
            rule("({0} - {1})", strict(lambda a, b: a - b), i, i),
            rule("({0} * {1})", strict(lambda a, b: a * b), i, i),
            rule("({0} % {1})", strict(lambda a, b: None if b == 0 else int(math.fmod(a, b))), i, i),
            rule("(-{0})", strict(lambda a: -a), i),
            rule("length({0})", strict(len), s),
            rule("abs({0})", strict(abs), i),
            rule("coalesce({0}, {1})", lambda a, b: b if a is None else a, i, i),
            rule("nullif({0}, {1})", lambda a, b: None if a is not None and a == b else a, i, i),
            rule("greatest({0}, {1})", lambda a, b: max((x for x in (a, b) if x is not None), default=None), i, i),
            rule("CASE WHEN {0} THEN {1} ELSE {2} END", lambda c, a, b: a if c else b, p, i, i),
            rule("CAST({0} AS integer)", strict(lambda a: int(half_away(a))), r),
        )
        real = st.one_of(
            r,
            rule("({0} / {1})", strict(lambda a, b: None if b == 0 else a / b), i, i),
            rule("({0} / {1})", strict(lambda a, b: None if b == 0 else a / b), r, i),
            rule("({0} + {1})", strict(lambda a, b: a + b), r, i),
            rule("({0} * {1})", strict(lambda a, b: a * b), r, r),
            rule("round({0})", strict(half_away), r),
        )
        text = st.one_of(
            s,
            rule("({0} || {1})", strict(lambda a, b: a + b), s, s),
            rule("concat({0}, {1})", lambda a, b: (a or "") + (b or ""), s, s),
            rule("substr({0}, {1}, {2})", strict(part_of), s, i, i),
            rule("left({0}, {1})", strict(lambda a, n: a[: max(n, 0)]), s, i),
            rule("right({0}, {1})", strict(lambda a, n: a[-n:] if n > 0 else ""), s, i),
            rule("replace({0}, 'é', {1})", strict(lambda a, b: a.replace("é", b)), s, s),
            rule("upper({0})", strict(str.upper), s),
            rule("lower({0})", strict(str.lower), s),
            rule("reverse({0})", strict(lambda a: a[::-1]), s),
            rule("if({0}, {1}, {2})", lambda c, a, b: a if c else b, p, s, s),
        )
        truth = st.one_of(
            p,
            rule("({0} AND {1})", conjunction, p, p),
            rule("({0} OR {1})", disjunction, p, p),
            rule("(NOT {0})", strict(lambda a: not a), p),
            rule("({0} IS NULL)", lambda a: a is None, s),
            rule("({0} IS NOT NULL)", lambda a: a is not None, i),
            rule("({0} < {1})", strict(lambda a, b: a < b), i, r),
            rule("({0} = {1})", strict(lambda a, b: a == b), i, i),
            rule("({0} <> {1})", strict(lambda a, b: a != b), s, s),
            rule("({0} <= {1})", strict(lambda a, b: a <= b), s, s),
            rule("({0} IN ({1}, {2}))", among, i, i, i),
            rule(
                "({0} BETWEEN {1} AND {2})",
                lambda a, b, c: conjunction(strict(lambda x, y: x >= y)(a, b), strict(lambda x, y: x <= y)(a, c)),
                i,
                i,
                i,
            ),
            rule("contains({0}, {1})", strict(lambda a, b: b in a), s, s),
            rule("starts_with({0}, {1})", strict(lambda a, b: a.startswith(b)), s, s),
        )
    return whole, real, text, truth


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.register("input", pa.table(ROWS))
        yield opened


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.one_of(*grow()), min_size=8, max_size=8))
def test_duckdb_gives_what_the_words_say(connection: duckdb.DuckDBPyConnection, made: list[Made]) -> None:
    table = ibis.table(ibis.Schema.from_pyarrow(pa.table(ROWS).schema), name="input")
    compiled = {f"x{index}": compile_formula(formula, table, {}) for index, (formula, _) in enumerate(made)}
    found = connection.sql(ibis.to_sql(table.select(**compiled), dialect="duckdb")).to_arrow_table()
    for index, (formula, evaluate) in enumerate(made):
        for number, got in enumerate(found[f"x{index}"].to_pylist()):
            row = {name: values[number] for name, values in ROWS.items()}
            expected = evaluate(row)
            if isinstance(expected, float) and got is not None:
                assert math.isclose(got, expected, rel_tol=1e-12, abs_tol=1e-12), (formula, row, got, expected)
            else:
                assert got == expected, (formula, row, got, expected)
