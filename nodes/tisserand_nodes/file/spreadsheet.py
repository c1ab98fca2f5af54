"""One sheet of a workbook as rows of values: opened with sentences for what is no workbook, cut to a range, merged cells filled."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tisserand.sdk import NodeError

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_RANGE = re.compile(r"\$?([A-Z]{1,3})\$?(\d+)?(?::\$?([A-Z]{1,3})\$?(\d+)?)?", re.IGNORECASE)
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


def opened(path: Path) -> CalamineWorkbook:
    import python_calamine as calamine

    with path.open("rb") as file:
        head = file.read(8)
    if not head:
        raise NodeError("The file “{file}” is empty.", file=path.name, field="path", fix="Choose another file, or copy it again.")
    try:
        return calamine.CalamineWorkbook.from_object(str(path)) if _known(path, head) else _by_content(path)
    except calamine.PasswordError:
        raise _locked(path) from None
    except (calamine.CalamineError, OSError, ValueError) as error:
        if head == _OLE and _encrypted(path):
            raise _locked(path) from None
        if head == _OLE or head.startswith(b"PK"):
            raise NodeError(
                "“{file}” is no readable workbook: {reason}",
                file=path.name,
                reason=str(error)[:200],
                field="path",
                fix="It may be cut off or damaged. Open it in Excel and save it again.",
            ) from None
        raise NodeError(
            "“{file}” is not an Excel workbook.", file=path.name, field="path", fix="Choose the reader of its format."
        ) from None


def sheet_of(book: CalamineWorkbook, wanted: str, file: str) -> CalamineSheet:
    """The sheet of that name or number (from 1); the first, if none is named."""
    names = list(book.sheet_names)
    if not names:
        raise NodeError("“{file}” has no sheets.", file=file, field="path")
    if not wanted:
        return book.get_sheet_by_index(0)
    if wanted in names:
        return book.get_sheet_by_name(wanted)
    if wanted.isdigit() and 1 <= int(wanted) <= len(names):
        return book.get_sheet_by_index(int(wanted) - 1)
    raise NodeError("“{file}” has no sheet “{sheet}”. Sheets: {names}.", file=file, sheet=wanted, names=names, field="sheet")


def area_of(text: str) -> tuple[int, int, int | None, int | None]:
    """`B3:F100` as first row, first column, last row, last column, counted from 0; open ends are None."""
    if not text:
        return 0, 0, None, None
    match = _RANGE.fullmatch(text.strip())
    if match is None:
        raise NodeError("“{range}” is not a range of cells.", range=text, field="range", fix="Write it as B3:F100, or B:F.")
    left, top, right, bottom = match.groups()
    return (
        int(top) - 1 if top else 0,
        _column(left),
        int(bottom) - 1 if bottom else None,
        _column(right) if right else None,
    )


def rows_of(sheet: CalamineSheet, area: tuple[int, int, int | None, int | None], fill: bool) -> Iterator[tuple[int, list[Any]]]:
    """Each row of the area with its number in Excel; empty cells are None. `fill` repeats the value of merged cells."""
    top, left, bottom, right = area
    merged = [(first, last) for first, last in sheet.merged_cell_ranges or ()] if fill else []
    merged.sort()
    held: dict[tuple[int, int], Any] = {}
    waiting = 0
    open_ranges: list[tuple[tuple[int, int], tuple[int, int]]] = []
    for number, row in enumerate(_from_top(sheet)):
        while waiting < len(merged) and merged[waiting][0][0] <= number:
            open_ranges.append(merged[waiting])
            waiting += 1
        open_ranges = [item for item in open_ranges if item[1][0] >= number]
        for first, last in open_ranges:
            if number == first[0]:
                held[first] = row[first[1]] if first[1] < len(row) else ""
            for column in range(first[1], min(last[1] + 1, len(row))):
                row[column] = held[first]
        if bottom is not None and number > bottom:
            return
        if number >= top:
            cells = row[left : right + 1 if right is not None else None]
            yield number + 1, [None if value == "" else value for value in cells]


def _from_top(sheet: CalamineSheet) -> Iterator[list[Any]]:
    """All rows from the first of the sheet and all columns from A on, wherever the data begins."""
    # iter_rows starts at row 1 and column A, where to_python skips what is empty before the data.
    yield from (list(row) for row in sheet.iter_rows())


def type_of(values: set[type], whole: bool, midnight: bool) -> str:
    """The type of a column from the types of all its values; `whole`: its numbers have no fractions."""
    if not values:
        return "string"
    if values <= {int, float}:
        return "int64" if whole else "float64"
    if values == {bool}:
        return "boolean"
    if values <= {datetime.date, datetime.datetime}:
        return "date" if midnight else "timestamp(6)"
    return "time" if values == {datetime.time} else "string"


def as_type(value: Any, type: str) -> Any:
    """A cell as its column's type wants it; raises `ValueError` where it does not fit."""
    if value is None:
        return None
    if type == "string":
        return as_text(value)
    if type.startswith(("int", "uint")):
        return _whole(value)
    if type.startswith("float"):
        if isinstance(value, bool | datetime.date | datetime.time | datetime.timedelta):
            raise ValueError
        return float(value)
    if type == "boolean" and not isinstance(value, bool):
        raise ValueError
    if type == "date":
        if isinstance(value, datetime.datetime) and value.time() == datetime.time():
            return value.date()
        return _as(value, datetime.date, never=datetime.datetime)
    if type.startswith("timestamp"):
        day = _as(value, datetime.date)
        return day if isinstance(day, datetime.datetime) else datetime.datetime.combine(day, datetime.time())
    return _as(value, datetime.time) if type == "time" else value


def _whole(value: Any) -> int:
    """A whole number, never by cutting a fraction off."""
    if isinstance(value, bool | datetime.date | datetime.time | datetime.timedelta):
        raise ValueError
    if isinstance(value, float) and not value.is_integer():
        raise ValueError
    return int(value)


def _as(value: Any, kind: type, never: type | None = None) -> Any:
    if not isinstance(value, kind) or (never is not None and isinstance(value, never)):
        raise ValueError
    return value


def as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, datetime.timedelta):
        seconds = int(value.total_seconds())
        return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return str(value)


def _known(path: Path, head: bytes) -> bool:
    return path.suffix.lower() in (".xlsx", ".xlsm", ".xlsb", ".xls", ".xla", ".xlam", ".ods") and bool(head)


def _by_content(path: Path) -> CalamineWorkbook:
    """A workbook under another name: calamine then looks at the content."""
    import python_calamine as calamine

    with path.open("rb") as file:
        return calamine.CalamineWorkbook.from_filelike(file)


def _encrypted(path: Path) -> bool:
    with path.open("rb") as file:
        return _ENCRYPTED in file.read(4 * 1024 * 1024)


def _locked(path: Path) -> NodeError:
    return NodeError(
        "“{file}” is protected by a password.",
        file=path.name,
        field="path",
        fix="Open it in Excel, remove the password and save it.",
    )


def _column(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1
