"""Every gesture of the canvas with real mouse and key events, each taken back by one undo."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QPlainTextEdit, QToolTip
from pytestqt.qtbot import QtBot

from tisserand.model.flow import Flow, Frame, Node, Note, Ref
from tisserand.model.yamlfile import read_flow
from tisserand.ui.canvas.gesture import MIME
from tisserand.ui.chooser import Chooser
from tisserand.ui.window import Window

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
NO, ALT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.AltModifier


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


def chain(window: Window) -> None:
    """a → b → c, and d loose below."""
    nodes = {
        "a": Node("a", "file.read_csv"),
        "b": Node("b", "table.filter", inputs={"table": (Ref("a"),)}),
        "c": Node("c", "table.sort", inputs={"table": (Ref("b"),)}),
        "d": Node("d", "table.dedupe"),
    }
    layout = {"a": (0.0, 0.0), "b": (300.0, 0.0), "c": (700.0, 0.0), "d": (300.0, 200.0)}
    window.document.show(Flow("t", nodes=nodes, layout=layout))
    window.canvas.set_zoom(1.0)
    window.canvas.centerOn(QPointF(430, 120))
    QApplication.processEvents()


def inputs(window: Window, id: str) -> dict[str, tuple[str, ...]]:
    return {port: tuple(map(str, refs)) for port, refs in window.document.flow.nodes[id].inputs.items()}


def undo(window: Window) -> None:
    window.actions_["undo"].trigger()


def test_a_loose_card_dropped_on_a_wire_is_inserted(window: Window) -> None:
    chain(window)
    start = middle(window, "d")
    wire = window.scene.wires[("b", "", "c", "table")]
    there = window.canvas.mapFromScene(wire.path().pointAtPercent(0.5))
    drag(window, start, start + QPoint(8, -8), there)
    assert inputs(window, "d") == {"table": ("b",)}
    assert inputs(window, "c") == {"table": ("d",)}
    undo(window)
    assert inputs(window, "c") == {"table": ("b",)} and inputs(window, "d") == {}
    assert window.document.flow.layout["d"] == (300, 200)


def test_a_wired_card_dragged_over_a_wire_only_moves(window: Window) -> None:
    chain(window)
    start = middle(window, "a")
    wire = window.scene.wires[("b", "", "c", "table")]
    drag(window, start, start + QPoint(8, 8), window.canvas.mapFromScene(wire.path().pointAtPercent(0.5)))
    assert inputs(window, "c") == {"table": ("b",)}
    assert inputs(window, "b") == {"table": ("a",)}
    assert window.document.flow.layout["a"] != (0, 0)


def drop(window: Window, kind: str, spot: QPoint) -> None:
    data = QMimeData()
    data.setData(MIME, kind.encode())
    port, action, keys = window.canvas.viewport(), Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(port, QDragEnterEvent(spot, action, data, LEFT, keys))
    QApplication.sendEvent(port, QDragMoveEvent(spot, action, data, LEFT, keys))
    QApplication.sendEvent(port, QDropEvent(QPointF(spot), action, data, LEFT, keys))


def test_a_node_of_the_palette_dropped_on_a_wire_is_inserted(window: Window) -> None:
    chain(window)
    wire = window.scene.wires[("b", "", "c", "table")]
    drop(window, "table.select", window.canvas.mapFromScene(wire.path().pointAtPercent(0.5)))
    new = next(id for id in window.document.flow.nodes if id not in "abcd")
    assert inputs(window, new) == {"table": ("b",)} and inputs(window, "c") == {"table": (new,)}
    undo(window)
    assert set(window.document.flow.nodes) == set("abcd") and inputs(window, "c") == {"table": ("b",)}


def test_shaking_takes_a_card_out_of_its_wires(window: Window) -> None:
    chain(window)
    start = middle(window, "b")
    swings = [start + QPoint(60 * (-1) ** n, 10 * n) for n in range(8)]
    drag(window, start, *swings)
    assert inputs(window, "b") == {}
    assert inputs(window, "c") == {"table": ("a",)}
    assert window.toast.isVisible()
    QTest.mouseClick(window.toast.button, LEFT)
    while window.actions_["undo"].isEnabled():
        undo(window)
    assert inputs(window, "c") == {"table": ("b",)} and inputs(window, "b") == {"table": ("a",)}


def test_dragging_far_and_back_is_no_shaking(window: Window) -> None:
    chain(window)
    start = middle(window, "b")
    drag(window, start, start + QPoint(90, 0), start + QPoint(-40, 60), start + QPoint(10, 70))
    assert inputs(window, "b") == {"table": ("a",)}


def test_the_keyboard_takes_out_of_the_wires_too(window: Window) -> None:
    chain(window)
    window.scene.select(["b"])
    window.canvas.setFocus()
    QTest.keyClick(window.canvas, Qt.Key.Key_X)
    assert inputs(window, "b") == {} and inputs(window, "c") == {"table": ("a",)}
    undo(window)
    assert inputs(window, "c") == {"table": ("b",)}


@pytest.mark.parametrize(("button", "keys"), [(RIGHT, NO), (LEFT, ALT)])
def test_a_line_across_wires_cuts_them(window: Window, button: Qt.MouseButton, keys: Qt.KeyboardModifier) -> None:
    chain(window)
    # Above the wires there is nothing to cut, and no wire counts that is only inside the line's box.
    drag(window, at(window, 230, -60), at(window, 240, -60), at(window, 660, -60), button=button, keys=keys)
    assert inputs(window, "b") == {"table": ("a",)}
    drag(window, at(window, 250, -60), at(window, 250, -40), at(window, 250, 90), at(window, 600, 90), at(window, 600, -60),
         button=button, keys=keys)  # fmt: skip
    assert inputs(window, "b") == {} and inputs(window, "c") == {}
    assert "2" in str(window.document.undo_name)
    undo(window)
    assert inputs(window, "b") == {"table": ("a",)} and inputs(window, "c") == {"table": ("b",)}


def test_escape_gives_up_a_cut(window: Window) -> None:
    chain(window)
    port = window.canvas.viewport()
    QTest.mousePress(port, RIGHT, NO, at(window, 250, -60))
    QTest.mouseMove(port, at(window, 250, 90))
    QTest.keyClick(window.canvas, Qt.Key.Key_Escape)
    QTest.mouseRelease(port, RIGHT, NO, at(window, 250, 90))
    assert inputs(window, "b") == {"table": ("a",)}


def test_the_right_button_without_a_move_opens_the_menu(window: Window) -> None:
    chain(window)
    QTest.mouseClick(window.canvas.viewport(), RIGHT, NO, middle(window, "b"))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu) and window.actions_["delete"] in menu.actions()
    assert list(window.scene.selection) == ["b"]
    menu.close()


def test_wiring_with_two_clicks(window: Window) -> None:
    chain(window)
    port = window.canvas.viewport()
    cards = window.scene.cards
    QTest.mouseClick(port, LEFT, NO, window.canvas.mapFromScene(cards["a"].output_point("rows")))
    assert window.scene.drafting
    QTest.mouseMove(port, at(window, 250, 150))
    QTest.mouseClick(port, LEFT, NO, window.canvas.mapFromScene(cards["d"].input_point("table")))
    assert not window.scene.drafting and inputs(window, "d") == {"table": ("a",)}
    undo(window)
    # The first click is given up by Escape or by the right button.
    for give_up in (
        lambda: QTest.keyClick(window.canvas, Qt.Key.Key_Escape),
        lambda: QTest.mouseClick(port, RIGHT, NO, at(window, 250, 150)),
    ):
        QTest.mouseClick(port, LEFT, NO, window.canvas.mapFromScene(cards["a"].output_point("rows")))
        assert window.scene.drafting
        give_up()
        assert not window.scene.drafting and inputs(window, "d") == {}
    # The second click in the open offers nodes that fit.
    QTest.mouseClick(port, LEFT, NO, window.canvas.mapFromScene(cards["a"].output_point("rows")))
    QTest.mouseClick(port, LEFT, NO, at(window, 100, 200))
    sheet = next(each for each in window.findChildren(Chooser) if each.isVisible())
    sheet.leave()


def test_align_distribute_and_tidy_the_selection(window: Window) -> None:
    chain(window)
    window.canvas.setFocus()
    before = dict(window.document.flow.layout)
    window.scene.select(["a", "b", "d"])
    QTest.keyClick(window.canvas, Qt.Key.Key_Left, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    layout = window.document.flow.layout
    assert {layout[id][0] for id in "abd"} == {0} and layout["c"] == before["c"]
    undo(window)
    assert dict(window.document.flow.layout) == before
    window.actions_["align_bottom"].trigger()
    assert {window.scene.cards[id].frame().bottom() for id in "abd"} == {258}
    undo(window)
    window.scene.select(["a", "b", "c"])
    window.actions_["distribute_across"].trigger()
    lefts = sorted(window.document.flow.layout[id][0] for id in "abc")
    assert lefts[1] - lefts[0] == lefts[2] - lefts[1]
    undo(window)
    window.scene.select(["a", "b", "c"])
    QTest.keyClick(window.canvas, Qt.Key.Key_L)
    layout = window.document.flow.layout
    assert layout["a"][0] < layout["b"][0] < layout["c"][0] and layout["d"] == before["d"]
    assert (layout["a"][0], min(layout[id][1] for id in "abc")) == (0, 0)
    undo(window)
    assert dict(window.document.flow.layout) == before


def write(window: Window, text: str) -> None:
    edit = next(each for each in window.canvas.viewport().findChildren(QPlainTextEdit, "markedit") if each.isVisible())
    QTest.keyClicks(edit, text)
    QTest.keyClick(edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)


def test_frames_hold_move_and_let_go(window: Window) -> None:
    chain(window)
    window.scene.select(["b", "c"])
    window.canvas.setFocus()
    QTest.keyClick(window.canvas, Qt.Key.Key_F, Qt.KeyboardModifier.ShiftModifier)
    write(window, "Clean")
    frames = window.document.flow.frames
    assert [(frame.title, frame.holds) for frame in frames.values()] == [("Clean", ("b", "c"))]
    item = next(iter(window.scene.frames.values()))
    assert item.frame().contains(window.scene.cards["b"].frame())
    # By its title it is moved with what it holds.
    strip = window.canvas.mapFromScene(item.strip().center())
    drag(window, strip, strip + QPoint(8, 8), strip + QPoint(0, 60))
    assert window.document.flow.layout["b"] == (300, 60) and window.document.flow.layout["c"] == (700, 60)
    assert next(iter(window.document.flow.frames.values())).holds == ("b", "c")
    # A card dropped in it belongs to it, one dragged out does not.
    start = middle(window, "a")
    drag(window, start, start + QPoint(8, 8), at(window, 600, 90))
    assert set(next(iter(window.document.flow.frames.values())).holds) == {"a", "b", "c"}
    start = middle(window, "a")
    drag(window, start, start + QPoint(8, 8), at(window, 100, -150))
    assert next(iter(window.document.flow.frames.values())).holds == ("b", "c")
    # Without its frame the cards stay.
    QTest.mouseClick(window.canvas.viewport(), LEFT, NO, window.canvas.mapFromScene(item.strip().center()))
    QTest.keyClick(window.canvas, Qt.Key.Key_Delete)
    assert not window.document.flow.frames and set(window.document.flow.nodes) == set("abcd")
    assert not window.scene.frames
    undo(window)
    assert window.document.flow.frames


def test_notes_are_written_moved_and_saved(window: Window, tmp_path: Path) -> None:
    chain(window)
    window.scene.select(["b"])
    window.canvas.setFocus()
    QTest.keyClick(window.canvas, Qt.Key.Key_N)
    write(window, "why: 2 > 1")
    note = next(iter(window.document.flow.notes.values()))
    assert (note.text, note.near) == ("why: 2 > 1", "b")
    # It goes along with its card, and alone by itself.
    place = window.document.flow.layout[note.id]
    start = middle(window, "b")
    drag(window, start, start + QPoint(8, 8), start + QPoint(40, 20))
    assert window.document.flow.layout[note.id] == (place[0] + 40, place[1] + 20)
    spot = window.canvas.mapFromScene(window.scene.notes[note.id].frame().center())
    drag(window, spot, spot + QPoint(8, 8), spot + QPoint(-260, 80))
    x, y = window.document.flow.layout[note.id]
    # Alone it snaps to the grid of four.
    assert (x, y % 4) == (place[0] - 220, 0) and abs(y - place[1] - 100) <= 2
    assert window.document.flow.layout["b"] == (340, 20)
    spot = window.canvas.mapFromScene(window.scene.notes[note.id].frame().center())
    QTest.mouseDClick(window.canvas.viewport(), LEFT, NO, spot)
    write(window, "because")
    path = tmp_path / "f.yaml"
    assert window.document.save(path) is None
    data = yaml.safe_load(path.read_text())
    assert data["notes"][note.id] == {"text": "because", "near": "b"}
    QTest.keyClick(window.canvas, Qt.Key.Key_Delete)
    assert not window.document.flow.notes


def test_escape_leaves_a_note_as_it_was(window: Window) -> None:
    chain(window)
    window.document.show(
        Flow("t", notes={"note": Note("note", "kept")}, nodes={"a": Node("a", "table.filter")}, layout={"a": (0, 0)})
    )
    spot = window.canvas.mapFromScene(window.scene.notes["note"].frame().center())
    QTest.mouseDClick(window.canvas.viewport(), LEFT, NO, spot)
    edit = window.canvas.viewport().findChild(QPlainTextEdit, "markedit")
    assert edit is not None
    QTest.keyClicks(edit, "lost")
    QTest.keyClick(edit, Qt.Key.Key_Escape)
    assert window.document.flow.notes["note"].text == "kept"


def test_a_rubber_band_takes_notes_along(window: Window) -> None:
    nodes = {"a": Node("a", "file.read_csv")}
    window.document.show(Flow("t", nodes=nodes, notes={"n": Note("n", "x")}, layout={"a": (0, 0), "n": (0, 120)}))
    window.canvas.set_zoom(1.0)
    drag(window, at(window, -30, -30), at(window, 0, 0), at(window, 250, 200))
    assert list(window.scene.selection) == ["a"] and list(window.scene.marks) == ["n"]
    start = middle(window, "a")
    drag(window, start, start + QPoint(8, 8), start + QPoint(0, 40))
    assert window.document.flow.layout == {"a": (0, 40), "n": (0, 160)}


def test_cut_paste_and_duplicate_as_text(window: Window) -> None:
    chain(window)
    window.canvas.setFocus()
    window.scene.select(["a", "b"])
    QTest.keyClick(window.canvas, Qt.Key.Key_X, Qt.KeyboardModifier.ControlModifier)
    assert set(window.document.flow.nodes) == {"c", "d"}
    text = QApplication.clipboard().text()
    reading = read_flow("tisserand: 1\nid: pasted\n" + text)
    assert reading.flow is not None and set(reading.flow.nodes) == {"a", "b"}
    QTest.keyClick(window.canvas, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert inputs(window, "b") == {"table": ("a",)} and set(window.scene.selection) == {"a", "b"}
    window.actions_["duplicate"].trigger()
    assert len(window.document.flow.nodes) == 6
    other = Window()
    other.kinds.catalog = window.kinds.catalog
    other.document.new()
    other.actions_["paste"].trigger()
    assert set(other.document.flow.nodes) == {"a", "b"}
    other.retire()


def test_what_cannot_be_pasted_is_a_sentence(window: Window) -> None:
    for text in ("", "nodes: [", "hello", "nodes: {a: 3}"):
        QApplication.clipboard().setText(text)
        window.actions_["paste"].trigger()
        assert not window.document.flow.nodes
        assert window.statusBar().currentMessage()


def test_hover_on_a_wire_shows_columns_and_three_rows(window: Window, demo: Path, qtbot: QtBot) -> None:
    window.desk.load(demo)
    qtbot.waitUntil(lambda: not window.desk.disk.loading and bool(window.desk.findings.schemas), timeout=30_000)
    wire = next(wire for key, wire in window.scene.wires.items() if key[0] == "orders")
    place = QPoint(300, 300)
    window.canvas.peek_asked.emit(wire.key, place)
    assert "amount" in QToolTip.text() and "10000" not in QToolTip.text()
    window.actions_["run"].trigger()
    qtbot.waitUntil(lambda: not window.runner.running, timeout=60_000)
    window.canvas.peek_asked.emit(wire.key, place)
    qtbot.waitUntil(lambda: "10000" in QToolTip.text(), timeout=20_000)
    assert "10002" in QToolTip.text() and "10003" not in QToolTip.text()
    QToolTip.hideText()
    # A click on the wire opens its rows.
    window.show_side("bottom", window.log)
    spot = window.canvas.mapFromScene(wire.path().pointAtPercent(0.5))
    QTest.mouseClick(window.canvas.viewport(), LEFT, NO, spot)
    assert window.tabs.currentWidget() is window.data


def test_hover_never_runs_what_a_column_is_called(window: Window) -> None:
    from tisserand.ui.peek import as_html

    text = as_html("<b>x</b>", [("<script>", "text")], None)
    assert "<script>" not in text and "&lt;script&gt;" in text


def test_a_frame_of_a_file_without_a_place(window: Window) -> None:
    window.document.show(
        Flow("t", frames={"f": Frame("f", "Empty")}, nodes={"a": Node("a", "table.filter")}, layout={"a": (0, 0)})
    )
    assert window.scene.frames["f"].frame().width() > 100
    assert not window.canvas.grab().isNull()
