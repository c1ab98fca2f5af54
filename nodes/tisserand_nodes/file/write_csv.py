"""Write CSV: one file, replaced at once or appended to."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from tisserand.sdk import Config, Context, Effect, FileSink, NodeError, Schema, TargetPath, Words, Writer, Written
from tisserand.sdk.scan import literal
from tisserand_nodes.file import dialect, encodings, targets

if TYPE_CHECKING:
    import pyarrow as pa

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}


class WriteCsvConfig(Config):
    path: TargetPath
    """The file to write, for example `out/report.csv`."""
    mode: Annotated[
        Literal["replace", "create", "append"],
        Field(title="How to write"),
        Words(replace="Replace the file", create="Refuse if the file exists", append="Add rows at its end"),
    ] = "replace"
    """Replace the file, refuse if it exists, or add rows at its end."""
    delimiter: Literal["comma", "semicolon", "tab", "pipe"] = "comma"
    """The character between two values."""
    header: bool = True
    """Name the columns in the first row."""
    encoding: Literal["utf-8", "utf-8-sig", "cp1252", "utf-16"] = "utf-8"
    """How characters are stored. Choose `utf-8-sig` for a file that Excel opens by a double click."""
    decimal: Literal[".", ","] = "."
    """The sign before the decimals of a number."""
    null: str = ""
    """What is written where there is no value."""
    dates: str = ""
    """How dates are written, for example `%d/%m/%Y`; empty for `2024-12-31`."""
    quote_all: bool = False
    """Put quotes around every value, not only where they are needed."""


class WriteCsv(Writer[WriteCsvConfig]):
    """Write a table to a CSV file.

    The file is replaced at once when everything is written: whoever reads it sees the old content or the new, never half.
    """

    kind, title, icon = "file.write_csv", "Write CSV", "file-text"
    delivery = "atomic"

    def target(self, config: WriteCsvConfig) -> Path:
        return Path(config.path)

    def adds(self, config: WriteCsvConfig) -> bool:
        return config.mode == "append"

    def sink(self, ctx: Context, config: WriteCsvConfig, schema: Schema) -> FileSink | None:
        targets.check_target(ctx, config.path, create=config.mode == "create")
        if config.mode == "append" or config.encoding != "utf-8" or config.decimal != "." or config.quote_all:
            return None
        return FileSink("csv", config.path, _options(config, schema, config.header), config.mode != "create")

    def plan(self, ctx: Context, config: WriteCsvConfig, batches: Iterator[pa.RecordBatch]) -> Effect:
        from tisserand.sdk.arrow import from_arrow

        final = targets.check_target(ctx, config.path, create=config.mode == "create")
        arrow, batches = targets.peeked(batches)
        schema = from_arrow(arrow) if arrow is not None else Schema()
        if not schema:
            return Effect(where=config.path)
        if config.mode == "append":
            _check_header(final, config, schema)
        return targets.effect(
            ctx,
            final,
            config.path,
            batches,
            append=config.mode == "append",
            rows_of=lambda path: _rows(path, config),
            write=lambda path, rows: _write(ctx, path, config, schema, rows, config.header),
        )

    def write(self, ctx: Context, config: WriteCsvConfig, schema: Schema, batches: Iterator[pa.RecordBatch]) -> Written:
        final = targets.check_target(ctx, config.path, create=config.mode == "create")
        target = ctx.target(config.path)
        if config.mode != "append" or not final.exists() or not final.stat().st_size:
            rows = _write(ctx, target, config, schema, batches, config.header)
            return Written(rows, config.path, target.stat().st_size)
        _check_header(final, config, schema)
        added = ctx.temporary(f"append-{ctx.node}.csv")
        added.parent.mkdir(parents=True, exist_ok=True)
        rows = _write(ctx, added, config, schema, batches, header=False, first=False)
        targets.start_with(final, target)
        newline = "\n".encode(_follow(config.encoding))
        with target.open("r+b") as stream, added.open("rb") as more:
            stream.seek(-min(len(newline), final.stat().st_size), 2)
            if stream.read() != newline:
                stream.write(newline)
            while block := more.read(encodings.BLOCK):
                stream.write(block)
        added.unlink()
        return Written(rows, config.path, target.stat().st_size)


def _options(config: WriteCsvConfig, schema: Schema, header: bool) -> dict[str, Any]:
    options: dict[str, Any] = {"delimiter": DELIMITERS[config.delimiter], "header": header, "nullstr": config.null}
    if config.dates and any(column.type == "date" for column in schema):
        options["dateformat"] = config.dates
    if config.quote_all:
        options["force_quote"] = schema.names
    return options


def _write(
    ctx: Context,
    path: Path,
    config: WriteCsvConfig,
    schema: Schema,
    batches: Iterator[pa.RecordBatch],
    header: bool,
    first: bool = True,
) -> int:
    """Write a whole file. `first`: it begins the target, so that marks of the encoding belong there."""
    columns = ", ".join(_value(name, schema.type_of(name) or "", config.decimal) for name in schema.names)
    options = {"format": "csv", **_options(config, schema, header)}
    if config.encoding == "utf-8":
        return targets.copy_to(path, schema, batches, options, ctx, columns)
    plain = ctx.temporary(f"{path.name}.utf8")
    plain.parent.mkdir(parents=True, exist_ok=True)
    rows = targets.copy_to(plain, schema, batches, options, ctx, columns)
    encoder = codecs.getincrementalencoder(config.encoding if first else _follow(config.encoding))("strict")
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    with plain.open("rb") as source, path.open("wb") as target:
        while block := source.read(encodings.BLOCK):
            text = decoder.decode(block)
            try:
                target.write(encoder.encode(text))
            except UnicodeEncodeError as error:
                raise NodeError(
                    "The character “{sign}” in line {at} cannot be written as {encoding}.",
                    sign=text[error.start],
                    at=line + text.count("\n", 0, error.start),
                    encoding=config.encoding,
                    field="encoding",
                    fix="Choose utf-8, or utf-8-sig for Excel.",
                ) from None
            line += text.count("\n")
    plain.unlink()
    return rows


def _value(name: str, type: str, decimal: str) -> str:
    quoted = '"' + name.replace('"', '""') + '"'
    if decimal == "," and type.startswith(("float", "decimal")):
        return f"replace(CAST({quoted} AS VARCHAR), '.', ',') AS {quoted}"
    return quoted


def _follow(encoding: str) -> str:
    """The encoding for what follows the first part: without the mark."""
    import sys

    return {"utf-8-sig": "utf-8", "utf-16": f"utf-16-{'le' if sys.byteorder == 'little' else 'be'}"}.get(encoding, encoding)


def _check_header(final: Path, config: WriteCsvConfig, schema: Schema) -> None:
    """Rows are appended only under the same header."""
    if not final.exists() or not final.stat().st_size or not config.header:
        return
    text = encodings.decoded_head(final, config.encoding, encodings.SAMPLE)
    there = next(iter(dialect.parsed(text, dialect.Dialect(DELIMITERS[config.delimiter]), 1)), [])
    if tuple(there) != schema.names:
        raise NodeError(
            "“{path}” has the columns {there}, but {names} arrive: rows cannot be appended.",
            path=final.name,
            there=there[:20],
            names=list(schema.names)[:20],
            field="mode",
            fix="Select the same columns in the same order, or replace the file.",
        )


def _rows(path: Path, config: WriteCsvConfig) -> int:
    options = f"delim={literal(DELIMITERS[config.delimiter])}, header={literal(config.header)}, all_varchar=true"
    return targets.counted_by(f"SELECT count(*) FROM read_csv({literal(str(path))}, {options}, ignore_errors=true)")  # noqa: S608
