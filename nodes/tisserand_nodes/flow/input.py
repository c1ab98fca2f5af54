"""Input of a sub-flow: the door through which rows come in when another flow calls this one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from tisserand.sdk import Config, Context, Discovery, NodeError, Out, Reader, Schema
from tisserand.sdk.arrow import to_arrow
from tisserand.sdk.columns import type_named

if TYPE_CHECKING:
    import pyarrow as pa


class InputConfig(Config):
    name: str = Field("table", min_length=1)
    """Name of the input; a flow with several inputs gives each its own."""
    columns: dict[str, str] = Field(min_length=1)
    """The columns that arrive, with their types: `text`, `integer`, `number`, `boolean`, `date`, `timestamp`, `decimal(12, 2)` …"""
    rows: list[list[Any]] = Field(default_factory=list)
    """Sample rows, used when the flow is run or previewed alone."""


class Input(Reader[InputConfig]):
    """Where rows come in when another flow calls this one through “Sub-flow”.

    Declare the columns that it needs. Run alone, the flow gets the sample rows, so that it can be built and tested on its own.
    """

    kind, title, icon = "flow.input", "Input of a sub-flow", "workflow"
    outputs = (Out("rows", "Rows"),)
    columns_in_settings = True
    door: ClassVar[str] = "input"
    """The engine replaces the rows of an input door when its flow is called."""

    def discover(self, ctx: Context, config: InputConfig) -> Discovery:
        columns = {name: str(type_named(type, f"columns.{name}")) for name, type in config.columns.items()}
        return Discovery(Schema.of(columns), fingerprint="sample", rows=len(config.rows))

    def read(self, ctx: Context, config: InputConfig, found: Discovery) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        schema = to_arrow(found.schema)
        names = list(config.columns)
        for number, row in enumerate(config.rows, 1):
            if len(row) != len(names):
                raise NodeError(
                    "The sample row has {given} values for {wanted} columns.",
                    given=len(row),
                    wanted=len(names),
                    row=number,
                    field=f"rows.{number - 1}",
                )
        columns = [_column(config, schema.field(index).type, index, name) for index, name in enumerate(names)]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _column(config: InputConfig, type: Any, index: int, name: str) -> Any:
    """One column of the sample rows; dates and exact numbers may be written as texts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = [row[index] for row in config.rows]
    try:
        if any(isinstance(value, str) for value in values) and not pa.types.is_nested(type):
            return pc.cast(pa.array([None if value is None else str(value) for value in values], pa.string()), type)
        return pa.array(values, type)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise NodeError(
            "The sample rows do not fit the column “{column}” ({type}): {reason}",
            column=name,
            type=config.columns[name],
            reason=str(error).partition("\n")[0],
            field="rows",
        ) from None
