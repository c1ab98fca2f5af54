"""The page of approvals: what runs ask, with the rows that are decided about; a person says yes or no, and why."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from tisserand.model.problem import Problem
from tisserand.service.person import person
from tisserand.texts import ngettext
from tisserand.texts import translate as _
from tisserand.ui.canvas.state import number
from tisserand.ui.panels.grid import Grid
from tisserand.ui.supervision import words
from tisserand.ui.supervision.buttons import acting, allow, open_run
from tisserand.ui.supervision.empty import Empty
from tisserand.ui.supervision.listed import Cell, Line, Listed, follow
from tisserand.ui.supervision.pages import View
from tisserand.ui.supervision.table import Column, Table

if TYPE_CHECKING:
    from PySide6.QtGui import QHideEvent

    from tisserand.service.protocol import Executor
    from tisserand.service.waits.calls import Decision, OpenWait
    from tisserand.ui.supervision.ground import Ground

ACTIONS = ("ask_approve", "ask_reject", "its_run")
ROWS = 100
"""Rows that are shown of what is decided about."""


def rows_of(executor: Executor, wait: OpenWait) -> Any:
    """The first rows of what is decided about, as cells; None where the question is about none."""
    if wait.shown is None:
        return None
    from tisserand.ui.panels.cells import cells

    node, _dot, port = wait.shown.partition(".")
    return cells(executor.page(wait.run, node, port or None, limit=ROWS))


class ApprovalsView(View):
    """The questions, and below them the one that is chosen."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        columns = (
            Column(_("Question"), 200, 6),
            Column(_("Flow"), 120, 3),
            Column(_("Asked"), 110, 1),
            Column(_("Answered by itself"), 130, 1),
        )
        self.table = Table(columns, _("Open questions"))
        self.model = Listed(columns)
        self.detail = _Question(ground)
        self.split = QSplitter(Qt.Orientation.Vertical)
        self.split.setHandleWidth(1)
        self.split.setChildrenCollapsible(False)
        self.split.addWidget(self.table)
        self.split.addWidget(self.detail)
        self.split.setSizes([220, 320])
        self.split.setStretchFactor(1, 1)
        self.empty = Empty()
        self.stack = QStackedWidget()
        self.stack.addWidget(self.split)
        self.stack.addWidget(self.empty)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.stack)
        follow(self.table, self.model, self._chosen)
        self.table.activated.connect(lambda _index: self.detail.comment.setFocus(Qt.FocusReason.OtherFocusReason))
        actions = ground.window_.actions_
        actions.bind("ask_approve", partial(self._answer, "approved"))
        actions.bind("ask_reject", partial(self._answer, "rejected"))
        actions.bind("its_run", self._to_run)
        ground.titled.connect(self._named)
        self._say(_("Looking …"))

    def first(self) -> QWidget:
        return self.table

    def refresh(self) -> None:
        if self.ground.root is None:
            self._say(self.ground.nothing())
            return
        self.ground.ask(self, lambda executor: executor.waits.open("decision"), self._take, once="questions")

    def forget(self) -> None:
        self.model.take([])
        self.detail.show_question(None)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        allow(self.ground, ACTIONS, ())

    def _say(self, text: str) -> None:
        self.empty.say(text, "")
        self.stack.setCurrentWidget(self.empty)

    def _named(self) -> None:
        self.model.take([self._line(line.item) for line in self.model.lines])

    def _take(self, waits: Sequence[OpenWait]) -> None:
        self.model.take([self._line(wait) for wait in waits])
        if not waits:
            self._say(_("Nobody is asked anything: no run waits for a decision."))
            self._chosen()
            return
        if not self.table.currentIndex().isValid():
            self.table.setCurrentIndex(self.model.index(0, 0))
        waited = self.stack.currentWidget() is self.empty and self.window().focusWidget() is None
        self.stack.setCurrentWidget(self.split)
        if waited:
            self.table.setFocus(Qt.FocusReason.OtherFocusReason)
        self._chosen()

    def _line(self, wait: OpenWait) -> Line:
        question = " ".join((wait.question or wait.reason.text()).split())
        asked = Cell(words.when(wait.since), more=f"{words.whole(wait.since)} · {words.ago(wait.since)}")
        until = Cell(words.ago(wait.until), more=words.whole(wait.until)) if wait.until is not None else Cell(_("never"))
        title = self.ground.title(wait.flow)
        cells = (Cell(question, "badge-check", "warning", question), Cell(title, more=wait.root), asked, until)
        return Line((wait.run, wait.node), wait, cells, ", ".join((question, title, asked.text)))

    def chosen(self) -> OpenWait | None:
        found: OpenWait | None = self.table.chosen()
        return found

    def _chosen(self) -> None:
        wait = self.chosen()
        self.detail.show_question(wait)
        if self.isVisible():
            allow(self.ground, ACTIONS, ACTIONS if wait is not None else ())

    def _answer(self, decision: Decision) -> None:
        wait = self.chosen()
        if wait is None:
            return
        comment = self.detail.comment.text().strip()
        if wait.comment and not comment:
            self.detail.tell(_("Say why first: this decision needs a comment."))
            self.detail.comment.setFocus(Qt.FocusReason.OtherFocusReason)
            return
        asked, by = wait, self.detail.person()

        def come(_wait: OpenWait) -> None:
            self.detail.forget(asked)
            self.ground.say(_("It is approved: the run goes on.") if decision == "approved" else _("It is rejected."))
            self.refresh()

        def failed(problems: list[Problem]) -> None:
            self.detail.tell("\n".join(problem.message.text() for problem in problems))
            self.refresh()

        self.ground.ask(self, lambda executor: executor.waits.answer(asked.run, asked.node, decision, comment, by), come, failed)

    def _to_run(self) -> None:
        wait = self.chosen()
        if wait is not None and self.isVisible():
            open_run(self.ground, wait.root)


class _Question(QFrame):
    """One question: its words, the rows, a comment, and the two answers."""

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.ground = ground
        self.text, self.about, self.count, self.wrong = (_label(role) for role in ("heading", "muted", "muted", "error"))
        self.rows = Grid()
        self.rows.setAccessibleName(_("Rows that are decided about"))
        self.comment, self.by = QLineEdit(), QLineEdit()
        self.comment.setAccessibleName(_("Comment"))
        self.by.setAccessibleName(_("Your name"))
        self.by.setPlaceholderText(_("Your name"))
        self.by.setFixedWidth(150)
        foot = QHBoxLayout()
        foot.setSpacing(8)
        foot.addWidget(self.comment, 1)
        foot.addWidget(self.by)
        for id in ACTIONS:
            foot.addWidget(acting(ground, id, primary=id == "ask_approve"))
        box = QVBoxLayout(self)
        box.setContentsMargins(10, 10, 10, 12)
        box.setSpacing(6)
        box.addWidget(self.text)
        box.addWidget(self.about)
        box.addWidget(self.rows, 1)
        box.addWidget(self.count)
        box.addWidget(self.wrong)
        box.addLayout(foot)
        self.wrong.hide()
        self._wait: OpenWait | None = None
        self._typed: dict[tuple[str, str], str] = {}
        """Question → the comment that was typed and not sent."""
        self.comment.textEdited.connect(self._edited)
        self.comment.textChanged.connect(lambda _text: self.wrong.hide())

    def person(self) -> str:
        """Who decides."""
        return self.by.text().strip() or person()

    def show_question(self, wait: OpenWait | None) -> None:
        """Show a question; what did not change stays as it is."""
        if wait == self._wait:
            return
        before, self._wait = self._wait, wait
        if wait is None:
            return
        self.text.setText(wait.question or wait.reason.text())
        parts = [
            self.ground.title(wait.flow),
            _("asked {time}").format(time=f"{words.when(wait.since)} ({words.ago(wait.since)})"),
            _("answered by itself {time}").format(time=words.when(wait.until)) if wait.until is not None else "",
            _("{people} may decide").format(people=", ".join(wait.allowed)) if wait.allowed else "",
        ]
        self.about.setText(" · ".join(part for part in parts if part))
        self.comment.setPlaceholderText(_("Comment (needed)") if wait.comment else _("Comment, where you like"))
        self.by.setVisible(bool(wait.allowed))
        if before is not None and (before.run, before.node) == (wait.run, wait.node):
            return
        self.comment.setText(self._typed.get((wait.run, wait.node), ""))
        self.wrong.hide()
        self.rows.clear()
        self.rows.setVisible(wait.shown is not None)
        self.count.setText("")
        if wait.shown is None:
            return

        def come(found: Any) -> None:
            if self._wait is None or (self._wait.run, self._wait.node) != (wait.run, wait.node) or found is None:
                return
            self.rows.take(found)
            # No page is asked for behind these: the first rows are what is shown.
            self.rows.total = found.rows
            self.rows.viewport().update()
            more = _("the first {shown} of {count}").format(shown=number(found.rows), count=number(found.total))
            rows = ngettext("{count} row", "{count} rows", found.total).format(count=number(found.total))
            self.count.setText(more if found.total > found.rows else rows)

        def failed(problems: list[Problem]) -> None:
            self.count.setText("\n".join(problem.message.text() for problem in problems))

        self.ground.ask(self, lambda executor: rows_of(executor, wait), come, failed)

    def _edited(self, text: str) -> None:
        if self._wait is not None:
            self._typed[self._wait.run, self._wait.node] = text

    def forget(self, wait: OpenWait) -> None:
        """The comment was sent."""
        self._typed.pop((wait.run, wait.node), None)

    def tell(self, text: str) -> None:
        """Why it cannot be answered so."""
        self.wrong.setText(text)
        self.wrong.show()


def _label(role: str) -> QLabel:
    label = QLabel()
    label.setProperty("role", role)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label
