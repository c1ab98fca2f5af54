"""A small number at the end of an entry of a list: so many things wait there for a person."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QFontMetrics, QPainter
from PySide6.QtWidgets import QListWidgetItem, QStyledItemDelegate, QStyleOptionViewItem

from tisserand.ui.canvas.state import number
from tisserand.ui.supervision.table import Index
from tisserand.ui.theme import font, theme

COUNT = Qt.ItemDataRole.UserRole + 1
HEIGHT = 18
LARGEST = 999


def count_on(item: QListWidgetItem, count: int) -> None:
    """Put a number on an entry, or take it off; a screen reader hears it behind the entry's text."""
    if item.data(COUNT) != count:
        item.setData(COUNT, count)
        item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{item.text()}, {number(count)}" if count else item.text())


class Badged(QStyledItemDelegate):
    """Paints the number over the entry."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        super().paint(painter, option, index)
        count = index.data(COUNT)
        if not count:
            return
        text = number(count) if count <= LARGEST else f"{number(LARGEST)}+"
        face = font(11)
        width = max(HEIGHT, QFontMetrics(face).horizontalAdvance(text) + 10)
        room: QRect = option.rect
        box = QRect(room.right() - width - 6, room.center().y() - HEIGHT // 2 + 1, width, HEIGHT)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().colour("failed"))
        painter.drawRoundedRect(box, HEIGHT / 2, HEIGHT / 2)
        painter.setFont(face)
        painter.setPen(theme().colour("surface"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
        painter.restore()
