"""The formula editor and the condition builder, with real keys: completion, colours, signatures, live results, dropped columns."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tisserand.ui.panels.composite import MapEditor
from tisserand.ui.panels.condition import ConditionEditor
from tisserand.ui.panels.formula import FormulaEditor, FormulaText, function_around
from tisserand.ui.panels.grid import COLUMN_MIME, HEAD
from tisserand.ui.theme import theme
from tisserand.ui.window import Window

LONG = 60_000
CTRL = Qt.KeyboardModifier.ControlModifier
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def opened(window: Window, demo: Path, qtbot: QtBot) -> Window:
    window.desk.load(demo)
    qtbot.waitUntil(lambda: not window.desk.disk.loading and bool(window.desk.findings.schemas), timeout=LONG)
    window.activateWindow()
    return window


def where(window: Window) -> ConditionEditor:
    window.scene.select(["paid"])
    editor = window.inspector._fields["where"][0]
    assert isinstance(editor, ConditionEditor)
    return editor


def emptied(text: FormulaText) -> None:
    text.setFocus()
    QTest.keyClick(text, Qt.Key.Key_A, CTRL)
    QTest.keyClick(text, Qt.Key.Key_Delete)


def offers(text: FormulaText) -> list[str]:
    if not text.offers.isVisible():
        return []
    return [text.offers.item(row).text() for row in range(text.offers.count())]


def test_columns_and_functions_are_completed(opened: Window) -> None:
    text = where(opened).formula.text
    emptied(text)
    QTest.keyClicks(text, "am")
    assert offers(text)[0].startswith("amount") and "float64" in offers(text)[0]
    QTest.keyClick(text, Qt.Key.Key_Return)
    assert text.toPlainText() == "amount" and not text.offers.isVisible()
    QTest.keyClicks(text, " > roun")
    assert any(each.startswith("round(") for each in offers(text))
    QTest.keyClick(text, Qt.Key.Key_Down)
    QTest.keyClick(text, Qt.Key.Key_Up)
    QTest.keyClick(text, Qt.Key.Key_Tab)
    assert text.toPlainText() == "amount > round("
    # Inside the brackets the signature stands above.
    assert text.signature.isVisible() and text.signature.text().startswith("round(")
    QTest.keyClicks(text, "3)")
    assert not text.signature.isVisible()
    # In a text nothing is offered; Ctrl+Space offers everything; Escape sends it away.
    QTest.keyClicks(text, " and 'am")
    assert offers(text) == []
    QTest.keyClicks(text, "' = ")
    QTest.keyClick(text, Qt.Key.Key_Space, CTRL)
    assert any(each.startswith("country") or each.startswith("customer") for each in offers(text))
    QTest.keyClick(text, Qt.Key.Key_Escape)
    assert offers(text) == [] and text.hasFocus()
    assert opened.document.flow.nodes["paid"].config["where"] == "amount > round(3) and 'am' = "


def test_names_that_do_not_arrive_are_underlined(opened: Window) -> None:
    text = where(opened).formula.text
    emptied(text)
    QTest.keyClicks(text, "amont > 1 and amount > 2 and nofun(1)")
    QTest.keyClick(text, Qt.Key.Key_Escape)
    block = text.document().firstBlock()
    wave = {
        text.toPlainText()[each.start : each.start + each.length]  # type: ignore[attr-defined]
        for each in block.layout().formats()
        if each.format.underlineStyle().name == "WaveUnderline"  # type: ignore[attr-defined]
    }
    assert wave == {"amont", "nofun"}
    coloured = {each.format.foreground().color().name() for each in block.layout().formats()}  # type: ignore[attr-defined]
    assert theme().colour("code_number").name() in coloured and theme().colour("code_keyword").name() in coloured
    made = QApplication.instance()
    assert isinstance(made, QApplication)
    theme().apply(made, "dark")
    coloured = {each.format.foreground().color().name() for each in block.layout().formats()}  # type: ignore[attr-defined]
    assert theme().colour("code_keyword").name() in coloured
    theme().apply(made, "light")


def test_the_result_lives_on_rows_that_arrive(opened: Window, qtbot: QtBot) -> None:
    editor = where(opened).formula
    emptied(editor.text)
    # Before any run: from a look at the source. 10000 + i, amounts (i * 37) % 900 + 0.5, the fourth is missing.
    QTest.keyClicks(editor.text, "amount * 2")
    QTest.keyClick(editor.text, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: "→" in editor.result.text(), timeout=LONG)
    assert editor.result.text().endswith("1.0, 75.0, 149.0, null, 297.0")
    emptied(editor.text)
    QTest.keyClicks(editor.text, "amont * 2")
    QTest.keyClick(editor.text, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: "amont" in editor.result.text(), timeout=LONG)
    assert editor.result.property("role") == "error"
    emptied(editor.text)
    QTest.keyClicks(editor.text, "to_integer('x')")
    QTest.keyClick(editor.text, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: "to_integer" in editor.text.toPlainText() and "amont" not in editor.result.text(), timeout=LONG)
    emptied(editor.text)
    assert not editor.result.isVisible() or editor.try_now() is None


def test_a_formula_that_sums_up_shows_its_one_value(opened: Window, qtbot: QtBot) -> None:
    opened.scene.select(["by_country"])
    values = opened.inspector._fields["values"][0]
    assert isinstance(values, MapEditor)
    editor = values._editors[0][1]
    assert isinstance(editor, FormulaEditor) and editor.text.toPlainText() == "count()"
    editor.text.setFocus()
    qtbot.waitUntil(lambda: "→" in editor.result.text(), timeout=LONG)
    assert editor.result.text().rstrip().split()[-1].isdigit()


def test_a_column_is_dropped_into_a_formula(opened: Window) -> None:
    text = where(opened).formula.text
    emptied(text)
    data = QMimeData()
    data.setData(COLUMN_MIME, b"order id")
    spot = QPoint(5, 5)
    arguments = (Qt.DropAction.CopyAction, data, LEFT, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(text.viewport(), QDragEnterEvent(spot, *arguments))
    QApplication.sendEvent(text.viewport(), QDropEvent(QPointF(spot), *arguments))
    assert text.toPlainText() == '"order id"'
    assert opened.document.flow.nodes["paid"].config["where"] == '"order id"'


def test_a_header_can_be_dragged_and_a_click_still_sorts(opened: Window, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    with qtbot.waitSignal(opened.runner.finished, timeout=LONG):
        opened.actions_["run"].trigger()
    opened.scene.select(["orders"])
    grid = opened.data.grid
    qtbot.waitUntil(lambda: grid.total == 12_480, timeout=LONG)
    dragged: list[str] = []
    monkeypatch.setattr(grid, "_drag", dragged.append)
    port, spot = grid.viewport(), QPoint(grid._gutter() + 10, HEAD // 2)
    QTest.mousePress(port, LEFT, pos=spot)
    QTest.mouseMove(port, spot + QPoint(30, -5))
    QTest.mouseRelease(port, LEFT, pos=spot + QPoint(30, -5))
    assert dragged == ["order_id"] and grid.order is None
    QTest.mouseClick(port, LEFT, pos=spot)
    assert grid.order == "order_id"


def test_conditions_write_the_formula(opened: Window, qtbot: QtBot) -> None:
    editor = where(opened)
    QTest.mouseClick(editor.toggle, LEFT)
    assert not editor.formula.isVisible() and len(editor.rows) == 1
    first = editor.rows[0]
    assert (first.column.currentText(), first.comparison.currentData(), first.value.text()) == ("amount", ">=", "100")
    first.value.setFocus()
    first.value.selectAll()
    QTest.keyClicks(first.value, "250.5")
    assert opened.document.flow.nodes["paid"].config["where"] == "amount >= 250.5"
    QTest.mouseClick(editor.add, LEFT)
    second = editor.rows[1]
    assert second.column.hasFocus()
    QTest.keyClicks(second.column, "day")
    second.column.activated.emit(second.column.currentIndex())
    second.comparison.setCurrentIndex(second.comparison.findData("between"))
    second.comparison.activated.emit(second.comparison.currentIndex())
    QTest.keyClicks(second.value, "2026-11-01")
    assert opened.document.flow.nodes["paid"].config["where"] == "amount >= 250.5"
    QTest.keyClicks(second.second, "2026-11-15")
    wanted = "amount >= 250.5 and day between to_date('2026-11-01') and to_date('2026-11-15')"
    assert opened.document.flow.nodes["paid"].config["where"] == wanted
    editor.join.setCurrentIndex(1)
    editor.join.activated.emit(1)
    assert " or " in opened.document.flow.nodes["paid"].config["where"]
    # Undo is followed; back in the text stands what was built.
    opened.actions_["undo"].trigger()
    QTest.mouseClick(editor.toggle, LEFT)
    assert editor.formula.isVisible() and editor.formula.text.toPlainText() == opened.document.flow.nodes["paid"].config["where"]


def test_half_a_number_takes_no_condition_away(opened: Window) -> None:
    opened.document.set_config("paid", "where", "amount >= 100 and customer = 3")
    editor = where(opened)
    QTest.mouseClick(editor.toggle, LEFT)
    first, second = editor.rows
    first.value.setFocus()
    first.value.selectAll()
    QTest.keyClicks(first.value, "12x")
    assert opened.document.flow.nodes["paid"].config["where"] == "amount >= 12 and customer = 3"
    assert first.value.property("wrong")
    second.value.setFocus()
    second.value.selectAll()
    QTest.keyClick(second.value, Qt.Key.Key_Delete)
    assert opened.document.flow.nodes["paid"].config["where"] == "amount >= 12 and customer = 3"
    QTest.keyClicks(second.value, "4")
    assert opened.document.flow.nodes["paid"].config["where"] == "amount >= 12 and customer = 4"
    first.value.setFocus()
    QTest.keyClick(first.value, Qt.Key.Key_Backspace)
    assert not first.value.property("wrong")


def test_what_is_more_than_conditions_stays_a_formula(opened: Window) -> None:
    opened.document.set_config("paid", "where", "amount * 2 > 100")
    editor = where(opened)
    QTest.mouseClick(editor.toggle, LEFT)
    assert editor.formula.isVisible() and editor.why.isVisible() and not editor.toggle.isChecked()
    assert opened.document.flow.nodes["paid"].config["where"] == "amount * 2 > 100"


@pytest.mark.parametrize(
    ("before", "name"),
    [("round(", "round"), ("a + round(x, (", ""), ("round(x, abs(", "abs"), ("round(x)", ""), ("(", ""), ("", "")],
)
def test_the_function_around_the_cursor(before: str, name: str) -> None:
    assert function_around(before) == name


def test_colours_and_turning_to_another_node_change_no_setting(opened: Window, qtbot: QtBot) -> None:
    before = opened.document.flow
    made = QApplication.instance()
    assert isinstance(made, QApplication)
    for id in ("paid", "by_country", "named", "paid"):
        opened.scene.select([id])
        editor = opened.inspector._fields.get("where")
        for mode in ("dark", "light"):
            theme().apply(made, mode)  # type: ignore[arg-type]
        if editor is not None:
            # An editor that is gone from the form, and speaks once more.
            editor[0].edited.emit("written by nobody")
        opened.scene.select(["named"])
        if editor is not None:
            editor[0].edited.emit("written by nobody")
        QApplication.processEvents()
    assert opened.document.flow.nodes["named"] is before.nodes["named"]
    opened.document.set_config("paid", "where", before.nodes["paid"].config["where"])
    assert opened.document.flow.nodes["paid"].config == before.nodes["paid"].config
