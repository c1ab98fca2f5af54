"""Sort: put the rows in an order."""

from collections.abc import Mapping

from pydantic import Field

from tisserand.sdk import Config, Relation, Schema, Transform
from tisserand.sdk.columns import SortBy, all_in, order, sort_keys


class SortConfig(Config):
    by: tuple[SortBy, ...] = Field(min_length=1)
    """Columns to order by, the most important first. Rows that are equal in all of them may come in any order."""


class Sort(Transform[SortConfig]):
    """Put the rows in order by one or more columns, for example by country and then by falling amount."""

    kind, title, icon = "table.sort", "Sort", "arrow-down-up"
    keeps_rows = True

    def build(self, config: SortConfig, **relations: Relation) -> Relation:
        table = relations["table"]
        return table.order_by(order(config.by, table))

    def columns(self, config: SortConfig, schemas: Mapping[str, tuple[Schema, ...]]) -> Mapping[str, Schema] | None:
        schema = schemas["table"][0]
        return {"table": schema} if all_in((key.column for key in sort_keys(config.by)), schema) else None
