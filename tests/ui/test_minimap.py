"""The small map: there when a part of the flow is out of sight, and the way to it."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from tisserand.model.flow import Flow, Node
from tisserand.ui.canvas.minimap import PAUSE
from tisserand.ui.window import Window


def settle() -> None:
    QTest.qWait(3 * PAUSE)


def show(window: Window, count: int) -> None:
    nodes = {f"n{i}": Node(f"n{i}", "table.filter") for i in range(count)}
    window.document.show(Flow("t", nodes=nodes, layout={f"n{i}": (264.0 * i, 0.0) for i in range(count)}))
    window.canvas.first_sight()
    settle()


def test_it_is_there_only_when_something_is_out_of_sight(window: Window) -> None:
    show(window, 2)
    assert not window.minimap.isVisible()
    show(window, 12)
    assert window.minimap.isVisible()
    assert not window.minimap.grab().isNull()
    window.actions_["minimap"].trigger()
    assert not window.minimap.isVisible()
    window.actions_["minimap"].trigger()
    assert window.minimap.isVisible()
    window.actions_["fit"].trigger()
    settle()
    assert not window.minimap.isVisible()


def test_a_click_in_it_goes_there(window: Window) -> None:
    show(window, 12)
    last = window.scene.cards["n11"].frame().center()
    seen = window.canvas.viewport().rect()
    assert not seen.contains(window.canvas.mapFromScene(last))
    QTest.mouseClick(
        window.minimap, Qt.MouseButton.LeftButton, pos=QPoint(window.minimap.width() - 12, window.minimap.height() // 2)
    )
    assert seen.contains(window.canvas.mapFromScene(last))
    assert window.minimap.isVisible()


def test_it_gives_way_while_the_canvas_moves(window: Window) -> None:
    show(window, 12)
    assert window.minimap.isVisible()
    window.canvas.pan(-40, 0)
    assert not window.minimap.isVisible()
    settle()
    assert window.minimap.isVisible()


def test_a_flow_of_five_columns_opens_readable(window: Window) -> None:
    show(window, 5)
    assert window.canvas.zoom() >= 0.86
