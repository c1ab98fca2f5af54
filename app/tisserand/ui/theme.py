"""The look from one token file: palette, stylesheet, fonts and colours, light and dark."""

from __future__ import annotations

import json
from functools import lru_cache
from string import Template
from typing import Any, Literal

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from tisserand.files import shipped

Mode = Literal["system", "light", "dark"]
MODES: tuple[Mode, ...] = ("system", "light", "dark")


@lru_cache(maxsize=1)
def tokens() -> dict[str, Any]:
    """The whole token file."""
    found: dict[str, Any] = json.loads((shipped("resources") / "themes" / "tokens.json").read_text(encoding="utf-8"))
    return found


class Theme(QObject):
    """The tokens in use. `changed` tells painted widgets and icons to take new colours."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.mode: Mode = "system"
        self.dark = False
        self._colours: dict[str, QColor] = {}
        self._load()

    def colour(self, name: str) -> QColor:
        """A colour by its token name."""
        return self._colours[name]

    def _load(self) -> None:
        raw: dict[str, str] = tokens()["dark" if self.dark else "light"]
        self._colours = {name: _colour(text) for name, text in raw.items()}

    def apply(self, application: QApplication, mode: Mode) -> None:
        """Take a mode: set palette and stylesheet of the whole application."""
        self.mode = mode
        scheme = QGuiApplication.styleHints().colorScheme()
        self.dark = mode == "dark" or (mode == "system" and scheme == Qt.ColorScheme.Dark)
        self._load()
        application.setPalette(self._palette())
        application.setStyleSheet(self._sheet())
        self.changed.emit()

    def _palette(self) -> QPalette:
        c = self._colours
        palette = QPalette()
        roles = {
            QPalette.ColorRole.Window: "chrome",
            QPalette.ColorRole.WindowText: "text",
            QPalette.ColorRole.Base: "surface",
            QPalette.ColorRole.AlternateBase: "stripe",
            QPalette.ColorRole.Text: "text",
            QPalette.ColorRole.PlaceholderText: "muted",
            QPalette.ColorRole.Button: "raised",
            QPalette.ColorRole.ButtonText: "text",
            QPalette.ColorRole.BrightText: "failed",
            QPalette.ColorRole.Highlight: "accent",
            QPalette.ColorRole.HighlightedText: "on_accent",
            QPalette.ColorRole.ToolTipBase: "raised",
            QPalette.ColorRole.ToolTipText: "text",
            QPalette.ColorRole.Link: "accent",
            QPalette.ColorRole.LinkVisited: "accent",
            QPalette.ColorRole.Light: "raised",
            QPalette.ColorRole.Midlight: "hover",
            QPalette.ColorRole.Mid: "border",
            QPalette.ColorRole.Dark: "border",
            QPalette.ColorRole.Shadow: "border_strong",
        }
        for role, name in roles.items():
            palette.setColor(role, c[name])
        for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
            palette.setColor(QPalette.ColorGroup.Disabled, role, c["faint"])
        return palette

    def _sheet(self) -> str:
        values = {name: text[:7] for name, text in tokens()["dark" if self.dark else "light"].items()}
        icons = (shipped("resources") / "themes" / ("dark" if self.dark else "light")).as_posix()
        sheet = Template((shipped("resources") / "themes" / "sheet.qss").read_text(encoding="utf-8"))
        sizes = {"size": tokens()["font"]["size"], "small": tokens()["font"]["small"], "radius": tokens()["radius"]["control"]}
        return sheet.substitute(values, icons=icons, **sizes)


def _colour(text: str) -> QColor:
    """`#RRGGBB` or `#RRGGBBAA` (Qt itself would read the eight digits as AARRGGBB)."""
    colour = QColor(text[:7])
    if len(text) == 9:
        colour.setAlpha(int(text[7:], 16))
    return colour


_theme: Theme | None = None


def theme() -> Theme:
    """The theme of this process."""
    global _theme
    if _theme is None:
        _theme = Theme()
    return _theme


def load_fonts() -> None:
    """Register the shipped fonts and make Inter the font of the application."""
    for path in sorted((shipped("resources") / "fonts").glob("*.ttf")):
        QFontDatabase.addApplicationFont(str(path))
    QApplication.setFont(font())


def font(size: int | None = None, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """The interface's font at a pixel size; the family falls back to the system's own."""
    face = QFont([tokens()["font"]["family"], "Noto Sans", "sans-serif"])
    face.setPixelSize(size or tokens()["font"]["size"])
    face.setWeight(weight)
    # Hinting would make the same text jump between zoom levels on the canvas.
    face.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    return face


def mono(size: int | None = None) -> QFont:
    """The font of formulas and code."""
    face = QFont([name.strip() for name in tokens()["font"]["mono"].split(",")])
    face.setStyleHint(QFont.StyleHint.Monospace)
    face.setPixelSize(size or tokens()["font"]["small"])
    # No ligatures: what is typed as “>=” shall be seen as “>=”.
    face.setFeature(QFont.Tag("calt"), 0)
    return face
