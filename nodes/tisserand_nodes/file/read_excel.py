"""Read Excel: one sheet of a workbook, types settled over whole columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from tisserand.sdk import Column, Config, Context, Discovery, FilePath, NodeError, Picks, Reader, Schema
from tisserand.sdk.scan import fingerprint
from tisserand_nodes.file import column_types, dialect, sources, spreadsheet

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 8192


class ReadExcelConfig(Config):
    path: FilePath
    """The workbook (`.xlsx`, `.xlsm`, `.xlsb`, `.xls`, `.ods`), or a pattern for several with the same columns."""
    sheet: Annotated[str, Picks("sheet")] = ""
    """The name of the sheet, or its number; empty for the first."""
    range: str = ""
    """The cells to read, for example `B3:F100` or `B:F`; empty for all."""
    header: bool = True
    """The first row of the range names the columns."""
    header_row: Annotated[int | None, Field(ge=1)] = None
    """The row that names the columns, where titles stand above it. Empty: the first row that is not empty."""
    merged: Literal["leave", "fill"] = "leave"
    """Merged cells: leave the value in the first cell, or repeat it in all."""
    types: Literal["found", "text"] = "found"
    """Find the types of the columns, or read everything as text."""
    columns: dict[str, str] = {}
    """Types for single columns: `text`, `integer`, `number`, `date`, `timestamp`, `boolean`, `time`."""
    file_column: str = ""
    """Add a column of this name with the file that each row came from."""


class ReadExcel(Reader[ReadExcelConfig]):
    """Read a table from one sheet of an Excel workbook.

    The types of the columns are settled over all rows: a column that mixes numbers and texts becomes text. A cell that shows an
    error such as `#N/A` is read as empty. Formulas give the values that Excel saved.
    """

    kind, title, icon = "file.read_excel", "Read Excel", "file-spreadsheet"

    def discover(self, ctx: Context, config: ReadExcelConfig) -> Discovery:
        paths = sources.files(ctx, config.path)
        names: list[str] | None = None
        changed: dict[str, str] = {}
        seen: list[_Seen] = []
        rows = 0
        sheet = ""
        for path in paths:
            table = _Table(path, config)
            if names is None:
                names, changed, seen, sheet = table.names, table.changed, [_Seen() for _ in table.names], table.sheet
            elif table.names != names:
                raise NodeError(
                    "The files “{first}” and “{other}” have different columns: {names} and {theirs}.",
                    first=paths[0].name,
                    other=path.name,
                    names=names[:20],
                    theirs=table.names[:20],
                    field="path",
                )
            for _, cells in table.rows():
                rows += 1
                for column, value in zip(seen, cells, strict=True):
                    column.look(value)
        given = {name: column_types.type_of(text, name) for name, text in config.columns.items()}
        assert names is not None
        unknown = next((name for name in given if name not in names), None)
        if unknown is not None:
            raise NodeError(
                "There is no column “{name}” in the sheet. Columns: {columns}.",
                name=unknown,
                columns=names[:30],
                field=f"columns.{unknown}",
            )
        types = [given.get(n) or ("string" if config.types == "text" else s.type()) for n, s in zip(names, seen, strict=True)]
        columns = [Column(name, type) for name, type in zip(names, types, strict=True)]
        if config.file_column:
            if config.file_column in names:
                raise NodeError("The file has a column “{name}” already.", name=config.file_column, field="file_column")
            columns.append(Column(config.file_column, "string", nullable=False))
        detected: dict[str, Any] = {"sheet": sheet}
        if changed:
            detected["renamed"] = changed
        mixed = [n for n, s in zip(names, seen, strict=True) if s.type() == "string" and len(s.kinds) > 1]
        if mixed:
            detected["mixed_columns"] = mixed
        return Discovery(Schema(tuple(columns)), detected, fingerprint(paths), rows)

    def read(self, ctx: Context, config: ReadExcelConfig, found: Discovery) -> Iterator[pa.RecordBatch]:
        from tisserand.sdk.arrow import to_arrow

        schema = to_arrow(found.schema)
        for path in sources.files(ctx, config.path):
            table = _Table(path, config)
            types = [column.type for column in found.schema if column.name != config.file_column]
            if table.names != [column.name for column in found.schema if column.name != config.file_column]:
                raise NodeError("“{file}” has changed while it was read.", file=path.name, field="path", retry=True)
            gathered: list[list[Any]] = [[] for _ in types]
            for number, cells in table.rows():
                for place, value in enumerate(cells):
                    try:
                        gathered[place].append(spreadsheet.as_type(value, types[place]))
                    except (TypeError, ValueError, AttributeError):
                        raise _unfit(path, number, table.names[place], value, types[place]) from None
                if len(gathered[0]) == BATCH:
                    yield _batch(ctx, gathered, schema, path, config)
                    gathered = [[] for _ in types]
            if gathered[0]:
                yield _batch(ctx, gathered, schema, path, config)


class _Seen:
    """What one column held so far."""

    def __init__(self) -> None:
        self.kinds: set[type] = set()
        self.whole = self.midnight = True

    def look(self, value: Any) -> None:
        import datetime

        if value is None:
            return
        self.kinds.add(type(value))
        if isinstance(value, float) and not (value.is_integer() and abs(value) < 2**53):
            self.whole = False
        if isinstance(value, datetime.datetime) and value.time() != datetime.time():
            self.midnight = False

    def type(self) -> str:
        return spreadsheet.type_of(self.kinds, self.whole, self.midnight)


class _Table:
    """One sheet with its header found."""

    def __init__(self, path: Path, config: ReadExcelConfig) -> None:
        book = spreadsheet.opened(path)
        self._sheet = spreadsheet.sheet_of(book, config.sheet, path.name)
        self.sheet = self._sheet.name
        self._area = spreadsheet.area_of(config.range)
        self._fill = config.merged == "fill"
        self._first = 0
        self._width = 0
        for number, cells in spreadsheet.rows_of(self._sheet, self._area, self._fill):
            if (config.header_row is not None and number < config.header_row) or all(cell is None for cell in cells):
                continue
            self._first = number
            filled = [place for place, cell in enumerate(cells) if cell is not None]
            self._width = len(cells)
            while config.header and self._width > filled[-1] + 1 and self._empty_column(self._width - 1):
                self._width -= 1
            header = [("" if c is None else spreadsheet.as_text(c)).strip() for c in cells[: self._width]]
            self.names, self.changed = dialect.unique_names(
                header if config.header else [""] * self._width, say_empty=config.header
            )
            self._header = config.header
            return
        raise NodeError(
            "The sheet “{sheet}” of “{file}” is empty.",
            sheet=self.sheet,
            file=path.name,
            field="sheet",
            fix="Choose another sheet.",
        )

    def _empty_column(self, place: int) -> bool:
        rows = spreadsheet.rows_of(self._sheet, self._area, self._fill)
        return all(place >= len(cells) or cells[place] is None for _, cells in rows)

    def rows(self) -> Iterator[tuple[int, list[Any]]]:
        """The rows below the header that hold anything, each as wide as the header."""
        for number, cells in spreadsheet.rows_of(self._sheet, self._area, self._fill):
            if number < self._first + int(self._header) or all(cell is None for cell in cells):
                continue
            cells = cells[: self._width]
            yield number, cells + [None] * (self._width - len(cells))


def _batch(ctx: Context, gathered: list[list[Any]], schema: pa.Schema, path: Path, config: ReadExcelConfig) -> pa.RecordBatch:
    import pyarrow as pa

    rows = len(gathered[0])
    columns = [*gathered, [path.name] * rows] if config.file_column else gathered
    ctx.progress(rows=rows)
    arrays = []
    for field, values in zip(schema, columns, strict=True):
        try:
            arrays.append(pa.array(values, field.type))
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
            raise NodeError(
                "“{file}”: column “{column}” holds a value that does not fit its type: {reason}",
                file=path.name,
                column=field.name,
                reason=str(error)[:200],
                field=f"columns.{field.name}",
                fix="Choose the type `text` for it.",
            ) from None
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _unfit(path: Path, number: int, column: str, value: Any, type: str) -> NodeError:
    return NodeError(
        "{file}, row {at}: “{value}” in column “{column}” cannot be read as {type}.",
        file=path.name,
        at=number,
        row=number,
        value=str(value)[:60],
        column=column,
        type=type,
        field=f"columns.{column}",
        fix="Choose the type `text` for the column.",
    )
