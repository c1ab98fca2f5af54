"""Read rows from an HTTP service: one request, or page after page."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

from tisserand.sdk import (
    Config,
    ConnectionType,
    Context,
    Dataset,
    Discovery,
    Duration,
    NodeError,
    Out,
    Reader,
    Schema,
    Size,
    Unit,
    Url,
    When,
)
from tisserand_nodes.http.client import Answer, Client, Patience, origin, shown, text_join
from tisserand_nodes.http.connection import Http, HttpConnection
from tisserand_nodes.http.json_rows import columns, records, to_batch, value_at

if TYPE_CHECKING:
    import pyarrow as pa


FRESH = 60.0
"""Seconds for which an answer that was given while looking for the columns may stand for the first page."""


class RequestConfig(Config):
    connection: HttpConnection | None = None
    """The service to ask; leave it empty to give a whole URL."""
    url: Url = Url("")
    """The path behind the connection's base URL, or a whole URL. What `{{ name }}` inserts is encoded."""
    method: Literal["GET", "POST"] = "GET"
    """How to ask; POST sends a body."""
    query: dict[str, str] = {}
    """Names and values put behind the URL, encoded."""
    headers: dict[str, str] = {}
    """Headers sent in addition."""
    body: Annotated[dict[str, Any] | list[Any] | str | None, When(method="POST")] = None
    """What is sent: a mapping or list as JSON, a text as it is."""
    records: str = ""
    """Where the rows stand in the answer, for example `data.items`; empty for the whole answer."""
    types: dict[str, str] = {}
    """Types of columns that the first page does not tell, for example `amount: float64`."""
    new_fields: Literal["fail", "ignore"] = "fail"
    """What to do with fields that the first page did not have."""
    pagination: Literal["none", "page", "cursor", "link"] = "none"
    """How to get further rows: by page number, by a cursor from the answer, or by the `Link` header."""
    page_parameter: Annotated[str, When(pagination="page")] = "page"
    """The name in the query that carries the page number."""
    first_page: Annotated[int, When(pagination="page")] = 1
    """The number of the first page."""
    cursor_parameter: Annotated[str, When(pagination="cursor")] = "cursor"
    """The name in the query that carries the cursor."""
    cursor: Annotated[str, When(pagination="cursor")] = "next_cursor"
    """Where the next cursor stands in the answer; there it is missing, null or empty on the last page."""
    max_pages: Annotated[int, Unit("pages")] = 10_000
    """The most pages asked for; more is an error, not a silent end."""
    timeout: Duration = Duration("30s")
    """How long one answer may take."""
    attempts: int = 5
    """How often to ask a server that is busy (429, 5xx) or away. What it says in `Retry-After` is honoured."""
    max_size: Size = Size("100MB")
    """The largest answer that is taken."""


class HttpRequest(Reader[RequestConfig]):
    """Ask an HTTP service for rows in JSON: one answer, or page after page. Nested objects and lists stay nested."""

    kind, title, icon = "http.request", "HTTP request", "globe"
    outputs = (Out("rows"),)
    _kept: _Kept | None = None
    """The first answer, from looking for the columns: a service is not asked twice for the same."""

    def datasets(self, config: RequestConfig, connection: Callable[[str], ConnectionType]) -> Sequence[Dataset]:
        base = connection(config.connection) if config.connection else None
        url = str(config.url)
        if "://" not in url.split("?")[0]:
            url = text_join(base.base_url, url) if isinstance(base, Http) else ""
        parts = urlsplit(shown(url))
        return [Dataset(f"{parts.scheme}://{parts.netloc}", parts.path or "/")] if parts.netloc else []

    def harmless(self, config: RequestConfig) -> bool:
        return config.method == "GET"

    def check(self, config: RequestConfig, schemas: Mapping[str, Schema]) -> Iterator[NodeError]:
        if config.connection is None and not config.url:
            yield NodeError("Give a connection or a whole URL.", field="url")
        for field in ("max_pages", "attempts"):
            if getattr(config, field) < 1:
                yield NodeError("At least 1 is needed.", field=field)

    def discover(self, ctx: Context, config: RequestConfig) -> Discovery:
        with _client(ctx, config) as client:
            answer, document = next(_pages(client, config))
        self._kept = _Kept(ctx, answer)
        rows = records(document, config.records)
        found = columns(rows) | config.types
        if not found:
            raise NodeError("The first answer holds no rows, so that the columns are not known.", fix="State them under “types”.")
        return Discovery(Schema.of(found), {"rows_in_first_page": len(rows)})

    def read(self, ctx: Context, config: RequestConfig, found: Discovery) -> Iterator[pa.RecordBatch]:
        from tisserand.sdk.arrow import to_arrow

        arrow = to_arrow(found.schema)
        number = 1
        first = self._taken(config)
        with _client(ctx, config) as client:
            for answer, document in _pages(client, config, first):
                rows = records(document, config.records)
                ctx.progress(rows=len(rows), bytes=len(answer.body))
                if rows:
                    yield to_batch(rows, found.schema, arrow, number, config.new_fields == "ignore")
                number += len(rows)

    def forget(self, config: RequestConfig) -> None:
        # What a POST changed is changed: sending it again would do it twice.
        if config.method == "GET":
            self._kept = None

    def _taken(self, config: RequestConfig) -> Answer | None:
        """The first answer, if it is there and fresh; it is used once, so that another attempt asks anew."""
        kept, self._kept = self._kept, None
        return kept.taken(FRESH if config.method == "GET" else None) if kept is not None else None


class _Kept:
    """An answer put aside in the run's folder: it may be large."""

    def __init__(self, ctx: Context, answer: Answer) -> None:
        # Several nodes of called flows may bear one name, and so share a folder.
        self._path = ctx.temporary(f"answer.{uuid.uuid4().hex}")
        self._path.write_bytes(answer.body)
        self._answer = replace(answer, body=b"")
        self._at = time.monotonic()

    def taken(self, fresh: float | None) -> Answer | None:
        if not self._path.exists():
            return None
        body = self._path.read_bytes()
        self._path.unlink()
        return replace(self._answer, body=body) if fresh is None or time.monotonic() - self._at < fresh else None


def service(ctx: Context, name: str | None) -> Http | None:
    """The connection of that name, which must be an HTTP service."""
    if name is None:
        return None
    found = ctx.connection(name)
    if not isinstance(found, Http):
        raise NodeError("The connection “{name}” is not an HTTP service.", name=name, field="connection")
    return found


def _client(ctx: Context, config: RequestConfig) -> Client:
    patience = Patience(config.timeout.seconds, config.attempts, max_size=config.max_size.bytes)
    return Client(service(ctx, config.connection), patience, ctx)


def _pages(client: Client, config: RequestConfig, first: Answer | None = None) -> Iterator[tuple[Answer, Any]]:
    """Answer after answer, each with its document. `first` is the first one, where it is known already."""
    url = client.url(config.url)
    home = origin(url)
    query: dict[str, Any] = dict(config.query)
    if config.pagination == "page":
        query[config.page_parameter] = str(config.first_page)
    seen: set[str] = set()
    for page in range(1, config.max_pages + 1):
        # A `Link` may lead to another host; what the flow sends along is not meant for that one.
        headers = config.headers if origin(url) == home else {}
        known, first = first, None
        answer = known or client.send(config.method, url, query=query, headers=headers, body=config.body)
        document = _document(answer)
        yield answer, document
        mark: str | None
        if config.pagination == "page":
            if not records(document, config.records):
                return
            query[config.page_parameter] = str(config.first_page + page)
            continue
        if config.pagination == "cursor":
            value = value_at(document, config.cursor)
            mark = str(value) if value not in (None, "", False) else None
            query[config.cursor_parameter] = mark
        elif config.pagination == "link":
            mark = answer.links.get("next")
            url, query = client.url(mark) if mark else "", {}
        else:
            return
        if mark is None:
            return
        if mark in seen:
            raise NodeError("{url} names the same next page twice: its pages go round in circles.", url=shown(answer.url))
        seen.add(mark)
    raise NodeError("There are more than {count} pages.", fix="Raise “max_pages”.", count=config.max_pages, field="max_pages")


def _document(answer: Answer) -> Any:
    if answer.status >= 400:
        raise NodeError(
            "{url} answers with status {status}: {body}", url=shown(answer.url), status=answer.status, body=answer.text()[:200]
        )
    if answer.status == 204 or not answer.body.strip():
        return None
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        kind = answer.headers.get("Content-Type", "–")
        raise NodeError(
            "{url} does not answer in JSON but in {kind}: {body}", url=shown(answer.url), kind=kind, body=answer.text()[:80]
        ) from None
