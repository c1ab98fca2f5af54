"""The flow as a list in the order in which it runs, with states as words: the face of the canvas for keys and screen readers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTreeWidget, QTreeWidgetItem

from tisserand.model.flow import Flow
from tisserand.model.graph import order
from tisserand.texts import translate as _
from tisserand.ui.canvas.state import face
from tisserand.ui.icons import icon
from tisserand.ui.theme import theme

if TYPE_CHECKING:
    from tisserand.ui.canvas.card import Card

ID = Qt.ItemDataRole.UserRole


class Outline(QTreeWidget):
    """One line for each node; under it what feeds it."""

    chosen = Signal(str)
    """A node was selected here."""
    settings_asked = Signal()
    data_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("outline")
        self.setAccessibleName(_("Outline"))
        self.setAccessibleDescription(
            _("The flow as a list, in the order in which it runs. Enter opens the settings, Space shows the data.")
        )
        self.setColumnCount(3)
        self.setHeaderLabels([_("Step"), _("State"), _("Fed by")])
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setIconSize(QSize(16, 16))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.header().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.header().resizeSection(0, 280)
        self.header().resizeSection(1, 280)
        self._items: dict[str, QTreeWidgetItem] = {}
        self._shown: tuple[Flow, Mapping[str, Card]] | None = None
        self._stale = False
        self._wanted: str | None = None
        """What is selected on the canvas."""
        self.currentItemChanged.connect(lambda now, _before: self._chose(now))
        self.itemDoubleClicked.connect(lambda _item, _column: self.settings_asked.emit())
        theme().changed.connect(self.renew)

    def show_flow(self, flow: Flow, cards: Mapping[str, Card]) -> None:
        """Follow the flow and its states; nothing is built while nobody can see it."""
        self._shown = (flow, cards)
        self._stale = True
        if self.isVisible():
            self.renew()

    def renew(self) -> None:
        """Bring the lines up to date: built anew only where nodes or their order changed."""
        if self._shown is None:
            return
        self._stale = False
        flow, cards = self._shown
        ids = [id for id in order(flow) if id in cards]
        blocked = self.blockSignals(True)
        if ids != list(self._items):
            self.clear()
            self._items = {id: QTreeWidgetItem() for id in ids}
            self.addTopLevelItems(list(self._items.values()))
        for id, item in self._items.items():
            card = cards[id]
            state = "disabled" if card.disabled else card.standing.state
            sign, token, word = face(state)
            detail = f"{word} · {card.standing.detail}" if card.standing.detail and state != "disabled" else word
            feeding = dict.fromkeys(ref.node for _port, ref in flow.nodes[id].refs())
            names = ", ".join(cards[other].shown.title for other in feeding if other in cards)
            item.setData(0, ID, id)
            for column, text in enumerate((card.shown.title, detail, names)):
                if item.text(column) != text:
                    item.setText(column, text)
            item.setIcon(0, icon(card.shown.icon, card.shown.group))
            item.setIcon(1, icon(sign, token))
            item.setData(0, Qt.ItemDataRole.AccessibleTextRole, f"{card.shown.title}: {detail}")
        self.blockSignals(blocked)
        self.select(self._wanted)

    def select(self, id: str | None) -> None:
        """Follow the canvas."""
        self._wanted = id
        item = self._items.get(id or "")
        if item is not None and item is not self.currentItem():
            blocked = self.blockSignals(True)
            self.setCurrentItem(item)
            self.blockSignals(blocked)

    def _chose(self, item: QTreeWidgetItem | None) -> None:
        if item is not None:
            self.chosen.emit(str(item.data(0, ID)))

    def showEvent(self, event: object) -> None:
        super().showEvent(event)  # type: ignore[arg-type]
        if self._stale:
            self.renew()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        first = self.topLevelItem(0)
        if self.currentItem() is None and first is not None:
            self.setCurrentItem(first)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentItem() is not None:
            self.settings_asked.emit()
        elif event.key() == Qt.Key.Key_Space and self.currentItem() is not None:
            self.data_asked.emit()
        else:
            super().keyPressEvent(event)
