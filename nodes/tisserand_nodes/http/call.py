"""Send one HTTP request for each row, several at a time, and keep the answers with the rows."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote

from tisserand.sdk import Column, Config, Context, Duration, NodeError, Out, Schema, Size, Step, Unit, Url, msg
from tisserand_nodes.http.client import Answer, Client, Patience, shown
from tisserand_nodes.http.connection import HttpConnection
from tisserand_nodes.http.request import service

if TYPE_CHECKING:
    import pyarrow as pa

_PLACE = re.compile(r"\{([^{}]+)\}")


class CallConfig(Config):
    connection: HttpConnection | None = None
    """The service to ask; leave it empty to give a whole URL."""
    url: Url
    """The path behind the connection's base URL, or a whole URL. `{column}` inserts a value of the row, encoded."""
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    """How to ask."""
    query: dict[str, str] = {}
    """Names and values put behind the URL, encoded; `{column}` inserts a value of the row."""
    headers: dict[str, str] = {}
    """Headers sent in addition."""
    body: dict[str, Any] | list[Any] | str | None = None
    """What is sent: a mapping or list as JSON, a text as it is. `{column}` inserts a value of the row; alone it keeps its type."""
    status_column: str = "status"
    """The new column with the status of the answer."""
    response_column: str = "response"
    """The new column with the text of the answer."""
    failed: Literal["reject", "keep"] = "reject"
    """What to do with rows whose answer is an error (status 400 and above)."""
    parallel: Annotated[int, Unit("requests")] = 4
    """How many requests are on their way at a time; the rows stay in order."""
    timeout: Duration = Duration("30s")
    """How long one answer may take."""
    attempts: int = 3
    """How often to ask a server that is busy (429, 5xx) or away. What it says in `Retry-After` is honoured."""
    max_size: Size = Size("1MB")
    """The largest answer that is taken."""


class HttpCall(Step[CallConfig]):
    """Send one HTTP request for each row and add its status and answer as columns. Every request carries an `Idempotency-Key` that
    is the same when a run is resumed, so that a service that knows it does nothing twice."""

    kind, title, icon = "http.call", "HTTP request per row", "webhook"
    outputs = (Out("table"), Out("rejects", "Rejects", kind="rejects"))

    def check(self, config: CallConfig, schemas: Mapping[str, Schema]) -> Iterator[NodeError]:
        columns = schemas.get("table")
        if columns is None:
            return
        for field in ("url", "query", "body"):
            for name in _places(getattr(config, field)):
                if name not in columns:
                    known = list(columns.names)
                    yield NodeError("There is no column “{name}”. Columns: {columns}.", name=name, columns=known, field=field)
        for field in ("status_column", "response_column"):
            if getattr(config, field) in columns:
                yield NodeError("There is a column “{name}” already.", name=getattr(config, field), field=field)
        for field in ("parallel", "attempts"):
            if getattr(config, field) < 1:
                yield NodeError("At least 1 is needed.", field=field)

    def repeats(self, config: CallConfig) -> bool:
        return config.method == "GET"

    def output(self, config: CallConfig, schemas: Mapping[str, Schema]) -> Mapping[str, Schema]:
        added = (Column(config.status_column, "int32"), Column(config.response_column, "string"))
        return {"table": Schema((*schemas["table"], *added))}

    def process(
        self, ctx: Context, config: CallConfig, schemas: Mapping[str, Schema], batches: Iterator[pa.RecordBatch]
    ) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        from tisserand.sdk.arrow import to_arrow

        schema = to_arrow(schemas["table"])
        number = 0
        with _Callers(ctx, config) as call, ThreadPoolExecutor(config.parallel, thread_name_prefix="http-call") as threads:
            for batch in batches:
                for start in range(0, batch.num_rows, config.parallel * 8):
                    part = batch.slice(start, config.parallel * 8)
                    rows = part.to_pylist()
                    answers = list(threads.map(call, range(number + 1, number + 1 + len(rows)), rows))
                    kept = [self._kept(ctx, config, number + 1 + index, rows[index], one) for index, one in enumerate(answers)]
                    number += len(rows)
                    ctx.progress()
                    chosen = part.filter(pa.array(kept, pa.bool_()))
                    good = [one for one, keep in zip(answers, kept, strict=True) if keep and isinstance(one, Answer)]
                    added = [
                        pa.array([one.status for one in good], pa.int32()),
                        pa.array([one.text() for one in good], pa.string()),
                    ]
                    yield pa.RecordBatch.from_arrays([*chosen.columns, *added], schema=schema)

    def _kept(self, ctx: Context, config: CallConfig, number: int, row: Mapping[str, Any], answer: Answer | NodeError) -> bool:
        if isinstance(answer, NodeError):
            ctx.reject(row, answer.message, f"row {number}")
            return False
        if answer.status >= 400 and config.failed == "reject":
            message = msg(
                "{url} answers with status {status}: {body}",
                url=shown(answer.url),
                status=answer.status,
                body=answer.text()[:200],
            )
            ctx.reject(row, message, f"row {number}")
            return False
        return True


class _Callers:
    """Calls from several threads, each with a client of its own."""

    def __init__(self, ctx: Context, config: CallConfig) -> None:
        self._ctx, self._config = ctx, config
        self._service = service(ctx, config.connection)
        self._patience = Patience(config.timeout.seconds, config.attempts, max_size=config.max_size.bytes)
        self._own = threading.local()
        self._clients: list[Client] = []

    def __enter__(self) -> Callable[[int, Mapping[str, Any]], Answer | NodeError]:
        return self._call

    def __exit__(self, *_error: object) -> None:
        for client in self._clients:
            client.__exit__(None, None, None)

    def _call(self, number: int, row: Mapping[str, Any]) -> Answer | NodeError:
        """The answer, or why there is none: one row's failure is that row's."""
        config = self._config
        client = getattr(self._own, "client", None)
        if client is None:
            client = self._own.client = Client(self._service, self._patience, self._ctx)
            self._clients.append(client)
        try:
            url = client.url(_PLACE.sub(lambda match: _segment(row[match[1]]), config.url))
            query = {name: _filled(value, row) for name, value in config.query.items()}
            headers = {**config.headers, "Idempotency-Key": f"{self._ctx.key}/{number}"}
            answer: Answer = client.send(config.method, url, query=query, headers=headers, body=_filled(config.body, row))
            return answer
        except NodeError as error:
            return error


def _segment(value: Any) -> str:
    """A value as a part of a URL: it can neither begin another part of it nor lead upwards."""
    text = _written(value)
    if text in ("", ".", ".."):
        raise NodeError("“{value}” cannot be a part of a URL.", value=text)
    return quote(text, safe="")


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _filled(value: Any, row: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        alone = _PLACE.fullmatch(value)
        if alone:
            return _plain(row[alone[1]])
        return _PLACE.sub(lambda match: _written(row[match[1]]), value)
    if isinstance(value, Mapping):
        return {name: _filled(item, row) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(item, row) for item in value]
    return value


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return str(value)


def _places(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield from _PLACE.findall(value)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _places(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _places(item)
