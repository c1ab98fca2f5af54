"""JSON Schema (2020-12) for the types of columns, and an example that conforms.

Decimals are numbers, as most programs of callers expect them; what must keep every digit is read from the text of the JSON. Moments are
RFC 3339 texts, times of the day are texts without an offset (which `format: time` would ask for), durations are seconds, bytes are base64.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

_BITS = {"int8": 8, "int16": 16, "int32": 32, "int64": 64}
_PLAIN: Mapping[str, tuple[Json, Any]] = {
    "boolean": ({"type": "boolean"}, True),
    "string": ({"type": "string"}, "text"),
    "float32": ({"type": "number", "format": "float"}, 1.5),
    "float64": ({"type": "number", "format": "double"}, 1.5),
    "date": ({"type": "string", "format": "date"}, "2026-11-25"),
    "time": ({"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?$"}, "08:30:00"),
    "timestamp": ({"type": "string", "format": "date-time"}, "2026-11-25T08:30:00Z"),
    "interval": ({"type": "number", "description": "Seconds."}, 90.5),
    "uuid": ({"type": "string", "format": "uuid"}, "123e4567-e89b-12d3-a456-426614174000"),
    "binary": ({"type": "string", "contentEncoding": "base64"}, "AAEC"),
    "json": ({}, {"any": "value"}),
}


def schema_of(type: str, nullable: bool = False) -> Json:
    """The schema of a type as Ibis writes it (`int64`, `decimal(10, 2)`, `array<string>`, `struct<a: int64>`)."""
    made = _schema(type.strip())
    if nullable and "type" in made:
        made["type"] = [made["type"], "null"]
    return made


def example_of(type: str) -> Any:
    """A value that conforms."""
    name, inner = _split(type.strip())
    if name == "array":
        return [example_of(inner)]
    if name == "struct":
        return {field: example_of(each) for field, each in fields(inner)}
    if name == "map":
        return {}
    if name in _BITS or name.removeprefix("u") in _BITS:
        return 1
    if name == "decimal":
        whole = _digits(inner) - _scale(inner) if _digits(inner) else 2
        return round(0.5 if _scale(inner) else 0, 1) if whole < 1 else (1.5 if _scale(inner) else 1)
    return _PLAIN[name][1] if name in _PLAIN else "text"


def _schema(type: str) -> Json:
    name, inner = _split(type)
    if name == "array":
        return {"type": "array", "items": schema_of(inner, not inner.startswith("!"))}
    if name == "struct":
        return {"type": "object", "properties": {field: schema_of(each, True) for field, each in fields(inner)}}
    if name == "map":
        return {"type": "object", "additionalProperties": schema_of(parts(inner)[-1], True)}
    if name in _BITS:
        bits = _BITS[name]
        bounds: Json = {"minimum": -(2 ** (bits - 1)), "maximum": 2 ** (bits - 1) - 1}
        return {"type": "integer", **({"format": name} if bits >= 32 else {}), **bounds}
    if name.startswith("u") and name[1:] in _BITS:
        return {"type": "integer", "minimum": 0, "maximum": 2 ** _BITS[name[1:]] - 1}
    if name == "decimal":
        return _decimal(inner)
    return dict(_PLAIN[name][0]) if name in _PLAIN else {"type": "string"}


def _decimal(inner: str) -> Json:
    """With the bounds that its digits set; as whole numbers, which JSON holds exactly."""
    digits, scale = _digits(inner), _scale(inner)
    bounds: Json = {"exclusiveMinimum": -(10 ** (digits - scale)), "exclusiveMaximum": 10 ** (digits - scale)} if digits else {}
    if not scale:
        return {"type": "integer" if digits else "number", **bounds}
    # Of many digits behind the point, binary fractions miss the last ones, and checkers would refuse what is right.
    return {"type": "number", **({"multipleOf": float(f"1e-{scale}")} if scale <= 6 else {}), **bounds}


def _split(type: str) -> tuple[str, str]:
    found = re.fullmatch(r"!?([a-z0-9_]+)\s*(?:[<(](.*)[>)])?", type, re.DOTALL)
    return (found[1], found[2] or "") if found is not None else ("string", "")


def _digits(inner: str) -> int:
    first = inner.partition(",")[0].strip()
    return int(first) if first.isdigit() else 0


def _scale(inner: str) -> int:
    numbers = [part.strip() for part in inner.split(",")]
    return int(numbers[1]) if len(numbers) > 1 and numbers[1].isdigit() else 0


def parts(inner: str) -> list[str]:
    """What stands between commas that are not inside brackets."""
    found, depth, start = [], 0, 0
    for index, each in enumerate(inner):
        depth += (each in "<(") - (each in ">)")
        if each == "," and depth == 0:
            found.append(inner[start:index].strip())
            start = index + 1
    return [*found, inner[start:].strip()]


def fields(inner: str) -> list[tuple[str, str]]:
    """Name and type of each field of a struct."""
    return [
        (name.strip().strip("'\""), type.strip())
        for part in parts(inner)
        if part
        for name, _colon, type in (part.partition(":"),)
    ]


def fits(value: Any, schema: Json) -> bool:
    """Whether somebody gave a value that conforms, so that it may stand in a document."""
    from jsonschema import Draft202012Validator

    checker = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return value not in (None, "") and bool(checker.is_valid(value))
