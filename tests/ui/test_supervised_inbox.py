"""The inbox in the designer: real events in a real store, mended, resubmitted and discarded by keys; SQL says what became of them."""

from __future__ import annotations

import getpass
import json
import sqlite3
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from tisserand.sdk import Arrived
from tisserand.service.inbox.here import FILE as STORE
from tisserand.service.inbox.store import InboxStore
from tisserand.service.local import LocalExecutor
from tisserand.ui.supervision.inbox import InboxView
from tisserand.ui.window import Window

LONG = 20_000
CONTROL, SHIFT, ALT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.AltModifier
FLOW = """tisserand: 1
id: orders
title: Orders by webhook
nodes:
  arrives:
    kind: trigger.webhook
    config:
      secret: secret:shop-hook
      columns:
      - {column: number, type: int64}
      - {column: customer}
      - {column: amount, type: "decimal(10, 2)"}
      - {column: lines, type: json}
"""
FILE = "flows/orders.yaml"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    (folder / "flows").mkdir(parents=True)
    (folder / "tisserand.yaml").write_text("")
    (folder / FILE).write_text(FLOW)
    LocalExecutor(folder).close()
    store = InboxStore(folder / ".tisserand" / STORE)
    rows = [{"number": n, "customer": f"c{n}", "amount": "12.50", "lines": [{"item": n}]} for n in range(5)]
    store.keep(FILE, "arrives", [Arrived(row, f"order-{row['number']}") for row in rows])
    batch = store.take(FILE, "arrives", 3, float("inf"))
    store.began(batch.label, "20261125-000000-0000000")
    broken = {"id": "The shop did not answer: {status}.", "args": {"status": 502}}
    store.dead(batch.label, {"code": "x", "message": broken, "fix": None, "place": {}, "severity": "error"})
    store.close()
    return folder


def sql(root: Path, query: str) -> list[tuple]:
    db = sqlite3.connect(root / ".tisserand" / STORE)
    try:
        return db.execute(query).fetchall()
    finally:
        db.close()


def open_page(window: Window, root: Path, qtbot: QtBot) -> InboxView:
    window.runner.root = root
    QTest.keyClick(window, Qt.Key.Key_9, CONTROL)
    view = window.desk.supervising.view
    assert view is not None
    page = view.page
    assert isinstance(page, InboxView)
    qtbot.waitUntil(
        lambda: page.table.model().index(0, 1).data() == "Orders by webhook" and "  " in page.chips["dead"].text(), timeout=LONG
    )
    return page


def keys(page: InboxView) -> list[str]:
    return [line.item.key for line in page.model.lines]


def test_the_dead_come_first_with_what_went_wrong(window: Window, qtbot: QtBot, root: Path) -> None:
    page = open_page(window, root, qtbot)
    assert keys(page) == ["order-2", "order-1", "order-0"]
    assert (page.chips["dead"].text(), page.chips["waiting"].text()) == ("Given up  3", "Waits for a run  2")
    assert page.form.error.text() == "The shop did not answer: 502."
    assert {name: field.text() for name, field in page.form.fields.items()} == {
        "number": "2", "customer": "c2", "amount": "12.50", "lines": '[{"item": 2}]',
    }  # fmt: skip
    spoken = page.model.index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken.startswith("Given up, Orders by webhook, ") and spoken.endswith("order-2, The shop did not answer: 502.")
    page.chips[""].click()
    qtbot.waitUntil(lambda: len(keys(page)) == 5, timeout=LONG)
    page.search.setFocus()
    QTest.keyClicks(page.search, "c4")
    QTest.keyClick(page.search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: keys(page) == ["order-4"], timeout=LONG)
    QTest.keyClicks(page.search, "nothing")
    qtbot.waitUntil(lambda: page.stack.currentWidget() is page.empty, timeout=LONG)
    assert not page.form.isVisible() and page.empty.text.text() == "No event fits this filter."
    page.empty.button.click()
    qtbot.waitUntil(lambda: len(keys(page)) == 5, timeout=LONG)


def test_a_row_is_mended_by_keys_and_goes_out_again(window: Window, qtbot: QtBot, root: Path) -> None:
    page = open_page(window, root, qtbot)
    QTest.keyClick(page.table, Qt.Key.Key_Return)
    assert QApplication.focusWidget() is page.form.fields["number"].editor
    number = page.form.fields["number"].editor
    assert isinstance(number, QLineEdit)
    number.selectAll()
    QTest.keyClicks(number, "many")
    QTest.keyClick(number, Qt.Key.Key_K, ALT | SHIFT)
    qtbot.waitUntil(lambda: bool(page.form.fields["number"].wrong.text()), timeout=LONG)
    assert "many" in page.form.fields["number"].wrong.text() and page.form.fields["number"].wrong.isVisible()
    assert sql(root, "SELECT json_extract(row, '$.number') FROM events WHERE id = 3") == [(2,)], "nothing was kept"
    # Another event is looked at meanwhile: what was typed is still there.
    page.table.setCurrentIndex(page.model.index(1, 0))
    assert page.form.fields["number"].text() == "1"
    page.table.setCurrentIndex(page.model.index(0, 0))
    assert page.form.fields["number"].text() == "many"
    number = page.form.fields["number"].editor
    assert isinstance(number, QLineEdit)
    number.setFocus()
    number.selectAll()
    QTest.keyClicks(number, "17")
    # What was typed goes along when the event is resubmitted.
    QTest.keyClick(number, Qt.Key.Key_S, ALT | SHIFT)
    qtbot.waitUntil(lambda: keys(page) == ["order-1", "order-0"], timeout=LONG)
    assert sql(root, "SELECT state, json_extract(row, '$.number'), json_extract(row, '$.lines[0].item'), edited_by FROM events WHERE id = 3") == [
        ("waiting", 17, 2, getpass.getuser())
    ]  # fmt: skip
    assert page.table.currentIndex().row() == 0, "the next one took its place"


def test_as_json_and_what_is_none(window: Window, qtbot: QtBot, root: Path) -> None:
    page = open_page(window, root, qtbot)
    page.form.as_json.click()
    whole = page.form.whole
    assert whole is not None and json.loads(whole.toPlainText())["customer"] == "c2"
    whole.setPlainText("{")
    page.form.keep.click()
    assert page.form.wrong.isVisible() and page.form.wrong.text().startswith("This is no JSON")
    whole.setPlainText('{"number": 3, "colour": "red"}')
    page.form.keep.click()
    qtbot.waitUntil(lambda: "colour" in page.form.wrong.text(), timeout=LONG)
    whole.setPlainText('{"number": 3, "customer": "x", "amount": "1", "lines": []}')
    page.form.as_json.click()
    assert page.form.fields["customer"].text() == "x", "what was typed is taken along"
    page.form.keep.click()
    qtbot.waitUntil(lambda: not page.form.dirty, timeout=LONG)
    assert [json.loads(row) for (row,) in sql(root, "SELECT row FROM events WHERE id = 3")] == [
        {"number": 3, "customer": "x", "amount": "1", "lines": []}
    ]


def test_several_at_once(window: Window, qtbot: QtBot, root: Path) -> None:
    page = open_page(window, root, qtbot)
    page.table.setFocus()
    QTest.keyClick(page.table, Qt.Key.Key_Down, SHIFT)
    assert page.form.title.text() == "2 events are chosen" and not window.actions_["event_edit"].isEnabled()
    QTest.keyClick(page.table, Qt.Key.Key_D, ALT | SHIFT)
    qtbot.waitUntil(lambda: keys(page) == ["order-0"], timeout=LONG)
    assert sql(root, "SELECT id, state FROM events ORDER BY id") == [
        (1, "dead"), (2, "discarded"), (3, "discarded"), (4, "waiting"), (5, "waiting"),
    ]  # fmt: skip
    window.desk.supervising.show("runs_page")
    assert not window.actions_["event_discard"].isEnabled(), "elsewhere it would act on what is not seen"
