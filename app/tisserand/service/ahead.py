"""Questions about the rows of a look ahead: the same as about the rows that a run kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tisserand.service.protocol import Page


@contextmanager
def _kept(data: bytes) -> Iterator[Path]:
    """The rows as a file for as long as one question takes: there are few of them, and nothing is left to tidy up."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with TemporaryDirectory(prefix="tisserand-") as folder:
        path = Path(folder) / "rows.parquet"
        with pa.ipc.open_stream(data) as reader:
            pq.write_table(reader.read_all(), path)
        yield path


def rows(data: bytes, offset: int, limit: int, order: str | None = None, where: str | None = None) -> Page:
    """Some of the rows of `data` (an Arrow IPC stream, as `Page.data`) that fit, and how many fit in all."""
    import pyarrow as pa

    from tisserand.engine import edges

    with _kept(data) as path:
        table, total = edges.rows(path, offset, limit, order, where)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return Page(bytes(sink.getvalue()), total, offset)


def find(
    data: bytes, text: str, start: int, back: bool, order: str | None = None, where: str | None = None
) -> tuple[int, int] | None:
    """As `Executor.find`."""
    from tisserand.engine import edges

    with _kept(data) as path:
        return edges.find(path, text, start, back, order, where)


def profile(data: bytes, column: str, where: str | None = None) -> Mapping[str, Any]:
    """As `Executor.profile`."""
    from tisserand.engine import edges

    with _kept(data) as path:
        return edges.profile(path, column, where)
