"""What the pages of API management share: a head with a search and buttons, a list above what is chosen, and the foot of a form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from tisserand.texts import translate as _
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
        self.head.setContentsMargins(10, 12, 10, 8)
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
        self._acting: dict[QObject, str] = {}
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

    def acts(self, id: str, button: QPushButton) -> None:
        """A button does what an action of the registry does: the action is on while such a button is seen and on, on whatever page."""
        actions = self.ground.window_.actions_
        shared = self.ground.buttons.setdefault(id, [])
        if not shared:
            actions.bind(id, lambda: self._press(id))
        shared.append(button)
        self._acting[button] = id
        button.installEventFilter(self)
        self.hint(button)
        self._follow(id)

    def hint(self, button: QPushButton, text: str = "") -> None:
        """What an acting button says when pointed at: a text (its words, where empty), and the keys that do the same."""
        keys = self.ground.window_.actions_.keys(self._acting[button])
        button.setToolTip(f"{text or button.accessibleName()}  {keys}")

    def _press(self, id: str) -> None:
        found = next((each for each in self.ground.buttons[id] if each.isVisible() and each.isEnabled()), None)
        if found is not None:
            found.click()

    def _follow(self, id: str) -> None:
        on = any(each.isVisible() and each.isEnabled() for each in self.ground.buttons[id])
        self.ground.window_.actions_[id].setEnabled(on)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Show, QEvent.Type.Hide, QEvent.Type.EnabledChange) and watched in self._acting:
            self._follow(self._acting[watched])
        return super().eventFilter(watched, event)

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


class Foot(QWidget):
    """The foot of a form: what is said of it, and the two ways out of what was written."""

    def __init__(self, save: str, keep: Callable[[], object], take_back: Callable[[], object]) -> None:
        super().__init__()
        self.save, self.undo = QPushButton(save), QPushButton(_("Undo the changes"))
        for button, call in ((self.save, keep), (self.undo, take_back)):
            button.setAutoDefault(False)
            button.setAccessibleName(button.text())
            button.clicked.connect(lambda _checked=False, call=call: call())
        self.said = QLabel()
        self.said.setWordWrap(True)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 6, 10, 6)
        row.setSpacing(8)
        row.addWidget(self.said, 1)
        row.addWidget(self.undo)
        row.addWidget(self.save)

    def say(self, text: str, role: str = "muted") -> None:
        tell(self.said, text, role)


def tell(label: QLabel, text: str, role: str = "muted") -> None:
    """A text in the colour of its role."""
    label.setText(text)
    if label.property("role") != role:
        label.setProperty("role", role)
        label.style().unpolish(label)
        label.style().polish(label)


def in_order(*widgets: QWidget) -> None:
    """Tab goes through them as they are seen, in whatever order they were made."""
    for before, after in pairwise(widgets):
        QWidget.setTabOrder(before, after)


def squeeze(buttons: Sequence[QPushButton], keep: Sequence[QPushButton], room: int) -> None:
    """Where the words of all have no room, only those to `keep` have words; the others tell theirs when pointed at."""
    for button in buttons:
        name(button, button.accessibleName())
    if sum(button.sizeHint().width() + 8 for button in buttons) > room:
        for button in buttons:
            if button not in keep:
                button.setText("")


def quiet(text: str = "") -> QLabel:
    """A muted line that may wrap."""
    label = QLabel(text)
    label.setProperty("role", "muted")
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
