"""Write JSON: one object a line, or one array; replaced at once, lines also appended to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from tisserand.sdk import Config, Context, Effect, FileSink, NodeError, Schema, TargetPath, Words, Writer, Written
from tisserand.sdk.scan import literal
from tisserand_nodes.file import encodings, targets

if TYPE_CHECKING:
    import pyarrow as pa


class WriteJsonConfig(Config):
    path: TargetPath
    """The file to write, for example `out/orders.json`."""
    format: Literal["lines", "array"] = "lines"
    """One object a line (streams well, can be appended to), or one array of objects."""
    mode: Annotated[
        Literal["replace", "create", "append"],
        Field(title="How to write"),
        Words(replace="Replace the file", create="Refuse if the file exists", append="Add rows at its end"),
    ] = "replace"
    """Replace the file, refuse if it exists, or add rows at its end (lines only)."""


class WriteJson(Writer[WriteJsonConfig]):
    """Write a table to a JSON file, each row as an object. Nested values stay nested.

    The file is replaced at once when everything is written.
    """

    kind, title, icon = "file.write_json", "Write JSON", "braces"
    delivery = "atomic"

    def target(self, config: WriteJsonConfig) -> Path:
        return Path(config.path)

    def adds(self, config: WriteJsonConfig) -> bool:
        return config.mode == "append"

    def check(self, config: WriteJsonConfig, schemas: Any) -> Iterator[Exception]:
        if config.mode == "append" and config.format == "array":
            yield NodeError(
                "Rows cannot be appended to one array.", field="mode", fix="Write one object a line, or replace the file."
            )

    def sink(self, ctx: Context, config: WriteJsonConfig, schema: Schema) -> FileSink | None:
        targets.check_target(ctx, config.path, create=config.mode == "create")
        if config.mode == "append":
            return None
        return FileSink("json", config.path, {"array": config.format == "array"}, config.mode != "create")

    def plan(self, ctx: Context, config: WriteJsonConfig, batches: Iterator[pa.RecordBatch]) -> Effect:
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
            append=config.mode == "append",
            rows_of=lambda path: targets.counted_by(f"SELECT count(*) FROM read_json({literal(str(path))})"),  # noqa: S608
            write=lambda path, rows: targets.copy_to(path, schema, rows, _options(config), ctx),
        )

    def write(self, ctx: Context, config: WriteJsonConfig, schema: Schema, batches: Iterator[pa.RecordBatch]) -> Written:
        final = targets.check_target(ctx, config.path, create=config.mode == "create")
        target = ctx.target(config.path)
        if config.mode != "append" or not final.exists() or not final.stat().st_size:
            rows = targets.copy_to(target, schema, batches, _options(config), ctx)
            return Written(rows, config.path, target.stat().st_size)
        if encodings.decoded_head(final, "utf-8", 64).lstrip().startswith("["):
            raise NodeError("“{path}” holds one array: no lines can be appended.", path=final.name, field="mode")
        added = ctx.temporary(f"append-{ctx.node}.json")
        added.parent.mkdir(parents=True, exist_ok=True)
        rows = targets.copy_to(added, schema, batches, _options(config), ctx)
        targets.start_with(final, target)
        with target.open("r+b") as stream, added.open("rb") as more:
            stream.seek(-1, 2)
            if stream.read() != b"\n":
                stream.write(b"\n")
            while block := more.read(encodings.BLOCK):
                stream.write(block)
        added.unlink()
        return Written(rows, config.path, target.stat().st_size)


def _options(config: WriteJsonConfig) -> dict[str, Any]:
    return {"format": "json", "array": config.format == "array"}
