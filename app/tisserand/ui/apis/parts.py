"""What the pages of API management share: a head with a search and buttons, and a list above what is chosen."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from tisserand.ui.icons import icon
from tisserand.ui.supervision.empty import Empty
from tisserand.ui.supervision.ground import Ground
from tisserand.ui.supervision.pages import View
from tisserand.ui.theme import theme

TYPED = 250
"""Milliseconds of quiet after which a typed text counts."""


class Page(View):
    """A page: a head, a list above, what is chosen below; or a sentence where there is nothing."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.head = QHBoxLayout()
        self.head.setContentsMargins(14, 12, 14, 8)
        self.head.setSpacing(8)
        self.filters = QHBoxLayout()
        """A second line of the head, where it needs one."""
        self.filters.setContentsMargins(0, 0, 0, 0)
        self.filters.setSpacing(8)
        self.split = QSplitter(Qt.Orientation.Vertical)
        self.split.setHandleWidth(1)
        self.split.setChildrenCollapsible(False)
        self.empty = Empty()
        self.stack = QStackedWidget()
        self.stack.addWidget(self.split)
        self.stack.addWidget(self.empty)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addLayout(self.head)
        outer.addLayout(self.filters)
        outer.addWidget(self.stack, 1)
        self._coloured: list[tuple[QPushButton, str, str]] = []
        theme().changed.connect(self._recolour)
        self._typed = QTimer(self)
        self._typed.setSingleShot(True)
        self._typed.setInterval(TYPED)

    def put(self, upper: QWidget, lower: QWidget, sizes: Sequence[int] = (230, 360)) -> None:
        self.split.addWidget(upper)
        self.split.addWidget(lower)
        self.split.setSizes([*sizes])
        self.split.setStretchFactor(0, 1)
        self.split.setStretchFactor(1, 2)

    def button(self, text: str, sign: str, *, primary: bool = False) -> QPushButton:
        """A button whose icon follows the theme."""
        made = QPushButton()
        name(made, text)
        made.setProperty("primary", primary)
        made.setAutoDefault(False)
        self._coloured.append((made, sign, "on_accent" if primary else "text"))
        self._recolour()
        return made

    def say(self, text: str, way: str = "", other: str = "") -> None:
        """A sentence instead of the lists, with one or two ways out."""
        self.empty.say(text, way, other)
        self.stack.setCurrentWidget(self.empty)

    def shown(self) -> None:
        """The lists again."""
        self.stack.setCurrentWidget(self.split)

    def _recolour(self) -> None:
        for button, sign, shade in self._coloured:
            button.setIcon(icon(sign, shade))


def name(button: QPushButton, text: str) -> None:
    """The words of a button with an icon: style sheets know no room between the two."""
    button.setText(f" {text}" if text else "")
    button.setAccessibleName(text)


def quiet(text: str = "") -> QLabel:
    """A muted line that may wrap."""
    label = QLabel(text)
    label.setProperty("role", "muted")
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def padded(*widgets: QWidget, margin: int = 14) -> QWidget:
    """Widgets below one another, with room around."""
    holder = QWidget()
    box = QVBoxLayout(holder)
    box.setContentsMargins(margin, 10, margin, 10)
    box.setSpacing(10)
    for widget in widgets:
        box.addWidget(widget)
    return holder
