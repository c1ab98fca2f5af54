"""Sorting the rows of an edge: a click on a column's name, compared with what pandas makes of the same file."""

from __future__ import annotations

from pathlib import Path

import pandas
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tisserand.ui.panels.grid import PAGE
from tisserand.ui.window import Window

LONG = 60_000


def head(window: Window, name: str) -> QPoint:
    grid = window.data.grid
    index = grid.names.index(name)
    return QPoint(grid._gutter() + sum(grid.widths[:index]) + grid.widths[index] // 2, 12)


def column(window: Window, name: str, count: int) -> list[str | None]:
    grid = window.data.grid
    return [grid.value(row, grid.names.index(name)) for row in range(count)]


def test_click_a_column_to_sort_and_again_to_turn_round(window: Window, demo: Path, qtbot: QtBot) -> None:
    window.desk.load(demo)
    qtbot.waitUntil(lambda: not window.desk.disk.loading, timeout=LONG)
    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        QTest.keyClick(window, Qt.Key.Key_F5)
    window.scene.select(["orders"])
    grid = window.data.grid
    qtbot.waitUntil(lambda: grid.total == 12_480 and grid.value(0, 0) == "10000", timeout=LONG)
    table = pandas.read_csv(demo.parent.parent / "data" / "orders.csv")
    port = grid.viewport()

    def click(first: str) -> None:
        QTest.mouseClick(port, Qt.MouseButton.LeftButton, pos=head(window, "amount"))
        where = grid.names.index("amount")
        qtbot.waitUntil(lambda: grid.value(0, where) == first, timeout=LONG)

    def amounts(up: bool) -> list[float]:
        return list(table["amount"].sort_values(ascending=up, na_position="last"))

    click(str(amounts(True)[0]))
    assert [float(text or "nan") for text in column(window, "amount", 50)] == amounts(True)[:50]
    assert "amount" in window.data.title.text()
    click(str(amounts(False)[0]))
    assert [float(text or "nan") for text in column(window, "amount", 50)] == amounts(False)[:50]
    # Only what is seen was fetched, sorted or not; the missing value stands last.
    assert len(grid._pages) <= 2
    grid.verticalScrollBar().setValue(grid.verticalScrollBar().maximum())
    QApplication.processEvents()
    grid.viewport().grab()
    qtbot.waitUntil(lambda: grid.value(12_479, grid.names.index("amount")) is None, timeout=LONG)
    assert len(grid._pages) <= 4
    QTest.mouseClick(port, Qt.MouseButton.LeftButton, pos=head(window, "amount"))
    qtbot.waitUntil(lambda: grid.value(0, 0) == "10000", timeout=LONG)
    assert grid.order is None and grid.total == 12_480 and PAGE == 200


def test_the_keyboard_sorts_too(window: Window, demo: Path, qtbot: QtBot) -> None:
    window.desk.load(demo)
    qtbot.waitUntil(lambda: not window.desk.disk.loading, timeout=LONG)
    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        QTest.keyClick(window, Qt.Key.Key_F5)
    window.scene.select(["customers"])
    grid = window.data.grid
    qtbot.waitUntil(lambda: grid.total == 5, timeout=LONG)
    grid.setFocus()
    qtbot.waitUntil(grid.hasFocus, timeout=LONG)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_S):
        QTest.keyClick(grid, key)
    qtbot.waitUntil(lambda: column(window, "name", 5) == ["Durand SA", "García", "Keller AG", "Nowak", "Rossi SpA"], timeout=LONG)
