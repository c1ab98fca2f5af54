"""For each row: run a flow once for every row that arrives."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from tisserand.sdk import (
    Column,
    Config,
    Control,
    ControlContext,
    Formula,
    In,
    NodeError,
    Out,
    Outcome,
    Picks,
    Schema,
    msg,
)
from tisserand.sdk.columns import free_name
from tisserand.sdk.sessions import SESSION
from tisserand_nodes.flow.call import failure

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_PORTS = ("results", "failed")
_WRITTEN_TOGETHER = 500


class ForEachConfig(Config):
    flow: Annotated[str, Field(min_length=1), Picks("flow")]
    """The flow to run for each row."""
    parameters: dict[str, Annotated[Formula, Picks("column", port="items")]] = Field(default_factory=dict)
    """Its parameters, each as a formula over the columns of the row and this flow's parameters: `file_name`, `$month`, `'FR'`."""
    on_error: Literal["stop", "continue"] = "stop"
    """When a run fails: stop at once, or go on with the next row and hand the row to `Failed`."""


class ForEach(Control[ForEachConfig]):
    """Run another flow once for every row that arrives, one after the other, with values of the row as its parameters.

    `Done` carries the rows whose run was done, `Failed` those whose run failed; both with the id of the run, its state and its
    error. After a restart only the rows that are left are run.
    """

    kind, title, icon = "flow.for_each", "For each row", "repeat"
    inputs = (In("items", "Rows"),)
    outputs = (Out("results", "Done"), Out("failed", "Failed"))

    def check(self, config: ForEachConfig, schemas: Mapping[str, Schema]) -> Iterable[NodeError]:
        from tisserand.sdk.formulas import formula_type

        columns = {column.name: column.type for column in schemas["items"]}
        for name, formula in config.parameters.items():
            try:
                formula_type(formula, columns, formula.parameters)
            except NodeError as error:
                error.field = f"parameters.{name}"
                yield error

    def output(self, config: ForEachConfig, schemas: Mapping[str, Schema]) -> Mapping[str, Schema]:
        items = schemas["items"]
        return dict.fromkeys(_PORTS, Schema((*items.columns, *(Column(name, "string") for name in _told(items.names)))))

    def run(self, ctx: ControlContext, config: ForEachConfig) -> Outcome:
        files: dict[str, Path] = {}
        with contextlib.ExitStack() as stack:
            written: dict[str, _Rows] = {}
            number = 0
            for batch in ctx.rows("items"):
                if not written:
                    files = {port: ctx.temporary(f"{port}.parquet") for port in _PORTS}
                    written = {port: stack.enter_context(_Rows(path, batch.schema)) for port, path in files.items()}
                for index, parameters in enumerate(_parameters(batch, config)):
                    number += 1
                    result = ctx.run_flow(config.flow, parameters, {}, label=str(number))
                    done = result["state"] == "done"
                    if not done and config.on_error == "stop":
                        error = failure(config.flow, result)
                        error.row = number
                        raise error
                    reason = result.get("error")
                    if not done:
                        ctx.log(msg("Row {number} failed: {reason}", number=number, reason=reason), "warning")
                    told = (str(result["run"]), str(result["state"]), None if reason is None else str(reason))
                    written["results" if done else "failed"].add(batch.slice(index, 1), told)
                    ctx.progress(rows=1)
        return Outcome(passes=files)


def _told(names: Iterable[str]) -> list[str]:
    taken = list(names)
    for name in ("run", "state", "error"):
        taken.append(free_name(name, taken))
    return taken[-3:]


def _parameters(batch: pa.RecordBatch, config: ForEachConfig) -> Iterator[dict[str, Any]]:
    """The parameters of each row's run, computed for a batch at a time."""
    if not config.parameters:
        yield from ({} for _ in range(batch.num_rows))
        return
    import ibis
    import pyarrow as pa

    connection = ibis.duckdb.connect(enable_external_access=False, threads=1)
    try:
        connection.con.execute(SESSION)
        connection.con.register("items", pa.Table.from_batches([batch]))
        items = connection.table("items")
        wanted = items.select([formula.on(items).name(name) for name, formula in config.parameters.items()])
        rows: list[dict[str, Any]] = connection.to_pyarrow(wanted).to_pylist()
    finally:
        connection.disconnect()
    yield from rows


class _Rows:
    """A Parquet file of rows with what became of them, written some at a time."""

    def __init__(self, path: Path, items: pa.Schema) -> None:
        import pyarrow as pa

        told = [pa.field(name, pa.string()) for name in _told(items.names)]
        self._schema = pa.schema([*items, *told])
        self._path = path
        self._waiting: list[pa.RecordBatch] = []
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> _Rows:
        import pyarrow.parquet as pq

        self._writer = pq.ParquetWriter(self._path, self._schema, compression="zstd")
        return self

    def add(self, row: pa.RecordBatch, told: tuple[str | None, ...]) -> None:
        import pyarrow as pa

        columns = [*row.columns, *(pa.array([value], pa.string()) for value in told)]
        self._waiting.append(pa.RecordBatch.from_arrays(columns, schema=self._schema))
        if len(self._waiting) >= _WRITTEN_TOGETHER:
            self._write()

    def _write(self) -> None:
        import pyarrow as pa

        assert self._writer is not None
        self._writer.write_table(pa.Table.from_batches(self._waiting, schema=self._schema).combine_chunks())
        self._waiting.clear()

    def __exit__(self, *error: object) -> None:
        if self._waiting:
            self._write()
        if self._writer is not None:
            self._writer.close()
