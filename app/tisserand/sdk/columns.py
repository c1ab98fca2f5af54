"""What transforms share about columns: finding one by name, naming new ones, comparing types, declaring an order."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Discriminator, Tag

from tisserand.model.schema import Schema
from tisserand.sdk.config import Config
from tisserand.sdk.errors import NodeError
from tisserand.sdk.fields import ColumnName

if TYPE_CHECKING:
    import ibis

_SHOWN = 30


def column(table: ibis.Table, name: str, field: str | None = None) -> ibis.Value:
    """The column of that name; a `NodeError` with a suggestion where there is none. `field` is the config field that names it."""
    if name not in table.columns:
        raise unknown_column(name, table.columns, field)
    return table[name]


def unknown_column(name: str, columns: Iterable[str], field: str | None = None) -> NodeError:
    """The sentence for a column that does not exist, with the nearest name where one is near."""
    known = list(columns)
    shown = [*known[:_SHOWN], *(["…"] if len(known) > _SHOWN else [])]
    folded = {other.casefold(): other for other in known}
    near = difflib.get_close_matches(name.casefold(), folded, 1)
    if near:
        return NodeError(
            "There is no column “{name}”. Columns: {columns}.",
            fix="Did you mean “{near}”?",
            name=name,
            columns=shown,
            near=folded[near[0]],
            field=field,
        )
    return NodeError("There is no column “{name}”. Columns: {columns}.", name=name, columns=shown, field=field)


def missing_columns(names: Iterable[tuple[str, str]], schema: Schema) -> Iterator[NodeError]:
    """One error for each (field, column name) that `schema` does not have, for `check`."""
    for field, name in names:
        if name not in schema:
            yield unknown_column(name, schema.names, field)


def all_in(names: Iterable[str], schema: Schema) -> bool:
    """Whether `schema` has all these columns, for `Transform.columns`."""
    return set(names) <= set(schema.names)


def free_name(name: str, taken: Iterable[str], suffix: str = "_2") -> str:
    """`name`, or `name` with the suffix as often as needed to differ from `taken`; upper and lower case count as the same,
    because backends compare column names that way."""
    folded = {other.casefold() for other in taken}
    while name.casefold() in folded:
        name += suffix
    return name


def twice(names: Iterable[str]) -> str | None:
    """The first name that stands twice, upper and lower case counting as the same; None where all differ."""
    seen: set[str] = set()
    for name in names:
        if name.casefold() in seen:
            return name
        seen.add(name.casefold())
    return None


def comparable(left: Any, right: Any) -> bool:
    """Whether values of two Ibis types may be compared for equality without a cast that people should decide on."""
    if left == right or left.is_null() or right.is_null():
        return True
    if left.is_timestamp() and right.is_timestamp():
        # A moment and a reading of some clock are equal only through a time zone, which nobody has named here.
        return (left.timezone is None) == (right.timezone is None)
    for family in ("is_numeric", "is_string", "is_boolean", "is_date", "is_time", "is_binary", "is_uuid"):
        if getattr(left, family)() and getattr(right, family)():
            return True
    return bool(left.copy(nullable=True) == right.copy(nullable=True))


_TYPE_NAMES = {
    "text": "string",
    "integer": "int64",
    "number": "float64",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp(6)",
    "time": "time",
    "json": "json",
}
TYPES = (*_TYPE_NAMES, "decimal(12, 2)")
"""The names of types that people are offered."""


def type_named(text: str, field: str | None = None) -> Any:
    """The Ibis type that a person means: `text`, `integer`, `number`, …, or any type as Ibis writes it."""
    import ibis

    try:
        return ibis.dtype(_TYPE_NAMES.get(text.strip().casefold(), text.strip()))
    except Exception:  # noqa: BLE001 - the parser raises what it likes on a text that is no type
        raise NodeError(
            "“{type}” is not a type.",
            fix="Known: {names}.",
            type=text,
            names=list(TYPES),
            field=field,
        ) from None


def castable(source: Any, target: Any) -> bool:
    """Whether casting between two Ibis types makes sense at all; single values may still not fit."""
    if source.is_null() or source == target or source.is_json():
        return True
    if source.is_string():
        return not target.is_nested()
    if target.is_string():
        return True
    if source.is_numeric() or source.is_boolean():
        return bool(target.is_numeric() or target.is_boolean())
    if source.is_date() or source.is_timestamp():
        return bool(target.is_date() or target.is_timestamp() or (target.is_time() and source.is_timestamp()))
    return bool(source.is_nested() and (target.is_json() or target.is_nested()))


def common_type(types: Iterable[Any]) -> Any | None:
    """The type that holds the values of all these Ibis types without loss of range, or None where there is none."""
    import ibis.expr.datatypes as dt
    from ibis.common.exceptions import IbisTypeError

    wanted = list(dict.fromkeys(one.copy(nullable=True) for one in types if not one.is_null()))
    if not wanted:
        return dt.null
    if len(wanted) == 1:
        return wanted[0]
    if not all(comparable(wanted[0], other) for other in wanted):
        return None
    if any(one.is_unsigned_integer() and one.nbytes == 8 for one in wanted) and any(one.is_signed_integer() for one in wanted):
        wanted.append(dt.Decimal(20, 0))  # no whole number of 64 bits holds both
    if all(one.is_decimal() or one.is_integer() for one in wanted):
        scales = [one.scale or 0 if one.is_decimal() else 0 for one in wanted]
        whole = [(one.precision or 38) - (one.scale or 0) if one.is_decimal() else 19 for one in wanted]
        if any(one.is_decimal() for one in wanted):
            return dt.Decimal(min(38, max(whole) + max(scales)), max(scales))
    if any(one.is_floating() for one in wanted):
        return dt.float64
    try:
        return dt.highest_precedence(wanted)
    except IbisTypeError:
        return None


class SortKey(Config):
    """One column of an order, with its direction."""

    column: ColumnName
    """The column to order by."""
    direction: Literal["ascending", "descending"] = "ascending"
    """Smallest first, or largest first."""
    nulls: Literal["first", "last"] = "last"
    """Where rows with an empty value stand."""

    def on(self, table: ibis.Table, field: str | None = None) -> ibis.Value:
        """The Ibis sort key."""
        value = column(table, self.column, field)
        first = self.nulls == "first"
        return value.asc(nulls_first=first) if self.direction == "ascending" else value.desc(nulls_first=first)

    def reversed(self) -> SortKey:
        """The same column from the other end."""
        direction: Literal["ascending", "descending"] = "descending" if self.direction == "ascending" else "ascending"
        return SortKey(column=self.column, direction=direction, nulls="last" if self.nulls == "first" else "first")


def branch(value: Any) -> str:
    """Which form of a setting that takes a plain name or details was written; for pydantic's `Discriminator`."""
    return "branch-name" if isinstance(value, str) else "branch-details"


SortBy = Annotated[Annotated[ColumnName, Tag("branch-name")] | Annotated[SortKey, Tag("branch-details")], Discriminator(branch)]
"""A column name (ascending, empty values last) or a `SortKey`."""


def sort_keys(by: Iterable[str | SortKey]) -> list[SortKey]:
    """An order with plain names written out."""
    return [SortKey(column=key) if isinstance(key, str) else key for key in by]


def order(by: Iterable[str | SortKey], table: ibis.Table, field: str = "by") -> list[ibis.Value]:
    """The Ibis sort keys of an order."""
    keys: dict[str, ibis.Value] = {}
    for index, key in enumerate(sort_keys(by)):
        # A column that stands there again decides nothing.
        keys.setdefault(key.column, key.on(table, f"{field}.{index}"))
    return list(keys.values())


def settled(keys: list[ibis.Value], table: ibis.Table) -> list[ibis.Value]:
    """An order in which only equal rows are equal: after the wanted keys come all columns. Then “first” is the same row in
    every run and on every port, and what one port takes another leaves."""
    there = {key.get_name() for key in keys}
    return [*keys, *(table[name].asc(nulls_first=False) for name in table.columns if name not in there)]


def columns(names: Iterable[str], table: ibis.Table, field: str) -> list[ibis.Value]:
    """The columns of a list of names."""
    return [column(table, name, f"{field}.{index}") for index, name in enumerate(names)]
