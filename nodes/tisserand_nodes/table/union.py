"""Union: put the rows of several tables below each other."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from tisserand.sdk import Config, In, NodeError, Relation, Schema, Transform, Words
from tisserand.sdk.columns import common_type, twice


class UnionConfig(Config):
    columns: Annotated[Literal["all", "common"], Words(all="All that any table has", common="Those that all tables have")] = "all"
    """`all`: every column that any table has, empty where a table lacks it. `common`: only the columns that all tables have."""
    duplicates: Annotated[
        Literal["keep", "drop"], Field(title="Equal rows"), Words(keep="Keep them all", drop="Keep one of each")
    ] = "keep"
    """Whether rows that are equal in all columns stay, or stand once in the result."""


class Union(Transform[UnionConfig]):
    """Put the rows of several tables below each other. Columns are matched by name; their order is that of the first table,
    then come those that only later tables have."""

    kind, title, icon = "table.union", "Union", "combine"
    inputs = (In("tables", "Tables", many=True),)

    def build(self, config: UnionConfig, **relations: Any) -> Relation:
        import ibis

        tables: tuple[Relation, ...] = relations["tables"]
        names = list(dict.fromkeys(name for table in tables for name in table.columns))
        if config.columns == "common":
            names = [name for name in names if all(name in table.columns for table in tables)]
            if not names:
                raise NodeError("The tables have no column in common.", field="columns")
        if clash := twice(names):
            raise NodeError("“{name}” differs from another column only in upper and lower case. Rename one before.", name=clash)
        types = {name: self._type(name, tables) for name in names}
        shaped = [
            table.select(
                [
                    (table[name].cast(types[name]) if name in table.columns else ibis.null(types[name])).name(name)
                    for name in names
                ]
            )
            for table in tables
        ]
        if len(shaped) == 1:
            return shaped[0].distinct() if config.duplicates == "drop" else shaped[0]
        return ibis.union(*shaped, distinct=config.duplicates == "drop")

    def _type(self, name: str, tables: tuple[Relation, ...]) -> Any:
        found = [table[name].type() for table in tables if name in table.columns]
        shared = common_type(found)
        if shared is None:
            raise NodeError(
                "“{name}” is {types}: these cannot stand in one column.",
                fix="Cast it in one of the tables with “Select, rename, cast” before the union.",
                name=name,
                types=list(dict.fromkeys(str(type) for type in found)),
            )
        return shared

    def columns(self, config: UnionConfig, schemas: Mapping[str, tuple[Schema, ...]]) -> Mapping[str, Schema] | None:
        tables = [schema.types() for schema in schemas["tables"]]
        types: dict[str, str] = {}
        for table in tables:
            for name, type in table.items():
                if types.setdefault(name, type) != type:
                    return None
        if config.columns == "common":
            types = {name: type for name, type in types.items() if all(name in table for table in tables)}
        return None if not types or twice(types) else {"table": Schema.of(types)}
