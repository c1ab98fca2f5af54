"""A source that is replaced while a run reads it: the run says so, and what it wrote from mixed rows is not put into place."""

from __future__ import annotations

import os

import duckdb

NODES = (
    "  rows: {kind: file.read_parquet, config: {path: rows.parquet}}\n"
    "  sorted: {kind: table.sort, inputs: {table: rows}, config: {by: [t, n]}}\n"
    "  out: {kind: file.write_csv, inputs: {table: sorted}, config: {path: out/o.csv}}\n"
)


def write(path, first, rows):
    duckdb.sql(f"COPY (SELECT {first} + i AS n, md5(i::VARCHAR) AS t FROM range({rows}) r(i)) TO '{path}' (FORMAT parquet)")


def test_a_source_that_is_replaced_while_it_is_read(place):
    write(place.root / "rows.parquet", 0, 3_000_000)
    write(place.root / "other.parquet", 1_000_000_000, 1_000)
    (place.root / "out").mkdir()
    (place.root / "out" / "o.csv").write_text("old\n")
    run = place.start("replaced", NODES)
    place.until(run, lambda info: "out" in info.nodes and info.nodes["out"].state == "running")
    os.replace(place.root / "other.parquet", place.root / "rows.parquet")
    found = place.executor.wait(run)
    assert found.state == "failed" and found.error is not None, found
    assert "“rows.parquet” was changed while the flow read it" in found.error.message.text("en")
    assert found.error.fix is not None and "at rest" in found.error.fix.text("en")
    assert (place.root / "out" / "o.csv").read_text() == "old\n"
    assert place.left_over() == []
    # At rest, it is read as it is now.
    assert place.again("flows/replaced.yaml").state == "done"
    assert (place.root / "out" / "o.csv").read_text().count("\n") == 1_001
