"""From an Arrow page to texts for the grid; loaded only when data is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tisserand.texts import N_

if TYPE_CHECKING:
    from tisserand.service.protocol import Page

LONGEST = 300


@dataclass(frozen=True)
class Cells:
    """Some rows as texts by column; None is a value that is missing."""

    names: tuple[str, ...]
    types: tuple[str, ...]
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
        tuple(_type_name(field.type) for field in schema),
        tuple(_is_number(field.type) for field in schema),
        tuple(tuple(_text(value) for value in table.column(index).to_pylist()) for index in range(table.num_columns)),
        page.offset,
        page.total,
    )


def _is_number(type: Any) -> bool:
    return bool(pa.types.is_integer(type) or pa.types.is_floating(type) or pa.types.is_decimal(type))


def _type_name(type: Any) -> str:
    """A type in a word that a person knows, precise where it matters."""
    if pa.types.is_string(type) or pa.types.is_large_string(type) or str(type) == "string_view":
        return N_("text")
    if pa.types.is_integer(type):
        return N_("integer")
    if pa.types.is_floating(type):
        return N_("number")
    if pa.types.is_boolean(type):
        return N_("true/false")
    if pa.types.is_date(type):
        return N_("date")
    if pa.types.is_timestamp(type):
        return N_("timestamp") if type.tz is None else f"timestamp {type.tz}"
    return str(type)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    text = str(value)
    if len(text) > LONGEST:
        text = text[:LONGEST] + "…"
    return text.replace("\n", "⏎")
