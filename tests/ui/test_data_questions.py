"""The data pane asked in earnest: filter, find, statistics, copies, export, views; compared with what pandas and DuckDB say."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import openpyxl
import pandas
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QLabel, QMenu, QPlainTextEdit
from pytestqt.qtbot import QtBot

from tisserand.service.client import HttpExecutor
from tisserand.service.guard import token
from tisserand.service.local import LocalExecutor
from tisserand.service.serve import ensure, running
from tisserand.ui.panels.copying import as_text
from tisserand.ui.panels.grid import HEAD, ROW
from tisserand.ui.window import Window

LONG = 60_000
SHIFT, CTRL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def shown(window: Window, demo: Path, qtbot: QtBot) -> Window:
    """The orders of the demo, as a run left them."""
    window.desk.load(demo)
    qtbot.waitUntil(lambda: not window.desk.disk.loading, timeout=LONG)
    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        window.actions_["run"].trigger()
    window.scene.select(["orders"])
    qtbot.waitUntil(lambda: window.data.grid.total == 12_480 and window.data.grid.value(0, 0) == "10000", timeout=LONG)
    window.activateWindow()
    window.data.grid.setFocus()
    # The keys of the table are actions now, and actions listen to whoever has the keyboard.
    qtbot.waitUntil(window.data.grid.hasFocus, timeout=LONG)
    return window


@pytest.fixture
def table(demo: Path) -> pandas.DataFrame:
    return pandas.read_csv(demo.parent.parent / "data" / "orders.csv")


def spot(window: Window, row: int, name: str) -> QPoint:
    grid = window.data.grid
    index = grid.names.index(name)
    x = grid._gutter() - grid.horizontalScrollBar().value() + sum(grid.widths[:index]) + grid.widths[index] // 2
    return QPoint(x, HEAD + (row - grid.verticalScrollBar().value()) * ROW + ROW // 2)


def filtered(window: Window, text: str, qtbot: QtBot) -> None:
    QTest.keyClick(window.data.grid, Qt.Key.Key_F, CTRL | SHIFT)
    window.data.filter.clear()
    QTest.keyClicks(window.data.filter, text)
    QTest.keyClick(window.data.filter, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.data.where == text or bool(window.data.wrong.text()), timeout=LONG)


def test_a_formula_filters_and_a_wrong_one_leaves_the_rows(shown: Window, table: pandas.DataFrame, qtbot: QtBot) -> None:
    wanted = table[(table["amount"] > 800) & (table["customer"] == 3)]
    filtered(shown, "amount > 800 and customer == 3", qtbot)
    grid = shown.data.grid
    qtbot.waitUntil(lambda: grid.total == len(wanted), timeout=LONG)
    assert [grid.value(row, 0) for row in range(10)] == [str(value) for value in wanted["order_id"][:10]]
    assert f"{len(wanted):,}" in shown.data.title.text() and "12,480" in shown.data.title.text()
    # Sorting keeps it.
    shown.data.sort_by("amount")
    first = str(wanted["amount"].min())
    qtbot.waitUntil(lambda: grid.value(0, grid.names.index("amount")) == first, timeout=LONG)
    for text, words in (("amount >", "is missing after"), ("amout > 1", "amout"), ("amount + 1", "condition")):
        filtered(shown, text, qtbot)
        qtbot.waitUntil(lambda words=words: words in shown.data.wrong.text(), timeout=LONG)
        assert grid.total == len(wanted) and shown.data.wrong.isVisible()
    QTest.keyClick(shown.data.filter, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: grid.total == 12_480, timeout=LONG)
    assert shown.data.where is None and not shown.data.filter.isVisible() and not shown.data.wrong.isVisible()


def test_find_goes_on_and_back(shown: Window, table: pandas.DataFrame, qtbot: QtBot) -> None:
    grid, finder = shown.data.grid, shown.data.finder
    held = table.astype(str).apply(lambda column: column.str.contains("777", regex=False)).any(axis=1)
    places = [int(row) for row in table.index[held]]
    QTest.keyClick(grid, Qt.Key.Key_F, CTRL)
    QTest.keyClicks(finder, "777")
    for place in places[:3]:
        QTest.keyClick(finder, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda place=place: grid.current is not None and grid.current[0] == place, timeout=LONG)
    qtbot.waitUntil(lambda: grid.current is not None and "777" in (grid.value(*grid.current) or ""), timeout=LONG)
    QTest.keyClick(finder, Qt.Key.Key_Return, SHIFT)
    qtbot.waitUntil(lambda: grid.current is not None and grid.current[0] == places[1], timeout=LONG)
    finder.clear()
    QTest.keyClicks(finder, "nowhere")
    QTest.keyClick(finder, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "nowhere" in shown.data.wrong.text(), timeout=LONG)
    QTest.keyClick(finder, Qt.Key.Key_Escape)
    assert grid.hasFocus() and not finder.isVisible()


def test_the_statistics_of_a_column(shown: Window, table: pandas.DataFrame, qtbot: QtBot) -> None:
    port = shown.data.grid.viewport()
    QTest.mouseClick(port, Qt.MouseButton.LeftButton, pos=spot(shown, 2, "amount"))
    QTest.keyClick(shown.data.grid, Qt.Key.Key_I)
    panel = shown.data.profile

    def texts() -> list[str]:
        return [label.text() for label in panel.findChildren(QLabel)]

    qtbot.waitUntil(lambda: "Median" in texts(), timeout=LONG)
    figures = dict(zip(texts()[1::2], texts()[2::2], strict=False))
    amounts = table["amount"]
    assert figures["Missing"].startswith(str(int(amounts.isna().sum())))
    assert float(figures["Median"].replace(",", "")) == pytest.approx(amounts.median(), abs=0.01)
    assert float(figures["Mean"].replace(",", "")) == pytest.approx(amounts.mean(), abs=0.01)
    assert float(figures["Upper quartile"].replace(",", "")) == pytest.approx(amounts.quantile(0.75), abs=0.01)
    assert figures["Different"] == str(amounts.nunique())
    # Under a filter they count what is seen.
    filtered(shown, "customer == 3", qtbot)
    shown.data.show_profile("customer")
    qtbot.waitUntil(lambda: panel.title.text() == "customer" and f"{(table['customer'] == 3).sum():,}" in texts(), timeout=LONG)


def test_copies_keep_what_they_hold(shown: Window, table: pandas.DataFrame, qtbot: QtBot) -> None:
    port, grid = shown.data.grid.viewport(), shown.data.grid
    QTest.mousePress(port, Qt.MouseButton.LeftButton, pos=spot(shown, 2, "order_id"))
    QTest.mouseMove(port, spot(shown, 4, "amount"))
    QTest.mouseRelease(port, Qt.MouseButton.LeftButton, pos=spot(shown, 4, "amount"))
    assert grid.selected() == (2, 0, 4, 2)
    clipboard = QApplication.clipboard()
    clipboard.setText("")
    QTest.keyClick(grid, Qt.Key.Key_C, CTRL)
    qtbot.waitUntil(lambda: clipboard.text() != "", timeout=LONG)
    rows = [line.split("\t") for line in clipboard.text().splitlines()]
    assert [row[0] for row in rows] == [str(value) for value in table["order_id"][2:5]]
    assert rows[1][2] == ""  # a missing value
    QTest.mouseClick(port, Qt.MouseButton.RightButton, pos=spot(shown, 3, "amount"))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu) and grid.selected() == (2, 0, 4, 2)
    next(action for action in menu.actions() if "Markdown" in action.text()).trigger()
    menu.close()
    qtbot.waitUntil(lambda: clipboard.text().startswith("|"), timeout=LONG)
    assert clipboard.text().splitlines()[0] == "| order_id | customer | amount |"
    # Rows that nobody has seen are copied too.
    QTest.keyClick(grid, Qt.Key.Key_A, CTRL)
    clipboard.setText("")
    shown.data.copy("csv")
    qtbot.waitUntil(lambda: clipboard.text() != "", timeout=LONG)
    again = pandas.read_csv(io.StringIO(clipboard.text()))
    pandas.testing.assert_frame_equal(again, table)


def test_odd_values_survive_the_copy() -> None:
    rows = [["a|b\nc", 'say "hi", you', None, {"x": [1]}, True]]
    assert list(csv.reader(io.StringIO(as_text(rows, list("abcde"), "csv"))))[1] == [
        "a|b\nc", 'say "hi", you', "", '{"x": [1]}', "true",
    ]  # fmt: skip
    assert as_text(rows, list("abcde"), "markdown").splitlines()[2] == ('| a\\|b<br>c | say "hi", you |  | {"x": [1]} | true |')


@pytest.mark.parametrize("ending", [".csv", ".xlsx", ".parquet", ".jsonl"])
def test_exports_hold_all_rows(
    shown: Window, table: pandas.DataFrame, qtbot: QtBot, tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / f"rows{ending}"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_args, **_named: (str(target), f"x (*{ending})"))
    filtered(shown, "customer == 3", qtbot)
    shown.data.sort_by("order_id")
    shown.data.sort_by("order_id")
    QTest.keyClick(shown.data.grid, Qt.Key.Key_E, CTRL)
    qtbot.waitUntil(lambda: target.name in shown.data.wrong.text(), timeout=LONG)
    wanted = [int(value) for value in table[table["customer"] == 3]["order_id"].sort_values(ascending=False)]
    if ending == ".xlsx":
        sheet = openpyxl.load_workbook(target).active
        assert sheet is not None
        got = [row[0].value for row in sheet.iter_rows(min_row=2)]
    elif ending == ".jsonl":
        got = [json.loads(line)["order_id"] for line in target.read_text().splitlines()]
    else:
        got = [row[0] for row in duckdb.sql(f"select order_id from '{target}'").fetchall()]
    assert got == wanted
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_an_export_that_is_stopped_or_fails_leaves_what_was_there(shown: Window, qtbot: QtBot, tmp_path: Path) -> None:
    target = tmp_path / "rows.csv"
    target.write_text("before")
    shown.data._moved.connect(lambda _done, _all: None)
    shown.data.export_to(target)
    shown.data.stop_export()
    qtbot.waitUntil(lambda: bool(shown.data.wrong.text()), timeout=LONG)
    if "stopped" in shown.data.wrong.text():
        assert target.read_text() == "before"
    shown.data.export_to(tmp_path / "no" / "such" / ("x" * 300 + ".csv"))
    qtbot.waitUntil(lambda: "cannot be written" in shown.data.wrong.text(), timeout=LONG)
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".part"]


def test_schema_json_and_the_whole_value(shown: Window, qtbot: QtBot) -> None:
    QTest.mouseClick(shown.data.views["schema"], Qt.MouseButton.LeftButton)
    assert "amount" in shown.data.text.toPlainText() and "number" in shown.data.text.toPlainText()
    QTest.mouseClick(shown.data.views["json"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "10000" in shown.data.text.toPlainText(), timeout=LONG)
    assert json.loads(shown.data.text.toPlainText())[3]["amount"] is None
    QTest.mouseClick(shown.data.views["table"], Qt.MouseButton.LeftButton)
    QTest.mouseDClick(shown.data.grid.viewport(), Qt.MouseButton.LeftButton, pos=spot(shown, 3, "amount"))
    qtbot.waitUntil(lambda: shown.findChild(QDialog, "cell") is not None, timeout=LONG)
    dialog = shown.findChild(QDialog, "cell")
    assert dialog is not None and any("null" in label.text() for label in dialog.findChildren(QLabel))
    dialog.close()


def test_nested_values_are_indented(qtbot: QtBot) -> None:
    from tisserand.ui.panels.cellview import show_cell

    parent = QLabel()
    for value, text in (({"a": [1, {"b": None}]}, '{\n  "a"'), (" x ", " x "), ("", ""), (b"\x00\xff", "00 ff"), (5, "5")):
        dialog = show_cell(parent, "c", "t", 0, value)
        assert dialog.findChild(QPlainTextEdit).toPlainText().startswith(text)  # type: ignore[union-attr]
        dialog.close()


@pytest.fixture
def remote(shown: Window, demo: Path) -> Iterator[tuple[HttpExecutor, LocalExecutor, str]]:
    import os
    import signal
    import time

    root = demo.parent.parent
    run = shown.desk.standings.run
    assert run is not None
    executor, local = HttpExecutor(ensure(root), token(root)), LocalExecutor(root)
    yield executor, local, run
    executor.close()
    local.close()
    os.kill(json.loads((root / ".tisserand" / "executor.json").read_text())["pid"], signal.SIGTERM)
    end = time.monotonic() + 20
    while running(root) is not None and time.monotonic() < end:
        time.sleep(0.05)


def test_both_executors_answer_alike(remote: tuple[HttpExecutor, LocalExecutor, str]) -> None:
    http, local, run = remote
    for executor in (http, local):
        page = executor.page(run, "orders", "rows", 2, 3, "-amount", "customer == 3")
        assert page.total == 1783
        assert executor.find(run, "orders", "rows", "10777", 0, False, None, None) == (777, 0)
        assert executor.find(run, "orders", "rows", "nowhere") is None
        assert executor.profile(run, "orders", "rows", "customer", "customer == 3")["distinct"] == 1
    one, two = (each.page(run, "orders", "rows", 2, 3, "-amount", "customer == 3").data for each in remote[:2])
    assert one == two
