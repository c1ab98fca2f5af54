"""The view “Supervision”: its pages in a list at the left, the one that is turned to beside it, renewed while it is seen."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QListWidget, QListWidgetItem, QStackedWidget, QVBoxLayout, QWidget

from tisserand.texts import translate as _
from tisserand.ui.icons import icon
from tisserand.ui.supervision.badges import Badged, count_on
from tisserand.ui.supervision.ground import Ground
from tisserand.ui.supervision.pages import PAGES, View
from tisserand.ui.theme import theme

OFTEN = 2000
"""Milliseconds between two looks."""
SIDE = 168
ENTRY = 36


class Supervision(QWidget):
    """Stands beside the editor in the window."""

    turned = Signal(str)
    """The action of the page that is shown now."""

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.ground = ground
        self.setObjectName("supervision")
        self.setAccessibleName(_("Supervision"))
        self.list = QListWidget()
        self.list.setObjectName("pages")
        self.list.setAccessibleName(_("Pages"))
        self.list.setIconSize(QSize(18, 18))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        for page in PAGES:
            entry = QListWidgetItem(_(page.title))
            entry.setData(Qt.ItemDataRole.UserRole, page.action)
            # Told, because a page far down may be turned to before the style is known that says it.
            entry.setSizeHint(QSize(SIDE - 20, ENTRY))
            entry.setToolTip(f"{_(page.title)}  {ground.window_.actions_.keys(page.action)}")
            self.list.addItem(entry)
        self.list.setItemDelegate(Badged(self.list))
        self.stack = QStackedWidget()
        self._made: dict[str, View] = {}
        self._root = ground.root
        side = QFrame()
        side.setObjectName("side")
        side.setFixedWidth(SIDE)
        box = QVBoxLayout(side)
        box.setContentsMargins(8, 12, 8, 8)
        box.setSpacing(8)
        title = QLabel(_("Supervision"))
        title.setProperty("role", "heading")
        title.setContentsMargins(6, 0, 0, 0)
        box.addWidget(title)
        box.addWidget(self.list, 1)
        self.trouble = QLabel()
        self.trouble.setObjectName("told")
        self.trouble.setProperty("role", "error")
        self.trouble.setContentsMargins(10, 8, 10, 8)
        self.trouble.setWordWrap(True)
        self.trouble.hide()
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        right.addWidget(self.trouble)
        right.addWidget(self.stack, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(side)
        row.addLayout(right, 1)
        self._timer = QTimer(self)
        self._timer.setInterval(OFTEN)
        self._timer.timeout.connect(self.refresh)
        self.list.currentRowChanged.connect(self._turned)
        self.list.itemActivated.connect(lambda _entry: self.focus_page())
        ground.trouble.connect(self._tell)
        ground.window_.desk.supervising.lookout.changed.connect(self._count)
        self._count()
        theme().changed.connect(self._recolour)
        self._recolour()

    @property
    def page(self) -> View | None:
        """The page that is shown."""
        shown = self.stack.currentWidget()
        return shown if isinstance(shown, View) else None

    @property
    def action(self) -> str:
        """The action of the page that is shown."""
        return PAGES[max(0, self.list.currentRow())].action

    def of(self, action: str) -> View:
        """A page, made when it is first asked for."""
        found = self._made.get(action)
        if found is None:
            page = next(page for page in PAGES if page.action == action)
            found = self._made[action] = page.make(self.ground)
            self.stack.addWidget(found)
        return found

    def turn_to(self, action: str | None = None) -> View:
        """Show a page (the one of last time, or the first); gives it."""
        row = next((at for at, page in enumerate(PAGES) if page.action == action), max(0, self.list.currentRow()))
        # The list may have a current row without a chosen one: Qt makes the first current when the keyboard comes by.
        self.list.setCurrentRow(row, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        return self._show(PAGES[row].action)

    def _turned(self, row: int) -> None:
        if row >= 0:
            self._show(PAGES[row].action)

    def _show(self, action: str) -> View:
        view = self.of(action)
        if self.stack.currentWidget() is not view:
            self.stack.setCurrentWidget(view)
            self.turned.emit(action)
            self.refresh()
        return view

    def unsaved(self) -> list[str]:
        """What something was written about on any page that is not kept."""
        return sorted({each for view in self._made.values() for each in view.unsaved()})

    def focus_page(self) -> None:
        """The keyboard to the page."""
        if self.page is not None:
            self.page.first().setFocus(Qt.FocusReason.ShortcutFocusReason)

    def refresh(self) -> None:
        """Have the page that is seen look anew; the others wait until they are."""
        if not self.isVisible() or self.page is None:
            return
        if self.ground.root != self._root:
            self._root = self.ground.root
            for view in self._made.values():
                view.forget()
        self.ground.learn_names()
        self.page.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._timer.start()
        self.refresh()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def _tell(self, text: str) -> None:
        self.trouble.setText(text)
        self.trouble.setVisible(bool(text))

    def _count(self) -> None:
        """What waits for a person, beside the page where it is seen."""
        badges = self.ground.window_.desk.supervising.lookout.seen.badges
        for row, page in enumerate(PAGES):
            count_on(self.list.item(row), badges.get(page.action, 0))

    def _recolour(self) -> None:
        for row, page in enumerate(PAGES):
            self.list.item(row).setIcon(icon(page.icon, "muted"))
