"""Filter rows: split a table in two by one condition."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from tisserand.sdk import Condition, Config, NodeError, Out, Relation, Schema, Transform, Words


class FilterConfig(Config):
    where: Annotated[Condition, Field(title="Keep rows where")]
    """Condition a row must meet, for example `amount > 100 and country = 'FR'`."""
    empty: Annotated[
        Literal["keep", "reject"], Field(title="If a value is missing"), Words(keep="Keep the row", reject="Reject the row")
    ] = "reject"
    """Where rows go whose condition is neither true nor false, because a value in it is empty."""


class Filter(Transform[FilterConfig]):
    """Send the rows that meet a condition one way and all others the other way.

    Every row leaves through exactly one of the two outputs: nothing is lost, nothing is doubled.
    """

    kind, title, icon = "table.filter", "Filter rows", "filter"
    outputs = (Out("kept", "Kept"), Out("rejected", "Rejected"))

    def build(self, config: FilterConfig, **relations: Relation) -> dict[str, Relation]:
        table = relations["table"]
        try:
            condition = config.where.on(table)
        except NodeError as error:
            error.field = "where"
            raise
        if not condition.type().is_boolean():
            raise NodeError(
                "The condition gives {type}, not true or false. Compare it with something, for example `amount > 0`.",
                type=str(condition.type()),
                field="where",
            )
        meets = condition.fill_null(config.empty == "keep")
        return {"kept": table.filter(meets), "rejected": table.filter(~meets)}

    def columns(self, config: FilterConfig, schemas: Mapping[str, tuple[Schema, ...]]) -> Mapping[str, Schema] | None:
        schema = schemas["table"][0]
        if config.where.type_over(schema.types()) != "boolean":
            return None
        return {"kept": schema, "rejected": schema}
