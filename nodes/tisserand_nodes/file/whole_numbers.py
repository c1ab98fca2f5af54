"""Keeps fractions out of whole-number columns: DuckDB would round `1.5` to 2 without a word.

The sample settled such a column as whole; a fraction further down must stop the node, or send its row to the rejects.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from tisserand.sdk import Column, Context, NodeError, Scan, Schema
from tisserand.sdk.scan import scan_error, scan_sql
from tisserand_nodes.file.duck import BATCH, private

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_INTEGERS = ("int", "uint")
_FRACTION = r"\d*[.]\d*[1-9]\d*([eE].*)?$|[eE]-"


def broken(scan: Scan, sampled: int) -> NodeError | None:
    """The first fraction in a whole-number column, if a file is longer than the sample that settled the types."""
    import duckdb

    whole = _whole(scan)
    if not whole or all(path.stat().st_size <= sampled for path in scan.paths):
        return None
    for path in scan.paths:
        text = scan_sql(_as_text(replace(scan, paths=(path,))))
        tests = " OR ".join(f"regexp_matches({_quoted(name)}, '{_FRACTION}')" for name in whole)
        shown = ", ".join(_quoted(name) for name in whole)
        with private() as connection:
            connection.execute("SET preserve_insertion_order=true")
            connection.execute("SET threads=2")
            try:
                # DuckDB converts only the columns asked for.
                found = connection.execute(f"SELECT {shown} FROM ({text}) WHERE {tests} LIMIT 1").fetchone()  # noqa: S608
            except duckdb.Error as error:
                raise scan_error(error, scan) from None
        if found is not None:
            import re

            name, value = next((n, v) for n, v in zip(whole, found, strict=True) if v and re.search(_FRACTION, v))
            return _sentence(scan, path.name, name, value)
    return None


def checked(ctx: Context, connection: duckdb.DuckDBPyConnection, scan: Scan, file: str) -> Iterator[pa.RecordBatch]:
    """The rows without fractions in whole-number columns, batch by batch; the others go to the rejects."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from tisserand.sdk.arrow import to_arrow
    from tisserand.sdk.scan import REJECTED_SQL

    assert scan.columns is not None
    whole = _whole(scan)
    schema = to_arrow(scan.columns)
    for batch in connection.sql(scan_sql(_as_text(scan))).to_arrow_reader(BATCH):
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


def _sentence(scan: Scan, file: str, name: str, value: str) -> NodeError:
    line = _line_of(scan, file, name, value)
    return NodeError(
        "{where}: “{value}” in column “{column}” is not a whole number.",
        where=f"{file}:{line}" if line else file,
        value=value[:60],
        column=name,
        line=line,
        field="columns",
        fix="Give the column the type `number` in “Column types”, or let bad rows be rejected.",
    )


def _line_of(scan: Scan, file: str, name: str, value: str) -> int | None:
    """The line where the value stands, found by reading once more: only on the way to an error."""
    import csv

    path = next(path for path in scan.paths if path.name == file)
    options = scan.options
    place = next(index for index, column in enumerate(scan.columns or ()) if column.name == name)
    escape = options["escape"] if options["escape"] != options["quote"] else None
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        for _ in range(options["skip"]):
            stream.readline()
        rows = csv.reader(
            stream,
            delimiter=options["delim"],
            quotechar=options["quote"] or None,
            escapechar=escape,
            doublequote=escape is None,
            quoting=csv.QUOTE_MINIMAL if options["quote"] else csv.QUOTE_NONE,
        )
        try:
            for row in rows:
                if len(row) > place and row[place] == value:
                    return int(rows.line_num) + int(options["skip"])
        except csv.Error:
            return None
    return None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
