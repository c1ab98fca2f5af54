"""The start page, over an empty canvas: ready scenarios, the flows of last time, a few examples, and a new flow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from tisserand.files import shipped
from tisserand.texts import translate as _
from tisserand.ui.icons import icon
from tisserand.ui.scenarios import ScenarioCard, scenarios
from tisserand.ui.theme import theme

MOST = 4
WIDE = 764
LOW, LOWER = 420, 540
"""Below such heights of the canvas the start page says less."""


class Welcome(QFrame):
    """Lies over the canvas while the flow has no node."""

    add_asked = Signal()
    open_asked = Signal()
    flow_asked = Signal(object)
    scenario_asked = Signal(object)
    """The path of a flow file."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("welcome")
        self.setAccessibleName(_("Start"))
        box = QVBoxLayout(self)
        box.setContentsMargins(16, 14, 16, 14)
        box.setSpacing(8)
        self._title = title = QLabel()
        title.setProperty("role", "title")
        title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        title.setWordWrap(True)
        box.addWidget(title)
        self._said = said = QLabel(_("Start a ready scenario, or build your own: bring data in, transform it, send it out."))
        said.setProperty("role", "muted")
        said.setAlignment(Qt.AlignmentFlag.AlignCenter)
        said.setWordWrap(True)
        box.addWidget(said)
        box.addSpacing(4)
        self._row = QHBoxLayout()
        self._row.setSpacing(12)
        self.cards: list[ScenarioCard] = []
        for scenario in scenarios():
            card = ScenarioCard(scenario)
            card.clicked.connect(lambda _checked=False, chosen=scenario: self.scenario_asked.emit(chosen))
            self._row.addWidget(card)
            self.cards.append(card)
        box.addLayout(self._row)
        box.addSpacing(4)
        self._lists = QHBoxLayout()
        self._lists.setSpacing(20)
        box.addLayout(self._lists)
        self._plus = QPushButton(_("New flow: add the first node"))
        self._plus.setProperty("primary", True)
        self._plus.setObjectName("plus")
        self._plus.clicked.connect(self.add_asked)
        self._open = QPushButton(_("Open another flow…"))
        self._open.setProperty("quiet", True)
        self._open.clicked.connect(self.open_asked)
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addStretch(1)
        row.addWidget(self._plus)
        row.addWidget(self._open)
        row.addStretch(1)
        box.addSpacing(10)
        box.addLayout(row)
        self._columns: list[QWidget] = []
        self.buttons: list[QPushButton] = []
        self._fourth: list[QPushButton] = []
        """The last of each column: the first to go where there is little room."""
        self._shown: object = None
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Maximum)
        theme().changed.connect(self._recolour)
        self._recolour()

    def fill(self, recent: Sequence[Path]) -> None:
        """Offer the flows of last time and the shipped examples (their titles are read from the first lines only)."""
        last = [(path, path.parent.parent.name or str(path.parent), _title(path)) for path in recent[:MOST]]
        found = [(path, "", _(title)) for path, title in examples()]
        if (last, found) == self._shown:
            return
        self._shown = (last, found)
        self._title.setText(_("Weave a flow") if last else _("Weave your first flow"))
        for column in self._columns:
            self._lists.removeWidget(column)
            column.hide()  # it lives until the event loop turns, and would be seen till then
            column.deleteLater()
        self._columns, self.buttons, self._fourth = [], [], []
        if last:
            self._add_column(_("Where you left off"), last, "clock")
        if found:
            self._add_column(_("Learn from an example"), found, "workflow")
        self._recolour()
        self.centre()

    def _add_column(self, heading: str, entries: Sequence[tuple[Path, str, str]], sign: str) -> None:
        column = QWidget()
        box = QVBoxLayout(column)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(6)
        label = QLabel(heading)
        label.setProperty("role", "muted")
        box.addWidget(label)
        for path, where, title in entries:
            button = _Elided(title)
            button.setProperty("example", True)
            button.setProperty("sign", sign)
            button.setToolTip(f"{title}\n{where or path.stem}")
            button.clicked.connect(lambda _checked=False, chosen=path: self.flow_asked.emit(chosen))
            box.addWidget(button)
            self.buttons.append(button)
            if box.count() > 4:
                self._fourth.append(button)
        box.addStretch(1)
        self._lists.addWidget(column, 1)
        column.show()  # at once, so that its height counts
        self._columns.append(column)

    def _recolour(self) -> None:
        self._plus.setIcon(icon("plus", "on_accent"))
        self._open.setIcon(icon("folder-open", "accent"))
        for button in self.buttons:
            button.setIcon(icon(button.property("sign"), "accent"))
        for card in self.cards:
            card.recolour()

    def centre(self) -> None:
        """In the middle of the canvas, never wider than it."""
        parent = self.parentWidget()
        assert parent is not None
        width = max(200, min(WIDE, parent.width() - 16))
        self.setFixedWidth(width)
        self._said.setVisible(parent.height() >= 400)
        self._open.setVisible(parent.height() >= 340)
        for button in self._fourth:
            button.setVisible(parent.height() >= LOWER)
        each = (width - 32 - 12 * (len(self.cards) - 1)) // max(1, len(self.cards))
        # Where there is little room, titles alone; where there is none, what is smaller stays.
        roomy = parent.height() >= LOW and each >= 150
        for card in self.cards:
            card.told.setVisible(roomy)
        height = max((card.height_for(each) for card in self.cards), default=0)
        for card in self.cards:
            card.fit(each, height)
        self.adjustSize()
        self.move(max(0, (parent.width() - self.width()) // 2), max(0, (parent.height() - self.height()) // 2))


class _Elided(QPushButton):
    """A button that shortens its text rather than the window."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._whole = text
        self.setAccessibleName(text)
        self.setMinimumWidth(80)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def resizeEvent(self, event: object) -> None:
        super().resizeEvent(event)  # type: ignore[arg-type]
        room = self.width() - 58
        self.setText(QFontMetrics(self.font()).elidedText(self._whole, Qt.TextElideMode.ElideRight, room))


def examples() -> list[tuple[Path, str]]:
    """A few flows to start from: the showcase's first, then the nodes' examples."""
    found: list[tuple[Path, str]] = []
    for folder in ("showcase", "examples"):
        for path in sorted((shipped("flows") / folder / "flows").glob("*.yaml")):
            found.append((path, _title(path)))
            if len(found) == MOST:
                return found
    return found


def _title(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as lines:
        for _number, line in zip(range(12), lines, strict=False):
            if line.startswith("title:"):
                return line.partition(":")[2].strip().strip("\"'") or path.stem
    return path.stem
