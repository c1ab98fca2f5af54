"""Output of a sub-flow: the door through which rows go back to the flow that called this one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tisserand.sdk import Config, Context, Effect, Schema, Writer, Written

if TYPE_CHECKING:
    import pyarrow as pa


class OutputConfig(Config):
    name: str = Field("table", min_length=1)
    """Name of the output; a flow with several outputs gives each its own."""


class Output(Writer[OutputConfig]):
    """Where rows go back to the flow that called this one through “Sub-flow”. Run alone, the rows are counted and stay with the
    run, where they can be looked at."""

    kind, title, icon = "flow.output", "Output of a sub-flow", "workflow"
    delivery = "idempotent"
    door: ClassVar[str] = "output"
    """The engine hands the rows of an output door to the flow that called."""

    def target(self, config: OutputConfig) -> str:
        return config.name

    def plan(self, ctx: Context, config: OutputConfig, batches: Iterator[pa.RecordBatch]) -> Effect:
        return Effect(unchanged=sum(batch.num_rows for batch in batches), where=config.name)

    def write(self, ctx: Context, config: OutputConfig, schema: Schema, batches: Iterator[pa.RecordBatch]) -> Written:
        rows = 0
        for batch in batches:
            rows += batch.num_rows
            ctx.progress(rows=batch.num_rows)
        return Written(rows, config.name)
