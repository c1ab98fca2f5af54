"""Sort: put the rows in an order."""

from pydantic import Field

from tisserand.sdk import Config, Relation, Transform
from tisserand.sdk.columns import SortBy, order


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
