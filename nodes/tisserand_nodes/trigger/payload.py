"""What the bytes of a message hold: text, JSON, or values for columns with types."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tisserand.sdk import Config, Message, NodeError, Picks, Schema, msg

if TYPE_CHECKING:
    from collections.abc import Iterable

Form = Literal["text", "json", "columns", "binary"]

RESERVED = ("topic", "payload", "received_at", "qos", "retained", "error", "raw")


class PayloadColumn(Config):
    """One value of the JSON in a message."""

    column: str
    """Name of the column."""
    type: Annotated[str, Picks("type")] = "string"
    """Its type, for example `float64`, `int64`, `timestamp(6)` or `boolean`."""
    path: str = ""
    """Where the value stands in the JSON, with dots between the names, for example `sensor.value`; empty for the column’s name."""

    def steps(self) -> tuple[str, ...]:
        return tuple((self.path or self.column).split("."))


def problems(columns: Iterable[PayloadColumn]) -> Iterable[NodeError]:
    """What is wrong with the columns as they are declared."""
    seen = set(RESERVED)
    for index, column in enumerate(columns):
        if column.column in seen:
            yield NodeError("The column “{name}” comes twice.", name=column.column, field=f"columns.{index}.column")
        seen.add(column.column)
        if _kind(column.type) not in _READ:
            yield NodeError(
                "A value of a message cannot become “{type}”. Types: {types}.",
                type=column.type, types=sorted(_READ), field=f"columns.{index}.type",
            )  # fmt: skip


def columns_of(form: Form, columns: Iterable[PayloadColumn]) -> Schema:
    """The columns that a payload becomes."""
    if form == "columns":
        return Schema.of({column.column: column.type for column in columns})
    return Schema.of({"payload": "binary" if form == "binary" else "string"})


class _MisfitError(Exception):
    """A message that is JSON, but does not hold what the columns want."""

    def __init__(self, message: Message) -> None:
        super().__init__(message.text("en"))
        self.message = message


class Reading:
    """Reads payloads, many thousands a second: everything that the settings tell is settled beforehand."""

    def __init__(self, form: Form, columns: Iterable[PayloadColumn], key: str) -> None:
        from orjson import loads

        self._form = form
        self._loads: Callable[[bytes], Any] = loads
        self._columns = [(column.column, column.steps(), _READ[_kind(column.type)]) for column in columns]
        self._key = tuple(key.split(".")) if key else ()
        self._empty: dict[str, Any] = (
            {name: None for name, _steps, _read in self._columns} if form == "columns" else {"payload": None}
        )

    def read(self, payload: bytes) -> tuple[dict[str, Any], str | None]:
        """The values of the columns with `error` and `raw`, and the key. What cannot be read is null, with the reason and the bytes."""
        try:
            row, key = self._read(payload)
        except UnicodeDecodeError:
            return self._unread(payload, msg("The message is no text in UTF-8.")), None
        except _MisfitError as error:
            return self._unread(payload, error.message), None
        except ValueError as error:
            return self._unread(payload, msg("The message is no JSON: {reason}", reason=str(error))), None
        row["error"] = row["raw"] = None
        return row, key

    def _unread(self, payload: bytes, why: Message) -> dict[str, Any]:
        return {**self._empty, "error": why.text("en"), "raw": base64.b64encode(payload).decode()}

    def _read(self, payload: bytes) -> tuple[dict[str, Any], str | None]:
        if self._form == "binary":
            return {"payload": base64.b64encode(payload).decode()}, None
        if self._form == "text" and not self._key:
            return {"payload": payload.decode()}, None
        value = self._loads(payload)
        key = _at(value, self._key) if self._key else None
        if self._form != "columns":
            return {"payload": payload.decode()}, None if key is None else str(key)
        if not isinstance(value, dict):
            raise _MisfitError(msg("The message holds no JSON object."))
        row: dict[str, Any] = {}
        for name, steps, read in self._columns:
            found = value.get(steps[0]) if len(steps) == 1 else _at(value, steps)
            if found is None:
                row[name] = None
                continue
            try:
                row[name] = read(found)
            except (ValueError, TypeError, ArithmeticError):
                raise _MisfitError(msg("“{value}” does not fit the column “{name}”.", value=str(found)[:80], name=name)) from None
        return row, None if key is None else str(key)


def _at(value: Any, steps: tuple[str, ...]) -> Any:
    for step in steps:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _kind(type: str) -> str:
    return type.partition("(")[0].partition("<")[0].strip()


def _whole(bits: int) -> Callable[[Any], int]:
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1

    def read(value: Any) -> int:
        if isinstance(value, bool) or int(value) != float(value) or not low <= int(value) <= high:
            raise ValueError(value)
        return int(value)

    return read


def _float(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError(value)
    return float(value)


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(value)
    return value


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    from orjson import dumps

    return dumps(value).decode()


def _decimal(value: Any) -> str:
    if isinstance(value, bool) or not Decimal(str(value)).is_finite():
        raise ValueError(value)
    return str(value)


def _moment(value: Any) -> str:
    if isinstance(value, str):
        datetime.fromisoformat(value)
        return value
    return datetime.fromtimestamp(_float(value), UTC).isoformat()


def _date(value: Any) -> str:
    return date.fromisoformat(value).isoformat()


_READ: Mapping[str, Callable[[Any], Any]] = {
    "string": _text, "json": _text, "boolean": _boolean, "float64": _float, "float32": _float, "decimal": _decimal,
    "int8": _whole(8), "int16": _whole(16), "int32": _whole(32), "int64": _whole(64), "timestamp": _moment, "date": _date,
}  # fmt: skip
