"""A formula that fails in one row of many: the run names the node, the setting, the row and the values, whatever is fused around it."""

from __future__ import annotations

import duckdb
import pytest

ROWS = 300_000
BAD = 217_003  # from 1
HEAD = "  rows: {kind: file.read_parquet, config: {path: rows.parquet}}\n"
OUT = "  out: {kind: file.write_csv, inputs: {table: last}, config: {path: out/o.csv}}\n"

CASES = {
    # the broken node, its setting, the sentence; every case fails in row BAD only
    "formula": (
        "kind: table.formula, inputs: {table: kept}, config: {columns: {fine: n + 1, whole: 'to_integer(t)', n: n}}",
        "config.columns.whole",
        f"“12 apples” cannot be read as integer. In row {BAD}: t = “12 apples”.",
    ),
    "second formula": (
        "kind: table.formula, inputs: {table: kept}, config: {columns: {half: big + 1, whole: 'half * 3'}}",
        "config.columns.whole",
        f"A number became too large for its type: 9000000000000000001 * 3. In row {BAD}: big = 9000000000000000000.",
    ),
    "filter": (
        "kind: table.filter, inputs: {table: kept}, config: {where: 'to_integer(t) > 0'}",
        "config.where",
        f"“12 apples” cannot be read as integer. In row {BAD}: t = “12 apples”.",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_row_is_named(place, name):
    duckdb.sql(f"""COPY (SELECT i AS n, CASE WHEN i = {BAD} THEN '12 apples' ELSE i::VARCHAR END AS t,
        CASE WHEN i = {BAD} THEN 9000000000000000000 ELSE i END AS big FROM range(1, {ROWS + 1}) r(i))
        TO '{place.root / "rows.parquet"}' (FORMAT parquet)""")
    broken, field, sentence = CASES[name]
    kept = "  kept: {kind: table.filter, inputs: {table: rows}, config: {where: n > 0}}\n"
    last = "  last: {kind: table.sort, inputs: {table: broken}, config: {by: [n]}}\n"
    found = place.run("blamed", HEAD + kept + f"  broken: {{{broken}}}\n" + last + OUT)
    assert found.state == "failed" and found.error is not None
    assert (found.error.place.node, found.error.place.field) == ("broken", field)
    assert found.error.message.text("en") == sentence
    assert found.error.fix is not None
    assert not (place.root / "out" / "o.csv").exists() and place.left_over() == []
    assert not list((place.root / ".tisserand").rglob("blame.*"))


def test_a_node_over_many_rows_is_named_without_a_row(place):
    nodes = (
        "  rows: {kind: data.table, config: {columns: {a: integer}, rows: [[9223372036854775807], [9223372036854775807]]}}\n"
        "  last: {kind: table.aggregate, inputs: {table: rows}, config: {columns: {total: sum(a)}}}\n"
    )
    found = place.run("summed", nodes + OUT)
    assert found.state == "failed" and found.error is not None and found.error.place.node == "last"
    assert "row" not in found.error.message.text("en")
