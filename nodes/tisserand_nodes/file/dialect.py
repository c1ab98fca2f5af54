"""How a CSV file is written: delimiter, quote, escape, lines to skip, header, and names for its columns."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

DELIMITERS = (",", ";", "\t", "|")
_ROWS = 1000
_NUMBER = re.compile(r"\s*[+-]?[\d  ']*[.,]?\d+(?:[eE][+-]?\d+)?\s*%?\s*")
_DATE = re.compile(r"\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[ T]\d{1,2}:\d{2}.*)?\s*")


@dataclass(frozen=True, slots=True)
class Dialect:
    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    skip: int = 0
    header: bool = True
    width: int = 0
    """Columns."""
    first: tuple[str, ...] = ()
    """The first row: the header, if there is one."""


def detect(
    text: str, *, delimiter: str | None = None, quote: str | None = None, skip: int | None = None, header: bool | None = None
) -> Dialect:
    """Look at the head of a file. What the caller gives is taken as it is."""
    quotes = (quote,) if quote is not None else ('"', "'")
    delimiters = (delimiter,) if delimiter is not None else DELIMITERS
    head = body(text, skip or 0)
    best: tuple[float, Dialect] | None = None
    for sign in delimiters:
        for mark in quotes:
            score, found = _try(head, Dialect(sign, mark, mark), fixed=skip is not None)
            # A quote character that is never at the edge of a value explains nothing: the usual one is kept.
            if mark == "'" and not _at_edges(head, sign, mark):
                continue
            if best is None or score > best[0] + 1e-9:
                best = (score, found)
    assert best is not None
    dialect = best[1]
    if skip is not None:
        dialect = replace(dialect, skip=skip)
    if (
        dialect.quote
        and f"\\{dialect.quote}" in head
        and dialect.quote * 2 not in head.replace(f"{dialect.delimiter}{dialect.quote * 2}", "")
    ):
        dialect = replace(dialect, escape="\\")
    rows = iter(parsed(body(text, dialect.skip), dialect))
    first = next(rows, [])
    below = [row for _, row in zip(range(100), rows, strict=False) if len(row) == len(first)]
    return replace(dialect, header=_is_header(first, below) if header is None else header, width=len(first), first=tuple(first))


def parsed(text: str, dialect: Dialect, most: int = _ROWS) -> Iterable[list[str]]:
    """The first rows of a text, empty lines left out."""
    return _rows(text, dialect, most)


def names_of(dialect: Dialect) -> tuple[list[str], dict[str, str]]:
    """Names for the columns, each different whatever the case, and which were changed: place or name → new name."""
    given = [name.strip() for name in dialect.first] if dialect.header else [""] * dialect.width
    return unique_names(given, say_empty=dialect.header)


def unique_names(given: Sequence[str], say_empty: bool = True) -> tuple[list[str], dict[str, str]]:
    taken = {name.lower() for name in given}
    seen: set[str] = set()
    names: list[str] = []
    changed: dict[str, str] = {}
    for place, name in enumerate(given, 1):
        new = name or f"column{place}"
        if new.lower() in seen or (not name and new.lower() in taken):
            stem, count = new, 2
            while f"{stem}_{count}".lower() in seen | taken:
                count += 1
            new = f"{stem}_{count}"
        seen.add(new.lower())
        names.append(new)
        if new != name and (name or say_empty):
            changed[f"{place}: {name}"] = new
    return names, changed


def _rows(text: str, dialect: Dialect, most: int) -> Iterable[list[str]]:
    csv.field_size_limit(2**31 - 1)
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE
    escape = dialect.escape if dialect.escape != dialect.quote else None
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=dialect.delimiter,
        quotechar=dialect.quote or None,
        escapechar=escape or None,
        doublequote=escape is None,
        quoting=quoting,
    )
    count = 0
    try:
        for row in reader:
            if row:
                yield row
                count += 1
                if count >= most:
                    return
    except csv.Error:
        return


def _try(text: str, dialect: Dialect, fixed: bool) -> tuple[float, Dialect]:
    rows = list(_rows(text, dialect, 200))
    if len(rows) > 1 and not text.endswith(("\n", "\r")):
        rows.pop()  # cut by the sample
    if not rows:
        return 0.0, dialect
    counts = Counter(len(row) for row in rows)
    width, often = max(counts.items(), key=lambda item: (item[1] * (item[0] > 1), item[0]))
    if width == 1:
        return 0.5 * (dialect.delimiter == ",") + 0.1, dialect
    skip = 0
    if not fixed and len(rows) > 2:
        # Titles above the table are narrower than the table; at least two whole rows must follow them.
        skip = next((index for index, row in enumerate(rows) if len(row) == width), 0)
        if skip > 10 or counts[width] < 2 or any(len(row) > 1 and row[1].strip() for row in rows[:skip]):
            skip = 0
    share = often / max(len(rows) - skip, 1)
    lines = 0
    if skip:
        lines = _lines_before(text, dialect, skip)
    return share * (2 + min(width, 20) / 10), replace(dialect, skip=lines)


def _lines_before(text: str, dialect: Dialect, rows: int) -> int:
    """How many lines the first `rows` rows (and the empty lines between) take."""
    lines = text.splitlines()
    seen = 0
    for number, line in enumerate(lines):
        if line.strip(dialect.delimiter + " \t") or (line and seen >= rows):
            if seen == rows:
                return number
            seen += 1
    return 0


def body(text: str, count: int) -> str:
    for _ in range(count):
        at = text.find("\n")
        if at < 0:
            return ""
        text = text[at + 1 :]
    return text


def _at_edges(text: str, delimiter: str, quote: str) -> bool:
    edge = re.escape(delimiter)
    mark = re.escape(quote)
    return bool(re.search(rf"(?:^|{edge}){mark}[^{mark}\n]*{mark}(?:{edge}|\r?$)", text, re.MULTILINE)) and '"' not in text


def _typed(cell: str) -> bool:
    return bool(_NUMBER.fullmatch(cell) or _DATE.fullmatch(cell) or cell.strip().lower() in ("true", "false"))


def _is_header(first: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """A header holds text only, or at least one text above a column that holds none."""
    if not any(cell.strip() for cell in first):
        return False
    if not any(_typed(cell) for cell in first):
        return True
    for place, cell in enumerate(first):
        if cell.strip() and not _typed(cell):
            column = [row[place] for row in below if row[place].strip()]
            if column and all(_typed(value) for value in column):
                return True
    return False
