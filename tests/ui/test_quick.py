"""Adding, wiring and starting anything by typing, with real keys and mouse events."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tisserand.model.flow import Flow, Node, Ref
from tisserand.ui.chooser import Chooser
from tisserand.ui.window import Window

LEFT = Qt.MouseButton.LeftButton


def at(window: Window, point: QPointF) -> QPoint:
    return window.canvas.mapFromScene(point)


def sheet(window: Window) -> Chooser:
    found = [each for each in window.findChildren(Chooser) if each.isVisible()]
    assert len(found) == 1
    return found[0]


def titles(found: Chooser) -> list[str]:
    return [found.list.item(row).text() for row in range(found.list.count())]


def two(window: Window, *, wired: bool) -> None:
    inputs = {"table": (Ref("a"),)} if wired else {}
    nodes = {"a": Node("a", "file.read_csv"), "b": Node("b", "table.filter", inputs=inputs)}
    window.document.show(Flow("t", nodes=nodes, layout={"a": (0, 0), "b": (264, 0)}))
    window.canvas.fit()
    QApplication.processEvents()


def test_a_wire_dropped_in_the_open_offers_what_fits(window: Window) -> None:
    two(window, wired=False)
    port = window.canvas.viewport()
    start, end = at(window, window.scene.cards["b"].output_point("kept")), at(window, QPointF(560, 120))
    QTest.mousePress(port, LEFT, pos=start)
    QTest.mouseMove(port, start + QPoint(8, 8))
    QTest.mouseMove(port, end)
    QTest.mouseRelease(port, LEFT, pos=end)
    found = sheet(window)
    assert "Read CSV" not in titles(found) and "Sort" in titles(found)
    QTest.keyClicks(found.search, "sort")
    assert titles(found)[0] == "Sort"
    QTest.keyClick(found.search, Qt.Key.Key_Return)
    node = window.document.flow.nodes["sort"]
    assert node.inputs == {"table": (Ref("b"),)}
    x, y = window.document.flow.layout["sort"]
    assert abs(x - 560) <= 8 and abs(y + 29 - 120) <= 8
    assert QApplication.focusWidget() is window.canvas
    # One step back takes node and wire together.
    window.actions_["undo"].trigger()
    assert set(window.document.flow.nodes) == {"a", "b"}


def test_drawn_backwards_only_what_has_an_output_is_offered(window: Window) -> None:
    two(window, wired=False)
    window.canvas.quick_asked.emit(QPointF(200, 150), ("b", "in", "table"))
    found = sheet(window)
    assert "Read JSON" in titles(found)
    QTest.keyClicks(found.search, "read json")
    QTest.keyClick(found.search, Qt.Key.Key_Return)
    assert window.document.flow.nodes["b"].inputs == {"table": (Ref("read_json"),)}


def test_a_node_is_inserted_on_a_wire_and_makes_room(window: Window) -> None:
    two(window, wired=True)
    wire = window.scene.wires[("a", "", "b", "table")]
    QTest.mouseClick(window.canvas.viewport(), LEFT, pos=at(window, wire.path().pointAtPercent(0.5)))
    window.canvas.setFocus()
    QTest.keyClick(window.canvas, Qt.Key.Key_Slash)
    found = sheet(window)
    QTest.keyClicks(found.search, "dedup")
    QTest.keyClick(found.search, Qt.Key.Key_Return)
    flow = window.document.flow
    new = next(id for id in flow.nodes if id not in ("a", "b"))
    assert flow.nodes[new].inputs == {"table": (Ref("a"),)}
    assert flow.nodes["b"].inputs == {"table": (Ref(new),)}
    assert flow.layout["b"][0] >= flow.layout[new][0] + 192
    frames = [card.frame() for card in window.scene.cards.values()]
    assert not any(a.intersects(b) for i, a in enumerate(frames) for b in frames[i + 1 :])
    window.actions_["undo"].trigger()
    assert window.document.flow.nodes["b"].inputs == {"table": (Ref("a"),)}
    assert window.document.flow.layout["b"] == (264, 0)


def test_a_double_click_in_the_open_adds_there(window: Window) -> None:
    two(window, wired=False)
    spot = at(window, QPointF(100, 200))
    QTest.mouseDClick(window.canvas.viewport(), LEFT, pos=spot)
    found = sheet(window)
    QTest.keyClick(found.search, Qt.Key.Key_Escape)
    assert set(window.document.flow.nodes) == {"a", "b"}
    assert not [each for each in window.findChildren(Chooser) if each.isVisible()]


def test_wire_by_keyboard(window: Window) -> None:
    two(window, wired=False)
    window.scene.select(["a"])
    window.canvas.setFocus()
    QTest.keyClick(window.canvas, Qt.Key.Key_C)
    found = sheet(window)
    QTest.keyClicks(found.search, "filter")
    QTest.keyClick(found.search, Qt.Key.Key_Return)
    assert window.document.flow.nodes["b"].inputs == {"table": (Ref("a"),)}


def test_a_wire_that_would_close_a_circle_is_not_offered(window: Window) -> None:
    two(window, wired=True)
    window.scene.select(["b"])
    window.actions_["connect"].trigger()
    assert not [each for each in window.findChildren(Chooser) if each.isVisible()]


def test_the_command_palette_finds_by_words_of_both_languages(window: Window, demo: Path) -> None:
    two(window, wired=False)
    QTest.keyClick(window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    found = sheet(window)
    assert len(titles(found)) == len(list(window.actions_)) - 1
    QTest.keyClicks(found.search, "everything mark")
    assert titles(found) == ["Select all"]
    QTest.keyClick(found.search, Qt.Key.Key_Return)
    assert set(window.scene.selection) == {"a", "b"}


def test_an_action_that_cannot_be_done_now_cannot_be_chosen(window: Window) -> None:
    QTest.keyClick(window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    found = sheet(window)
    QTest.keyClicks(found.search, "cancel the run")
    assert found.list.currentItem() is None
    QTest.keyClick(found.search, Qt.Key.Key_Return)
    assert found.isVisible()
    found.leave()


def test_a_flow_from_nothing_with_the_keyboard_alone(window: Window) -> None:
    window.canvas.setFocus()
    for words in ("read csv", "filter rows", "sort"):
        QTest.keyClick(window.canvas, Qt.Key.Key_Slash)
        found = sheet(window)
        QTest.keyClicks(found.search, words)
        QTest.keyClick(found.search, Qt.Key.Key_Return)
    nodes = window.document.flow.nodes
    assert nodes["filter"].inputs == {"table": (Ref("read_csv"),)}
    assert nodes["sort"].inputs == {"table": (Ref("filter"),)}


def test_french_words_find_actions_too(window: Window) -> None:
    from tisserand import texts
    from tisserand.files import shipped

    texts.add_catalogues(shipped("resources") / "locale")
    texts.set_language("fr")
    try:
        window.desk.quick.commands()
        found = sheet(window)
        for words, wanted in (("aligner gauche", "align_left"), ("arret oui", "breakpoint"), ("breakpoint", "breakpoint")):
            found.search.clear()
            QTest.keyClicks(found.search, words)
            keys = [found.list.item(row).data(Qt.ItemDataRole.UserRole).key for row in range(found.list.count())]
            assert wanted in keys, words
        found.leave()
    finally:
        texts.set_language("en")


def test_what_is_offered_goes_when_the_flow_changes(window: Window, demo: Path) -> None:
    """The toolbar takes no focus: undo can be clicked while a sheet is open."""
    two(window, wired=False)
    for action in ("connect", "quick_add"):
        window.document.move({"a": (8.0, 8.0)})
        window.scene.select(["a"])
        window.canvas.setFocus()
        window.actions_[action].trigger()
        assert sheet(window)
        button = window.bar.widgetForAction(window.actions_["undo"])
        QTest.mouseClick(button, LEFT)
        assert not [each for each in window.findChildren(Chooser) if each.isVisible()]
