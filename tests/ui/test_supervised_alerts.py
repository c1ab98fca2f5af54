"""Alerts in the designer: runs that really fail, alerts raised by the executor's own rules, seen, acknowledged and silenced by keys."""

from __future__ import annotations

import getpass
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QDialog, QLineEdit
from pytestqt.qtbot import QtBot

from tisserand.service.alerts.part import Alerting
from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import RunRequest
from tisserand.ui.supervision.alerts import AlertsView
from tisserand.ui.supervision.badges import COUNT
from tisserand.ui.supervision.runs import RunsView
from tisserand.ui.tray import Tray
from tisserand.ui.window import Window

LONG = 20_000
ALT, SHIFT, CONTROL = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
FLOW = """tisserand: 1
id: {id}
title: The {id}
nodes:
  read: {{kind: file.read_csv, config: {{path: data/{id}.csv}}}}
  out: {{kind: file.write_csv, inputs: {{table: read}}, config: {{path: out/{id}.csv}}}}
"""


class Shop:
    """A workspace with an executor in this process, whose flows read files that are not there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "flows").mkdir(parents=True)
        (root / "tisserand.yaml").write_text("")
        self.executor = LocalExecutor(root)
        self.alerting = Alerting(self.executor)
        self.alerting.following.look()

    def fail(self, flow: str) -> str:
        (self.root / "flows" / f"{flow}.yaml").write_text(FLOW.format(id=flow))
        run = self.executor.start(RunRequest(file=f"flows/{flow}.yaml"))
        assert self.executor.wait(run).state == "failed"
        self.alerting.following.look()
        return run

    def sql(self, query: str) -> list[tuple]:
        db = sqlite3.connect(self.root / ".tisserand" / "alerts.sqlite")
        try:
            return db.execute(query).fetchall()
        finally:
            db.close()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path / "shop")
    yield made
    made.alerting.delivery.stop()
    made.executor.close()


def open_page(window: Window, shop: Shop, qtbot: QtBot) -> AlertsView:
    window.runner.root = shop.root
    QTest.keyClick(window, Qt.Key.Key_8, ALT)
    view = window.desk.supervising.view
    assert view is not None
    page = view.page
    assert isinstance(page, AlertsView)
    return page


def test_a_failed_run_is_seen_acknowledged_and_opened(window: Window, qtbot: QtBot, shop: Shop) -> None:
    page = open_page(window, shop, qtbot)
    qtbot.waitUntil(lambda: page.empty.text.text().startswith("Nothing is unusual"), timeout=LONG)
    first = shop.fail("orders")
    second = shop.fail("orders")
    page.refresh()

    def named() -> bool:
        page.ground.learn_names(anew=True)
        return len(page.model.lines) == 1 and page.model.lines[0].cells[2].text == "The orders"

    qtbot.waitUntil(named, timeout=LONG)
    (line,) = page.model.lines
    assert [cell.text for cell in line.cells[:2]] == ["Serious", "Run failed"] and line.cells[5].text == "2"
    assert "data/orders.csv" in line.cells[3].text and line.spoken.startswith("Serious, Run failed, The orders, ")
    assert page.detail.text.text().startswith("At its node “read”") and page.detail.fix.text()
    page.detail.remark.setFocus()
    QTest.keyClicks(page.detail.remark, "the file comes at noon")
    QTest.keyClick(page.detail.remark, Qt.Key.Key_B, ALT | SHIFT)
    qtbot.waitUntil(lambda: page.model.lines[0].cells[0].text == "Known", timeout=LONG)
    assert shop.sql("SELECT ack_by, ack_why FROM alerts") == [(getpass.getuser(), "the file comes at noon")]
    assert not window.actions_["alert_acknowledge"].isEnabled() and "the file comes at noon" in page.detail.more.text()
    page.table.setFocus()
    QTest.keyClick(page.table, Qt.Key.Key_Return)
    runs = window.desk.supervising.view.page
    assert isinstance(runs, RunsView)
    qtbot.waitUntil(lambda: runs.open_run and runs.run.info is not None and runs.run.info.id == second, timeout=LONG)
    assert first != second and not window.actions_["alert_silence"].isEnabled()


def test_silences_are_made_and_ended(window: Window, qtbot: QtBot, shop: Shop) -> None:
    shop.fail("orders")
    page = open_page(window, shop, qtbot)
    qtbot.waitUntil(lambda: bool(page.model.lines), timeout=LONG)
    page.table.setFocus()
    QTest.keyClick(page.table, Qt.Key.Key_Q, ALT | SHIFT)
    dialog = window.findChild(QDialog, "silence")
    assert dialog is not None
    span, what = dialog.findChildren(QComboBox)
    qtbot.waitUntil(lambda: QApplication.focusWidget() is span, timeout=LONG)
    QTest.keyClick(span, Qt.Key.Key_Down)
    QTest.keyClick(what, Qt.Key.Key_Down)
    QTest.keyClicks(dialog.findChild(QLineEdit), "works on the line")
    before = time.time()
    QTest.keyClick(dialog.findChild(QLineEdit), Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.model.lines[0].cells[0].text == "Silent", timeout=LONG)
    ((flow, rule, until, why),) = shop.sql("SELECT flow, rule, until, why FROM silences")
    assert (flow, rule, why) == ("orders", None, "works on the line") and abs(until - before - 8 * 3600) < 60
    page.chips["silences"].click()
    qtbot.waitUntil(lambda: len(page.model.lines) == 1 and page.model.lines[0].cells[1].text == "Everything", timeout=LONG)
    window.activateWindow()
    page.table.setFocus()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is page.table, timeout=LONG)
    QTest.keyClick(page.table, Qt.Key.Key_U, ALT | SHIFT)
    qtbot.waitUntil(lambda: shop.sql("SELECT count(*) FROM silences") == [(0,)], timeout=LONG)
    qtbot.waitUntil(lambda: page.empty.text.text().startswith("Nothing is silent"), timeout=LONG)


def test_badges_and_the_tray_say_what_is_new(window: Window, qtbot: QtBot, shop: Shop) -> None:
    shop.fail("orders")
    supervising = window.desk.supervising
    tray = Tray(window, supervising.lookout)
    said: list[str] = []
    tray.said.connect(lambda title, text: said.append(f"{title}: {text}"))
    window.runner.root = shop.root
    supervising.lookout.look()
    qtbot.waitUntil(lambda: len(supervising.lookout.seen.alerts) == 1, timeout=LONG)
    assert said == [], "what was there before the window is no news"
    assert window.actions_["supervision"].iconText() == "Supervision (1)"
    assert tray.state() == "stopped" and tray.icon.toolTip().endswith("The executor is not running") and not tray.end.isEnabled()
    view = supervising.show("runs_page")
    item = next(view.list.item(row) for row in range(view.list.count()) if view.list.item(row).text() == "Alerts")
    assert item.data(COUNT) == 1 and item.data(Qt.ItemDataRole.AccessibleTextRole) == "Alerts, 1"
    shop.fail("invoices")
    supervising.lookout.look()
    qtbot.waitUntil(lambda: bool(said), timeout=LONG)
    assert len(said) == 1 and said[0].startswith("Run failed: invoices: At its node “read”")
    supervising.lookout.look()
    qtbot.waitUntil(lambda: not supervising.lookout._under_way, timeout=LONG)
    assert len(said) == 1, "each alert is told once"
    tray.pause.trigger()
    qtbot.waitUntil(lambda: supervising.lookout.seen.paused, timeout=LONG)
    assert shop.executor.queue.standing().paused is not None and tray.pause.text() == "Go on with everything"
    tray.pause.trigger()
    qtbot.waitUntil(lambda: not supervising.lookout.seen.paused, timeout=LONG)
    supervising.leave()
    tray.icon.messageClicked.emit()
    assert supervising.shown and isinstance(supervising.view.page, AlertsView)


def test_the_tray_ends_an_executor_process(window: Window, qtbot: QtBot, shop: Shop) -> None:
    from tisserand.service.life import life, stop
    from tisserand.service.serve import ensure

    ensure(shop.root)
    try:
        window.runner.root = shop.root
        tray = Tray(window, window.desk.supervising.lookout)
        window.desk.supervising.lookout.look()
        qtbot.waitUntil(lambda: tray.state() == "ok", timeout=LONG)
        assert tray.icon.toolTip() == "Tisserand · All is well"
        tray.end.trigger()
        qtbot.waitUntil(lambda: tray.state() == "stopped", timeout=LONG)
        assert life(shop.root) is None
    finally:
        stop(shop.root)
