"""A file that the run itself writes and then reads: read as it was written, with the columns that the run was planned with."""

from __future__ import annotations

import duckdb
import pytest

FORMATS = {"csv": "csv", "parquet": "parquet", "json": "json", "excel": "xlsx"}


def flow(kind, columns, rows):
    file = f"made.{FORMATS[kind]}"
    return (
        f"  one: {{kind: data.table, config: {{columns: {{{columns}}}, rows: {rows}}}}}\n"
        f"  put: {{kind: file.write_{kind}, inputs: {{table: one}}, config: {{path: {file}}}}}\n"
        f"  got: {{kind: file.read_{kind}, after: {{put: done}}, config: {{path: {file}}}}}\n"
        "  sorted: {kind: table.sort, inputs: {table: got}, config: {by: [a]}}\n"
        "  some: {kind: table.filter, inputs: {table: got}, config: {where: a > 3}}\n"
        "  stop: {kind: flow.fail, inputs: {table: some}, config: {message: stop, when: count() > 0}}\n"
    )


@pytest.mark.parametrize("kind", FORMATS)
def test_what_was_written_is_read(place, kind):
    found = place.run("first", flow(kind, "a: integer", "[[1]]"), until="put")
    assert found.state == "done"
    found = place.run("then", flow(kind, "a: integer", "[[3], [2], [4]]"))
    assert (found.state, found.error.place.node) == ("failed", "stop"), found.error
    assert [int(row["a"]) for row in place.rows(found.id, "sorted")] == [2, 3, 4]
    # What was looked at in between is what a resume compares with.
    again = place.resume(found.id)
    assert again.error.place.node == "stop"


def test_other_columns_are_said(place):
    duckdb.sql(f"COPY (SELECT 1 AS a, 'x' AS b) TO '{place.root / 'made.csv'}'")
    found = place.run("other", flow("csv", "a: integer", "[[3], [2]]"))
    assert (
        found.state == "failed"
        and "other columns" in found.error.message.text("en")
        and "“got”" in found.error.message.text("en")
    )
