"""A file that is no flow yet, as text: its mistakes marked where they are, and the way back to the canvas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QFrame, QLabel, QPlainTextEdit, QTextEdit, QVBoxLayout, QWidget

from tisserand.model.problem import Problem
from tisserand.texts import translate as _
from tisserand.ui.theme import mono, theme

PAUSE = 300
MARK = "\ufeff"
"""What some programs of Windows write at the beginning of a text."""


class SourceView(QWidget):
    """The text of one file. `edited` carries it after a moment of quiet."""

    edited = Signal(object)
    """A text; as `str` Qt would take the mark at its beginning away."""

    def __init__(self) -> None:
        super().__init__()
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        self.told = QLabel()
        self.told.setObjectName("told")
        self.told.setWordWrap(True)
        self.told.setContentsMargins(14, 10, 14, 10)
        box.addWidget(self.told)
        self.text = NumberedText()
        box.addWidget(self.text, 1)
        self._line_end, self._mark = "\n", ""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE)
        self._timer.timeout.connect(self.flush)
        self.text.textChanged.connect(self._timer.start)

    def flush(self) -> None:
        """Tell now what was typed."""
        if self._timer.isActive() or self.text.document().isModified():
            self._timer.stop()
            self.text.document().setModified(False)
            # As the file has it: the editor knows one kind of line end only, and no mark at the beginning.
            self.edited.emit(self._mark + self.text.toPlainText().replace("\n", self._line_end))

    def show_source(self, text: str) -> None:
        self._line_end = "\r\n" if text.count("\r\n") * 2 > text.count("\n") else "\n"
        self._mark = MARK if text.startswith(MARK) else ""
        text = text.removeprefix(MARK).replace("\r\n", "\n")
        if text != self.text.toPlainText():
            blocked = self.text.blockSignals(True)
            self.text.setPlainText(text)
            self.text.blockSignals(blocked)
        self._timer.stop()

    def show_problems(self, problems: Sequence[Problem]) -> None:
        """Mark the lines that are wrong."""
        wrong = [problem for problem in problems if problem.severity == "error"]
        self.text.mark(wrong)
        if wrong:
            self.told.setText(_("This file is not a flow yet. Correct what is marked, then save it: it opens on the canvas."))
        else:
            self.told.setText(_("This is a flow again: save it, and it opens on the canvas."))

    def go_to(self, problem: Problem) -> None:
        self.text.go_to(problem.place.line or 1, problem.place.column or 1)


class NumberedText(QPlainTextEdit):
    """Numbers beside the lines, and a mark on those that are wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("source")
        self.setFont(mono())
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setTabChangesFocus(True)
        self.setAccessibleName(_("Text of the flow"))
        self._wrong: dict[int, str] = {}
        self._problems: Sequence[Problem] = ()
        self._margin = _Margin(self)
        self.blockCountChanged.connect(lambda _count: self._widen())
        self.updateRequest.connect(self._scroll)
        theme().changed.connect(self._recolour)
        self._widen()

    def mark(self, problems: Sequence[Problem]) -> None:
        self._problems = problems
        self._wrong = {}
        for problem in problems:
            line = problem.place.line or 1
            self._wrong[line] = (
                f"{self._wrong[line]}\n{problem.message.text()}" if line in self._wrong else problem.message.text()
            )
        self._recolour()

    def _recolour(self) -> None:
        marks = []
        for problem in self._problems:
            selection: Any = QTextEdit.ExtraSelection()
            tint = QColor(theme().colour("failed"))
            tint.setAlphaF(0.12)
            selection.format.setBackground(tint)
            selection.format.setProperty(QTextCharFormat.Property.FullWidthSelection, True)
            selection.cursor = self._cursor(problem.place.line or 1, 1)
            marks.append(selection)
            word: Any = QTextEdit.ExtraSelection()
            word.cursor = self._cursor(problem.place.line or 1, problem.place.column or 1)
            word.cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
            word.format.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
            word.format.setUnderlineColor(theme().colour("failed"))
            marks.append(word)
        self.setExtraSelections(marks)
        self._margin.update()

    def _cursor(self, line: int, column: int) -> QTextCursor:
        block = self.document().findBlockByNumber(min(line, self.blockCount()) - 1)
        cursor = QTextCursor(block)
        cursor.setPosition(block.position() + min(max(column - 1, 0), max(0, block.length() - 1)))
        return cursor

    def go_to(self, line: int, column: int) -> None:
        self.setTextCursor(self._cursor(line, column))
        self.centerCursor()
        self.setFocus()

    # -- numbers -------------------------------------------------------------------------------------------------------
    def margin_width(self) -> int:
        return self.fontMetrics().horizontalAdvance("9") * max(3, len(str(self.blockCount()))) + 30

    def _widen(self) -> None:
        self.setViewportMargins(self.margin_width(), 0, 0, 0)

    def _scroll(self, area: QRect, dy: int) -> None:
        if dy:
            self._margin.scroll(0, dy)
        else:
            self._margin.update(0, area.y(), self._margin.width(), area.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        inner = self.contentsRect()
        self._margin.setGeometry(QRect(inner.left(), inner.top(), self.margin_width(), inner.height()))

    def paint_margin(self, event: QPaintEvent) -> None:
        painter = QPainter(self._margin)
        colour = theme().colour
        painter.fillRect(event.rect(), colour("chrome"))
        painter.setFont(self.font())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        block = self.firstVisibleBlock()
        while block.isValid():
            box = self.blockBoundingGeometry(block).translated(self.contentOffset())
            if box.top() > event.rect().bottom():
                break
            line = block.blockNumber() + 1
            wrong = line in self._wrong
            place = QRect(0, round(box.top()), self._margin.width() - 10, round(box.height()))
            painter.setPen(colour("failed" if wrong else "faint"))
            painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, str(line))
            if wrong:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(colour("failed"))
                painter.drawEllipse(place.left() + 8, place.center().y() - 3, 7, 7)
            block = block.next()
        painter.end()

    def told_at(self, y: int) -> str:
        """What is wrong in the line at a height of the margin."""
        from PySide6.QtCore import QPoint

        return self._wrong.get(self.cursorForPosition(QPoint(2, y)).blockNumber() + 1, "")


class _Margin(QWidget):
    def __init__(self, editor: NumberedText) -> None:
        super().__init__(editor)
        self._editor = editor
        self.setMouseTracking(True)

    def sizeHint(self) -> QSize:
        return QSize(self._editor.margin_width(), 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        self._editor.paint_margin(event)

    def mouseMoveEvent(self, event: Any) -> None:
        self.setToolTip(self._editor.told_at(event.position().toPoint().y()))
