"""A page that is as wide as the room that it has, and scrolled up and down."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QScrollArea


def scrolled(*, stop: bool = False) -> QScrollArea:
    """The place for such a page. Tab stops at it only where there is nothing in the page to stop at."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFrameShape(QFrame.Shape.NoFrame)
    if not stop:
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return area
