"""Remove duplicates: one row of each key goes on, the others leave apart."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from tisserand.sdk import ColumnName, Config, Out, Relation, Schema, Transform, Words
from tisserand.sdk.columns import SortBy, all_in, columns, free_name, order, settled, sort_keys


class DedupeConfig(Config):
    keys: tuple[ColumnName, ...] = ()
    """Columns that make two rows duplicates when all are equal; none means all columns. Empty values count as equal."""
    by: tuple[SortBy, ...] = ()
    """The order within the rows of one key, for example by date of change."""
    keep: Annotated[Literal["first", "last"], Field(title="Row to keep"), Words(first="The first", last="The last")] = "first"
    """Which row of each key goes on, in that order."""


class Dedupe(Transform[DedupeConfig]):
    """Keep one row of each key, for example the latest address of each customer. The other rows leave through `Duplicates`.

    Every row leaves through exactly one output. Where rows are equal in the order, their other columns decide, so that each
    run keeps the same rows.
    """

    kind, title, icon = "table.dedupe", "Remove duplicates", "copy-minus"
    outputs = (Out("table", "Unique"), Out("duplicates", "Duplicates"))

    def build(self, config: DedupeConfig, **relations: Relation) -> dict[str, Relation]:
        import ibis

        table = relations["table"]
        keys = columns(config.keys, table, "keys") or [table[name] for name in table.columns]
        wanted = sort_keys(config.by)
        if config.keep == "last":
            wanted = [key.reversed() for key in wanted]
        place = free_name("place", table.columns)
        number = ibis.row_number().over(group_by=keys, order_by=settled(order(wanted, table), table))
        numbered = table.mutate(number.name(place))
        first = numbered[place] == 0
        return {"table": numbered.filter(first).drop(place), "duplicates": numbered.filter(~first).drop(place)}

    def columns(self, config: DedupeConfig, schemas: Mapping[str, tuple[Schema, ...]]) -> Mapping[str, Schema] | None:
        schema = schemas["table"][0]
        if not all_in([*config.keys, *(key.column for key in sort_keys(config.by))], schema):
            return None
        return {"table": schema, "duplicates": schema}

    def needs_order(self, config: DedupeConfig) -> str | None:
        """Without keys all rows of a group are equal: any of them is the first."""
        return "by" if config.keys and not config.by else None
