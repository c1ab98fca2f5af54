"""Taking rows along: a value whole, cells to the clipboard, everything to a file; and the menu that offers it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QApplication, QFileDialog, QMenu
from shiboken6 import isValid

from tisserand.model.problem import Problem
from tisserand.texts import msg
from tisserand.texts import translate as _
from tisserand.ui.actions import Actions
from tisserand.ui.canvas.state import number
from tisserand.ui.canvas.state import rows as row_count
from tisserand.ui.panels.asked import AskedRows
from tisserand.ui.panels.cellview import show_cell
from tisserand.ui.panels.origin import Origin
from tisserand.ui.runner import Runner

MOST_COPIED = 100_000
"""Rows that one copy takes."""
MENU = ("copy_cells", "copy_csv", "copy_markdown", "|", "whole_value", "statistics", "sort_rows", "|", "export")
NEED_CELL = frozenset({"copy_cells", "copy_csv", "copy_markdown", "whole_value", "sort_rows"})


class RowsPane(AskedRows):
    """Everything that can be done with rows, wherever they are shown."""

    _moved = Signal(int, int)
    """How far an export has come, from its thread."""

    def __init__(self, runner: Runner, actions: Actions, *, beside: bool = True) -> None:
        super().__init__(runner, actions, beside=beside)
        self._stop_export = False
        self.exporting = False
        self.export_button = self._tool("export")
        self.export_button.clicked.connect(self.export)
        self.bar.stop_asked.connect(self.stop_export)
        self.grid.copy_asked.connect(lambda: self.copy("tsv"))
        self.grid.view_asked.connect(self.view_cell)
        self.grid.menu_asked.connect(self._menu)
        self._moved.connect(self._progress)
        self.changed.connect(self._allow)
        self._recolour()
        self._allow()

    def can(self, id: str) -> bool:
        """Whether an action makes sense now."""
        if self.origin is None or not self.grid.names:
            return False
        if id in NEED_CELL:
            return self.grid.current is not None and self.grid.total > 0 and self.view == "table"
        if id == "select_rows":
            return self.grid.total > 0 and self.view == "table"
        return not self.exporting if id == "export" else True

    def _allow(self) -> None:
        for button, id in (
            *((button, "as_table") for button in self.views.values()),
            (self.filter_button, "filter_rows"),
            (self.find_button, "find_rows"),
            (self.profile_button, "statistics"),
            (self.export_button, "export"),
        ):
            button.setEnabled(self.can(id))

    def _menu(self, place: QPoint) -> None:
        # The actions are those of the whole window: they have to know that it is these rows that are meant.
        self.grid.setFocus()
        self.changed.emit()
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for id in MENU:
            if id == "|":
                menu.addSeparator()
            else:
                menu.addAction(self._actions[id])
        menu.popup(place)

    # -- cells ---------------------------------------------------------------------------------------------------------
    def copy(self, form: str) -> None:
        """The selected cells to the clipboard: `tsv`, `csv` or `markdown`. Whole values, also of rows that were never seen."""
        chosen = self.grid.selected()
        if chosen is None:
            return
        first, left, last, right = chosen
        names, order, where = self.grid.names[left : right + 1], self.grid.order, self.where
        count = min(last - first + 1, MOST_COPIED)

        def work(origin: Origin, executor: Any) -> str:
            from tisserand.ui.panels.copying import as_text, tables

            table = tables(origin.page(executor, first, count, order, where).data)
            columns = [table.column(index).to_pylist() for index in range(left, right + 1)]
            return as_text(list(zip(*columns, strict=True)), names, form)

        def come(text: str) -> None:
            QApplication.clipboard().setText(text)
            if count < last - first + 1:
                self.complain(_("The first {count} rows were copied; export takes them all.").format(count=number(count)))

        self.ask(work, come, kind="copy")

    def view_current(self) -> None:
        if self.grid.current is not None:
            self.view_cell(*self.grid.current)

    def view_cell(self, row: int, column: int) -> None:
        """One value, whole."""
        order, where = self.grid.order, self.where
        if column >= len(self.grid.names):
            return
        name, type = self.grid.names[column], self.grid.types[column]

        def work(origin: Origin, executor: Any) -> Any:
            from tisserand.ui.panels.copying import tables

            return tables(origin.page(executor, row, 1, order, where).data).column(column)[0].as_py()

        self.ask(work, lambda value: show_cell(self.window(), name, type, row, value), kind="value")

    # -- files ---------------------------------------------------------------------------------------------------------
    def export(self) -> None:
        """Ask for a file, and write all rows to it that are shown, in their order."""
        from tisserand.ui.panels.copying import FORMATS

        if self.origin is None or self.exporting:
            return
        kinds = ";;".join(f"{name} (*{ending})" for ending, name in FORMATS.items())
        start = str((self._runner.root or Path.home()) / f"{self.origin.node}.csv")
        chosen, kind = QFileDialog.getSaveFileName(self, _("Export the rows"), start, kinds)
        if chosen:
            ending = next((each for each in FORMATS if f"*{each}" in kind), ".csv")
            target = Path(chosen)
            self.export_to(target if target.suffix.lower() in FORMATS else target.with_name(target.name + ending))

    def export_to(self, target: Path) -> None:
        """It goes on whatever is shown meanwhile."""
        origin, order, where = self.origin, self.grid.order, self.where
        if origin is None or self.exporting:
            return
        self._stop_export = False
        self._show_export(True)
        self.complain("")

        def work(executor: Any) -> int | None:
            return _written(
                target, lambda offset, limit: origin.page(executor, offset, limit, order, where), self._tell_moved, self._stopped
            )

        def come(count: int | None) -> None:
            if isValid(self):
                self._show_export(False)
                text = _("The export was stopped; nothing was written.")
                if count is not None:
                    text = _("{rows} written to {file}").format(rows=row_count(count), file=target.name)
                self.complain(text)

        def failed(problems: list[Problem]) -> None:
            if isValid(self):
                self._show_export(False)
                self.complain("\n".join(problem.message.text() for problem in problems))

        self._runner.ask(work, come, failed)

    def _show_export(self, under_way: bool) -> None:
        self.exporting = under_way
        self.bar.export(under_way)
        self.changed.emit()

    def stop_export(self) -> None:
        self._stop_export = True

    def _stopped(self) -> bool:
        """In the thread of an export: whether it shall go no further. Nobody waits for it where its window has gone."""
        return self._stop_export or not isValid(self)

    def _tell_moved(self, done: int, total: int) -> None:
        if isValid(self):
            self._moved.emit(done, total)

    def _progress(self, done: int, total: int) -> None:
        self.bar.progress.setRange(0, max(total, 1))
        self.bar.progress.setValue(done)


def _written(target: Path, page: Any, told: Any, stopped: Any) -> int | None:
    """In a thread: the number of rows written, None where it was stopped. What goes wrong is a sentence."""
    from tisserand.sdk.errors import NodeError
    from tisserand.ui.panels.copying import StoppedError, TooManyError, export

    try:
        return export(page, target, told, stopped)
    except StoppedError:
        return None
    except TooManyError:
        raise NodeError(msg("A sheet of Excel holds at most 1,048,575 rows. Export to CSV or Parquet.")) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise NodeError(msg("“{file}” cannot be written: {reason}.", file=target.name, reason=reason)) from None
