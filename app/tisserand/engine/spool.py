"""Spools: the rows of one port as a Parquet file of the run, there whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tisserand.engine import types
from tisserand.engine.resolve import Port
from tisserand.files import sync
from tisserand.model.schema import Schema
from tisserand.sdk.errors import NodeError
from tisserand.sdk.node import REJECTS
from tisserand.texts import Message

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


class Spools:
    """The spool folder of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, port: Port) -> Path:
        return self.folder / f"{port[0]}.{port[1]}.parquet"

    @contextmanager
    def writing(self, port: Port) -> Iterator[Path]:
        """A temporary path; put into place, durable, on leaving without an error."""
        final = self.path(port)
        part = final.with_suffix(".part")
        part.unlink(missing_ok=True)
        try:
            yield part
            sync(part)
            part.replace(final)
        finally:
            part.unlink(missing_ok=True)

    def link(self, port: Port, source: Path) -> None:
        """Take a file that was just written elsewhere as a spool: by a hard link, so that a later replacement leaves it alone."""
        import shutil

        final = self.path(port)
        final.unlink(missing_ok=True)
        try:
            os.link(source, final)
        except OSError:
            shutil.copyfile(source, final)

    def write(self, port: Port, schema: Schema, batches: Iterable[pa.RecordBatch], compression: str = "zstd") -> int:
        """Write batches; gives the number of rows."""
        with self.writing(port) as part, SpoolWriter(part, schema, compression) as writer:
            for batch in batches:
                writer.write(batch)
        return writer.rows

    def write_rows(self, port: Port, schema: Schema, rows: Iterable[Mapping[str, Any]]) -> int:
        """Write a few rows given as mappings."""
        import pyarrow as pa

        arrow = types.to_arrow(schema)
        listed = [{name: row.get(name) for name in schema.names} for row in rows]
        return self.write(port, schema, pa.Table.from_pylist(listed, schema=arrow).to_batches())


class SpoolWriter:
    """Appends batches to one Parquet file; batches are cast to the promised columns, or refused with a sentence."""

    def __init__(self, path: Path, schema: Schema, compression: str = "zstd") -> None:
        self.path = path
        self.schema = types.to_arrow(schema)
        self.rows = 0
        self.compression = compression
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> SpoolWriter:
        import pyarrow.parquet as pq

        self._writer = pq.ParquetWriter(self.path, self.schema, compression=self.compression)
        return self

    def __exit__(self, *_error: object) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def write(self, batch: pa.RecordBatch) -> None:
        assert self._writer is not None
        self._writer.write_batch(fitted(batch, self.schema), row_group_size=122_880)
        self.rows += batch.num_rows


def fitted(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch with exactly these columns and types; raises `NodeError` where it cannot be."""
    import pyarrow as pa

    if batch.schema.equals(schema):
        return batch
    if batch.schema.names != schema.names:
        missing = [name for name in schema.names if name not in batch.schema.names]
        extra = [name for name in batch.schema.names if name not in schema.names]
        if missing or extra:
            raise NodeError(
                "The rows have other columns than promised: missing {missing}, unexpected {extra}.",
                missing=missing or ["–"], extra=extra or ["–"],
            )  # fmt: skip
        batch = batch.select(schema.names)
    try:
        return batch.cast(schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        wrong = [f"{a.name}: {a.type} → {b.type}" for a, b in zip(batch.schema, schema, strict=True) if a.type != b.type]
        raise NodeError(
            "The rows do not have the promised types ({columns}): {reason}", columns=wrong, reason=str(error)
        ) from None


class RejectSpool:
    """Collects rejected rows of one node, a few hundred at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self._held: list[dict[str, str]] = []
        self._writer: SpoolWriter | None = None

    def add(self, row: Any, error: Message | str, place: str) -> None:
        text = row if isinstance(row, str) else json.dumps(row, ensure_ascii=False, default=str)
        self._held.append({"row": text, "error": str(error), "place": place})
        self.rows += 1
        if len(self._held) >= 500:
            self.flush()

    def flush(self) -> None:
        import pyarrow as pa

        if self._writer is None:
            self._writer = SpoolWriter(self.path, REJECTS).__enter__()
        for batch in pa.Table.from_pylist(self._held, schema=self._writer.schema).to_batches():
            self._writer.write(batch)
        self._held.clear()

    def close(self) -> None:
        """Finish the file; an empty one is written too, so that followers find their columns."""
        self.flush()
        if self._writer is not None:
            self._writer.__exit__()
            self._writer = None

    def abandon(self) -> None:
        if self._writer is not None:
            self._writer.__exit__()
            self._writer = None
        self.path.unlink(missing_ok=True)
