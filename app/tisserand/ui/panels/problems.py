"""The problems as one list: what is wrong, where, and the way out; a click goes there."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from tisserand.model.problem import Problem
from tisserand.texts import N_
from tisserand.texts import translate as _
from tisserand.ui.icons import icon
from tisserand.ui.theme import theme

IN_THE_WINDOW = {
    "source.drift": N_("Repair the source, or accept the columns that it has now (Ctrl+Alt+K)."),
    "source.unasked": N_("Run the flow once (F5), or give the parameter a default."),
    "run.uncertain": N_("Look at the target first."),
    "parameter.missing": N_("F5 asks for it."),
}
"""Ways out that are other ones in the window than on the command line, which the executor names."""


def fix_text(problem: Problem) -> str:
    """The way out, in the words of the window."""
    known = IN_THE_WINDOW.get(problem.code)
    return _(known) if known is not None else problem.fix.text() if problem.fix is not None else ""


class Problems(QWidget):
    """All problems of the flow."""

    chosen = Signal(object)
    """A problem that was clicked."""

    def __init__(self, relock: QAction) -> None:
        super().__init__()
        self._problems: tuple[Problem, ...] = ()
        self._places: tuple[str, ...] = ()
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        self._stack = QStackedLayout()
        # The way out that is one click away: offered where columns differ from the lock file's.
        self.relock = QPushButton(relock.text())
        self.relock.setIcon(icon("check"))
        self.relock.clicked.connect(relock.trigger)
        self._offer = QWidget()
        offer = QVBoxLayout(self._offer)
        offer.setContentsMargins(12, 10, 12, 0)
        offer.addWidget(self.relock, 0, Qt.AlignmentFlag.AlignLeft)
        self._offer.hide()
        box.addWidget(self._offer)
        box.addLayout(self._stack, 1)
        self.quiet = QLabel(_("No problems: the flow can run."))
        self.quiet.setProperty("role", "muted")
        self.quiet.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.quiet.setContentsMargins(14, 12, 14, 12)
        self.list = QListWidget()
        self.list.setObjectName("problems")
        self.list.setAccessibleName(_("Problems"))
        self.list.setWordWrap(True)
        self.list.setTextElideMode(Qt.TextElideMode.ElideNone)
        self.list.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.list.setIconSize(QSize(16, 16))
        self.list.setContentsMargins(8, 8, 8, 8)
        self.list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.itemClicked.connect(self._clicked)
        self.list.itemActivated.connect(self._clicked)
        self._stack.addWidget(self.quiet)
        self._stack.addWidget(self.list)
        theme().changed.connect(self._recolour)

    def show_problems(self, problems: Sequence[Problem], places: Sequence[str]) -> None:
        """Show these, each with its place in words. What is there already stays, with what is selected in it."""
        asked = (tuple(problems), tuple(places))
        if asked != (self._problems, self._places):
            self._problems, self._places = asked
            self._recolour()

    def _recolour(self) -> None:
        self.list.clear()
        self.relock.setIcon(icon("check"))
        self._offer.setVisible(
            any(problem.code == "source.drift" or problem.code.startswith("lock.") for problem in self._problems)
        )
        for problem, where in zip(self._problems, self._places, strict=True):
            text = f"{where} — {problem.message.text()}" if where else problem.message.text()
            way_out = fix_text(problem)
            if way_out:
                text += f" {way_out}"
            item = QListWidgetItem(text)
            error = problem.severity == "error"
            item.setIcon(icon("circle-x" if error else "triangle-alert", "failed" if error else "warning"))
            item.setData(Qt.ItemDataRole.UserRole, problem)
            word = _("Error") if error else _("Warning")
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{word}: {text}")
            self.list.addItem(item)
        self._stack.setCurrentIndex(1 if self._problems else 0)

    def _clicked(self, item: QListWidgetItem) -> None:
        self.chosen.emit(item.data(Qt.ItemDataRole.UserRole))
