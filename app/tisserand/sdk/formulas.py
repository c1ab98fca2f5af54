"""From a formula to a typed Ibis expression over the columns of one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ibis


def compile_formula(text: str, table: ibis.Table, parameters: Mapping[str, Any]) -> ibis.Value:
    """Compile `text` against the columns of `table`; `$name` takes its typed value from `parameters`."""
    raise NotImplementedError
