"""A table of any length, painted: it asks for the pages that are seen, and for nothing else."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QMimeData, QPoint, QRect, Qt, Signal
from PySide6.QtGui import (
    QDrag,
    QFont,
    QFontMetrics,
    QHelpEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QFrame, QToolTip

from tisserand.texts import translate as _
from tisserand.ui.canvas.state import number
from tisserand.ui.icons import pixmap
from tisserand.ui.theme import font, theme

if TYPE_CHECKING:
    from tisserand.ui.panels.cells import Cells

COLUMN_MIME = "application/x-tisserand-column"
ROW = 27
HEAD = 44
PAD = 12
PAGE = 200
KEPT = 60
"""Pages kept in memory."""


class Grid(QAbstractScrollArea):
    """Rows of one edge."""

    wanted = Signal(int)
    """The number of a page that is seen and not here."""
    sort_asked = Signal(str)
    """A column whose name was clicked."""
    copy_asked = Signal()
    view_asked = Signal(int, int)
    """A cell that shall be shown whole."""
    menu_asked = Signal(object)
    """A place on the screen."""
    moved = Signal()
    """Another cell is the current one, or others are selected."""

    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(_("Data"))
        self.total = 0
        self.names: tuple[str, ...] = ()
        self.types: tuple[str, ...] = ()
        self.full: tuple[str, ...] = ()
        self.right: tuple[bool, ...] = ()
        self.hint = ""
        """What a click on a column's name does."""
        self.widths: list[int] = []
        self.order: str | None = None
        """The column that the rows are sorted by, `-column` for descending."""
        self.current: tuple[int, int] | None = None
        self.anchor: tuple[int, int] | None = None
        """Where the selection began; it reaches to the current cell."""
        self._held: tuple[int, QPoint] | None = None
        """The column whose name is pressed, and where."""
        self._pages: dict[int, Cells] = {}
        self._asked: set[int] = set()
        self._small = font(12)
        self._bold = font(12, QFont.Weight.DemiBold)
        self._tiny = font(11)
        self._italic = font(12)
        self._italic.setItalic(True)
        theme().changed.connect(self.viewport().update)
        self.verticalScrollBar().setSingleStep(1)
        self.horizontalScrollBar().setSingleStep(24)

    def clear(self) -> None:
        self._pages.clear()
        self._asked.clear()
        self.total, self.names, self.types, self.full, self.right, self.widths = 0, (), (), (), (), []
        self.order = None
        self._measure()
        self.choose(None)

    def reorder(self, order: str | None) -> None:
        """The same columns and as many rows, in another order: only the pages are asked for anew."""
        self._pages.clear()
        self._asked.clear()
        self.order = order
        self.verticalScrollBar().setValue(0)
        self.viewport().update()

    def take(self, cells: Cells) -> None:
        """A page that was asked for has come."""
        if not self.names:
            self.names, self.types, self.full, self.right = cells.names, cells.types, cells.full, cells.right
            self._set_widths(cells)
        self.total = cells.total
        page = cells.offset // PAGE
        self._asked.discard(page)
        self._pages[page] = cells
        while len(self._pages) > KEPT:
            del self._pages[next(iter(self._pages))]
        self._measure()
        self.viewport().update()

    def _set_widths(self, cells: Cells) -> None:
        bold, small, tiny = QFontMetrics(self._bold), QFontMetrics(self._small), QFontMetrics(self._tiny)
        self.widths = []
        for name, type, column in zip(cells.names, cells.types, cells.columns, strict=True):
            longest = max((small.horizontalAdvance(text) for text in column[:100] if text), default=0)
            width = max(bold.horizontalAdvance(one_line(name)), tiny.horizontalAdvance(type), longest) + 2 * PAD + 2
            self.widths.append(min(max(width, 72), 320))

    def selected(self) -> tuple[int, int, int, int] | None:
        """(first row, first column, last row, last column) of what is selected."""
        if self.current is None:
            return None
        (row, column), (other_row, other_column) = self.current, self.anchor or self.current
        return min(row, other_row), min(column, other_column), max(row, other_row), max(column, other_column)

    def choose(self, cell: tuple[int, int] | None, anchor: tuple[int, int] | None = None) -> None:
        """Make a cell the current one, and select from `anchor` to it."""
        self.current, self.anchor = cell, anchor or cell
        self.viewport().update()
        self.moved.emit()

    def select_all(self) -> None:
        if self.total and self.names:
            self.choose((self.total - 1, len(self.names) - 1), (0, 0))

    def current_column(self) -> str | None:
        """The name of the column that the current cell stands in."""
        return self.names[self.current[1]] if self.current is not None and self.names else None

    def go_to(self, row: int, column: int) -> None:
        """Make a cell the current one, and show it."""
        self.choose((row, column))
        self._reveal()

    def _reveal(self) -> None:
        if self.current is None:
            return
        row, column = self.current
        bar, across = self.verticalScrollBar(), self.horizontalScrollBar()
        if row < bar.value():
            bar.setValue(row)
        elif row >= bar.value() + bar.pageStep():
            bar.setValue(row - bar.pageStep() + 1)
        left = sum(self.widths[:column])
        room = self.viewport().width() - self._gutter()
        if left < across.value():
            across.setValue(left)
        elif left + self.widths[column] > across.value() + room:
            across.setValue(left + self.widths[column] - room)
        self.viewport().update()

    def _gutter(self) -> int:
        return QFontMetrics(self._tiny).horizontalAdvance(number(max(self.total, 999))) + 2 * PAD

    def _measure(self) -> None:
        view = self.viewport().rect()
        fits = max(1, (view.height() - HEAD) // ROW)
        vertical, horizontal = self.verticalScrollBar(), self.horizontalScrollBar()
        vertical.setRange(0, max(0, self.total - fits))
        vertical.setPageStep(fits)
        horizontal.setRange(0, max(0, self._gutter() + sum(self.widths) - view.width()))
        horizontal.setPageStep(view.width())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._measure()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self.viewport().update()

    def value(self, row: int, column: int) -> str | None:
        """The text of one cell; empty while its page is under way."""
        page = self._pages.get(row // PAGE)
        if page is None or row - page.offset >= page.rows:
            return ""
        return page.columns[column][row - page.offset]

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        colour = theme().colour
        view = self.viewport().rect()
        painter.fillRect(view, colour("surface"))
        if not self.names:
            return
        first = self.verticalScrollBar().value()
        last = min(self.total, first + (view.height() - HEAD) // ROW + 2)
        gutter = self._gutter()
        self._ask(first, last)
        left = gutter - self.horizontalScrollBar().value()
        for row in range(first, last):
            y = HEAD + (row - first) * ROW
            if row % 2:
                painter.fillRect(0, y, view.width(), ROW, colour("stripe"))
        x = left
        for index, width in enumerate(self.widths):
            if x + width > gutter and x < view.width():
                self._paint_column(painter, index, x, width, first, last)
            x += width
        self._paint_head(painter, view, left, gutter)
        painter.setFont(self._tiny)
        painter.fillRect(0, HEAD, gutter, view.height(), colour("chrome"))
        painter.setPen(colour("faint"))
        for row in range(first, last):
            box = QRect(0, HEAD + (row - first) * ROW, gutter - PAD, ROW)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, number(row + 1))
        painter.setPen(colour("border"))
        painter.drawLine(gutter - 1, 0, gutter - 1, view.height())
        painter.drawLine(0, HEAD - 1, view.width(), HEAD - 1)

    def _ask(self, first: int, last: int) -> None:
        for page in range(first // PAGE, max(first, last - 1) // PAGE + 1):
            if page not in self._pages and page not in self._asked and page * PAGE < self.total:
                self._asked.add(page)
                self.wanted.emit(page)

    def _paint_column(self, painter: QPainter, index: int, x: int, width: int, first: int, last: int) -> None:
        colour = theme().colour
        text_colour, faint = colour("text"), colour("faint")
        metrics = QFontMetrics(self._small)
        side = Qt.AlignmentFlag.AlignRight if self.right[index] else Qt.AlignmentFlag.AlignLeft
        align = Qt.AlignmentFlag.AlignVCenter | side
        chosen = self.selected()
        inside = chosen is not None and chosen[1] <= index <= chosen[3]
        for row in range(first, last):
            box = QRect(x + PAD, HEAD + (row - first) * ROW, width - 2 * PAD, ROW)
            if inside and chosen is not None and chosen[0] <= row <= chosen[2]:
                painter.fillRect(box.adjusted(-PAD, 0, PAD, 0), colour("selection"))
                if self.current == (row, index):
                    painter.setPen(colour("accent"))
                    painter.drawRect(box.adjusted(-PAD, 0, PAD - 1, -1))
            text = self.value(row, index)
            if text is None:
                painter.setFont(self._italic)
                painter.setPen(faint)
                painter.drawText(box, align, "null")
                continue
            painter.setFont(self._small)
            painter.setPen(text_colour)
            if metrics.horizontalAdvance(text) > box.width():
                text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, box.width())
            painter.drawText(box, align, text)

    def _paint_head(self, painter: QPainter, view: QRect, left: int, gutter: int) -> None:
        colour = theme().colour
        painter.fillRect(0, 0, view.width(), HEAD, colour("chrome"))
        x = left
        bold, tiny = QFontMetrics(self._bold), QFontMetrics(self._tiny)
        for index, width in enumerate(self.widths):
            if x + width <= gutter or x >= view.width():
                x += width
                continue
            side = Qt.AlignmentFlag.AlignRight if self.right[index] else Qt.AlignmentFlag.AlignLeft
            room = width - 2 * PAD
            if self.order is not None and self.order.removeprefix("-") == self.names[index]:
                self._paint_arrow(painter, x, width, bool(side & Qt.AlignmentFlag.AlignRight))
            painter.setFont(self._bold)
            painter.setPen(colour("text"))
            name = bold.elidedText(one_line(self.names[index]), Qt.TextElideMode.ElideMiddle, room)
            painter.drawText(QRect(x + PAD, 5, room, 18), side | Qt.AlignmentFlag.AlignVCenter, name)
            painter.setFont(self._tiny)
            painter.setPen(colour("muted"))
            type = tiny.elidedText(self.types[index], Qt.TextElideMode.ElideRight, room)
            painter.drawText(QRect(x + PAD, 22, room, 16), side | Qt.AlignmentFlag.AlignVCenter, type)
            x += width
        painter.fillRect(0, 0, gutter, HEAD, colour("chrome"))

    def _paint_arrow(self, painter: QPainter, x: int, width: int, right: bool) -> None:
        """Which way the column is sorted, on the side where its name does not stand."""
        assert self.order is not None
        sign = pixmap(
            "chevron-down" if self.order.startswith("-") else "chevron-up", theme().colour("accent"), 12, self.devicePixelRatioF()
        )
        painter.drawPixmap(x + PAD - 8 if right else x + width - PAD - 6, 24, sign)

    def _place_of(self, row: int, column: int) -> QPoint:
        """The middle of a cell, or where it is nearest to what is seen."""
        x = self._gutter() - self.horizontalScrollBar().value() + sum(self.widths[:column]) + self.widths[column] // 2
        y = HEAD + (row - self.verticalScrollBar().value()) * ROW + ROW // 2
        view = self.viewport().rect()
        return QPoint(min(max(x, 0), view.right()), min(max(y, HEAD), view.bottom()))

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.tip_at(event.pos()), self.viewport())
            return True
        return super().viewportEvent(event)

    def tip_at(self, point: QPoint) -> str:
        """Over a column's name: all of it, its type as it is kept, and what a click does. Over a value that is cut: more of it."""
        column = self.column_at(point.x())
        if column is None:
            return ""
        if point.y() < HEAD:
            lines = (self.names[column], f"{self.types[column]} · {self.full[column]}", self.hint)
            return "<br>".join(escape(line).replace("\n", "<br>") for line in lines if line)
        cell = self.cell_at(point)
        text = self.value(*cell) if cell is not None else None
        cut = text and QFontMetrics(self._small).horizontalAdvance(text) > self.widths[column] - 2 * PAD
        return f"<qt>{escape(text)}</qt>" if text and cut else ""

    # -- hands ---------------------------------------------------------------------------------------------------------
    def cell_at(self, point: QPoint) -> tuple[int, int] | None:
        row = self.verticalScrollBar().value() + (point.y() - HEAD) // ROW
        column = self.column_at(point.x())
        return None if column is None or point.y() < HEAD or row >= self.total else (row, column)

    def column_at(self, across: int) -> int | None:
        x = self._gutter() - self.horizontalScrollBar().value()
        for index, width in enumerate(self.widths):
            if x <= across < x + width:
                return index
            x += width
        return None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        at = event.position().toPoint()
        column = self.column_at(at.x())
        if event.button() == Qt.MouseButton.RightButton:
            if column is not None and self.total:
                row = self.verticalScrollBar().value() if at.y() < HEAD else (self.cell_at(at) or (0, 0))[0]
                chosen = self.selected()
                if chosen is None or not (chosen[0] <= row <= chosen[2] and chosen[1] <= column <= chosen[3]):
                    self.choose((row, column))
                self.menu_asked.emit(event.globalPosition().toPoint())
            return
        if at.y() < HEAD:
            # A click sorts, a drag takes the column along: which it is, the release tells.
            self._held = (column, at) if column is not None else None
            return
        cell = self.cell_at(at)
        if cell is not None and event.modifiers() & Qt.KeyboardModifier.ShiftModifier and self.current is not None:
            self.choose(cell, self.anchor or self.current)
        else:
            self.choose(cell)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        held, self._held = self._held, None
        if held is not None and event.button() == Qt.MouseButton.LeftButton:
            self.sort_asked.emit(self.names[held[0]])

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._held is not None:
            column, start = self._held
            if (event.position().toPoint() - start).manhattanLength() >= QApplication.startDragDistance():
                self._held = None
                self._drag(self.names[column])
            return
        if event.buttons() & Qt.MouseButton.LeftButton and self.current is not None:
            cell = self.cell_at(event.position().toPoint())
            if cell is not None and cell != self.current:
                self.choose(cell, self.anchor)

    def _drag(self, name: str) -> None:
        """A column on its way into a field of the inspector."""
        data = QMimeData()
        data.setData(COLUMN_MIME, name.encode())
        data.setText(name)
        drag = QDrag(self)
        drag.setMimeData(data)
        drag.exec(Qt.DropAction.CopyAction)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        cell = self.cell_at(event.position().toPoint())
        if cell is not None and event.button() == Qt.MouseButton.LeftButton:
            self.view_asked.emit(*cell)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # S, I, Enter and whatever else is an action have their keys from the registry; these are the keys of every table.
        if event.matches(QKeySequence.StandardKey.Copy) and self.current is not None:
            self.copy_asked.emit()
            return
        if event.matches(QKeySequence.StandardKey.SelectAll):
            self.select_all()
            return
        if event.key() == Qt.Key.Key_Menu and self.current is not None:
            self.menu_asked.emit(self.viewport().mapToGlobal(self._place_of(*self.current)))
            return
        bar = self.verticalScrollBar()
        moves: dict[int, Callable[[tuple[int, int]], tuple[int, int]]] = {
            Qt.Key.Key_Down: lambda c: (c[0] + 1, c[1]),
            Qt.Key.Key_Up: lambda c: (c[0] - 1, c[1]),
            Qt.Key.Key_Right: lambda c: (c[0], c[1] + 1),
            Qt.Key.Key_Left: lambda c: (c[0], c[1] - 1),
            Qt.Key.Key_PageDown: lambda c: (c[0] + bar.pageStep(), c[1]),
            Qt.Key.Key_PageUp: lambda c: (c[0] - bar.pageStep(), c[1]),
            Qt.Key.Key_Home: lambda c: (0, c[1]),
            Qt.Key.Key_End: lambda c: (self.total - 1, c[1]),
        }
        move = moves.get(event.key())
        if move is None or not self.total or not self.names:
            super().keyPressEvent(event)
            return
        row, column = move(self.current or (bar.value(), 0))
        before = self.anchor or self.current
        cell = (min(max(row, 0), self.total - 1), min(max(column, 0), len(self.names) - 1))
        self.choose(cell, before if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else None)
        self._reveal()


def one_line(text: str) -> str:
    """A name that holds line breaks, as it stands in a head."""
    return text.replace("\r\n", "⏎").replace("\n", "⏎").replace("\r", "⏎")
