"""When a source has other columns than the flow was made for, one click accepts them."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tisserand.ui.window import Window

LONG = 60_000


def run(window: Window, qtbot: QtBot) -> None:
    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        QTest.keyClick(window, Qt.Key.Key_F5)
    QApplication.processEvents()


def test_other_columns_are_accepted_with_one_click(window: Window, demo: Path, qtbot: QtBot) -> None:
    window.desk.load(demo)
    qtbot.waitUntil(lambda: not window.desk.disk.loading, timeout=LONG)
    run(window, qtbot)
    lock = demo.with_suffix(".lock")
    assert "region" not in lock.read_text()
    assert not window.problems.relock.isVisible()

    source = demo.parent.parent / "data" / "customers.csv"
    source.write_text("customer,name,country,region\n0,Durand SA,FR,Sud\n1,Keller AG,DE,Nord\n")
    run(window, qtbot)
    assert window.tabs.currentWidget() is window.problems
    assert window.problems.relock.isVisible()

    QTest.mouseClick(window.problems.relock, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "region" in lock.read_text(), timeout=LONG)
    qtbot.waitUntil(lambda: not window.problems.relock.isVisible(), timeout=LONG)
    assert "region" in [column.name for column in window.desk.findings.schemas["customers"]["rows"].columns]
    run(window, qtbot)
    assert window.scene.cards["lake"].standing.state == "done"


def test_an_unsaved_flow_has_no_lock(window: Window) -> None:
    window.actions_["relock"].trigger()
    assert "Save the flow first" in window.statusBar().currentMessage()
