"""The batch bench's flow as people write it by hand: DuckDB SQL, Polars, pandas. Imports nothing of Tisserand.

Usage: batch_reference.py duckdb|polars|pandas parquet|csv FOLDER OUT
"""

from __future__ import annotations

import sys
from pathlib import Path


def by_duckdb(kind: str, data: Path, out: Path) -> None:
    """Types given, one pass over the source; a Parquet sink is read back for the aggregate, for CSV a table is kept."""
    import duckdb

    con = duckdb.connect()
    con.execute("SET preserve_insertion_order = false")
    con.execute(f"SET temp_directory = '{out / 'spill'}'")
    detail = f"""
        SELECT o.*, o.price * o.quantity * (1 - o.discount) AS total, month(o.ordered)::BIGINT AS month, c.name, c.country, c.segment
        FROM read_csv('{data / "orders.csv"}', header = true, auto_detect = false, delim = ',', quote = '"', escape = '"',
             columns = {{'order_id': 'BIGINT', 'customer_id': 'BIGINT', 'ordered': 'DATE', 'article': 'VARCHAR',
                         'description': 'VARCHAR', 'quantity': 'BIGINT', 'price': 'DOUBLE', 'discount': 'DOUBLE', 'tax': 'DOUBLE',
                         'currency': 'VARCHAR', 'status': 'VARCHAR', 'channel': 'VARCHAR', 'shipped': 'TIMESTAMP',
                         'seller': 'BIGINT', 'note': 'VARCHAR'}}) AS o
        JOIN read_parquet('{data / "customers.parquet"}') AS c USING (customer_id)
        WHERE o.status <> 'cancelled' AND o.quantity > 1"""
    totals = "SELECT country, segment, month, count(*) AS orders, sum(total) AS revenue FROM {source} GROUP BY ALL"
    if kind == "parquet":
        con.execute(f"COPY ({detail}) TO '{out / 'detail.parquet'}' (FORMAT parquet, COMPRESSION zstd)")
        source = f"read_parquet('{out / 'detail.parquet'}')"
        con.execute(f"COPY ({totals.format(source=source)}) TO '{out / 'totals.parquet'}' (FORMAT parquet, COMPRESSION zstd)")
    else:
        con.execute(f"CREATE TEMP TABLE detail AS {detail}")
        con.execute(f"COPY detail TO '{out / 'detail.csv'}' (FORMAT csv, HEADER)")
        con.execute(f"COPY ({totals.format(source='detail')}) TO '{out / 'totals.csv'}' (FORMAT csv, HEADER)")


def by_polars(kind: str, data: Path, out: Path) -> None:
    import polars as pl

    orders = pl.scan_csv(data / "orders.csv", schema_overrides={"ordered": pl.Date, "shipped": pl.Datetime})
    detail = (
        orders.filter((pl.col("status") != "cancelled") & (pl.col("quantity") > 1))
        .with_columns(
            total=pl.col("price") * pl.col("quantity") * (1 - pl.col("discount")),
            month=pl.col("ordered").dt.month().cast(pl.Int64),
        )
        .join(pl.scan_parquet(data / "customers.parquet"), on="customer_id")
    )
    detail.sink_parquet(out / "detail.parquet", compression="zstd")
    totals = (
        pl.scan_parquet(out / "detail.parquet")
        .group_by("country", "segment", "month")
        .agg(orders=pl.len().cast(pl.Int64), revenue=pl.col("total").sum())
    )
    totals.sink_parquet(out / "totals.parquet", compression="zstd")


def by_pandas(kind: str, data: Path, out: Path) -> None:
    import pandas as pd

    orders = pd.read_csv(data / "orders.csv", parse_dates=["ordered", "shipped"], engine="pyarrow")
    orders = orders[(orders["status"] != "cancelled") & (orders["quantity"] > 1)]
    orders = orders.assign(
        total=orders["price"] * orders["quantity"] * (1 - orders["discount"]), month=orders["ordered"].dt.month
    )
    detail = orders.merge(pd.read_parquet(data / "customers.parquet"), on="customer_id")
    detail.to_parquet(out / "detail.parquet", compression="zstd", index=False)
    totals = detail.groupby(["country", "segment", "month"], as_index=False).agg(
        orders=("order_id", "size"), revenue=("total", "sum")
    )
    totals.to_parquet(out / "totals.parquet", compression="zstd", index=False)


if __name__ == "__main__":
    by = {"duckdb": by_duckdb, "polars": by_polars, "pandas": by_pandas}[sys.argv[1]]
    target = Path(sys.argv[4])
    target.mkdir(parents=True, exist_ok=True)
    by(sys.argv[2], Path(sys.argv[3]), target)
