"""SQL: one SELECT over the tables that arrive."""

from tisserand.sdk import Config, In, Isolated, Out, SqlText


class SqlConfig(Config):
    query: SqlText
    """One SELECT statement in DuckDB's dialect. Each input is a table named like the node it comes from; `$name` is a parameter."""


class Sql(Isolated[SqlConfig]):
    """Write one SELECT statement over the tables that arrive, where the other nodes are not enough.

    Each input is a table named like its node. The statement can reach nothing else: no files, no network, no settings.
    """

    kind, title, icon = "table.sql", "SQL", "database"
    inputs = (In("tables", "Tables", many=True),)
    outputs = (Out("table", "Result"),)

    def query(self, config: SqlConfig) -> str:
        return config.query
