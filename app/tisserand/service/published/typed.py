"""Values of a request in the types of their columns: read from a text (path, query, header) or taken from JSON, and told what is wrong.

What goes in is as strict as a schema of JSON says: a number is no text, and no value is rounded to fit. Moments are RFC 3339
texts; those with an offset become UTC, those without one are taken as UTC.
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from tisserand.texts import Message, msg

Take = Callable[[Any], Any]

_WHOLE = re.compile(r"[+-]?\d{1,20}")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})?")
_TIME = re.compile(r"\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?")


class Misfit(Exception):  # noqa: N818 - an answer
    """A value that does not fit; `message` is the sentence."""

    def __init__(self, message: Message) -> None:
        self.message = message
        super().__init__(message.text("en"))


def from_json(kind: str) -> Take:
    """What takes a JSON value (never null) for a column of this type, as Ibis writes it. Raises `Misfit`."""
    import ibis

    return _taking(ibis.dtype(kind))


def from_text(kind: str) -> Take:
    """What reads the text of a parameter. Raises `Misfit`."""
    import ibis

    dtype = ibis.dtype(kind)
    take = _taking(dtype)
    if dtype.is_integer():
        return lambda text: take(int(text)) if _WHOLE.fullmatch(text) else _misfit(_INTEGER)
    if dtype.is_floating():
        return lambda text: take(float(text)) if _NUMBER.fullmatch(text) else _misfit(_A_NUMBER)
    if dtype.is_boolean():
        return lambda text: _BOOLEANS[text] if text in _BOOLEANS else _misfit(_TRUE_OR_FALSE)
    return take


_INTEGER = msg("It is no whole number.")
_A_NUMBER = msg("It is no number.")
_TRUE_OR_FALSE = msg("It is neither true nor false.")
_A_TEXT = msg("It is no text.")
_A_DATE = msg("It is no date as 2026-01-31.")
_A_MOMENT = msg("It is no moment as 2026-01-31T13:45:00Z.")
_A_TIME = msg("It is no time as 13:45:00.")
_A_LIST = msg("It is no list.")
_AN_OBJECT = msg("It is no object.")
_BASE64 = msg("It is no base64.")
_A_UUID = msg("It is no UUID.")
_BOOLEANS = {"true": True, "false": False}


def _misfit(message: Message) -> Any:
    raise Misfit(message)


def _taking(dtype: Any) -> Take:
    if dtype.is_integer():
        return _whole(dtype)
    if dtype.is_floating():
        return _float32 if dtype.nbytes == 4 else _float
    if dtype.is_decimal():
        return _decimal(dtype.precision or 38, dtype.scale or 0)
    if dtype.is_array():
        return _list(_taking(dtype.value_type))
    if dtype.is_struct():
        return _object({name: _taking(kind) for name, kind in dtype.items()})
    if dtype.is_timestamp():
        return _zoned if dtype.timezone is not None else _moment
    for test, take in _SIMPLE:
        if getattr(dtype, test)():
            return take
    raise Misfit(msg("Values of the type {type} cannot come with a request.", type=str(dtype)))


def _whole(dtype: Any) -> Take:
    low, high = dtype.bounds.lower, dtype.bounds.upper

    def take(value: Any) -> int:
        if type(value) is float and value.is_integer():
            value = int(value)  # 1.0 is a whole number to JSON Schema
        if type(value) is not int:
            raise Misfit(_INTEGER)
        if not low <= value <= high:
            raise Misfit(msg("It must lie between {least} and {most}.", least=low, most=high))
        return value

    return take


def _float(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is int:
        return float(value)
    raise Misfit(_A_NUMBER)


def _float32(value: Any) -> float:
    try:
        found: float = struct.unpack("f", struct.pack("f", _float(value)))[0]
    except OverflowError:
        raise Misfit(msg("It is too large.")) from None
    return found


def _decimal(precision: int, scale: int) -> Take:
    step = Decimal(1).scaleb(-scale)

    def take(value: Any) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise Misfit(_A_NUMBER)
        if isinstance(value, str) and not _NUMBER.fullmatch(value):
            raise Misfit(_A_NUMBER)
        try:
            found = Decimal(str(value))
            exact = found.quantize(step)
        except InvalidOperation:
            raise Misfit(msg("It has more than {digits} digits.", digits=precision)) from None
        if exact != found:
            raise Misfit(msg("It has more than {digits} digits behind the point.", digits=scale))
        if exact.adjusted() >= precision - scale and exact:
            raise Misfit(msg("It has more than {digits} digits.", digits=precision))
        return exact

    return take


def _text(value: Any) -> str:
    if type(value) is not str:
        raise Misfit(_A_TEXT)
    return value


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise Misfit(_TRUE_OR_FALSE)
    return value


def _date(value: Any) -> date:
    if type(value) is str and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass  # there is no 30th of February
    raise Misfit(_A_DATE)


def _zoned(value: Any) -> datetime:
    if type(value) is str and _MOMENT.fullmatch(value):
        try:
            found = datetime.fromisoformat(value.replace(" ", "T").upper())
            return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            pass  # there is no 25th hour
    raise Misfit(_A_MOMENT)


def _moment(value: Any) -> datetime:
    return _zoned(value).replace(tzinfo=None)


def _time(value: Any) -> time:
    if type(value) is str and _TIME.fullmatch(value):
        try:
            return time.fromisoformat(value)
        except ValueError:
            pass  # there is no 25th hour
    raise Misfit(_A_TIME)


def _binary(value: Any) -> bytes:
    try:
        return base64.b64decode(_text(value), validate=True)
    except ValueError:
        raise Misfit(_BASE64) from None


def _uuid(value: Any) -> UUID:
    try:
        return UUID(_text(value))
    except ValueError:
        raise Misfit(_A_UUID) from None


def _json(value: Any) -> str:
    import orjson

    return orjson.dumps(value).decode()


def _list(take: Take) -> Take:
    def taking(value: Any) -> list[Any]:
        if type(value) is not list:
            raise Misfit(_A_LIST)
        return [None if each is None else take(each) for each in value]

    return taking


def _object(fields: Mapping[str, Take]) -> Take:
    def taking(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise Misfit(_AN_OBJECT)
        return {name: None if value.get(name) is None else take(value[name]) for name, take in fields.items()}

    return taking


_SIMPLE: tuple[tuple[str, Take], ...] = (
    ("is_string", _text), ("is_boolean", _boolean), ("is_date", _date), ("is_time", _time), ("is_binary", _binary),
    ("is_uuid", _uuid), ("is_json", _json),
)  # fmt: skip
