"""Split by rules: send each row to the first rule it meets."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from tisserand.sdk import Condition, Config, NodeError, Out, Relation, Schema, Transform, msg
from tisserand.sdk.columns import twice

OTHERWISE = "otherwise"


class SplitRule(Config):
    name: Annotated[str, Field(pattern=r"^[^\W\d]\w*$")]
    """Name of the output: letters, digits and `_`."""
    where: Condition
    """Condition a row must meet, for example `country = 'FR'`."""


class SplitConfig(Config):
    rules: tuple[SplitRule, ...] = Field(min_length=1)
    """Outputs with their conditions. A row leaves through the first one whose condition it meets."""

    @model_validator(mode="after")
    def _different_names(self) -> "SplitConfig":
        clash = twice([OTHERWISE, *(rule.name for rule in self.rules)])
        if clash is not None:
            message = msg("There are two outputs named “{name}”. Choose another name for one.", name=clash)
            raise PydanticCustomError("split_names", "{sentence}", {"sentence": message.id, "message": message.to_json()})
        return self


class Split(Transform[SplitConfig]):
    """Send each row one of several ways. The rules are tried from the top; rows that meet none leave through `Otherwise`.

    Every row leaves through exactly one output: nothing is lost, nothing is doubled.
    """

    kind, title, icon = "table.split", "Split by rules", "split"
    outputs = (Out(OTHERWISE, "Otherwise"),)

    def ports(self, config: SplitConfig) -> tuple[Out, ...]:
        return (*(Out(rule.name, rule.name) for rule in config.rules), *self.outputs)

    def build(self, config: SplitConfig, **relations: Relation) -> dict[str, Relation]:
        import ibis

        table = relations["table"]
        conditions = []
        for index, rule in enumerate(config.rules):
            try:
                condition = rule.where.on(table)
            except NodeError as error:
                error.field = f"rules.{index}.where"
                raise
            if not condition.type().is_boolean():
                raise NodeError(
                    "The condition gives {type}, not true or false. Compare it with something, for example `amount > 0`.",
                    type=str(condition.type()),
                    field=f"rules.{index}.where",
                )
            conditions.append(condition.fill_null(False))
        # One expression decides for all ports, so that no two of them can see the same row differently.
        way = ibis.cases(*((condition, index) for index, condition in enumerate(conditions)), else_=len(conditions))
        names = [*(rule.name for rule in config.rules), OTHERWISE]
        return {name: table.filter(way == index) for index, name in enumerate(names)}

    def columns(self, config: SplitConfig, schemas: Mapping[str, tuple[Schema, ...]]) -> Mapping[str, Schema] | None:
        schema = schemas["table"][0]
        types = schema.types()
        if any(rule.where.type_over(types) != "boolean" for rule in config.rules):
            return None
        return {**{rule.name: schema for rule in config.rules}, OTHERWISE: schema}
