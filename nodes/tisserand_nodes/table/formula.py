"""Formula: compute new columns, or replace columns, row by row."""

from collections.abc import Mapping

from pydantic import Field

from tisserand.sdk import Config, Formula, NodeError, Relation, Schema, Transform
from tisserand.sdk.columns import twice


class FormulaConfig(Config):
    columns: dict[str, Formula] = Field(min_length=1)
    """Column name and formula, for example `total` and `price * quantity`. A name that exists already is replaced, in its place;
    a new one is added at the end. Each formula sees the columns made by those above it."""


class ComputeColumns(Transform[FormulaConfig]):
    """Add columns computed from the others, or replace columns by a computed value, row by row."""

    kind, title, icon = "table.formula", "Formula", "function-square"
    keeps_rows = True

    def build(self, config: FormulaConfig, **relations: Relation) -> Relation:
        table = relations["table"]
        for name, formula in config.columns.items():
            if name not in table.columns and (clash := twice([*table.columns, name])):
                raise NodeError(
                    "“{name}” differs from another column only in upper and lower case. Choose another name.",
                    name=clash,
                    field=f"columns.{name}",
                )
            try:
                table = table.mutate(formula.on(table).name(name))
            except NodeError as error:
                error.field = f"columns.{name}"
                raise
        return table

    def check(self, config: FormulaConfig, schemas: Mapping[str, Schema]) -> list[NodeError]:
        """What is wrong with every formula, not only with the first; one that uses the result of a wrong one waits for it."""
        if "table" not in schemas:
            return []
        types = schemas["table"].types()
        for name, formula in config.columns.items():
            found = formula.type_over(types)
            if found is None:
                return _wrong(config, schemas["table"])
            types[name] = found
        return []

    def columns(self, config: FormulaConfig, schemas: Mapping[str, tuple[Schema, ...]]) -> Mapping[str, Schema] | None:
        types = schemas["table"][0].types()
        for name, formula in config.columns.items():
            found = formula.type_over(types)
            if found is None:
                return None
            types[name] = found
        return None if twice(types) else {"table": Schema.of(types)}


def _wrong(config: FormulaConfig, schema: Schema) -> list[NodeError]:
    """Each formula compiled for itself; what stands behind a wrong one is not blamed for the column that is then missing."""
    import ibis

    from tisserand.sdk.arrow import to_arrow

    table: Relation = ibis.table(ibis.Schema.from_pyarrow(to_arrow(schema)), name="table")
    errors: dict[str, NodeError] = {}
    for name, formula in config.columns.items():
        try:
            table = table.mutate(formula.on(table).name(name))
        except NodeError as error:
            if any(missing in str(error) for missing in errors):
                continue
            error.field = f"columns.{name}"
            errors[name] = error
    return list(errors.values())
