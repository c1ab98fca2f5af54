"""Lists, mappings and forms of a setting, by mouse and keys: no entry is lost, entries move, columns drop in, undo is the flow's."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit, QPlainTextEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from tisserand.model.flow import Flow, Node
from tisserand.sdk.form import FormField
from tisserand.ui.panels.composite import ListEditor, MapEditor, UnionEditor, make_editor
from tisserand.ui.panels.condition import ConditionEditor
from tisserand.ui.panels.editors import UNSET, FormContext
from tisserand.ui.panels.formula import FormulaText
from tisserand.ui.panels.grid import COLUMN_MIME
from tisserand.ui.panels.secret import SecretEditor
from tisserand.ui.window import Window

LEFT, NO = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
CTRL, SHIFT, ALT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.AltModifier


def shown(window: Window, kind: str, config: dict[str, Any], field: str) -> Any:
    """The editor of one field of one node."""
    window.document.show(Flow("t", nodes={"n": Node("n", kind, config=config)}, layout={"n": (0, 0)}))
    window.scene.select(["n"])
    window.activateWindow()
    return window.inspector._fields[field][0]


def config(window: Window) -> dict[str, Any]:
    return dict(window.document.flow.nodes["n"].config)


def line(widget: QWidget) -> QLineEdit:
    found = widget if isinstance(widget, QLineEdit) else widget.findChild(QLineEdit)
    assert found is not None
    return found


def dropped(target: QWidget, column: str) -> None:
    data = QMimeData()
    data.setData(COLUMN_MIME, column.encode())
    spot, arguments = QPoint(4, 4), (Qt.DropAction.CopyAction, data, LEFT, NO)
    QApplication.sendEvent(target, QDragEnterEvent(spot, *arguments))
    QApplication.sendEvent(target, QDropEvent(QPointF(spot), *arguments))


def wheeled(widget: QWidget) -> None:
    """One notch, the way the window system sends it: it finds the widget, and gives it the focus if it takes any by the wheel."""
    top = widget.window().windowHandle()
    assert top is not None
    spot = widget.mapTo(widget.window(), widget.rect().center())
    QTest.wheelEvent(top, QPointF(spot), QPoint(0, -120))
    place = QPointF(widget.rect().center())
    scrolled = (QPoint(0, 0), QPoint(0, -120), Qt.MouseButton.NoButton, NO, Qt.ScrollPhase.NoScrollPhase, False)
    QApplication.sendEvent(widget, QWheelEvent(place, QPointF(widget.mapToGlobal(QPoint(3, 3))), *scrolled))


# -- names of a mapping ------------------------------------------------------------------------------------------------
def test_a_name_that_passes_through_another_one_loses_nothing(window: Window) -> None:
    values = shown(window, "table.aggregate", {"values": {"total": "count()"}}, "values")
    assert isinstance(values, MapEditor)
    QTest.mouseClick(values.add, LEFT)
    field = line(values.rows[1])
    assert field.hasFocus()
    QTest.keyClicks(field, "total")
    QApplication.processEvents()
    # The same name twice: the flow has the entry that it had, the row is marked and says why.
    assert config(window)["values"] == {"total": "count()"}
    pair = values._pairs[1]
    assert pair.wrong.isVisible() and pair.wrong.text() == "Another entry has this name." and field.property("wrong") is True
    assert not values._pairs[0].wrong.isVisible() and field is line(values.rows[1]) and field.hasFocus()
    QTest.keyClicks(field, "_net")
    assert field.text() == "total_net" and field.hasFocus() and not pair.wrong.isVisible()
    QTest.keyClicks(values.rows[1].findChild(QPlainTextEdit), "sum(x)")
    assert list(config(window)["values"].items()) == [("total", "count()"), ("total_net", "sum(x)")]


def test_a_rename_through_an_empty_or_taken_name_keeps_the_entry(window: Window, qtbot: QtBot) -> None:
    before = {"orders": "count()", "total": "sum(x)"}
    values = shown(window, "table.aggregate", {"values": before}, "values")
    field = line(values.rows[0])
    field.setFocus()
    field.selectAll()
    QTest.keyClick(field, Qt.Key.Key_Delete)
    assert config(window)["values"] == before and values._pairs[0].wrong.text() == "This entry needs a name."
    QTest.keyClicks(field, "total")
    assert list(config(window)["values"].items()) == list(before.items()) and field.text() == "total"
    # What comes in meanwhile (a check, another setting) takes nothing from under the hands.
    window.desk.show_problems()
    window.document.set_config("n", "by", ["country"])
    QApplication.processEvents()
    assert field.text() == "total" and values._pairs[0].wrong.isVisible() and values._pairs[0].row.isVisible()
    QTest.keyClicks(field, "s")
    assert list(config(window)["values"].items()) == [("totals", "count()"), ("total", "sum(x)")]


def test_two_names_are_exchanged(window: Window) -> None:
    values = shown(window, "table.aggregate", {"values": {"a": "count()", "b": "sum(x)"}}, "values")
    for row, name in ((0, "b"), (1, "a")):
        field = line(values.rows[row])
        field.setFocus()
        field.selectAll()
        QTest.keyClicks(field, name)
        assert sorted(config(window)["values"].values()) == ["count()", "sum(x)"]
    assert config(window)["values"] == {"b": "count()", "a": "sum(x)"}
    assert not any(pair.wrong.isVisible() for pair in values._pairs)


def test_an_edit_of_a_row_is_undone_in_the_row(window: Window) -> None:
    values = shown(window, "table.aggregate", {"values": {"a": "count()", "b": "sum(x)"}}, "values")
    rows = list(values.rows)
    field = line(values.rows[1])
    field.setFocus()
    QTest.keyClicks(field, "c")
    assert config(window)["values"] == {"a": "count()", "bc": "sum(x)"}
    QTest.keyClick(field, Qt.Key.Key_Z, CTRL)
    assert config(window)["values"] == {"a": "count()", "b": "sum(x)"}
    assert values.rows == rows and field.text() == "b" and field.hasFocus()


def test_a_number_that_is_being_typed_is_left_alone(window: Window) -> None:
    field = shown(window, "flow.log", {}, "rows").line
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, "012")
    window.desk.show_problems()
    assert config(window)["rows"] == 12 and field.text() == "012"
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert field.text() == "12"


def test_an_emptied_number_waits_for_the_next(window: Window) -> None:
    field = shown(window, "flow.log", {"rows": 25}, "rows").line
    field.setFocus()
    field.selectAll()
    QTest.keyClick(field, Qt.Key.Key_Delete)
    window.desk.show_problems()
    assert field.text() == "" and config(window) == {}
    QTest.keyClicks(field, "37")
    assert config(window) == {"rows": 37}
    field.selectAll()
    QTest.keyClick(field, Qt.Key.Key_Delete)
    QTest.keyClick(field, Qt.Key.Key_Tab)
    assert field.text() == "10"


def test_a_secret_that_is_being_typed_is_left_alone(qtbot: QtBot) -> None:
    editor = make_editor(FormField("token", "Token", widget="secret"), FormContext(follows=True))
    assert isinstance(editor, SecretEditor)
    qtbot.addWidget(editor)
    editor.show_value(UNSET)
    editor.show()
    QTest.keyClicks(editor.line, "hunter")
    editor.show_value(UNSET)
    assert editor.line.text() == "hunter"


# -- the wheel ---------------------------------------------------------------------------------------------------------
def test_the_wheel_changes_no_form_of_a_setting(window: Window, qtbot: QtBot) -> None:
    on = shown(window, "table.join", {"on": ["x"], "how": "left"}, "on")
    assert isinstance(on, UnionEditor)
    window.canvas.setFocus()
    before = window.document.flow
    wheeled(on.combo)
    combos = [each for each in window.inspector.findChildren(QComboBox) if each.isVisible()]
    for combo in combos:
        wheeled(combo)
    assert len(combos) >= 3 and window.document.flow is before
    assert not any(combo.hasFocus() for combo in combos)


def test_the_wheel_changes_no_condition(window: Window) -> None:
    where = shown(window, "table.filter", {"where": "amount > 100 and day = 1"}, "where")
    assert isinstance(where, ConditionEditor)
    QTest.mouseClick(where.toggle, LEFT)
    before = window.document.flow
    window.canvas.setFocus()
    for combo in (where.join, *(box for row in where.rows for box in (row.column, row.comparison))):
        wheeled(combo)
        combo.setFocus()
        wheeled(combo)
    assert window.document.flow is before


# -- the form of a setting ---------------------------------------------------------------------------------------------
def test_another_form_is_a_step_of_its_own_and_turning_back_finds_what_was(window: Window) -> None:
    on = shown(window, "table.join", {}, "on")
    QTest.mouseClick(on._part.add, LEFT)
    QTest.keyClicks(line(on._part.rows[0]), "x")
    assert config(window)["on"] == ["x"]
    on.combo.setFocus()
    QTest.keyClick(on.combo, Qt.Key.Key_Down)
    assert config(window)["on"] == {} and isinstance(on._part, MapEditor)
    window.actions_["undo"].trigger()
    assert config(window)["on"] == ["x"] and isinstance(on._part, ListEditor) and line(on._part.rows[0]).text() == "x"
    window.actions_["redo"].trigger()
    assert config(window)["on"] == {} and isinstance(on._part, MapEditor)
    on.combo.setFocus()
    QTest.keyClick(on.combo, Qt.Key.Key_Up)
    assert config(window)["on"] == ["x"]


def test_a_text_that_is_also_a_choice_does_not_turn_the_field_over(qtbot: QtBot) -> None:
    branches = (FormField("how", "How", widget="choice", choices=("auto", "off")), FormField("how", "How"))
    editor = make_editor(FormField("how", "How", widget="union", branches=branches), FormContext())
    assert isinstance(editor, UnionEditor)
    qtbot.addWidget(editor)
    editor.show_value("automatic")
    editor.show()
    assert editor._index == 1 and editor._part is not None
    field = line(editor._part)
    # An undo comes by the choice's own word; the field that is being typed in stays.
    editor.show_value("auto")
    assert editor._index == 1 and field.text() == "auto"
    editor.show_value(["x"])
    assert editor._index == 0


# -- undo --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "field", "start"),
    [
        ("table.filter", "where", "a > 1"),
        ("file.read_csv", "path", "a.csv"),
        ("table.sql", "query", "select 1"),
        ("python.step", "code", "x = 1"),
    ],
)
def test_undo_in_a_text_is_the_flows(window: Window, kind: str, field: str, start: str) -> None:
    editor = shown(window, kind, {field: start}, field)
    text = editor.focusProxy()
    assert isinstance(text, QLineEdit | QPlainTextEdit)
    text.setFocus()
    QTest.keyClick(text, Qt.Key.Key_End, CTRL)
    QTest.keyClicks(text, "23")
    if isinstance(text, FormulaText) and text.offers.isVisible():
        QTest.keyClick(text, Qt.Key.Key_Escape)
    said = text.toPlainText if isinstance(text, QPlainTextEdit) else text.text
    assert config(window)[field] == start + "23"
    QTest.keyClick(text, Qt.Key.Key_Z, CTRL)
    assert config(window)[field] == start and said() == start and text.hasFocus()
    assert window.document.redo_name is not None and window.document.undo_name is None
    # Nothing is left to take back: the text's own history must not do it instead.
    QTest.keyClick(text, Qt.Key.Key_Z, CTRL)
    assert config(window)[field] == start and said() == start and window.document.redo_name is not None
    QTest.keyClick(text, Qt.Key.Key_Z, CTRL | SHIFT)
    assert config(window)[field] == start + "23" and said() == start + "23"


def test_with_nothing_to_take_back_the_texts_own_history_stays_shut(window: Window) -> None:
    field = shown(window, "flow.log", {"rows": 7}, "rows").line
    field.setFocus()
    QTest.keyClick(field, Qt.Key.Key_Home)
    QTest.keyClicks(field, "0")
    assert config(window)["rows"] == 7 and window.document.undo_name is None
    QTest.keyClick(field, Qt.Key.Key_Z, CTRL)
    assert field.text() == "07"


def test_undo_in_the_name_is_the_flows(window: Window) -> None:
    shown(window, "table.filter", {}, "where")
    name = window.inspector._name
    assert name is not None
    name.setFocus()
    QTest.keyClicks(name, "Paid ")
    assert window.document.flow.nodes["n"].title == "Paid" and name.text() == "Paid "
    QTest.keyClick(name, Qt.Key.Key_Z, CTRL)
    assert window.document.flow.nodes["n"].title is None and name.text() == "" and window.document.redo_name is not None


def test_undo_in_a_column_of_a_list_is_the_flows(window: Window) -> None:
    by = shown(window, "table.aggregate", {"by": ["a"]}, "by")
    combo = by._editors[0].combo
    combo.setFocus()
    QTest.keyClicks(combo, "b")
    assert config(window)["by"] != ["a"]
    QTest.keyClick(combo, Qt.Key.Key_Z, CTRL)
    assert config(window)["by"] == ["a"] and combo.currentText() == "a" and combo.hasFocus()


# -- order -------------------------------------------------------------------------------------------------------------
def test_entries_move_by_buttons_and_keys(window: Window) -> None:
    by = shown(window, "table.aggregate", {"by": ["a", "b", "c"]}, "by")
    assert isinstance(by, ListEditor)
    up, down = by._buttons[by._editors[0]]
    assert (up.accessibleName(), down.accessibleName()) == ("Move up", "Move down")
    assert not up.isEnabled() and down.isEnabled()
    QTest.mouseClick(down, LEFT)
    assert config(window)["by"] == ["b", "a", "c"]
    moved = by._editors[1].combo
    moved.setFocus()
    QTest.keyClick(moved, Qt.Key.Key_Down, ALT)
    assert config(window)["by"] == ["b", "c", "a"] and moved.hasFocus() and moved is by._editors[2].combo
    assert moved.accessibleName() == "By 3" and not moved.view().isVisible()
    QTest.keyClick(moved, Qt.Key.Key_Down, ALT)
    assert config(window)["by"] == ["b", "c", "a"]
    # Each move is a step; the Tab key follows the new order.
    window.actions_["undo"].trigger()
    assert config(window)["by"] == ["b", "a", "c"] and [each.combo.currentText() for each in by._editors] == ["b", "a", "c"]
    QApplication.processEvents()
    by._editors[0].combo.setFocus()
    assert tabbed(window, 16)[:11] == [
        "By 1", "Move down", "Remove", "By 2", "Move up", "Move down", "Remove", "By 3", "Move up", "Remove", "Add",
    ]  # fmt: skip


def tabbed(window: Window, stops: int) -> list[str]:
    """What the Tab key goes through."""
    seen: list[str] = []
    for _stop in range(stops):
        found = QApplication.focusWidget()
        assert found is not None
        seen.append(found.accessibleName() or (found.text() if isinstance(found, QPushButton) else ""))
        QTest.keyClick(found, Qt.Key.Key_Tab)
    return seen


def test_the_tab_key_goes_through_a_form_from_top_to_bottom(window: Window) -> None:
    by = shown(window, "table.aggregate", {"by": ["a"], "values": {"total": "count()"}}, "by")
    QTest.mouseClick(by.add, LEFT)
    QApplication.processEvents()
    by._editors[0].combo.setFocus()
    names = [name for name in tabbed(window, 11) if not name.startswith("Move")]
    assert names[:7] == ["By 1", "Remove", "By 2", "Remove", "Add", "Values 1: Name", "Values 1: Value"]


def test_what_is_typed_after_a_move_is_another_step(window: Window) -> None:
    by = shown(window, "table.aggregate", {"by": ["a", "b"]}, "by")
    combo = by._editors[0].combo
    combo.setFocus()
    QTest.keyClick(combo, Qt.Key.Key_Down, ALT)
    QTest.keyClick(combo, Qt.Key.Key_End)
    QTest.keyClicks(combo, "x")
    assert config(window)["by"] == ["b", "ax"]
    QTest.keyClick(combo, Qt.Key.Key_Z, CTRL)
    assert config(window)["by"] == ["b", "a"]
    QTest.keyClick(combo, Qt.Key.Key_Z, CTRL)
    assert config(window)["by"] == ["a", "b"]


# -- columns dropped ---------------------------------------------------------------------------------------------------
def test_a_column_dropped_on_a_list_is_an_entry(window: Window) -> None:
    by = shown(window, "table.aggregate", {}, "by")
    dropped(by.add, "order id")
    assert config(window)["by"] == ["order id"]
    dropped(by, "day")
    assert config(window)["by"] == ["order id", "day"]
    window.actions_["undo"].trigger()
    assert config(window)["by"] == ["order id"]


def test_a_column_dropped_on_a_mapping_is_an_entry(window: Window) -> None:
    values = shown(window, "table.aggregate", {}, "values")
    dropped(values.add, "order id")
    assert config(window)["values"] == {"order id": '"order id"'}
    dropped(values, "order id")
    assert config(window)["values"] == {"order id": '"order id"', "order id_2": '"order id"'}


def test_a_column_dropped_on_rules_is_the_beginning_of_one(window: Window) -> None:
    rules = shown(window, "table.validate", {}, "rules")
    dropped(rules.add, "amount")
    assert config(window)["rules"] == [{"where": "amount"}]


def test_what_has_nothing_to_do_with_columns_takes_none(qtbot: QtBot) -> None:
    numbers = FormField("sizes", "Sizes", widget="list", item=FormField("size", "Size", widget="integer"))
    editor = make_editor(numbers, FormContext())
    assert isinstance(editor, ListEditor)
    qtbot.addWidget(editor)
    editor.show()
    dropped(editor.add, "amount")
    assert editor.rows == [] and not editor.add.acceptDrops()
