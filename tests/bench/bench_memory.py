"""Memory bench: a join, a sort and an aggregate over far more rows than the memory holds; the worker's peak beside its limit.

Usage: bench_memory.py [--rows 40_000_000] [--memory 1GB] [--double] [--no-reference]. Half as many customers as orders; `--double`
then does the same with twice the rows. The two sinks are compared with what a script without any limit wrote. Data stays in the
bench's scratch folder (about 40 bytes a row, and as much again several times while it runs).
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import duckdb
from measure import TISSERAND, Cost, run, scratch, table

from tisserand.model.units import size

REFERENCE = Path(__file__).with_name("memory_reference.py")
ALLOWED = 1.1
"""The worker's peak resident memory over `--memory`, at most."""

FLOW = """\
tisserand: 1
id: bench-memory
title: Orders with their customers, in order, and totals
nodes:
  orders:
    kind: file.read_parquet
    config: {path: "{{ workspace }}/data/orders.parquet"}
  customers:
    kind: file.read_parquet
    config: {path: "{{ workspace }}/data/customers.parquet"}
  named:
    kind: table.join
    inputs: {left: orders, right: customers}
    config: {on: [customer_id]}
  sorted:
    kind: table.sort
    inputs: {table: named.matched}
    config: {by: [ordered, order_id]}
  detail:
    kind: file.write_parquet
    inputs: {table: sorted}
    config: {path: "{{ workspace }}/out/detail.parquet"}
  totals:
    kind: table.aggregate
    inputs: {table: named.matched}
    config:
      by: [customer_id, country]
      values: {orders: count(), cents: sum(cents), latest: max(ordered)}
  summary:
    kind: file.write_parquet
    inputs: {table: totals}
    config: {path: "{{ workspace }}/out/totals.parquet"}
"""


def workspace(rows: int) -> Path:
    """The workspace with its data; the same rows each time, made once."""
    root = scratch(f"memory-{rows}")
    data = root / "data"
    (root / "flows").mkdir(exist_ok=True)
    (root / "tisserand.yaml").write_text("")
    (root / "flows" / "bench-memory.yaml").write_text(FLOW)
    if not (data / "done").exists():
        data.mkdir(exist_ok=True)
        customers = rows // 2
        con = duckdb.connect()
        # A multiplier without a common factor with `customers` puts them in an order of their own; some orders find no customer.
        con.execute(f"""COPY (
            SELECT (i * 7919 + 13) % {customers} AS customer_id,
                   ['FR', 'DE', 'GB', 'ES', 'IT', 'JP', 'US', 'BR'][1 + (hash(i, 1) % 8)::INT] AS country,
                   (hash(i, 2) % 40)::INT AS segment
            FROM range({customers}) t(i)) TO '{data / "customers.parquet"}' (FORMAT parquet, COMPRESSION zstd)""")
        con.execute(f"""COPY (
            SELECT i AS order_id, (hash(i, 1) % {customers * 101 // 100})::BIGINT AS customer_id,
                   DATE '2015-01-01' + (hash(i, 2) % 3650)::INT AS ordered, 'A-' || (hash(i, 3) % 5000) AS article,
                   (hash(i, 4) % 9 + 1)::INT AS quantity, (hash(i, 5) % 50000 + 99)::BIGINT AS cents
            FROM range({rows}) t(i)) TO '{data / "orders.parquet"}' (FORMAT parquet, COMPRESSION zstd)""")
        (data / "done").touch()
    return root


def ours(root: Path, memory: str) -> Cost:
    shutil.rmtree(root / ".tisserand", ignore_errors=True)
    shutil.rmtree(root / "out", ignore_errors=True)
    cost = run([*TISSERAND, "run", "flows/bench-memory.yaml", "--memory", memory], root)
    shutil.rmtree(root / ".tisserand")
    return cost


def by_hand(root: Path) -> Cost:
    out = root / "by-hand"
    shutil.rmtree(out, ignore_errors=True)
    return run([sys.executable, str(REFERENCE), str(root / "data"), str(out)], root)


def content(folder: Path) -> dict[str, tuple[Any, ...]]:
    """What the sinks hold, whatever the order: numbers, sums, and the sum of all rows' hashes."""
    con = duckdb.connect()
    con.execute("SET memory_limit = '4GB'")
    found = {}
    for name, columns in (
        ("detail", "order_id, customer_id, ordered, article, quantity, cents, country, segment"),
        ("totals", "customer_id, country, orders, cents, latest"),
    ):
        row = con.execute(
            f"SELECT count(*), sum(cents), sum(hash({columns})) FROM read_parquet('{folder / name}.parquet')"
        ).fetchone()
        assert row is not None and row[0] > 0, name
        found[name] = row
    return found


def in_order(path: Path) -> bool:
    """Whether the rows of the file stand in the order that the flow asks for."""
    import numpy
    import pyarrow.parquet as pq

    last = -1
    for batch in pq.ParquetFile(path).iter_batches(columns=["ordered", "order_id"]):
        days = batch.column(0).cast("int32").to_numpy().astype(numpy.int64)
        keys = numpy.concatenate(([last], (days << 32) + batch.column(1).to_numpy()))
        if not bool((keys[1:] > keys[:-1]).all()):
            return False
        last = int(keys[-1])
    return True


def measured(rows: int, memory: str, reference: bool) -> tuple[list[object], dict[str, Any]]:
    root = workspace(rows)
    hand = by_hand(root) if reference else None
    cost = ours(root, memory)
    if hand is not None:
        mine, theirs = content(root / "out"), content(root / "by-hand")
        assert mine == theirs, (mine, theirs)
    assert in_order(root / "out" / "detail.parquet")
    for folder in ("out", "by-hand"):
        shutil.rmtree(root / folder, ignore_errors=True)
    ratio = cost.peak * 1e6 / size(memory)
    shown: list[object] = [
        f"{rows:,} ⋈ {rows // 2:,}", memory, f"{cost.peak:,.0f}", f"{ratio:.2f}", "met" if ratio <= ALLOWED else "MISSED",
        f"{cost.wall:.0f}", f"{cost.cpu:.0f}",
    ]  # fmt: skip
    facts: dict[str, Any] = {"rows": rows, "memory": memory, "peak": ratio, "wall": cost.wall, "cpu": cost.cpu}
    if hand is not None:
        shown += [f"{cost.wall / hand.wall:.2f}", f"{cost.cpu / hand.cpu:.2f}", f"{hand.peak:,.0f}"]
        facts |= {"wall ratio": cost.wall / hand.wall, "cpu ratio": cost.cpu / hand.cpu, "peak by hand": hand.peak}
    return shown, facts


def main(
    rows: int = 40_000_000, memories: tuple[str, ...] = ("1GB", "600MB"), double: bool = True, reference: bool = True
) -> dict[str, Any]:
    cases = [(rows, memory) for memory in memories] + ([(rows * 2, memories[0])] if double else [])
    lines, facts = [], []
    for count, memory in cases:
        shown, known = measured(count, memory, reference)
        print(" | ".join(str(cell) for cell in shown), file=sys.stderr)
        lines.append(shown)
        facts.append(known)
    heads = ["rows", "memory", "peak RSS MB", "of the limit", f"≤ {ALLOWED}", "wall s", "CPU s"]
    if reference:
        heads += ["wall ratio", "CPU ratio", "peak by hand, MB"]
    text = f"Memory: join, sort and aggregate (ratios to the script by hand without a limit)\n\n{table(heads, lines)}"
    return {"title": "Memory", "text": text, "rows": rows, "cases": facts}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=lambda text: int(text.replace("_", "")), default=40_000_000)
    parser.add_argument(
        "--memory", action="append", metavar="SIZE", help="may be given several times (1GB and 600MB unless said)"
    )
    parser.add_argument("--double", action="store_true", help="then once more with twice the rows")
    parser.add_argument("--no-reference", action="store_true", help="measure ours only")
    asked = parser.parse_args()
    report = main(asked.rows, tuple(asked.memory or ("1GB", "600MB")), asked.double, not asked.no_reference)
    print(report["text"])
    print(json.dumps(report["cases"]))
