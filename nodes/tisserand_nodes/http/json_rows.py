"""From JSON values to typed rows: the columns found by looking, and later values held to them."""

from __future__ import annotations

import decimal
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tisserand.sdk import N_, Message, NodeError, Schema, msg

if TYPE_CHECKING:
    import pyarrow as pa

_NULL, _MIXED = "null", "string"


def records(document: Any, path: str) -> list[Mapping[str, Any]]:
    """The rows at a dotted path of a document; one object is one row, plain values become a column `value`."""
    found = document
    walked: list[str] = []
    for name in filter(None, path.split(".")):
        if isinstance(found, Mapping) and name in found:
            found = found[name]
        elif isinstance(found, list) and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        else:
            known = list(found)[:20] if isinstance(found, Mapping) else []
            raise NodeError(
                "The answer has no “{name}” at “{place}”. There: {known}.",
                name=name, place=".".join(walked) or "/", known=known or [_kind(found)], field="records",
            )  # fmt: skip
        walked.append(name)
    if found is None:
        return []
    rows = found if isinstance(found, list) else [found]
    return [row if isinstance(row, Mapping) else {"value": row} for row in rows]


def value_at(document: Any, path: str) -> Any:
    """The value at a dotted path, None where there is none."""
    for name in filter(None, path.split(".")):
        document = document.get(name) if isinstance(document, Mapping) else None
    return document


def columns(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The columns of some rows, in the order met, with types that hold all their values."""
    shape: dict[str, Any] = {}
    for row in rows:
        for name, value in row.items():
            shape[str(name)] = _joined(shape.get(str(name), _NULL), _shape(value))
    return {name: _text(part) for name, part in shape.items()}


def _shape(value: Any) -> Any:
    """The shape of one value: a type's name, `[shape]` of a list, `{name: shape}` of an object."""
    if value is None:
        return _NULL
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "int64" if -(2**63) <= value < 2**63 else "decimal(38, 0)"
    if isinstance(value, float):
        return "float64"
    if isinstance(value, list):
        inner: Any = _NULL
        for item in value:
            inner = _joined(inner, _shape(item))
        return [inner]
    if isinstance(value, Mapping):
        return {str(name): _shape(item) for name, item in value.items()} or _MIXED
    return "string"


def _joined(one: Any, other: Any) -> Any:
    """The narrowest shape that holds both; values that have nothing in common become text."""
    if one == other or other == _NULL:
        return one
    if one == _NULL:
        return other
    if isinstance(one, list) and isinstance(other, list):
        return [_joined(one[0], other[0])]
    if isinstance(one, dict) and isinstance(other, dict):
        return {name: _joined(one.get(name, _NULL), other.get(name, _NULL)) for name in {**one, **other}}
    if isinstance(one, str) and isinstance(other, str) and {one, other} == {"int64", "float64"}:
        return "float64"
    if isinstance(one, str) and isinstance(other, str) and {one, other} == {"int64", "decimal(38, 0)"}:
        return "decimal(38, 0)"
    return _MIXED


def _text(shape: Any) -> str:
    if isinstance(shape, list):
        return f"array<{_text(shape[0])}>"
    if isinstance(shape, dict):
        if not all(name.isidentifier() and name.isascii() for name in shape):
            return _MIXED  # such names cannot be written in a type: kept as JSON text
        return f"struct<{', '.join(f'{name}: {_text(part)}' for name, part in shape.items())}>"
    return "string" if shape == _NULL else str(shape)


def to_batch(rows: Sequence[Mapping[str, Any]], schema: Schema, arrow: pa.Schema, first: int, extra: bool) -> pa.RecordBatch:
    """Rows as a batch with exactly these columns. `extra` lets fields that are not among them be dropped."""
    import pyarrow as pa

    known = set(schema.names)
    arrays = []
    for number, row in enumerate(rows, first):
        unknown = None if extra else next((str(name) for name in row if str(name) not in known), None)
        if unknown is not None:
            raise _drift(number, unknown, None, "")
    for field in arrow:
        values = []
        for number, row in enumerate(rows, first):
            try:
                values.append(_fitted(row.get(field.name), field.type, extra))
            except (ValueError, TypeError, OverflowError) as error:
                reason = error.message if isinstance(error, _UnfitError) else str(error) or str(field.type)
                raise _drift(number, field.name, row.get(field.name), reason) from None
        arrays.append(pa.array(values, field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=arrow)


class _UnfitError(ValueError):
    """A value that its type would not hold whole."""

    def __init__(self, message: Message) -> None:
        super().__init__(message.text("en"))
        self.message = message


def _drift(number: int, column: str, value: Any, reason: str | Message) -> NodeError:
    fix = N_("Look at the source again, or state the column's type under “types”.")
    if not reason:
        return NodeError(
            "Row {number} has a field “{column}” that the flow does not know.",
            fix="Look at the source again, or choose to leave new fields out.", number=number, column=column, row=number,
        )  # fmt: skip
    text = json.dumps(value, ensure_ascii=False, default=str)
    return NodeError(
        "Row {number}: “{value}” in the column “{column}” does not fit: {reason}.",
        fix=fix, number=number, value=text[:80], column=column, reason=reason, row=number,
    )  # fmt: skip


def _fitted(value: Any, type: pa.DataType, extra: bool) -> Any:
    """A JSON value for an Arrow type; raises `_UnfitError` with the reason where it would lose something."""
    import pyarrow.types as of

    if value is None:
        return None
    if of.is_string(type) or of.is_large_string(type):
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if of.is_boolean(type):
        if isinstance(value, bool):
            return value
    elif of.is_integer(type):
        if isinstance(value, int) and not isinstance(value, bool):
            # Signed n bits hold −2ⁿ⁻¹ … 2ⁿ⁻¹ − 1.
            if -(2 ** (type.bit_width - 1)) <= value < 2 ** (type.bit_width - 1):
                return value
            raise _UnfitError(msg("too large for {type}", type=str(type)))
    elif of.is_floating(type):
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    elif of.is_decimal(type):
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            try:
                return decimal.Decimal(str(value))
            except decimal.InvalidOperation:
                raise _UnfitError(_other("number", value)) from None
    elif of.is_list(type) or of.is_large_list(type):
        if isinstance(value, list):
            return [_fitted(item, type.value_type, extra) for item in value]
    elif of.is_struct(type):
        if isinstance(value, Mapping):
            names = {field.name: field.type for field in type}
            unknown = None if extra else next((name for name in value if name not in names), None)
            if unknown is not None:
                raise _UnfitError(msg("new field “{field}”", field=str(unknown)))
            return {name: _fitted(value.get(name), inner, extra) for name, inner in names.items()}
    elif of.is_date(type) or of.is_timestamp(type):
        import datetime

        if isinstance(value, str):
            moment = datetime.datetime.fromisoformat(value)
            return moment.date() if of.is_date(type) else moment
    raise _UnfitError(_other(str(type), value))


def _other(expected: str, value: Any) -> Message:
    return msg("{expected} is expected, not {given}", expected=expected, given=_kind(value))


def _kind(value: Any) -> str:
    names = {bool: "boolean", int: "number", float: "number", str: "text", list: "list", dict: "object"}
    return names.get(type(value), "null")
