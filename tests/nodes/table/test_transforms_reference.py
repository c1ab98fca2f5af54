"""Transforms give what hand-written SQL in DuckDB gives, on generated tables with nulls, duplicates, no rows and odd names."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tisserand.sdk.testing import run_transform
from tisserand_nodes.table.aggregate import Aggregate
from tisserand_nodes.table.compare import Compare
from tisserand_nodes.table.dedupe import Dedupe
from tisserand_nodes.table.filter import Filter
from tisserand_nodes.table.formula import ComputeColumns
from tisserand_nodes.table.join import Join
from tisserand_nodes.table.mask import Mask
from tisserand_nodes.table.select import Select
from tisserand_nodes.table.sort import Sort
from tisserand_nodes.table.split import Split
from tisserand_nodes.table.top_n import TopRows
from tisserand_nodes.table.union import Union
from tisserand_nodes.table.validate import Validate

ODD_NAMES = [
    "plain",
    "two words",
    "select",
    'say "hi"',
    "it's",
    "a.b.c",
    "🚲 vélo",
    "self",
    "x" * 500,
    "UPPER",
    "{brace}",
    "a,b;c",
    "100%",
    "tab\there",
    "ßtraße",
    "名前",
]
TYPES = {"k": pa.int64(), "s": pa.string(), "v": pa.float64(), "d": pa.date32()}
TEXTS = st.sampled_from(["", "a", "A", "é", "🚲", "zz", "12", " ", "ß", "名"])
VALUES = {
    "k": st.integers(-3, 3),
    "s": TEXTS,
    "v": st.sampled_from([0.0, -1.5, 2.25, 1e10, -0.125]),
    "d": st.dates(dt.date(2020, 1, 1), dt.date(2020, 1, 4)),
}
run = settings(max_examples=10, deadline=None)


@st.composite
def tables(draw: Any, columns: str = "ksvd", most: int = 12) -> pa.Table:
    rows = draw(st.integers(0, most))
    made = {}
    for name in columns:
        value = st.none() if draw(st.integers(0, 9)) == 0 else st.none() | VALUES[name]
        made[name] = pa.array(draw(st.lists(value, min_size=rows, max_size=rows)), TYPES[name])
    return pa.table(made)


@st.composite
def names(draw: Any, count: int) -> list[str]:
    return draw(st.lists(st.sampled_from(ODD_NAMES), min_size=count, max_size=count, unique=True))


def q(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def reference(sql: str, **given_tables: pa.Table) -> list[tuple[Any, ...]]:
    connection = duckdb.connect()
    try:
        for name, table in given_tables.items():
            connection.register(name, table)
        return connection.sql(sql).fetchall()
    finally:
        connection.close()


def rows(table: pa.Table) -> list[tuple[Any, ...]]:
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True)) if table.num_columns else []


def bag(found: list[tuple[Any, ...]]) -> Counter[tuple[Any, ...]]:
    return Counter(tuple("NaN" if isinstance(v, float) and math.isnan(v) else v for v in row) for row in found)


def renamed(table: pa.Table, new: list[str]) -> pa.Table:
    return table.rename_columns(new)


@run
@given(tables(), names(4), st.booleans())
def test_filter(table: pa.Table, new: list[str], keep: bool) -> None:
    k, s = q(new[0]), q(new[1])
    result = run_transform(
        Filter,
        {"where": f"{k} > 0 OR {s} = 'a'", "empty": "keep" if keep else "reject"},
        table=renamed(table, new),
    )
    t = renamed(table, new)
    test = f"coalesce({k} > 0 OR {s} = 'a', {keep})"
    assert bag(rows(result["kept"])) == bag(reference(f"SELECT * FROM t WHERE {test}", t=t))
    assert bag(rows(result["rejected"])) == bag(reference(f"SELECT * FROM t WHERE NOT {test}", t=t))


@run
@given(tables(), names(4))
def test_formula_sees_earlier_columns_and_replaces_in_place(table: pa.Table, new: list[str]) -> None:
    t = renamed(table, new)
    k, s = q(new[0]), q(new[1])
    result = run_transform(ComputeColumns, {"columns": {"🆕": f"{k} + 1", new[0]: '"🆕" * 2', "last": f"{k} - 1"}}, table=t)[
        "table"
    ]
    assert result.column_names == [*new, "🆕", "last"]
    rest = ", ".join(q(name) for name in new[1:])
    assert bag(rows(result)) == bag(reference(f"SELECT ({k} + 1) * 2, {rest}, {k} + 1, ({k} + 1) * 2 - 1 FROM t", t=t)), s


@run
@given(tables(), names(4))
def test_select_renames_casts_and_drops(table: pa.Table, new: list[str]) -> None:
    t = renamed(table, new)
    k, s, v, _ = (q(name) for name in new)
    config = {
        "columns": [
            {"column": new[1], "name": "number", "type": "integer"},
            {"column": new[0], "name": "text", "type": "text"},
            new[3],
            {"column": new[2], "type": "integer"},
        ],
        "on_bad": "empty",
    }
    result = run_transform(Select, config, table=t)["table"]
    assert result.column_names == ["number", "text", new[3], new[2]]
    sql = f"SELECT try_cast({s} AS BIGINT), {k}::VARCHAR, {q(new[3])}, round({v})::BIGINT FROM t"
    assert bag(rows(result)) == bag(reference(sql, t=t))
    dropped = run_transform(Select, {"drop": [new[1]]}, table=t)["table"]
    assert dropped.column_names == [new[0], *new[2:]]
    kept = run_transform(Select, {"columns": [{"column": new[1], "name": "s2"}], "others": "keep"}, table=t)["table"]
    assert kept.column_names == [new[0], "s2", *new[2:]]
    assert bag(rows(kept)) == bag(rows(t))


HOWS = {"inner": "JOIN", "left": "LEFT JOIN", "right": "RIGHT JOIN", "full": "FULL JOIN"}


@run
@given(tables("ksv", 8), tables("ksd", 8), names(2), st.sampled_from([*HOWS, "semi", "anti"]), st.booleans())
def test_join(left: pa.Table, right: pa.Table, new: list[str], how: str, same: bool) -> None:
    a, b = q(new[0]), q(new[1])
    left_names = [new[0], new[1], "v"]
    right_names = [new[0], new[1], "v"] if same else ["key", new[1], "v"]
    x, y = renamed(left, left_names), renamed(right, right_names)
    on: Any = [new[0]] if same else {new[0]: "key"}
    result = run_transform(Join, {"on": on, "how": how, "suffix": "_r"}, left=x, right=y)
    other = a if same else '"key"'
    fits = f"x.{a} = y.{other}"
    anti = f"SELECT * FROM x WHERE NOT EXISTS (SELECT 1 FROM y WHERE {fits})"
    if how in HOWS:
        matched = f"SELECT coalesce(x.{a}, y.{other}), x.{b}, x.v, y.{b}, y.v FROM x {HOWS[how]} y ON {fits}"
        if how in ("inner", "left"):
            matched = matched.replace(f"coalesce(x.{a}, y.{other})", f"x.{a}")
        assert result["matched"].column_names == [*left_names, f"{new[1]}_r", "v_r"]
    else:
        matched = anti if how == "anti" else f"SELECT * FROM x WHERE EXISTS (SELECT 1 FROM y WHERE {fits})"
        assert result["matched"].column_names == left_names
    assert bag(rows(result["matched"])) == bag(reference(matched, x=x, y=y))
    assert bag(rows(result["unmatched"])) == bag(reference(anti, x=x, y=y))


@run
@given(tables(), names(4))
def test_aggregate(table: pa.Table, new: list[str]) -> None:
    t = renamed(table, new)
    k, s, v, d = (q(name) for name in new)
    values = {"by": f"count({k})", "having": "count()", "metrics": f"sum({k})", "where": f"max({d})"}
    result = run_transform(Aggregate, {"by": [new[1]], "values": values}, table=t)["table"]
    assert bag(rows(result)) == bag(
        reference(f"SELECT {s}, count({k}), count(*), sum({k})::BIGINT, max({d}) FROM t GROUP BY {s}", t=t)
    )
    whole = run_transform(Aggregate, {"values": values}, table=t)["table"]
    assert bag(rows(whole)) == bag(reference(f"SELECT count({k}), count(*), sum({k})::BIGINT, max({d}) FROM t", t=t))
    groups = run_transform(Aggregate, {"by": [new[0], new[1]]}, table=t)["table"]
    assert bag(rows(groups)) == bag(reference(f"SELECT DISTINCT {k}, {s} FROM t", t=t)), v


@run
@given(tables(), names(4), st.sampled_from(["first", "last"]), st.sampled_from(["ascending", "descending"]))
def test_sort(table: pa.Table, new: list[str], nulls: str, direction: str) -> None:
    t = renamed(table, new)
    by = [{"column": new[1], "direction": direction, "nulls": nulls}, *new]
    result = run_transform(Sort, {"by": by}, table=t)["table"]
    word = "ASC" if direction == "ascending" else "DESC"
    rest = ", ".join(f"{q(name)} ASC NULLS LAST" for name in new)
    assert rows(result) == reference(f"SELECT * FROM t ORDER BY {q(new[1])} {word} NULLS {nulls}, {rest}", t=t)


@run
@given(tables(), names(4), st.integers(1, 4), st.sampled_from(["cut", "keep"]), st.booleans())
def test_top_rows(table: pa.Table, new: list[str], n: int, ties: str, grouped: bool) -> None:
    t = renamed(table, new)
    per = [new[0]] if grouped else []
    by = [{"column": new[1], "direction": "descending"}]
    result = run_transform(TopRows, {"n": n, "by": by, "per": per, "ties": ties}, table=t)["table"]
    part = f"PARTITION BY {q(new[0])}" if grouped else ""
    rest = "" if ties == "keep" else ", " + ", ".join(f"{q(name)} ASC NULLS LAST" for name in new if name != new[1])
    function = "rank" if ties == "keep" else "row_number"
    sql = f"SELECT * FROM t QUALIFY {function}() OVER ({part} ORDER BY {q(new[1])} DESC NULLS LAST{rest}) <= {n}"
    assert bag(rows(result)) == bag(reference(sql, t=t))


@run
@given(tables(), names(4), st.sampled_from(["first", "last"]), st.booleans())
def test_dedupe(table: pa.Table, new: list[str], keep: str, keyed: bool) -> None:
    t = renamed(table, new)
    config = {"keys": new[:1], "by": [new[3]], "keep": keep} if keyed else {}
    result = run_transform(Dedupe, config, table=t)
    assert bag(rows(result["table"])) + bag(rows(result["duplicates"])) == bag(rows(t))
    if not keyed:
        assert bag(rows(result["table"])) == bag(reference("SELECT DISTINCT * FROM t", t=t))
        return
    first = "ASC NULLS LAST" if keep == "first" else "DESC NULLS FIRST"
    rest = ", ".join(f"{q(name)} ASC NULLS LAST" for name in new[:3])
    sql = f"SELECT * FROM t QUALIFY row_number() OVER (PARTITION BY {q(new[0])} ORDER BY {q(new[3])} {first}, {rest}) = 1"
    assert bag(rows(result["table"])) == bag(reference(sql, t=t))


@run
@given(tables("ksv"), tables("kd"), names(4))
def test_union(first: pa.Table, second: pa.Table, new: list[str]) -> None:
    x = renamed(first, new[:3])
    y = renamed(second.set_column(0, "k", second["k"].cast(pa.int16())), [new[0], new[3]])
    k = q(new[0])
    result = run_transform(Union, {}, tables=[x, y])["table"]
    assert result.column_names == new
    sql = f"SELECT *, NULL::DATE FROM x UNION ALL SELECT {k}::BIGINT, NULL, NULL, {q(new[3])} FROM y"
    assert bag(rows(result)) == bag(reference(sql, x=x, y=y))
    common = run_transform(Union, {"columns": "common", "duplicates": "drop"}, tables=[x, y])["table"]
    assert bag(rows(common)) == bag(reference(f"SELECT {k} FROM x UNION SELECT {k} FROM y", x=x, y=y))


@run
@given(tables(), names(4))
def test_split_sends_each_row_exactly_one_way(table: pa.Table, new: list[str]) -> None:
    t = renamed(table, new)
    k, s = q(new[0]), q(new[1])
    rules = [("one", f"{k} > 1"), ("two", f"{s} IS NULL"), ("three", f"{k} > 0"), ("never", f"{k} <> {k}")]
    result = run_transform(Split, {"rules": [{"name": name, "where": where} for name, where in rules]}, table=t)
    way = f"CASE WHEN {k} > 1 THEN 'one' WHEN {s} IS NULL THEN 'two' WHEN {k} > 0 THEN 'three' ELSE 'otherwise' END"
    assert list(result.ports) == ["one", "two", "three", "never", "otherwise"]
    together: Counter[tuple[Any, ...]] = Counter()
    for port, found in result.ports.items():
        assert bag(rows(found)) == bag(reference(f"SELECT * FROM t WHERE {way} = '{port}'", t=t))
        together += bag(rows(found))
    assert together == bag(rows(t))


@run
@given(tables(), names(4), st.sampled_from(["reject", "accept"]))
def test_validate(table: pa.Table, new: list[str], empty: str) -> None:
    t = renamed(table, new)
    k, s = q(new[0]), q(new[1])
    rules = [
        {"where": f"{k} > 0", "message": "too small", "name": "size", "empty": empty},
        {"where": f"{s} <> 'a'", "message": "it's “a”"},
    ]
    result = run_transform(Validate, {"rules": rules}, table=t)
    one, two = f"NOT coalesce({k} > 0, {empty == 'accept'})", f"NOT coalesce({s} <> 'a', false)"
    assert bag(rows(result["valid"])) == bag(reference(f"SELECT * FROM t WHERE NOT ({one} OR {two})", t=t))
    told = (
        f"concat_ws('; ', CASE WHEN {one} THEN 'too small' END, CASE WHEN {two} THEN 'it''s “a”' END), "
        f"concat_ws(', ', CASE WHEN {one} THEN 'size' END, CASE WHEN {two} THEN '2' END)"
    )
    assert bag(rows(result["rejected"])) == bag(reference(f"SELECT *, {told} FROM t WHERE {one} OR {two}", t=t))


@run
@given(tables(), names(4))
def test_mask(table: pa.Table, new: list[str]) -> None:
    t = renamed(table, new)
    columns = [
        {"column": new[0], "method": "hash", "salt": "sel"},
        {"column": new[1], "method": "partial", "show": 1},
        {"column": new[2], "method": "redact", "text": "hidden"},
        {"column": new[3], "method": "empty"},
    ]
    result = run_transform(Mask, {"columns": columns}, table=t)["table"]
    assert result.schema.types == [pa.string(), pa.string(), pa.string(), pa.date32()]
    k, s, v, _ = (q(name) for name in new)
    last = f"CASE WHEN len({s}) > 1 THEN repeat('*', len({s}) - 1) || right({s}, 1) ELSE repeat('*', len({s})) END"
    sql = f"SELECT sha256('sel' || {k}::VARCHAR), {last}, CASE WHEN {v} IS NOT NULL THEN 'hidden' END, NULL FROM t"
    assert bag(rows(result)) == bag(reference(sql, t=t))


@run
@given(tables("ksv", 8), tables("kvs", 8), names(3))
def test_compare(before: pa.Table, after: pa.Table, new: list[str]) -> None:
    x = renamed(before, new)
    y = renamed(after, [new[0], new[2], new[1]])
    result = run_transform(Compare, {"keys": [new[0]]}, before=x, after=y)
    k, s, v = (q(name) for name in new)
    number = f"row_number() OVER (PARTITION BY {k} ORDER BY {s} NULLS LAST, {v} NULLS LAST)"
    ctes = f'WITH x AS (SELECT *, {number} AS "#" FROM b), y AS (SELECT *, {number} AS "#" FROM a)'
    fits = f'x.{k} IS NOT DISTINCT FROM y.{k} AND x."#" = y."#"'
    same = f"x.{s} IS NOT DISTINCT FROM y.{s} AND x.{v} IS NOT DISTINCT FROM y.{v}"
    told = (
        f"concat_ws(', ', CASE WHEN x.{s} IS DISTINCT FROM y.{s} THEN {_text(new[1])} END, "
        f"CASE WHEN x.{v} IS DISTINCT FROM y.{v} THEN {_text(new[2])} END)"
    )
    expected = {
        "added": f'SELECT * EXCLUDE "#" FROM y WHERE NOT EXISTS (SELECT 1 FROM x WHERE {fits})',
        "removed": f'SELECT * EXCLUDE "#" FROM x WHERE NOT EXISTS (SELECT 1 FROM y WHERE {fits})',
        "changed": f"SELECT y.{k}, {told}, x.{s}, y.{s}, x.{v}, y.{v} FROM x JOIN y ON {fits} WHERE NOT ({same})",
        "unchanged": f'SELECT y.* EXCLUDE "#" FROM x JOIN y ON {fits} WHERE {same}',
    }
    for port, sql in expected.items():
        assert bag(rows(result[port])) == bag(reference(f"{ctes} {sql}", b=x, a=y)), port


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@pytest.mark.parametrize("how", [*HOWS])
def test_join_of_keys_of_different_width_loses_no_key(how: str) -> None:
    left = pa.table({"id": pa.array([1, 2], pa.int16())})
    right = pa.table({"id": pa.array([2, 5_000_000_000], pa.int64()), "x": ["a", "b"]})
    found = run_transform(Join, {"on": ["id"], "how": how}, left=left, right=right)["matched"]
    expected = {
        "inner": [(2, "a")],
        "left": [(1, None), (2, "a")],
        "right": [(2, "a"), (5_000_000_000, "b")],
        "full": [(1, None), (2, "a"), (5_000_000_000, "b")],
    }
    assert sorted(rows(found)) == expected[how]
