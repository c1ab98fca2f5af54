"""Zooming by wheel, by two fingers and by keys: every step counts, and what lies under the pointer stays there."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QInputDevice, QNativeGestureEvent, QPointingDevice, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tisserand.model.flow import Flow, Node
from tisserand.ui.window import Window

SPOT = QPoint(211, 97)
"""Where the pointer is: not the middle."""
CTRL, NO = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.NoModifier


def show(window: Window) -> None:
    nodes = {"a": Node("a", "file.read_csv"), "b": Node("b", "table.filter")}
    window.document.show(Flow("t", nodes=nodes, layout={"a": (0.0, 0.0), "b": (300.0, 40.0)}))
    window.canvas.set_zoom(0.9)
    QApplication.processEvents()


def turn(window: Window, angle: int, keys: Qt.KeyboardModifier = NO, pixels: QPoint = QPoint()) -> None:
    port = window.canvas.viewport()
    place = QPointF(port.mapToGlobal(SPOT))
    event = QWheelEvent(
        QPointF(SPOT), place, pixels, QPoint(0, angle), Qt.MouseButton.NoButton, keys, Qt.ScrollPhase.NoScrollPhase, False
    )
    QApplication.sendEvent(port, event)


def away(window: Window, point: QPointF) -> int:
    """How many pixels a scene point lies from the pointer."""
    moved = window.canvas.mapFromScene(point) - SPOT
    return max(abs(moved.x()), abs(moved.y()))


@pytest.mark.parametrize("angle", [15, -15, 120, -120])
def test_every_step_of_the_wheel_moves_and_the_point_stays(window: Window, angle: int) -> None:
    show(window)
    window.canvas.set_zoom(0.97 if angle > 0 else 1.03)
    point = window.canvas.mapToScene(SPOT)
    before = window.canvas.zoom()
    met = False
    for step in range(20):
        turn(window, angle)
        now = window.canvas.zoom()
        assert now > before if angle > 0 else now < before, (step, before, now)
        assert away(window, point) <= 1, step
        met = met or now == 1.0
        before = now
        if now in (0.02, 2.5):
            break
    # On the way past it, it stopped at exactly one.
    assert met
    assert abs(window.canvas.zoom() - 1) > 0.04


@pytest.mark.parametrize(("angle", "limit"), [(120, 2.5), (-120, 0.02)])
def test_the_wheel_ends_at_the_limits(window: Window, angle: int, limit: float) -> None:
    show(window)
    point = window.canvas.mapToScene(SPOT)
    for _step in range(40):
        turn(window, angle)
        assert away(window, point) <= 1, window.canvas.zoom()
    assert window.canvas.zoom() == limit
    turn(window, angle)
    assert window.canvas.zoom() == limit and away(window, point) <= 1
    # And back to where it was, all the way about the same point.
    while (window.canvas.zoom() - 0.9) * angle > 0:
        turn(window, -angle)
    assert away(window, point) <= 1


def test_two_fingers_zoom(window: Window) -> None:
    show(window)
    port = window.canvas.viewport()
    point = window.canvas.mapToScene(SPOT)
    pad = QPointingDevice(
        "pad", 1, QInputDevice.DeviceType.TouchPad, QPointingDevice.PointerType.Finger, QInputDevice.Capability.Position, 2, 0
    )

    def pinch(share: float) -> None:
        spot, place = QPointF(SPOT), QPointF(port.mapToGlobal(SPOT))
        kind = Qt.NativeGestureType.ZoomNativeGesture
        QApplication.sendEvent(port, QNativeGestureEvent(kind, pad, 2, spot, spot, place, share, QPointF()))

    for _step in range(10):
        before = window.canvas.zoom()
        pinch(0.01)
        assert before < window.canvas.zoom() and away(window, point) <= 1
    assert window.canvas.zoom() == pytest.approx(0.9 * 1.01**10, rel=0.02)
    pinch(-0.5)
    assert window.canvas.zoom() < 0.6 and away(window, point) <= 1


def test_two_fingers_pan_and_with_the_control_key_they_zoom(window: Window) -> None:
    show(window)
    seen = window.canvas.mapToScene(QPoint(0, 0))
    turn(window, 40, pixels=QPoint(6, 9))
    assert window.canvas.zoom() == 0.9
    moved = window.canvas.mapToScene(QPoint(0, 0)) - seen
    assert (moved.x(), moved.y()) == (pytest.approx(-6 / 0.9), pytest.approx(-9 / 0.9))
    turn(window, 40, CTRL, QPoint(6, 9))
    assert window.canvas.zoom() > 0.9
    zoom, seen = window.canvas.zoom(), window.canvas.mapToScene(QPoint(0, 0))
    turn(window, 120, Qt.KeyboardModifier.ShiftModifier)
    assert window.canvas.zoom() == zoom
    assert window.canvas.mapToScene(QPoint(0, 0)).x() < seen.x() and window.canvas.mapToScene(QPoint(0, 0)).y() == seen.y()


def test_a_point_is_held_anew_after_the_view_moved(window: Window) -> None:
    show(window)
    turn(window, 15)
    window.canvas.pan(130, -70)
    point = window.canvas.mapToScene(SPOT)
    turn(window, 15)
    assert away(window, point) <= 1


def test_keys_zoom(window: Window) -> None:
    show(window)
    window.canvas.setFocus()
    QTest.keyClick(window.canvas, Qt.Key.Key_Plus, CTRL)
    assert window.canvas.zoom() == 1.0  # past one it stops there
    QTest.keyClick(window.canvas, Qt.Key.Key_Plus, CTRL)
    assert window.canvas.zoom() == 1.25
    QTest.keyClick(window.canvas, Qt.Key.Key_Minus, CTRL)
    QTest.keyClick(window.canvas, Qt.Key.Key_Minus, CTRL)
    assert window.canvas.zoom() == 0.8
    QTest.keyClick(window.canvas, Qt.Key.Key_0, CTRL)
    assert window.canvas.zoom() == 1.0
    window.canvas.pan(4000, 0)
    QTest.keyClick(window.canvas, Qt.Key.Key_F)
    for card in window.scene.cards.values():
        assert window.canvas.viewport().rect().contains(window.canvas.mapFromScene(card.frame()).boundingRect())


def test_other_events_of_the_pad_are_left_alone(window: Window) -> None:
    show(window)
    assert not window.canvas.viewportEvent(QEvent(QEvent.Type.User))
    assert window.canvas.zoom() == 0.9
