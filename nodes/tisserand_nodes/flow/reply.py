"""Reply: what a published flow answers to a request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from tisserand.sdk import Config, Context, Effect, NodeError, Schema, When, Words, Writer, Written

if TYPE_CHECKING:
    import pyarrow as pa

_TAKEN = {"content-length", "content-type", "transfer-encoding", "connection", "date", "keep-alive", "upgrade", "trailer", "te"}
"""Headers that the server sets."""
_HEADER = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+.^_`|~-")


class ReplyConfig(Config):
    form: Annotated[Literal["one", "list"], Words(one="One object: the first row", list="A list of objects: all rows")] = "one"
    """What the JSON of the answer is."""
    status: int = Field(200, ge=200, le=299)
    """The HTTP status of the answer."""
    missing: Annotated[int, When(form="one"), Field(ge=200, le=499)] = 404
    """The HTTP status where no row comes; from 400 on, the caller gets a problem document."""
    headers: dict[str, str] = {}
    """Further headers of the answer, for example `Cache-Control: max-age=60`."""


class Reply(Writer[ReplyConfig]):
    """Answer the request that started the flow, with the rows that arrive as JSON.

    Behind each “Request” of a published flow stands one reply. In a run that was started by hand, the rows stay with the run, where
    they can be looked at.
    """

    kind, title, icon = "flow.reply", "Reply", "log-out"
    delivery = "idempotent"
    door: ClassVar[str] = "reply"
    """The engine keeps the rows of a reply for whoever asked."""

    def check(self, config: ReplyConfig, schemas: Mapping[str, Schema]) -> Iterable[Exception]:
        for name, value in config.headers.items():
            if not name or not set(name) <= _HEADER:
                yield NodeError("“{name}” is not a name of a header.", name=name, field="headers")
            elif name.lower() in _TAKEN:
                yield NodeError("The header “{name}” is set by the server.", name=name, field="headers")
            if not value.isascii() or not value.isprintable():
                yield NodeError("The header “{name}” can hold plain ASCII letters only.", name=name, field="headers")
        if config.status == 204 and config.form == "list":
            yield NodeError("An answer with the status 204 has no content.", field="status")

    def plan(self, ctx: Context, config: ReplyConfig, batches: Iterator[pa.RecordBatch]) -> Effect:
        return Effect(unchanged=sum(batch.num_rows for batch in batches), where=str(config.status))

    def write(self, ctx: Context, config: ReplyConfig, schema: Schema, batches: Iterator[pa.RecordBatch]) -> Written:
        rows = 0
        for batch in batches:
            rows += batch.num_rows
            ctx.progress(rows=batch.num_rows)
        return Written(rows, str(config.status))
