"""A sentence in the middle of a page, where there is nothing to list."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget


class Empty(QWidget):
    """A sentence in the middle, where there is nothing to list."""

    def __init__(self) -> None:
        super().__init__()
        self.text = QLabel()
        self.text.setProperty("role", "muted")
        self.text.setWordWrap(True)
        self.text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.button, self.other = QPushButton(), QPushButton()
        ways = QHBoxLayout()
        ways.setSpacing(10)
        ways.addStretch(1)
        ways.addWidget(self.button)
        ways.addWidget(self.other)
        ways.addStretch(1)
        box = QVBoxLayout(self)
        box.setContentsMargins(40, 20, 40, 60)
        box.setSpacing(14)
        box.addStretch(1)
        box.addWidget(self.text)
        box.addLayout(ways)
        box.addStretch(1)

    def say(self, text: str, way: str, other: str = "") -> None:
        """The sentence, and what can be done about it (nothing where empty)."""
        self.text.setText(text)
        self.button.setText(way)
        self.button.setVisible(bool(way))
        self.other.setText(other)
        self.other.setVisible(bool(other))
