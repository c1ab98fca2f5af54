"""Rows as texts to take along: tab-separated, CSV, Markdown; and whole edges into files, with progress."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tisserand.files import replacing

if TYPE_CHECKING:
    import pyarrow as pa

    from tisserand.service.protocol import Page

STEP = 50_000
FORMATS = {".csv": "CSV", ".xlsx": "Excel", ".parquet": "Parquet", ".jsonl": "JSON"}
MOST_EXCEL = 1_048_575


class StoppedError(Exception):
    """The person gave up."""


class TooManyError(Exception):
    """More rows than a sheet of Excel holds."""


def tables(data: bytes) -> pa.Table:
    """The rows of one page of the protocol."""
    import pyarrow as pa

    with pa.ipc.open_stream(data) as reader:
        return reader.read_all()


def as_text(rows: Sequence[Sequence[Any]], names: Sequence[str], form: str) -> str:
    """Rows as `tsv` (without names, as a spreadsheet takes them), `csv` or `markdown` (both with names)."""
    if form == "markdown":
        lines = [[_cell(name) for name in names], ["---"] * len(names), *([_cell(plain(value)) for value in row] for row in rows)]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
    out = io.StringIO()
    writer = csv.writer(out, delimiter="\t" if form == "tsv" else ",", lineterminator="\n")
    if form == "csv":
        writer.writerow(names)
    writer.writerows([plain(value) for value in row] for row in rows)
    text = out.getvalue()
    return text.rstrip("\n") if form == "tsv" and len(rows) == 1 else text


def _cell(text: str) -> str:
    """A text that keeps a Markdown table whole."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\r", "").replace("\n", "<br>")


def plain(value: Any) -> str:
    """A value as a text; nested ones as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value.hex() if isinstance(value, bytes) else str(value)


def export(
    page: Callable[[int, int], Page],
    target: Path,
    told: Callable[[int, int], None],
    stopped: Callable[[], bool],
) -> int:
    """Write all rows that `page` gives (from, at most) to a file, by its ending; gives their number. What was there stays until the
    new file is whole. Raises `StoppedError`, `TooManyError`, `OSError`."""
    ending = target.suffix.lower()

    def batches() -> Iterator[pa.Table]:
        offset = 0
        while True:
            if stopped():
                raise StoppedError
            found = page(offset, STEP)
            if ending == ".xlsx" and found.total > MOST_EXCEL:
                raise TooManyError
            table = tables(found.data)
            if table.num_rows or not offset:
                yield table
            offset += table.num_rows
            told(offset, found.total)
            if stopped():
                raise StoppedError
            if offset >= found.total or not table.num_rows:
                return

    with replacing(target) as temporary:
        return _WRITERS[ending](temporary, batches())


def _write_csv(path: Path, batches: Iterator[pa.Table]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        for table in batches:
            if not count:
                writer.writerow(table.column_names)
            writer.writerows([plain(value) for value in row.values()] for row in table.to_pylist())
            count += table.num_rows
    return count


def _write_jsonl(path: Path, batches: Iterator[pa.Table]) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as out:
        for table in batches:
            for row in table.to_pylist():
                out.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
            count += table.num_rows
    return count


def _write_parquet(path: Path, batches: Iterator[pa.Table]) -> int:
    import pyarrow.parquet as pq

    count = 0
    writer = None
    try:
        for table in batches:
            writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
            writer.write_table(table)
            count += table.num_rows
    finally:
        if writer is not None:
            writer.close()
    return count


def _write_excel(path: Path, batches: Iterator[pa.Table]) -> int:
    import datetime
    import math

    import xlsxwriter

    # Texts stay texts: none becomes a formula, a link or a number.
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(str(path), options)
    sheet = book.add_worksheet()
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    count = 0
    for table in batches:
        if not count:
            for place, name in enumerate(table.column_names):
                sheet.write_string(0, place, name)
        for row in table.to_pylist():
            count += 1
            for place, value in enumerate(row.values()):
                if value is None:
                    continue
                if isinstance(value, bool):
                    sheet.write_boolean(count, place, value)
                elif isinstance(value, int | float) and abs(value) <= 2**53 and math.isfinite(value):
                    sheet.write_number(count, place, value)
                elif isinstance(value, datetime.datetime) and value.year >= 1900:
                    sheet.write_datetime(count, place, value.replace(tzinfo=None), moment)
                elif isinstance(value, datetime.date) and value.year >= 1900:
                    sheet.write_datetime(count, place, value, day)
                else:
                    sheet.write_string(count, place, plain(value)[:32_767])
    book.close()
    return count


_WRITERS = {".csv": _write_csv, ".jsonl": _write_jsonl, ".parquet": _write_parquet, ".xlsx": _write_excel}
