"""What control nodes share: conditions that are looked at once, and rows that go on unchanged."""

from collections.abc import Iterator, Mapping

from tisserand.sdk import ControlContext, Formula, NodeError, Schema


def condition_errors(formula: Formula, about: str, schemas: Mapping[str, Schema], field: str) -> Iterator[NodeError]:
    """What is wrong with a condition, known before anything runs."""
    from tisserand.sdk.formulas import formula_type

    if about == "rows" and "table" not in schemas:
        yield NodeError(
            "The condition looks at rows, but nothing is connected.",
            fix="Connect rows, or let the condition look at parameters.",
            field=field,
        )
        return
    columns = {column.name: column.type for column in schemas["table"]} if about == "rows" else {}
    # A table needs a column, so a condition without rows gets one that no formula names.
    columns = columns or {"\u00a0": "int64"}
    try:
        type = formula_type(formula, columns, formula.parameters, aggregate=about == "rows")
    except NodeError as error:
        error.field = field
        yield error
        return
    if not type.removeprefix("!").startswith("boolean"):
        yield NodeError("The condition gives {type}, not true or false.", type=type, field=field)


def holds(ctx: ControlContext, formula: Formula, about: str) -> bool:
    """Whether the condition is true; neither true nor false counts as false."""
    return (ctx.aggregate("table", formula) if about == "rows" else ctx.values(formula)) is True


def passed_on(ctx: ControlContext, port: str) -> dict[str, str]:
    """The arriving rows go on through `port`. Where none arrive there is nothing to hand on."""
    return {port: "table"} if any(True for _ in ctx.rows("table")) else {}
