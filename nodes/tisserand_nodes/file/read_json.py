"""Read JSON: lines, an array, or an array inside a document; nested values stay typed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tisserand.sdk import Column, Config, Context, Discovery, FilePath, NodeError, Reader, Scan, Schema, Size
from tisserand.sdk.arrow import from_duckdb, to_duckdb
from tisserand.sdk.scan import fingerprint, literal, scan_error, scan_sql
from tisserand_nodes.file import column_types, encodings, json_part, sources
from tisserand_nodes.file.duck import private, stream

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLE_ROWS = 50_000
WHOLE = 64 * 1024 * 1024
"""Files up to this size are typed over all their rows."""


class ReadJsonConfig(Config):
    path: FilePath
    """The file, or a pattern such as `data/*.json` for all files of the same form."""
    format: Literal["auto", "lines", "document"] = "auto"
    """One object a line, or one document; `auto` finds it."""
    at: str = ""
    """Where the rows stand inside a document, for example `data.items`; empty for the whole document."""
    encoding: str = "auto"
    """How characters are stored; `auto` finds it. JSON is nearly always `utf-8`."""
    columns: dict[str, str] = {}
    """Types for single columns: `text`, `integer`, `number`, `date`, `timestamp`, `boolean`, `json` … Others are found."""
    largest_object: Size = Size("16MB")
    """The largest single object allowed."""
    file_column: str = ""
    """Add a column of this name with the file that each row came from."""


class ReadJson(Reader[ReadJsonConfig]):
    """Read a table from a JSON file: one object a line, an array of objects, or an array inside a document.

    Objects and lists inside a row keep their form and types, so that later nodes can unfold them. A column whose values have
    no common type is kept as JSON.
    """

    kind, title, icon = "file.read_json", "Read JSON", "braces"

    def discover(self, ctx: Context, config: ReadJsonConfig) -> Discovery:
        paths = sources.files(ctx, config.path)
        lines = _form(config, paths[0]) == "lines"
        encoding = _encoding(config, paths[0])
        scan = Scan("json", self._ready(ctx, config, paths), _options(config, paths))
        small = sum(path.stat().st_size for path in paths) <= WHOLE
        found = _described(scan, -1 if small else SAMPLE_ROWS)
        if found.names == ("json",) and all(
            path.stat().st_size < 4096 and not path.read_bytes().strip(b"[] \r\n\t") for path in scan.paths
        ):
            raise NodeError("“{file}” holds no rows, so its columns are unknown.", file=paths[0].name, field="path")
        given = {name: column_types.type_of(text, name) for name, text in config.columns.items()}
        for name in given:
            if name not in found:
                raise NodeError(
                    "There is no column “{name}” in the file. Columns: {columns}.",
                    name=name,
                    columns=list(found.names)[:30],
                    field=f"columns.{name}",
                )
        schema = Schema(tuple(Column(column.name, given.get(column.name, column.type)) for column in found))
        if config.file_column:
            if config.file_column in schema:
                raise NodeError("The file has a column “{name}” already.", name=config.file_column, field="file_column")
            schema = Schema((*schema, Column(config.file_column, "string", nullable=False)))
        detected: dict[str, Any] = {"format": "lines" if lines else "document", "encoding": encoding}
        if len(paths) > 1:
            detected["files"] = len(paths)
        return Discovery(schema, detected, fingerprint(paths))

    def scan(self, ctx: Context, config: ReadJsonConfig, found: Discovery) -> Scan | None:
        if config.file_column:
            return None
        paths = sources.files(ctx, config.path)
        scan = Scan("json", self._ready(ctx, config, paths), _options(config, paths), found.schema)
        _check_whole(scan, chosen=bool(config.columns))
        return scan

    def read(self, ctx: Context, config: ReadJsonConfig, found: Discovery) -> Iterator[pa.RecordBatch]:
        import duckdb
        import pyarrow as pa

        from tisserand.sdk.arrow import to_arrow

        columns = Schema(tuple(column for column in found.schema if column.name != config.file_column))
        for path in sources.files(ctx, config.path):
            scan = Scan("json", self._ready(ctx, config, (path,)), _options(config, (path,)), columns)
            _check_whole(scan, chosen=bool(config.columns))
            with private() as connection:
                try:
                    for batch in stream(connection, scan_sql(scan)):
                        ctx.progress(rows=batch.num_rows)
                        table = pa.Table.from_batches([batch]).cast(to_arrow(columns))
                        if config.file_column:
                            table = table.append_column(config.file_column, pa.repeat(pa.scalar(path.name), table.num_rows))
                        yield from table.to_batches()
                except duckdb.Error as error:
                    raise scan_error(error, scan) from None

    def _ready(self, ctx: Context, config: ReadJsonConfig, paths: tuple[Path, ...]) -> tuple[Path, ...]:
        """Each file as DuckDB can stream it: UTF-8, an array or lines at the top."""
        ready = []
        for path in paths:
            encoding = _encoding(config, path)
            mark = hashlib.sha256(f"{fingerprint([path])}{config.at}{encoding}".encode()).hexdigest()[:12]
            target = ctx.temporary(f"{ctx.node}-json/{mark}/{path.name}")
            if _form(config, path) == "document" and (config.at or encoding != "utf-8"):
                if not target.exists():
                    json_part.extract(ctx, path, encoding, config.at, target)
                ready.append(target)
            elif encoding == "utf-8-sig":
                target.parent.mkdir(parents=True, exist_ok=True)
                with path.open("rb") as source, target.open("wb") as copy:
                    source.seek(3)
                    while block := source.read(encodings.BLOCK):
                        copy.write(block)
                ready.append(target)
            else:
                ready.append(encodings.as_utf8(ctx, path, encoding, f"{ctx.node}-json/{mark}/{path.name}"))
        return tuple(ready)


def _encoding(config: ReadJsonConfig, path: Path) -> str:
    return encodings.detect(path) if config.encoding == "auto" else encodings.checked(config.encoding)


def _form(config: ReadJsonConfig, path: Path) -> str:
    """Lines, if a second object begins after the first line."""
    if config.format != "auto":
        return config.format
    if config.at:
        return "document"
    head = encodings.decoded_head(path, _encoding(config, path), encodings.SAMPLE).lstrip()
    if not head:
        raise NodeError("The file “{file}” is empty.", file=path.name, field="path", fix="Choose another file, or copy it again.")
    first, newline, rest = head.partition("\n")
    if first.startswith("{") and first.rstrip().endswith("}") and (not newline or rest.lstrip()[:1] in ("{", "")):
        return "lines"
    return "document"


def _options(config: ReadJsonConfig, paths: tuple[Path, ...]) -> dict[str, Any]:
    # What was taken out of a document stands on lines, too. DuckDB tells the line of an error only where it knows of lines.
    lines = all(config.at or _form(config, path) == "lines" for path in paths)
    return {"format": "newline_delimited" if lines else "auto", "maximum_object_size": config.largest_object.bytes}


def _described(scan: Scan, rows: int) -> Schema:
    import duckdb

    with private() as connection:
        try:
            text = scan_sql(Scan("json", scan.paths, {**scan.options, "sample_size": rows, "union_by_name": True}))
            described = connection.execute(f"DESCRIBE {text}").fetchall()
        except duckdb.Error as error:
            raise scan_error(error, scan) from None
    # A file of other systems' ids reads as text everywhere; DuckDB's own UUID type would not.
    return from_duckdb([(row[0], re.sub(r"\bUUID\b", "VARCHAR", row[1])) for row in described])


def _check_whole(scan: Scan, chosen: bool) -> None:
    """DuckDB rounds `1.5` to 2 in a column of whole numbers: look for fractions past the rows that settled the types, and
    wherever a person chose a type."""
    import duckdb

    whole = [column.name for column in scan.columns or () if column.type.startswith(("int", "uint"))]
    if not whole or (not chosen and sum(path.stat().st_size for path in scan.paths) <= WHOLE):
        return
    columns: Mapping[str, str] = {name: to_duckdb("float64") for name in whole}
    for path in scan.paths:
        options = ", ".join(f"{name}={literal(value)}" for name, value in {**scan.options, "columns": columns}.items())
        tests = " OR ".join(f'"{name}" <> trunc("{name}")' for name in (n.replace('"', '""') for n in whole))
        with private() as connection:
            try:
                text = f"SELECT * FROM read_json({literal(str(path))}, {options}) WHERE {tests} LIMIT 1"  # noqa: S608 - made of literals and quoted names
                found = connection.execute(text).fetchone()
            except duckdb.Error as error:
                raise scan_error(error, scan) from None
        if found is not None:
            name, value = next((n, v) for n, v in zip(whole, found, strict=True) if v is not None and v != int(v))
            raise NodeError(
                "{where}: “{value}” in column “{column}” is not a whole number.",
                where=path.name,
                value=value,
                column=name,
                field="columns",
                fix="Give the column the type `number` in “Column types”.",
            )
