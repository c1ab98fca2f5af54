"""A small bar over the canvas for a few seconds: what was just done, and a button that takes it back."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from tisserand.ui.announce import announce

LASTS = 6000
"""Milliseconds; it stays while the pointer is on it."""
EDGE = 16


class Toast(QFrame):
    """At the foot of its parent, in the middle."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("toast")
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 6, 8, 6)
        row.setSpacing(12)
        self.text = QLabel()
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        row.addWidget(self.text, 1)
        self.button = QPushButton()
        self.button.setProperty("quiet", True)
        self.button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.button.clicked.connect(self._act)
        row.addWidget(self.button)
        self._call: Callable[[], object] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(LASTS)
        self._timer.timeout.connect(self.hide)
        parent.installEventFilter(self)
        self.hide()

    def tell(self, text: str, label: str, call: Callable[[], object]) -> None:
        """Show what was done; the button does `call`."""
        self._call = call
        self.button.setText(label)
        self.setAccessibleName(text)
        announce(self, text)
        metrics = self.text.fontMetrics()
        parent = self.parentWidget()
        assert parent is not None
        room = max(120, parent.width() - 2 * EDGE - 140)
        self.text.setText(metrics.elidedText(text.replace("\n", " "), Qt.TextElideMode.ElideMiddle, min(room, 420)))
        self.adjustSize()
        self._place()
        self.show()
        self.raise_()
        self._timer.start()

    def _act(self) -> None:
        call, self._call = self._call, None
        self.hide()
        if call is not None:
            call()

    def _place(self) -> None:
        parent = self.parentWidget()
        assert parent is not None
        self.move((parent.width() - self.width()) // 2, parent.height() - self.height() - EDGE)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.parent() and event.type() == QEvent.Type.Resize and self.isVisible():
            self._place()
        return super().eventFilter(watched, event)

    def enterEvent(self, event: object) -> None:
        self._timer.stop()

    def leaveEvent(self, event: QEvent) -> None:
        self._timer.start()
