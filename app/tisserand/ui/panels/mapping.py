"""A list of columns as a table: a row for each column that arrives, with a tick, a new name, a new type and a place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QEvent, QModelIndex, QPersistentModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QBrush, QIcon, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from tisserand.sdk.columns import TYPES
from tisserand.sdk.form import FormField
from tisserand.texts import translate as _
from tisserand.ui.icons import icon
from tisserand.ui.panels.editors import UNSET, Editor, FormContext
from tisserand.ui.panels.inputs import Choices, TakesColumns, moves, same
from tisserand.ui.panels.percolumn import Columns, Entry, entries, written
from tisserand.ui.panels.rows import ListEditor, Maker, small_button
from tisserand.ui.theme import theme

MOST_ROWS = 12
"""So many rows are shown at once; the others are scrolled to."""
ROW = 30
COLUMN, NAME, TYPE = range(3)
SHARES = (0.4, 0.31, 0.29)
"""Of the width; the first has the tick as well."""
Index = QModelIndex | QPersistentModelIndex


class _Cells(QStyledItemDelegate):
    """Cells that show, where nothing is written, what counts then."""

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        if index.column() != TYPE:
            line = QLineEdit(parent)
            line.setAccessibleName(_("New name"))
            return line
        combo = Choices()
        combo.setParent(parent)
        combo.setEditable(True)
        combo.addItems(["", *TYPES])
        combo.setAccessibleName(_("Type"))
        # Return closes the cell by itself; what is picked with the mouse does so now.
        combo.activated.connect(lambda _index: QTimer.singleShot(0, combo, lambda: self._take(combo)))
        return combo

    def _take(self, combo: QComboBox) -> None:
        table = self.parent()
        if not isinstance(table, ColumnTable) or not table.editing:
            return
        self.commitData.emit(combo)
        self.closeEditor.emit(combo, QStyledItemDelegate.EndEditHint.NoHint)

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: Index) -> None:
        text = editor.currentText() if isinstance(editor, QComboBox) else editor.text() if isinstance(editor, QLineEdit) else ""
        model.setData(index, text.strip(), Qt.ItemDataRole.EditRole)

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        super().initStyleOption(option, index)
        roles, colour = option.palette.ColorRole, index.data(Qt.ItemDataRole.ForegroundRole)
        shown = colour.color() if isinstance(colour, QBrush) else theme().colour("text")
        if not index.data(Qt.ItemDataRole.DisplayRole) and index.column() != COLUMN:
            option.text = str(index.data(Qt.ItemDataRole.UserRole) or "")
            shown = theme().colour("muted")
        option.palette.setColor(roles.Text, shown)
        # The selection is a light one: letters keep their colour on it.
        option.palette.setColor(roles.HighlightedText, shown)


class ColumnTable(QTableWidget):
    """The table itself: it shows entries and says what a person did to them."""

    ticked = Signal(int, bool)
    written = Signal(int, int, str)
    moved = Signal(int, int)
    """(row, by)"""

    def __init__(self) -> None:
        super().__init__(0, 3)
        self.setObjectName("mapping")
        self.setHorizontalHeaderLabels([_("Column"), _("New name"), _("Type")])
        self.setItemDelegate(_Cells(self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        triggers = QAbstractItemView.EditTrigger
        self.setEditTriggers(triggers.DoubleClicked | triggers.SelectedClicked | triggers.EditKeyPressed | triggers.AnyKeyPressed)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.itemChanged.connect(self._changed)

    @property
    def editing(self) -> bool:
        return self.state() == QAbstractItemView.State.EditingState

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        width = self.viewport().width()
        for column, share in enumerate(SHARES):
            self.setColumnWidth(column, int(width * share))

    def show_entries(self, shown: Sequence[Entry]) -> None:
        row, column = self.currentRow(), self.currentColumn()
        self.blockSignals(True)
        self.setRowCount(len(shown))
        for place, entry in enumerate(shown):
            self._show_entry(place, entry)
        self.blockSignals(False)
        if shown:
            self.setCurrentCell(min(max(row, 0), len(shown) - 1), max(column, 0))
        edges = self.horizontalHeader().sizeHint().height() + 2 * self.frameWidth()
        self.setFixedHeight(edges + ROW * max(1, min(MOST_ROWS, len(shown))))
        self.viewport().update()

    def _show_entry(self, place: int, entry: Entry) -> None:
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        first = self._cell(place, COLUMN)
        first.setText(entry.column)
        first.setFlags(flags | Qt.ItemFlag.ItemIsUserCheckable)
        first.setCheckState(Qt.CheckState.Checked if entry.kept else Qt.CheckState.Unchecked)
        missing = "" if entry.arrives is not None else _("“{column}” does not arrive.").format(column=entry.column)
        first.setIcon(icon("triangle-alert", "failed") if missing else QIcon())
        first.setData(Qt.ItemDataRole.ForegroundRole, QBrush(theme().colour("failed")) if missing else None)
        first.setData(Qt.ItemDataRole.AccessibleTextRole, missing or None)
        first.setToolTip(missing or f"{entry.column}: {_(entry.arrives or '')}")
        for column, text, instead in ((NAME, entry.name, entry.column), (TYPE, entry.type, _(entry.arrives or ""))):
            cell = self._cell(place, column)
            cell.setText(text)
            cell.setData(Qt.ItemDataRole.UserRole, instead)
            cell.setToolTip(text or instead)
            cell.setFlags(flags | Qt.ItemFlag.ItemIsEditable if entry.kept else flags)

    def _cell(self, row: int, column: int) -> QTableWidgetItem:
        """The one that stands there: it may be the one that is speaking just now."""
        found = self.item(row, column)
        if found is None:
            found = QTableWidgetItem()
            self.setItem(row, column, found)
        return found

    def _changed(self, item: QTableWidgetItem) -> None:
        if item.column() == COLUMN:
            self.ticked.emit(item.row(), item.checkState() == Qt.CheckState.Checked)
        else:
            self.written.emit(item.row(), item.column(), item.text().strip())

    def event(self, event: QEvent) -> bool:
        # F2 names a node elsewhere; here it opens the cell.
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_F2:
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        item, key = self.currentItem(), event.key()
        if item is None or self.editing:
            super().keyPressEvent(event)
        elif moves(event):
            self.moved.emit(item.row(), moves(event))
        elif key == Qt.Key.Key_Space:
            tick = self._cell(item.row(), COLUMN)
            on = tick.checkState() == Qt.CheckState.Checked
            tick.setCheckState(Qt.CheckState.Unchecked if on else Qt.CheckState.Checked)
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and item.flags() & Qt.ItemFlag.ItemIsEditable:
            item.setText("")
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and item.flags() & Qt.ItemFlag.ItemIsEditable:
            self.editItem(item)
        else:
            super().keyPressEvent(event)


class ColumnsEditor(Editor):
    """A list of columns with two faces: the table where columns arrive, and the list of what the config names."""

    def __init__(self, asked: FormField, context: FormContext, make: Maker) -> None:
        super().__init__(asked)
        assert asked.per_column is not None
        self._context = context
        self._per = asked.per_column
        self._config = Columns()
        self._arriving: dict[str, str] = {}
        self.entries: list[Entry] = []
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        self.list = ListEditor(asked, context, make)
        self.list.edited.connect(lambda value: self._tell([] if value is UNSET else value))
        box.addWidget(self.list)
        self.table = ColumnTable()
        self.table.setAccessibleName(_(asked.title))
        box.addWidget(self.table)
        self.missing = QLabel()
        self.missing.setProperty("role", "error")
        self.missing.setWordWrap(True)
        box.addWidget(self.missing)
        row = QHBoxLayout()
        self.up = small_button("chevron-up", _("Move up"), lambda: self._move(self.table.currentRow(), -1))
        self.down = small_button("chevron-down", _("Move down"), lambda: self._move(self.table.currentRow(), 1))
        self.toggle = QPushButton()
        self.toggle.setProperty("quiet", True)
        self.toggle.setCheckable(True)
        self.toggle.clicked.connect(lambda _checked: self._face())
        for part in (self.up, self.down):
            row.addWidget(part)
        row.addStretch(1)
        row.addWidget(self.toggle)
        box.addLayout(row)
        self.table.ticked.connect(lambda row, on: self._change(row, kept=on))
        self.table.written.connect(lambda row, column, text: self._change(row, **{("", "name", "type")[column]: text}))
        self.table.moved.connect(self._move)
        TakesColumns(self.table.viewport(), self._dropped)
        self.table.currentCellChanged.connect(lambda *_cells: self._enable())
        self._face()

    # -- what is shown -------------------------------------------------------------------------------------------------
    def _show(self, value: Any) -> None:
        self.list.show_value(value)

    def look_around(self, values: Mapping[str, Any]) -> None:
        config = Columns(
            tuple(values.get(self.asked.name) or ()),
            tuple(values.get(self._per.drop or "") or ()),
            values.get(self._per.others or ""),
        )
        arriving = dict(self._context.columns(self._per.port))
        known = same(list(arriving.items()), list(self._arriving.items())) and _same(config, self._config)
        if known or self.table.editing:
            return
        self._config, self._arriving = config, arriving
        self._fill(entries(self._per, config, arriving))
        self._face()

    def _fill(self, shown: list[Entry]) -> None:
        self.entries = shown
        self.table.show_entries(shown)
        gone = ", ".join(f"“{entry.column}”" for entry in shown if entry.arrives is None)
        self.missing.setText(_("Columns that do not arrive: {names}").format(names=gone) if gone else "")
        self._enable()

    def _face(self) -> None:
        """The table where there is something to show in it, unless the list is wanted."""
        table = bool(self._arriving) and not self.toggle.isChecked()
        focused = self.isAncestorOf(QApplication.focusWidget() or self)
        self.list.setVisible(not table)
        for part in (self.table, self.up, self.down):
            part.setVisible(table)
        self.missing.setVisible(table and bool(self.missing.text()))
        self.toggle.setVisible(bool(self._arriving))
        self.toggle.setText(_("As a list") if table else _("As a table"))
        self.toggle.setIcon(icon("list" if table else "table", "accent"))
        self.setFocusProxy(self.table if table else self.list.add)
        if focused and not self.toggle.hasFocus():
            self.setFocus()

    def turned(self) -> bool:
        return self.toggle.isChecked()

    def turn(self) -> None:
        self.toggle.setChecked(True)
        self._face()

    def _enable(self) -> None:
        row = self.table.currentRow()
        self.up.setEnabled(self._goal(row, -1) is not None)
        self.down.setEnabled(self._goal(row, 1) is not None)

    # -- what is changed -----------------------------------------------------------------------------------------------
    def _change(self, row: int, **changes: Any) -> None:
        rows = list(self.entries)
        rows[row] = replace(rows[row], **changes)
        self._write(rows)

    def _dropped(self, name: str) -> None:
        """A column that is dropped goes on."""
        row = next((row for row, entry in enumerate(self.entries) if entry.column == name and not entry.kept), None)
        if row is not None:
            self._change(row, kept=True)

    def _goal(self, row: int, by: int) -> int | None:
        """Where a row would move to: only the order of those that go on means anything."""
        goal = row + by
        if not (0 <= row < len(self.entries) and 0 <= goal < len(self.entries)):
            return None
        return goal if self.entries[row].kept else None

    def _move(self, row: int, by: int) -> None:
        goal = self._goal(row, by)
        if goal is None:
            return
        rows = list(self.entries)
        rows.insert(goal, rows.pop(row))
        self._write(rows, ordered=True)
        self.table.setCurrentCell(goal, max(self.table.currentColumn(), 0))

    def _write(self, rows: list[Entry], *, ordered: bool = False) -> None:
        before, config = self._config, written(self._per, self._config, rows, ordered=ordered)
        self._config = config
        # The rows stay where they are under the hand; each knows its place in the list that was written.
        places = {id(entry): place for place, entry in enumerate(_in_list(self._per, config, rows))}
        self._fill([replace(entry, place=places.get(id(entry))) for entry in rows])
        told: dict[str, Any] = {}
        for name, old, new, nothing in (
            (self.asked.name, before.columns, config.columns, ()),
            (self._per.drop, before.drop, config.drop, ()),
            (self._per.others, before.others, config.others, None),
        ):
            if name is not None and not same(old, new):
                told[name] = UNSET if new == nothing else list(new) if isinstance(new, tuple) else new
        if told:
            self.edited_together.emit(told)


def _in_list(asked: Any, config: Columns, rows: Sequence[Entry]) -> list[Entry]:
    """The rows that the list of a config names, in its order."""
    free = [entry for entry in rows if entry.kept]
    found: list[Entry] = []
    for value in config.columns:
        mine = next(entry for entry in free if same(entry.plain(), value))
        free = [entry for entry in free if entry is not mine]
        found.append(mine)
    return found


def _same(one: Columns, other: Columns) -> bool:
    return same(one.columns, other.columns) and same(one.drop, other.drop) and one.others == other.others
