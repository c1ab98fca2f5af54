"""On a screen of twice the density everything is drawn at twice the density, nothing is scaled up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

CODE = """
import json, os
from PySide6.QtCore import QPointF, QRect, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from tisserand.model.flow import Flow, Node
from tisserand.sdk.registry import registry
from tisserand.ui.app import application
from tisserand.ui.canvas.look import TILE
from tisserand.ui.icons import pixmap
from tisserand.ui.theme import theme
from tisserand.ui.window import Window
made = application(["x"]); theme().apply(made, "light")
window = Window(); window.kinds.catalog = registry(); window.document.new()
window.resize(1000, 700); window.show()
nodes = {"a": Node("a", "file.read_csv"), "b": Node("b", "table.filter")}
window.document.show(Flow("t", nodes=nodes, layout={"a": (0, 0), "b": (0, 110)}))
for _round in range(5): made.processEvents()
view = window.canvas
image = view.viewport().grab().toImage().convertToFormat(QImage.Format.Format_RGB32)

def unlike(one, other):
    # How many pixels differ to the eye.
    assert one.size() == other.size(), (one.size(), other.size())
    pairs = ((QColor(one.pixel(x, y)), QColor(other.pixel(x, y))) for x in range(one.width()) for y in range(one.height()))
    return sum(max(abs(a.red() - b.red()), abs(a.green() - b.green()), abs(a.blue() - b.blue())) > 24 for a, b in pairs)

def crop(x, y, size):
    corner = view.mapFromScene(QPointF(x, y)) * 2
    return image.copy(QRect(corner.x(), corner.y(), 2 * size, 2 * size))

def expected(name, colour, size, ground):
    found = QImage(2 * size, 2 * size, QImage.Format.Format_RGB32)
    found.setDevicePixelRatio(2.0)
    found.fill(ground)
    painter = QPainter(found)
    painter.drawPixmap(QPointF(0, 0), pixmap(name, colour, size, 2.0))
    painter.end()
    found.setDevicePixelRatio(1.0)
    return found
"""


def measured(more: str) -> list[Any]:
    done = subprocess.run(
        [sys.executable, "-c", CODE + more + "\nos._exit(0)"],
        capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "QT_SCALE_FACTOR": "2"},
    )  # fmt: skip
    assert done.returncode == 0 and done.stdout, done.stdout + done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


CARD = """
shown = window.scene.cards["a"].shown
got = crop(11 + 8, (58 - TILE) / 2 + 8, 18)
sharp = unlike(got, expected(shown.icon, QColor("white"), 18, theme().colour(shown.group)))
other = unlike(got, expected("box", QColor("white"), 18, theme().colour(shown.group)))
print(json.dumps([view.zoom(), view.viewport().devicePixelRatioF(), image.width() / view.viewport().width(), sharp, other]), flush=True)
"""


def test_the_icon_of_a_card() -> None:
    zoom, ratio, pixels, unlike, another = measured(CARD)
    # Nothing was zoomed: what is drawn first must be sharp already.
    assert (zoom, ratio, pixels) == (1, 2, 2)
    assert unlike == 0, unlike
    assert another > 100, "the comparison would take any icon"


GRID = """
# The ground between the cards holds two colours only: that of the canvas and that of the dots, no blends of them.
part = image.copy(QRect(0, 0, 200, 200))
colours = {}
for x in range(200):
    for y in range(200):
        name = QColor(part.pixel(x, y)).name()
        colours[name] = colours.get(name, 0) + 1
print(json.dumps([colours, theme().colour("canvas").name(), theme().colour("dot").name()]), flush=True)
"""


def test_the_dots_of_the_grid() -> None:
    colours, canvas, dot = measured(GRID)
    assert set(colours) == {canvas, dot}, colours
    # A dot every 48 pixels, each of four by four.
    assert 12 * 16 <= colours[dot] <= 25 * 16, colours


BAR = """
button = window.bar.widgetForAction(window.actions_["save"])
button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
window.actions_["save"].setEnabled(True)
made.processEvents()
where = QRect(button.mapTo(window, button.rect().topLeft()) * 2, button.size() * 2)
image = window.grab().toImage().convertToFormat(QImage.Format.Format_RGB32).copy(where)
ground = QColor(image.pixel(6, image.height() // 2))
wanted = expected("save", theme().colour("text"), 18, ground)
least = min(
    unlike(image.copy(QRect(x, y, 36, 36)), wanted)
    for x in range(image.width() // 2 - 26, image.width() // 2 - 9) for y in range(image.height() // 2 - 26, image.height() // 2 - 9)
)
print(json.dumps([least, unlike(wanted, expected("box", theme().colour("text"), 18, ground))]), flush=True)
"""


def test_the_icons_of_the_toolbar() -> None:
    least, another = measured(BAR)
    assert least == 0 and another > 100, (least, another)
