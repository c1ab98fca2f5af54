"""A node in three columns: what comes in, its settings, what goes out, before a run and after it."""

from __future__ import annotations

import json
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog
from pytestqt.qtbot import QtBot

from tisserand.ui.nodeview import NodeView
from tisserand.ui.window import Window

LONG = 60_000


def large(window: Window) -> NodeView:
    found = window.findChild(QDialog, "nodeview")
    assert isinstance(found, NodeView)
    return found


def test_three_columns_follow_the_settings(window: Window, demo: Path, qtbot: QtBot) -> None:
    window.desk.load(demo)
    qtbot.waitUntil(lambda: not window.desk.disk.loading and bool(window.desk.findings.schemas), timeout=LONG)
    window.scene.select(["paid"])
    window.activateWindow()
    QTest.keyClick(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    view = large(window)
    # Nothing has run: both sides are a look ahead.
    qtbot.waitUntil(lambda: view.input.grid.total == 200 and view.output.grid.total > 0, timeout=LONG)
    grid = view.output.grid
    where = grid.names.index("amount")
    assert all(float(grid.value(row, where) or 0) >= 100 for row in range(20))
    view.inspector._fields["where"][0].formula.text.setPlainText("amount >= 500")
    assert window.document.flow.nodes["paid"].config["where"] == "amount >= 500"
    qtbot.waitUntil(lambda: grid.total > 0 and float(grid.value(0, where) or 0) >= 500, timeout=LONG)
    # The ports of the node are there to choose from; the views show the same rows.
    assert [view.output.choice.itemText(index) for index in range(view.output.choice.count())] == ["Kept", "Rejected"] or (
        view.output.choice.count() == 2
    )
    QTest.mouseClick(view.input.views["schema"], Qt.MouseButton.LeftButton)
    assert view.input.text.toPlainText().split() == [
        "order_id", "integer", "customer", "integer", "amount", "number", "day", "date",
    ]  # fmt: skip
    QTest.mouseClick(view.output.views["json"], Qt.MouseButton.LeftButton)
    assert all(row["amount"] >= 500 for row in json.loads(view.output.text.toPlainText()))
    QTest.mouseClick(view.output.views["table"], Qt.MouseButton.LeftButton)
    # After a run they are all its rows.
    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        window.actions_["run"].trigger()
    qtbot.waitUntil(lambda: view.input.grid.total == 12_480, timeout=LONG)
    view.close()


def test_it_closes_with_its_node(window: Window, demo: Path, qtbot: QtBot) -> None:
    window.desk.load(demo)
    qtbot.waitUntil(lambda: not window.desk.disk.loading, timeout=LONG)
    window.scene.select(["orders"])
    window.actions_["enlarge"].trigger()
    view = large(window)
    assert "wired" in view.input.told.text()
    window.document.remove(("orders",))
    assert not view.isVisible()
