"""A line longer than the buffer of DuckDB's reader, which drops it without a word when several threads read, is told or rejected."""

from __future__ import annotations

import duckdb
import pytest

FEW = "".join(f"{number},y\n" for number in range(2, 100_000))
LONG = "1," + "x" * 40_000_000 + "\n"
SCAN = "SELECT count(*) FROM read_csv('{path}', columns={{'a': 'BIGINT', 'b': 'TEXT'}}, auto_detect=false, header=true, max_line_size=2000000)"
OUT = "  out: {kind: file.write_csv, inputs: {table: rows}, config: {path: out/o.csv}}\n"


@pytest.fixture
def place(tmp_path):
    from tisserand.service.local import LocalExecutor

    (tmp_path / "tisserand.yaml").write_text("id: place\n")
    (tmp_path / "flows").mkdir()
    executor = LocalExecutor(tmp_path)
    yield tmp_path, executor
    executor.close()


def run(place, name, text, config=""):
    from tisserand.service.protocol import RunRequest

    root, executor = place
    (root / "long.csv").write_text(text)
    flow = f"tisserand: 1\nid: {name}\nnodes:\n  rows: {{kind: file.read_csv, config: {{path: long.csv{config}}}}}\n"
    (root / "flows" / f"{name}.yaml").write_text(flow + OUT)
    return executor.wait(executor.start(RunRequest(file=f"flows/{name}.yaml")))


def test_nothing_is_dropped_without_a_word(place):
    root, _executor = place
    found = run(place, "last", "a,b\n" + FEW + LONG)
    # What the guard is for: the reader alone loses the line.
    assert duckdb.sql(SCAN.format(path=root / "long.csv")).fetchall() == [(99_998,)]
    assert found.state == "failed" and found.error is not None
    assert "long.csv:100000" in found.error.message.text("en") and "longer than the longest" in found.error.message.text("en")
    assert not (root / "out" / "o.csv").exists()


def test_it_is_rejected_where_bad_rows_are(place):
    root, _executor = place
    found = run(place, "rejected", "a,b\n" + FEW + LONG + "100000,z\n", ", bad_rows: reject")
    assert found.state == "done", found.error
    assert found.nodes["rows"].rows == {"rows": 99_999, "rejects": 1}
    lines = (root / "out" / "o.csv").read_text().splitlines()
    assert (len(lines), lines[1], lines[-1]) == (100_000, "2,y", "100000,z")


def test_it_is_read_where_that_is_allowed(place):
    root, _executor = place
    found = run(place, "read", "a,b\n" + FEW + LONG, ", longest_line: 50MB")
    assert found.state == "done", found.error
    assert duckdb.sql(
        f"SELECT count(*), max(length(b)) FROM read_csv('{root / 'out' / 'o.csv'}', max_line_size=90000000, parallel=false)"
    ).fetchall() == [(99_999, 40_000_000)]
