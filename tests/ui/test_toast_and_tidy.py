"""What the bar over the canvas takes back is what it says and nothing else; a large layout is made while the window goes on."""

from __future__ import annotations

import time
from dataclasses import replace

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tisserand.model.edit import SetNode
from tisserand.model.flow import Flow, Node, Note, Ref
from tisserand.ui.window import Window

LEFT, NO = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def show(window: Window) -> None:
    nodes = {
        "a": Node("a", "file.read_csv"),
        "b": Node("b", "table.filter", inputs={"table": (Ref("a"),)}),
        "c": Node("c", "table.sort", inputs={"table": (Ref("b"),)}),
    }
    window.document.show(Flow("t", nodes=nodes, layout={"a": (0.0, 0.0), "b": (300.0, 0.0), "c": (600.0, 80.0)}))
    window.canvas.fit()
    window.canvas.setFocus()
    QApplication.processEvents()


def delete(window: Window, id: str) -> None:
    window.scene.select([id])
    QTest.keyClick(window.canvas, Qt.Key.Key_Delete)
    assert id not in window.document.flow.nodes and window.toast.isVisible()


def drag(window: Window, id: str, *way: QPoint) -> None:
    port, start = window.canvas.viewport(), window.canvas.mapFromScene(window.scene.cards[id].frame().center())
    QTest.mousePress(port, LEFT, NO, start)
    for shift in way:
        QTest.mouseMove(port, start + shift)
    QTest.mouseRelease(port, LEFT, NO, start + way[-1])


def test_the_button_takes_back_what_was_deleted(window: Window) -> None:
    show(window)
    delete(window, "a")
    assert window.scene.cards["b"].shown.title not in window.toast.text.text()
    QTest.mouseClick(window.toast.button, LEFT)
    assert window.document.flow.nodes["b"].inputs == {"table": (Ref("a"),)} and not window.toast.isVisible()


def test_the_bar_goes_with_the_next_change(window: Window) -> None:
    show(window)
    delete(window, "a")
    drag(window, "c", QPoint(10, 10), QPoint(0, 60))
    moved = window.document.flow.layout["c"]
    assert moved != (600, 80)
    # Its button would take back the move now: it is gone.
    assert not window.toast.isVisible()
    window.actions_["undo"].trigger()
    assert window.document.flow.layout["c"] == (600, 80) and "a" not in window.document.flow.nodes
    # Nor does it come back, and what was undone and done again is told by the menu.
    window.actions_["undo"].trigger()
    window.actions_["redo"].trigger()
    assert not window.toast.isVisible()


def test_the_bar_goes_with_an_undo_by_key(window: Window) -> None:
    show(window)
    delete(window, "a")
    QTest.keyClick(window.canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert "a" in window.document.flow.nodes and not window.toast.isVisible()


def test_a_second_one_is_told_anew(window: Window) -> None:
    show(window)
    delete(window, "a")
    delete(window, "b")
    QTest.mouseClick(window.toast.button, LEFT)
    assert set(window.document.flow.nodes) == {"b", "c"}


def test_shaken_loose_and_put_down_elsewhere_is_one_step(window: Window) -> None:
    show(window)
    before = window.document.flow
    drag(window, "b", *(QPoint(60 * (-1) ** n, 10 * n) for n in range(8)), QPoint(0, 130))
    assert window.document.flow.nodes["c"].inputs == {"table": (Ref("a"),)}
    assert window.document.flow.layout["b"] != (300, 0) and window.toast.isVisible()
    QTest.mouseClick(window.toast.button, LEFT)
    assert window.document.flow == before


def many(count: int) -> Flow:
    """Chains of ten, everything in one heap."""
    nodes = {f"n{i}": Node(f"n{i}", "table.sort", inputs={"table": (Ref(f"n{i - 1}"),)} if i % 10 else {}) for i in range(count)}
    notes = {"note": Note("note", "about n3", "n3")}
    return Flow("many", nodes=nodes, notes=notes, layout={**dict.fromkeys(nodes, (0.0, 0.0)), "note": (0.0, 100.0)})


def tidy(window: Window) -> None:
    QTest.keyClick(window.canvas, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)


def test_a_large_layout_is_made_elsewhere(window: Window, qtbot: QtBot) -> None:
    window.document.show(many(600))
    window.canvas.setFocus()
    tidy(window)
    # The key is back before anything was moved.
    assert set(window.document.flow.layout.values()) == {(0.0, 0.0), (0.0, 100.0)}
    assert window.statusBar().currentMessage()
    qtbot.waitUntil(lambda: window.document.undo_name is not None, timeout=30_000)
    layout = window.document.flow.layout
    assert len(set(layout.values())) == 601
    for index in range(600):
        if index % 10:
            assert layout[f"n{index}"][0] > layout[f"n{index - 1}"][0]
    # The note went along with its card.
    x, y = layout["n3"]
    assert layout["note"] == (x, y + 100)
    window.actions_["undo"].trigger()
    assert set(window.document.flow.layout.values()) == {(0.0, 0.0), (0.0, 100.0)}


def test_a_layout_of_what_was_changed_meanwhile_is_dropped(window: Window, qtbot: QtBot) -> None:
    window.document.show(many(600))
    window.canvas.setFocus()
    tidy(window)
    window.document.do(SetNode(node="n1", changes={"disabled": True}))
    changed = window.document.flow
    said = window.statusBar().currentMessage()
    qtbot.waitUntil(lambda: window.statusBar().currentMessage() != said, timeout=30_000)
    assert window.document.flow is changed
    # Asked for again, it is done.
    tidy(window)
    qtbot.waitUntil(lambda: len(set(window.document.flow.layout.values())) == 601, timeout=30_000)


def test_pressed_twice_it_is_made_once(window: Window, qtbot: QtBot) -> None:
    window.document.show(many(600))
    window.canvas.setFocus()
    tidy(window)
    tidy(window)
    qtbot.waitUntil(lambda: window.document.undo_name is not None, timeout=30_000)
    qtbot.wait(100)
    window.actions_["undo"].trigger()
    assert window.document.undo_name is None


def test_what_waits_for_the_window_is_short(window: Window, qtbot: QtBot) -> None:
    flow = many(3000)
    layout = {id: (index % 50 * 264.0, index // 50 * 96.0) for index, id in enumerate(flow.nodes)}
    window.document.show(replace(flow, notes={}, layout=layout))
    QApplication.processEvents()
    before = time.thread_time()
    window.actions_["select_all"].trigger()
    window.actions_["copy"].trigger()
    tidy(window)
    # A hundredth of what both take; the limit is wide for busy machines.
    assert time.thread_time() - before < 0.1
    qtbot.waitUntil(lambda: window.document.undo_name is not None, timeout=60_000)
