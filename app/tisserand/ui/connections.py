"""The connections of the workspace: listed with who uses them, added, changed, removed and tried out, all beside the window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import shiboken6
from PySide6.QtCore import QModelIndex, QObject, Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSplitter,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from tisserand.model.problem import Problem
from tisserand.texts import Message, msg
from tisserand.texts import translate as _
from tisserand.ui import connectionfile as file
from tisserand.ui.connectionform import ConnectionForm
from tisserand.ui.icons import icon
from tisserand.ui.scrolling import scrolled
from tisserand.ui.theme import theme

if TYPE_CHECKING:
    from tisserand.ui.window import Window


class Connecting(QObject):
    """Opens the dialog of one window."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window_ = window
        window.actions_.bind("connections", self.open)
        window.inspector.context.new_connection = self.open_new

    def open(self, fitting: Sequence[str] = ()) -> ConnectionsDialog | None:
        """All connections, or those of the `fitting` types."""
        w = self.window_
        if w.kinds.catalog is None:
            w.desk.say(_("The kinds of nodes are still being looked for."))
            return None
        if w.runner.root is None:
            w.desk.say(_("Save the flow first: connections belong to the folder that it is in."))
            return None
        made = ConnectionsDialog(w, w.runner.root, fitting)
        made.open()
        return made

    def open_new(self, fitting: Sequence[str], then: Callable[[str], object]) -> None:
        """A new connection for a field; `then` gets its name once it is saved."""
        made = self.open(fitting)
        if made is not None:
            made.saved.connect(then)
            made.begin()


class ConnectionsDialog(QDialog):
    """At the left what there is, at the right the one that is chosen."""

    saved = Signal(str)
    """A connection was written: its name."""

    def __init__(self, window: Window, root: Path, fitting: Sequence[str]) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("connections")
        self.setWindowTitle(_("Connections"))
        self.resize(min(900, window.width() - 40), min(620, window.height() - 60))
        self._window = window
        self._root = root
        self._types = window.kinds.catalog.connection_types()
        self._fitting = [type for type in sorted(self._types) if not fitting or type in fitting]
        self._only = bool(fitting)
        self.listed = file.Listed({}, {})
        self.dirty = False
        self._busy = False
        self._edits = 0
        """Counts the changes: some may come while what was there before them is written."""
        self._wanted = ""
        """The one to show when the list has come."""
        self._beginning = False
        self._after: Callable[[], object] | None = None
        box = QVBoxLayout(self)
        box.setContentsMargins(20, 18, 20, 16)
        box.setSpacing(12)
        heading = QLabel(_("Connections"))
        heading.setProperty("role", "title")
        box.addWidget(heading)
        parts = QSplitter(Qt.Orientation.Horizontal)
        parts.setChildrenCollapsible(False)
        parts.addWidget(self._left())
        parts.addWidget(self._right())
        parts.setSizes([430, 430])
        box.addWidget(parts, 1)
        box.addWidget(self._question())
        self.said = QLabel()
        self.said.setWordWrap(True)
        self.said.setObjectName("said")
        self.said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        box.addWidget(self.said)
        theme().changed.connect(self._recolour)
        self._recolour()
        self._fit()
        self.renew()

    # -- what is shown -------------------------------------------------------------------------------------------------
    def _left(self) -> QWidget:
        part = QWidget()
        box = QVBoxLayout(part)
        box.setContentsMargins(0, 0, 8, 0)
        box.setSpacing(8)
        self.list = QTreeWidget()
        self.list.setRootIsDecorated(False)
        self.list.setUniformRowHeights(True)
        self.list.setHeaderLabels([_("Name"), _("Type"), _("Used by")])
        self.list.setAccessibleName(_("Connections"))
        for column in (0, 1):
            self.list.header().setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self.list.currentItemChanged.connect(self._chosen)
        box.addWidget(self.list, 1)
        row = QHBoxLayout()
        self.new = QPushButton(_("New connection"))
        self.new.clicked.connect(self.begin)
        self.remove = QPushButton(_("Remove…"))
        self.remove.clicked.connect(self._ask_removal)
        for button in (self.new, self.remove):
            button.setAutoDefault(False)
            row.addWidget(button)
        row.addStretch(1)
        box.addLayout(row)
        return part

    def _right(self) -> QWidget:
        part = QWidget()
        box = QVBoxLayout(part)
        box.setContentsMargins(8, 0, 0, 0)
        box.setSpacing(8)
        self.form = ConnectionForm(self._types, self._root)
        self.form.edited.connect(self._edited)
        area = scrolled()
        area.setWidget(self.form)
        self.area = area
        box.addWidget(area, 1)
        row = QHBoxLayout()
        self.save = QPushButton(_("Save"))
        self.save.setDefault(True)
        self.save.clicked.connect(lambda: self._save(None))
        self.test = QPushButton(_("Test connection"))
        self.test.clicked.connect(self._test)
        close = QPushButton(_("Close"))
        close.clicked.connect(self.reject)
        for button in (self.test, close):
            button.setAutoDefault(False)
        row.addWidget(self.save)
        row.addWidget(self.test)
        row.addStretch(1)
        row.addWidget(close)
        box.addLayout(row)
        return part

    def _question(self) -> QFrame:
        """A question with its two answers, in the dialog itself."""
        self.question = QFrame()
        self.question.setObjectName("group")
        row = QHBoxLayout(self.question)
        self.asked = QLabel()
        self.asked.setWordWrap(True)
        row.addWidget(self.asked, 1)
        self.yes, self.no = QPushButton(), QPushButton()
        self.yes.clicked.connect(lambda: self._answer(True))
        self.no.clicked.connect(lambda: self._answer(False))
        for button in (self.yes, self.no):
            button.setAutoDefault(False)
            row.addWidget(button)
        self.question.hide()
        return self.question

    def _recolour(self) -> None:
        self.new.setIcon(icon("plus", "accent"))
        self.remove.setIcon(icon("trash-2", "text"))
        self.test.setIcon(icon("plug", "text"))

    def renew(self, wanted: str = "") -> None:
        """Read the file anew, beside the window, and show one of its entries."""
        self._wanted = wanted
        root, catalog = self._root, self._window.kinds.catalog
        self._do(lambda: file.look(root, catalog), self._come)

    def _come(self, listed: file.Listed) -> None:
        self.listed = listed
        self.list.blockSignals(True)
        self.list.clear()
        for entry in listed.entries.values():
            if self._only and entry.type not in self._fitting:
                continue
            found = self._types.get(entry.type)
            flows = dict.fromkeys(use.flow for use in self._uses(entry.name))
            item = QTreeWidgetItem([entry.name, _(found.title) if found else entry.type, ", ".join(flows) or "–"])
            item.setToolTip(2, self._places(entry.name))
            self.list.addTopLevelItem(item)
        self.list.blockSignals(False)
        if listed.problems and not self._wanted:
            self._say("\n".join(problem.message.text() for problem in listed.problems), "error")
        if self._beginning or self.dirty:
            return  # the person writes already
        wanted = self.list.findItems(self._wanted, Qt.MatchFlag.MatchExactly) if self._wanted else []
        item_ = wanted[0] if wanted else self.list.topLevelItem(0)
        if item_ is None:
            self.begin()
        else:
            self._mark(item_)
            self._show(item_.text(0))

    def _uses(self, name: str) -> list[file.Place]:
        """Where a connection is named: in the files, and in flows that are open here and not saved yet."""
        here = file.uses_in(self._window.desk.sheets.flows(self._root), self._window.kinds.catalog)
        return list(dict.fromkeys([*self.listed.uses.get(name, ()), *here.get(name, ())]))

    def _places(self, name: str) -> str:
        return ", ".join(f"{use.flow} ({use.node})" for use in self._uses(name))

    def _chosen(self, item: QTreeWidgetItem | None, before: QTreeWidgetItem | None) -> None:
        if item is None:
            return

        def go() -> None:
            self._mark(item)
            self._show(item.text(0))

        if self.dirty:
            self._mark(before)
        self._leave(go)

    def _mark(self, item: QTreeWidgetItem | None) -> None:
        """Show which line is the one at the right."""
        self.list.blockSignals(True)
        self.list.setCurrentIndex(self.list.indexFromItem(item) if item is not None else QModelIndex())
        self.list.blockSignals(False)

    def _show(self, name: str) -> None:
        entry = self.listed.entries[name]
        known = [*self._fitting, *([entry.type] if entry.type in self._types and entry.type not in self._fitting else [])]
        self.form.show_entry(entry.name, entry.type, entry.fields, known, new=False)
        self._clean()

    def _clean(self) -> None:
        self.dirty = self._beginning = False
        self._fit()

    def begin(self) -> None:
        """A new connection, ready to give it its name."""

        def go() -> None:
            self._clean()
            self._beginning = True
            self._mark(None)
            self.form.show_entry("", self._fitting[0] if self._fitting else "", {}, self._fitting, new=True)
            self.form.focus("@name")
            self._fit()

        self._leave(go)

    def _edited(self) -> None:
        self.dirty = True
        self._edits += 1
        self._say("")
        self._fit()

    def _fit(self) -> None:
        """What can be done now."""
        known = bool(self.form.fields) and not self.form.is_new
        self.remove.setEnabled(known and not self._busy)
        self.save.setEnabled(self.dirty and not self._busy)
        self.test.setEnabled((known or self.dirty) and not self._busy)
        self.test.setText(_("Save and test") if self.dirty else _("Test connection"))

    def _say(self, text: str, role: str = "muted") -> None:
        self.said.setText(text)
        self.said.setProperty("role", role)
        self.said.style().unpolish(self.said)
        self.said.style().polish(self.said)

    # -- what is done --------------------------------------------------------------------------------------------------
    def _save(self, then: Callable[[], object] | None) -> None:
        """Write the connection, its secrets first; `then` goes on where that went well."""
        form, name = self.form, self.form.name
        new = form.is_new
        wrong = _("Give the connection a name first.") if not name else ""
        if new and name in self.listed.entries:
            wrong = file.taken(name).text()
        form.tell_name(wrong)
        if wrong:
            form.focus("@name")
            return
        if not form.settle():
            return
        root, catalog = self._root, self._window.kinds.catalog
        wanted = file.Wanted(name, form.type, form.values(), dict(form.secrets), new)
        self._say(_("Saving …"))
        edits = self._edits

        def come(problems: list[Problem]) -> None:
            if problems:
                rest = form.show_problems(problems)
                self._say("\n".join(problem.message.text() for problem in rest), "error")
                return
            if edits == self._edits:
                self._clean()
            self._say(_("“{name}” is saved.").format(name=name), "result")
            self._changed(name)
            self.saved.emit(name)
            if then is not None:
                then()

        self._do(lambda: file.save(root, catalog, wanted), come)

    def _changed(self, wanted: str = "") -> None:
        """The file is another one now: so are the offers of every field, and what checks find."""
        w = self._window
        self.renew(wanted)
        w.runner.survey()
        w.runner.check_soon(w.document.flow, w.desk.file())

    def _test(self) -> None:
        if self.dirty:
            self._save(self._reach)
        else:
            self._reach()

    def _reach(self) -> None:
        name = self.form.name
        self._say(_("Testing “{name}” …").format(name=name))
        self._do(
            lambda: self._window.runner.executor(self._root).test_connection(name),
            lambda tested: self._say(tested.message.text(), "result" if tested.ok else "error"),
        )

    def _ask_removal(self) -> None:
        name = self.form.name
        places = self._places(name)
        text = msg("Remove the connection “{name}”?", name=name)
        if places:
            text = msg("The connection “{name}” is used by {places}.", name=name, places=places)
        yes = _("Remove it all the same") if places else _("Remove it")
        self._ask(text, yes, _("Keep it"), lambda: self._remove(name))

    def _remove(self, name: str) -> None:
        root, catalog = self._root, self._window.kinds.catalog

        def come(_gone: Any) -> None:
            self._clean()
            self._say(_("The connection “{name}” is removed.").format(name=name))
            self._changed()

        self._do(lambda: file.remove(root, catalog, name), come)

    # -- questions -----------------------------------------------------------------------------------------------------
    def _leave(self, then: Callable[[], object]) -> None:
        """Go on to something else; changes that are not saved are asked about."""
        if not self.dirty:
            self.question.hide()
            then()
            return

        def drop() -> None:
            self.dirty = False
            then()

        self._ask(msg("The changes of this connection are not saved."), _("Do not save"), _("Go on editing"), drop)

    def _ask(self, text: Message, yes: str, no: str, then: Callable[[], object]) -> None:
        self.asked.setText(text.text())
        self.yes.setText(yes)
        self.no.setText(no)
        self._after = then
        self.question.show()
        self.no.setFocus()

    def _answer(self, yes: bool) -> None:
        then, self._after = self._after, None
        self.question.hide()
        if yes and then is not None:
            then()

    def reject(self) -> None:
        self._leave(super().reject)

    def _do(self, work: Callable[[], Any], then: Callable[[Any], object]) -> None:
        """Run `work` beside the window; a dialog that was closed meanwhile hears nothing of it."""
        self._busy = True
        self._fit()

        def come(answer: Any) -> None:
            if shiboken6.isValid(self):
                self._busy = False
                self._fit()
                then(answer)

        def failed(problems: list[Problem]) -> None:
            if shiboken6.isValid(self):
                self._busy = False
                self._fit()
                self._say("\n".join(f"{p.message.text()} {p.fix.text() if p.fix else ''}".strip() for p in problems), "error")

        self._window.background.do(work, come, failed)
