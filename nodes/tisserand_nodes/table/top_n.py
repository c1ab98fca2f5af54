"""Top rows: the first rows of an order, of the whole table or of each group."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from tisserand.sdk import ColumnName, Config, Relation, Schema, Transform, Unit, Words
from tisserand.sdk.columns import SortBy, all_in, columns, free_name, order, settled, sort_keys


class TopRowsConfig(Config):
    n: Annotated[int, Field(ge=1), Unit("rows")]
    """How many rows to keep, of the table or of each group."""
    by: tuple[SortBy, ...] = ()
    """The order that says which rows come first, for example by falling amount."""
    per: tuple[ColumnName, ...] = ()
    """Columns that form groups; the rows are then counted in each group."""
    ties: Annotated[Literal["cut", "keep"], Words(cut="Exactly so many rows", keep="Those equal to the last one too")] = "cut"
    """Rows that are equal in the order: `cut` keeps exactly the number asked for, `keep` also those equal to the last one."""


class TopRows(Transform[TopRowsConfig]):
    """Keep the first rows of an order, for example the ten largest orders, or the three best customers of each country.

    Where rows are equal in the order, their other columns decide, so that each run keeps the same rows.
    """

    kind, title, icon = "table.top_n", "Top rows", "list-ordered"

    def build(self, config: TopRowsConfig, **relations: Relation) -> Relation:
        import ibis

        table = relations["table"]
        wanted = order(config.by, table)
        per = columns(config.per, table, "per")
        if not per and config.ties == "cut":
            return table.order_by(settled(wanted, table)).limit(config.n)
        place = free_name("place", table.columns)
        if config.ties == "keep":
            number = ibis.rank().over(group_by=per, order_by=wanted)
        else:
            number = ibis.row_number().over(group_by=per, order_by=settled(wanted, table))
        numbered = table.mutate(number.name(place))
        return numbered.filter(numbered[place] < config.n).drop(place)

    def columns(self, config: TopRowsConfig, schemas: Mapping[str, tuple[Schema, ...]]) -> Mapping[str, Schema] | None:
        schema = schemas["table"][0]
        return {"table": schema} if all_in([*config.per, *(key.column for key in sort_keys(config.by))], schema) else None

    def needs_order(self, config: TopRowsConfig) -> str | None:
        return None if config.by else "by"
