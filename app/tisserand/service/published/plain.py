"""Typed rows as the plain JSON values that an event of a run is made of, and rows of a run as values."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from tisserand.model.schema import Schema


def plain_rows(schema: Schema, rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    """As `Arrived.row` has them."""
    return [{name: _plain(value) for name, value in zip(schema.names, row, strict=True)} for row in rows]


def _plain(value: Any) -> Any:
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return value


def rows_of_file(path: Path, columns: Schema) -> list[tuple[Any, ...]]:
    """The rows of a Parquet file, in the order of the columns."""
    import pyarrow.parquet as pq

    table = pq.read_table(path).select(list(columns.names))
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True)) if table.num_rows else []
