"""A memory limit that cannot hold is refused with what is needed; users' SQL keeps to it together with the run's other queries."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from tisserand.engine.launch import RunRequest, launch
from tisserand.model.problem import Problem

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux: peak memory is read from /proc")

FLOW = """tisserand: 1
id: both
nodes:
  orders:
    kind: file.read_parquet
    config: {path: orders.parquet}
  counted:
    kind: table.sql
    inputs: {tables: orders}
    config: {query: "SELECT customer, label, count(*) AS n, max(id) AS last FROM orders GROUP BY ALL ORDER BY label, customer"}
  summary:
    kind: file.write_parquet
    inputs: {table: counted}
    config: {path: out/summary.parquet}
  sorted:
    kind: table.sort
    inputs: {table: orders}
    config: {by: [label, id]}
  detail:
    kind: file.write_parquet
    inputs: {table: sorted}
    config: {path: out/detail.parquet}
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("floor")
    (root / "flows").mkdir()
    (root / "tisserand.yaml").write_text("id: floor\n")
    (root / "flows" / "both.yaml").write_text(FLOW)
    duckdb.sql(f"""COPY (SELECT i AS id, (hash(i) % 900000)::BIGINT AS customer, 'label ' || hash(i, 5) AS label
        FROM range(1800000) t(i)) TO '{root / "orders.parquet"}' (FORMAT parquet)""")
    return root


def watched(root: Path, memory: str) -> tuple[str, Problem | None, float]:
    """How a run ended, and the most memory that its worker had resident, in MB."""
    handle = launch(root, RunRequest(file="flows/both.yaml", memory=memory))
    peak, status, until = 0, Path(f"/proc/{handle.pid}/status"), time.monotonic() + 120
    while (record := handle.wait(0.02)).state in ("queued", "running") and time.monotonic() < until:
        try:
            found = re.search(r"VmHWM:\s+(\d+)", status.read_text())
        except OSError:
            continue  # gone meanwhile
        peak = max(peak, int(found[1]) if found else 0)
    return record.state, Problem.from_json(record.error) if record.error else None, peak * 1024 / 1e6


def least() -> int:
    """What a process takes here that only has the libraries, and the least that DuckDB works with, in MB: it depends on how the
    system maps libraries (120 MB on one machine, 265 MB on another)."""
    libraries = (
        "import ibis.backends.duckdb, duckdb, pyarrow.parquet, pydantic, psutil; print(psutil.Process().memory_info().rss)"
    )
    resident = int(subprocess.run([sys.executable, "-c", libraries], capture_output=True, text=True, check=True).stdout)
    return int(resident / 1e6 + 175)


@pytest.fixture(scope="module")
def needed(workspace: Path) -> int:
    """The least memory, in MB, that a refused run is told to need."""
    state, error, _ = watched(workspace, "150MB")
    assert (state, error.code) == ("failed", "run.memory")
    told = re.fullmatch(r"A run cannot keep within 150MB: it needs (\d+)MB, however few its rows\.", error.message.text("en"))
    assert told and not (workspace / "out").exists()
    return int(told[1])


def test_a_limit_that_cannot_hold_is_refused_and_the_one_told_holds(workspace, needed):
    assert abs(needed - least()) <= 100
    state, error, peak = watched(workspace, f"{needed + 20}MB")
    assert state == "done", error
    assert peak <= 1.1 * (needed + 20)


def test_users_sql_shares_the_memory_of_the_run(workspace, needed):
    limit = max(400, needed + 60)
    state, error, peak = watched(workspace, f"{limit}MB")
    assert state == "done", error
    assert peak <= 1.1 * limit
    orders, summary = (f"read_parquet('{workspace / name}.parquet')" for name in ("orders", "out/summary"))
    by_hand = f"(SELECT customer, label, count(*) AS n, max(id) AS last FROM {orders} GROUP BY ALL)"
    sums = "SELECT count(*), sum(hash(customer, label, n::BIGINT, last)) FROM "
    assert duckdb.sql(sums + summary).fetchall() == duckdb.sql(sums + by_hand).fetchall()
