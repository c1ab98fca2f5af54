"""A node in three columns: what comes in, its settings, what goes out, before a run and after it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QLabel, QMenu
from pytestqt.qtbot import QtBot

from tisserand.ui.nodeview import NodeView
from tisserand.ui.panels.edgeview import EdgeView
from tisserand.ui.panels.grid import HEAD, ROW
from tisserand.ui.window import Window

LONG = 60_000


def large(window: Window) -> NodeView:
    found = window.findChild(QDialog, "nodeview")
    assert isinstance(found, NodeView)
    return found


def test_three_columns_follow_the_settings(window: Window, demo: Path, qtbot: QtBot) -> None:
    window.desk.load(demo)
    qtbot.waitUntil(lambda: not window.desk.disk.loading and bool(window.desk.findings.schemas), timeout=LONG)
    window.scene.select(["paid"])
    window.activateWindow()
    QTest.keyClick(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    view = large(window)
    # Nothing has run: both sides are a look ahead.
    qtbot.waitUntil(lambda: view.input.grid.total == 200 and view.output.grid.total > 0, timeout=LONG)
    grid = view.output.grid
    where = grid.names.index("amount")
    assert all(float(grid.value(row, where) or 0) >= 100 for row in range(20))
    view.inspector._fields["where"][0].formula.text.setPlainText("amount >= 500")
    assert window.document.flow.nodes["paid"].config["where"] == "amount >= 500"
    qtbot.waitUntil(lambda: grid.total > 0 and float(grid.value(0, where) or 0) >= 500, timeout=LONG)
    # The ports of the node are there to choose from; the views show the same rows.
    assert [view.output.choice.itemText(index) for index in range(view.output.choice.count())] == ["Kept", "Rejected"] or (
        view.output.choice.count() == 2
    )
    QTest.mouseClick(view.input.views["schema"], Qt.MouseButton.LeftButton)
    assert view.input.text.toPlainText().split() == [
        "order_id", "integer", "customer", "integer", "amount", "number", "day", "date",
    ]  # fmt: skip
    QTest.mouseClick(view.output.views["json"], Qt.MouseButton.LeftButton)
    assert all(row["amount"] >= 500 for row in json.loads(view.output.text.toPlainText()))
    QTest.mouseClick(view.output.views["table"], Qt.MouseButton.LeftButton)
    # After a run they are all its rows.
    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        window.actions_["run"].trigger()
    qtbot.waitUntil(lambda: view.input.grid.total == 12_480, timeout=LONG)
    view.close()


def test_it_closes_with_its_node(window: Window, demo: Path, qtbot: QtBot) -> None:
    window.desk.load(demo)
    qtbot.waitUntil(lambda: not window.desk.disk.loading, timeout=LONG)
    window.scene.select(["orders"])
    window.actions_["enlarge"].trigger()
    view = large(window)
    assert "wired" in view.input.told.text()
    window.document.remove(("orders",))
    assert not view.isVisible()


LEFT = Qt.MouseButton.LeftButton
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def view(window: Window, demo: Path, qtbot: QtBot) -> NodeView:
    """The filter of the demo at large, before any run."""
    window.desk.load(demo)
    qtbot.waitUntil(lambda: not window.desk.disk.loading and bool(window.desk.findings.schemas), timeout=LONG)
    window.scene.select(["paid"])
    window.actions_["enlarge"].trigger()
    found = large(window)
    awake(found)
    qtbot.waitUntil(lambda: found.input.grid.total == 200 and found.output.grid.total > 0, timeout=LONG)
    return found


def awake(view: NodeView) -> None:
    view.activateWindow()
    assert QTest.qWaitForWindowActive(view, 5000)


def press(key: Qt.Key, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    focus = QApplication.focusWidget()
    assert focus is not None
    QTest.keyClick(focus, key, keys)


def spot(pane: EdgeView, row: int, column: int) -> QPoint:
    grid = pane.grid
    return QPoint(grid._gutter() + sum(grid.widths[:column]) + 20, HEAD + row * ROW + 5 if row >= 0 else 12)


def figures(pane: EdgeView) -> list[str]:
    return [label.text() for label in pane.profile.findChildren(QLabel)]


def ask_everything(view: NodeView, pane: EdgeView, qtbot: QtBot) -> None:
    """With mouse and keys, as in the data pane."""
    grid, board, where = pane.grid, QApplication.clipboard(), pane.grid.names.index("amount")
    port = grid.viewport()
    values = sorted(float(grid.value(row, where) or "inf") for row in range(min(grid.total, 200)))
    # A click on a name sorts, another one the other way round.
    QTest.mouseClick(port, LEFT, pos=spot(pane, -1, where))
    QTest.mouseClick(port, LEFT, pos=spot(pane, 0, where))
    QTest.mouseClick(port, LEFT, pos=spot(pane, -1, where))
    qtbot.waitUntil(lambda: grid.order == "-amount" and bool(grid.value(0, where)), timeout=LONG)
    assert grid.value(0, where) not in (None, "") and "amount" in pane.told.text()
    QTest.mouseClick(port, LEFT, pos=spot(pane, -1, where))
    qtbot.waitUntil(lambda: grid.order is None and grid.value(0, 0) not in (None, ""), timeout=LONG)
    assert values
    # The figures of a column, a copy, a value whole.
    QTest.mouseClick(port, LEFT, pos=spot(pane, 1, where))
    assert grid.hasFocus() and grid.current == (1, where)
    press(Qt.Key.Key_I)
    qtbot.waitUntil(lambda: "Median" in figures(pane), timeout=LONG)
    board.setText("")
    press(Qt.Key.Key_C, CTRL)
    qtbot.waitUntil(lambda: board.text() == grid.value(1, where), timeout=LONG)
    press(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: view.findChild(QDialog, "cell") is not None, timeout=LONG)
    cell = view.findChild(QDialog, "cell")
    assert isinstance(cell, QDialog)
    cell.close()
    awake(view)
    # The menu is about these rows.
    QTest.mouseClick(port, Qt.MouseButton.RightButton, pos=spot(pane, 2, where))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu) and pane.isAncestorOf(menu.parent())  # type: ignore[arg-type]
    action = next(each for each in menu.actions() if "Markdown" in each.text())
    assert action.isEnabled()
    action.trigger()
    menu.close()
    qtbot.waitUntil(lambda: board.text().startswith("| amount |"), timeout=LONG)
    # A formula and a text.
    awake(view)
    grid.setFocus()
    press(Qt.Key.Key_F, CTRL | SHIFT)
    QTest.keyClicks(pane.filter, "customer == 3")
    press(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: pane.where == "customer == 3", timeout=LONG)
    who = grid.names.index("customer")
    qtbot.waitUntil(lambda: grid.value(0, who) == "3", timeout=LONG)
    assert {grid.value(row, who) for row in range(20)} == {"3"}
    press(Qt.Key.Key_F, CTRL)
    QTest.keyClicks(pane.finder, "2026-11-1")
    press(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: grid.current is not None and "2026-11-1" in (grid.value(*grid.current) or ""), timeout=LONG)
    press(Qt.Key.Key_Escape)


def test_both_sides_offer_what_the_data_pane_offers(view: NodeView, qtbot: QtBot) -> None:
    ask_everything(view, view.input, qtbot)
    ask_everything(view, view.output, qtbot)
    assert view.input._window.data.grid.order is None
    view.close()


def test_after_a_run_they_offer_the_same_of_all_rows(
    view: NodeView, window: Window, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    view.output.grid.setFocus()
    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        press(Qt.Key.Key_F5)
    qtbot.waitUntil(lambda: view.input.grid.total == 12_480 and view.output.grid.total == 11_092, timeout=LONG)
    assert "look ahead" not in view.output.told.text()
    ask_everything(view, view.output, qtbot)
    target = tmp_path / "kept.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_args, **_named: (str(target), "CSV (*.csv)"))
    QTest.mouseClick(view.output.export_button, LEFT)
    qtbot.waitUntil(lambda: target.exists(), timeout=LONG)
    lines = (window.runner.root / "data" / "orders.csv").read_text().splitlines()  # type: ignore[operator]
    wanted = [line for line in lines[1:] if line.split(",")[2] and float(line.split(",")[2]) >= 100 and line.split(",")[1] == "3"]
    assert len(target.read_text().splitlines()) == len(wanted) + 1
    view.close()


def test_the_keys_of_the_window_work_in_it(view: NodeView, window: Window, demo: Path, qtbot: QtBot) -> None:
    view.inspector._fields["where"][0].formula.text.setPlainText("amount >= 500")
    assert window.document.flow.nodes["paid"].config["where"] == "amount >= 500"
    view.output.grid.setFocus()
    press(Qt.Key.Key_S, CTRL)
    qtbot.waitUntil(lambda: window.document.is_saved and "amount >= 500" in demo.read_text(), timeout=LONG)
    press(Qt.Key.Key_Z, CTRL)
    assert window.document.flow.nodes["paid"].config["where"] == "amount >= 100"
    press(Qt.Key.Key_Z, CTRL | SHIFT)
    assert window.document.flow.nodes["paid"].config["where"] == "amount >= 500"
    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        press(Qt.Key.Key_F5)
    where = view.output.grid.names.index("amount")
    qtbot.waitUntil(lambda: view.input.grid.total == 12_480 and view.output.grid.value(0, where) == "518.5", timeout=LONG)
    view.close()


def test_escape_closes_one_thing_after_the_other(view: NodeView, qtbot: QtBot) -> None:
    view.output.grid.setFocus()
    press(Qt.Key.Key_F, CTRL)
    assert view.output.finder.hasFocus()
    view.output.turn_profile()
    # From elsewhere in the window too.
    view.inspector.area.setFocus()
    press(Qt.Key.Key_Escape)
    assert view.isVisible() and view.output.finder.isHidden() and not view.output.profile.isHidden()
    press(Qt.Key.Key_Escape)
    assert view.isVisible() and view.output.profile.isHidden()
    press(Qt.Key.Key_Escape)
    assert not view.isVisible()


def test_it_takes_nearly_the_whole_screen(view: NodeView, window: Window, qtbot: QtBot) -> None:
    screen = window.screen().availableGeometry()
    assert view.width() >= screen.width() * 0.9 and abs(view.height() - screen.height() * 0.9) <= 1
    view._fit(QRect(100, 50, 1600, 1000))
    assert view.size() == QSize(1440, 900) and (view.geometry().center() - QPoint(899, 549)).manhattanLength() <= 2
    assert view._splitter.sizes()[1] == 300
    view.resize(1800, 800)
    left, middle, right = view._splitter.sizes()
    # What is added goes to the tables.
    assert middle == 300 and abs(left - right) <= 2 and left > 700
    view.close()
