"""Copy, cut and paste with the keys between two windows: nodes, notes and frames, as text that any window understands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tisserand.model.flow import Flow, Frame, Node, Note, Ref
from tisserand.ui.window import Window

CTRL, NO = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.NoModifier
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def other(window: Window) -> Iterator[Window]:
    made = Window()
    made.kinds.catalog = window.kinds.catalog
    made.document.new()
    made.show()
    made.activateWindow()
    yield made
    made.desk.sheets.abandon()
    made.close()
    made.deleteLater()


def show(window: Window) -> None:
    nodes = {
        "a": Node("a", "file.read_csv"),
        "b": Node("b", "table.filter", inputs={"table": (Ref("a"),)}),
        "c": Node("c", "table.sort", inputs={"table": (Ref("b"),)}),
    }
    notes = {"why": Note("why", "about b", "b"), "free": Note("free", "just so")}
    frames = {"both": Frame("both", "Both", ("b", "c")), "bare": Frame("bare", "Bare")}
    layout = {
        "a": (0.0, 0.0), "b": (300.0, 0.0), "c": (600.0, 0.0), "why": (300.0, 160.0), "free": (0.0, 200.0), "bare": (0.0, 320.0),
    }  # fmt: skip
    window.document.show(Flow("t", nodes=nodes, notes=notes, frames=frames, layout=layout))
    window.canvas.fit()
    QApplication.processEvents()


def key(window: Window, which: Qt.Key, keys: Qt.KeyboardModifier = CTRL) -> None:
    if not window.isActiveWindow():
        window.activateWindow()
        assert QTest.qWaitForWindowActive(window, 5000)
    window.canvas.setFocus()
    QTest.keyClick(window.canvas, which, keys)


def beside(window: Window) -> None:
    """The pointer is elsewhere: where a test before left it would be the place to paste at."""
    window.canvas.viewport().setAttribute(Qt.WidgetAttribute.WA_UnderMouse, False)


def held() -> dict[str, object]:
    found = yaml.safe_load(QApplication.clipboard().text())
    assert isinstance(found, dict)
    return found


def test_everything_goes_over_to_another_window(window: Window, other: Window) -> None:
    show(window)
    beside(other)
    key(window, Qt.Key.Key_A)
    key(window, Qt.Key.Key_C)
    key(other, Qt.Key.Key_V)
    assert other.document.flow.nodes == window.document.flow.nodes
    assert other.document.flow.notes == window.document.flow.notes
    assert other.document.flow.frames == window.document.flow.frames
    assert other.document.flow.layout == window.document.flow.layout
    assert set(other.scene.selection) == set("abc") and set(other.scene.marks) == {"why", "free", "both", "bare"}
    # Once more: other names, and everything a step aside, together.
    beside(other)
    key(other, Qt.Key.Key_V)
    flow = other.document.flow
    assert flow.nodes["b_2"].inputs == {"table": (Ref("a_2"),)}
    assert flow.notes["why_2"] == Note("why_2", "about b", "b_2") and flow.frames["both_2"] == Frame(
        "both_2", "Both", ("b_2", "c_2")
    )
    shifts = {
        (flow.layout[f"{id}_2"][0] - x, flow.layout[f"{id}_2"][1] - y) for id, (x, y) in window.document.flow.layout.items()
    }
    assert len(shifts) == 1 and shifts != {(0, 0)}
    other.actions_["undo"].trigger()
    assert set(other.document.flow.nodes) == set("abc") and set(other.document.flow.frames) == {"both", "bare"}


def test_a_note_alone(window: Window, other: Window) -> None:
    show(window)
    spot = window.canvas.mapFromScene(window.scene.notes["why"].frame().center())
    QTest.mouseClick(window.canvas.viewport(), LEFT, NO, spot)
    assert list(window.scene.marks) == ["why"] and not window.scene.selection
    for id in ("copy", "cut", "duplicate"):
        assert window.actions_[id].isEnabled(), id
    key(window, Qt.Key.Key_C)
    assert held() == {"notes": {"why": {"text": "about b"}}, "layout": {"why": [300, 160]}}
    key(other, Qt.Key.Key_V)
    # The card that it was about did not come along.
    assert other.document.flow.notes == {"why": Note("why", "about b")}
    key(window, Qt.Key.Key_X)
    assert set(window.document.flow.notes) == {"free"} and set(window.document.flow.nodes) == set("abc")
    key(window, Qt.Key.Key_V)
    assert window.document.flow.notes["why"].text == "about b"


def test_a_frame_by_its_title_with_what_it_holds(window: Window, other: Window) -> None:
    show(window)
    spot = window.canvas.mapFromScene(window.scene.frames["both"].strip().center())
    QTest.mouseClick(window.canvas.viewport(), LEFT, NO, spot)
    key(window, Qt.Key.Key_C)
    key(other, Qt.Key.Key_V)
    assert set(other.document.flow.nodes) == {"b", "c"} and other.document.flow.frames == {
        "both": Frame("both", "Both", ("b", "c"))
    }
    assert other.document.flow.nodes["b"].inputs == {}
    # Deleting it leaves what it holds, cutting it does not: that is on the clipboard.
    key(window, Qt.Key.Key_X)
    assert set(window.document.flow.nodes) == {"a"} and set(window.document.flow.frames) == {"bare"}
    window.actions_["undo"].trigger()
    assert set(window.document.flow.nodes) == set("abc") and "both" in window.document.flow.frames


def test_a_frame_takes_only_what_is_copied(window: Window) -> None:
    show(window)
    window.scene.select(["c"], marks=["both"])
    key(window, Qt.Key.Key_C)
    assert held()["frames"] == {"both": {"title": "Both", "holds": ["c"]}} and list(held()["nodes"]) == ["c"]  # type: ignore[call-overload]


def test_a_rubber_band_takes_frames_that_it_holds_whole(window: Window) -> None:
    show(window)
    port, frame = window.canvas.viewport(), window.scene.frames["both"].frame()
    start = window.canvas.mapFromScene(frame.topLeft()) - QPoint(8, 8)
    end = window.canvas.mapFromScene(frame.bottomRight()) + QPoint(8, 2)
    QTest.mousePress(port, LEFT, NO, start)
    QTest.mouseMove(port, start + QPoint(20, 20))
    assert not window.scene.marks
    QTest.mouseMove(port, end)
    QTest.mouseRelease(port, LEFT, NO, end)
    assert set(window.scene.selection) == {"b", "c"} and set(window.scene.marks) == {"both"}
    # Moved, it keeps what it holds; deleted, all of it goes.
    centre = window.canvas.mapFromScene(window.scene.cards["b"].frame().center())
    QTest.mousePress(port, LEFT, NO, centre)
    QTest.mouseMove(port, centre + QPoint(8, 8))
    QTest.mouseMove(port, centre + QPoint(0, 60))
    QTest.mouseRelease(port, LEFT, NO, centre + QPoint(0, 60))
    assert window.document.flow.frames["both"].holds == ("b", "c") and window.document.flow.layout["b"][1] > 40
    key(window, Qt.Key.Key_Delete, NO)
    assert set(window.document.flow.nodes) == {"a"} and set(window.document.flow.frames) == {"bare"}


def test_everything_selected_and_deleted_is_gone(window: Window) -> None:
    show(window)
    key(window, Qt.Key.Key_A)
    key(window, Qt.Key.Key_Delete, NO)
    flow = window.document.flow
    assert not flow.nodes and not flow.frames and not flow.notes and not flow.layout
    window.actions_["undo"].trigger()
    assert len(window.document.flow.nodes) == 3 and len(window.document.flow.frames) == 2


def test_texts_of_before_still_paste(window: Window) -> None:
    QApplication.clipboard().setText(
        "nodes:\n  a: {kind: file.read_csv}\n  b: {kind: table.filter, inputs: {table: a}}\nlayout:\n  a: [0, 0]\n  b: [300, 0]\n"
    )
    key(window, Qt.Key.Key_V)
    assert window.document.flow.nodes["b"].inputs == {"table": (Ref("a"),)}
    # And a whole flow file, with parts that are not for pasting.
    QApplication.clipboard().setText("tisserand: 1\nid: x\ntitle: X\nnodes:\n  z: {kind: table.sort}\nnotes:\n  n: {text: hi}\n")
    key(window, Qt.Key.Key_V)
    assert set(window.document.flow.nodes) == {"a", "b", "z"} and window.document.flow.notes["n"].text == "hi"


@pytest.mark.parametrize(
    "text",
    [
        "", "hello", "notes: {}", "notes: [1]", "notes: {n: 3}", "notes: {N: {text: a}}", "frames: {f: {holds: 3}}",
        "nodes: {x: {kind: table.sort}}\nnotes: {x: {text: a}}", "layout: {a: [1, 2]}", "notes: {n: {text: a}}\nlayout: {n: [x, 2]}",
        "notes: {n: {text: 'https://me:hunter2@example.org'}}",
    ],
)  # fmt: skip
def test_garbage_is_refused_with_a_sentence(window: Window, text: str) -> None:
    QApplication.clipboard().setText(text)
    window.statusBar().clearMessage()
    key(window, Qt.Key.Key_V)
    flow = window.document.flow
    assert not flow.nodes and not flow.notes and not flow.frames
    assert window.statusBar().currentMessage().endswith(".")


def test_frames_name_only_what_came_along(window: Window) -> None:
    QApplication.clipboard().setText("frames: {f: {title: F, holds: [gone]}}\nnotes: {n: {text: a, near: gone}}")
    key(window, Qt.Key.Key_V)
    assert window.document.flow.frames["f"].holds == () and window.document.flow.notes["n"].near is None


def test_pasted_where_the_pointer_is(window: Window) -> None:
    show(window)
    window.scene.select(["b"], marks=["why", "both"])
    key(window, Qt.Key.Key_C)
    spot = window.canvas.mapFromScene(window.scene.cards["a"].frame().bottomLeft()) + QPoint(16, 120)
    QTest.mouseMove(window.canvas.viewport(), spot)
    point = window.canvas.mapToScene(spot)
    assert window.canvas.viewport().underMouse()
    key(window, Qt.Key.Key_V)
    layout = window.document.flow.layout
    assert layout["b_2"] == (round(point.x() / 8) * 8, round(point.y() / 8) * 8)
    assert (layout["why_2"][0] - layout["b_2"][0], layout["why_2"][1] - layout["b_2"][1]) == (0, 160)


def large(count: int = 1200) -> Flow:
    nodes = {f"n{i}": Node(f"n{i}", "table.sort", inputs={"table": (Ref(f"n{i - 1}"),)} if i else {}) for i in range(count)}
    return Flow("large", nodes=nodes, layout={f"n{i}": (264.0 * (i % 40), 96.0 * (i // 40)) for i in range(count)})


def test_many_are_copied_while_the_window_goes_on(window: Window, other: Window, qtbot: QtBot) -> None:
    window.document.show(large())
    QApplication.clipboard().setText("before")
    key(window, Qt.Key.Key_A)
    key(window, Qt.Key.Key_X)
    # The keys are back at once; what was cut is that of this moment.
    assert not window.document.flow.nodes
    qtbot.waitUntil(lambda: QApplication.clipboard().text() != "before", timeout=30_000)
    key(other, Qt.Key.Key_V)
    assert len(other.document.flow.nodes) == 1200 and other.document.flow.nodes["n7"].inputs == {"table": (Ref("n6"),)}


def test_pasted_before_the_copy_is_written(window: Window, qtbot: QtBot) -> None:
    window.document.show(large())
    QApplication.clipboard().setText("nodes: {old: {kind: table.sort}}")
    key(window, Qt.Key.Key_A)
    key(window, Qt.Key.Key_C)
    key(window, Qt.Key.Key_V)
    qtbot.waitUntil(lambda: len(window.document.flow.nodes) > 1200, timeout=30_000)
    assert len(window.document.flow.nodes) == 2400 and "old" not in window.document.flow.nodes


def test_a_newer_copy_is_not_overwritten_by_a_slow_one(window: Window, qtbot: QtBot) -> None:
    window.document.show(large())
    key(window, Qt.Key.Key_A)
    key(window, Qt.Key.Key_C)
    QApplication.clipboard().setText("newer")  # another program
    done: list[object] = []
    # Answers come back in the order of the questions only within a thread; all threads are asked.
    for _thread in range(5):
        window.background.do(lambda: None, done.append, done.append)
    qtbot.waitUntil(lambda: len(done) == 5, timeout=30_000)
    qtbot.wait(300)
    assert QApplication.clipboard().text() == "newer"
