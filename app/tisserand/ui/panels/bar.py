"""The line above the rows: a filter, a text to find, what is wrong with them, or an export under way."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QProgressBar, QPushButton, QVBoxLayout, QWidget

from tisserand.texts import translate as _
from tisserand.ui.icons import icon
from tisserand.ui.theme import mono, theme


class Bar(QWidget):
    """Hidden while none of its parts has anything to show."""

    stop_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        box = QVBoxLayout(self)
        box.setContentsMargins(14, 2, 14, 8)
        box.setSpacing(4)
        self.filter = Line("filter", _("Condition, for example: amount > 100 and country == 'FR'"), _("Filter by a formula"))
        self.filter.setFont(mono())
        self.finder = Line("search", _("Text to find; Enter goes on, Shift+Enter back"), _("Find a text"))
        box.addWidget(self.filter)
        box.addWidget(self.finder)
        self.wrong = QLabel()
        self.wrong.setProperty("role", "error")
        self.wrong.setTextFormat(Qt.TextFormat.PlainText)
        self.wrong.setWordWrap(True)
        box.addWidget(self.wrong)
        self.export_row = QWidget()
        line = QHBoxLayout(self.export_row)
        line.setContentsMargins(0, 0, 0, 0)
        self.progress = QProgressBar()
        self.progress.setAccessibleName(_("Export"))
        self.progress.setFixedHeight(14)
        line.addWidget(self.progress, 1)
        self.stop = QPushButton(_("Stop"))
        self.stop.clicked.connect(self.stop_asked)
        line.addWidget(self.stop)
        box.addWidget(self.export_row)
        for part in (*self._parts(), self):
            part.hide()

    def _parts(self) -> tuple[QWidget, ...]:
        return self.filter, self.finder, self.wrong, self.export_row

    def fit(self) -> None:
        self.setVisible(any(not part.isHidden() for part in self._parts()))

    def open(self, line: Line) -> None:
        """One of the lines, ready to type; the other goes."""
        other = self.finder if line is self.filter else self.filter
        other.hide()
        self.complain("")
        line.show()
        self.fit()
        line.setFocus()
        line.selectAll()

    def complain(self, text: str) -> None:
        """A sentence under the line; the rows stay."""
        self.wrong.setText(text)
        self.wrong.setVisible(bool(text))
        self.fit()

    def export(self, under_way: bool) -> None:
        """Show or hide how far an export is."""
        if under_way:
            self.progress.setRange(0, 0)
        self.export_row.setVisible(under_way)
        self.fit()

    def forget(self) -> None:
        """No question any more; an export goes on."""
        for part in (self.filter, self.finder, self.wrong):
            part.hide()
        self.filter.clear()
        self.fit()


class Line(QLineEdit):
    """A line that says by its icon what it is for, that Escape leaves and a button empties."""

    left = Signal()
    """Escape."""
    emptied = Signal()
    """The button was pressed."""

    def __init__(self, sign: str, hint: str, name: str) -> None:
        super().__init__()
        self.setObjectName("search")
        self.setPlaceholderText(hint)
        self.setAccessibleName(name)
        self._sign = sign
        self.back = False
        """Whether Shift was held with the last key."""
        self._leading = QAction(self)
        self.clear_action = QAction(_("Clear"), self)
        self.addAction(self._leading, QLineEdit.ActionPosition.LeadingPosition)
        self.addAction(self.clear_action, QLineEdit.ActionPosition.TrailingPosition)
        self.clear_action.setVisible(False)
        self.clear_action.triggered.connect(self._empty)
        self.textChanged.connect(lambda text: self.clear_action.setVisible(bool(text)))
        theme().changed.connect(self._recolour)
        self._recolour()

    def _recolour(self) -> None:
        self._leading.setIcon(icon(self._sign, "faint"))
        self.clear_action.setIcon(icon("x", "muted"))

    def _empty(self) -> None:
        self.clear()
        self.setFocus()
        self.emptied.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
            return
        self.back = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        super().keyPressEvent(event)
