"""The nodes for those who cannot see the canvas: a list in the accessibility tree, one line for each card, at its place.

What a graphics view paints is nothing to a screen reader, and a `QAccessibleInterface` written in Python would have to outlive
whoever holds it. So the canvas holds a list view that paints nothing: Qt's own interfaces walk its model.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, QRect, Qt
from PySide6.QtGui import QAccessible, QPaintEvent
from PySide6.QtWidgets import QFrame, QListView

from tisserand.model.flow import Flow
from tisserand.model.graph import order
from tisserand.texts import translate as _
from tisserand.ui.announce import tell_child
from tisserand.ui.canvas.card import Card
from tisserand.ui.canvas.state import told
from tisserand.ui.canvas.view import CanvasView

Index = QModelIndex | QPersistentModelIndex
_NOTHING = QModelIndex()


class NodeList(QListView):
    """Name and state of every node, in the order in which they run. It lies over the canvas, seen by nobody."""

    def __init__(self, canvas: CanvasView) -> None:
        super().__init__(canvas.viewport())
        self.hide()
        self.setObjectName("nodes")
        self.setAccessibleName(_("Nodes of the flow"))
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.viewport().setAutoFillBackground(False)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setUniformItemSizes(True)
        self.setAutoScroll(False)
        self._canvas = canvas
        self._spoken: str | None = None
        self.lines = NodeLines(canvas, self)
        self.setModel(self.lines)
        canvas.shifted.connect(self._stay)
        self._stay()

    def _stay(self) -> None:
        """Over the whole canvas, which moves what lies on it when it scrolls. Shown only to a reader: each widget more that lies
        over the canvas makes scrolling dearer."""
        self.setGeometry(self._canvas.viewport().rect())
        if self.isHidden() == QAccessible.isActive():
            self.setVisible(QAccessible.isActive())

    def show_flow(self, flow: Flow) -> None:
        """Follow the flow and how its nodes stand."""
        for row in self.lines.show_flow(flow):
            tell_child(self, QAccessible.Event.NameChanged, row)

    def follow(self) -> None:
        """The node that was chosen on the canvas is the one that a reader speaks of."""
        if not QAccessible.isActive():
            return
        chosen = list(self._canvas.flow_scene.selection)
        row = self.lines.row_of(chosen[0]) if len(chosen) == 1 else None
        before, self._spoken = self._spoken, chosen[0] if row is not None else None
        if row is None:
            self.selectionModel().clear()
            return
        self.setCurrentIndex(self.lines.index(row))
        if self._spoken != before and self._canvas.hasFocus():
            tell_child(self, QAccessible.Event.Focus, row)

    def visualRect(self, index: Index) -> QRect:
        """Where the card of a line is seen; for one out of sight the nearest corner of the canvas, as Qt calls invisible, and
        readers pass over, what lies outside."""
        card = self.lines.card(index)
        if card is None:
            return QRect()
        box, seen = self._canvas.mapFromScene(card.frame()).boundingRect(), self.rect()
        if box.intersects(seen):
            return box
        centre = box.center()
        return QRect(min(max(centre.x(), 0), seen.right() - 1), min(max(centre.y(), 0), seen.bottom() - 1), 2, 2)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Nothing: the card itself is painted by the canvas."""


class NodeLines(QAbstractListModel):
    """The nodes as lines, made from the cards when they are asked for."""

    def __init__(self, canvas: CanvasView, parent: QObject) -> None:
        super().__init__(parent)
        self._scene = canvas.flow_scene
        self._flow: Flow | None = None
        self._order: list[str] | None = []
        self._told: dict[str, str] = {}

    def show_flow(self, flow: Flow) -> list[int]:
        """Follow; gives the rows of the nodes that have another name or state than when a reader was last told."""
        if flow is not self._flow:
            self._follow(flow)
        if not QAccessible.isActive():
            self._told = {}
            return []
        before = self._told
        self._told = {id: line(card) for id, card in self._scene.cards.items()}
        ids = self._ids()
        rows = [row for row, id in enumerate(ids) if id in before and before[id] != self._told.get(id)]
        for row in rows:
            self.dataChanged.emit(self.index(row), self.index(row))
        return rows

    def _follow(self, flow: Flow) -> None:
        known = self._order
        wanted = list(order(flow)) if QAccessible.isActive() else None
        self._flow = flow
        if wanted is None or wanted != known:
            self.beginResetModel()
            self._order = wanted
            self.endResetModel()

    def _ids(self) -> list[str]:
        if self._order is None:
            self._order = list(order(self._flow)) if self._flow is not None else []
        return self._order

    def row_of(self, id: str) -> int | None:
        ids = self._ids()
        return ids.index(id) if id in ids else None

    def card(self, index: Index) -> Card | None:
        ids = self._ids()
        return self._scene.cards.get(ids[index.row()]) if 0 <= index.row() < len(ids) else None

    def rowCount(self, parent: Index = _NOTHING) -> int:
        return 0 if parent.isValid() else len(self._ids())

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        card = self.card(index)
        if card is None or role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return None
        return line(card)


def line(card: Card) -> str:
    """A node as it is read out: its name and its state."""
    return f"{card.shown.title}, {told('disabled' if card.disabled else card.standing.state, card.standing.detail)}"
