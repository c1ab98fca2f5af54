"""The outline: the flow as a list with states in words, in step with the canvas, by keys alone."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tisserand.ui.window import Window

LONG = 60_000


def lines(window: Window) -> list[tuple[str, str, str]]:
    """What stands in the lines at the top, by columns."""
    model = window.outline.model()
    return [tuple(model.index(row, column).data() for column in range(3)) for row in range(model.rowCount())]  # type: ignore[misc]


def current(window: Window) -> str:
    return str(window.outline.currentIndex().siblingAtColumn(0).data())


def opened(window: Window, demo: Path, qtbot: QtBot) -> Window:
    window.desk.load(demo)
    qtbot.waitUntil(lambda: not window.desk.disk.loading, timeout=LONG)
    return window


def press(key: Qt.Key, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """To whatever has the focus."""
    QTest.keyClick(QApplication.focusWidget(), key, keys)
    QApplication.processEvents()


def go_to(window: Window, wanted: str) -> None:
    """By arrow keys to a line, from the top."""
    press(Qt.Key.Key_Home)
    for _step in range(60):
        if current(window) == wanted:
            return
        press(Qt.Key.Key_Down)
    raise AssertionError(f"no line “{wanted}”; last: “{current(window)}”")


def test_the_outline_follows_the_flow_and_its_runs(window: Window, demo: Path, qtbot: QtBot) -> None:
    window.desk.load(demo)
    qtbot.waitUntil(lambda: not window.desk.disk.loading, timeout=LONG)
    window.scene.select(["named"])
    QTest.keyClick(window, Qt.Key.Key_O, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    outline = window.outline
    assert QApplication.focusWidget() is outline
    # What was selected on the canvas before the outline was first seen stays selected.
    assert list(window.scene.selection) == ["named"] and current(window) == "Join on customer"
    names = [line[0] for line in lines(window)]
    assert sorted(names) == sorted(card.shown.title for card in window.scene.cards.values())
    for before, after in (
        ("Orders", "Worth 100 or more"),
        ("Customers", "Join on customer"),
        ("Sum by country", "Write to lake"),
    ):
        assert names.index(before) < names.index(after)
    assert {line[0]: line[2] for line in lines(window)}["Join on customer"] == "Worth 100 or more, Customers"

    # Keys choose here, and the canvas follows; and the other way round.
    QTest.keyClick(outline, Qt.Key.Key_Down)
    chosen = window.scene.cards[next(iter(window.scene.selection))].shown.title
    assert chosen == current(window)
    window.scene.select(["lake"])
    assert current(window) == "Write to lake"

    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        QTest.keyClick(window, Qt.Key.Key_F5)
    qtbot.waitUntil(lambda: all(line[1].startswith("Done") for line in lines(window)), timeout=LONG)
    window.desk.show_outline()
    tree = QAccessible.queryAccessibleInterface(outline)
    said = [tree.child(index).text(QAccessible.Text.Name) for index in range(tree.childCount())]
    assert any(text.startswith("Orders: Done · 12,480 rows") for text in said), said


def test_enter_opens_the_settings_and_undo_is_followed(window: Window, demo: Path, qtbot: QtBot) -> None:
    window.desk.load(demo)
    qtbot.waitUntil(lambda: not window.desk.disk.loading, timeout=LONG)
    window.desk.show_outline()
    window.scene.select(["paid"])
    QTest.keyClick(window.outline, Qt.Key.Key_Return)
    assert window.inspector.isAncestorOf(QApplication.focusWidget())
    window.desk.editing.delete()
    assert "Worth 100 or more" not in [line[0] for line in lines(window)]
    window.actions_["undo"].trigger()
    assert "Worth 100 or more" in [line[0] for line in lines(window)]


def below(window: Window, title: str) -> list[tuple[str, str]]:
    """What stands under a line at the top, opened or not: the line and its state."""
    model = window.outline.model()
    row = next(row for row in range(model.rowCount()) if model.index(row, 0).data() == title)
    above = model.index(row, 0)
    return [(model.index(line, 0, above).data(), model.index(line, 1, above).data()) for line in range(model.rowCount(above))]


CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def test_under_each_step_stands_what_feeds_it(window: Window, demo: Path, qtbot: QtBot) -> None:
    text = demo.read_text().replace("  lake:\n", "  lake:\n    after:\n      strangers: done\n")
    demo.write_text(text)
    opened(window, demo, qtbot).desk.show_outline()
    assert below(window, "Join on customer") == [("Left ← Worth 100 or more (Kept)", ""), ("Right ← Customers", "")]
    assert below(window, "Unknown customers") == [("table ← Join on customer (Without partner)", "")]
    assert below(window, "Write to lake") == [("table ← Sum by country", ""), ("after “Unknown customers”", "when it is done")]
    assert below(window, "Orders") == []
    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        press(Qt.Key.Key_F5)
    qtbot.waitUntil(lambda: all(line[1].startswith("Done") for line in lines(window)), timeout=LONG)
    orders = (demo.parent.parent / "data" / "orders.csv").read_text().splitlines()[1:]
    worth = sum(bool(line.split(",")[2]) and float(line.split(",")[2]) >= 100 for line in orders)
    assert below(window, "Join on customer")[0] == ("Left ← Worth 100 or more (Kept)", f"{worth:,} rows")
    heard = window.outline.lines.wire(("paid", "", "named", "left")).data(Qt.ItemDataRole.AccessibleTextRole)
    assert heard == f"from “Worth 100 or more (Kept)” into Left, {worth:,} rows"


def test_a_wire_is_selected_inserted_on_and_deleted_by_keys(window: Window, demo: Path, qtbot: QtBot) -> None:
    opened(window, demo, qtbot).desk.show_outline()
    go_to(window, "Worth 100 or more")
    press(Qt.Key.Key_Right)
    press(Qt.Key.Key_Down)
    assert current(window) == "table ← Orders"
    assert window.scene.wire_selection == ("orders", "", "paid", "table") and not window.scene.selection
    press(Qt.Key.Key_Slash)
    QTest.keyClicks(QApplication.focusWidget(), "sort")
    press(Qt.Key.Key_Return)
    nodes = window.document.flow.nodes
    assert str(nodes["paid"].inputs["table"][0]) == "sort" and str(nodes["sort"].inputs["table"][0]) == "orders"
    # The keyboard is still in the outline, at the new step, which stands where it runs.
    assert QApplication.focusWidget() is window.outline and list(window.scene.selection) == ["sort"]
    names = [line[0] for line in lines(window)]
    assert names.index("Orders") < names.index(current(window)) < names.index("Worth 100 or more")
    go_to(window, "Worth 100 or more")
    press(Qt.Key.Key_Down)  # it is open still
    press(Qt.Key.Key_Delete)
    assert not window.document.flow.nodes["paid"].inputs.get("table") and below(window, "Worth 100 or more") == []
    assert QApplication.focusWidget() is window.outline
    press(Qt.Key.Key_Z, CTRL)
    assert len(below(window, "Worth 100 or more")) == 1


def test_space_on_a_wire_shows_its_rows(window: Window, demo: Path, qtbot: QtBot) -> None:
    opened(window, demo, qtbot).desk.show_outline()
    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        press(Qt.Key.Key_F5)
    press(Qt.Key.Key_O, CTRL | SHIFT)
    go_to(window, "Unknown customers")
    press(Qt.Key.Key_Right)
    press(Qt.Key.Key_Down)
    press(Qt.Key.Key_Space)
    assert window.tabs.currentWidget() is window.data and window.data.node == "named"
    assert window.data.ports.currentText() == "Without partner"
    # The outline went out of sight with that: the keyboard is at the rows, not nowhere.
    assert window.data.isAncestorOf(QApplication.focusWidget()) and QApplication.focusWidget().isVisible()


def test_several_lines_are_selected_on_both_sides(window: Window, demo: Path, qtbot: QtBot) -> None:
    opened(window, demo, qtbot).desk.show_outline()
    press(Qt.Key.Key_Home)
    press(Qt.Key.Key_Down, SHIFT)
    press(Qt.Key.Key_Down, SHIFT)
    model, chosen = window.outline.model(), window.outline.selectionModel()
    shown = {line[0] for line in lines(window)[:3]}
    assert {window.scene.cards[id].shown.title for id in window.scene.selection} == shown and len(shown) == 3
    window.scene.select(["paid", "lake"])
    assert {index.data() for index in chosen.selectedRows(0)} == {"Worth 100 or more", "Write to lake"}
    window.scene.select([], wire=("customers", "", "named", "right"))
    assert [index.data() for index in chosen.selectedRows(0)] == ["Right ← Customers"] and current(window) == "Right ← Customers"
    press(Qt.Key.Key_A, CTRL)
    assert len(window.scene.selection) == 7 and len(chosen.selectedRows(0)) == 7
    press(Qt.Key.Key_Delete)
    assert not window.document.flow.nodes
    press(Qt.Key.Key_Z, CTRL)
    assert model.rowCount() == 7


def test_frames_and_notes_are_lines_to_rename_and_to_delete(window: Window, demo: Path, qtbot: QtBot) -> None:
    extra = "frames:\n  f:\n    title: Cleaning\n    holds: [orders, paid]\nnotes:\n  n:\n    text: Ask Anna\n    near: lake\nlayout:\n"
    demo.write_text(demo.read_text().replace("layout:\n", extra + "  n: [0, 400]\n"))
    opened(window, demo, qtbot).desk.show_outline()
    assert [line[0] for line in lines(window)][-2:] == ["Frames", "Notes"]
    assert below(window, "Frames") == [("Cleaning", "holds 2 steps")]
    assert below(window, "Notes") == [("Ask Anna", "beside “Write to lake”")]
    go_to(window, "Cleaning")
    assert list(window.scene.marks) == ["f"] and not window.scene.selection
    press(Qt.Key.Key_F2)
    QTest.keyClicks(QApplication.focusWidget(), "Tidying up")
    press(Qt.Key.Key_Return)
    assert window.document.flow.frames["f"].title == "Tidying up" and below(window, "Frames") == [("Tidying up", "holds 2 steps")]
    assert QApplication.focusWidget() is window.outline and current(window) == "Tidying up"
    window.scene.select([], marks=["n"])
    assert current(window) == "Ask Anna"
    press(Qt.Key.Key_Delete)
    assert not window.document.flow.notes and lines(window)[-1][0] == "Frames"
    go_to(window, "Tidying up")
    press(Qt.Key.Key_Delete)
    assert not window.document.flow.frames and len(window.document.flow.nodes) == 7
    assert len(lines(window)) == 7


def test_letters_find_a_line_by_its_name(window: Window, demo: Path, qtbot: QtBot) -> None:
    opened(window, demo, qtbot).desk.show_outline()
    press(Qt.Key.Key_Home)
    QTest.keyClicks(window.outline, "cust")
    assert current(window) == "Customers" and list(window.scene.selection) == ["customers"]


def test_one_edit_touches_only_its_own_lines(window: Window, demo: Path, qtbot: QtBot) -> None:
    opened(window, demo, qtbot).desk.show_outline()
    model = window.outline.model()
    went: list[tuple[str, int, int]] = []
    model.rowsRemoved.connect(lambda _parent, first, last: went.append(("removed", first, last)))
    model.rowsInserted.connect(lambda _parent, first, last: went.append(("inserted", first, last)))
    model.dataChanged.connect(lambda first, last, _roles: went.append(("changed", first.row(), last.row())))
    model.modelReset.connect(lambda: went.append(("reset", 0, 0)))
    row = [line[0] for line in lines(window)].index("Unknown customers")
    window.document.set_node("strangers", disabled=True)
    assert went == [("changed", row, row)]
    went.clear()
    window.document.move({"strangers": (0.0, 600.0)})
    assert went == []
    window.scene.select(["strangers"])
    window.desk.editing.delete()
    assert went == [("removed", row, row)]


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_edited_the_lines_are_those_of_the_flow(window: Window, demo: Path, qtbot: QtBot, seed: int) -> None:
    """Qt's own watcher of models looks at every signal; the lines are compared with the flow after every step."""
    opened(window, demo, qtbot).desk.show_outline()
    model = window.outline.model()
    watcher = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Warning)
    window.outline.expandAll()
    dice = random.Random(seed)
    for _step in range(25):
        flow, scene = window.document.flow, window.scene
        match dice.randrange(6):
            case 0 if flow.nodes:
                scene.select(dice.sample(sorted(flow.nodes), min(2, len(flow.nodes))))
                window.desk.editing.delete()
            case 1:
                scene.select(dice.sample(sorted(flow.nodes), min(1, len(flow.nodes))))
                window.desk.add("table.sort", None)
            case 2 if scene.wires:
                scene.select([], wire=dice.choice(sorted(scene.wires)))
                window.desk.editing.delete()
            case 3:
                scene.select(dice.sample(sorted(flow.nodes), min(2, len(flow.nodes))))
                window.desk.editing.add_frame()
            case 4:
                window.document.redo()
            case _:
                window.document.undo()
        QApplication.processEvents()
        flow = window.document.flow
        if not flow.nodes:
            continue  # the start page has the window to itself
        titles = [window.scene.cards[id].shown.title for id in flow.nodes]
        shown = [line[0] for line in lines(window)]
        assert sorted(shown) == sorted(titles + ["Frames"] * bool(flow.frames)), shown
        ids = [window.outline.lines.line(model.index(row, 0))[1] for row in range(len(flow.nodes))]
        for row, id in enumerate(ids):
            feeding = [ref.node for _port, ref in flow.nodes[id].refs()]
            assert all(ids.index(other) < row for other in feeding)
            assert model.rowCount(model.index(row, 0)) == len(feeding)
    watcher.deleteLater()
