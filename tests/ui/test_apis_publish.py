"""*Publish as API* from the canvas to an answer of the real process: five fields, what speaks against it, a test call in place."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from tests.ui import made_apis as made

from tisserand.ui.apis.publishing import PublishDialog
from tisserand.ui.window import Window

LONG = 60_000
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
LEFT = Qt.MouseButton.LeftButton
PLAIN = """tisserand: 1
id: plain
title: Nothing to ask
nodes:
  orders: {kind: data.table, config: {columns: {id: integer}, rows: [[1]]}}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    (root / "flows").mkdir(parents=True)
    (root / "tisserand.yaml").write_text("")
    (root / "flows" / "price.yaml").write_text(made.PRICE.replace("id: trigger-request", "id: price"))
    (root / "flows" / "plain.yaml").write_text(PLAIN)
    return root


@pytest.fixture
def served(shop: Path) -> Iterator[Path]:
    """The workspace with its executor: a process of its own, which runs those of published flows."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "tisserand.cli.main", "serve", "--workspace", str(shop)],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    told = shop / ".tisserand" / "executor.json"
    end = time.monotonic() + 60
    while not told.is_file() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    assert told.is_file()
    yield shop
    process.terminate()
    process.wait(timeout=30)


def asked(window: Window, path: Path, qtbot: QtBot) -> PublishDialog:
    window.desk.load(path)
    qtbot.waitUntil(lambda: not window.desk.disk.loading, timeout=LONG)
    # Without a screen, nobody gives the window the keyboard back when a dialog closes.
    window.activateWindow()
    QTest.qWaitForWindowActive(window, 5000)
    QTest.keyClick(window, Qt.Key.Key_P, CONTROL | SHIFT)
    return next(each for each in window.findChildren(PublishDialog) if each.isVisible())


def test_five_fields_and_an_answer(window: Window, qtbot: QtBot, served: Path) -> None:
    dialog = asked(window, served / "flows" / "price.yaml", qtbot)
    qtbot.waitUntil(dialog.publish.isEnabled, timeout=LONG)
    fields = [dialog.id.text(), dialog.name.text(), dialog.version.text(), dialog.path.text(), dialog.mode.currentData()]
    assert fields == ["price", "Price of an order", "1", "/price", "sync"]
    assert dialog.told.text() == "Every row goes through by itself: answers take milliseconds."
    dialog.id.setFocus()
    dialog.id.selectAll()
    QTest.keyClicks(dialog.id, "Price!")
    assert dialog.path.text() == "/Price!", "the path follows the id"
    QTest.keyClick(dialog.id, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dialog.told.property("role") == "error", timeout=LONG)
    assert not (served / "apis").exists() or not list((served / "apis").iterdir())
    dialog.id.selectAll()
    QTest.keyClicks(dialog.id, "prices")
    QTest.keyClick(dialog.id, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dialog.detail is not None, timeout=LONG)
    data = yaml.safe_load((served / "apis" / "prices-1.yaml").read_text())
    assert data["lifecycle"] == "published" and data["upstream"]["flow"] == "price"
    trying = dialog.trying
    assert "/prices/v1" in trying.address.text() and "/price" in json.loads(trying.document.toPlainText())["paths"]
    assert trying.operation.currentText() == "POST /price" and list(trying.fields) == ["X-Tenant"]
    body: Any = json.loads(trying.body.toPlainText())
    assert body == {"order": {"id": 1001}, "quantity": 12, "unit_price": 4.5, "country": "FR"}

    def answered() -> bool:
        if trying.send.isEnabled() and not trying.status.text().startswith("Status 200"):
            QTest.mouseClick(trying.send, LEFT)  # the process may still be starting
        qtbot.wait(200)
        return trying.status.text().startswith("Status 200")

    qtbot.waitUntil(answered, timeout=LONG)
    # 12 × 4.5 = 54, 5 % off from ten pieces on, 20 % tax in France
    [row] = [json.loads(trying.answer.toPlainText())]
    assert row == {"order_id": 1001, "country": "FR", "gross": 54.0, "discount": 2.7, "tax": pytest.approx(10.26), "total": 61.56}
    assert "content-type: application/json" in trying.headers.toPlainText().lower()
    body["quantity"] = "twelve"
    trying.body.setPlainText(json.dumps(body))
    trying.send.setFocus()
    QTest.keyClick(trying.send, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: trying.send.isEnabled() and trying.status.property("role") == "warning", timeout=LONG)
    assert "quantity" in trying.answer.toPlainText()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)


def test_a_flow_that_cannot_answer_says_why(window: Window, qtbot: QtBot, shop: Path) -> None:
    dialog = asked(window, shop / "flows" / "plain.yaml", qtbot)
    qtbot.waitUntil(lambda: dialog.told.property("role") == "error", timeout=LONG)
    assert "Request" in dialog.told.text() and not dialog.publish.isEnabled() and not dialog.instead.isVisible()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)


def test_a_slow_flow_is_offered_a_job(window: Window, qtbot: QtBot, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tisserand.service.published import suits

    monkeypatch.setattr(suits, "SLOW", -1.0)
    monkeypatch.setattr(suits, "_durations", _slow)
    dialog = asked(window, shop / "flows" / "price.yaml", qtbot)
    qtbot.waitUntil(dialog.publish.isEnabled, timeout=LONG)
    assert dialog.mode.currentData() == "async" and not dialog.instead.isVisible(), "what suits it is chosen"
    dialog.mode.setCurrentIndex(dialog.mode.findData("sync"))
    assert dialog.instead.isVisible() and "takes its time" in dialog.told.text()
    QTest.mouseClick(dialog.instead, LEFT)
    assert dialog.mode.currentData() == "async" and not dialog.instead.isVisible()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)


def _slow(_id: str, _journal: object) -> Any:
    """As if its runs had taken long: what is told of them is tested where they are measured."""
    from tisserand.model.problem import Problem
    from tisserand.texts import msg

    yield Problem("published.slow", msg("It takes its time."), None, severity="warning")


def test_what_is_not_saved_is_saved_first(window: Window, qtbot: QtBot, shop: Path) -> None:
    path = shop / "flows" / "price.yaml"
    window.desk.load(path)
    qtbot.waitUntil(lambda: not window.desk.disk.loading, timeout=LONG)
    window.document.set_config("priced", "missing", 404)
    assert not window.document.is_saved
    QTest.keyClick(window, Qt.Key.Key_P, CONTROL | SHIFT)
    assert window.document.is_saved and yaml.safe_load(path.read_text())["nodes"]["priced"].get("config", {}) != {"missing": 422}
    dialog = next(each for each in window.findChildren(PublishDialog) if each.isVisible())
    qtbot.waitUntil(dialog.publish.isEnabled, timeout=LONG)
    assert QApplication.focusWidget() is not None
    QTest.keyClick(dialog, Qt.Key.Key_Escape)


def test_without_a_reply_or_an_executor_it_is_said_in_place(window: Window, qtbot: QtBot, shop: Path) -> None:
    path = shop / "flows" / "price.yaml"
    flow = yaml.safe_load(path.read_text())
    reply = next(name for name, node in flow["nodes"].items() if node["kind"].endswith("reply"))
    silent = {**flow, "id": "silent", "nodes": {name: node for name, node in flow["nodes"].items() if name != reply}}
    silent["layout"] = {name: at for name, at in flow.get("layout", {}).items() if name != reply}
    (shop / "flows" / "silent.yaml").write_text(yaml.safe_dump(silent, sort_keys=False))
    dialog = asked(window, shop / "flows" / "silent.yaml", qtbot)
    qtbot.waitUntil(lambda: dialog.told.property("role") == "error", timeout=LONG)
    assert "reply" in dialog.told.text().lower() and not dialog.publish.isEnabled()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    dialog = asked(window, path, qtbot)
    qtbot.waitUntil(dialog.publish.isEnabled, timeout=LONG)
    QTest.mouseClick(dialog.publish, LEFT)
    qtbot.waitUntil(lambda: dialog.detail is not None, timeout=LONG)
    QTest.mouseClick(dialog.trying.send, LEFT)
    qtbot.waitUntil(lambda: dialog.trying.status.property("role") == "error", timeout=LONG)
    assert "tisserand serve" in dialog.trying.status.text() and dialog.trying.send.isEnabled()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
