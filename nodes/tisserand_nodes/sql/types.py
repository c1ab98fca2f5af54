"""Column types of databases and ours: from cursors and declarations to schemas, and from rows to Arrow."""

from __future__ import annotations

import datetime
import decimal
import json
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from tisserand.sdk import NodeError, Schema

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy.types import TypeEngine

_POSTGRESQL = {
    16: "boolean", 20: "int64", 21: "int16", 23: "int32", 26: "int64", 700: "float32", 701: "float64",
    1082: "date", 1083: "time", 1114: "timestamp(6)", 1184: "timestamp('UTC', 6)", 17: "binary",
    1000: "array<boolean>", 1005: "array<int16>", 1007: "array<int32>", 1016: "array<int64>", 1022: "array<float64>",
    1009: "array<string>", 1015: "array<string>",
}  # fmt: skip
_NUMERIC = 1700
_DECLARED = (
    (r"BOOL", "boolean"),
    (r"INT", "int64"),
    (r"CHAR|CLOB|TEXT", "string"),
    (r"BLOB", "binary"),
    (r"REAL|FLOA|DOUB", "float64"),
    (r"DATETIME|TIMESTAMP", "timestamp(6)"),
    (r"DATE", "date"),
)


def postgresql_type(column: Any) -> tuple[str, bool]:
    """Our type of a result column of psycopg, and whether it holds every value exactly."""
    if column.type_code == _NUMERIC:
        if column.precision and column.precision <= 38 and 0 <= (column.scale or 0) <= column.precision:
            return f"decimal({column.precision}, {column.scale or 0})", True
        return "float64", False
    return _POSTGRESQL.get(column.type_code, "string"), True


def declared_type(text: str) -> str | None:
    """Our type of a declared SQLite type, by the rules of SQLite's affinities; None where the values have to tell."""
    match = re.fullmatch(r"(?:DECIMAL|NUMERIC)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)", text.strip().upper())
    if match and int(match[1]) <= 38:
        return f"decimal({match[1]}, {match[2] or 0})"
    return next((ours for pattern, ours in _DECLARED if re.search(pattern, text.upper())), None)


def type_of_values(values: Iterable[Any]) -> str:
    """The narrowest of our types that holds all values that SQLite gave; text where there are none."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int}:
        return "int64"
    if kinds and kinds <= {int, float}:
        return "float64"
    return "binary" if kinds == {bytes} else "string"


def database_type(type: str, system: str) -> TypeEngine[Any]:
    """The type of a new column for one of our types."""
    import sqlalchemy as sa
    from sqlalchemy.dialects import postgresql

    name = re.split(r"[(<]", type)[0]
    if name == "decimal":
        precision, scale = (int(part) for part in re.findall(r"\d+", type)) if "(" in type else (38, 9)
        return sa.Numeric(precision, scale)
    if name == "timestamp":
        return sa.DateTime(timezone="'" in type)
    if name in ("array", "struct", "map", "json"):
        return postgresql.JSONB() if system == "postgresql" else sa.Text()
    known: dict[str, Any] = {
        "boolean": sa.Boolean, "int8": sa.SmallInteger, "int16": sa.SmallInteger, "uint8": sa.SmallInteger, "int32": sa.Integer,
        "uint16": sa.Integer, "int64": sa.BigInteger, "uint32": sa.BigInteger, "float32": sa.Float, "float64": sa.Double,
        "date": sa.Date, "time": sa.Time, "binary": sa.LargeBinary,
    }  # fmt: skip
    if name == "uint64":
        return sa.Numeric(20, 0)
    made: TypeEngine[Any] = known.get(name, sa.Text)()
    return made


def to_batch(rows: Sequence[Sequence[Any]], schema: Schema, arrow: pa.Schema, first: int) -> pa.RecordBatch:
    """Rows as an Arrow batch; a value that does not fit its column is named with its row."""
    import pyarrow as pa

    arrays = []
    for index, column in enumerate(schema):
        kind = re.split(r"[(<]", column.type)[0]
        values = [_fitted(row[index], kind) for row in rows]
        try:
            arrays.append(pa.array(values, arrow.field(index).type))
        except (pa.ArrowException, ValueError, TypeError, OverflowError):
            raise _misfit(values, arrow.field(index).type, column.name, column.type, first) from None
    return pa.RecordBatch.from_arrays(arrays, schema=arrow)


def _misfit(values: list[Any], type: pa.DataType, column: str, wanted: str, first: int) -> NodeError:
    import pyarrow as pa

    for offset, value in enumerate(values):
        try:
            pa.array([value], type)
        except (pa.ArrowException, ValueError, TypeError, OverflowError):
            return NodeError(
                "Row {number}: “{value}” in the column “{column}” is not of type {type}.",
                fix="Cast the column in the query, or state its type under “types”.",
                number=first + offset,
                row=first + offset,
                value=str(value)[:80],
                column=column,
                type=wanted,
            )
    return NodeError("The column “{column}” cannot be read as {type}.", column=column, type=wanted)


def _fitted(value: Any, kind: str) -> Any:
    """A driver's value as Arrow takes it. SQLite gives dates, decimals and booleans as the texts and numbers it keeps."""
    if value is None:
        return None
    if kind == "string":
        if isinstance(value, str):
            return value
        if isinstance(value, dict | list):
            return json.dumps(value, ensure_ascii=False, default=str)
        return value.hex() if isinstance(value, bytes | memoryview) else str(value)
    try:
        if kind == "decimal":
            return value if isinstance(value, decimal.Decimal) else decimal.Decimal(str(value))
        if kind == "float64" and isinstance(value, decimal.Decimal):
            return float(value)
        if kind == "boolean" and isinstance(value, int) and value in (0, 1):
            return bool(value)
        if isinstance(value, str) and kind == "date":
            return datetime.date.fromisoformat(value[:10]) if len(value) > 10 else datetime.date.fromisoformat(value)
        if isinstance(value, str) and kind == "timestamp":
            return datetime.datetime.fromisoformat(value)
        if isinstance(value, str) and kind == "time":
            return datetime.time.fromisoformat(value)
    except (ValueError, decimal.InvalidOperation):
        return value  # Arrow refuses it, and the sentence then names row and column
    return value
