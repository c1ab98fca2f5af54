"""`--memory` is the most that the worker takes: rows that do not fit are joined, sorted and counted all the same."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tisserand.engine.journal import RunRecord
from tisserand.engine.launch import RunRequest, launch
from tisserand.model.problem import Problem

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux: peak memory is read from /proc")

ROWS = 3_000_000
CODES = ROWS // 2
MEMORY, MOST = "400MB", 440
"""What the worker is given, and the MB that it may have resident: buffers of threads and allocator differ by machine."""

FLOW = """tisserand: 1
id: tight
nodes:
  orders:
    kind: file.read_parquet
    config: {path: orders.parquet}
  customers:
    kind: file.read_parquet
    config: {path: customers.parquet}
  named:
    kind: table.join
    inputs: {left: orders, right: customers}
    config: {on: [customer]}
  sorted:
    kind: table.sort
    inputs: {table: named.matched}
    config: {by: [code, id]}
  detail:
    kind: file.write_parquet
    inputs: {table: sorted}
    config: {path: out/detail.parquet}
  totals:
    kind: table.aggregate
    inputs: {table: named.matched}
    config: {by: [customer, code], values: {orders: count(), cents: sum(cents)}}
  summary:
    kind: file.write_parquet
    inputs: {table: totals}
    config: {path: out/totals.parquet}
"""

LISTED = """tisserand: 1
id: listed
nodes:
  customers:
    kind: file.read_parquet
    config: {path: customers.parquet}
  listed:
    kind: table.aggregate
    inputs: {table: customers}
    config: {by: [], values: {text: "string_agg(code || 'LONG', ', ')"}}
  summary:
    kind: file.write_parquet
    inputs: {table: listed}
    config: {path: out/listed.parquet}
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Orders of customers in no order. With memory to spare a run of them takes 585 MB."""
    root = tmp_path_factory.mktemp("tight")
    (root / "flows").mkdir()
    (root / "tisserand.yaml").write_text("id: tight\n")
    (root / "flows" / "tight.yaml").write_text(FLOW)
    (root / "flows" / "listed.yaml").write_text(LISTED.replace("LONG", "long" * 50))
    con = duckdb.connect()
    con.execute(f"""COPY (SELECT i AS id, (hash(i, 1) % {CODES})::BIGINT AS customer, (hash(i, 2) % 1000)::BIGINT AS cents
        FROM range({ROWS}) t(i)) TO '{root / "orders.parquet"}' (FORMAT parquet)""")
    con.execute(f"""COPY (SELECT i * 7919 % {CODES} AS customer, 'code ' || hash(i, 3) AS code
        FROM range({CODES}) t(i)) TO '{root / "customers.parquet"}' (FORMAT parquet)""")
    return root


def watched(root: Path, flow: str, memory: str | None) -> tuple[RunRecord, float]:
    """A run to its end, and the most memory that its worker had resident, in MB."""
    handle = launch(root, RunRequest(file=f"flows/{flow}.yaml", memory=memory))
    peak = 0
    status = Path(f"/proc/{handle.pid}/status")
    until = time.monotonic() + 120
    while (record := handle.wait(0.02)).state in ("queued", "running") and time.monotonic() < until:
        try:
            lines = status.read_text().splitlines()
        except OSError:
            continue  # gone meanwhile
        peak = max([peak, *(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))])
    return record, peak * 1024 / 1e6


def ask(text: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = duckdb.connect().execute(text).fetchall()
    return rows


def test_rows_that_do_not_fit_are_joined_sorted_and_counted_within_the_memory(workspace: Path) -> None:
    record, peak = watched(workspace, "tight", MEMORY)
    assert record.state == "done", record.error
    assert 0 < peak <= MOST
    detail, totals = (f"read_parquet('{workspace / 'out' / name}.parquet')" for name in ("detail", "totals"))
    joined = f"'{workspace / 'orders.parquet'}' JOIN '{workspace / 'customers.parquet'}' USING (customer)"
    sums = "SELECT count(*), sum(hash(id, customer, cents, code)) FROM {}"
    assert ask(sums.format(detail)) == ask(sums.format(joined))
    sums = "SELECT count(*), sum(hash(customer, code, orders::BIGINT, cents::BIGINT)) FROM {}"
    by_hand = f"(SELECT customer, code, count(*) AS orders, sum(cents) AS cents FROM {joined} GROUP BY ALL)"
    assert ask(sums.format(totals)) == ask(sums.format(by_hand))
    before = "lag((code, id)) OVER (ORDER BY file_row_number)"
    rows = f"read_parquet('{workspace / 'out' / 'detail.parquet'}', file_row_number = true)"
    assert ask(f"SELECT count(*) FROM (SELECT (code, id) < {before} AS wrong FROM {rows}) WHERE wrong") == [(0,)]


def test_one_value_that_cannot_fit_ends_with_a_sentence(workspace: Path) -> None:
    record, peak = watched(workspace, "listed", MEMORY)
    assert record.state == "failed"
    error = Problem.from_json(record.error or {})
    assert (error.code, error.place.node) == ("run.memory", "listed"), error
    assert error.message.text("en") == "The memory limit is too small for this step."
    assert peak <= MOST
    assert not (workspace / "out" / "listed.parquet").exists()
