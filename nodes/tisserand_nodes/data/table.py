"""A small table typed in the flow itself."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tisserand.sdk import Column, Config, Context, Discovery, NodeError, Reader, Schema

if TYPE_CHECKING:
    import pyarrow as pa

NAMES = {
    "text": "string",
    "integer": "int64",
    "number": "float64",
    "timestamp": "timestamp(6)",
}


class TableConfig(Config):
    columns: dict[str, str]
    """The columns with their types: `text`, `integer`, `number`, `boolean`, `date`, `timestamp`, `time`, `decimal(12, 2)` …"""
    rows: list[list[Any]] = []
    """The rows, each a list of values in the order of the columns. Leave a value empty for none."""


class Table(Reader[TableConfig]):
    """A small table whose rows stand in the flow itself: exchange rates, codes, test data."""

    kind, title, icon = "data.table", "Table", "table"
    columns_in_settings = True

    def check(self, config: TableConfig, schemas: Mapping[str, Schema]) -> Iterator[Exception]:
        try:
            schema = _schema(config)
        except NodeError as error:
            yield error
            return
        for number, row in enumerate(config.rows):
            try:
                _row(row, number, schema)
            except NodeError as error:
                yield error

    def discover(self, ctx: Context, config: TableConfig) -> Discovery:
        import hashlib

        mark = hashlib.sha256(repr((config.columns, config.rows)).encode()).hexdigest()[:32]
        return Discovery(_schema(config), {}, mark, len(config.rows))

    def read(self, ctx: Context, config: TableConfig, found: Discovery) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        from tisserand.sdk.arrow import to_arrow

        schema = to_arrow(found.schema)
        rows = [_row(row, number, found.schema) for number, row in enumerate(config.rows)]
        arrays = []
        for place, field in enumerate(schema):
            try:
                arrays.append(pa.array([row[place] for row in rows], field.type))
            except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
                raise NodeError(
                    "A value of “{column}” does not fit: {reason}", column=field.name, reason=str(error)[:200], field="rows"
                ) from None
        ctx.progress(rows=len(rows))
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _schema(config: TableConfig) -> Schema:
    import ibis

    from tisserand.sdk.arrow import type_text

    if not config.columns:
        raise NodeError("The table has no columns.", field="columns", fix="Name at least one.")
    lower = [name.lower() for name in config.columns]
    twice = next((name for name in config.columns if lower.count(name.lower()) > 1), None)
    if twice is not None:
        raise NodeError("The column “{name}” stands there twice, apart from case.", name=twice, field="columns")
    columns = []
    for name, text in config.columns.items():
        try:
            columns.append(Column(name, NAMES.get(text.strip().lower()) or type_text(ibis.dtype(text.strip()))))
        except Exception:  # noqa: BLE001 - the parser raises what it likes on a text that is no type
            raise NodeError(
                "“{type}” is not a type.",
                type=text,
                field=f"columns.{name}",
                fix="Known: text, integer, number, boolean, date, timestamp, time, decimal(12, 2).",
            ) from None
    return Schema(tuple(columns))


def _row(row: list[Any], number: int, schema: Schema) -> list[Any]:
    if len(row) != len(schema):
        raise NodeError(
            "Row {at} has {found} values for {expected} columns.",
            at=number + 1,
            found=len(row),
            expected=len(schema),
            field=f"rows.{number}",
            row=number + 1,
        )
    values = []
    for value, column in zip(row, schema, strict=True):
        try:
            values.append(_value(value, column.type))
        except (ValueError, TypeError, ArithmeticError):
            raise NodeError(
                "Row {at}: “{value}” in column “{column}” cannot be read as {type}.",
                at=number + 1,
                value=str(value)[:60],
                column=column.name,
                type=column.type,
                field=f"rows.{number}",
                row=number + 1,
            ) from None
    return values


def _value(value: Any, type: str) -> Any:
    """A value as YAML gives it, in its column's type; raises ValueError where it does not fit."""
    if value is None or (value == "" and type != "string"):
        return None
    if type == "string":
        return ("true" if value else "false") if isinstance(value, bool) else str(value)
    if type == "boolean":
        known = {"true": True, "false": False}
        return value if isinstance(value, bool) else known.get(str(value).lower()) if str(value).lower() in known else _no()
    if isinstance(value, bool):
        return _no()
    if type.startswith(("int", "uint")):
        return int(value) if not isinstance(value, float) or value.is_integer() else _no()
    if type.startswith("float"):
        return float(value)
    if type.startswith("decimal"):
        return decimal.Decimal(str(value))
    if type == "date":
        if isinstance(value, datetime.datetime):
            return value.date() if value.time() == datetime.time() else _no()
        return value if isinstance(value, datetime.date) else datetime.date.fromisoformat(str(value))
    if type.startswith("timestamp"):
        if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
            return datetime.datetime.combine(value, datetime.time())
        return value if isinstance(value, datetime.datetime) else datetime.datetime.fromisoformat(str(value))
    if type.startswith("time"):
        return value if isinstance(value, datetime.time) else datetime.time.fromisoformat(str(value))
    return value


def _no() -> Any:
    raise ValueError
