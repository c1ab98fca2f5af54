"""The data grid: pages on demand, types and nulls visible."""

from __future__ import annotations

import datetime
import decimal

import pyarrow as pa
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from tisserand.service.protocol import Page
from tisserand.ui.panels.cells import cells
from tisserand.ui.panels.grid import PAGE, Grid

TOTAL = 2_000_000


def page(number: int, rows: int = PAGE) -> Page:
    first = number * PAGE
    table = pa.table({"id": list(range(first, first + rows)), "name": [None if i % 3 else f"n{first + i}" for i in range(rows)]})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return Page(bytes(sink.getvalue()), TOTAL, first)


@pytest.fixture
def grid(qtbot: QtBot) -> Grid:
    made = Grid()
    qtbot.addWidget(made)
    made.resize(600, 300)
    made.show()
    return made


def test_cells_are_texts_with_types_and_nulls() -> None:
    table = pa.table(
        {
            "whole": pa.array([1, None], pa.int64()),
            "part": pa.array([1.0, 0.1], pa.float64()),
            "money": pa.array([decimal.Decimal("2.50"), None], pa.decimal128(10, 2)),
            "on": pa.array([True, False]),
            "day": pa.array([datetime.date(2026, 11, 10), None]),
            "text": pa.array(["a\nb", "x" * 400]),
            "odd": pa.array([float("inf"), float("nan")]),
        }
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    found = cells(Page(bytes(sink.getvalue()), 2))
    shown = dict(zip(found.names, found.columns, strict=True))
    assert found.types[:6] == ("integer", "number", "decimal(10, 2)", "true/false", "date", "text")
    assert found.right == (True, True, True, False, False, False, True)
    assert shown["whole"] == ("1", None)
    assert shown["part"] == ("1.0", "0.1")
    assert shown["money"] == ("2.50", None)
    assert shown["on"] == ("true", "false")
    assert shown["day"] == ("2026-11-10", None)
    assert shown["text"] == ("a⏎b", "x" * 300 + "…")
    assert shown["odd"] == ("inf", "nan")


def test_only_pages_that_are_seen_are_asked_for(grid: Grid) -> None:
    asked: list[int] = []
    grid.wanted.connect(asked.append)
    grid.take(cells(page(0)))
    assert not grid.grab().isNull()
    assert asked == []
    grid.verticalScrollBar().setValue(1_000_000)
    grid.grab()
    assert asked == [1_000_000 // PAGE]
    assert grid.value(1_000_000, 0) == ""
    grid.take(cells(page(1_000_000 // PAGE)))
    assert grid.value(1_000_000, 0) == "1000000"
    assert grid.value(1_000_001, 1) is None


def test_keys_walk_and_copy(grid: Grid) -> None:
    grid.take(cells(page(0)))
    QTest.keyClick(grid, Qt.Key.Key_Down)
    assert grid.current == (1, 0)
    asked = []
    grid.copy_asked.connect(lambda: asked.append(grid.selected()))
    QTest.keyClick(grid, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert asked == [(1, 0, 1, 0)]
    QTest.keyClick(grid, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(grid, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert grid.selected() == (1, 0, 2, 1) and grid.current == (2, 1)
    QTest.keyClick(grid, Qt.Key.Key_Left)
    assert grid.selected() == (2, 0, 2, 0)
    QTest.keyClick(grid, Qt.Key.Key_End)
    assert grid.current == (TOTAL - 1, 0)
    assert grid.verticalScrollBar().value() == grid.verticalScrollBar().maximum()


def test_an_empty_table_shows_its_columns(grid: Grid) -> None:
    table = pa.table({"a": pa.array([], pa.int64())})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    grid.take(cells(Page(bytes(sink.getvalue()), 0)))
    assert grid.names == ("a",)
    QTest.keyClick(grid, Qt.Key.Key_Down)
    assert not grid.grab().isNull()
