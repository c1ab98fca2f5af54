"""A table with icons, colours and words in its cells: rows for the keyboard and for screen readers, painted by one hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QEvent, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QHelpEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
    QTreeView,
    QWidget,
)

from tisserand.ui.icons import pixmap
from tisserand.ui.theme import font, theme

Index = QModelIndex | QPersistentModelIndex
ROLE = Qt.ItemDataRole
SIGN = ROLE.UserRole + 1
"""The name of an icon before the text."""
SHADE = ROLE.UserRole + 2
"""The colour token of icon and text."""
SHARE = ROLE.UserRole + 3
"""From 0 to 1: a bar behind the text's place."""
KEY = ROLE.UserRole + 4
"""What a row stands for."""
ROW = 30
PAD = 10
SIGN_SIZE = 16
BAR = 44


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its title, its width, and its part of the room that is left over."""

    title: str
    width: int
    stretch: int = 0
    right: bool = False


class Cells(QStyledItemDelegate):
    """Paints every cell: an icon, a bar, and a text that is shortened where there is no room."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(60, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        colour = theme().colour
        box: QRect = option.rect
        state: Any = option.state
        self.paint_ground(painter, box, state)
        shade = index.data(SHADE)
        left, right = box.left() + PAD, box.right() - PAD
        sign = index.data(SIGN)
        if sign:
            picture = pixmap(sign, colour(shade or "muted"), SIGN_SIZE, painter.device().devicePixelRatioF())
            painter.drawPixmap(left, box.center().y() - SIGN_SIZE // 2 + 1, picture)
            left += SIGN_SIZE + 6
        share = index.data(SHARE)
        if share is not None:
            self._paint_bar(painter, left, box, float(share), shade or "done")
            left += BAR + 8
        text = index.data(ROLE.DisplayRole)
        if not text:
            return
        align = index.data(ROLE.TextAlignmentRole) or Qt.AlignmentFlag.AlignLeft
        painter.setFont(option.font)
        painter.setPen(colour(shade if shade and share is None else "text"))
        room = QRect(left, box.top(), right - left, box.height())
        shown = QFontMetrics(option.font).elidedText(str(text), Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, Qt.AlignmentFlag(align) | Qt.AlignmentFlag.AlignVCenter, shown)

    @staticmethod
    def paint_ground(painter: QPainter, box: QRect, state: Any) -> None:
        """The cell's ground: chosen, under the pointer, or plain, with a line below."""
        colour = theme().colour
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        over = bool(state & QStyle.StateFlag.State_MouseOver)
        painter.fillRect(box, colour("selection" if chosen else "hover" if over else "surface"))
        painter.setPen(colour("border"))
        painter.drawLine(box.left(), box.bottom(), box.right(), box.bottom())

    @staticmethod
    def _paint_bar(painter: QPainter, left: int, box: QRect, share: float, token: str) -> None:
        colour = theme().colour
        bar = QRect(left, box.center().y() - 2, BAR, 6)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour("failed" if share < 1 else "sunken"))
        painter.drawRoundedRect(bar, 3, 3)
        if share > 0:
            painter.setBrush(colour(token))
            painter.drawRoundedRect(QRect(left, bar.top(), max(3, round(BAR * share) - (1 if share < 1 else 0)), 6), 3, 3)
        painter.restore()

    def helpEvent(self, event: QHelpEvent, view: QAbstractItemView, option: QStyleOptionViewItem, index: Index) -> bool:
        """What is cut is shown whole; what has more to tell tells it."""
        if event.type() != QEvent.Type.ToolTip:
            return super().helpEvent(event, view, option, index)
        told = index.data(ROLE.ToolTipRole)
        text = str(index.data(ROLE.DisplayRole) or "")
        taken = 2 * PAD + (SIGN_SIZE + 6 if index.data(SIGN) else 0)
        cut = QFontMetrics(view.font()).horizontalAdvance(text) > view.visualRect(index).width() - taken
        QToolTip.showText(event.globalPos(), str(told or (text if cut else "")), view)
        return True


class Table(QTreeView):
    """Rows with a head, of one height, chosen as a whole."""

    def __init__(self, columns: Sequence[Column], name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self.setObjectName("table")
        self.setAccessibleName(name)
        self.setRootIsDecorated(False)
        self.setItemsExpandable(False)
        self.setUniformRowHeights(True)
        self.setAllColumnsShowFocus(True)
        self.setMouseTracking(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerItem)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setItemDelegate(Cells(self))
        self.setFont(font(12))
        head = self.header()
        head.setFont(font(12))
        head.setStretchLastSection(False)
        head.setSectionsMovable(False)
        head.setSectionsClickable(False)
        head.setHighlightSections(False)
        head.setTextElideMode(Qt.TextElideMode.ElideRight)
        head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        theme().changed.connect(self.viewport().update)

    def setModel(self, model: QAbstractItemModel | None) -> None:
        super().setModel(model)
        if model is not None:
            self.header().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
            self.share_room()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.share_room()

    def share_room(self) -> None:
        """Give the room that is left over to the columns that take some; where there is too little, those give way."""
        if self.model() is None:
            return
        spare = self.viewport().width() - sum(column.width for column in self.columns)
        parts = sum(column.stretch for column in self.columns) or 1
        for at, column in enumerate(self.columns):
            width = column.width + (spare * column.stretch // parts if column.stretch else 0)
            self.header().resizeSection(at, max(40, width))

    def chosen(self) -> Any:
        """What the chosen row stands for."""
        index = self.currentIndex()
        return index.data(KEY) if index.isValid() and self.selectionModel().isRowSelected(index.row(), index.parent()) else None

    def choose(self, index: QModelIndex) -> None:
        """Choose a row and show it."""
        self.setCurrentIndex(index)
        self.scrollTo(index)


def head_data(columns: Sequence[Column], section: int, orientation: Qt.Orientation, role: int) -> Any:
    """What the head of a table's model says."""
    if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(columns):
        return None
    if role == ROLE.DisplayRole:
        return columns[section].title
    if role == ROLE.TextAlignmentRole:
        side = Qt.AlignmentFlag.AlignRight if columns[section].right else Qt.AlignmentFlag.AlignLeft
        return side | Qt.AlignmentFlag.AlignVCenter
    return None
