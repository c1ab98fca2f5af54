"""Sends rows with fractions in whole-number columns to the rejects: DuckDB would round `1.5` to 2 without a word.

The sample settled such a column as whole; where a fraction stops the node, the scan itself checks (`Scan.whole`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from tisserand.sdk import Column, Context, Scan, Schema
from tisserand.sdk.scan import scan_error, scan_sql
from tisserand_nodes.file.duck import BATCH, private

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_INTEGERS = ("int", "uint")
_FRACTION = r"\d*[.]\d*[1-9]\d*([eE].*)?$|[eE]-"


def has_fraction(scan: Scan) -> bool:
    """Whether a fraction stands in a whole-number column. Reads the files once."""
    import duckdb

    whole = _whole(scan)
    if not whole:
        return False
    text = scan_sql(_as_text(scan))
    tests = " OR ".join(f"regexp_matches({_quoted(name)}, '{_FRACTION}')" for name in whole)
    with private() as connection:
        connection.execute("SET threads=2")
        try:
            # DuckDB converts only the columns asked for.
            return connection.execute(f"SELECT 1 FROM ({text}) WHERE {tests} LIMIT 1").fetchone() is not None  # noqa: S608
        except duckdb.Error as error:
            raise scan_error(error, scan) from None


def checked(ctx: Context, connection: duckdb.DuckDBPyConnection, scan: Scan, file: str) -> Iterator[pa.RecordBatch]:
    """The rows without fractions in whole-number columns, batch by batch; the others go to the rejects."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from tisserand.sdk.arrow import streamed, to_arrow
    from tisserand.sdk.scan import REJECTED_SQL

    assert scan.columns is not None
    whole = _whole(scan)
    schema = to_arrow(scan.columns)
    for batch in streamed(connection.sql(scan_sql(_as_text(scan))), BATCH):
        table = pa.Table.from_batches([batch])
        bad = pa.repeat(pa.scalar(False), batch.num_rows)
        for name in whole:
            bad = pc.or_(bad, pc.fill_null(pc.invert(pc.match_substring_regex(table[name], r"^\s*[+-]?\d+\s*$")), False))
        for row in table.filter(bad).to_pylist():
            ctx.reject(json.dumps(row, default=str, ensure_ascii=False), "A fraction stands in a column of whole numbers.", file)
        good = table.filter(pc.invert(bad))
        for name in whole:
            place = good.schema.get_field_index(name)
            good = good.set_column(place, name, pc.cast(pc.utf8_trim_whitespace(good[name]), schema.field(name).type))
        yield from good.cast(schema).to_batches()
    for row, reason, place in connection.sql(REJECTED_SQL).fetchall():
        ctx.reject(row, reason, place)


def _whole(scan: Scan) -> list[str]:
    return [column.name for column in scan.columns or () if column.type.startswith(_INTEGERS)]


def _as_text(scan: Scan) -> Scan:
    whole = set(_whole(scan))
    columns = tuple(Column(c.name, "string") if c.name in whole else c for c in scan.columns or ())
    return replace(scan, columns=Schema(columns), options={**scan.options})


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
