"""What is sent back: rows as JSON, and problems as RFC 9457 has them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import orjson

from tisserand.model.schema import Schema
from tisserand.service.published.asked import Fault
from tisserand.texts import Message, msg

JSON = b"application/json"
PROBLEM = b"application/problem+json"
_OPTIONS = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


@dataclass(slots=True)
class Answer:
    """An HTTP answer but for the headers that every answer has. Not frozen, which makes what is made for each request slow."""

    status: int
    body: bytes = b""
    kind: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()
    close: bool = False
    """The connection ends with it: the rest of the request is not read."""
    error: str = ""
    """For the history, in English; never sent."""


TITLES: Mapping[int, Message] = {
    400: msg("Bad request"), 401: msg("Unauthorized"), 404: msg("Not found"), 405: msg("Method not allowed"),
    408: msg("Request timeout"), 409: msg("Conflict"), 413: msg("Content too large"), 415: msg("Unsupported media type"),
    422: msg("Unprocessable content"), 431: msg("Request header fields too large"), 500: msg("Internal error"),
    503: msg("Service unavailable"), 504: msg("Gateway timeout"),
}  # fmt: skip


def problem(
    status: int,
    detail: Message,
    language: str,
    id: str,
    faults: Sequence[Fault] = (),
    headers: tuple[tuple[bytes, bytes], ...] = (),
    close: bool = False,
    error: str = "",
) -> Answer:
    """A problem document. `id` is what the history knows the request by: with it whoever runs the API finds what went wrong."""
    known = TITLES.get(status)
    title = known.text(language) if known is not None else HTTPStatus(status).phrase
    document: dict[str, Any] = {
        "type": "about:blank", "title": title, "status": status, "detail": detail.text(language), "instance": f"urn:request:{id}",
    }  # fmt: skip
    if faults:
        document["errors"] = [fault.to_json(language) for fault in faults]
    headers = (*headers, (b"content-language", language.encode()))
    return Answer(status, orjson.dumps(document), PROBLEM, headers, close, error or detail.text("en"))


class Replying:
    """Writes the rows of one operation as JSON. Exact numbers are written with all their digits, moments as RFC 3339 has them in UTC,
    bytes as base64, and what is no number as null."""

    def __init__(self, config: Mapping[str, Any], columns: Schema) -> None:
        """`config` is what the settings of the Reply dump."""
        self._names, self._changed = columns.names, _changed(columns)
        self._one, self._status, self._missing = config["form"] == "one", config["status"], config["missing"]
        self._headers = tuple((name.lower().encode(), value.encode()) for name, value in config["headers"].items())

    def answer(self, rows: Sequence[Sequence[Any]], language: str, id: str) -> Answer:
        if self._one and not rows:
            if self._missing >= 400:
                return problem(self._missing, msg("There is no such thing."), language, id)
            return Answer(self._missing, b"", JSON, self._headers)
        if self._status == 204:
            return Answer(204, b"", JSON, self._headers)
        found = self._object(rows[0]) if self._one else [self._object(row) for row in rows]
        return Answer(self._status, orjson.dumps(found, _plain, _OPTIONS), JSON, self._headers)

    def _object(self, row: Sequence[Any]) -> dict[str, Any]:
        if not self._changed:
            return dict(zip(self._names, row, strict=True))
        values = list(row)
        for index, change in self._changed:
            if values[index] is not None:
                values[index] = change(values[index])
        return dict(zip(self._names, values, strict=True))


def _changed(columns: Schema) -> list[tuple[int, Callable[[Any], Any]]]:
    """The columns whose values are not written as they are: JSON, which would be taken for a text."""
    return [(index, _document) for index, column in enumerate(columns) if column.type.startswith("json")]


def _document(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError:
        return value
    return orjson.Fragment(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f")) if value.is_finite() else None
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, tuple | set):
        return list(value)
    return str(value)
