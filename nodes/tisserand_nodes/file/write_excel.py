"""Write Excel: one sheet, row by row, whatever the table's size up to what a sheet can hold."""

from __future__ import annotations

import datetime
import decimal
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from tisserand.sdk import Config, Context, Effect, NodeError, Schema, TargetPath, Words, Writer, Written
from tisserand_nodes.file import targets

if TYPE_CHECKING:
    import pyarrow as pa

MOST_ROWS = 1_048_575
MOST_COLUMNS = 16_384
LONGEST_TEXT = 32_767
_SHEET = re.compile(r"[^\[\]:*?/\\]{1,31}")


class WriteExcelConfig(Config):
    path: TargetPath
    """The workbook to write, for example `out/report.xlsx`."""
    sheet: str = "Sheet1"
    """The name of the sheet, at most 31 characters."""
    mode: Annotated[
        Literal["replace", "create"],
        Field(title="How to write"),
        Words(replace="Replace the file", create="Refuse if the file exists"),
    ] = "replace"
    """Replace the file, or refuse if it exists."""
    header: Literal["bold", "plain", "none"] = "bold"
    """The row of column names: bold and kept in view, plain, or none."""
    filters: bool = False
    """Add Excel's filter buttons to the header."""


class WriteExcel(Writer[WriteExcelConfig]):
    """Write a table to a new Excel workbook with one sheet.

    Texts are never taken for formulas. Dates and numbers stay dates and numbers. A sheet holds at most 1,048,575 rows below its
    header; for more, write Parquet or CSV.
    """

    kind, title, icon = "file.write_excel", "Write Excel", "file-spreadsheet"
    delivery = "atomic"

    def target(self, config: WriteExcelConfig) -> Path:
        return Path(config.path)

    def check(self, config: WriteExcelConfig, schemas: Any) -> Iterator[Exception]:
        name = config.sheet
        if "{{" not in name and (not _SHEET.fullmatch(name) or name.startswith("'") or name.endswith("'")):
            yield NodeError(
                "“{sheet}” cannot name a sheet.", sheet=name, field="sheet", fix="Use at most 31 characters, none of []:*?/\\."
            )
        if not config.path.lower().endswith(".xlsx"):
            yield NodeError("“{path}” does not end in .xlsx.", path=config.path, field="path", fix="Excel opens no other name.")
        if len(schemas.get("table", ())) > MOST_COLUMNS:
            yield NodeError("A sheet holds at most {most} columns.", most=MOST_COLUMNS)

    def plan(self, ctx: Context, config: WriteExcelConfig, batches: Iterator[pa.RecordBatch]) -> Effect:
        final = targets.check_target(ctx, config.path, create=config.mode == "create")
        samples: list[dict[str, Any]] = []
        rows = 0
        for batch in batches:
            samples += batch.slice(0, max(targets.SAMPLES - len(samples), 0)).to_pylist()
            rows += batch.num_rows
        if rows > MOST_ROWS:
            raise _too_many()
        return Effect(insert=rows, delete=_rows(final, config), samples={"insert": samples}, where=config.path)

    def write(self, ctx: Context, config: WriteExcelConfig, schema: Schema, batches: Iterator[pa.RecordBatch]) -> Written:
        import xlsxwriter

        for problem in self.check(config, {"table": schema}):
            raise problem
        targets.check_target(ctx, config.path, create=config.mode == "create")
        target = ctx.target(config.path)
        scratch = ctx.temporary(f"xlsx-{ctx.node}")
        scratch.mkdir(parents=True, exist_ok=True)
        options = {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "tmpdir": str(scratch),
        }
        book = xlsxwriter.Workbook(str(target), options)
        sheet = book.add_worksheet(config.sheet)
        formats = {
            "date": book.add_format({"num_format": "yyyy-mm-dd"}),
            "timestamp": book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
            "time": book.add_format({"num_format": "hh:mm:ss"}),
        }
        bold = book.add_format({"bold": True, "bottom": 1, "bg_color": "#EEF1F5"}) if config.header == "bold" else None
        for place, column in enumerate(schema):
            wide = 20 if column.type.startswith("timestamp") else min(max(len(column.name) + 3, 11), 40)
            sheet.set_column(place, place, wide)
        top = 0
        if config.header != "none":
            for place, column in enumerate(schema):
                sheet.write_string(0, place, column.name, bold)
            top = 1
        if config.header == "bold":
            sheet.freeze_panes(1, 0)
        kinds = [formats.get(re.split(r"\W", column.type)[0]) for column in schema]
        count = 0
        for batch in batches:
            if count + batch.num_rows > MOST_ROWS:
                raise _too_many()
            columns = [column.to_pylist() for column in batch.columns]
            for row in range(batch.num_rows):
                for place, values in enumerate(columns):
                    _cell(sheet, top + count, place, values[row], kinds[place], schema.names[place])
                count += 1
            ctx.progress(rows=batch.num_rows)
        if config.filters and top and len(schema):
            sheet.autofilter(0, 0, max(count, 1), len(schema) - 1)
        book.close()
        return Written(count, config.path, target.stat().st_size)


def _cell(sheet: Any, row: int, place: int, value: Any, kind: Any, column: str) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, place, value)
    elif isinstance(value, int) and abs(value) > 2**53:
        sheet.write_string(row, place, str(value))  # Excel would round it
    elif isinstance(value, float) and not math.isfinite(value):
        sheet.write_string(row, place, str(value))
    elif isinstance(value, int | float | decimal.Decimal):
        sheet.write_number(row, place, value)
    elif isinstance(value, datetime.datetime | datetime.date | datetime.time) and _fits(value):
        plain = value.replace(tzinfo=None) if isinstance(value, datetime.datetime | datetime.time) else value
        sheet.write_datetime(row, place, plain, kind)
    else:
        text = value if isinstance(value, str) else _text(value)
        if len(text) > LONGEST_TEXT:
            raise NodeError(
                "Row {at}: the text in “{column}” has {length} characters; an Excel cell holds {most}.",
                at=row,
                row=row,
                column=column,
                length=len(text),
                most=LONGEST_TEXT,
                fix="Shorten it, or write another format.",
            )
        sheet.write_string(row, place, text)


def _fits(value: Any) -> bool:
    """Excel knows no day before 1900."""
    return isinstance(value, datetime.time) or value.year >= 1900


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        return json.dumps(value, default=str, ensure_ascii=False)
    return value.hex() if isinstance(value, bytes) else str(value)


def _rows(final: Path, config: WriteExcelConfig) -> int:
    import python_calamine as calamine

    if not final.exists():
        return 0
    try:
        book = calamine.CalamineWorkbook.from_path(str(final))
        height = sum(book.get_sheet_by_name(name).height for name in book.sheet_names)
    except (calamine.CalamineError, OSError):
        return 0  # whatever it is, it is replaced
    return max(int(height) - int(config.header != "none"), 0)


def _too_many() -> NodeError:
    return NodeError(
        "An Excel sheet holds at most {most} rows below its header, and more arrive.",
        most=f"{MOST_ROWS:,}",
        field="path",
        fix="Filter the rows, or write Parquet or CSV.",
    )
