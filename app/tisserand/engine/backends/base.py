"""What the engine asks of a backend: compile a node, run a query into a file or into batches, interrupt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from tisserand.engine.resolve import Port, Resolution
from tisserand.model.schema import Schema
from tisserand.sdk.node import FileSink, Scan

if TYPE_CHECKING:
    import pyarrow as pa

Base = Path | Scan
"""Where the rows of a port stand already: a Parquet spool, or a file that the backend scans."""


@dataclass(frozen=True)
class Table:
    """A table that the backend's connection holds."""

    name: str


@dataclass(frozen=True)
class Query:
    """One fused query: the rows of `port`, computed over `bases` through the lazy nodes between."""

    resolution: Resolution
    port: Port
    bases: Mapping[Port, Base | Table]

    def exact(self) -> Query:
        """The same with scans that take whole numbers of any width: slower, and no second try is needed."""
        exact = {
            port: replace(base, whole="exact") if isinstance(base, Scan) and base.whole else base
            for port, base in self.bases.items()
        }
        return Query(self.resolution, self.port, exact)


class Backend(Protocol):
    """One backend, opened for one run. Its methods may be called from several threads."""

    def sql(self, query: Query) -> str:
        """The text of the fused query (for `explain`)."""

    def spool(self, query: Query, path: Path, compression: Literal["lz4", "zstd"]) -> int:
        """Write the rows to a Parquet file; gives their number."""

    def sink(self, query: Query, sink: FileSink, path: Path) -> int:
        """Write the rows to a file of the sink's format at `path`; gives their number."""

    def batches(self, query: Query, column: str | None = None) -> Iterator[pa.RecordBatch]:
        """Stream the rows, or one column of them."""

    def distinct(self, query: Query, column: str, longest: int, most: int) -> list[str]:
        """The distinct values of a column as texts of at most `longest` letters, in their order, at most `most`; no NULL. Whole
        numbers have no decimals, whatever type the column has."""

    def scan_with_rejects(self, scan: Scan, schema: Schema, rows: Path, rejects: Path) -> tuple[int, int]:
        """Read a file into a spool, the rows that cannot be read into another; gives both numbers."""

    def value(self, relation: Any, tables: Mapping[str, Path | None]) -> Any:
        """The single value of an Ibis relation over Parquet files (None: a table of one row)."""

    def progress(self) -> Mapping[int, float]:
        """How much of the queries under way is done, 0–1, by the thread that asked for them; those that write a file, where the
        backend knows."""

    def interrupt(self, thread: int | None = None) -> None:
        """Stop what runs (only what `thread` asked for); the calls under way raise."""

    def close(self) -> None: ...
