"""Read the usage of the workspace's APIs: who called what, how often, how it went."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from tisserand.sdk import Config, Context, Discovery, Duration, Reader, Schema, When

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 8192
SCHEMA = Schema.of(
    {
        "hour": "timestamp('UTC', 6)",
        "gateway": "string",
        "api": "string",
        "version": "string",
        "operation": "string",
        "consumer": "string",
        "plan": "string",
        "status": "int64",
        "requests": "int64",
        "bytes_in": "int64",
        "bytes_out": "int64",
        "p50": "float64",
        "p99": "float64",
    }
)


class ReadUsageConfig(Config):
    last: Duration | None = None
    """How far back, for example `24h` or `30d`; hours of which a part lies within count whole."""
    start: Annotated[dt.datetime | None, When(last=None)] = None
    """From when on instead, for example `2026-12-01` (UTC); empty: from the beginning."""
    end: Annotated[dt.datetime | None, When(last=None)] = None
    """Until when (UTC); empty: until now."""
    api: str = ""
    """Only calls of this API, by its id."""
    consumer: str = ""
    """Only calls of this consumer, by its id."""

    @model_validator(mode="after")
    def _one_of_both(self) -> ReadUsageConfig:
        if self.last is not None and (self.start is not None or self.end is not None):
            raise PydanticCustomError("usage_span", "Give a duration or moments, and not both.")
        return self


class ReadUsage(Reader[ReadUsageConfig]):
    """Read who called the APIs of this workspace, as the gateways told: a row for each hour, API, version, operation, consumer, plan
    and status, with the number of calls, bytes, and the latency in milliseconds below which half and 99 % of the calls stayed.

    The executor takes over what the gateways tell every second. Calls that named no known consumer have an empty one.
    """

    kind, title, icon = "api.read_usage", "Read API usage", "chart-column"
    columns_in_settings = True

    def discover(self, ctx: Context, config: ReadUsageConfig) -> Discovery:
        return Discovery(SCHEMA, {}, "")

    def read(self, ctx: Context, config: ReadUsageConfig, found: Discovery) -> Iterator[pa.RecordBatch]:
        if config.last is not None:
            start, end = time.time() - config.last.seconds, 0.0
        else:
            start, end = _seconds(config.start), _seconds(config.end)
        rows: list[Mapping[str, Any]] = []
        for row in ctx.usage(start, end, api=config.api, consumer=config.consumer):
            rows.append({**row, "hour": dt.datetime.fromtimestamp(row["hour"], dt.UTC)})
            if len(rows) == BATCH:
                yield _batch(ctx, rows)
                rows = []
        if rows:
            yield _batch(ctx, rows)


def _batch(ctx: Context, rows: list[Mapping[str, Any]]) -> pa.RecordBatch:
    import pyarrow as pa

    from tisserand.sdk.arrow import to_arrow

    ctx.progress(rows=len(rows))
    return pa.RecordBatch.from_pylist(rows, schema=to_arrow(SCHEMA))


def _seconds(moment: dt.datetime | None) -> float:
    """A moment without a time zone is meant in UTC; 0 is open."""
    if moment is None:
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
