"""From an Arrow page to texts for the grid; loaded only when data is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tisserand.texts import language, ngettext
from tisserand.texts import translate as _

if TYPE_CHECKING:
    from tisserand.service.protocol import Page

LONGEST = 300


@dataclass(frozen=True)
class Cells:
    """Some rows as texts by column, as a person reads them; None is a value that is missing."""

    names: tuple[str, ...]
    types: tuple[str, ...]
    """In words of the language in use."""
    full: tuple[str, ...]
    """As Arrow writes them."""
    right: tuple[bool, ...]
    columns: tuple[tuple[str | None, ...], ...]
    offset: int
    total: int

    @property
    def rows(self) -> int:
        return len(self.columns[0]) if self.columns else 0


def cells(page: Page) -> Cells:
    """Read one page of the protocol."""
    with pa.ipc.open_stream(page.data) as reader:
        table = reader.read_all()
    schema = table.schema
    return Cells(
        tuple(schema.names),
        tuple(type_words(field.type) for field in schema),
        tuple(str(field.type) for field in schema),
        tuple(_is_number(field.type) for field in schema),
        tuple(_texts(table.column(index), field.type) for index, field in enumerate(schema)),
        page.offset,
        page.total,
    )


def _is_number(type: Any) -> bool:
    return bool(pa.types.is_integer(type) or pa.types.is_floating(type) or pa.types.is_decimal(type))


def type_words(type: Any) -> str:
    """A type in words that a person knows, precise where it matters."""
    kinds = pa.types
    if kinds.is_decimal(type):
        return _("decimal({digits}, {places})").format(digits=type.precision, places=type.scale)
    if kinds.is_timestamp(type):
        return _("timestamp") if type.tz is None else _("timestamp with zone")
    if kinds.is_map(type):
        return _("map of {key} to {value}").format(key=type_words(type.key_type), value=type_words(type.item_type))
    if "list" in str(type).partition("<")[0]:
        return _("list of {type}").format(type=type_words(type.value_type))
    if kinds.is_dictionary(type):
        return type_words(type.value_type)
    words: tuple[tuple[bool, str], ...] = (
        (kinds.is_string(type) or kinds.is_large_string(type) or str(type) == "string_view", _("text")),
        (kinds.is_integer(type), _("integer")),
        (kinds.is_floating(type), _("number")),
        (kinds.is_boolean(type), _("true/false")),
        (kinds.is_date(type), _("date")),
        (kinds.is_time(type), _("time")),
        (kinds.is_duration(type) or kinds.is_interval(type), _("duration")),
        (kinds.is_struct(type), _("structure")),
        ("binary" in str(type), _("binary")),
        (kinds.is_null(type), _("no values")),
    )
    return next((word for fits, word in words if fits), str(type))


def _texts(column: Any, type: Any) -> tuple[str | None, ...]:
    """The values of a column; how they are written is found out once for all of them."""
    write = _writer(type)
    return tuple(None if value is None else write(value) for value in column.to_pylist())


def _writer(type: Any) -> Callable[[Any], str]:
    kinds = pa.types
    if kinds.is_integer(type):
        return str
    if kinds.is_floating(type) or kinds.is_decimal(type):
        plain: Callable[[Any], str] = repr if kinds.is_floating(type) else str
        return (lambda value: plain(value).replace(".", ",")) if language() == "fr" else plain
    if kinds.is_boolean(type):
        return lambda value: "true" if value else "false"
    if kinds.is_map(type):
        return lambda value: _short(_json({str(key): inner for key, inner in value}))
    if kinds.is_nested(type):
        return lambda value: _short(_json(value))
    if "binary" in str(type):
        return _bytes
    return lambda value: _short(str(value))


def _short(text: str) -> str:
    if len(text) > LONGEST:
        text = text[:LONGEST] + "…"
    return text.replace("\n", "⏎")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=spoken)


def spoken(value: Any) -> str:
    """What JSON has no form for: bytes in hexadecimal digits, moments and decimals as they are written."""
    return value.hex() if isinstance(value, bytes) else str(value)


def _bytes(value: bytes) -> str:
    """The digits, and how many bytes they are: of long ones only the first are seen."""
    digits = value[: LONGEST // 3].hex(" ") + ("…" if len(value) > LONGEST // 3 else "")
    told = ngettext("{count} byte", "{count} bytes", len(value)).format(count=len(value))
    return f"{digits} · {told}" if value else told
