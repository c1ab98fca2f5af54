"""Batch bench: orders CSV + customers Parquet → filter, formula, join, aggregate, two sinks; ours beside scripts written by hand.

Usage: bench_batch.py [ROWS] [ROUNDS] — 5,000,000 orders and 7 interleaved rounds unless said otherwise.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
from measure import TISSERAND, Cost, interleaved, median, plain, run, scratch, table

REFERENCE = Path(__file__).with_name("batch_reference.py")
TARGETS = {"tisserand, Parquet": 1.25, "tisserand, CSV": 1.4, "tisserand, Parquet, keep all": 2.5}
BASE = {
    "tisserand, Parquet": "DuckDB by hand, Parquet",
    "tisserand, CSV": "DuckDB by hand, CSV",
    "tisserand, Parquet, keep all": "DuckDB by hand, Parquet",
    "Polars, Parquet": "DuckDB by hand, Parquet",
    "pandas, Parquet": "DuckDB by hand, Parquet",
}

FLOW = """\
tisserand: 1
id: bench-{kind}
title: Orders by country
nodes:
  orders:
    kind: file.read_csv
    config: {{path: "{{{{ workspace }}}}/data/orders.csv"}}
  customers:
    kind: file.read_parquet
    config: {{path: "{{{{ workspace }}}}/data/customers.parquet"}}
  wanted:
    kind: table.filter
    inputs: {{table: orders}}
    config: {{where: "status <> 'cancelled' and quantity > 1"}}
  priced:
    kind: table.formula
    inputs: {{table: wanted.kept}}
    config: {{columns: {{total: price * quantity * (1 - discount), month: month(ordered)}}}}
  named:
    kind: table.join
    inputs: {{left: priced, right: customers}}
    config: {{on: [customer_id]}}
  detail:
    kind: file.write_{kind}
    inputs: {{table: named.matched}}
    config: {{path: "{{{{ workspace }}}}/out/detail.{kind}"}}
  totals:
    kind: table.aggregate
    inputs: {{table: named.matched}}
    config: {{by: [country, segment, month], values: {{orders: count(), revenue: sum(total)}}}}
  summary:
    kind: file.write_{kind}
    inputs: {{table: totals}}
    config: {{path: "{{{{ workspace }}}}/out/totals.{kind}"}}
"""


def workspace(rows: int) -> Path:
    """The workspace with its data; the same rows each time, made once."""
    root = scratch(f"batch-wide-{rows}")
    data = root / "data"
    (root / "flows").mkdir(exist_ok=True)
    (root / "tisserand.yaml").write_text("")
    for kind in ("parquet", "csv"):
        (root / "flows" / f"bench-{kind}.yaml").write_text(FLOW.format(kind=kind))
    if not (data / "done").exists():
        data.mkdir(exist_ok=True)
        customers = max(rows // 50, 10)
        con = duckdb.connect()
        con.execute(f"""COPY (
            SELECT i AS customer_id, 'Customer ' || i AS name,
                   ['FR', 'DE', 'GB', 'ES', 'IT', 'JP', 'US', 'BR'][1 + (hash(i, 1) % 8)::INT] AS country,
                   ['shop', 'office', 'public'][1 + (hash(i, 2) % 3)::INT] AS segment
            FROM range({customers}) t(i)) TO '{data / "customers.parquet"}' (FORMAT parquet)""")
        con.execute(f"""COPY (
            SELECT i AS order_id, (hash(i, 1) % {customers})::BIGINT AS customer_id,
                   DATE '2024-01-01' + (hash(i, 2) % 366)::INT AS ordered, 'A-' || (hash(i, 3) % 5000) AS article,
                   'Article ' || (hash(i, 3) % 5000) || ', packed by ' || (hash(i, 7) % 48) AS description,
                   (hash(i, 4) % 9 + 1)::INT AS quantity, round((hash(i, 5) % 50000) / 100 + 0.99, 2) AS price,
                   (hash(i, 8) % 4) * 0.05 AS discount, [0.055, 0.1, 0.2][1 + (hash(i, 9) % 3)::INT] AS tax,
                   ['EUR', 'USD', 'GBP', 'JPY'][1 + (hash(i, 10) % 4)::INT] AS currency,
                   ['paid', 'open', 'sent', 'cancelled'][1 + (hash(i, 6) % 4)::INT] AS status,
                   ['web', 'shop', 'phone', 'partner'][1 + (hash(i, 11) % 4)::INT] AS channel,
                   TIMESTAMP '2024-01-02' + to_seconds((hash(i, 12) % 32_000_000)::BIGINT) AS shipped,
                   (hash(i, 13) % 800)::INT AS seller,
                   CASE WHEN hash(i, 14) % 5 = 0 THEN 'call ' || (hash(i, 15) % 100000) || ' before delivery' END AS note
            FROM range({rows}) t(i)) TO '{data / "orders.csv"}' (HEADER)""")
        (data / "done").touch()
    return root


def ours(root: Path, kind: str, *options: str) -> Cost:
    shutil.rmtree(root / ".tisserand", ignore_errors=True)
    shutil.rmtree(root / "out", ignore_errors=True)
    return run([*TISSERAND, "run", f"flows/bench-{kind}.yaml", *options], root)


def by_hand(root: Path, tool: str, kind: str) -> Cost:
    out = root / "by-hand" / f"{tool}-{kind}"
    shutil.rmtree(out, ignore_errors=True)
    return run([sys.executable, str(REFERENCE), tool, kind, str(root / "data"), str(out)], root)


def totals(path: Path) -> list[tuple[Any, ...]]:
    return duckdb.connect().execute(f"SELECT country, segment, month, orders, revenue FROM '{path}' ORDER BY ALL").fetchall()


def same(kind: str, root: Path, tool: str, out: Path | None = None) -> None:
    """The sinks hold the same rows: the detail by number and sums, the totals row by row (revenue to nine digits)."""
    mine, hand = out or root / "out", root / "by-hand" / f"duckdb-{kind}"
    sums = "SELECT count(*), sum(order_id), sum(customer_id), count(DISTINCT name), min(ordered), max(article) FROM '{}'"
    con = duckdb.connect()
    one, two = (con.execute(sums.format(folder / f"detail.{kind}")).fetchone() for folder in (mine, hand))
    # pandas writes dates as timestamps.
    assert one is not None and two is not None and [str(a)[:10] for a in one] == [str(b)[:10] for b in two], (tool, one, two)
    first, second = totals(mine / f"totals.{kind}"), totals(hand / f"totals.{kind}")
    assert len(first) == len(second) > 0, tool
    for left, right in zip(first, second, strict=True):
        assert left[:4] == right[:4] and math.isclose(left[4], right[4], rel_tol=1e-9), (tool, left, right)


def main(rows: int = 5_000_000, rounds: int = 7) -> dict[str, Any]:
    root = workspace(rows)
    variants = {
        "DuckDB by hand, Parquet": partial(by_hand, root, "duckdb", "parquet"),
        "tisserand, Parquet": partial(ours, root, "parquet"),
        "DuckDB by hand, CSV": partial(by_hand, root, "duckdb", "csv"),
        "tisserand, CSV": partial(ours, root, "csv"),
        "tisserand, Parquet, keep all": partial(ours, root, "parquet", "--keep", "all"),
        "Polars, Parquet": partial(by_hand, root, "polars", "parquet"),
        "pandas, Parquet": partial(by_hand, root, "pandas", "parquet"),
    }
    # Once unmeasured: files come into the cache, and what was written is compared.
    for name, measured in variants.items():
        measured()
        kind = "csv" if "CSV" in name else "parquet"
        if name.startswith("tisserand"):
            same(kind, root, name)
        elif not name.startswith("DuckDB"):
            same(kind, root, name, root / "by-hand" / f"{name.split(',')[0].lower()}-{kind}")
    times = {name: rounds if name in TARGETS or name in BASE.values() else min(rounds, 3) for name in variants}
    costs = interleaved(variants, times)
    middle = {name: median(found) for name, found in costs.items()}
    lines = []
    ratios: dict[str, float] = {}
    for name, cost in middle.items():
        base = BASE.get(name)
        ratio = cost.cpu / middle[base].cpu if base else 1.0
        ratios[name] = ratio
        target = TARGETS.get(name)
        verdict = "" if target is None else ("met" if ratio <= target else "MISSED")
        lines.append(
            [name, f"{cost.wall:.1f}", f"{cost.cpu:.1f}", f"{ratio:.2f}", target or "", verdict, f"{cost.peak:,.0f}", times[name]]
        )
    heads = ["variant", "wall s", "CPU s", "CPU ratio", "target", "", "peak RSS MB", "rounds"]
    text = f"Batch, {rows:,} orders (medians; ratio to the script by hand with the same sinks)\n\n{table(heads, lines)}"
    return {"title": "Batch", "text": text, "ratios": ratios, "rows": rows, "costs": plain(costs)}


if __name__ == "__main__":
    report = main(*(int(argument.replace("_", "")) for argument in sys.argv[1:3]))
    print(report["text"])
    print(json.dumps({name: report[name] for name in ("rows", "ratios")}))
