"""The canvas by mouse: pans, selections, wires drawn either way, and drags that something comes in between."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QFocusEvent, QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPlainTextEdit
from pytestqt.qtbot import QtBot

from tisserand.model.edit import RemoveNodes
from tisserand.model.flow import Flow, Frame, Node, Ref
from tisserand.ui.canvas.minimap import PAUSE
from tisserand.ui.chooser import Chooser
from tisserand.ui.window import Window

LEFT, MIDDLE, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton, Qt.MouseButton.RightButton
NO, SHIFT, CTRL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier


def show(window: Window) -> None:
    """a → b → c, with d loose below and a frame around b and c."""
    nodes = {
        "a": Node("a", "file.read_csv"),
        "b": Node("b", "table.filter", inputs={"table": (Ref("a"),)}),
        "c": Node("c", "table.sort", inputs={"table": (Ref("b"),)}),
        "d": Node("d", "table.dedupe"),
    }
    layout = {"a": (0.0, 0.0), "b": (260.0, 0.0), "c": (520.0, 0.0), "d": (260.0, 160.0)}
    frames = {"f": Frame("f", "Both", ("b", "c"))}
    window.document.show(Flow("t", nodes=nodes, frames=frames, layout=layout))
    window.canvas.set_zoom(0.8)
    window.canvas.centerOn(QPointF(360, 90))
    window.canvas.setFocus()
    QApplication.processEvents()


def at(window: Window, x: float, y: float) -> QPoint:
    return window.canvas.mapFromScene(QPointF(x, y))


def middle(window: Window, id: str) -> QPoint:
    return window.canvas.mapFromScene(window.scene.cards[id].frame().center())


def drag(window: Window, *way: QPoint, button: Qt.MouseButton = LEFT, keys: Qt.KeyboardModifier = NO) -> None:
    port = window.canvas.viewport()
    QTest.mousePress(port, button, keys, way[0])
    for spot in way[1:]:
        QTest.mouseMove(port, spot)
    QTest.mouseRelease(port, button, keys, way[-1])


def inputs(window: Window, id: str) -> dict[str, tuple[str, ...]]:
    return {port: tuple(map(str, refs)) for port, refs in window.document.flow.nodes[id].inputs.items()}


def sheet(window: Window) -> Chooser:
    return next(each for each in window.findChildren(Chooser) if each.isVisible())


# -- pans ------------------------------------------------------------------------------------------------------------------
def test_the_middle_button_pans(window: Window) -> None:
    show(window)
    flow, corner = window.document.flow, window.canvas.mapToScene(QPoint(0, 0))
    start = middle(window, "b")  # on a card too
    drag(window, start, start + QPoint(30, 10), start + QPoint(80, 40), button=MIDDLE)
    moved = window.canvas.mapToScene(QPoint(0, 0)) - corner
    assert (moved.x(), moved.y()) == (pytest.approx(-100), pytest.approx(-50))
    assert window.document.flow is flow and not window.scene.selection
    assert window.canvas.viewport().cursor().shape() != Qt.CursorShape.ClosedHandCursor


def test_space_and_a_drag_pan_and_open_nothing(window: Window) -> None:
    show(window)
    window.scene.select(["b"])
    window.show_side("bottom", window.log)
    QApplication.processEvents()
    flow, corner = window.document.flow, window.canvas.mapToScene(QPoint(0, 0))
    start = middle(window, "b")
    QTest.keyPress(window.canvas, Qt.Key.Key_Space)
    drag(window, start, start + QPoint(30, 10), start + QPoint(80, 40))
    QTest.keyRelease(window.canvas, Qt.Key.Key_Space)
    moved = window.canvas.mapToScene(QPoint(0, 0)) - corner
    assert (moved.x(), moved.y()) == (pytest.approx(-100), pytest.approx(-50))
    assert window.document.flow is flow and window.tabs.currentWidget() is window.log
    # Alone it shows the rows.
    QTest.keyClick(window.canvas, Qt.Key.Key_Space)
    assert window.tabs.currentWidget() is window.data


def test_dragging_in_the_small_map(window: Window, qtbot: QtBot) -> None:
    nodes = {f"n{i}": Node(f"n{i}", "table.filter") for i in range(12)}
    window.document.show(Flow("t", nodes=nodes, layout={f"n{i}": (264.0 * i, 0.0) for i in range(12)}))
    window.canvas.first_sight()
    qtbot.waitUntil(window.minimap.isVisible, timeout=20 * PAUSE)
    map_ = window.minimap
    lefts = []
    QTest.mousePress(map_, LEFT, NO, QPoint(20, map_.height() // 2))
    for x in (40, 80, 120, 160):
        QTest.mouseMove(map_, QPoint(x, map_.height() // 2))
        lefts.append(window.canvas.mapToScene(QPoint(0, 0)).x())
    QTest.mouseRelease(map_, LEFT, NO, QPoint(160, map_.height() // 2))
    assert lefts == sorted(lefts) and lefts[-1] - lefts[0] > 1000
    seen = window.canvas.viewport().rect()
    assert seen.contains(window.canvas.mapFromScene(window.scene.cards["n11"].frame().center()))
    # Let go, it follows no more.
    left = window.canvas.mapToScene(QPoint(0, 0)).x()
    QTest.mouseMove(map_, QPoint(30, map_.height() // 2))
    assert window.canvas.mapToScene(QPoint(0, 0)).x() == left


# -- selections ------------------------------------------------------------------------------------------------------------
def test_shift_click_takes_along_and_leaves_out(window: Window) -> None:
    show(window)
    port = window.canvas.viewport()
    QTest.mouseClick(port, LEFT, NO, middle(window, "a"))
    QTest.mouseClick(port, LEFT, SHIFT, middle(window, "c"))
    QTest.mouseClick(port, LEFT, CTRL, middle(window, "d"))
    assert list(window.scene.selection) == ["a", "c", "d"]
    QTest.mouseClick(port, LEFT, SHIFT, middle(window, "c"))
    assert list(window.scene.selection) == ["a", "d"]
    QTest.mouseClick(port, LEFT, NO, middle(window, "d"))
    assert list(window.scene.selection) == ["d"]
    QTest.mouseClick(port, LEFT, NO, at(window, 60, 200))
    assert not window.scene.selection


def test_several_cards_are_dragged_as_one_step(window: Window) -> None:
    show(window)
    before = dict(window.document.flow.layout)
    port = window.canvas.viewport()
    QTest.mouseClick(port, LEFT, NO, middle(window, "a"))
    QTest.mouseClick(port, LEFT, SHIFT, middle(window, "d"))
    start = middle(window, "d")
    drag(window, start, start + QPoint(8, 8), start + QPoint(0, 80))
    layout = window.document.flow.layout
    assert layout["d"] == (260, 260) and layout["a"] == (0, 100) and layout["b"] == before["b"]
    assert str(window.document.undo_name) == "Move of 2 nodes"
    assert list(window.scene.selection) == ["a", "d"]
    window.actions_["undo"].trigger()
    assert dict(window.document.flow.layout) == before and window.document.undo_name is None


def test_double_clicks(window: Window) -> None:
    show(window)
    port = window.canvas.viewport()
    QTest.mouseClick(port, LEFT, NO, middle(window, "b"))
    QTest.mouseDClick(port, LEFT, NO, middle(window, "b"))
    focus = QApplication.focusWidget()
    assert focus is not None and window.inspector.isAncestorOf(focus)
    # On a frame's title: its text is written in place.
    QTest.mouseDClick(port, LEFT, NO, window.canvas.mapFromScene(window.scene.frames["f"].strip().center()))
    edit = port.findChild(QPlainTextEdit, "markedit")
    assert edit is not None and edit.hasFocus()
    QTest.keyClicks(edit, "Clean")
    QTest.keyClick(edit, Qt.Key.Key_Return)
    assert window.document.flow.frames["f"].title == "Clean" and window.canvas.hasFocus()
    # In empty space: nodes to add there.
    QTest.mouseDClick(port, LEFT, NO, at(window, 40, 200))
    sheet(window).leave()
    assert set(window.document.flow.nodes) == set("abcd")


# -- wires -----------------------------------------------------------------------------------------------------------------
def test_a_wire_drawn_from_an_input_to_an_output(window: Window) -> None:
    show(window)
    start = window.canvas.mapFromScene(window.scene.cards["d"].input_point("table"))
    end = window.canvas.mapFromScene(window.scene.cards["a"].output_point("rows"))
    drag(window, start, start + QPoint(-10, -10), end)
    assert inputs(window, "d") == {"table": ("a",)}
    window.actions_["undo"].trigger()
    assert inputs(window, "d") == {}


def test_a_wire_from_an_input_into_empty_space_brings_what_feeds_it(window: Window) -> None:
    show(window)
    start = window.canvas.mapFromScene(window.scene.cards["d"].input_point("table"))
    drag(window, start, start + QPoint(-10, 10), at(window, 60, 200))
    assert sheet(window).isVisible()
    QTest.keyClicks(QApplication.focusWidget(), "read csv")
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)
    new = next(id for id in window.document.flow.nodes if id not in "abcd")
    assert window.document.flow.nodes[new].kind == "file.read_csv" and inputs(window, "d") == {"table": (new,)}
    assert window.document.flow.layout[new][0] < 260
    window.actions_["undo"].trigger()
    assert set(window.document.flow.nodes) == set("abcd") and inputs(window, "d") == {}


def test_a_wire_is_selected_and_deleted(window: Window) -> None:
    show(window)
    wire = window.scene.wires[("a", "", "b", "table")]
    QTest.mouseClick(window.canvas.viewport(), LEFT, NO, window.canvas.mapFromScene(wire.path().pointAtPercent(0.5)))
    assert window.scene.wire_selection == wire.key and wire.selected and not window.scene.selection
    QTest.keyClick(window.canvas, Qt.Key.Key_Delete)
    assert inputs(window, "b") == {} and set(window.document.flow.nodes) == set("abcd")
    window.actions_["undo"].trigger()
    assert inputs(window, "b") == {"table": ("a",)}


# -- what comes in between -------------------------------------------------------------------------------------------------
def escape(window: Window) -> None:
    QTest.keyClick(window.canvas, Qt.Key.Key_Escape)


def other_button(window: Window) -> None:
    QTest.mousePress(window.canvas.viewport(), RIGHT, NO, at(window, 10, 120))
    QTest.mouseRelease(window.canvas.viewport(), RIGHT, NO, at(window, 10, 120))


def lost_focus(window: Window) -> None:
    QApplication.sendEvent(window.canvas, QFocusEvent(QEvent.Type.FocusOut, Qt.FocusReason.ActiveWindowFocusReason))


def lost_release(window: Window) -> None:
    """The button went up over another window: the next thing to be seen is a pointer without a button."""
    port, spot = window.canvas.viewport(), QPointF(at(window, 30, 130))
    place = QPointF(port.mapToGlobal(spot.toPoint()))
    none = Qt.MouseButton.NoButton
    QApplication.sendEvent(port, QMouseEvent(QEvent.Type.MouseMove, spot, place, none, none, NO))


def double_click(window: Window) -> None:
    QTest.mouseDClick(window.canvas.viewport(), RIGHT, NO, at(window, 40, 200))


BREAKS = [escape, other_button, lost_focus, lost_release, double_click]


@pytest.mark.parametrize("come", BREAKS)
def test_a_drag_that_is_broken_off_moves_nothing(window: Window, come: Callable[[Window], None]) -> None:
    show(window)
    flow, port, start = window.document.flow, window.canvas.viewport(), middle(window, "d")
    QTest.mousePress(port, LEFT, NO, start)
    QTest.mouseMove(port, start + QPoint(20, 20))
    QTest.mouseMove(port, start + QPoint(60, 40))
    assert window.scene.cards["d"].x0 != 260
    come(window)
    assert (window.scene.cards["d"].x0, window.scene.cards["d"].y0) == (260, 160)
    QTest.mouseMove(port, start + QPoint(90, 10))
    QTest.mouseRelease(port, LEFT, NO, start + QPoint(90, 10))
    assert window.document.flow is flow and window.canvas.gesture is None
    assert (window.scene.cards["d"].x0, window.scene.cards["d"].y0) == (260, 160)
    # And the next drag is as any.
    drag(window, start, start + QPoint(8, 8), start + QPoint(0, 40))
    assert window.document.flow.layout["d"] == (260, 208)


@pytest.mark.parametrize("come", BREAKS)
def test_a_wire_that_is_broken_off_is_none(window: Window, come: Callable[[Window], None]) -> None:
    show(window)
    flow, port = window.document.flow, window.canvas.viewport()
    # Lifted off its input: it is there again.
    start = window.canvas.mapFromScene(window.scene.cards["b"].input_point("table"))
    end = window.canvas.mapFromScene(window.scene.cards["d"].input_point("table"))
    QTest.mousePress(port, LEFT, NO, start)
    QTest.mouseMove(port, start + QPoint(0, 30))
    QTest.mouseMove(port, end)
    assert not window.scene.wires[("a", "", "b", "table")].isVisible()
    come(window)
    assert window.scene.wires[("a", "", "b", "table")].isVisible() and not window.scene.drafting
    QTest.mouseRelease(port, LEFT, NO, end)
    assert window.document.flow is flow and not [each for each in window.findChildren(Chooser) if each.isVisible()]


def test_undo_during_a_drag(window: Window) -> None:
    show(window)
    start = middle(window, "d")
    drag(window, start, start + QPoint(8, 8), start + QPoint(0, 40))
    port, start = window.canvas.viewport(), middle(window, "d")
    QTest.mousePress(port, LEFT, NO, start)
    QTest.mouseMove(port, start + QPoint(20, 20))
    QTest.mouseMove(port, start + QPoint(60, 40))
    QTest.keyClick(window.canvas, Qt.Key.Key_Z, CTRL)
    assert (window.scene.cards["d"].x0, window.scene.cards["d"].y0) == (260, 160)
    QTest.mouseMove(port, start + QPoint(90, 60))
    QTest.mouseRelease(port, LEFT, NO, start + QPoint(90, 60))
    assert window.document.flow.layout["d"] == (260, 160)
    assert (window.scene.cards["d"].x0, window.scene.cards["d"].y0) == (260, 160)
    QTest.keyClick(window.canvas, Qt.Key.Key_Z, CTRL | SHIFT)
    assert window.document.flow.layout["d"] == (260, 208)


@pytest.mark.parametrize("by_key", [True, False])
def test_the_node_goes_during_its_drag(window: Window, by_key: bool) -> None:
    show(window)
    port, start = window.canvas.viewport(), middle(window, "b")
    QTest.mousePress(port, LEFT, NO, start)
    QTest.mouseMove(port, start + QPoint(20, 20))
    QTest.mouseMove(port, start + QPoint(60, 120))
    if by_key:
        QTest.keyClick(window.canvas, Qt.Key.Key_Delete)
    else:
        window.document.do(RemoveNodes(("b",)))
    QTest.mouseMove(port, start + QPoint(90, 150))
    QTest.mouseRelease(port, LEFT, NO, start + QPoint(90, 150))
    assert set(window.document.flow.nodes) == set("acd") and window.document.flow.frames["f"].holds == ("c",)
    window.actions_["undo"].trigger()
    assert (window.scene.cards["b"].x0, window.scene.cards["b"].y0) == (260, 0) and inputs(window, "c") == {"table": ("b",)}


def test_a_node_goes_while_a_wire_is_drawn_from_it(window: Window) -> None:
    show(window)
    port = window.canvas.viewport()
    start = window.canvas.mapFromScene(window.scene.cards["a"].output_point("rows"))
    for sticky in (False, True):
        if sticky:
            QTest.mouseClick(port, LEFT, NO, start)
        else:
            QTest.mousePress(port, LEFT, NO, start)
            QTest.mouseMove(port, start + QPoint(30, 30))
        window.document.do(RemoveNodes(("a",)))
        end = window.canvas.mapFromScene(window.scene.cards["d"].input_point("table"))
        QTest.mouseMove(port, end)
        if sticky:
            QTest.mouseClick(port, LEFT, NO, end)
            escape(window)
        else:
            QTest.mouseRelease(port, LEFT, NO, end)
        assert inputs(window, "d") == {} and set(window.document.flow.nodes) == set("bcd")
        window.actions_["undo"].trigger()


def test_wires_go_while_a_line_is_drawn_across_them(window: Window) -> None:
    show(window)
    port = window.canvas.viewport()
    QTest.mousePress(port, RIGHT, NO, at(window, 226, -60))
    QTest.mouseMove(port, at(window, 226, 0))
    QTest.mouseMove(port, at(window, 226, 90))
    window.document.do(RemoveNodes(("b",)))
    flow = window.document.flow
    QTest.mouseMove(port, at(window, 226, 100))
    QTest.mouseRelease(port, RIGHT, NO, at(window, 226, 100))
    assert window.document.flow is flow


def test_another_flow_comes_during_a_drag(window: Window) -> None:
    show(window)
    port, start = window.canvas.viewport(), middle(window, "d")
    QTest.mousePress(port, LEFT, NO, start)
    QTest.mouseMove(port, start + QPoint(20, 20))
    window.document.show(Flow("other", nodes={"z": Node("z", "table.sort")}, layout={"z": (0, 0)}))
    QTest.mouseMove(port, start + QPoint(40, 40))
    QTest.mouseRelease(port, LEFT, NO, start + QPoint(40, 40))
    assert set(window.document.flow.nodes) == {"z"} and window.document.undo_name is None


def test_the_wheel_turns_during_a_drag(window: Window) -> None:
    show(window)
    port, start = window.canvas.viewport(), middle(window, "d")
    QTest.mousePress(port, LEFT, NO, start)
    QTest.mouseMove(port, start + QPoint(8, 8))
    spot = QPointF(start + QPoint(8, 8))
    turn = QPoint(0, -240)
    event = QWheelEvent(
        spot, QPointF(port.mapToGlobal(spot.toPoint())), QPoint(), turn, LEFT, NO, Qt.ScrollPhase.NoScrollPhase, False
    )
    QApplication.sendEvent(port, event)
    assert window.canvas.zoom() < 0.8
    end = start + QPoint(40, 90)
    point = window.canvas.mapToScene(end)
    QTest.mouseMove(port, end)
    QTest.mouseRelease(port, LEFT, NO, end)
    # It lies under the pointer where it was put down (snapped to the grid of four).
    centre = window.scene.cards["d"].frame().center()
    assert abs(centre.x() - point.x()) <= 4 and abs(centre.y() - point.y()) <= 4
    assert window.document.flow.layout["d"] == (window.scene.cards["d"].x0, window.scene.cards["d"].y0)
