"""Read CSV: text tables of any dialect and encoding, typed, with bad rows stopped at or rejected."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from tisserand.sdk import Column, Config, Context, Discovery, FilePath, NodeError, Out, Reader, Scan, Schema, Size, Unit, Words
from tisserand.sdk.scan import REJECTED_SQL, fingerprint, scan_error, scan_sql
from tisserand_nodes.file import column_types, dialect, encodings, sources, whole_numbers
from tisserand_nodes.file.duck import private, stream

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLE = 2 * 1024 * 1024
SAMPLE_ROWS = 20_000
LONGEST = 2_000_000


class ReadCsvConfig(Config):
    path: FilePath
    """The file, or a pattern such as `data/sales-*.csv` for all files of the same columns."""
    delimiter: str = "auto"
    """The character between two values; `auto` finds it. Write `tab` for a tab."""
    quote: str = "auto"
    """The character around values that hold a delimiter; empty for none."""
    encoding: str = "auto"
    """How characters are stored: `utf-8`, `utf-16`, `cp1252` …; `auto` finds it."""
    header: Literal["auto", "yes", "no"] = "auto"
    """Whether the first row names the columns."""
    skip: Annotated[int | None, Field(ge=0), Unit("lines")] = None
    """Lines before the table that do not belong to it; found when left empty."""
    columns: dict[str, str] = {}
    """Types for single columns: `text`, `integer`, `number`, `date`, `timestamp`, `boolean`, `decimal(12, 2)` … Others are found."""
    decimal: Literal["auto", ".", ","] = "auto"
    """The sign before the decimals of a number."""
    thousands: Literal["", " ", ".", ",", "'"] = ""
    """The sign between thousands, where numbers are written with one."""
    dates: str = "auto"
    """How dates are written, for example `%d/%m/%Y`; `auto` finds it."""
    nulls: list[str] = [""]
    """Texts that mean “no value”, for example `NA`."""
    bad_rows: Annotated[
        Literal["stop", "reject"],
        Field(title="Rows that cannot be read"),
        Words(stop="Stop the run", reject="Send them to the rejects"),
    ] = "stop"
    """What to do with a row that cannot be read: stop with its line, or send it to the rejects."""
    longest_line: Size = Size("2MB")
    """The longest line allowed. It protects the memory against a quote that never closes."""
    file_column: str = ""
    """Add a column of this name with the file that each row came from."""


class ReadCsv(Reader[ReadCsvConfig]):
    """Read a table from a CSV file, or from all files that fit a pattern.

    Delimiter, quotes, encoding, header, decimal comma and date format are found by looking at the file, and shown; each can be
    set by hand. A number with leading zeros stays text, so that codes keep them. A value that does not fit its column is never
    changed silently: the node stops at its line, or sends the row to the rejects.
    """

    kind, title, icon = "file.read_csv", "Read CSV", "file-text"
    outputs = (Out("rows", "Rows"), Out("rejects", "Rejects", kind="rejects"))

    def discover(self, ctx: Context, config: ReadCsvConfig) -> Discovery:
        paths = sources.files(ctx, config.path)
        longest = config.longest_line.bytes
        encoding = _encoding(config, paths[0])
        text = _head(paths[0], encoding, longest)
        found = dialect.detect(
            text,
            delimiter=_sign(config.delimiter, "delimiter"),
            quote=_sign(config.quote, "quote", empty=True),
            skip=config.skip,
            header=None if config.header == "auto" else config.header == "yes",
        )
        names, renamed = dialect.names_of(found)
        if not names:
            raise NodeError("The file “{file}” is empty.", file=paths[0].name, field="path", fix="A CSV file needs a header.")
        for other in paths[1:]:
            _same_columns(paths[0], names, other, found, config, longest)
        body = dialect.body(text, found.skip)
        rows = islice(dialect.parsed(body, found, SAMPLE_ROWS), int(found.header), None)
        settled = column_types.settle(
            names,
            rows,
            nulls=config.nulls,
            decimal=None if config.decimal == "auto" else config.decimal,
            date=None if config.dates == "auto" else config.dates,
            given=config.columns,
        )
        schema = settled.schema
        if config.file_column:
            if config.file_column.lower() in {name.lower() for name in names}:
                raise NodeError("The file has a column “{name}” already.", name=config.file_column, field="file_column")
            schema = Schema((*schema, Column(config.file_column, "string", nullable=False)))
        detected: dict[str, Any] = {
            "encoding": encoding,
            "delimiter": found.delimiter,
            "quote": found.quote,
            "escape": found.escape,
            "header": found.header,
            "skip": found.skip,
            "decimal": settled.decimal,
            "date_format": settled.date or "ISO",
            "timestamp_format": settled.timestamp or "ISO",
        }
        if renamed:
            detected["renamed"] = renamed
        if settled.ambiguous:
            detected["ambiguous_dates"] = list(settled.ambiguous)
        if settled.left:
            detected["dates_left_as_text"] = list(settled.left)
        if len(paths) > 1:
            detected["files"] = len(paths)
        return Discovery(schema, detected, fingerprint(paths))

    def scan(self, ctx: Context, config: ReadCsvConfig, found: Discovery) -> Scan | None:
        if config.file_column:
            return None
        scan = self._scan(ctx, config, found, sources.files(ctx, config.path), "quick")
        return None if scan.rejects and whole_numbers.has_fraction(scan) else scan

    def read(self, ctx: Context, config: ReadCsvConfig, found: Discovery) -> Iterator[pa.RecordBatch]:
        import duckdb
        import pyarrow as pa

        for path in sources.files(ctx, config.path):
            scan = self._scan(ctx, config, found, (path,), "exact")
            fraction = scan.rejects and whole_numbers.has_fraction(scan)
            with private() as connection:
                try:
                    if fraction:
                        batches = whole_numbers.checked(ctx, connection, scan, path.name)
                    else:
                        batches = stream(connection, scan_sql(scan))
                    for batch in batches:
                        ctx.progress(rows=batch.num_rows)
                        if config.file_column:
                            name = pa.repeat(pa.scalar(path.name), batch.num_rows)
                            batch = batch.append_column(config.file_column, name)
                        yield batch
                except duckdb.Error as error:
                    raise scan_error(error, scan) from None
                if scan.rejects and not fraction:
                    for row, reason, place in connection.sql(REJECTED_SQL).fetchall():
                        ctx.reject(row, reason, place)

    def _scan(
        self, ctx: Context, config: ReadCsvConfig, found: Discovery, paths: tuple[Path, ...], whole: Literal["quick", "exact"]
    ) -> Scan:
        seen = found.detected
        options: dict[str, Any] = {
            "auto_detect": False,
            "delim": seen["delimiter"],
            "quote": seen["quote"],
            "escape": seen["escape"],
            "header": seen["header"],
            "skip": seen["skip"],
            "nullstr": list(dict.fromkeys(["", *config.nulls])),
            "decimal_separator": seen["decimal"],
            "max_line_size": config.longest_line.bytes,
            "strict_mode": True,
        }
        if config.longest_line.bytes > LONGEST:
            options["buffer_size"] = max(32_000_000, config.longest_line.bytes * 2)
        if config.thousands:
            options["thousands"] = config.thousands
        if seen["date_format"] != "ISO":
            options["dateformat"] = seen["date_format"]
        if seen["timestamp_format"] != "ISO":
            options["timestampformat"] = seen["timestamp_format"]
        readable = []
        for number, path in enumerate(paths):
            encoding = seen["encoding"] if len(paths) == 1 and not sources.is_pattern(config.path) else _encoding(config, path)
            # The copy keeps the file's name, so that errors and rejects name it.
            readable.append(encodings.as_utf8(ctx, path, encoding, f"{ctx.node}-utf8/{number}/{path.name}"))
        # DuckDB 2.0 drops a line that is longer than its buffer, without a word, unless one thread reads alone.
        buffer = options.get("buffer_size", 16 * config.longest_line.bytes)
        if any(longer_than(path, buffer // 2) for path in readable):
            options["parallel"] = False
        columns = Schema(tuple(column for column in found.schema if column.name != config.file_column or not config.file_column))
        rejects = config.bad_rows == "reject"
        # Rejected rows are found by DuckDB's own conversion, which a check after it would come too late for.
        return Scan("csv", tuple(readable), options, columns, rejects=rejects, whole="" if rejects else whole)


def longer_than(path: Path, most: int) -> bool:
    """Whether a line of a file is longer than `most` bytes. Looks only for the last line end before each multiple of it."""
    size = path.stat().st_size
    if size <= most:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        start = 0
        while size - start > most:
            end = content.rfind(b"\n", start, start + most + 1)
            if end < 0:
                end = content.rfind(b"\r", start, start + most + 1)
            if end < 0:
                return True
            start = end + 1
    return False


def _encoding(config: ReadCsvConfig, path: Path) -> str:
    return encodings.detect(path) if config.encoding.lower() == "auto" else encodings.checked(config.encoding)


def _sign(text: str, field: str, empty: bool = False) -> str | None:
    """One character from a config text; None to find it."""
    sign = {"auto": None, "tab": "\t", "\\t": "\t"}.get(text.lower(), text)
    if sign is not None and len(sign) != 1 and not (empty and sign == ""):
        raise NodeError("“{text}” is not one character.", text=text, field=field, fix="Write one character, or `auto`.")
    return sign


def _head(path: Path, encoding: str, longest: int) -> str:
    """The first whole lines of a file as text."""
    size = max(SAMPLE, 2 * longest)
    text = encodings.decoded_head(path, encoding, SAMPLE)
    if path.stat().st_size <= SAMPLE:
        return text
    if "\n" not in text and "\r" not in text:
        text = encodings.decoded_head(path, encoding, size)
        if "\n" not in text and "\r" not in text:
            raise NodeError(
                "{file}:1: the line is longer than the longest that is allowed.",
                file=path.name,
                line=1,
                field="longest_line",
                fix="Raise “Longest line”, or choose another reader: this may not be a CSV file.",
            )
    return text[: max(text.rfind("\n"), text.rfind("\r")) + 1]


def _same_columns(
    first: Path, names: list[str], other: Path, found: dialect.Dialect, config: ReadCsvConfig, longest: int
) -> None:
    text = _head(other, _encoding(config, other), longest)
    row = next(iter(dialect.parsed(dialect.body(text, found.skip), found, 1)), None)
    if row is None:
        return
    theirs = dialect.unique_names([name.strip() for name in row])[0] if found.header else names[: len(row)]
    if theirs != names or len(row) != len(names):
        raise NodeError(
            "The files “{first}” and “{other}” have different columns: {names} and {theirs}.",
            first=first.name,
            other=other.name,
            names=names[:20],
            theirs=theirs[:20],
            field="path",
            fix="Read them by two nodes, or correct the pattern.",
        )
