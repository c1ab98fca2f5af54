"""The outline: the flow as a list with states in words, in step with the canvas, by keys alone."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tisserand.ui.window import Window

LONG = 60_000


def lines(window: Window) -> list[tuple[str, str, str]]:
    outline = window.outline
    items = [outline.topLevelItem(row) for row in range(outline.topLevelItemCount())]
    return [(item.text(0), item.text(1), item.text(2)) for item in items if item is not None]


def test_the_outline_follows_the_flow_and_its_runs(window: Window, demo: Path, qtbot: QtBot) -> None:
    window.desk.load(demo)
    qtbot.waitUntil(lambda: not window.desk.disk.loading, timeout=LONG)
    window.scene.select(["named"])
    QTest.keyClick(window, Qt.Key.Key_O, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    outline = window.outline
    assert QApplication.focusWidget() is outline
    # What was selected on the canvas before the outline was first seen stays selected.
    assert list(window.scene.selection) == ["named"] and outline.currentItem().text(0) == "Join on customer"
    names = [line[0] for line in lines(window)]
    assert sorted(names) == sorted(card.shown.title for card in window.scene.cards.values())
    for before, after in (
        ("Orders", "Worth 100 or more"),
        ("Customers", "Join on customer"),
        ("Sum by country", "Write to lake"),
    ):
        assert names.index(before) < names.index(after)
    assert {line[0]: line[2] for line in lines(window)}["Join on customer"] == "Worth 100 or more, Customers"

    # Keys choose here, and the canvas follows; and the other way round.
    QTest.keyClick(outline, Qt.Key.Key_Down)
    chosen = window.scene.cards[next(iter(window.scene.selection))].shown.title
    assert chosen == outline.currentItem().text(0)
    window.scene.select(["lake"])
    assert outline.currentItem().text(0) == "Write to lake"

    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        QTest.keyClick(window, Qt.Key.Key_F5)
    qtbot.waitUntil(lambda: all(line[1].startswith("Done") for line in lines(window)), timeout=LONG)
    window.desk.show_outline()
    tree = QAccessible.queryAccessibleInterface(outline)
    said = [tree.child(index).text(QAccessible.Text.Name) for index in range(tree.childCount())]
    assert any(text.startswith("Orders: Done · 12,480 rows") for text in said), said


def test_enter_opens_the_settings_and_undo_is_followed(window: Window, demo: Path, qtbot: QtBot) -> None:
    window.desk.load(demo)
    qtbot.waitUntil(lambda: not window.desk.disk.loading, timeout=LONG)
    window.desk.show_outline()
    window.scene.select(["paid"])
    QTest.keyClick(window.outline, Qt.Key.Key_Return)
    assert window.inspector.isAncestorOf(QApplication.focusWidget())
    window.desk.editing.delete()
    assert "Worth 100 or more" not in [line[0] for line in lines(window)]
    window.actions_["undo"].trigger()
    assert "Worth 100 or more" in [line[0] for line in lines(window)]
