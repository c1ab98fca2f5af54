"""Names that are no names: 500 characters, right to left, emoji, combining marks, line breaks. Nothing leaves its card."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from tisserand.model.flow import Flow, Frame, Node, Note, Ref
from tisserand.ui.window import Window

NAMES = {
    "500 characters": "Bestellpositionsaggregationsübersicht " * 13,
    "one long word": "x" * 500,
    "right to left": "تنسيج البيانات من جميع الطلبات " * 4,
    "hebrew and latin": "שלום world 123 " * 8,
    "emoji": "🧵🪡👩‍💻🏳️‍🌈 " * 20,
    "combining": "Z̸̢̛͚̳̪a̷̡͎͈͑̈́l̶̰̒̌g̵͔̓o̴̟͠ " * 20,
    "line breaks": "first\nsecond\r\nthird\ttab",
    "nothing to see": "\u200b\u200f\u202e",
    "markup": "<b>bold</b> &amp; <img src=x>",
}


def shown(window: Window, title: str) -> QImage:
    nodes = {
        "a": Node("a", "table.filter", title=title),
        "b": Node("b", "table.sort", title=title, inputs={"table": (Ref("a"),)}),
    }
    frames = {"f": Frame("f", title, ("b",))}
    notes = {"n": Note("n", title, "a")}
    layout = {"a": (0, 0), "b": (400, 0), "n": (0, 120)}
    window.document.show(Flow("t", title=title, nodes=nodes, frames=frames, notes=notes, layout=layout))
    window.canvas.set_zoom(1.0)
    window.canvas.centerOn(300, 60)
    QApplication.processEvents()
    return window.canvas.viewport().grab().toImage()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_leaves_its_card(window: Window, name: str) -> None:
    plain = shown(window, "x")
    odd = shown(window, NAMES[name])
    inside = []
    for box in [card.frame() for card in window.scene.cards.values()] + [
        item.frame() for item in (*window.scene.notes.values(), *window.scene.frames.values())
    ]:
        inside.append(window.canvas.mapFromScene(box).boundingRect().adjusted(-14, -14, 14, 14))
    ratio = odd.devicePixelRatio()
    outside = 0
    for x in range(0, odd.width(), 3):
        for y in range(0, odd.height(), 3):
            if odd.pixel(x, y) != plain.pixel(x, y) and not any(box.contains(int(x / ratio), int(y / ratio)) for box in inside):
                outside += 1
    assert outside == 0


@pytest.mark.parametrize("name", NAMES)
def test_every_panel_takes_it(window: Window, name: str, tmp_path: object) -> None:
    shown(window, NAMES[name])
    width = window.width()
    for id in ("a", "b"):
        window.scene.select([id])
        assert not window.grab().isNull()
    window.actions_["outline"].trigger()
    window.desk.sheets.add()
    window.desk.sheets.show(0)
    window.canvas.peek_asked.emit(("a", "", "b", "table"), window.mapToGlobal(window.rect().center()))
    window.scene.select(["a"])
    window.actions_["delete"].trigger()
    assert window.toast.isVisible() and window.toast.width() < window.canvas.width()
    QApplication.processEvents()
    assert not window.grab().isNull() and window.width() == width
    from tisserand.model.yamlfile import read_flow

    again = read_flow(window.document.text()).flow
    assert again is not None and again.nodes["b"].title == NAMES[name] and again.frames["f"].title == NAMES[name]
