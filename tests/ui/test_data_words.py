"""How values and types are shown: nested ones as JSON, bytes as digits, types in words, French numbers; what is copied stays as it is."""

from __future__ import annotations

import datetime
import decimal
import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QHelpEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolTip
from pytestqt.qtbot import QtBot

from tisserand import texts
from tisserand.files import shipped
from tisserand.service.protocol import Page
from tisserand.ui.panels.cells import Cells, cells
from tisserand.ui.panels.copying import as_text
from tisserand.ui.panels.grid import HEAD, PAGE, ROW, Grid
from tisserand.ui.theme import theme


def page(table: pa.Table, total: int | None = None) -> Page:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return Page(bytes(sink.getvalue()), table.num_rows if total is None else total)


def column(values: list[Any], type: pa.DataType) -> Cells:
    return cells(page(pa.table({"c": pa.array(values, type)})))


@pytest.fixture
def french() -> Iterator[None]:
    texts.add_catalogues(shipped("resources") / "locale")
    texts.set_language("fr")
    yield
    texts.set_language("en")


STRUCT = pa.struct([("a", pa.int64()), ("b", pa.string()), ("t", pa.bool_())])


@pytest.mark.parametrize(
    ("type", "words"),
    [
        (STRUCT, "structure"),
        (pa.list_(pa.int64()), "list of integer"),
        (pa.large_list(STRUCT), "list of structure"),
        (pa.list_(pa.string(), 2), "list of text"),
        (pa.map_(pa.string(), pa.float64()), "map of text to number"),
        (pa.decimal128(10, 2), "decimal(10, 2)"),
        (pa.timestamp("us"), "timestamp"),
        (pa.timestamp("us", "UTC"), "timestamp with zone"),
        (pa.time64("us"), "time"),
        (pa.duration("s"), "duration"),
        (pa.binary(), "binary"),
        (pa.large_binary(), "binary"),
        (pa.null(), "no values"),
        (pa.dictionary(pa.int32(), pa.string()), "text"),
        (pa.string_view(), "text"),
    ],
)
def test_types_are_words_and_the_whole_type_is_kept(type: pa.DataType, words: str) -> None:
    found = column([], type)
    assert found.types == (words,) and found.full == (str(type),)


@pytest.mark.parametrize(
    ("value", "type", "text"),
    [
        ({"a": 1, "b": None, "t": True}, STRUCT, '{"a": 1, "b": null, "t": true}'),
        ([1, None, 3], pa.list_(pa.int64()), "[1, null, 3]"),
        ([{"a": 1, "b": "é", "t": None}], pa.list_(STRUCT), '[{"a": 1, "b": "é", "t": null}]'),
        ([("k", 1.5)], pa.map_(pa.string(), pa.float64()), '{"k": 1.5}'),
        ([decimal.Decimal("2.50")], pa.list_(pa.decimal128(10, 2)), '["2.50"]'),
        ([b"\x00\xff"], pa.list_(pa.binary()), '["00ff"]'),
        (b"\x00\xff", pa.binary(), "00 ff · 2 bytes"),
        (b"\x07", pa.binary(), "07 · 1 byte"),
        (b"", pa.binary(), "0 bytes"),
        (datetime.time(1, 2, 3), pa.time64("us"), "01:02:03"),
    ],
)
def test_values_are_shown_as_json_or_digits(value: Any, type: pa.DataType, text: str) -> None:
    found = column([value, None], type)
    assert found.columns == ((text, None),)


def test_long_nested_values_and_bytes_are_cut() -> None:
    shown = column([list(range(500))], pa.list_(pa.int64())).columns[0][0]
    assert shown is not None and shown.endswith("…") and len(shown) == 301
    digits = column([b"\x01" * 5000], pa.binary()).columns[0][0]
    assert digits is not None and digits.startswith("01 01 ") and digits.endswith("… · 5000 bytes")


def test_french_numbers_have_a_comma_and_copies_do_not(french: None) -> None:
    rows = {"x": pa.array([1.5, None, 1e-7]), "d": pa.array([decimal.Decimal("2.50"), None, None], pa.decimal128(10, 2))}
    found = cells(page(pa.table({**rows, "n": [1, 2, 3], "t": ["1.5", "a.b", ""]})))
    assert found.columns == (("1,5", None, "1e-07"), ("2,50", None, None), ("1", "2", "3"), ("1.5", "a.b", ""))
    assert found.types[0] == "nombre" and found.types[3] == "texte"
    assert as_text([[1.5, decimal.Decimal("2.50"), None]], ["x", "d", "n"], "csv") == "x,d,n\n1.5,2.50,\n"
    assert json.loads(json.dumps(1.5)) == 1.5


@pytest.fixture
def grid(qtbot: QtBot) -> Grid:
    made = Grid()
    qtbot.addWidget(made)
    made.resize(700, 300)
    made.show()
    return made


def test_stripes_and_head_reach_the_right_edge(grid: Grid) -> None:
    grid.take(cells(page(pa.table({"a": [1, 2, 3, 4]}))))
    picture = grid.viewport().grab().toImage()
    edge = grid.viewport().width() - 3
    assert QColor(picture.pixel(edge, 10)) == theme().colour("chrome")
    assert QColor(picture.pixel(edge, HEAD + ROW // 2)) == theme().colour("surface")
    assert QColor(picture.pixel(edge, HEAD + ROW + ROW // 2)) == theme().colour("stripe")
    # Below the last row there is none.
    assert QColor(picture.pixel(edge, HEAD + 5 * ROW + ROW // 2)) == theme().colour("surface")


def test_a_name_tells_its_whole_type_and_a_cut_value_more_of_itself(grid: Grid) -> None:
    grid.hint = "Click to sort"
    grid.take(cells(page(pa.table({"a <b>\nx": pa.array([{"a": 1, "b": "y" * 200, "t": True}], STRUCT), "n": [1]}))))
    x = grid._gutter() + 20

    def tip(at: QPoint) -> str:
        event = QHelpEvent(QHelpEvent.Type.ToolTip, at, grid.viewport().mapToGlobal(at))
        QApplication.sendEvent(grid.viewport(), event)
        return QToolTip.text()

    head = tip(QPoint(x, 10))
    assert "a &lt;b&gt;<br>x" in head and "structure" in head and "struct&lt;a: int64" in head and "Click to sort" in head
    assert "y" * 150 in tip(QPoint(x, HEAD + 5))
    assert grid.tip_at(QPoint(x + grid.widths[0], HEAD + 5)) == ""
    assert grid.tip_at(QPoint(grid.viewport().width() - 2, 10)) == ""
    QToolTip.hideText()


def test_300_columns_odd_names_and_no_rows(grid: Grid) -> None:
    names = ['say "hi"', "a\nb", "Name", "name", "", " ", "émoji 🎉", *(f"c{index}" for index in range(293))]
    table = pa.table([pa.array(range(5), pa.int64())] * 300, names=names)
    grid.take(cells(page(table)))
    assert not grid.grab().isNull()
    QTest.keyClick(grid, Qt.Key.Key_Down)
    for _step in range(299):
        QTest.keyClick(grid, Qt.Key.Key_Right)
    assert grid.current == (1, 299) and grid.current_column() == "c292" and not grid.grab().isNull()
    grid.clear()
    grid.take(cells(page(table.slice(0, 0))))
    assert len(grid.names) == 300 and grid.total == 0 and not grid.grab().isNull()
    QTest.keyClick(grid, Qt.Key.Key_Down)
    QTest.keyClick(grid, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert grid.selected() is None and PAGE == 200
