"""What the nodes around signals share: the key that names whom a signal is for."""

from collections.abc import Iterable, Mapping

from tisserand.sdk import ControlContext, Formula, NodeError, Schema


def key_errors(key: Formula | None, about: str, schemas: Mapping[str, Schema]) -> Iterable[NodeError]:
    """What is wrong with a key, known before anything runs."""
    from tisserand.sdk.formulas import formula_type

    if key is None:
        return
    if about == "rows" and "table" not in schemas:
        yield NodeError(
            "The key is taken from rows, but nothing is connected.",
            fix="Connect rows, or take the key from parameters.",
            field="key",
        )
        return
    columns = {column.name: column.type for column in schemas["table"]} if about == "rows" else {}
    try:
        formula_type(key, columns, key.parameters, aggregate=about == "rows")
    except NodeError as error:
        error.field = "key"
        yield error


def key_value(ctx: ControlContext, key: Formula | None, about: str) -> str | None:
    """The key as a text; raises `NodeError` where the formula gives nothing."""
    if key is None:
        return None
    value = ctx.aggregate("table", key) if about == "rows" else ctx.values(key)
    if value is None or not str(value):
        raise NodeError("The formula of the key gives no value.", field="key")
    return str(value)
