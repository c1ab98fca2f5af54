"""Sizes, pens and brushes of the canvas, made once for each theme."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QBrush, QColor, QFont, QFontMetricsF, QPen

from tisserand.ui.theme import font, theme

WIDTH = 192.0
HEIGHT = 58.0
PORT_PITCH = 20.0
PORT = 4.5
TILE = 34.0
GRID = 24
COLUMN = 264.0
ROW = 96.0
OVERVIEW_BELOW = 0.25
TEXT_FROM = 0.45
"""Below this zoom a text would be a smear: cards show their tile and state only."""


class Look:
    """What painting needs, ready made: building a pen costs more than drawing a line with it."""

    def __init__(self) -> None:
        colour = theme().colour
        self.colour = {name: colour(name) for name in _NAMES}
        self.brush = {name: QBrush(value) for name, value in self.colour.items()}
        self.border = QPen(colour("border"), 1)
        self.hover = QPen(colour("border_strong"), 1)
        self.selected = QPen(colour("accent"), 2)
        self.halo = QPen(_faded(colour("accent"), 0.25), 6)
        self.broken = QPen(colour("faint"), 1, Qt.PenStyle.DashLine)
        self.port = QPen(colour("wire"), 1.5)
        self.port_rejects = QPen(colour("warning"), 1.5)
        self.port_hot = QPen(colour("accent"), 2)
        self.wire = QPen(colour("wire"), 1.6)
        self.wire_hot = QPen(colour("wire_hot"), 2.4)
        self.wire_rejects = QPen(colour("warning"), 1.6)
        self.wire_live = QPen(colour("running"), 2.2)
        self.wire_after = QPen(colour("wire"), 1.4, Qt.PenStyle.DashLine)
        self.wire_wrong = QPen(colour("failed"), 1.8, Qt.PenStyle.DotLine)
        self.draft = QPen(colour("accent"), 2, Qt.PenStyle.DashLine)
        self.cut = QPen(colour("failed"), 1.6, Qt.PenStyle.DashLine)
        self.wire_cut = QPen(colour("failed"), 2.4, Qt.PenStyle.DashLine)
        self.wire_landing = QPen(colour("accent"), 3.2)
        self.note_border = QPen(colour("note_border"), 1)
        self.note_leader = QPen(colour("note_border"), 1.4, Qt.PenStyle.DotLine)
        self.frame_border = QPen(_faded(colour("border_strong"), 0.45), 1)
        self.frame_fill = QBrush(_faded(colour("border_strong"), 0.07))
        self.note_font = font(12)
        self.canvas_edge = QPen(colour("canvas"), 2)
        self.text = QPen(colour("text"))
        self.muted = QPen(colour("muted"))
        self.shadow = [QBrush(_faded(colour("shadow"), share)) for share in (0.35, 0.6, 1.0)]
        self.band = QBrush(_faded(colour("accent"), 0.10))
        self.title = font(12, QFont.Weight.DemiBold)
        self.small = font(11)
        self.tiny = font(10, QFont.Weight.Medium)
        self.title_metrics = QFontMetricsF(self.title)
        self.small_metrics = QFontMetricsF(self.small)
        self.tiny_metrics = QFontMetricsF(self.tiny)


_NAMES = (
    "canvas", "raised", "surface", "border", "dot", "text", "muted", "faint", "accent", "wire", "done", "running", "failed",
    "warning", "waiting", "skipped", "start", "read", "transform", "step", "control", "write", "unknown",
    "note", "note_border", "breakpoint",
)  # fmt: skip


def _faded(colour: QColor, share: float) -> QColor:
    made = QColor(colour)
    made.setAlphaF(colour.alphaF() * share)
    return made


_look: Look | None = None


def look() -> Look:
    """The look of the theme in use."""
    global _look
    if _look is None:
        _look = Look()
        theme().changed.connect(_forget)
    return _look


def _forget() -> None:
    global _look
    _look = Look()
