"""What a screen reader is told of by itself: how a run stands, and that a node stands otherwise."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QAccessibleEvent


def announce(source: QObject, text: str) -> None:
    """Have a sentence read out, once what is being read is over. Silence where no reader listens."""
    if text and QAccessible.isActive():
        send(QAccessibleAnnouncementEvent(source, text))


def tell_child(source: QObject, event: QAccessible.Event, child: int) -> None:
    """Tell that a child of a widget has another name or the focus."""
    if QAccessible.isActive():
        made = QAccessibleEvent(source, event)
        made.setChild(child)
        send(made)


def send(event: QAccessibleEvent) -> None:
    """Hand an event to whoever listens on this system."""
    QAccessible.updateAccessibility(event)
