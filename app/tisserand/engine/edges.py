"""Questions about the kept rows of one edge: those that fit a condition, where a text stands, what a column holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tisserand.engine.failures import sentence_of
from tisserand.sdk.errors import NodeError
from tisserand.sdk.scan import literal
from tisserand.sdk.sessions import SESSION

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

FREQUENT = 8
"""So many of the most frequent values are named."""
BINS = 20


@contextmanager
def asking(path: Path, where: str | None = None, order: str | None = None) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """A private connection, and the SQL of the edge's rows, filtered and in order. `where` is a formula, `order` a column,
    `-column` for descending."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(SESSION)
        source = f"(SELECT * FROM read_parquet({literal(str(path))}))"
        if where:
            source = f"({_filtered(connection, source, where)})"
        if order is not None:
            name = order.removeprefix("-").replace('"', '""')
            down = "DESC" if order.startswith("-") else "ASC"
            source = f'(SELECT * FROM {source} ORDER BY "{name}" {down} NULLS LAST)'
        yield connection, source


def _filtered(connection: duckdb.DuckDBPyConnection, source: str, where: str) -> str:
    """The SQL of the rows for which a formula is true: the same formulas as everywhere."""
    import ibis

    from tisserand.sdk.formulas import compile_formula, formula_type

    schema = ibis.Schema.from_pyarrow(connection.sql(f"SELECT * FROM {source} LIMIT 0").to_arrow_table().schema)
    table = ibis.table(schema, name="edge_rows")
    columns = {name: str(kind) for name, kind in schema.items()}
    if formula_type(where, columns, {}) != "boolean":
        raise NodeError("This is no condition: it gives no “true” or “false”.", fix="For example: amount > 100")
    compiled = str(ibis.to_sql(table.filter(compile_formula(where, table, {})), dialect="duckdb"))
    return (
        f"WITH edge_rows AS (SELECT * FROM {source}) {compiled}"
        if not compiled.upper().startswith("WITH")
        else (f"WITH edge_rows AS (SELECT * FROM {source}), {compiled[4:]}")
    )


def rows(path: Path, offset: int, limit: int, order: str | None = None, where: str | None = None) -> tuple[pa.Table, int]:
    """Some of the rows that fit, and how many fit in all."""
    with asking(path, where, order) as (connection, source):
        total = connection.execute(f"SELECT count(*) FROM {source}").fetchall()[0][0]
        return connection.sql(f"SELECT * FROM {source} LIMIT {int(limit)} OFFSET {int(offset)}").to_arrow_table(), int(total)


def find(
    path: Path, text: str, start: int, back: bool, order: str | None = None, where: str | None = None
) -> tuple[int, int] | None:
    """(row, column) of the nearest cell whose text holds `text`, upper and lower case alike, from row `start` on (or back)."""
    with asking(path, where, order) as (connection, source):
        names = [str(row[0]) for row in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()]
        cells = [f'contains(lower(CAST("{name.replace(chr(34), chr(34) * 2)}" AS VARCHAR)), $text)' for name in names]
        hit = "CASE " + " ".join(f"WHEN {cell} THEN {index}" for index, cell in enumerate(cells)) + " END"
        side, best = ("<=", "DESC") if back else (">=", "ASC")
        found = connection.execute(
            f"SELECT place, hit FROM (SELECT row_number() OVER () - 1 AS place, {hit} AS hit FROM {source}) "
            f"WHERE hit IS NOT NULL AND place {side} $start ORDER BY place {best} LIMIT 1",
            {"text": text.lower(), "start": start},
        ).fetchone()
        return (int(found[0]), int(found[1])) if found is not None else None


def profile(path: Path, column: str, where: str | None = None) -> Mapping[str, Any]:
    """What a column holds: counts, range, quartiles, the most frequent values, and a histogram of numbers. Values are texts."""
    with asking(path, where) as (connection, source):
        types = {str(row[0]): str(row[1]) for row in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
        if column not in types:
            raise NodeError("There is no column “{name}”.", name=column)
        name = '"' + column.replace('"', '""') + '"'
        kind = types[column]
        number = kind.startswith(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINY", "USMALL", "UINT", "UBIG"))
        number = number or kind.startswith(("FLOAT", "DOUBLE", "DECIMAL"))
        moment = kind.startswith(("DATE", "TIME"))
        ordered = number or moment or kind == "VARCHAR"
        connection.execute(f"CREATE TEMP TABLE asked AS SELECT {name} AS v FROM {source}")
        total, filled, distinct = connection.execute("SELECT count(*), count(v), approx_count_distinct(v) FROM asked").fetchall()[
            0
        ]
        found: dict[str, Any] = {"type": kind, "rows": total, "nulls": total - filled, "distinct": distinct, "exact": False}
        if total <= 1_000_000:
            found["distinct"], found["exact"] = connection.execute("SELECT count(DISTINCT v) FROM asked").fetchall()[0][0], True
        if ordered and filled:
            low, high = connection.execute("SELECT min(v)::VARCHAR, max(v)::VARCHAR FROM asked").fetchall()[0]
            found |= {"minimum": low, "maximum": high}
        if number and filled:
            mean, spread, *quartiles = connection.execute(
                "SELECT avg(v)::DOUBLE, stddev_samp(v::DOUBLE), quantile_cont(v::DOUBLE, 0.25), "
                "quantile_cont(v::DOUBLE, 0.5), quantile_cont(v::DOUBLE, 0.75) FROM asked WHERE isfinite(v::DOUBLE)"
            ).fetchall()[0]
            found |= {"mean": mean, "deviation": spread, "quartiles": quartiles, "bins": _bins(connection, "v::DOUBLE")}
        elif kind == "DATE" and filled:
            found["bins"] = _bins(connection, "date_diff('day', DATE '1970-01-01', v)::DOUBLE")
        elif kind.startswith("TIMESTAMP") and filled:
            found["bins"] = _bins(connection, "epoch(v)::DOUBLE")
        found["frequent"] = [
            (value, count)
            for value, count in connection.execute(
                f"SELECT v::VARCHAR, count(*) FROM asked WHERE v IS NOT NULL GROUP BY v ORDER BY 2 DESC, 1 LIMIT {FREQUENT}"
            ).fetchall()
        ]
        return found


def _bins(connection: duckdb.DuckDBPyConnection, value: str) -> list[int]:
    """How many values lie in each of equal parts of the range."""
    low, high = connection.execute(
        f"SELECT min({value}), max({value}) FROM asked WHERE v IS NOT NULL AND isfinite({value})"
    ).fetchall()[0]
    if low is None or high is None or not high > low:
        return []
    counts = dict(
        connection.execute(
            f"SELECT least({BINS - 1}, floor(({value} - $low) / ($high - $low) * {BINS}))::INTEGER, count(*) FROM asked "
            f"WHERE v IS NOT NULL AND isfinite({value}) GROUP BY 1",
            {"low": low, "high": high},
        ).fetchall()
    )
    return [int(counts.get(index, 0)) for index in range(BINS)]


def evaluate(formula: str, rows: pa.Table, parameters: Mapping[str, Any], limit: int = 5) -> tuple[str, list[str | None]]:
    """The type of a formula's result over some rows, and its first values as texts; of one that sums up, its one value."""
    import duckdb
    import ibis

    from tisserand.sdk.formulas import compile_formula

    connection = ibis.duckdb.connect()
    try:
        connection.con.execute(SESSION)
        connection.con.register("sample_rows", rows)
        table = connection.table("sample_rows")
        try:
            found = table.select(compile_formula(formula, table, parameters).name("v")).limit(limit)
        except NodeError as error:
            try:
                found = table.aggregate(compile_formula(formula, table, parameters, True).name("v"))
            except NodeError:
                raise error from None
        kind = str(found.schema()["v"])
        try:
            values = connection.to_pyarrow(found)["v"].to_pylist()
        except duckdb.Error as error:
            raise sentence_of(str(error).strip()) from None
        return kind, [None if value is None else _said(value) for value in values]
    finally:
        connection.disconnect()


def _said(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
