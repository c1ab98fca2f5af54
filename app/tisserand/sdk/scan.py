"""Native scans in DuckDB's words: the SQL of a `Scan`, its rejected rows, and its errors as sentences."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from tisserand.sdk.arrow import to_duckdb
from tisserand.sdk.errors import NodeError
from tisserand.sdk.literals import literal as literal
from tisserand.sdk.node import Scan
from tisserand.sdk.scan_whole import checked_whole, whole_columns, whole_error
from tisserand.texts import N_

REJECTED_SQL = """
SELECT any_value(csv_line) AS "row",
       string_agg(DISTINCT regexp_extract(error_message, '^[^\\n]*'), '; ') AS error,
       parse_filename(any_value(file_path)) || ':' || line AS place
FROM reject_errors JOIN reject_scans USING (scan_id, file_id)
GROUP BY scan_id, file_id, line
ORDER BY scan_id, file_id, line
"""
"""The rows that scans with `rejects` left out on this connection, one row for each line, as the `rejects` port has them.
It stays empty until the scan has run to its end."""


def scan_sql(scan: Scan) -> str:
    """The SELECT statement of a scan; `columns` are cast to exactly the types they declare."""
    options = dict(scan.options)
    whole = whole_columns(scan) if scan.whole else []
    if scan.columns is not None and scan.format != "parquet":
        options["columns"] = {column.name: to_duckdb(column.type) for column in scan.columns}
        options["columns"].update(dict.fromkeys(whole, "DOUBLE" if scan.whole == "quick" else "VARCHAR"))
        if options.get("filename"):
            options["columns"].pop(options["filename"], None)
    if scan.rejects:
        options["store_rejects"] = True
    arguments = [literal([str(path) for path in scan.paths]), *(f"{name}={literal(value)}" for name, value in options.items())]
    columns = f"* REPLACE ({', '.join(checked_whole(scan, name) for name in whole)})" if whole else "*"
    return f"SELECT {columns} FROM read_{scan.format}({', '.join(arguments)})"  # noqa: S608 - made of literals only


def fingerprint(paths: Iterable[Path]) -> str:
    """Changes whenever one of the files is replaced or written: path, size, time of change and inode."""
    digest = hashlib.sha256()
    for path in paths:
        try:
            state = path.stat()
        except OSError:
            digest.update(f"{path}:gone\n".encode())
            continue
        digest.update(f"{path}:{state.st_size}:{state.st_mtime_ns}:{state.st_ino}\n".encode())
    return digest.hexdigest()[:32]


def scan_error(error: Exception, scan: Scan) -> NodeError:
    """DuckDB's error of a scan as a sentence with file, line and column."""
    text = str(error)
    broken = whole_error(text, scan)
    if broken is not None:
        return broken
    file = _file(text, scan)
    at = re.search(r"on Line: (\d+)|in line (\d+)", text)
    line = int(at[1] or at[2]) if at else None
    where = f"{file}:{line}" if line else file
    clash = re.search(r"""converting column "(.*?)"\. Could not convert string "(.*?)" to '(.*?)'""", text, re.DOTALL)
    if clash and len(clash[2]) > scan.options.get("max_line_size", len(clash[2])):
        text, clash = "maximum line size", None
    if clash:
        return NodeError(
            "{where}: “{value}” in column “{column}” cannot be read as {type}.",
            fix="Give the column another type in “Column types”, or let bad rows be rejected.",
            where=where,
            value=_short(clash[2]),
            column=clash[1],
            type=_plain_type(_declared(scan, clash[1]) or clash[3]),
            line=line,
            field="columns",
        )
    counts = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", text)
    if counts:
        return NodeError(
            "{where}: the line has {found} columns where {expected} are expected.",
            fix="Correct the line, or let bad rows be rejected.",
            where=where,
            found=int(counts[2]),
            expected=int(counts[1]),
            line=line,
            field="bad_rows",
        )
    record = re.search(r"in record/value (\d+)", text)
    if record:
        where = f"{file} ({record[1]})"
    unfit = re.search(r"(?:JSON transform error).*?: (Failed to cast value.*|Object .* has duplicate key.*)", text)
    if unfit:
        return NodeError(
            "{where}: a value does not fit its column: {reason}",
            fix="Give the column another type in “Column types”.",
            where=where,
            reason=_short(unfit[1], 200),
            line=line,
            field="columns",
        )
    text = re.sub(r"Original Line: .*", "", text)  # what a file holds must not choose the sentence
    for pattern, sentence, fix in _KNOWN:
        if pattern.search(text):
            return NodeError(sentence, fix=fix, where=where, line=line)
    reason = next((part.strip() for part in text.splitlines() if part.strip()), type(error).__name__)
    return NodeError("{where} cannot be read: {reason}", where=where, reason=_short(reason, 300), line=line)


_KNOWN: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (
        re.compile(r"not utf-8 encoded|Invalid unicode|unicode", re.IGNORECASE),
        N_("{where}: the text is not valid UTF-8."),
        N_("Choose the file's encoding, or let bad rows be rejected."),
    ),
    (
        re.compile(r"unterminated quote|quote should be followed|Value with unterminated", re.IGNORECASE),
        N_("{where}: a quoted value does not end where it should."),
        N_("Correct the line, choose another quote character, or let bad rows be rejected."),
    ),
    (
        re.compile(r"maximum line size|max_line_size", re.IGNORECASE),
        N_("{where}: the line is longer than the longest that is allowed."),
        N_("Raise “Longest line”, or check the quote character: one that never closes swallows the rest of the file."),
    ),
    (
        re.compile(r'"maximum_object_size" of'),
        N_("{where}: an object is larger than the largest that is allowed."),
        N_("Raise “Largest object”, or check whether a bracket is missing."),
    ),
    (
        re.compile(r"No magic bytes|too small to be a Parquet|magic", re.IGNORECASE),
        N_("{where} is not a Parquet file, or it was cut off."),
        N_("Write the file again, or choose another reader."),
    ),
    (
        re.compile(r"decompression fail|corrupt|Invalid page|TProtocolException|thrift", re.IGNORECASE),
        N_("“{where}” is damaged: a part of it cannot be unpacked."),
        N_("Copy it again, or have it written anew."),
    ),
    (
        re.compile(r"Malformed JSON|JSON", re.IGNORECASE),
        N_("{where} holds text that is not valid JSON."),
        N_("Correct the file, or choose whether it holds one document or one object a line."),
    ),
    (
        re.compile(r"No files found|No such file", re.IGNORECASE),
        N_("{where} is gone."),
        N_("It was there a moment ago: run again."),
    ),
    (re.compile(r"Permission denied", re.IGNORECASE), N_("{where} may not be read."), N_("Change the file's permissions.")),
)


def _declared(scan: Scan, name: str) -> str | None:
    return next((column.type for column in scan.columns or () if column.name == name), None)


def _plain_type(name: str) -> str:
    """A column's type in the words of the form: what is stored as `int64` is an `integer` there."""
    return _WORDS.get(name.lower(), name)


_WORDS = {"int64": "integer", "bigint": "integer", "float64": "number", "double": "number", "string": "text", "varchar": "text"}


def _file(text: str, scan: Scan) -> str:
    named = next((path for path in scan.paths if str(path) in text), None)
    if named is None:
        named = scan.paths[0] if scan.paths else Path()
    return named.name


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
