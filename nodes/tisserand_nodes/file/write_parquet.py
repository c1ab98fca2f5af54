"""Write Parquet: one typed, compressed file, replaced at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from tisserand.sdk import Config, Context, Effect, FileSink, Schema, TargetPath, Words, Writer, Written
from tisserand.sdk.scan import literal
from tisserand_nodes.file import targets

if TYPE_CHECKING:
    import pyarrow as pa


class WriteParquetConfig(Config):
    path: TargetPath
    """The file to write, for example `out/sales.parquet`."""
    mode: Annotated[
        Literal["replace", "create"],
        Field(title="How to write"),
        Words(replace="Replace the file", create="Refuse if the file exists"),
    ] = "replace"
    """Replace the file, or refuse if it exists."""
    compression: Literal["zstd", "snappy", "gzip", "lz4", "none"] = "zstd"
    """How the file is made smaller; `zstd` is small and fast, `snappy` the one that old programs read."""


class WriteParquet(Writer[WriteParquetConfig]):
    """Write a table to a Parquet file: small, quick to read, and every column keeps its type.

    The file is replaced at once when everything is written.
    """

    kind, title, icon = "file.write_parquet", "Write Parquet", "database"
    delivery = "atomic"

    def target(self, config: WriteParquetConfig) -> Path:
        return Path(config.path)

    def sink(self, ctx: Context, config: WriteParquetConfig, schema: Schema) -> FileSink | None:
        targets.check_target(ctx, config.path, create=config.mode == "create")
        return FileSink("parquet", config.path, _options(config), config.mode != "create")

    def plan(self, ctx: Context, config: WriteParquetConfig, batches: Iterator[pa.RecordBatch]) -> Effect:
        from tisserand.sdk.arrow import from_arrow

        final = targets.check_target(ctx, config.path, create=config.mode == "create")
        arrow, batches = targets.peeked(batches)
        if arrow is None:
            return Effect(where=config.path)
        schema = from_arrow(arrow)
        return targets.effect(
            ctx,
            final,
            config.path,
            batches,
            append=False,
            rows_of=lambda path: targets.counted_by(f"SELECT count(*) FROM read_parquet({literal(str(path))})"),  # noqa: S608
            write=lambda path, rows: targets.copy_to(path, schema, rows, {"format": "parquet", **_options(config)}, ctx),
        )

    def write(self, ctx: Context, config: WriteParquetConfig, schema: Schema, batches: Iterator[pa.RecordBatch]) -> Written:
        targets.check_target(ctx, config.path, create=config.mode == "create")
        target = ctx.target(config.path)
        rows = targets.copy_to(target, schema, batches, {"format": "parquet", **_options(config)}, ctx)
        return Written(rows, config.path, target.stat().st_size)


def _options(config: WriteParquetConfig) -> dict[str, Any]:
    return {"compression": "uncompressed" if config.compression == "none" else config.compression}
