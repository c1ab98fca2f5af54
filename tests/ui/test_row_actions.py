"""Everything that can be done with rows is an action of the registry: by its key, by the command palette, and only where it makes sense."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QLabel, QMenu, QTableWidget, QToolButton
from pytestqt.qtbot import QtBot

from tisserand.ui.actions import ENTRIES
from tisserand.ui.chooser import Chooser
from tisserand.ui.panels.grid import HEAD, ROW
from tisserand.ui.panels.rowactions import CALLS
from tisserand.ui.window import Window

LONG = 60_000
LEFT = Qt.MouseButton.LeftButton
ROWS = {entry.id: entry for entry in ENTRIES if entry.data or entry.grid}


@pytest.fixture
def shown(window: Window, demo: Path, qtbot: QtBot) -> Window:
    """The orders of the demo as a run left them, a cell of the column of amounts chosen by the mouse."""
    window.desk.load(demo)
    qtbot.waitUntil(lambda: not window.desk.disk.loading, timeout=LONG)
    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        window.actions_["run"].trigger()
    window.scene.select(["orders"])
    qtbot.waitUntil(lambda: window.data.grid.total == 12_480 and window.data.grid.value(0, 0) == "10000", timeout=LONG)
    awake(window)
    click(window)
    return window


def click(window: Window) -> None:
    grid = window.data.grid
    x = grid._gutter() + sum(grid.widths[:2]) + 20
    QTest.mouseClick(grid.viewport(), LEFT, pos=QPoint(x, HEAD + 2 * ROW + 5))
    assert grid.current == (2, 2) and grid.hasFocus()


def awake(window: Window) -> None:
    """Keys reach a window only once it is the active one again, as after a dialog."""
    if QApplication.focusWidget() is None:
        window.activateWindow()
        QTest.qWaitForWindowActive(window, 5000)


def by_key(window: Window, id: str) -> None:
    awake(window)
    combination = QKeySequence(ROWS[id].shortcut)[0]
    QTest.keyClick(QApplication.focusWidget(), combination.key(), combination.keyboardModifiers())


def by_palette(window: Window, id: str) -> None:
    awake(window)
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    found = next(each for each in window.findChildren(Chooser) if each.isVisible())
    QTest.keyClicks(found.search, f"{ROWS[id].text} {ROWS[id].words}".replace("…", ""))
    assert found.list.currentItem().data(Qt.ItemDataRole.UserRole).key == id
    QTest.keyClick(found.search, Qt.Key.Key_Return)


@pytest.mark.parametrize("do", [by_key, by_palette])
def test_every_action_on_rows_by_key_and_by_palette(
    shown: Window, do: Callable[[Window, str], None], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, grid, board = shown.data, shown.data.grid, QApplication.clipboard()
    asked: list[str] = []
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args, **_named: (asked.append(args[2]), ("", ""))[1])

    def done(id: str, until: Callable[[], bool]) -> None:
        do(shown, id)
        qtbot.waitUntil(until, timeout=LONG)
        tried.append(id)

    tried: list[str] = []
    done("sort_rows", lambda: grid.order == "amount" and grid.value(0, 2) == "0.5")
    done("statistics", lambda: "Median" in [label.text() for label in data.profile.findChildren(QLabel)])
    done("statistics", lambda: data.profile.isHidden())
    done("whole_value", lambda: shown.findChild(QDialog, "cell") is not None)
    dialog = shown.findChild(QDialog, "cell")
    assert isinstance(dialog, QDialog)
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    awake(shown)
    grid.setFocus()
    board.setText("")
    done("copy_cells", lambda: board.text() == "0.5")
    done("copy_csv", lambda: board.text() == "amount\n0.5\n")
    done("copy_markdown", lambda: board.text().startswith("| amount |"))
    done("select_rows", lambda: grid.selected() == (0, 0, 12_479, 3))
    done("as_schema", lambda: "integer" in data.text.toPlainText() and data.text.isVisible())
    data.text.setFocus()
    done("as_json", lambda: '"order_id"' in data.text.toPlainText())
    data.text.setFocus()
    done("as_table", lambda: grid.isVisible())
    grid.setFocus()
    done("filter_rows", lambda: data.filter.hasFocus())
    QTest.keyClick(data.filter, Qt.Key.Key_Escape)
    done("find_rows", lambda: data.finder.hasFocus())
    QTest.keyClick(data.finder, Qt.Key.Key_Escape)
    done("export", lambda: bool(asked))
    assert asked[0].endswith("orders.csv")
    assert set(tried) == set(CALLS) == set(ROWS)


def test_no_two_actions_share_a_key_where_both_could_be_meant() -> None:
    """The keys of the canvas and of the rows may be the same; those of the window belong to nobody else."""

    def keys(wanted: Callable[[bool, bool], bool]) -> list[str]:
        chosen = [entry for entry in ENTRIES if wanted(entry.canvas, entry.data or entry.grid)]
        return [QKeySequence(entry.shortcut).toString() for entry in chosen]

    everywhere = keys(lambda canvas, rows: not canvas and not rows)
    for place in (keys(lambda canvas, _rows: canvas), keys(lambda _canvas, rows: rows)):
        assert len({*everywhere, *place}) == len(everywhere) + len(place)
    for entry in ENTRIES:
        plain = len(entry.shortcut) == 1 or entry.shortcut in {"Return", "Del"}
        assert entry.shortcut and (not plain or entry.canvas or entry.grid), entry.id


def test_plain_letters_are_text_beside_the_table(shown: Window) -> None:
    QTest.keyClick(shown.data.grid, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(shown.data.finder, "sis")
    assert shown.data.finder.text() == "sis"
    assert shown.data.grid.order is None and shown.data.profile.isHidden()
    # The keys of the canvas do nothing to rows either.
    shown.canvas.setFocus()
    QTest.keyClick(shown.canvas, Qt.Key.Key_S)
    QTest.keyClick(shown.canvas, Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier)
    assert shown.data.grid.order is None and not shown.data.exporting


def test_only_what_makes_sense_can_be_done(window: Window, demo: Path, qtbot: QtBot) -> None:
    """Without rows nothing; in the text of the JSON no cell can be meant; the buttons say the same as the actions."""
    actions = window.actions_
    assert not any(actions[id].isEnabled() for id in CALLS)
    window.desk.load(demo)
    qtbot.waitUntil(lambda: not window.desk.disk.loading, timeout=LONG)
    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        actions["run"].trigger()
    window.scene.select(["orders"])
    qtbot.waitUntil(lambda: window.data.grid.total == 12_480, timeout=LONG)
    cell = {"copy_cells", "copy_csv", "copy_markdown", "sort_rows", "whole_value"}
    assert {id for id in CALLS if not actions[id].isEnabled()} == cell
    click(window)
    assert all(actions[id].isEnabled() for id in CALLS)
    window.data.show_view("json")
    assert {id for id in CALLS if not actions[id].isEnabled()} == {*cell, "select_rows"}
    assert window.data.export_button.isEnabled()
    window.document.new()
    assert not any(actions[id].isEnabled() for id in CALLS) and not window.data.export_button.isEnabled()


def test_the_menu_of_a_cell_and_the_menu_of_everything_hold_the_same_actions(shown: Window) -> None:
    menus = [action.menu() for action in shown.menu_button.menu().actions()]
    data = next(menu for menu in menus if isinstance(menu, QMenu) and menu.title() == "&Data")
    assert {action.objectName() for action in data.actions()} == set(CALLS)
    QTest.keyClick(shown.data.grid, Qt.Key.Key_Menu)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    inside = [action for action in menu.actions() if not action.isSeparator()]
    assert all(isinstance(action, QAction) and action is shown.actions_[action.objectName()] for action in inside)
    assert {action.objectName() for action in inside} <= set(CALLS)
    # At the cell, not in the middle of the pane.
    assert menu.geometry().top() <= shown.data.grid.viewport().mapToGlobal(QPoint(0, HEAD + 4 * ROW)).y()
    menu.close()


def test_buttons_tell_the_text_and_the_key_of_their_action(window: Window) -> None:
    data = window.data
    for button, id in (
        (data.filter_button, "filter_rows"), (data.find_button, "find_rows"), (data.profile_button, "statistics"),
        (data.export_button, "export"), (data.views["json"], "as_json"),
    ):  # fmt: skip
        assert button.accessibleName() == ROWS[id].text
        assert ROWS[id].text in button.toolTip() and ROWS[id].shortcut in button.toolTip()


def test_the_log_and_the_menu_of_everything_by_key(window: Window, qtbot: QtBot) -> None:
    QTest.keyClick(window, Qt.Key.Key_6, Qt.KeyboardModifier.ControlModifier)
    assert window.tabs.currentWidget() is window.log and window.log.isVisible()
    QTest.keyClick(window, Qt.Key.Key_F, Qt.KeyboardModifier.AltModifier)
    menu = QApplication.activePopupWidget()
    assert menu is window.menu_button.menu()
    menu.close()


def test_the_page_of_shortcuts_lists_them(window: Window) -> None:
    window.actions_["shortcuts"].trigger()
    dialog = window.findChild(QDialog, "shortcuts")
    assert isinstance(dialog, QDialog)
    table = dialog.findChild(QTableWidget)
    assert table is not None
    listed = {table.item(row, 0).text(): table.item(row, 2).text() for row in range(table.rowCount())}  # type: ignore[union-attr]
    for entry in (*ROWS.values(), *(each for each in ENTRIES if each.id in {"log", "menu"})):
        assert listed[entry.text] == entry.shortcut
    dialog.close()


def test_a_data_pane_that_is_away_is_brought(shown: Window, qtbot: QtBot) -> None:
    shown.actions_["log"].trigger()
    shown.canvas.setFocus()
    by_palette(shown, "as_schema")
    assert shown.tabs.currentWidget() is shown.data and shown.data.text.isVisible()


def test_a_low_pane_gets_room_for_what_opens_in_it(shown: Window) -> None:
    shown._outer.setSizes([600, 200])
    assert shown.tabs.height() < 300
    QTest.keyClick(shown.data.grid, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert shown.tabs.height() == 320
    # A height that a person chose and that is enough stays.
    QTest.keyClick(shown.data.finder, Qt.Key.Key_Escape)
    shown._outer.setSizes([300, 450])
    height = shown.tabs.height()
    QTest.keyClick(shown.data.grid, Qt.Key.Key_I)
    assert shown.tabs.height() == height
    # A window that is too low for both keeps its canvas.
    shown.data.profile.hide()
    shown.resize(1000, 480)
    shown._outer.setSizes([400, 60])
    shown.data.ask_filter()
    assert shown._upper.height() >= shown._upper.minimumSizeHint().height() > 0


def test_the_figures_stand_beside_the_histogram_where_it_is_low(shown: Window, demo: Path, qtbot: QtBot) -> None:
    panel = shown.data.profile
    QTest.keyClick(shown.data.grid, Qt.Key.Key_I)
    qtbot.waitUntil(lambda: panel._page is not None, timeout=LONG)
    page = panel._page
    assert page is not None

    def beside() -> bool:
        return page.figures.geometry().right() < page.pictures.geometry().left() and page.pictures.y() < page.figures.height()

    qtbot.waitUntil(beside, timeout=LONG)
    histogram = next(part for part in page.pictures.children() if hasattr(part, "ends"))
    assert histogram.ends == ("0.5", str(pandas.read_csv(demo.parent.parent / "data" / "orders.csv")["amount"].max()))
    assert "0.5" in histogram.accessibleDescription()
    shown.resize(1280, 1100)
    shown._outer.setSizes([300, 700])
    qtbot.waitUntil(lambda: page.figures.geometry().bottom() < page.pictures.y(), timeout=LONG)
    assert panel.width() == 250


def test_the_filter_line_has_a_sign_and_a_button_that_empties_it(shown: Window, qtbot: QtBot) -> None:
    data = shown.data
    QTest.keyClick(data.grid, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert not data.filter.clear_action.isVisible()
    QTest.keyClicks(data.filter, "customer == 3")
    QTest.keyClick(data.filter, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: data.where == "customer == 3", timeout=LONG)
    assert data.filter.clear_action.isVisible()
    button = next(each for each in data.filter.findChildren(QToolButton) if data.filter.clear_action in each.actions())
    assert button.isVisible()
    QTest.mouseClick(button, LEFT)
    qtbot.waitUntil(lambda: data.grid.total == 12_480, timeout=LONG)
    assert data.where is None and data.filter.isVisible() and data.filter.hasFocus()
