"""Icons drawn from SVG files and recoloured by the theme; nothing is rendered before it is painted."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from tisserand.files import shipped
from tisserand.ui.theme import theme

SIZES = (16, 18, 22)
"""In points, as buttons and lists ask for them: any other would be scaled."""

_extra: dict[str, Path] = {}


def add_icon(name: str, path: Path) -> None:
    """Make an icon known that stands outside the shipped folder (beside a node)."""
    _extra[name] = path


def has_icon(name: str) -> bool:
    return name in _extra or (shipped("resources") / "icons" / f"{name}.svg").is_file()


@lru_cache(maxsize=512)
def _source(name: str) -> str:
    path = _extra.get(name) or shipped("resources") / "icons" / f"{name}.svg"
    if not path.is_file():
        path = shipped("resources") / "icons" / "box.svg"
    return path.read_text(encoding="utf-8")


@lru_cache(maxsize=1024)
def _drawn(name: str, colour: str, size: int, ratio: float) -> QPixmap:
    renderer = QSvgRenderer(QByteArray(_source(name).replace("currentColor", colour).encode()))
    pixels = max(1, round(size * ratio))
    pixmap = QPixmap(pixels, pixels)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    renderer.render(painter, QRectF(0, 0, pixels, pixels))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def pixmap(name: str, colour: QColor, size: int, ratio: float = 1.0) -> QPixmap:
    """One icon in one colour; `ratio` is the screen's pixels per point (times the zoom, on the canvas)."""
    return _drawn(name, colour.name(), size, ratio)


def icon(name: str, shade: str = "text", off: str = "faint") -> QIcon:
    """An icon for buttons and menus in the theme's colours of this moment."""
    application = QGuiApplication.instance()
    # For the densest screen there is; on others Qt makes it smaller, which does no harm.
    ratio = application.devicePixelRatio() if isinstance(application, QGuiApplication) else 1.0
    return _icon(name, theme().colour(shade).name(), theme().colour(off).name(), ratio)


@lru_cache(maxsize=512)
def _icon(name: str, colour: str, off: str, ratio: float) -> QIcon:
    """Lists of thousands of entries ask for the same few."""
    made = QIcon()
    for size in SIZES:
        made.addPixmap(_drawn(name, colour, size, ratio), QIcon.Mode.Normal)
        made.addPixmap(_drawn(name, off, size, ratio), QIcon.Mode.Disabled)
    return made


ICON = QSize(18, 18)
