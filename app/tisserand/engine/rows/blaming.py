"""Where an event failed: the ports of a chain are tried one after the other, each condition and column by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tisserand.engine.rows.running import Machine
from tisserand.engine.rows.stages import Stage, Table
from tisserand.engine.rows.values import MISSING, Cells
from tisserand.sdk.errors import NodeError


class Steps:
    """The tables of a chain in order, each with its node. Made when something has failed, and not for the events that do not."""

    def __init__(self, first: Stage, tables: Sequence[tuple[str, Table]]) -> None:
        self._tables = tables
        Machine(first, [table for _, table in tables])  # makes the closures

    def failing(self, row: tuple[Any, ...]) -> tuple[str, str | None, NodeError] | None:
        """The first node that fails for this row, the column (None: a condition), and how; None where all goes well."""
        for node, table in self._tables:
            column: str | None = None
            try:
                for cells in _cells(table, row):
                    column = None
                    if not _holds(table, cells):
                        continue
                    for column, value in table.columns.items():  # noqa: B007 - told where it fails
                        value.closure(cells)
            except NodeError as error:
                return node, column, error
        return None


def _holds(table: Table, cells: Cells) -> bool:
    return all(condition.closure(cells) for condition in table.conditions)


def _cells(table: Table, row: tuple[Any, ...]) -> Iterator[Cells]:
    """What the closures of a table see for a row of the source: several times where lists became rows."""
    blank = [MISSING] * (table.stage.places - table.stage.width)
    before = table.before
    if before is None:
        yield [*row, *blank]
        return
    for cells in _cells(before.table, row):
        if not _holds(before.table, cells):
            continue
        whole = [value.closure(cells) for value in before.table.columns.values()]
        found = before.entries.closure(cells)
        if found:
            for place, entry in enumerate(found):
                yield [*whole, entry, place, *blank]
        elif before.keep_empty:
            yield [*whole, None, None, *blank]
