"""Validate by rules: rows that keep all rules one way, the others another way, with what is wrong."""

from typing import Annotated, Literal

from pydantic import Field

from tisserand.sdk import Condition, Config, NodeError, Out, Relation, Transform, Words
from tisserand.sdk.columns import free_name


class ValidateRule(Config):
    where: Condition
    """What must be true, for example `amount > 0`."""
    message: str = ""
    """What to say where it is not, for example `The amount must be positive`; empty to show the rule."""
    name: Annotated[str, Field(max_length=200)] = ""
    """A short name for the rule, shown as the place of the error; empty for its number."""
    empty: Annotated[
        Literal["reject", "accept"], Field(title="If a value is missing"), Words(reject="Reject the row", accept="Accept the row")
    ] = "reject"
    """What counts where the rule is neither true nor false, because a value in it is empty."""


class ValidateConfig(Config):
    rules: tuple[ValidateRule, ...] = Field(min_length=1)
    """What must be true of every row."""


class Validate(Transform[ValidateConfig]):
    """Check every row against rules. Rows that keep them all leave through `Valid`, unchanged.

    The others leave through `Rejected`, with two columns more: `error` says what is wrong, all broken rules together, and `place`
    names those rules.
    """

    kind, title, icon = "table.validate", "Validate by rules", "shield-check"
    outputs = (Out("valid", "Valid"), Out("rejected", "Rejected"))

    def build(self, config: ValidateConfig, **relations: Relation) -> dict[str, Relation]:
        import ibis

        table = relations["table"]
        broken = [self._broken(rule, index, table) for index, rule in enumerate(config.rules)]
        any_broken = ibis.or_(*broken)
        errors = [rule.message or str(rule.where) for rule in config.rules]
        places = [rule.name or str(index) for index, rule in enumerate(config.rules, 1)]
        error = free_name("error", table.columns)
        place = free_name("place", [*table.columns, error])
        told = table.mutate(_joined(broken, errors, "; ").name(error), _joined(broken, places, ", ").name(place))
        return {"valid": table.filter(~any_broken), "rejected": told.filter(told[place] != "")}

    def _broken(self, rule: ValidateRule, index: int, table: Relation) -> Relation:
        field = f"rules.{index}.where"
        try:
            kept = rule.where.on(table)
        except NodeError as error:
            error.field = field
            raise
        if not kept.type().is_boolean():
            raise NodeError("The rule gives {type}, not true or false.", type=str(kept.type()), field=field)
        return ~kept.fill_null(rule.empty == "accept")


def _joined(broken: list[Relation], texts: list[str], separator: str) -> Relation:
    """The texts of the rules that are broken, with the separator between them."""
    import ibis

    parts = [condition.ifelse(ibis.literal(separator + text), "") for condition, text in zip(broken, texts, strict=True)]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole + part
    return whole.substr(len(separator))
