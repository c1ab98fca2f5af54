"""Count up: a reader that makes numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from tisserand.sdk import Config, Context, Discovery, Reader, Schema, Unit

if TYPE_CHECKING:
    import pyarrow as pa


class CountUpConfig(Config):
    to: Annotated[int, Field(ge=0), Unit("rows")] = 10
    """The last number."""


class CountUp(Reader[CountUpConfig]):
    """Give the numbers from 1, one a row."""

    kind, title, icon = "example.count_up", "Count up", "greet"

    def discover(self, ctx: Context, config: CountUpConfig) -> Discovery:
        return Discovery(Schema.of({"n": "int64"}), fingerprint=str(config.to), rows=config.to)

    def read(self, ctx: Context, config: CountUpConfig, found: Discovery) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        for start in range(1, config.to + 1, 1000):
            numbers = range(start, min(start + 1000, config.to + 1))
            ctx.progress(rows=len(numbers))
            yield pa.RecordBatch.from_pydict({"n": pa.array(numbers, pa.int64())})
