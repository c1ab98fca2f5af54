"""The way of a value in the designer, over runs that really had it in their data; and its erasure, planned, confirmed and done."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from tisserand.sdk import Arrived
from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import RunRequest
from tisserand.ui.supervision.erase import Erasing
from tisserand.ui.supervision.runs import RunsView
from tisserand.ui.supervision.search import SearchView
from tisserand.ui.window import Window

LONG = 20_000
ALT, SHIFT = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ShiftModifier
VALUE = "ORD-4711-ZZ"
FLOW = """tisserand: 1
id: orders
title: Orders of the day
keys: {order: read.id}
nodes:
  read: {kind: file.read_csv, config: {path: data/orders.csv}}
  out: {kind: file.write_csv, inputs: {table: read}, config: {path: out/orders.csv}}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[tuple[Path, list[str]]]:
    """Three runs, two of them with the value; and an event with it."""
    root = tmp_path / "shop"
    for folder in ("flows", "data"):
        (root / folder).mkdir(parents=True)
    (root / "tisserand.yaml").write_text("")
    (root / "flows" / "orders.yaml").write_text(FLOW)
    executor = LocalExecutor(root)
    runs = []
    for ids in ([VALUE, "A"], ["B"], ["C", VALUE]):
        (root / "data" / "orders.csv").write_text("id,amount\n" + "".join(f"{id},1\n" for id in ids))
        runs.append(executor.start(RunRequest(file="flows/orders.yaml", keep="all")))
        assert executor.wait(runs[-1]).state == "done"
    executor.inbox.store.keep("flows/orders.yaml", "arrives", [Arrived({"id": VALUE}, "k1")])
    yield root, runs
    executor.close()


def open_page(window: Window, root: Path) -> SearchView:
    window.runner.root = root
    QTest.keyClick(window, Qt.Key.Key_9, ALT)
    page = window.desk.supervising.view.page
    assert isinstance(page, SearchView)
    return page


def stations(page: SearchView) -> list[tuple[str, str]]:
    return [(line.item.kind, line.item.id) for line in page.model.lines]


def test_the_way_of_a_value(window: Window, qtbot: QtBot, shop: tuple[Path, list[str]]) -> None:
    root, runs = shop
    page = open_page(window, root)
    qtbot.waitUntil(lambda: page.name.findData("order") > 0 and "press Enter" in page.empty.text.text(), timeout=LONG)
    QTest.keyClicks(page.search, "nobody")
    QTest.keyClick(page.search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.empty.text.text() == "No run and no event holds this value.", timeout=LONG)
    page.search.clear()
    QTest.keyClicks(page.search, VALUE)
    QTest.keyClick(page.search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: len(stations(page)) == 3, timeout=LONG)
    assert stations(page) == [("run", runs[0]), ("run", runs[2]), ("event", "1")]
    assert page.model.lines[0].cells[3].text == f"order = {VALUE}"
    assert page.told.text() == "3 stations, the earliest first"
    page.table.setFocus()
    page.table.setCurrentIndex(page.model.index(1, 0))
    QTest.keyClick(page.table, Qt.Key.Key_Return)
    opened = window.desk.supervising.view.page
    assert isinstance(opened, RunsView)
    qtbot.waitUntil(lambda: opened.run.info is not None and opened.run.info.id == runs[2], timeout=LONG)
    assert not window.actions_["key_erase"].isEnabled()


def test_a_value_is_erased_only_when_it_is_typed_again(window: Window, qtbot: QtBot, shop: tuple[Path, list[str]]) -> None:
    root, _runs = shop
    page = open_page(window, root)
    qtbot.waitUntil(lambda: page.name.findData("order") > 0, timeout=LONG)
    page.search.setText("ORD")
    page.prefix.click()
    qtbot.waitUntil(lambda: bool(stations(page)), timeout=LONG)
    page.table.setCurrentIndex(page.model.index(0, 0))
    window.actions_["key_erase"].trigger()
    dialog = window.findChild(Erasing, "erasing")
    assert dialog is not None and dialog.value.text() == VALUE, "the value that was found, not what it begins with"
    qtbot.waitUntil(lambda: "2 runs lose their kept data" in dialog.plan.text(), timeout=LONG)
    assert not dialog.do.isEnabled()
    QTest.keyClicks(dialog.reason, "asked by letter")
    QTest.keyClicks(dialog.again, "ORD")
    assert not dialog.do.isEnabled()
    dialog.again.clear()
    QTest.keyClicks(dialog.again, VALUE)
    assert dialog.do.isEnabled()
    QTest.keyClick(dialog.do, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: page.empty.text.text() == "No run and no event holds this value.", timeout=LONG)
    for path in (root / ".tisserand").rglob("*.sqlite"):
        db = sqlite3.connect(path)
        text = "\n".join(db.iterdump())
        db.close()
        assert VALUE not in text, path.name
