"""Flatten JSON: structures to columns, lists to rows."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from tisserand.sdk import ColumnName, Config, NodeError, Relation, Transform, Words
from tisserand.sdk.columns import column, twice, type_named


class FlattenConfig(Config):
    parse: dict[ColumnName, str] = Field(default_factory=dict)
    """Text columns that hold JSON, with what is in them, for example `struct<street: string, number: int64>` or
    `array<struct<sku: string, price: float64>>`. Parts that are not named are left out."""
    rows: ColumnName | None = None
    """A column with lists: each entry becomes a row of its own, the other columns are repeated."""
    position: str = ""
    """Name of a column for the place of the entry in its list, counted from 1; empty for none."""
    empty: Annotated[
        Literal["keep", "drop"], Field(title="If a list is empty"), Words(keep="Keep the row", drop="Drop the row")
    ] = "keep"
    """Rows whose list is empty: `keep` them once, with an empty value, or `drop` them."""
    columns: tuple[ColumnName, ...] = ()
    """Columns with structures: each part becomes a column. Done after the rows, so the entries of a list can be spread too.
    With nothing chosen anywhere, all columns with structures are spread."""
    deep: bool = True
    """Spread structures inside structures too."""
    prefix: Annotated[
        Literal["column", "none"], Field(title="Names of new columns"), Words(column="Column and part", none="Part alone")
    ] = "column"
    """Name of a new column: that of the structure, the separator and that of the part; or that of the part alone."""
    separator: str = "_"
    """Stands between the two in the name of a new column."""
    on_bad: Annotated[
        Literal["stop", "empty"], Field(title="If a value does not fit"), Words(stop="Stop the run", empty="Leave it empty")
    ] = "stop"
    """What to do with text that is not JSON or a value in it that does not fit its type: stop, or leave it empty."""


class Flatten(Transform[FlattenConfig]):
    """Turn nested data into a plain table: parse JSON texts, make a row of each entry of a list, a column of each part of a
    structure. Flatten lists inside lists with one node for each."""

    kind, title, icon = "table.flatten", "Flatten JSON", "unfold-vertical"

    def build(self, config: FlattenConfig, **relations: Relation) -> Relation:
        table = relations["table"]
        for name, text in config.parse.items():
            table = self._parsed(table, name, text, config)
        if config.rows is not None:
            table = self._in_rows(table, config.rows, config)
        chosen = config.columns
        if not chosen and config.rows is None and not config.parse:
            chosen = tuple(name for name in table.columns if table[name].type().is_struct())
        for index, name in enumerate(chosen):
            if not column(table, name, f"columns.{index}").type().is_struct():
                raise NodeError(
                    "“{column}” holds no structures, but {type}.",
                    fix="If it is JSON text, say under “parse” what is in it.",
                    column=name,
                    type=str(table[name].type()),
                    field=f"columns.{index}",
                )
        return self._spread(table, chosen, config)

    def _parsed(self, table: Relation, name: str, text: str, config: FlattenConfig) -> Relation:
        field = f"parse.{name}"
        value = column(table, name, field)
        if not (value.type().is_string() or value.type().is_json()):
            raise NodeError("“{column}” is {type}, not text.", column=name, type=str(value.type()), field=field)
        lenient = config.on_bad == "empty"
        json = value if value.type().is_json() else value.try_cast("json") if lenient else value.cast("json")
        # The parsed document gets a step of its own: it is looked into once for each part.
        table = table.mutate(json.name(name))
        return table.mutate(_from_json(table[name], type_named(text, field), lenient).name(name))

    def _in_rows(self, table: Relation, name: str, config: FlattenConfig) -> Relation:
        value = column(table, name, "rows")
        if not value.type().is_array():
            raise NodeError("“{column}” holds no lists, but {type}.", column=name, type=str(value.type()), field="rows")
        if not config.position:
            return table.unnest(name, keep_empty=config.empty == "keep")
        if twice([*table.columns, config.position]):
            raise NodeError("There is a column “{name}” already.", name=config.position, field="position")
        table = table.unnest(name, offset=config.position, keep_empty=config.empty == "keep")
        return table.mutate((table[config.position] + 1).name(config.position))

    def _spread(self, table: Relation, chosen: tuple[str, ...], config: FlattenConfig) -> Relation:
        parts = [part for name in table.columns for part in self._parts(name, table[name], name in chosen, config)]
        if clash := twice(name for name, _ in parts):
            raise NodeError(
                "The result would have the column “{name}” twice.",
                fix="Put the column's name before the parts, or choose another separator.",
                name=clash,
                field="prefix",
            )
        return table.select([value.name(name) for name, value in parts])

    def _parts(self, name: str, value: Any, spread: bool, config: FlattenConfig) -> list[tuple[str, Any]]:
        if not spread or not value.type().is_struct():
            return [(name, value)]
        found: list[tuple[str, Any]] = []
        for part in value.type().names:
            inner = f"{name}{config.separator}{part}" if config.prefix == "column" else part
            found += self._parts(inner, value[part], config.deep, config)
        return found


def _from_json(json: Any, target: Any, lenient: bool) -> Any:
    """A JSON value as `target`, part by part: parts that are not asked for may be there, those missing give empty values."""
    import ibis

    if target.is_json():
        return json
    if target.is_struct():
        made = ibis.struct({name: _from_json(json[name], type, lenient) for name, type in target.items()})
        # Through the cast, what is no object stops the flow (or becomes empty): it can never become a structure.
        known = "map<string, json>"
        members = json.try_cast(known) if lenient else json.cast(known)
        return members.notnull().ifelse(made, ibis.null(target))
    if target.is_array():
        entries = json.try_cast("array<json>") if lenient else json.cast("array<json>")
        return entries.map(lambda entry: _from_json(entry, target.value_type, lenient))
    if target.is_string():
        return ibis.coalesce(json.unwrap_as("string"), json.cast("string").nullif("null"))
    return json.try_cast(target) if lenient else json.cast(target)
