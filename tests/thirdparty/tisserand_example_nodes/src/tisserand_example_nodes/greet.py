"""Greet: a transform that adds a greeting."""

from tisserand.sdk import ColumnName, Config, NodeError, Relation, Transform


class GreetConfig(Config):
    name: ColumnName
    """The column with the name to greet."""
    word: str = "Hello"
    """The word before the name."""


class Greet(Transform[GreetConfig]):
    """Add a column `greeting` to every row."""

    kind, title, icon = "example.greet", "Greet", "greet"
    keeps_rows = True

    def build(self, config: GreetConfig, **relations: Relation) -> Relation:
        import ibis

        table = relations["table"]
        if config.name not in table.columns:
            raise NodeError("There is no column “{name}”.", name=config.name, field="name")
        return table.mutate(greeting=ibis.literal(config.word + " ") + table[config.name].cast("string"))
