"""What happened in a run, in sentences: of all nodes or one, everything or what went wrong, and on with it while it goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from tisserand.texts import translate as _
from tisserand.ui.panels.log import Log

if TYPE_CHECKING:
    from tisserand.service.protocol import Event
    from tisserand.ui.kinds import Face

GRAVE, SAID = "grave", "said"
"""Which lines are shown, where it is not all."""
WRONG = frozenset(
    {"node.failed", "node.retry", "sink.uncertain", "run.failed", "run.interrupted", "run.cancelled", "node.skipped"}
)
"""What is told among warnings and errors, beside what a node says as one."""
LOUD = frozenset({"warning", "error"})


class RunLog(QWidget):
    """The log of one run, with what it is filtered by."""

    def __init__(self) -> None:
        super().__init__()
        self._events: list[Event] = []
        self.node = QComboBox()
        self.node.setAccessibleName(_("Node"))
        self.node.setMinimumWidth(190)
        self.level = QComboBox()
        self.level.setAccessibleName(_("Which lines"))
        self.level.addItem(_("Everything"), None)
        self.level.addItem(_("Warnings and errors"), GRAVE)
        self.level.addItem(_("What nodes say"), SAID)
        self.following = QCheckBox(_("Follow"))
        self.following.setChecked(True)
        self.following.setToolTip(_("Stay at the last line while the run goes on"))
        head = QHBoxLayout()
        head.setContentsMargins(10, 6, 10, 6)
        head.setSpacing(8)
        head.addWidget(self.node)
        head.addWidget(self.level)
        head.addStretch(1)
        head.addWidget(self.following)
        self.lines = Log()
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addLayout(head)
        box.addWidget(self.lines, 1)
        self.node.activated.connect(lambda _index: self._again())
        self.level.activated.connect(lambda _index: self._again())
        self.following.toggled.connect(lambda on: self._to_end() if on else None)
        self.name({})

    def name(self, cards: Mapping[str, Face]) -> None:
        """The nodes of the run, as the cards call them."""
        chosen = self.node.currentData()
        self.lines.name(cards)
        self.node.clear()
        self.node.addItem(_("All nodes"), None)
        for id, shown in cards.items():
            self.node.addItem(shown.title, id)
        self.node.setCurrentIndex(max(0, self.node.findData(chosen)))
        self._again()

    def show_node(self, node: str | None) -> None:
        """The lines of one node, or of all."""
        self.node.setCurrentIndex(max(0, self.node.findData(node, Qt.ItemDataRole.UserRole)))
        self._again()

    def forget(self) -> None:
        """Another run."""
        self._events = []
        self.lines.clear()
        self.following.setChecked(True)

    def add(self, events: Sequence[Event]) -> None:
        """More that happened."""
        if not events:
            return
        self._events.extend(events)
        self._append(events)

    def _again(self) -> None:
        self.lines.clear()
        self._append(self._events)

    def _append(self, events: Sequence[Event]) -> None:
        bar = self.lines.verticalScrollBar()
        place = bar.value()
        told = [line for event in events if self._fits(event) and (line := self.lines.line_of(event)) is not None]
        if told:
            self.lines.appendPlainText("\n".join(told))
        if self.following.isChecked():
            self._to_end()
        else:
            bar.setValue(place)

    def _fits(self, event: Event) -> bool:
        node, level = self.node.currentData(), self.level.currentData()
        if node is not None and event.node != node:
            return False
        if level == GRAVE:
            return event.kind in WRONG or (event.kind == "log" and event.data.get("level") in LOUD)
        return level != SAID or event.kind == "log"

    def _to_end(self) -> None:
        self.lines.moveCursor(QTextCursor.MoveOperation.End)
        self.lines.verticalScrollBar().setValue(self.lines.verticalScrollBar().maximum())
