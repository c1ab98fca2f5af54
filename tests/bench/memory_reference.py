"""The memory bench's flow as people write it by hand in DuckDB, with no limit. Imports nothing of Tisserand.

Usage: memory_reference.py DATA OUT
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb


def main(data: Path, out: Path) -> None:
    out.mkdir(parents=True)
    con = duckdb.connect()
    con.execute(f"SET temp_directory = '{out / 'spill'}'")
    con.execute("SET preserve_insertion_order = false")
    con.execute(f"""COPY (
        SELECT o.order_id, o.customer_id, o.ordered, o.article, o.quantity, o.cents, c.country, c.segment
        FROM read_parquet('{data / "orders.parquet"}') AS o
        JOIN read_parquet('{data / "customers.parquet"}') AS c USING (customer_id)
        ORDER BY o.ordered, o.order_id) TO '{out / "detail.parquet"}' (FORMAT parquet, COMPRESSION zstd)""")
    con.execute(f"""COPY (
        SELECT customer_id, country, count(*) AS orders, sum(cents)::BIGINT AS cents, max(ordered) AS latest
        FROM read_parquet('{out / "detail.parquet"}') GROUP BY ALL) TO '{out / "totals.parquet"}' (FORMAT parquet, COMPRESSION zstd)""")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
