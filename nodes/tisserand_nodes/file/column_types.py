"""Types for the columns of a text table: settled from a sample, only where no value would change by it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tisserand.sdk import Column, NodeError, Schema, msg

NAMES = {
    "text": "string",
    "string": "string",
    "integer": "int64",
    "number": "float64",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp(6)",
    "time": "time",
}
"""What people write for a type; any other text is read as Ibis' notation."""

_WHOLE = re.compile(r"[+-]?(?:0|[1-9]\d{0,17})")
_LONG = re.compile(r"[+-]?\d{19,}")
_DOT = re.compile(r"[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?")
_COMMA = re.compile(r"[+-]?(?:(?:0|[1-9]\d*)(?:,\d*)?|,\d+)(?:[eE][+-]?\d{1,3})?")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?")
_CLOCK = r"[ T](?:[01]\d|2[0-3]):[0-5]\d"
_ISO = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_ISO_STAMP = re.compile(_ISO.pattern + _CLOCK + r"(?::[0-5]\d(?:\.\d{1,6})?)?")
_ISO_ZONED = re.compile(_ISO_STAMP.pattern + r"(?:Z|[+-]\d{2}(?::?\d{2})?)")
_DAY, _MONTH = r"(0?[1-9]|[12]\d|3[01])", r"(0?[1-9]|1[0-2])"
_OTHERS = {f"%d{sign}%m{sign}%Y": re.compile(rf"{_DAY}{re.escape(sign)}{_MONTH}{re.escape(sign)}\d{{4}}") for sign in "/.-"} | {
    "%m/%d/%Y": re.compile(rf"{_MONTH}/{_DAY}/\d{{4}}"),
    "%Y/%m/%d": re.compile(rf"\d{{4}}/{_MONTH}/{_DAY}"),
    "%Y%m%d": re.compile(r"(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"),
}
DATE_FORMATS = tuple(_OTHERS)
_CLOCKS = {
    " %H:%M:%S": re.compile(r" ([01]\d|2[0-3]):[0-5]\d:[0-5]\d"),
    " %H:%M": re.compile(r" ([01]\d|2[0-3]):[0-5]\d"),
}


@dataclass(frozen=True, slots=True)
class Settled:
    """Types of the columns, and how their values are written in the file."""

    schema: Schema
    decimal: str = "."
    date: str | None = None
    timestamp: str | None = None
    ambiguous: tuple[str, ...] = ()
    """Columns whose dates could have day and month the other way round."""
    left: tuple[str, ...] = field(default=())
    """Columns with dates written in another way than those of the rest; they stay text."""


def settle(
    names: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    nulls: Iterable[str] = ("",),
    decimal: str | None = None,
    date: str | None = None,
    given: Mapping[str, str] | None = None,
) -> Settled:
    """Types from sample rows. `given` are the types that a person chose; `decimal` and `date` fix how values are written."""
    chosen = {name: type_of(text, name) for name, text in (given or {}).items()}
    for name in chosen:
        if name not in names:
            alike = difflib.get_close_matches(name, names, 1)
            raise NodeError(
                "There is no column “{name}” in the file. Columns: {columns}.",
                name=name,
                columns=list(names)[:30],
                field=f"columns.{name}",
                fix=msg("Did you mean “{near}”?", near=alike[0]) if alike else None,
            )
    missing = set(nulls) | {""}
    values: list[set[str]] = [set() for _ in names]
    for row in rows:
        for place, value in enumerate(row[: len(names)]):
            if value not in missing:
                values[place].add(value.strip())
    texts = {name: values[place] for place, name in enumerate(names)}
    free = {name: found for name, found in texts.items() if name not in chosen and found}
    mark = decimal or _decimal(free.values())
    dates, stamps = _date_formats(free.values())
    day = date or _best(dates)
    stamp = next((f for f in _ranked(stamps) if not day or f.startswith(day)), None)
    types: list[Column] = []
    left: list[str] = []
    ambiguous: list[str] = []
    for name in names:
        if name in chosen:
            types.append(Column(name, chosen[name]))
            continue
        type = _type(texts[name], mark, day, stamp)
        if type == "string" and texts[name] and any(_all(texts[name], pattern) for pattern in _OTHERS.values()):
            left.append(name)
        if type == "date" and day in ("%d/%m/%Y", "%m/%d/%Y") and _all(texts[name], _OTHERS["%m/%d/%Y"]):
            ambiguous += [name] if _all(texts[name], _OTHERS["%d/%m/%Y"]) and date is None else []
        types.append(Column(name, type))
    kinds = {column.type for column in types}
    return Settled(
        Schema(tuple(types)),
        mark,
        day if "date" in kinds else None,
        stamp if "timestamp(6)" in kinds else None,
        tuple(ambiguous),
        tuple(left),
    )


def type_of(text: str, column: str) -> str:
    """A type as a person writes it, in Ibis' notation; a sentence if there is no such type."""
    import ibis

    from tisserand.sdk.arrow import type_text

    try:
        return NAMES.get(text.strip().lower()) or type_text(ibis.dtype(text))
    except Exception:  # noqa: BLE001 - the parser raises what it likes on a text that is no type
        raise NodeError(
            "“{type}” is not a type.", type=text, field=f"columns.{column}", fix="Known: {names}.", names=list(NAMES)
        ) from None


def _type(values: set[str], mark: str, day: str | None, stamp: str | None) -> str:
    if not values:
        return "string"
    if _all(values, _WHOLE) and not (day == "%Y%m%d" and _all(values, _OTHERS["%Y%m%d"])):
        return "int64"
    if any(_LONG.fullmatch(value) for value in values):
        return "string"  # an account number: as a float its last digits would be lost
    if _all(values, _COMMA if mark == "," else _DOT):
        return "float64"
    if all(value.lower() in ("true", "false") for value in values):
        return "boolean"
    if _all(values, _ISO) if day is None else _all(values, _OTHERS.get(day, _ISO)):
        return "date"
    if stamp is None and _all(values, _ISO_STAMP):
        return "timestamp(6)"
    if stamp is not None and all(_stamped(value, stamp) for value in values):
        return "timestamp(6)"
    if stamp is None and _all(values, _ISO_ZONED):
        return "timestamp('UTC', 6)"
    return "time" if _all(values, _TIME) else "string"


def _decimal(columns: Iterable[set[str]]) -> str:
    comma = dot = 0
    for values in columns:
        if _all(values, _WHOLE):
            continue
        comma += _all(values, _COMMA)
        dot += _all(values, _DOT)
    return "," if comma > dot else "."


def _date_formats(columns: Iterable[set[str]]) -> tuple[dict[str | None, int], dict[str, int]]:
    """How many columns each way of writing dates fits; None is ISO, which needs no format."""
    dates: dict[str | None, int] = {}
    stamps: dict[str, int] = {}
    for values in columns:
        if _all(values, _ISO):
            dates[None] = dates.get(None, 0) + 1
        for format, pattern in _OTHERS.items():
            if format == "%Y%m%d":
                continue  # as likely a number
            if _all(values, pattern):
                dates[format] = dates.get(format, 0) + 1
            for clock in _CLOCKS:
                if all(_stamped(value, format + clock) for value in values):
                    stamps[format + clock] = stamps.get(format + clock, 0) + 1
    return dates, stamps


def _best(counts: Mapping[str | None, int]) -> str | None:
    """The way that fits most columns; among equals the first, so day before month."""
    if not counts:
        return None
    order = [None, *DATE_FORMATS]
    return max(counts, key=lambda format: (counts[format], -order.index(format)))


def _ranked(counts: Mapping[str, int]) -> list[str]:
    return sorted(counts, key=lambda format: -counts[format])


def _stamped(value: str, format: str) -> bool:
    day, _, clock = format.partition(" ")
    date, space, time = value.partition(" ")
    return bool(space and _OTHERS[day].fullmatch(date) and _CLOCKS[f" {clock}"].fullmatch(f" {time}"))


def _all(values: set[str], pattern: re.Pattern[str]) -> bool:
    return all(pattern.fullmatch(value) for value in values)
