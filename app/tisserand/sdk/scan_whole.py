"""Whole numbers in text files: DuckDB would round `1.5` to 2 without a word, so each is checked while it is read."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

from tisserand.sdk.arrow import to_duckdb
from tisserand.sdk.errors import NodeError
from tisserand.sdk.literals import literal
from tisserand.sdk.node import Scan

_WHOLE = "not a whole number"
_WIDE = "wider than float64"
_EXACT = 2**53
"""Up to here float64 holds every whole number."""


def whole_columns(scan: Scan) -> list[str]:
    return [column.name for column in scan.columns or () if column.type.startswith(("int", "uint"))]


def checked_whole(scan: Scan, name: str) -> str:
    """The column cast to its whole-number type, or an error that `whole_error` tells; as an item of `SELECT`."""
    column = '"' + name.replace('"', '""') + '"'
    wanted = to_duckdb(next(item.type for item in scan.columns or () if item.name == name))

    def refuse(why: str, shown: str) -> str:
        told = literal(f"{why}|{json.dumps([str(scan.paths[0]), name])}|")
        return f"CAST(error({told} || {shown}) AS {wanted})"

    if scan.whole == "quick":
        # NaN and infinity are not below the bound, so they are refused as well.
        return (
            f"CASE WHEN {column} IS NULL THEN NULL WHEN abs({column}) < {_EXACT} AND {column} = trunc({column}) "
            f"THEN CAST({column} AS {wanted}) WHEN abs({column}) < {_EXACT} THEN {refuse(_WHOLE, column)} "
            f"ELSE {refuse(_WIDE, column)} END AS {column}"
        )
    shown = column
    if scan.options.get("thousands"):
        column = f"replace({column}, {literal(scan.options['thousands'])}, '')"
    if scan.options.get("decimal_separator", ".") != ".":
        column = f"replace({column}, {literal(scan.options['decimal_separator'])}, '.')"
    # A fraction of zeros is none; a negative exponent may hide one.
    fraction = "[.][0-9]*[1-9]|[eE]-"
    return (
        f"CASE WHEN {column} IS NULL THEN NULL WHEN (contains({column}, '.') OR contains({column}, '-')) AND "
        f"regexp_matches({column}, '{fraction}') THEN {refuse(_WHOLE, shown)} "
        f"ELSE coalesce(TRY_CAST({column} AS {wanted}), {refuse(_WHOLE, shown)}) END AS {shown}"
    )


def too_wide(text: str) -> bool:
    """Whether an error says that the quick check met a number it cannot judge: read again with `exact`."""
    return f"{_WIDE}|" in text


def whole_error(text: str, scan: Scan) -> NodeError | None:
    """The sentence for a value that a whole-number column refused, with its line."""
    found = re.search(rf"(?:{_WHOLE}|{_WIDE})\|(\[.*?\])\|([^\n]*)", text)
    if found is None:
        return None
    name, value = json.loads(found[1])[1], found[2]
    path, line, shown = next(((p, *at) for p in scan.paths if (at := _found(p, scan, name, value))), (scan.paths[0], None, value))
    return NodeError(
        "{where}: “{value}” in column “{column}” is not a whole number.",
        fix="Give the column the type `number` in “Column types”, or let bad rows be rejected.",
        where=f"{path.name}:{line}" if line else path.name,
        value=shown[:60],
        column=name,
        line=line,
        field="columns",
    )


def _found(path: Path, scan: Scan, name: str, value: str) -> tuple[int, str] | None:
    """The line where the value stands, and how it is written; reads once more, only on the way to an error."""
    options = scan.options
    place = next(index for index, column in enumerate(scan.columns or ()) if column.name == name)
    escape = options["escape"] if options["escape"] != options["quote"] else None
    same = _same_number(value, options["decimal_separator"]) if scan.whole == "quick" else value.__eq__
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
                if len(row) > place and same(row[place]):
                    return int(rows.line_num) + int(options["skip"]), row[place]
        except csv.Error:
            return None
    return None


def _same_number(value: str, decimal: str) -> Callable[[str], bool]:
    wanted = float(value)

    def same(text: str) -> bool:
        try:
            return float(text.replace(decimal, ".")) == wanted or text.strip().lower() == value
        except ValueError:
            return False

    return same
