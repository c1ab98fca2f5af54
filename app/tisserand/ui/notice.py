"""A bar above the canvas: something happened that a person should decide about, without being stopped by it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton

from tisserand.texts import translate as _
from tisserand.ui.icons import icon, pixmap
from tisserand.ui.theme import theme


class Notice(QFrame):
    """Hidden until there is something to tell."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("notice")
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 8, 8, 8)
        row.setSpacing(10)
        self._shown = ("triangle-alert", "warning")
        self._sign = QLabel()
        row.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignVCenter)
        self.text = QLabel()
        self.text.setWordWrap(True)
        row.addWidget(self.text, 1)
        self.buttons: list[QPushButton] = []
        self._close = QToolButton()
        self._close.setToolTip(_("Close"))
        self._close.setAccessibleName(_("Close"))
        self._close.setIconSize(QSize(16, 16))
        self._close.clicked.connect(self.hide)
        row.addWidget(self._close)
        self._row = row
        theme().changed.connect(self._recolour)
        self._recolour()
        self.hide()

    def _recolour(self) -> None:
        name, token = self._shown
        self._sign.setPixmap(pixmap(name, theme().colour(token), 18, self.devicePixelRatioF()))
        self._close.setIcon(icon("x", "muted"))

    def tell(
        self,
        text: str,
        choices: Sequence[tuple[str, Callable[[], object]]],
        sign: tuple[str, str] = ("triangle-alert", "warning"),
    ) -> None:
        """Show a sentence with what can be done about it; doing it closes the bar. `sign`: an icon and its colour."""
        self._shown = sign
        self._recolour()
        for old in self.buttons:
            self._row.removeWidget(old)
            old.deleteLater()
        self.buttons = []
        self.text.setText(text)
        for index, (label, call) in enumerate(choices):
            button = QPushButton(label)
            button.clicked.connect(self.hide)
            button.clicked.connect(lambda _checked=False, call=call: call())
            self._row.insertWidget(2 + index, button)
            self.buttons.append(button)
        self.show()
