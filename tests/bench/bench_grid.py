"""A page further in 2 million rows: our painted grid beside Qt's own table view over the same Arrow table, interleaved."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pyarrow as pa
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QApplication, QTableView

from tisserand.service.protocol import Page
from tisserand.ui.app import application
from tisserand.ui.panels.cells import cells
from tisserand.ui.panels.grid import PAGE, Grid
from tisserand.ui.theme import theme

COLUMNS = 12
BUDGET = 15.0
"""Milliseconds for a page."""


def made_table(rows: int) -> pa.Table:
    import pyarrow.compute as pc

    base = pa.array(range(rows), pa.int64())
    parts: dict[str, Any] = {"id": base}
    for number in range(1, COLUMNS):
        value = pc.multiply(base, number)
        parts[f"column {number}"] = (
            pc.cast(value, pa.string()) if number % 3 == 0 else pc.divide(pc.cast(value, pa.float64()), 7.0)
        )
    return pa.table(parts)


class Model(QAbstractTableModel):
    """What one writes first: each cell taken out of the Arrow table when the view asks for it."""

    def __init__(self, table: pa.Table) -> None:
        super().__init__()
        self._columns = [table.column(index).combine_chunks() for index in range(table.num_columns)]
        self._names = table.column_names
        self._rows = table.num_rows

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex | None = None) -> int:
        return self._rows

    def columnCount(self, parent: QModelIndex | QPersistentModelIndex | None = None) -> int:
        return len(self._columns)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return str(self._columns[index.column()][index.row()].as_py())


def spent(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    QApplication.processEvents()
    return (time.process_time() - before) * 1000


def main(rows: int = 2_000_000, rounds: int = 40) -> dict[str, Any]:
    made = application(["bench"])
    theme().apply(made, "light")
    table = made_table(rows)
    grid = Grid()
    grid.resize(1280, 400)

    def fetch(page: int) -> None:
        # As the executor gives it: an Arrow stream, made into texts here.
        part = table.slice(page * PAGE, PAGE)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, part.schema) as writer:
            writer.write_table(part)
        grid.take(cells(Page(bytes(sink.getvalue()), table.num_rows, page * PAGE)))

    grid.wanted.connect(fetch)
    fetch(0)
    grid.show()
    view = QTableView()
    view.setModel(Model(table))
    view.resize(1280, 400)
    view.show()
    QApplication.processEvents()
    ours: list[float] = []
    theirs: list[float] = []
    for index in range(rounds):
        row = (index * 48_611) % (rows - 100)
        ours.append(spent(lambda row=row: grid.verticalScrollBar().setValue(row)))  # type: ignore[misc]
        theirs.append(spent(lambda row=row: view.verticalScrollBar().setValue(row)))  # type: ignore[misc]
    one, other = statistics.median(ours), statistics.median(theirs)
    missed = "" if one < BUDGET else " MISSED"
    text = (
        f"{rows:,} rows × {COLUMNS} columns, a page somewhere else, {rounds} times, interleaved, CPU ms (p50): our grid {one:.1f} "
        f"(budget {BUDGET:.0f}){missed}, QTableView {other:.1f}; ratio {one / other:.2f}."
    )
    print(text)
    grid.close()
    view.close()
    return {"title": "Grid", "text": text}


if __name__ == "__main__":
    main()
