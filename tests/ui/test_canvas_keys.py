"""The canvas by keyboard: Tab as the rows go, a selection that grows, small moves, quick-add where the pointer is, and the way back."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QMenu, QPlainTextEdit, QWidget

from tisserand.model.flow import Flow, Frame, Node, Note, Ref
from tisserand.ui.chooser import Chooser
from tisserand.ui.window import Window

LEFT = Qt.MouseButton.LeftButton
NO, SHIFT, CTRL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
Key = Qt.Key


def backwards(window: Window) -> None:
    """a → b → c → d, drawn from right to left, and e that waits for d."""
    nodes = {
        "d": Node("d", "table.dedupe", inputs={"table": (Ref("c"),)}),
        "c": Node("c", "table.sort", inputs={"table": (Ref("b"),)}),
        "b": Node("b", "table.filter", inputs={"table": (Ref("a"),)}),
        "a": Node("a", "file.read_csv"),
        "e": Node("e", "file.read_csv", after={"d": "done"}),
    }
    layout = {"a": (900.0, 0.0), "b": (600.0, 0.0), "c": (300.0, 0.0), "d": (0.0, 0.0), "e": (450.0, 140.0)}
    notes = {"n": Note("n", "about b", "b")}
    window.document.show(Flow("t", nodes=nodes, notes=notes, layout={**layout, "n": (600.0, 200.0)}))
    window.canvas.fit()
    window.canvas.setFocus()
    QApplication.processEvents()


def press(window: Window, key: Qt.Key, keys: Qt.KeyboardModifier = NO) -> None:
    QTest.keyClick(window.canvas, key, keys)


def chosen(window: Window) -> list[str]:
    return list(window.scene.selection)


def test_tab_goes_as_the_rows_go(window: Window) -> None:
    backwards(window)
    seen = []
    for _step in range(5):
        press(window, Key.Key_Tab)
        seen += chosen(window)
    assert seen == ["a", "b", "c", "d", "e"]
    press(window, Key.Key_Backtab, SHIFT)
    assert chosen(window) == ["d"]
    press(window, Key.Key_Tab)
    # Behind the last one it goes on to the next panel, before the first one back.
    press(window, Key.Key_Tab)
    assert not window.canvas.hasFocus()
    window.canvas.setFocus()
    window.scene.select(["a"])
    press(window, Key.Key_Backtab, SHIFT)
    assert not window.canvas.hasFocus()


def test_from_nothing_an_arrow_goes_to_the_first(window: Window) -> None:
    backwards(window)
    press(window, Key.Key_Left)
    assert chosen(window) == ["a"]
    press(window, Key.Key_Left)
    assert chosen(window) == ["b"]
    press(window, Key.Key_Right)
    assert chosen(window) == ["a"]
    press(window, Key.Key_Right)
    assert chosen(window) == ["a"]  # there is nothing further right


def test_shift_and_an_arrow_take_the_neighbour_too(window: Window) -> None:
    backwards(window)
    window.scene.select(["a"])
    press(window, Key.Key_Left, SHIFT)
    press(window, Key.Key_Left, SHIFT)
    assert chosen(window) == ["a", "b", "c"]
    # Back over what is selected it goes on from there.
    press(window, Key.Key_Right, SHIFT)
    assert set(chosen(window)) == set("abc") and chosen(window)[-1] == "b"
    press(window, Key.Key_Down, SHIFT)
    assert set(chosen(window)) == set("abce")
    press(window, Key.Key_Left)
    assert chosen(window) == ["c"]  # goes on from e, the last one taken


def test_control_and_arrows_move_what_is_selected_as_one_step(window: Window) -> None:
    backwards(window)
    before = window.document.flow.layout
    window.scene.select(["a", "c"])
    for key in (Key.Key_Right, Key.Key_Right, Key.Key_Down, Key.Key_Left):
        press(window, key, CTRL)
    layout = window.document.flow.layout
    assert layout["a"] == (924, 24) and layout["c"] == (324, 24) and layout["b"] == before["b"]
    assert str(window.document.undo_name) == "Move of 2 nodes"
    window.actions_["undo"].trigger()
    assert window.document.flow.layout == before and window.document.undo_name is None
    # Others are another step; and so are the same ones after something else was done.
    press(window, Key.Key_Up, CTRL)
    window.scene.select(["b"])
    press(window, Key.Key_Up, CTRL)
    assert window.document.flow.layout["n"] == (600, 176)  # the note goes along with its card
    press(window, Key.Key_Right)
    press(window, Key.Key_Left)
    window.scene.select(["b"])
    press(window, Key.Key_Up, CTRL)
    assert window.document.flow.layout["b"] == (600, -48)
    for y in (-24, 0):
        window.actions_["undo"].trigger()
        assert window.document.flow.layout["b"] == (600, y)
    assert window.document.flow.layout["a"] == (900, -24)


def test_a_move_by_keys_is_not_joined_to_a_drag(window: Window) -> None:
    backwards(window)
    port, start = window.canvas.viewport(), window.canvas.mapFromScene(window.scene.cards["e"].frame().center())
    QTest.mousePress(port, LEFT, NO, start)
    QTest.mouseMove(port, start + QPoint(9, 9))
    QTest.mouseMove(port, start + QPoint(0, 60))
    QTest.mouseRelease(port, LEFT, NO, start + QPoint(0, 60))
    dragged = window.document.flow.layout["e"]
    press(window, Key.Key_Right, CTRL)
    press(window, Key.Key_Right, CTRL)
    assert window.document.flow.layout["e"] == (dragged[0] + 48, dragged[1])
    window.actions_["undo"].trigger()
    assert window.document.flow.layout["e"] == dragged
    window.actions_["undo"].trigger()
    assert window.document.flow.layout["e"] == (450, 140)


def test_notes_and_empty_frames_move_by_keys(window: Window) -> None:
    flow = Flow(
        "t", nodes={"a": Node("a", "file.read_csv")}, notes={"n": Note("n", "x")}, frames={"f": Frame("f", "F")},
        layout={"a": (0, 0), "n": (0, 100), "f": (300, 0)},
    )  # fmt: skip
    window.document.show(flow)
    window.canvas.setFocus()
    window.scene.select((), marks=["n", "f"])
    press(window, Key.Key_Down, CTRL)
    assert window.document.flow.layout == {"a": (0, 0), "n": (0, 124), "f": (300, 24)}
    window.scene.select(())
    flow = window.document.flow
    press(window, Key.Key_Down, CTRL)
    assert window.document.flow is flow


def sheet(window: Window) -> Chooser | None:
    return next((each for each in window.findChildren(Chooser) if each.isVisible()), None)


def empty_spot(window: Window) -> QPoint:
    return window.canvas.mapFromScene(QPointF(100, 160))


def test_tab_after_a_click_in_empty_space_offers_nodes_there(window: Window) -> None:
    backwards(window)
    spot = empty_spot(window)
    QTest.mouseClick(window.canvas.viewport(), LEFT, NO, spot)
    press(window, Key.Key_Tab)
    found = sheet(window)
    assert found is not None and not chosen(window)
    QTest.keyClicks(QApplication.focusWidget(), "distinct")
    QTest.keyClick(QApplication.focusWidget(), Key.Key_Escape)
    # Left without a choice, Tab goes on from node to node: no way may end here.
    window.canvas.setFocus()
    press(window, Key.Key_Tab)
    assert chosen(window) == ["a"] and sheet(window) is None
    QTest.mouseClick(window.canvas.viewport(), LEFT, NO, spot)
    press(window, Key.Key_Tab)
    QTest.keyClicks(QApplication.focusWidget(), "sort")
    QTest.keyClick(QApplication.focusWidget(), Key.Key_Return)
    new = next(id for id in window.document.flow.nodes if id not in "abcde")
    centre = window.canvas.mapFromScene(window.scene.cards[new].frame().center())
    assert (centre - spot).manhattanLength() < 12 and window.document.flow.nodes[new].inputs == {}


def test_tab_is_the_next_node_in_all_other_cases(window: Window) -> None:
    backwards(window)
    port, spot = window.canvas.viewport(), empty_spot(window)
    # A node is selected.
    QTest.mouseClick(port, LEFT, NO, spot)
    window.scene.select(["b"])
    press(window, Key.Key_Tab)
    assert chosen(window) == ["c"] and sheet(window) is None
    # The pointer went on to a card.
    QTest.mouseClick(port, LEFT, NO, spot)
    QTest.mouseMove(port, window.canvas.mapFromScene(window.scene.cards["d"].frame().center()))
    press(window, Key.Key_Tab)
    assert chosen(window) == ["a"] and sheet(window) is None
    # The way back.
    QTest.mouseClick(port, LEFT, NO, spot)
    press(window, Key.Key_Backtab, SHIFT)
    assert chosen(window) == ["e"] and sheet(window) is None
    # The click was long ago: another key came between.
    QTest.mouseClick(port, LEFT, NO, spot)
    press(window, Key.Key_Escape)
    press(window, Key.Key_Tab)
    assert chosen(window) == ["a"] and sheet(window) is None


def test_slash_offers_what_fits_behind_the_selected_node(window: Window) -> None:
    backwards(window)
    window.scene.select(["d"])
    press(window, Key.Key_Slash)
    assert sheet(window) is not None
    QTest.keyClicks(QApplication.focusWidget(), "sort")
    QTest.keyClick(QApplication.focusWidget(), Key.Key_Return)
    new = next(id for id in window.document.flow.nodes if id not in "abcde")
    assert window.document.flow.nodes[new].inputs == {"table": (Ref("d"),)}


def focus() -> QWidget:
    found = QApplication.focusWidget()
    assert found is not None
    return found


def test_escape_leads_back_to_the_canvas(window: Window) -> None:
    backwards(window)
    window.scene.select(["b"])
    press(window, Key.Key_Return)
    assert window.inspector.isAncestorOf(focus())
    window.inspector.focus_name()
    assert isinstance(focus(), QLineEdit)
    QTest.keyClicks(focus(), "kept")
    QTest.keyClick(focus(), Key.Key_Escape)
    assert window.canvas.hasFocus() and chosen(window) == ["b"]
    assert window.document.flow.nodes["b"].title == "kept"
    for place, tab in ((window.outline, window.outline), (window.log, window.log), (window.palette_panel.tree, window.data)):
        window.show_side("bottom", tab)
        place.setFocus()
        assert not window.canvas.hasFocus()
        QTest.keyClick(place, Key.Key_Escape)
        assert window.canvas.hasFocus(), place


def test_escape_first_closes_what_is_offered(window: Window) -> None:
    backwards(window)
    window.scene.select(["b"])
    window.inspector.focus_field("config.where")
    field = focus()
    assert isinstance(field, QPlainTextEdit)
    QTest.keyClicks(field, "up")
    offers = field.offers  # type: ignore[attr-defined]
    assert offers.isVisible()
    QTest.keyClick(field, Key.Key_Escape)
    assert not offers.isVisible() and field.hasFocus()
    QTest.keyClick(field, Key.Key_Escape)
    assert window.canvas.hasFocus()


def test_escape_closes_a_search_before_it_leads_back(window: Window) -> None:
    backwards(window)
    window.palette_panel.search.setFocus()
    QTest.keyClicks(window.palette_panel.search, "sort")
    QTest.keyClick(window.palette_panel.search, Key.Key_Escape)
    assert window.palette_panel.search.text() == "" and window.palette_panel.search.hasFocus()
    QTest.keyClick(window.palette_panel.search, Key.Key_Escape)
    assert window.canvas.hasFocus()


def test_escape_in_the_text_of_a_file_stays_there(window: Window) -> None:
    window.document.edit_source("nodes: [")
    window.middle.setCurrentWidget(window.source)
    window.source.text.setFocus() if hasattr(window.source, "text") else window.source.setFocus()
    before = focus()
    QTest.keyClick(before, Key.Key_Escape)
    assert focus() is before


def test_the_menu_key(window: Window) -> None:
    backwards(window)
    window.scene.select(["b"])
    event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(1, 1), window.canvas.mapToGlobal(QPoint(1, 1)))
    QApplication.sendEvent(window.canvas.viewport(), event)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu) and window.actions_["delete"] in menu.actions()
    menu.close()
    window.scene.select(())
    QApplication.sendEvent(window.canvas.viewport(), event)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu) and window.actions_["select_all"] in menu.actions()
    menu.close()


def test_rename_and_switch_off(window: Window) -> None:
    backwards(window)
    window.scene.select(["b"])
    press(window, Key.Key_D)
    assert window.document.flow.nodes["b"].disabled and window.scene.cards["b"].disabled
    press(window, Key.Key_D)
    assert not window.document.flow.nodes["b"].disabled
    press(window, Key.Key_F2)
    field = focus()
    assert isinstance(field, QLineEdit) and window.inspector.isAncestorOf(field)
    field.selectAll()
    QTest.keyClicks(field, "Paid")
    QTest.keyClick(field, Key.Key_Escape)
    assert window.document.flow.nodes["b"].title == "Paid" and window.scene.cards["b"].shown.title == "Paid"
    # A note is written in where it stands.
    window.scene.select((), marks=["n"])
    press(window, Key.Key_F2)
    assert focus().objectName() == "markedit"
    QTest.keyClick(focus(), Key.Key_Escape)
    assert window.canvas.hasFocus()


@pytest.mark.parametrize(
    ("action", "places"),
    [
        ("align_left", {"a": (0, 0), "b": (0, 40), "c": (0, 200)}),
        ("align_right", {"a": (700, 0), "b": (700, 40), "c": (700, 200)}),
        ("align_top", {"a": (0, 0), "b": (300, 0), "c": (700, 0)}),
        ("align_bottom", {"a": (0, 200), "b": (300, 200), "c": (700, 200)}),
        ("align_centre", {"a": (350, 0), "b": (350, 40), "c": (350, 200)}),
        ("align_middle", {"a": (0, 100), "b": (300, 100), "c": (700, 100)}),
        ("distribute_across", {"a": (0, 0), "b": (350, 40), "c": (700, 200)}),
        ("distribute_down", {"a": (0, 0), "b": (300, 100), "c": (700, 200)}),
    ],
)
def test_lining_up_by_keys(window: Window, action: str, places: dict[str, tuple[int, int]]) -> None:
    kinds = {"a": "table.sort", "b": "table.filter", "c": "table.dedupe"}
    before = {"a": (0, 0), "b": (300, 40), "c": (700, 200)}
    window.document.show(Flow("t", nodes={id: Node(id, kind) for id, kind in kinds.items()}, layout=dict(before)))
    window.canvas.setFocus()
    press(window, Key.Key_A, CTRL)
    # All of one height: expected by hand.
    assert {card.height for card in window.scene.cards.values()} == {58}
    shortcut = window.actions_[action].shortcut()[0]
    QTest.keyClick(window.canvas, shortcut.key(), shortcut.keyboardModifiers())
    assert dict(window.document.flow.layout) == places
    window.actions_["undo"].trigger()
    assert dict(window.document.flow.layout) == before
