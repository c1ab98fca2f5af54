"""What every file writer shares: create or replace or append, the preview of the effect, and COPY on a private DuckDB."""

from __future__ import annotations

import filecmp
import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tisserand.sdk import Context, Effect, NodeError, Schema
from tisserand.sdk.arrow import to_arrow
from tisserand.sdk.scan import literal
from tisserand_nodes.file.duck import private

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLES = 5


def check_target(ctx: Context, text: str, *, create: bool) -> Path:
    """The final path; raises a sentence where a file cannot or must not be written."""
    if not text.strip():
        raise NodeError("No file is named.", fix="Choose a file to write.", field="path")
    path = ctx.path(text)
    if path.is_dir():
        raise NodeError("“{path}” is a folder, a file is needed.", path=text, field="path", fix="Add a file name.")
    if create and path.exists():
        raise NodeError(
            "The file “{path}” exists already.", path=text, field="mode", fix="Choose another name, or let the file be replaced."
        )
    blocking = next((parent for parent in path.parents if parent.exists() and not parent.is_dir()), None)
    if blocking is not None:
        raise NodeError("“{path}” is a file where a folder is needed.", path=blocking.name, field="path")
    return path


def copy_to(
    path: Path, schema: Schema, batches: Iterator[pa.RecordBatch], options: dict[str, Any], ctx: Context, columns: str = "*"
) -> int:
    """Write batches to a file by COPY, streamed; gives the number of rows. `columns` is the SELECT list."""
    import pyarrow as pa

    def counted() -> Iterator[pa.RecordBatch]:
        for batch in batches:
            ctx.progress(rows=batch.num_rows)
            yield batch

    reader = pa.RecordBatchReader.from_batches(to_arrow(schema), counted())
    listed = ", ".join(f"{name} {_option(value)}" for name, value in options.items())
    with private() as connection:
        connection.register("rows", reader)
        # Made of literals and quoted names; COPY takes no bound parameters.
        found = connection.execute(f"COPY (SELECT {columns} FROM rows) TO {literal(str(path))} ({listed})").fetchone()  # noqa: S608
    return int(found[0]) if found else 0


def _option(value: Any) -> str:
    """COPY takes a list of columns in round brackets, and nothing else."""
    if isinstance(value, tuple):
        return "(" + ", ".join('"' + name.replace('"', '""') + '"' for name in value) + ")"
    return literal(value)


def start_with(existing: Path, target: Path) -> None:
    """Begin a target with what its file holds already; the copy is made block by block."""
    if existing.exists():
        shutil.copyfile(existing, target)


def effect(
    ctx: Context,
    final: Path,
    where: str,
    batches: Iterator[pa.RecordBatch],
    *,
    append: bool,
    rows_of: Callable[[Path], int],
    write: Callable[[Path, Iterator[pa.RecordBatch]], int],
) -> Effect:
    """What writing would change: the new content is written to a temporary file and compared."""
    samples: list[dict[str, Any]] = []

    def watched() -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if len(samples) < SAMPLES:
                samples.extend(batch.slice(0, SAMPLES - len(samples)).to_pylist())
            yield batch

    trial = ctx.temporary(f"plan-{ctx.node}-{final.name}")
    trial.parent.mkdir(parents=True, exist_ok=True)
    try:
        rows = write(trial, watched())
        if append or not final.exists():
            return Effect(insert=rows, samples={"insert": samples}, where=where)
        if filecmp.cmp(trial, final, shallow=False):
            return Effect(unchanged=rows, samples={"unchanged": samples}, where=where)
        return Effect(insert=rows, delete=rows_of(final), samples={"insert": samples}, where=where)
    finally:
        trial.unlink(missing_ok=True)


def counted_by(sql: str) -> int:
    """A count by DuckDB; 0 where the old file is none that it can read (it is replaced anyway)."""
    import duckdb

    with private() as connection:
        try:
            found = connection.execute(sql).fetchone()
        except duckdb.Error:
            return 0
    return int(found[0]) if found else 0


def peeked(batches: Iterator[pa.RecordBatch]) -> tuple[pa.Schema | None, Iterator[pa.RecordBatch]]:
    """The schema of the first batch (None without one), and all batches."""
    first = next(batches, None)
    return (None, iter(())) if first is None else (first.schema, itertools.chain([first], batches))
