"""The table of columns: what it shows of a config, the config that it writes, and what the node then makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit
from pytestqt.qtbot import QtBot

from tisserand.model.flow import Node, Ref
from tisserand.sdk import Schema
from tisserand.sdk.config import PerColumn
from tisserand.ui.panels.composite import ListEditor
from tisserand.ui.panels.grid import COLUMN_MIME
from tisserand.ui.panels.mapping import ColumnsEditor
from tisserand.ui.panels.percolumn import Columns, entries, written
from tisserand.ui.window import Window
from tisserand_nodes.table.select import Select, SelectConfig

LONG = 60_000
LEFT, NO, ALT, CTRL = (
    Qt.MouseButton.LeftButton,
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.AltModifier,
    Qt.KeyboardModifier.ControlModifier,
)
ON, OFF = Qt.CheckState.Checked, Qt.CheckState.Unchecked


@pytest.fixture
def opened(window: Window, demo: Path, qtbot: QtBot) -> Window:
    """Orders (order_id, customer, amount, day) into a table.select."""
    demo.write_text(
        demo.read_text().replace("layout:", "  chosen:\n    kind: table.select\n    inputs:\n      table: orders\nlayout:", 1)
    )
    window.desk.load(demo)
    qtbot.waitUntil(lambda: not window.desk.disk.loading and "orders" in window.desk.findings.schemas, timeout=LONG)
    window.activateWindow()
    return window


def table(window: Window, **config: Any) -> ColumnsEditor:
    for name, value in config.items():
        window.document.set_config("chosen", name, value)
    window.document.seal()
    window.scene.select(["chosen"])
    editor = window.inspector._fields["columns"][0]
    assert isinstance(editor, ColumnsEditor) and editor.table.isVisibleTo(editor)
    QApplication.processEvents()
    return editor


def config(window: Window) -> dict[str, Any]:
    return dict(window.document.flow.nodes["chosen"].config)


def seen(editor: ColumnsEditor) -> list[tuple[str, bool, str, str]]:
    grid = editor.table
    items = [[grid.item(row, column) for column in range(3)] for row in range(grid.rowCount())]
    return [
        (first.text(), first.checkState() == ON, name.text(), type.text())
        for first, name, type in items
        if first is not None and name is not None and type is not None
    ]


def tick(editor: ColumnsEditor, row: int) -> None:
    """A click on the box itself."""
    grid = editor.table
    spot = grid.visualItemRect(grid.item(row, 0))
    QTest.mouseClick(grid.viewport(), LEFT, NO, QPoint(spot.left() + 12, spot.center().y()))


def cell(editor: ColumnsEditor, row: int, column: int) -> None:
    editor.table.setFocus()
    editor.table.setCurrentCell(row, column)


def result(window: Window) -> list[str]:
    """The columns that the node gives for the config, as the node itself says."""
    arrives = Schema.of({"order_id": "int64", "customer": "int64", "amount": "float64", "day": "date"})
    found = Select().columns(SelectConfig.model_validate(config(window)), {"table": (arrives,)})
    assert found is not None
    return [column.name for column in found["table"]]


def test_every_arriving_column_is_a_row(opened: Window) -> None:
    editor = table(opened)
    assert seen(editor) == [(name, True, "", "") for name in ("order_id", "customer", "amount", "day")]
    assert editor.table.accessibleName() == "Columns" and not editor.list.isVisible() and config(opened) == {}


def test_a_tick_leaves_a_column_out_and_takes_it_in_again(opened: Window) -> None:
    editor = table(opened)
    tick(editor, 1)
    assert config(opened) == {"drop": ["customer"]} and result(opened) == ["order_id", "amount", "day"]
    cell(editor, 3, 0)
    QTest.keyClick(editor.table, Qt.Key.Key_Space)
    assert config(opened) == {"drop": ["customer", "day"]}
    tick(editor, 1)
    assert config(opened) == {"drop": ["day"]}
    opened.actions_["undo"].trigger()
    assert config(opened) == {"drop": ["customer", "day"]} and [row[1] for row in seen(editor)] == [True, False, True, False]


def test_a_new_name_and_a_new_type_keep_the_others(opened: Window) -> None:
    editor = table(opened)
    cell(editor, 2, 1)
    QTest.keyClick(editor.table, Qt.Key.Key_Return)
    line = editor.table.findChild(QLineEdit)
    assert line is not None and line.hasFocus()
    QTest.keyClicks(line, "price")
    assert config(opened) == {}
    QTest.keyClick(line, Qt.Key.Key_Return)
    QApplication.processEvents()
    assert config(opened) == {"columns": [{"column": "amount", "name": "price"}], "others": "keep"}
    assert result(opened) == ["order_id", "customer", "price", "day"]
    # One step, by its name; taken back it is all gone.
    opened.actions_["undo"].trigger()
    assert config(opened) == {} and seen(editor)[2] == ("amount", True, "", "")
    opened.actions_["redo"].trigger()
    assert seen(editor)[2] == ("amount", True, "price", "")
    QApplication.processEvents()
    cell(editor, 2, 2)
    QTest.keyClick(editor.table, Qt.Key.Key_F2)
    combo = editor.table.findChild(QComboBox)
    assert combo is not None and "decimal(12, 2)" in [combo.itemText(index) for index in range(combo.count())]
    QTest.keyClicks(combo, "text")
    QTest.keyClick(combo, Qt.Key.Key_Return)
    QApplication.processEvents()
    assert config(opened) == {"columns": [{"column": "amount", "name": "price", "type": "text"}], "others": "keep"}
    cell(editor, 2, 2)
    QTest.keyClick(editor.table, Qt.Key.Key_Delete)
    cell(editor, 2, 1)
    QTest.keyClick(editor.table, Qt.Key.Key_Delete)
    assert config(opened)["columns"] == ["amount"]


def test_a_type_is_picked_with_the_mouse(opened: Window, qtbot: QtBot) -> None:
    editor = table(opened)
    cell(editor, 0, 2)
    QTest.keyClick(editor.table, Qt.Key.Key_Return)
    combo = editor.table.findChild(QComboBox)
    assert combo is not None
    combo.showPopup()
    view = combo.view()
    qtbot.waitUntil(view.isVisible)
    spot = view.visualRect(view.model().index(combo.findText("integer"), 0)).center()
    QTest.mouseMove(view.viewport(), spot)
    QTest.mouseClick(view.viewport(), LEFT, NO, spot)
    qtbot.waitUntil(lambda: bool(config(opened)), timeout=3000)
    assert config(opened) == {"columns": [{"column": "order_id", "type": "integer"}], "others": "keep"}
    qtbot.waitUntil(lambda: not editor.table.editing)


def test_rows_move_by_keys_and_buttons(opened: Window) -> None:
    editor = table(opened)
    cell(editor, 3, 0)
    QTest.keyClick(editor.table, Qt.Key.Key_Up, ALT)
    # Only a whole list can say an order.
    assert config(opened) == {"columns": ["order_id", "customer", "day", "amount"]}
    assert editor.table.currentRow() == 2 and editor.table.hasFocus()
    QTest.keyClick(editor.table, Qt.Key.Key_Up, ALT)
    QTest.mouseClick(editor.up, LEFT)
    assert result(opened) == ["day", "order_id", "customer", "amount"] and editor.table.currentRow() == 0
    assert not editor.up.isEnabled() and editor.down.isEnabled()
    assert (editor.up.accessibleName(), editor.down.accessibleName()) == ("Move up", "Move down")
    QTest.mouseClick(editor.down, LEFT)
    assert result(opened) == ["order_id", "day", "customer", "amount"]
    QTest.keyClick(editor.table, Qt.Key.Key_Z, CTRL)
    assert [row[0] for row in seen(editor)] == ["day", "order_id", "customer", "amount"]


def test_a_config_is_shown_as_it_is(opened: Window) -> None:
    listed = ["day", {"column": "amount", "name": "price", "type": "decimal(12, 2)"}, "gone"]
    editor = table(opened, columns=listed)
    assert seen(editor) == [
        ("day", True, "", ""),
        ("amount", True, "price", "decimal(12, 2)"),
        ("gone", True, "", ""),
        ("order_id", False, "", ""),
        ("customer", False, "", ""),
    ]
    gone = editor.table.item(2, 0)
    assert gone is not None and gone.data(Qt.ItemDataRole.AccessibleTextRole) == "“gone” does not arrive."
    assert not gone.icon().isNull() and editor.missing.isVisible() and "“gone”" in editor.missing.text()
    first = editor.table.item(0, 0)
    assert first is not None and first.icon().isNull()
    assert config(opened) == {"columns": listed}
    # A column that is taken in stays under the hand and goes to the end of the list.
    tick(editor, 4)
    assert config(opened)["columns"] == [*listed, "customer"]
    tick(editor, 2)
    assert config(opened)["columns"] == [*listed[:2], "customer"]


def test_a_column_dropped_on_the_table_goes_on(opened: Window) -> None:
    editor = table(opened, columns=["day"])
    data = QMimeData()
    data.setData(COLUMN_MIME, b"amount")
    port, arguments = editor.table.viewport(), (Qt.DropAction.CopyAction, data, LEFT, NO)
    QApplication.sendEvent(port, QDragEnterEvent(QPoint(9, 9), *arguments))
    QApplication.sendEvent(port, QDropEvent(QPointF(9, 9), *arguments))
    assert config(opened) == {"columns": ["day", "amount"]} and seen(editor)[3][:2] == ("amount", True)


def test_the_last_tick_leaves_nothing_rather_than_everything(opened: Window) -> None:
    editor = table(opened, columns=["day"])
    tick(editor, 0)
    assert config(opened) == {"others": "drop"} and not any(row[1] for row in seen(editor))


def test_with_the_others_kept_the_columns_stay_in_their_place(opened: Window) -> None:
    editor = table(opened, columns=[{"column": "day", "name": "date"}, "amount"], others="keep", drop=["customer", "lost"])
    assert seen(editor) == [
        ("order_id", True, "", ""),
        ("customer", False, "", ""),
        ("amount", True, "", ""),
        ("day", True, "date", ""),
        ("lost", False, "", ""),
    ]
    cell(editor, 0, 1)
    QTest.keyClick(editor.table, Qt.Key.Key_I)
    line = editor.table.findChild(QLineEdit)
    assert line is not None
    QTest.keyClicks(line, "d")
    QTest.keyClick(line, Qt.Key.Key_Return)
    QApplication.processEvents()
    # What was there keeps its place in the file.
    assert config(opened)["columns"] == [{"column": "day", "name": "date"}, "amount", {"column": "order_id", "name": "id"}]
    tick(editor, 3)
    assert config(opened)["columns"] == ["amount", {"column": "order_id", "name": "id"}]
    assert config(opened)["drop"] == ["customer", "lost", "day"]


def test_the_list_is_the_other_face(opened: Window) -> None:
    editor = table(opened, columns=["day"])
    QTest.mouseClick(editor.toggle, LEFT)
    assert isinstance(editor.list, ListEditor) and not editor.table.isVisible() and len(editor.list.rows) == 1
    QTest.mouseClick(editor.list.add, LEFT)
    line = editor.list.rows[1].findChild(QLineEdit)
    assert line is not None
    QTest.keyClicks(line, "amount")
    assert config(opened)["columns"] == ["day", "amount"]
    QTest.mouseClick(editor.toggle, LEFT)
    assert [row[:2] for row in seen(editor)][:2] == [("day", True), ("amount", True)] and not editor.list.isVisible()


def test_without_columns_there_is_only_the_list(window: Window) -> None:
    from tisserand.model.flow import Flow

    window.document.show(Flow("t", nodes={"n": Node("n", "table.select")}, layout={"n": (0, 0)}))
    window.scene.select(["n"])
    editor = window.inspector._fields["columns"][0]
    assert isinstance(editor, ColumnsEditor) and editor.list.isVisibleTo(editor)
    assert not editor.table.isVisibleTo(editor) and not editor.toggle.isVisibleTo(editor)


def test_columns_that_come_to_arrive_appear(opened: Window, qtbot: QtBot) -> None:
    from tisserand.model.edit import Connect, Disconnect

    editor = table(opened, columns=["name"])
    assert editor.missing.text()
    opened.document.do(Disconnect("chosen", "table", Ref("orders")))
    opened.document.do(Connect(Ref("customers"), "chosen", "table", False))
    qtbot.waitUntil(lambda: [row[0] for row in seen(editor)] == ["name", "customer", "country"], timeout=LONG)
    assert editor.missing.text() == "" and not editor.missing.isVisible()


ARRIVE = {"a": "int64", "b": "string", "c": "date"}
ASKED = PerColumn(drop="drop", others="others")


@pytest.mark.parametrize(
    "before",
    [
        Columns(),
        Columns(("b", "a")),
        Columns(("b", {"column": "a", "name": "x"}), (), "keep"),
        Columns((), ("b",)),
        Columns(("a", {"column": "a", "name": "again"}, "gone"), ("lost",), "drop"),
        Columns(({"column": "a", "name": "x", "type": "text"}, {"column": "a", "name": "y"}), ("c", "lost"), "keep"),
    ],
)
def test_nothing_done_writes_what_was_there(before: Columns) -> None:
    assert written(ASKED, before, entries(ASKED, before, ARRIVE)) == before


def test_a_list_without_the_two_other_fields() -> None:
    asked = PerColumn()
    shown = entries(asked, Columns(("b",)), ARRIVE)
    assert [(each.column, each.kept) for each in shown] == [("b", True), ("a", False), ("c", False)]
    assert [each.kept for each in entries(asked, Columns(), ARRIVE)] == [False, False, False]
