"""The data pane: the rows of one output of the last run; filter, find, statistics, copies, export; and a sentence without rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QStackedLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from tisserand.model.flow import Out
from tisserand.model.problem import Problem
from tisserand.texts import msg
from tisserand.texts import translate as _
from tisserand.ui.canvas.state import number, rows
from tisserand.ui.icons import icon
from tisserand.ui.panels.cellview import show_cell
from tisserand.ui.panels.grid import PAGE, Grid
from tisserand.ui.panels.profile import ProfilePanel
from tisserand.ui.runner import Runner
from tisserand.ui.theme import mono, theme

MOST_COPIED = 100_000
"""Rows that one copy takes."""


class DataPane(QWidget):
    """Shows one edge. `show_edge` is called with what is selected."""

    _moved = Signal(int, int)
    """How far an export has come, from its thread."""

    def __init__(self, runner: Runner) -> None:
        super().__init__()
        self._runner = runner
        self._edge: tuple[str, str, str] | None = None
        """Run, node, port."""
        self._title = ""
        self.where: str | None = None
        """The formula that the rows shown fit."""
        self._all = 0
        """How many rows there are without it."""
        self._stop_export = False
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        self._head = QWidget()
        self._make_head()
        box.addWidget(self._head)
        self._bar = QWidget()
        self._make_bar()
        box.addWidget(self._bar)
        self._stack = QStackedLayout()
        holder = QWidget()
        holder.setLayout(self._stack)
        self.profile = ProfilePanel()
        beside = QHBoxLayout()
        beside.setContentsMargins(0, 0, 0, 0)
        beside.setSpacing(0)
        beside.addWidget(holder, 1)
        beside.addWidget(self.profile)
        box.addLayout(beside, 1)
        self.grid = Grid()
        self.grid.wanted.connect(self._fetch)
        self.grid.sort_asked.connect(self.sort_by)
        self.grid.profile_asked.connect(self.show_profile)
        self.grid.copy_asked.connect(lambda: self.copy("tsv"))
        self.grid.view_asked.connect(self.view_cell)
        self.grid.menu_asked.connect(self._menu)
        self.grid.setToolTip(_("Click a column’s name to sort by it (or press S)."))
        self.said = QLabel()
        self.said.setProperty("role", "muted")
        self.said.setWordWrap(True)
        self.said.setContentsMargins(14, 12, 14, 14)
        quiet = QWidget()
        under = QVBoxLayout(quiet)
        under.setContentsMargins(0, 0, 0, 0)
        under.addWidget(self.said)
        under.addStretch(1)
        self.text = QPlainTextEdit()
        self.text.setObjectName("rows")
        self.text.setReadOnly(True)
        self.text.setFont(mono())
        self.text.setFrameShape(QPlainTextEdit.Shape.NoFrame)
        self._stack.addWidget(quiet)
        self._stack.addWidget(self.grid)
        self._stack.addWidget(self.text)
        self._moved.connect(self._progress)
        theme().changed.connect(self._recolour)
        self._recolour()
        for keys, call in (("Ctrl+F", self.ask_find), ("Ctrl+Shift+F", self.ask_filter), ("Ctrl+E", self.export)):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(call)
        self.say(_("Run the flow, then select a card or a wire: its rows appear here."))

    # -- parts ---------------------------------------------------------------------------------------------------------
    def _make_head(self) -> None:
        head = QHBoxLayout(self._head)
        head.setContentsMargins(14, 5, 10, 5)
        head.setSpacing(6)
        self.title = QLabel()
        self.title.setProperty("role", "heading")
        head.addWidget(self.title)
        self.ports = QComboBox()
        self.ports.setAccessibleName(_("Output to show"))
        self.ports.activated.connect(lambda _index: self._choose())
        head.addWidget(self.ports)
        head.addStretch(1)
        self.views: dict[str, QToolButton] = {}
        self._tools: list[tuple[QToolButton, str]] = []
        for id, sign, tip in (
            ("table", "table", _("As a table")),
            ("schema", "columns-3", _("Columns and types")),
            ("json", "braces", _("As JSON")),
        ):
            button = self._tool(sign, tip)
            button.setCheckable(True)
            button.setChecked(id == "table")
            button.clicked.connect(lambda _checked=False, chosen=id: self.show_view(chosen))
            self.views[id] = button
            head.addWidget(button)
        line = QWidget()
        line.setFixedWidth(8)
        head.addWidget(line)
        self.filter_button = self._tool("filter", _("Filter by a formula (Ctrl+Shift+F)"))
        self.filter_button.clicked.connect(self.ask_filter)
        self.find_button = self._tool("search", _("Find a text (Ctrl+F)"))
        self.find_button.clicked.connect(self.ask_find)
        self.profile_button = self._tool("chart-column", _("Statistics of the column (I)"))
        self.profile_button.clicked.connect(lambda: self.show_profile(None))
        self.export_button = self._tool("download", _("Export these rows to a file (Ctrl+E)"))
        self.export_button.clicked.connect(self.export)
        for button in (self.filter_button, self.find_button, self.profile_button, self.export_button):
            head.addWidget(button)

    def _tool(self, sign: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.setIconSize(QSize(16, 16))
        self._tools.append((button, sign))
        return button

    def _make_bar(self) -> None:
        """The line under the head: a filter, or a text to find, or an export under way."""
        box = QVBoxLayout(self._bar)
        box.setContentsMargins(14, 2, 14, 8)
        box.setSpacing(4)
        row = QHBoxLayout()
        row.setSpacing(8)
        self.filter = _Line(_("Condition, for example: amount > 100 and country == 'FR'"), self.clear_filter)
        self.filter.setFont(mono())
        self.filter.setAccessibleName(_("Filter by a formula"))
        self.filter.returnPressed.connect(self.apply_filter)
        self.finder = _Line(_("Text to find; Enter goes on, Shift+Enter back"), self._end_find)
        self.finder.setAccessibleName(_("Find a text"))
        self.finder.returnPressed.connect(self._find_on)
        row.addWidget(self.filter, 1)
        row.addWidget(self.finder, 1)
        box.addLayout(row)
        self.wrong = QLabel()
        self.wrong.setProperty("role", "error")
        self.wrong.setWordWrap(True)
        box.addWidget(self.wrong)
        self._export_row = QWidget()
        line = QHBoxLayout(self._export_row)
        line.setContentsMargins(0, 0, 0, 0)
        self.progress = QProgressBar()
        self.progress.setAccessibleName(_("Export"))
        self.progress.setFixedHeight(14)
        line.addWidget(self.progress, 1)
        stop = QPushButton(_("Stop"))
        stop.clicked.connect(self.stop_export)
        line.addWidget(stop)
        box.addWidget(self._export_row)
        for part in (self.filter, self.finder, self.wrong, self._export_row, self._bar):
            part.hide()

    def _recolour(self) -> None:
        for button, sign in self._tools:
            button.setIcon(icon(sign, "accent" if button is self.filter_button and self.where else "muted"))

    def _fit_bar(self) -> None:
        parts = (self.filter, self.finder, self.wrong, self._export_row)
        self._bar.setVisible(any(not part.isHidden() for part in parts))

    # -- what is shown -------------------------------------------------------------------------------------------------
    @property
    def node(self) -> str | None:
        """The node whose rows are shown."""
        return self._edge[1] if self._edge is not None else None

    def say(self, text: str) -> None:
        """A sentence instead of rows."""
        self._edge = None
        self._head.hide()
        self.ports.hide()
        self.profile.hide()
        self._forget_questions()
        self.said.setText(text)
        self._stack.setCurrentIndex(0)

    def _forget_questions(self) -> None:
        self.where = None
        for part in (self.filter, self.finder, self.wrong):
            part.hide()
        self.filter.clear()
        self._fit_bar()
        self._recolour()

    def show_edge(self, run: str | None, node: str, title: str, outputs: tuple[Out, ...], port: str | None, ran: bool) -> None:
        """Show an output of a node, as the run left it."""
        if not outputs:
            self.say(_("“{node}” has no output.").format(node=title))
            return
        if run is None or not ran:
            self.say(_("“{node}” has not run yet. Press F5 to run the flow.").format(node=title))
            return
        chosen = port or outputs[0].name
        edge = (run, node, chosen)
        if edge == self._edge:
            return
        self._forget_questions()
        self.profile.hide()
        self._edge, self._title = edge, title
        self.ports.blockSignals(True)
        self.ports.clear()
        for out in outputs:
            self.ports.addItem(_(out.title) or out.name, out.name)
        self.ports.setCurrentIndex(max(0, self.ports.findData(chosen)))
        self.ports.blockSignals(False)
        self.ports.setVisible(len(outputs) > 1)
        self._head.show()
        self.title.setText(_("Data — output of “{node}”").format(node=title))
        self.grid.clear()
        self.show_view("table")
        self._fetch(0)

    def _choose(self) -> None:
        if self._edge is not None:
            run, node, _port = self._edge
            self._edge = (run, node, str(self.ports.currentData()))
            self._forget_questions()
            self.grid.clear()
            self.show_view("table")
            self._fetch(0)

    def show_view(self, view: str) -> None:
        """`table`, `schema` or `json`."""
        for id, button in self.views.items():
            button.setChecked(id == view)
        if view == "table":
            self._stack.setCurrentIndex(1)
            return
        self.text.setAccessibleName(_("Columns and types") if view == "schema" else _("As JSON"))
        self._stack.setCurrentIndex(2)
        if view == "schema":
            width = max((len(name) for name in self.grid.names), default=0)
            lines = [f"{name.ljust(width)}  {_(type)}" for name, type in zip(self.grid.names, self.grid.types, strict=True)]
            self.text.setPlainText("\n".join(lines))
            return
        self.text.setPlainText("…")
        edge = self._edge
        if edge is None:
            return

        def come(data: Any) -> None:
            import json

            from tisserand.ui.panels.copying import tables

            if edge == self._edge and self.views["json"].isChecked():
                self.text.setPlainText(json.dumps(tables(data.data).to_pylist(), indent=2, ensure_ascii=False, default=str))

        order, where, first = self.grid.order, self.where, self.grid.verticalScrollBar().value()
        self._runner.ask(lambda executor: executor.page(*edge, first, 100, order, where), come, self._failed)

    def sort_by(self, column: str) -> None:
        """Ascending, then descending, then as the rows came. The executor sorts, and no more rows are fetched than are seen."""
        now = self.grid.order
        self.sort(column if now not in (column, f"-{column}") else f"-{column}" if now == column else None)

    def sort(self, order: str | None) -> None:
        if self._edge is not None:
            self.grid.reorder(order)
            self._fetch(0)

    def _told(self, total: int) -> str:
        """How many rows there are, in which order."""
        text = rows(total)
        if self.where:
            text = _("{some} of {all}").format(some=number(total), all=rows(self._all))
        order = self.grid.order
        if order is None:
            return text
        sorted_by = _("descending by “{column}”") if order.startswith("-") else _("ascending by “{column}”")
        return f"{text} · {sorted_by.format(column=order.removeprefix('-'))}"

    def _fetch(self, page: int) -> None:
        edge, order, where = self._edge, self.grid.order, self.where
        if edge is None:
            return

        def come(cells: Any) -> None:
            if (self._edge, self.grid.order, self.where) == (edge, order, where):
                self.grid.take(cells)
                if not where:
                    self._all = cells.total
                heading = _("Data — output of “{node}”").format(node=self._title)
                self.title.setText(f"{heading} · {self._told(cells.total)}")

        def failed(problems: list[Problem]) -> None:
            if (self._edge, self.grid.order, self.where) == (edge, order, where):
                self._failed(problems)
                if not self.grid.names:
                    self._stack.setCurrentIndex(0)

        self._runner.page(*edge, page * PAGE, PAGE, come, failed, order, where)

    def _failed(self, problems: list[Problem]) -> None:
        text = "\n".join(f"{p.message.text()} {p.fix.text() if p.fix else ''}".rstrip() for p in problems)
        if self.grid.names:
            self._complain(text)
        else:
            self.said.setText(text)

    def _complain(self, text: str) -> None:
        """A sentence under the line; the rows stay."""
        self.wrong.setText(text)
        self.wrong.setVisible(bool(text))
        self._fit_bar()

    # -- filter and find -----------------------------------------------------------------------------------------------
    def _ask(self, line: QLineEdit, other: QLineEdit) -> None:
        if self._edge is None:
            return
        other.hide()
        self._complain("")
        line.show()
        self._fit_bar()
        line.setFocus()
        line.selectAll()

    def ask_filter(self) -> None:
        self._ask(self.filter, self.finder)

    def ask_find(self) -> None:
        self._ask(self.finder, self.filter)

    def clear_filter(self) -> None:
        """All rows again."""
        self.filter.clear()
        self.filter.hide()
        self._complain("")
        if self.where is not None:
            self.apply_filter()
        self.grid.setFocus()

    def apply_filter(self) -> None:
        """Show the rows for which the formula is true; a formula that is wrong changes nothing."""
        edge, text, order = self._edge, self.filter.text().strip() or None, self.grid.order
        if edge is None:
            return

        def come(cells: Any) -> None:
            if self._edge != edge:
                return
            self.where = text
            self._complain("")
            self._recolour()
            self.grid.reorder(order)
            self.grid.current = self.grid.anchor = None
            self.grid.take(cells)
            heading = _("Data — output of “{node}”").format(node=self._title)
            self.title.setText(f"{heading} · {self._told(cells.total)}")
            if text is not None:
                self.grid.setFocus()

        self._runner.page(*edge, 0, PAGE, come, self._failed, order, text)

    def _end_find(self) -> None:
        self.finder.hide()
        self._complain("")
        self.grid.setFocus()

    def _find_on(self) -> None:
        back = bool(QApplication.keyboardModifiers() & Qt.KeyboardModifier.ShiftModifier) or self.finder.back
        edge, text, order, where = self._edge, self.finder.text(), self.grid.order, self.where
        if edge is None or not text:
            return
        here = self.grid.current[0] if self.grid.current is not None else -1
        start = here - 1 if back else here + 1

        def come(found: tuple[int, int] | None) -> None:
            if self._edge != edge:
                return
            if found is None:
                self._complain(_("“{text}” does not stand further {way}.").format(text=text, way=_("up") if back else _("down")))
                return
            self._complain("")
            self.grid.go_to(*found)

        self._runner.ask(lambda executor: executor.find(*edge, text, start, back, order, where), come, self._failed)

    # -- statistics ----------------------------------------------------------------------------------------------------
    def show_profile(self, column: str | None) -> None:
        """The figures of a column; without one, of the current."""
        edge, where = self._edge, self.where
        if edge is None or not self.grid.names:
            return
        if column is None:
            if not self.profile.isHidden():
                self.profile.hide()
                return
            column = self.grid.names[self.grid.current[1] if self.grid.current is not None else 0]
        name = column
        self.profile.say(name, _("Counting …"))

        def come(found: Any) -> None:
            if self._edge == edge:
                self.profile.show_profile(name, {**found, "type": _(self.grid.types[self.grid.names.index(name)])})

        def failed(problems: list[Problem]) -> None:
            self.profile.say(name, "\n".join(problem.message.text() for problem in problems))

        self._runner.ask(lambda executor: executor.profile(*edge, name, where), come, failed)

    # -- taking along --------------------------------------------------------------------------------------------------
    def _menu(self, place: Any) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        column = self.grid.names[self.grid.current[1]] if self.grid.current is not None and self.grid.names else None
        menu.addAction(_("Copy"), lambda: self.copy("tsv")).setShortcut("Ctrl+C")
        menu.addAction(_("Copy as CSV"), lambda: self.copy("csv"))
        menu.addAction(_("Copy as Markdown"), lambda: self.copy("markdown"))
        menu.addSeparator()
        if column is not None and self.grid.current is not None:
            row, index = self.grid.current
            menu.addAction(_("Show the whole value"), lambda: self.view_cell(row, index)).setShortcut("Return")
            menu.addAction(_("Statistics of the column"), lambda: self.show_profile(column)).setShortcut("I")
            menu.addAction(_("Sort by this column"), lambda: self.sort_by(column)).setShortcut("S")
        menu.addSeparator()
        menu.addAction(_("Export…"), self.export).setShortcut("Ctrl+E")
        menu.popup(place)

    def copy(self, form: str) -> None:
        """The selected cells to the clipboard: `tsv`, `csv` or `markdown`. Whole values, also of rows that were never seen."""
        edge, chosen = self._edge, self.grid.selected()
        if edge is None or chosen is None:
            return
        first, left, last, right = chosen
        names, order, where = self.grid.names[left : right + 1], self.grid.order, self.where
        count = min(last - first + 1, MOST_COPIED)

        def work(executor: Any) -> str:
            from tisserand.ui.panels.copying import as_text, tables

            table = tables(executor.page(*edge, first, count, order, where).data)
            columns = [table.column(index).to_pylist() for index in range(left, right + 1)]
            return as_text(list(zip(*columns, strict=True)), names, form)

        def come(text: str) -> None:
            QApplication.clipboard().setText(text)
            if count < last - first + 1:
                self._complain(_("The first {count} rows were copied; export takes them all.").format(count=number(count)))

        self._runner.ask(work, come, self._failed)

    def view_cell(self, row: int, column: int) -> None:
        """One value, whole."""
        edge, order, where = self._edge, self.grid.order, self.where
        if edge is None:
            return

        def come(value: Any) -> None:
            show_cell(self.window(), self.grid.names[column], _(self.grid.types[column]), row, value)

        def work(executor: Any) -> Any:
            from tisserand.ui.panels.copying import tables

            return tables(executor.page(*edge, row, 1, order, where).data).column(column)[0].as_py()

        self._runner.ask(work, come, self._failed)

    def export(self) -> None:
        """Ask for a file, and write all rows to it that are shown, in their order."""
        from tisserand.ui.panels.copying import FORMATS

        if self._edge is None or not self._export_row.isHidden():
            return
        kinds = ";;".join(f"{name} (*{ending})" for ending, name in FORMATS.items())
        start = str((self._runner.root or Path.home()) / f"{self._edge[1]}.csv")
        chosen, kind = QFileDialog.getSaveFileName(self, _("Export the rows"), start, kinds)
        if chosen:
            ending = next((each for each in FORMATS if f"*{each}" in kind), ".csv")
            target = Path(chosen)
            self.export_to(target if target.suffix.lower() in FORMATS else target.with_name(target.name + ending))

    def export_to(self, target: Path) -> None:
        edge, order, where = self._edge, self.grid.order, self.where
        if edge is None:
            return
        self._stop_export = False
        self.progress.setRange(0, 0)
        self._export_row.show()
        self._complain("")

        def work(executor: Any) -> int | None:
            from tisserand.ui.panels.copying import StoppedError, export

            try:
                return export(executor, edge, target, order, where, self._moved.emit, lambda: self._stop_export)
            except StoppedError:
                return None

        def come(count: int | None) -> None:
            self._export_row.hide()
            text = _("The export was stopped; nothing was written.")
            if count is not None:
                text = _("{rows} written to {file}").format(rows=rows(count), file=target.name)
            self._complain(text)

        def failed(problems: list[Problem]) -> None:
            self._export_row.hide()
            self._failed(problems)

        def guarded(executor: Any) -> int | None:
            from tisserand.sdk.errors import NodeError

            try:
                return work(executor)
            except ValueError:
                message = msg("A sheet of Excel holds at most 1,048,575 rows. Export to CSV or Parquet.")
                raise NodeError(message) from None
            except OSError as error:
                reason = error.strerror or str(error)
                raise NodeError(msg("“{file}” cannot be written: {reason}.", file=target.name, reason=reason)) from None

        self._runner.ask(guarded, come, failed)

    def stop_export(self) -> None:
        self._stop_export = True

    def _progress(self, done: int, total: int) -> None:
        self.progress.setRange(0, max(total, 1))
        self.progress.setValue(done)


class _Line(QLineEdit):
    """A line that Escape leaves."""

    def __init__(self, hint: str, leave: Any) -> None:
        super().__init__()
        self.setPlaceholderText(hint)
        self._leave = leave
        self.back = False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._leave()
            return
        self.back = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        super().keyPressEvent(event)
