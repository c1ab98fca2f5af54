"""A small sheet to choose from by typing: for the nodes that fit here, for every action, and for where a wire shall go."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from tisserand.texts import translate as _
from tisserand.ui.icons import pixmap
from tisserand.ui.theme import font, theme

ROW = 36
MOST_ROWS = 9
WIDTH = 380
_CHOICE = Qt.ItemDataRole.UserRole


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of the sheet. `words` is what it is found by besides its title; `group` colours its tile."""

    key: Any
    title: str
    detail: str = ""
    icon: str = "box"
    group: str = ""
    words: str = ""
    enabled: bool = True


class Chooser(QFrame):
    """Lies over its window, takes the keyboard, and goes when something is chosen, on Escape, or when the focus leaves."""

    def __init__(
        self, window: QWidget, title: str, choices: Sequence[Choice], then: Callable[[Any], object], back: QWidget
    ) -> None:
        super().__init__(window)
        self.setObjectName("chooser")
        self.setAccessibleName(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._choices = [(choice, plain(f"{choice.title} {choice.words}")) for choice in choices]
        self._then = then
        self._back = back
        self._over = False
        box = QVBoxLayout(self)
        box.setContentsMargins(10, 10, 10, 8)
        box.setSpacing(8)
        self.search = QLineEdit()
        self.search.setPlaceholderText(title)
        self.search.setAccessibleName(title)
        self.search.textChanged.connect(self._narrow)
        self.search.installEventFilter(self)
        box.addWidget(self.search)
        self.list = QListWidget()
        self.list.setObjectName("choices")
        self.list.setAccessibleName(title)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setMouseTracking(True)
        self.list.setItemDelegate(_Delegate(self.list))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.itemClicked.connect(self._take)
        box.addWidget(self.list)
        self.nothing = QLabel(_("Nothing fits these words."))
        self.nothing.setProperty("role", "muted")
        self.nothing.setContentsMargins(4, 2, 4, 6)
        box.addWidget(self.nothing)
        self.setFixedWidth(WIDTH)
        self._narrow("")

    def open_at(self, place: QPoint | None) -> None:
        """Show at a point of the window, kept inside it; high in the middle where there is none."""
        parent = self.parentWidget()
        assert parent is not None
        # Room for the full list, wherever it starts: it must not jump while it is narrowed.
        tallest = ROW * min(MOST_ROWS, max(1, len(self._choices))) + 66
        if place is None:
            place = QPoint((parent.width() - WIDTH) // 2, max(60, parent.height() // 8))
        x = max(8, min(place.x(), parent.width() - WIDTH - 8))
        y = max(8, min(place.y(), parent.height() - tallest - 8))
        self.move(x, y)
        self.show()
        self.raise_()
        self.search.setFocus()

    def _narrow(self, text: str) -> None:
        wanted = plain(text).split()
        found = [choice for choice, words in self._choices if all(word in words for word in wanted)]
        if wanted:
            # What begins with the first word stands first: `so` means sort before it means resolve.
            found.sort(key=lambda choice: (not plain(choice.title).startswith(wanted[0]), wanted[0] not in plain(choice.title)))
        self.list.clear()
        for choice in found:
            item = QListWidgetItem(choice.title)
            item.setData(_CHOICE, choice)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{choice.title} {choice.detail}".strip())
            if not choice.enabled:
                item.setFlags(Qt.ItemFlag.NoItemFlags)
            self.list.addItem(item)
        first = next((row for row, choice in enumerate(found) if choice.enabled), -1)
        self.list.setCurrentRow(first)
        self.list.setVisible(bool(found))
        self.nothing.setVisible(not found)
        self.list.setFixedHeight(ROW * max(1, min(MOST_ROWS, len(found))) + 4)
        self.adjustSize()

    def _step(self, by: int) -> None:
        row = self.list.currentRow() + by
        while 0 <= row < self.list.count():
            item = self.list.item(row)
            if item is not None and item.flags() & Qt.ItemFlag.ItemIsEnabled:
                self.list.setCurrentRow(row)
                return
            row += by

    def _take(self, item: QListWidgetItem | None) -> None:
        if item is None or not item.flags() & Qt.ItemFlag.ItemIsEnabled:
            return
        choice: Choice = item.data(_CHOICE)
        self.leave()
        self._then(choice.key)

    def leave(self) -> None:
        """Go, and give the keyboard back."""
        if not self._over:
            self._over = True
            self._back.setFocus()
            self.close()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FocusOut and not self._over:
            self._over = True
            self.close()
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            key = event.key()
            if key in (Qt.Key.Key_Down, Qt.Key.Key_Tab):
                self._step(1)
            elif key in (Qt.Key.Key_Up, Qt.Key.Key_Backtab):
                self._step(-1)
            elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._take(self.list.currentItem())
            elif key == Qt.Key.Key_Escape:
                self.leave()
            else:
                return super().eventFilter(watched, event)
            return True
        return super().eventFilter(watched, event)


class _Delegate(QStyledItemDelegate):
    """A tile or an icon, the title, and at the right what else is to be known."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Any) -> QSize:
        return QSize(120, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | Any) -> None:
        colour = theme().colour
        choice: Choice = index.data(_CHOICE)
        box: QRect = option.rect
        state: QStyle.StateFlag = option.state
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        row = box.adjusted(0, 1, -1, -1)
        painter.setPen(Qt.PenStyle.NoPen)
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        if chosen or state & QStyle.StateFlag.State_MouseOver:
            painter.setBrush(colour("selection" if chosen else "hover"))
            painter.drawRoundedRect(row, 6, 6)
        ratio = painter.device().devicePixelRatioF()
        tile = QRect(row.left() + 6, row.center().y() - 11, 24, 24)
        if choice.group:
            painter.setBrush(colour(choice.group))
            painter.drawRoundedRect(tile, 6, 6)
            painter.drawPixmap(tile.left() + 5, tile.top() + 5, pixmap(choice.icon, QColor("#FFFFFF"), 14, ratio))
        else:
            shade = colour("text" if choice.enabled else "faint")
            painter.drawPixmap(tile.left() + 3, tile.top() + 3, pixmap(choice.icon, shade, 18, ratio))
        words = row.adjusted(40, 0, -10, 0)
        painter.setFont(font(11))
        painter.setPen(colour("muted" if choice.enabled else "faint"))
        detail = painter.fontMetrics().elidedText(choice.detail, Qt.TextElideMode.ElideRight, words.width() // 2)
        used = painter.fontMetrics().horizontalAdvance(detail)
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, detail)
        painter.setFont(font())
        painter.setPen(colour("text" if choice.enabled else "faint"))
        room = words.width() - used - 12
        title = painter.fontMetrics().elidedText(choice.title, Qt.TextElideMode.ElideRight, room)
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, title)
        painter.restore()


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """Lower case without accents: `tele` finds `télé`."""
    split = unicodedata.normalize("NFKD", text.lower())
    return "".join(letter for letter in split if not unicodedata.combining(letter))
