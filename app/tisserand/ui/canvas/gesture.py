"""A press on the canvas that is under way, and the few numbers that tell one gesture from another."""

from __future__ import annotations

from dataclasses import dataclass, field

from PySide6.QtCore import QPoint

from tisserand.ui.canvas.wire import Key

MIME = "application/x-tisserand-kind"
REACH = 12.0
START = 4
"""Pixels that the pointer must go before a press becomes a drag."""


@dataclass
class Gesture:
    """A press that is under way."""

    kind: str
    start: QPoint
    places: dict[str, tuple[float, float]] = field(default_factory=dict)
    port: tuple[str, str, str] | None = None
    lifted: Key | None = None
    """The wire that was taken off its input."""
    moved: bool = False
    kept: tuple[str, ...] = ()
