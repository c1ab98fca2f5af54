"""The palette: every node type under its family, found by typing, added by double click, Enter or drag."""

from __future__ import annotations

from html import escape
from typing import Any

from PySide6.QtCore import QEvent, QMimeData, QModelIndex, QObject, QRect, QSize, Qt, Signal
from PySide6.QtGui import QAction, QColor, QDrag, QFontMetrics, QKeyEvent, QPainter, QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLabel,
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from tisserand.texts import translate as _
from tisserand.ui.canvas.gesture import MIME
from tisserand.ui.chooser import plain
from tisserand.ui.icons import icon, pixmap
from tisserand.ui.kinds import GROUPS, Kinds, kind_words
from tisserand.ui.theme import font, theme

KIND = Qt.ItemDataRole.UserRole
GROUP = Qt.ItemDataRole.UserRole + 1
WORDS = Qt.ItemDataRole.UserRole + 2
ICON_NAME = Qt.ItemDataRole.UserRole + 3
LEFT, RIGHT = 38, 6
"""Points beside a title: the tile, and the gap to the edge of the panel."""


class Palette(QWidget):
    """The node types in use."""

    chosen = Signal(str)
    """A kind to add."""

    def __init__(self, kinds: Kinds) -> None:
        super().__init__()
        self._kinds = kinds
        box = QVBoxLayout(self)
        box.setContentsMargins(10, 10, 4, 4)
        box.setSpacing(8)
        heading = QLabel(_("Nodes"))
        heading.setProperty("role", "heading")
        heading.setContentsMargins(4, 0, 0, 0)
        box.addWidget(heading)
        self.search = QLineEdit()
        self.search.setObjectName("search")
        self.search.setPlaceholderText(_("Find a node"))
        self.search.setAccessibleName(_("Find a node"))
        self.search.setClearButtonEnabled(True)
        self._glass = QAction(self.search)
        self.search.addAction(self._glass, QLineEdit.ActionPosition.LeadingPosition)
        self.search.textChanged.connect(self._filter)
        self.search.installEventFilter(self)
        holder = QVBoxLayout()
        holder.setContentsMargins(0, 0, 6, 0)
        holder.addWidget(self.search)
        box.addLayout(holder)
        self.tree = _Tree()
        self.tree.setAccessibleName(_("Node types"))
        self.tree.setItemDelegate(_Delegate(self.tree))
        self.tree.itemActivated.connect(self._activated)
        box.addWidget(self.tree, 1)
        self.nothing = QLabel(_("No node fits these words."))
        self.nothing.setProperty("role", "muted")
        self.nothing.setWordWrap(True)
        self.nothing.setContentsMargins(4, 0, 4, 8)
        self.nothing.hide()
        box.addWidget(self.nothing)
        theme().changed.connect(self._recolour)
        self._recolour()

    def _recolour(self) -> None:
        self._glass.setIcon(icon("search", "faint"))
        self.tree.viewport().update()

    def fill(self) -> None:
        """Show the node types that are registered."""
        self.tree.clear()
        if self._kinds.catalog is None:
            return
        by_group: dict[str, list[Any]] = {}
        for found in self._kinds.catalog:
            by_group.setdefault(self._kinds.group(found.kind), []).append(found)
        for group, title in GROUPS:
            entries = sorted(by_group.get(group, ()), key=lambda found: plain(_(found.title)))
            if not entries:
                continue
            head = QTreeWidgetItem([_(title)])
            head.setFlags(Qt.ItemFlag.ItemIsEnabled)
            head.setData(0, GROUP, group)
            self.tree.addTopLevelItem(head)
            for found in entries:
                item = QTreeWidgetItem([_(found.title)])
                help = _(found.help)
                item.setData(0, KIND, found.kind)
                item.setData(0, GROUP, group)
                item.setData(0, ICON_NAME, found.icon)
                item.setData(0, WORDS, plain(kind_words(found, title)))
                item.setToolTip(0, _tip(_(found.title), help))
                head.addChild(item)
            head.setExpanded(True)
        self._filter(self.search.text())

    def _filter(self, text: str) -> None:
        wanted = plain(text).split()
        any_left = False
        first: QTreeWidgetItem | None = None
        for index in range(self.tree.topLevelItemCount()):
            head = self.tree.topLevelItem(index)
            assert head is not None
            left = 0
            for row in range(head.childCount()):
                item = head.child(row)
                assert item is not None
                words = item.data(0, WORDS)
                fits = all(word in words for word in wanted)
                item.setHidden(not fits)
                if fits:
                    left += 1
                    first = first or item
            head.setHidden(left == 0)
            any_left = any_left or left > 0
        self.nothing.setVisible(not any_left and self.tree.topLevelItemCount() > 0)
        if wanted and first is not None:
            self.tree.setCurrentItem(first)

    def _activated(self, item: QTreeWidgetItem) -> None:
        kind = item.data(0, KIND)
        if kind:
            self.chosen.emit(kind)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up):
                self.tree.setFocus()
                self.tree.event(event)
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                item = self.tree.currentItem()
                if item is not None:
                    self._activated(item)
                return True
            if event.key() == Qt.Key.Key_Escape and self.search.text():
                self.search.clear()
                return True
        return super().eventFilter(watched, event)


class _Tree(QTreeWidget):
    """A tree whose leaves can be dragged onto the canvas."""

    def __init__(self) -> None:
        super().__init__()
        self.setHeaderHidden(True)
        self.setIndentation(0)
        self.setRootIsDecorated(False)
        self.setMouseTracking(True)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            # How many lines a title takes hangs on the width.
            self.scheduleDelayedItemsLayout()

    def startDrag(self, actions: Qt.DropAction) -> None:
        item = self.currentItem()
        kind = item.data(0, KIND) if item is not None else None
        if item is None or not kind:
            return
        data = QMimeData()
        data.setData(MIME, kind.encode())
        drag = QDrag(self)
        drag.setMimeData(data)
        drag.setPixmap(tile_pixmap(item.data(0, ICON_NAME), item.data(0, GROUP), 34, self.devicePixelRatioF()))
        drag.exec(Qt.DropAction.CopyAction)


def _tip(title: str, help: str) -> str:
    """The whole title, which may be cut in a narrow panel, and what the node does."""
    return f"<b>{escape(title)}</b><br>{escape(help)}"


def tile_pixmap(name: str, group: str, size: int, ratio: float) -> QPixmap:
    made = QPixmap(round(size * ratio), round(size * ratio))
    made.setDevicePixelRatio(ratio)
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    _draw_tile(painter, QRect(0, 0, size, size), name, group, ratio)
    painter.end()
    return made


def _draw_tile(painter: QPainter, box: QRect, name: str, group: str, ratio: float) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme().colour(group))
    painter.drawRoundedRect(box, 6, 6)
    size = round(box.width() * 0.58)
    inset = (box.width() - size) // 2
    drawn = pixmap(name, QColor("#FFFFFF"), size, ratio)
    painter.drawPixmap(box.left() + inset, box.top() + inset, drawn)


class _Delegate(QStyledItemDelegate):
    """Draws a heading for a family, and a tile with a title for a node type."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Any) -> QSize:
        if not index.data(KIND):
            return QSize(120, 30)
        lines = len(self.lines(index.data(), self._room()))
        return QSize(120, 34 if lines == 1 else 44)

    def _room(self) -> int:
        tree = self.parent()
        assert isinstance(tree, QTreeWidget)
        return tree.viewport().width() - RIGHT - LEFT - 4

    def lines(self, title: str, room: int) -> list[str]:
        """A title that is too long for its line goes on in a second one; what has no room even there is cut at the end."""
        metrics = QFontMetrics(font())
        if metrics.horizontalAdvance(title) <= room:
            return [title]
        first, rest = "", title.split()
        while rest and metrics.horizontalAdvance(f"{first} {rest[0]}".strip()) <= room:
            first = f"{first} {rest.pop(0)}".strip()
        if not first:
            return [metrics.elidedText(title, Qt.TextElideMode.ElideRight, room)]
        return [first, metrics.elidedText(" ".join(rest), Qt.TextElideMode.ElideRight, room)]

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | Any) -> None:
        colour = theme().colour
        box: QRect = option.rect
        state: QStyle.StateFlag = option.state
        painter.save()
        kind = index.data(KIND)
        align = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        if not kind:
            face = font(11)
            face.setWeight(face.Weight.DemiBold)
            painter.setFont(face)
            painter.setPen(colour("muted"))
            painter.drawText(box.adjusted(4, 6, 0, 0), align, index.data())
            painter.restore()
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        row = box.adjusted(0, 1, -RIGHT, -1)
        painter.setPen(Qt.PenStyle.NoPen)
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(colour("accent"))
            row = row.adjusted(1, 0, -1, 0)
        if state & QStyle.StateFlag.State_Selected:
            painter.setBrush(colour("selection"))
            painter.drawRoundedRect(row, 6, 6)
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.setBrush(colour("hover"))
            painter.drawRoundedRect(row, 6, 6)
        tile = QRect(row.left() + 5, row.center().y() - 11, 24, 24)
        _draw_tile(painter, tile, index.data(ICON_NAME), index.data(GROUP), painter.device().devicePixelRatioF())
        painter.setFont(font())
        painter.setPen(colour("text"))
        words = row.adjusted(LEFT, 0, 0, 0)
        painter.drawText(words, align, "\n".join(self.lines(index.data(), self._room())))
        painter.restore()
