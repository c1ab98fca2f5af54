"""What cards and wires tell: every state by icon, colour and word, the rows on wires new and old, the glance at a wire."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QHelpEvent, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolTip
from pytestqt.qtbot import QtBot

from tisserand.model.flow import Flow, Node, Ref
from tisserand.ui.canvas.state import Standing
from tisserand.ui.theme import theme
from tisserand.ui.window import Window

LEFT, NO = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
LONG = 60_000

STATES = {
    "ready": ("waiting", "Ready"),
    "wrong": ("warning", "Not configured"),
    "waiting": ("waiting", "Waiting"),
    "running": ("running", "Running"),
    "done": ("done", "Done"),
    "stale": ("skipped", "Outdated"),
    "failed": ("failed", "Failed"),
    "skipped": ("skipped", "Skipped"),
    "stopped": ("warning", "Stopped"),
    "listening": ("running", "On"),
    "paused": ("warning", "Paused"),
}


def show(window: Window) -> None:
    nodes = {
        "a": Node("a", "file.read_csv"),
        "b": Node("b", "table.filter", inputs={"table": (Ref("a"),)}),
        "c": Node("c", "table.sort"),
    }
    layout = {"a": (0.0, 0.0), "b": (300.0, 0.0), "c": (300.0, 120.0)}
    window.document.show(Flow("t", nodes=nodes, layout=layout))
    window.canvas.set_zoom(1.0)
    window.canvas.centerOn(QPointF(240, 60))
    QApplication.processEvents()


def near(one: QColor, other: QColor, reach: int) -> bool:
    return all(abs(a - b) <= reach for a, b in zip(one.getRgb()[:3], other.getRgb()[:3], strict=True))  # type: ignore[arg-type]


def in_colour(image: QImage, colour: QColor, reach: int = 12) -> int:
    pixels = (QColor(image.pixel(x, y)) for x in range(image.width()) for y in range(image.height()))
    return sum(near(pixel, colour, reach) for pixel in pixels)


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_an_icon_a_colour_and_a_word(window: Window, state: str) -> None:
    show(window)
    token, word = STATES[state]
    window.scene.show_standings({"a": Standing(state)})
    corner = window.canvas.mapFromScene(window.scene.cards["a"].frame().topRight())
    QApplication.processEvents()
    image = window.canvas.viewport().grab().toImage().copy(corner.x() - 24, corner.y() + 8, 18, 18)
    assert in_colour(image, theme().colour(token), 75) >= 3  # thin strokes are hardly ever of their full colour
    # The icon leaves room for the title, and there is ground around it.
    assert in_colour(image, theme().colour("raised")) > 100
    assert word in window.scene.cards["a"].tooltip()


def test_a_wire_made_after_the_run_tells_its_rows(window: Window, demo: Path, qtbot: QtBot) -> None:
    window.desk.load(demo)
    qtbot.waitUntil(lambda: not window.desk.disk.loading, timeout=LONG)
    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        window.actions_["run"].trigger()
    count = len((demo.parent.parent / "data" / "orders.csv").read_text().splitlines()) - 1
    told = f"{count:,}"
    old = next(wire for key, wire in window.scene.wires.items() if key[0] == "orders")
    assert told in old.labels()
    id = window.document.add("table.dedupe", (0, 600))
    assert id is not None
    window.canvas.fit()
    QApplication.processEvents()
    cards, port = window.scene.cards, window.canvas.viewport()
    start = window.canvas.mapFromScene(cards["orders"].output_point(None))
    end = window.canvas.mapFromScene(cards[id].input_point("table"))
    QTest.mousePress(port, LEFT, NO, start)
    QTest.mouseMove(port, start + QPoint(9, 9))
    QTest.mouseMove(port, end)
    QTest.mouseRelease(port, LEFT, NO, end)
    new = next(wire for key, wire in window.scene.wires.items() if key[2] == id)
    assert told in new.labels()
    # Taken back and done again it still tells them.
    window.actions_["undo"].trigger()
    assert not [key for key in window.scene.wires if key[2] == id]
    window.actions_["redo"].trigger()
    assert told in next(wire for key, wire in window.scene.wires.items() if key[2] == id).labels()


def test_the_scene_itself_counts_on_new_wires(window: Window) -> None:
    show(window)
    window.scene.show_standings({"a": Standing("done", rows=(("rows", 1234),))})
    flow = window.document.flow
    wired = Node("c", "table.sort", inputs={"table": (Ref("a"),)})
    window.scene.sync(Flow("t", nodes={**flow.nodes, "c": wired}, layout=flow.layout))
    assert window.scene.wires[("a", "", "c", "table")].labels() == ("1,234",)


def test_a_running_wire_counts(window: Window) -> None:
    show(window)
    wire = window.scene.wires[("a", "", "b", "table")]
    for count, told in ((0, "0"), (1200, "1,200"), (54_321, "54,321")):
        window.scene.show_standings({"a": Standing("running", rows=(("", count),))})
        assert wire.labels() == (told,)
    window.scene.show_standings({"a": Standing("running")})
    assert wire.labels() == ()  # nothing is known yet
    window.scene.show_standings({"a": Standing("failed", rows=(("", 3),))})
    assert wire.labels() == ()


def test_the_sum_of_a_running_node_is_told_only_where_it_goes_one_way(window: Window) -> None:
    show(window)
    window.scene.show_standings({"a": Standing("running", rows=(("", 1200),))})
    flow = window.document.flow
    wired = Node("c", "table.sort", inputs={"table": (Ref("a", "rejects"),)})
    window.scene.sync(Flow("t", nodes={**flow.nodes, "c": wired}, layout=flow.layout))
    good, bad = window.scene.wires[("a", "", "b", "table")], window.scene.wires[("a", "rejects", "c", "table")]
    assert "1,200" not in (*good.labels(), *bad.labels())
    window.scene.show_standings({"a": Standing("done", rows=(("rows", 1190), ("rejects", 10)))})
    assert "1,190" in good.labels() and "10" in bad.labels()
    window.scene.show_standings({"a": Standing("running", rows=(("", 1200),))})
    window.scene.sync(flow)
    assert good.labels() == ("1,200",)


def test_the_pointer_on_a_wire_and_on_a_card(window: Window, demo: Path, qtbot: QtBot) -> None:
    window.desk.load(demo)
    qtbot.waitUntil(lambda: not window.desk.disk.loading and bool(window.desk.findings.schemas), timeout=LONG)
    wire = next(wire for key, wire in window.scene.wires.items() if key[0] == "orders")
    port = window.canvas.viewport()

    def rest(spot: QPoint) -> str:
        QToolTip.hideText()
        QTest.mouseMove(port, spot)
        QApplication.sendEvent(port, QHelpEvent(QHelpEvent.Type.ToolTip, spot, port.mapToGlobal(spot)))
        return QToolTip.text()

    told = rest(window.canvas.mapFromScene(wire.path().pointAtPercent(0.5)))
    assert "amount" in told and "order_id" in told and wire.hovered
    card = window.scene.cards["orders"]
    told = rest(window.canvas.mapFromScene(card.frame().center()))
    assert card.shown.title in told and "Ready" in told and not wire.hovered and card.hovered
    rest(port.rect().topLeft() + QPoint(3, 3))
    qtbot.waitUntil(lambda: not QToolTip.isVisible(), timeout=LONG)


def test_an_order_without_data_is_told_in_words(window: Window) -> None:
    nodes = {"a": Node("a", "file.read_csv"), "b": Node("b", "table.filter", after={"a": "failed"})}
    window.document.show(Flow("t", nodes=nodes, layout={"a": (0.0, 0.0), "b": (300.0, 0.0)}))
    window.canvas.set_zoom(1.0)
    window.canvas.centerOn(QPointF(240, 40))
    port = window.canvas.viewport()
    wire = next(iter(window.scene.wires.values()))
    spot = window.canvas.mapFromScene(wire.path().pointAtPercent(0.5))
    QApplication.sendEvent(port, QHelpEvent(QHelpEvent.Type.ToolTip, spot, port.mapToGlobal(spot)))
    assert window.scene.cards["a"].shown.title in QToolTip.text()
    QToolTip.hideText()
