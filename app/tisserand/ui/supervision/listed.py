"""Rows of a table that are taken as they come: where only cells changed, nothing is laid anew."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, Qt

from tisserand.ui.supervision.table import KEY, ROLE, SHADE, SIGN, Column, Index, Table, head_data


@dataclass(frozen=True, slots=True)
class Cell:
    """What one cell shows."""

    text: str = ""
    sign: str | None = None
    shade: str | None = None
    more: str = ""
    """The tooltip."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row: what it stands for, its cells, and how a screen reader tells it (its cells, where empty)."""

    key: Hashable
    item: Any = field(compare=False)
    cells: tuple[Cell, ...]
    spoken: str = ""


class Listed(QAbstractTableModel):
    """A model of lines."""

    def __init__(self, columns: Sequence[Column]) -> None:
        super().__init__()
        self.columns = tuple(columns)
        self.lines: list[Line] = []

    def take(self, lines: Sequence[Line]) -> None:
        """Show these."""
        new = list(lines)
        if [line.key for line in new] != [line.key for line in self.lines]:
            self.beginResetModel()
            self.lines = new
            self.endResetModel()
            return
        for row, line in enumerate(new):
            changed = line != self.lines[row]
            self.lines[row] = line
            if changed:
                self.dataChanged.emit(self.index(row, 0), self.index(row, len(self.columns) - 1))

    def put(self, at: int, lines: Sequence[Line]) -> None:
        """Show these from row `at` on; the others stay. At the end they are added: nothing moves."""
        new = list(lines)
        if at == len(self.lines):
            if new:
                self.beginInsertRows(QModelIndex(), at, at + len(new) - 1)
                self.lines.extend(new)
                self.endInsertRows()
            return
        before = self.lines[at : at + len(new)]
        if [line.key for line in new] != [line.key for line in before]:
            self.take([*self.lines[:at], *new, *self.lines[at + len(new) :]])
            return
        for row, (line, was) in enumerate(zip(new, before, strict=True), at):
            self.lines[row] = line
            if line != was:
                self.dataChanged.emit(self.index(row, 0), self.index(row, len(self.columns) - 1))

    def row_of(self, key: Hashable) -> int | None:
        return next((row for row, line in enumerate(self.lines) if line.key == key), None)

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.lines)

    def columnCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = ROLE.DisplayRole) -> Any:
        return head_data(self.columns, section, orientation, role)

    def data(self, index: Index, role: int = ROLE.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.lines):
            return None
        line, column = self.lines[index.row()], index.column()
        cell = line.cells[column]
        if role == KEY:
            return line.item
        if role == ROLE.DisplayRole:
            return cell.text
        if role == ROLE.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignRight if self.columns[column].right else Qt.AlignmentFlag.AlignLeft
        if role == ROLE.AccessibleTextRole:
            if column:
                return cell.text
            return line.spoken or ", ".join(each.text for each in line.cells if each.text)
        if role == ROLE.ToolTipRole:
            return cell.more or None
        if role == SIGN:
            return cell.sign
        if role == SHADE:
            return cell.shade
        return None


def follow(table: Table, model: Listed, chosen: Callable[[], object]) -> None:
    """Put a model into a table. The rows that were chosen stay so when rows come or go; `chosen` is called when others are."""
    table.setModel(model)
    kept: list[Hashable] = []
    current: list[Hashable] = []
    place: list[int] = [0]

    def note() -> None:
        rows = table.selectionModel().selectedRows()
        kept[:] = [model.lines[index.row()].key for index in rows]
        now = table.currentIndex()
        current[:] = [model.lines[now.row()].key] if now.isValid() else []
        place[0] = max(0, now.row())

    def again() -> None:
        if not model.lines:
            chosen()
            return
        at = model.row_of(current[0]) if current else None
        # What was chosen is gone: the next one in its place is.
        table.setCurrentIndex(model.index(min(place[0], len(model.lines) - 1) if at is None else at, 0))
        selection = table.selectionModel()
        for key in kept:
            row = model.row_of(key)
            if row is not None:
                selection.select(model.index(row, 0), selection.SelectionFlag.Select | selection.SelectionFlag.Rows)
        chosen()

    model.modelAboutToBeReset.connect(note)
    model.modelReset.connect(again)
    table.selectionModel().selectionChanged.connect(lambda _on, _off: chosen())
