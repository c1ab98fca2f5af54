"""Casts: what is written plainly is read here; all other forms, and what does not fit, are asked of the database."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from tisserand.engine.rows.operations import decimals
from tisserand.engine.rows.operations.documents import Document, Odd, document_of
from tisserand.engine.rows.operations.numbers import bounds
from tisserand.engine.rows.operations.table import family, means
from tisserand.engine.rows.shapes import strict
from tisserand.engine.rows.unrowable import Unrowable
from tisserand.engine.rows.values import Closure, Value
from tisserand.texts import msg

Ask = Callable[..., Any]
Convert = Callable[[Any], Any]

_INTEGER = re.compile(r"-?[0-9]{1,18}")
_FLOAT = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_DECIMAL = re.compile(r"-?[0-9]+(?:\.([0-9]+))?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[ T]([0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.(?:[0-9]{3}|[0-9]{6}))?))?")
_TIME = re.compile(r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.(?:[0-9]{3}|[0-9]{6}))?")


def _castable(value: Value) -> None:
    source, target = value.args[0].type, value.operation.to
    if family(source) == "null":
        return
    for type in (source, target):
        if type.is_timestamp() and type.scale not in (None, 6):
            raise Unrowable(
                "Cast", msg("Moments in other than microseconds ({type}) are cast by the database only.", type=str(type))
            )
    pair = (family(source), family(target))
    if pair[0] == pair[1] and pair[0] in ("array", "struct", "map") and source.copy(nullable=True) == target.copy(nullable=True):
        return
    nested = {"array", "struct", "map", "interval", "other", "uuid", "binary"}
    if pair in (("json", "map"), ("json", "array")) and _entries(target).is_json():
        return
    if nested & set(pair):
        raise Unrowable("Cast", msg("{type} is cast to {target} by the database only.", type=str(source), target=str(target)))


def _entries(type: Any) -> Any:
    return type.value_type


@means("Cast", "TryCast", check=_castable)
def _cast(value: Value) -> Closure:
    source, target = value.args[0].type, value.operation.to
    if source.is_null():
        return lambda cells: None
    convert = _CASTS.get((family(source), family(target)))
    ask = value.asked()
    made = convert(source, target, ask) if convert is not None else None
    if family(source) == "json" and made is None:
        return strict(value, lambda document: ask(document.text))
    return strict(value, made if made is not None else ask)


def never_fails(source: Any, target: Any) -> bool:
    """Whether a cast between these types always gives a value."""
    pair = (family(source), family(target))
    if pair[0] == pair[1] == "int":
        (low, high), (least, most) = bounds(source), bounds(target)
        return bool(least <= low and high <= most)
    return pair in _SAFE or pair[1] == "str"


_SAFE = {
    ("int", "float"), ("bool", "int"), ("bool", "float"), ("float32", "float"), ("decimal", "float"), ("date", "timestamp"),
    ("timestamp", "date"), ("zoned", "timestamp"), ("timestamp", "zoned"), ("timestamp", "time"), ("float", "float"), ("timestamp", "timestamp"),
    ("json", "json"), ("json", "str"), ("date", "date"), ("str", "str"), ("bool", "bool"), ("time", "time"), ("zoned", "zoned"),
}  # fmt: skip


def _same(source: Any, target: Any, ask: Ask) -> Convert:
    return lambda a: a


def _int_int(source: Any, target: Any, ask: Ask) -> Convert:
    (low, high), (least, most) = bounds(source), bounds(target)
    if least <= low and high <= most:
        return lambda a: a
    return lambda a: a if least <= a <= most else ask(a)


def _float_int(source: Any, target: Any, ask: Ask) -> Convert:
    least, most = bounds(target)

    def convert(a: float) -> Any:
        # Halves are rounded by the database, to the even number; formulas round before they cast.
        if -9e15 < a < 9e15 and a == (found := int(a)) and least <= found <= most:
            return found
        return ask(a)

    return convert


def _decimal_int(source: Any, target: Any, ask: Ask) -> Convert:
    least, most = bounds(target)

    def convert(a: Decimal) -> Any:
        found = int(a)
        return found if found == a and least <= found <= most else ask(a)

    return convert


def _str_int(source: Any, target: Any, ask: Ask) -> Convert:
    least, most = bounds(target)

    def convert(a: str) -> Any:
        if _INTEGER.fullmatch(a) is not None and least <= (found := int(a)) <= most:
            return found
        return ask(a)

    return convert


def _str_float(source: Any, target: Any, ask: Ask) -> Convert:
    return lambda a: float(a) if _FLOAT.fullmatch(a) is not None else ask(a)


def _decimal_float(source: Any, target: Any, ask: Ask) -> Convert:
    scale = source.scale or 0
    power = 10.0**scale
    few = Decimal(2**53).scaleb(-scale)
    if scale > 22:
        return ask
    # Both numbers are exact floats: their quotient is what the database computes.
    return lambda a: int(a.scaleb(scale)) / power if -few < a < few else ask(a)


def _to_decimal(source: Any, target: Any, ask: Ask) -> Convert:
    fit = decimals.fitted(target)

    def convert(a: Any) -> Any:
        found = fit(Decimal(a))
        return ask(a) if found is None else found

    return convert


def _str_decimal(source: Any, target: Any, ask: Ask) -> Convert:
    fit, scale = decimals.fitted(target), target.scale or 0

    def convert(a: str) -> Any:
        written = _DECIMAL.fullmatch(a) if len(a) < 38 else None
        if written is None or len(written[1] or "") > scale:
            return ask(a)
        found = fit(Decimal(a))
        return ask(a) if found is None else found

    return convert


def _str_bool(source: Any, target: Any, ask: Ask) -> Convert:
    known = {"true": True, "false": False}
    return lambda a: known[a] if a in known else ask(a)


def _str_date(source: Any, target: Any, ask: Ask) -> Convert:
    def convert(a: str) -> Any:
        if _DATE.fullmatch(a) is None:
            return ask(a)
        try:
            return date.fromisoformat(a)
        except ValueError:
            return ask(a)

    return convert


def _str_moment(source: Any, target: Any, ask: Ask) -> Convert:
    zone = None if target.timezone is None else UTC

    def convert(a: str) -> Any:
        if _MOMENT.fullmatch(a) is None:
            return ask(a)
        try:
            return datetime.fromisoformat(a).replace(tzinfo=zone)
        except ValueError:
            return ask(a)

    return convert


def _str_time(source: Any, target: Any, ask: Ask) -> Convert:
    def convert(a: str) -> Any:
        if _TIME.fullmatch(a) is None:
            return ask(a)
        try:
            return time.fromisoformat(a)
        except ValueError:
            return ask(a)

    return convert


def _fraction(a: Any) -> str:
    return f".{a.microsecond:06d}".rstrip("0") if a.microsecond else ""


def _moment_str(source: Any, target: Any, ask: Ask) -> Convert:
    zone = "" if source.timezone is None else "+00"

    def convert(a: datetime) -> str:
        if zone:
            a = a.astimezone(UTC)
        whole = f"{a.year:04d}-{a.month:02d}-{a.day:02d} {a.hour:02d}:{a.minute:02d}:{a.second:02d}"
        return f"{whole}{_fraction(a)}{zone}"

    return convert


def _decimal_str(source: Any, target: Any, ask: Ask) -> Convert:
    unit = decimals.step(source)
    quantize = decimals.CONTEXT.quantize
    return lambda a: format(quantize(a, unit) if a else abs(quantize(a, unit)), "f")


def _float_float32(source: Any, target: Any, ask: Ask) -> Convert:
    def convert(a: float) -> Any:
        try:
            return struct.unpack("<f", struct.pack("<f", a))[0]
        except OverflowError:
            return ask(a)

    return convert


def _float_text(a: float) -> str:
    # What is no number has a sign all the same, which the database shows.
    return repr(a) if a == a else "nan" if math.copysign(1.0, a) > 0 else "-nan"


def _plain(convert: Convert) -> Callable[[Any, Any, Ask], Convert]:
    return lambda source, target, ask: convert


def _document(source: Any, target: Any, ask: Ask) -> Convert:
    return lambda text: document_of(text, ask)


def _value(document: Document) -> Any:
    """The parsed document, or itself where the database is to be asked."""
    try:
        return document.value
    except Odd:
        return document


def _members(source: Any, target: Any, ask: Ask) -> Convert:
    kind = list if target.is_array() else dict

    def convert(document: Document) -> Any:
        found = _value(document)
        if isinstance(found, list) and kind is list:
            return [Document.made(part) for part in found]
        if isinstance(found, dict) and kind is dict:
            return {name: Document.made(part) for name, part in found.items()}
        asked = ask(document.text)
        if asked is None:
            return None
        return (
            [_text_document(part) for part in asked] if kind is list else {n: _text_document(p) for n, p in dict(asked).items()}
        )

    return convert


def _text_document(text: str | None) -> Document | None:
    return None if text is None else Document(text)


def _json_int(source: Any, target: Any, ask: Ask) -> Convert:
    least, most = bounds(target)

    def convert(document: Document) -> Any:
        found = _value(document)
        return found if type(found) is int and least <= found <= most else None if found is None else ask(document.text)

    return convert


def _json_float(source: Any, target: Any, ask: Ask) -> Convert:
    def convert(document: Document) -> Any:
        found = _value(document)
        if type(found) is float or (type(found) is int and -(2**53) < found < 2**53):
            return float(found)
        return None if found is None else ask(document.text)

    return convert


_CASTS: dict[tuple[str, str], Callable[[Any, Any, Ask], Convert]] = {
    **{
        (kind, kind): _same
        for kind in ("bool", "float", "float32", "str", "date", "timestamp", "zoned", "time", "json", "array", "struct", "map")
    },
    ("int", "int"): _int_int,
    ("int", "float"): _plain(float),
    ("int", "bool"): _plain(bool),
    ("int", "str"): _plain(str),
    ("int", "decimal"): _to_decimal,
    ("bool", "int"): _plain(int),
    ("bool", "float"): _plain(float),
    ("bool", "str"): _plain(lambda a: "true" if a else "false"),
    ("float", "int"): _float_int,
    ("float", "str"): _plain(_float_text),
    ("float", "float32"): _float_float32,
    ("float32", "float"): _same,
    ("decimal", "int"): _decimal_int,
    ("decimal", "float"): _decimal_float,
    ("decimal", "decimal"): _to_decimal,
    ("decimal", "str"): _decimal_str,
    ("str", "int"): _str_int,
    ("str", "float"): _str_float,
    ("str", "decimal"): _str_decimal,
    ("str", "bool"): _str_bool,
    ("str", "date"): _str_date,
    ("str", "timestamp"): _str_moment,
    ("str", "zoned"): _str_moment,
    ("str", "time"): _str_time,
    ("str", "json"): _document,
    ("json", "str"): _plain(lambda document: document.text),
    ("json", "int"): _json_int,
    ("json", "float"): _json_float,
    ("json", "array"): _members,
    ("json", "map"): _members,
    ("date", "timestamp"): _plain(lambda a: datetime(a.year, a.month, a.day)),
    ("date", "str"): _plain(lambda a: a.isoformat()),
    ("timestamp", "date"): _plain(lambda a: a.date()),
    ("timestamp", "time"): _plain(lambda a: a.time()),
    ("timestamp", "zoned"): _plain(lambda a: a.replace(tzinfo=UTC)),
    ("timestamp", "str"): _moment_str,
    ("zoned", "timestamp"): _plain(lambda a: a.astimezone(UTC).replace(tzinfo=None)),
    ("zoned", "str"): _moment_str,
    ("zoned", "date"): _plain(lambda a: a.astimezone(UTC).date()),
    ("time", "str"): _plain(lambda a: f"{a.hour:02d}:{a.minute:02d}:{a.second:02d}{_fraction(a)}"),
}
