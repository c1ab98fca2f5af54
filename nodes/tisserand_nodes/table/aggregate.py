"""Aggregate: one row for each group, with sums, counts, averages …"""

from collections.abc import Mapping

from pydantic import Field

from tisserand.sdk import ColumnName, Config, Formula, NodeError, Relation, Schema, Transform
from tisserand.sdk.columns import columns, twice


class AggregateConfig(Config):
    by: tuple[ColumnName, ...] = ()
    """Columns whose equal values form a group; rows with an empty value form a group of their own. None: the whole table is one
    group and gives one row, also when the table is empty."""
    values: dict[str, Formula] = Field(default_factory=dict)
    """Column name and aggregate formula, for example `total` and `sum(amount)`, or `orders` and `count()`."""


class Aggregate(Transform[AggregateConfig]):
    """Summarise rows: one row for each group, with counts, sums, averages, smallest and largest values.

    With columns to group by and no values, it lists the groups that exist.
    """

    kind, title, icon = "table.aggregate", "Aggregate", "sigma"

    def build(self, config: AggregateConfig, **relations: Relation) -> Relation:
        table = relations["table"]
        if not config.by and not config.values:
            raise NodeError("Choose columns to group by, values to compute, or both.", field="values")
        if clash := twice([*config.by, *config.values]):
            raise NodeError("The result would have the column “{name}” twice. Rename one.", name=clash, field="values")
        keys = columns(config.by, table, "by")
        values = [self._value(name, formula, table) for name, formula in config.values.items()]
        if not values:
            return table.select(keys).distinct()
        if not keys:
            return table.aggregate(values)
        return table.group_by(keys).aggregate(values)

    def _value(self, name: str, formula: Formula, table: Relation) -> Relation:
        try:
            return formula.over(table).name(name)
        except NodeError as error:
            error.field = f"values.{name}"
            raise

    def columns(self, config: AggregateConfig, schemas: Mapping[str, tuple[Schema, ...]]) -> Mapping[str, Schema] | None:
        types = schemas["table"][0].types()
        found = {
            **{name: types.get(name) for name in config.by},
            **{name: formula.type_over(types, aggregate=True) for name, formula in config.values.items()},
        }
        known = {name: type for name, type in found.items() if type is not None}
        if not known or len(known) < len(config.by) + len(config.values) or twice(known):
            return None
        return {"table": Schema.of(known)}
