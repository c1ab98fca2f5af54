"""Loads what checks and data pages need, before anybody asks for it: loading a library holds up its whole process for a moment."""

from __future__ import annotations

import importlib

from tisserand.sdk.without_pandas import spare_pandas


def warm() -> None:
    """To be called in a thread, in a moment when nobody minds."""
    spare_pandas()
    for name in ("ibis.backends.duckdb", "pyarrow.parquet", "tisserand.engine.check", "tisserand.engine.pages"):
        importlib.import_module(name)
