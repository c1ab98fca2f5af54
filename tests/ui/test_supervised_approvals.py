"""Questions of runs that really wait, in the designer: the rows that are decided about, and the answers; SQL says what the journal has."""

from __future__ import annotations

import getpass
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import RunRequest
from tisserand.ui.supervision.approvals import ApprovalsView
from tisserand.ui.window import Window

LONG = 20_000
ALT, SHIFT = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ShiftModifier
FLOW = """tisserand: 1
id: pay
title: Pay the orders
nodes:
  orders: {kind: data.table, config: {columns: {id: integer, customer: text}, rows: [[1, Ada], [2, Bo], [4, Chloé]]}}
  ask: {kind: flow.approve, inputs: {table: orders}, config: {question: "Pay these orders?", comment: COMMENT}}
  yes: {kind: flow.log, inputs: {table: ask.approved}, config: {message: Paid}}
"""


@pytest.fixture
def executor(tmp_path: Path) -> Iterator[LocalExecutor]:
    root = tmp_path / "shop"
    (root / "flows").mkdir(parents=True)
    (root / "tisserand.yaml").write_text("")
    made = LocalExecutor(root)
    yield made
    made.close()


def ask(executor: LocalExecutor, qtbot: QtBot, comment: str = "optional") -> str:
    (executor.root / "flows" / "pay.yaml").write_text(FLOW.replace("COMMENT", comment))
    run = executor.start(RunRequest(file="flows/pay.yaml"))
    qtbot.waitUntil(lambda: executor.run(run).state == "waiting", timeout=LONG)
    return run


def open_page(window: Window, root: Path) -> ApprovalsView:
    window.runner.root = root
    QTest.keyClick(window, Qt.Key.Key_0, ALT)
    page = window.desk.supervising.view.page
    assert isinstance(page, ApprovalsView)
    return page


def answers(root: Path) -> list[tuple[str, str, str]]:
    db = sqlite3.connect(root / ".tisserand" / "journal.sqlite")
    try:
        found = [json.loads(data) for (data,) in db.execute("SELECT data FROM events WHERE kind = 'wait.answered' ORDER BY seq")]
    finally:
        db.close()
    return [(each["decision"], each.get("comment", ""), each.get("by", "")) for each in found]


def test_a_question_is_answered_by_keys(window: Window, qtbot: QtBot, executor: LocalExecutor) -> None:
    run = ask(executor, qtbot, "required")
    page = open_page(window, executor.root)
    qtbot.waitUntil(lambda: page.detail.rows.total == 3, timeout=LONG)
    assert page.detail.text.text() == "Pay these orders?" and page.detail.count.text() == "3 rows"
    assert [page.detail.rows.value(row, 1) for row in range(3)] == ["Ada", "Bo", "Chloé"]
    window.desk.supervising.lookout.look()
    qtbot.waitUntil(lambda: window.desk.supervising.lookout.seen.badges.get("approvals_page") == 1, timeout=LONG)
    page.table.setFocus()
    QTest.keyClick(page.table, Qt.Key.Key_Return)
    assert QApplication.focusWidget() is page.detail.comment
    QTest.keyClick(page.detail.comment, Qt.Key.Key_G, ALT | SHIFT)
    assert page.detail.wrong.isVisible() and "needs a comment" in page.detail.wrong.text() and answers(executor.root) == []
    QTest.keyClicks(page.detail.comment, "all three are right")
    page.refresh()
    qtbot.wait(300)
    assert page.detail.comment.text() == "all three are right", "a look leaves what is typed"
    QTest.keyClick(page.detail.comment, Qt.Key.Key_G, ALT | SHIFT)
    qtbot.waitUntil(lambda: page.empty.text.text().startswith("Nobody is asked"), timeout=LONG)
    assert answers(executor.root) == [("approved", "all three are right", getpass.getuser())]
    assert executor.run(run).state in ("waiting", "queued", "running", "done")
    assert not window.actions_["ask_approve"].isEnabled()


def test_one_of_two_is_rejected(window: Window, qtbot: QtBot, executor: LocalExecutor) -> None:
    runs = [ask(executor, qtbot), ask(executor, qtbot)]
    page = open_page(window, executor.root)
    qtbot.waitUntil(lambda: len(page.model.lines) == 2, timeout=LONG)
    assert [line.item.run for line in page.model.lines] == runs, "what is asked longest comes first"
    page.table.setFocus()
    QTest.keyClick(page.table, Qt.Key.Key_Down)
    QTest.keyClick(page.table, Qt.Key.Key_J, ALT | SHIFT)
    qtbot.waitUntil(lambda: [line.item.run for line in page.model.lines] == runs[:1], timeout=LONG)
    assert answers(executor.root) == [("rejected", "", getpass.getuser())]
    window.desk.supervising.show("runs_page")
    assert not window.actions_["ask_reject"].isEnabled()
