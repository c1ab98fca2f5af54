"""The types that formulas know: families of column types, what they are called in sentences, and the names that CAST takes."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from tisserand.texts import N_, Message

NAMES = {
    "boolean": N_("a truth value"),
    "integer": N_("a whole number"),
    "decimal": N_("a decimal number"),
    "float": N_("a number"),
    "number": N_("a number"),
    "text": N_("a text"),
    "date": N_("a date"),
    "timestamp": N_("a timestamp"),
    "time": N_("a time of day"),
    "json": N_("a JSON value"),
    "binary": N_("bytes"),
    "list": N_("a list"),
    "struct": N_("a structure"),
    "null": N_("NULL"),
    "other": N_("of a type that formulas do not know"),
    "any": N_("any value"),
    "when": N_("a date or timestamp"),
}
"""Families and, for parameters of functions, groups of families."""

NUMBERS = ("integer", "decimal", "float")
GROUPS = {"number": NUMBERS, "when": ("date", "timestamp")}
SCALARS = (*NUMBERS, "boolean", "text", "date", "timestamp", "time")

_FAMILIES = {
    "boolean": "boolean",
    "float16": "float",
    "float32": "float",
    "float64": "float",
    "decimal": "decimal",
    "string": "text",
    "uuid": "text",
    "inet": "text",
    "macaddr": "text",
    "date": "date",
    "timestamp": "timestamp",
    "time": "time",
    "json": "json",
    "binary": "binary",
    "array": "list",
    "struct": "struct",
    "map": "struct",
    "null": "null",
}
_HEAD = re.compile(r"!?\s*([a-z0-9]+)")

CAST_TYPES = {
    "text": "text",
    "varchar": "text",
    "string": "text",
    "char": "text",
    "integer": "integer",
    "int": "integer",
    "bigint": "integer",
    "smallint": "integer",
    "tinyint": "integer",
    "number": "float",
    "double": "float",
    "float": "float",
    "real": "float",
    "decimal": "decimal",
    "numeric": "decimal",
    "boolean": "boolean",
    "bool": "boolean",
    "date": "date",
    "timestamp": "timestamp",
    "datetime": "timestamp",
    "time": "time",
}


@cache
def family(column_type: str) -> str:
    """The family of a column type as `Column.type` writes it."""
    match = _HEAD.match(column_type)
    head = match[1] if match else ""
    if re.fullmatch(r"u?int(8|16|32|64)", head):
        return "integer"
    return _FAMILIES.get(head, "other")


def family_of_value(value: Any) -> str | None:
    """The family of a parameter's value, None for a value that formulas cannot take."""
    if value is None:
        return "null"
    for kind, name in _VALUES:
        if isinstance(value, kind):
            return name
    return None


_VALUES = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "float"),
    (Decimal, "decimal"),
    (str, "text"),
    (datetime, "timestamp"),
    (date, "date"),
)


def name_of(kind: str) -> Message:
    """What a sentence calls a family or group; `decimal(10, 2)` counts as `decimal`."""
    return Message(NAMES.get(kind.partition("(")[0], kind))


def accepts(wanted: str, given: str) -> bool:
    """Whether a parameter of family or group `wanted` takes a value of family `given` as it is."""
    return given == "null" or any(
        kind in ("any", "same") or given == kind or given in GROUPS.get(kind, ()) for kind in wanted.split("|")
    )


def common(one: str, other: str) -> str | None:
    """The family that both can become without losing their meaning, or None."""
    if one == other or other == "null":
        return one
    if one == "null":
        return other
    if one in NUMBERS and other in NUMBERS:
        return "float" if "float" in (one, other) else "decimal"
    if {one, other} == {"date", "timestamp"}:
        return "timestamp"
    return None
