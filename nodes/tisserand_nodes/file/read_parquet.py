"""Read Parquet: typed tables, read natively and column by column."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tisserand.sdk import Column, Config, Context, Discovery, FilePath, NodeError, Reader, Scan, Schema
from tisserand.sdk.arrow import from_duckdb
from tisserand.sdk.scan import fingerprint, literal, scan_error, scan_sql
from tisserand_nodes.file import sources
from tisserand_nodes.file.duck import private, stream

if TYPE_CHECKING:
    import pyarrow as pa


class ReadParquetConfig(Config):
    path: FilePath
    """The file, or a pattern such as `data/2024-*.parquet` for all files of the same columns."""
    file_column: str = ""
    """Add a column of this name with the file that each row came from."""


class ReadParquet(Reader[ReadParquetConfig]):
    """Read a table from a Parquet file, or from all files that fit a pattern. Types come from the file; only the columns that
    the flow needs are read."""

    kind, title, icon = "file.read_parquet", "Read Parquet", "database"

    def discover(self, ctx: Context, config: ReadParquetConfig) -> Discovery:
        import duckdb

        paths = sources.files(ctx, config.path)
        rows = 0
        first: Schema | None = None
        with private() as connection:
            for path in paths:
                _check_magic(path)
                scan = Scan("parquet", (path,))
                try:
                    described = connection.execute(f"DESCRIBE {scan_sql(scan)}").fetchall()
                    counted = connection.execute(f"SELECT sum(num_rows) FROM parquet_file_metadata({literal(str(path))})")  # noqa: S608
                    rows += int((counted.fetchone() or (0,))[0] or 0)
                except duckdb.Error as error:
                    raise scan_error(error, scan) from None
                schema = from_duckdb([(row[0], row[1]) for row in described])
                if first is not None and schema != first:
                    raise _different(paths[0], path, first, schema)
                first = schema
        assert first is not None
        if config.file_column:
            if config.file_column in first:
                raise NodeError("The file has a column “{name}” already.", name=config.file_column, field="file_column")
            first = Schema((*first, Column(config.file_column, "string", nullable=False)))
        detected: dict[str, Any] = {"files": len(paths)} if len(paths) > 1 else {}
        return Discovery(first, detected, fingerprint(paths), rows)

    def scan(self, ctx: Context, config: ReadParquetConfig, found: Discovery) -> Scan | None:
        return None if config.file_column else Scan("parquet", sources.files(ctx, config.path), columns=found.schema)

    def read(self, ctx: Context, config: ReadParquetConfig, found: Discovery) -> Iterator[pa.RecordBatch]:
        import duckdb
        import pyarrow as pa

        for path in sources.files(ctx, config.path):
            scan = Scan("parquet", (path,))
            with private() as connection:
                try:
                    for batch in stream(connection, scan_sql(scan)):
                        ctx.progress(rows=batch.num_rows)
                        if config.file_column:
                            batch = batch.append_column(config.file_column, pa.repeat(pa.scalar(path.name), batch.num_rows))
                        yield batch
                except duckdb.Error as error:
                    raise scan_error(error, scan) from None


def _check_magic(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(4)
        if head == b"PAR1":
            file.seek(-min(4, path.stat().st_size), 2)
            if file.read(4) == b"PAR1" and path.stat().st_size >= 12:
                return
            raise NodeError("“{file}” was cut off: its end is missing.", file=path.name, field="path", fix="Copy it again.")
    if head == b"PARE":
        raise NodeError("“{file}” is encrypted.", file=path.name, field="path")
    if not head:
        raise NodeError("The file “{file}” is empty.", file=path.name, field="path", fix="Choose another file, or copy it again.")
    raise NodeError("“{file}” is not a Parquet file.", file=path.name, field="path", fix="Choose the reader of its format.")


def _different(first: Path, other: Path, one: Schema, two: Schema) -> NodeError:
    return NodeError(
        "The files “{first}” and “{other}” have different columns: {names} and {theirs}.",
        first=first.name,
        other=other.name,
        names=[f"{c.name} {c.type}" for c in one][:20],
        theirs=[f"{c.name} {c.type}" for c in two][:20],
        field="path",
        fix="Read them by two nodes, or correct the pattern.",
    )
