"""What a screen reader finds and is told: every node with its state, without a panel that must be opened first."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tisserand.ui import announce
from tisserand.ui.window import Window

LONG = 60_000
TITLES = {
    "Orders",
    "Customers",
    "Worth 100 or more",
    "Join on customer",
    "Sum by country",
    "Write to lake",
    "Unknown customers",
}


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    """A screen reader that is switched on: the events it gets, and of what."""
    heard: list[tuple[str, str]] = []

    def listen(event: Any) -> None:
        told = event.message() if isinstance(event, QAccessibleAnnouncementEvent) else ""
        source = event.accessibleInterface()
        heard.append((event.type().name, told or (source.text(QAccessible.Text.Name) if source is not None else "")))
        QAccessible.updateAccessibility(event)

    monkeypatch.setattr(announce, "send", listen)
    QAccessible.setActive(True)
    yield heard
    QAccessible.setActive(False)


def opened(window: Window, demo: Path, qtbot: QtBot) -> Window:
    window.desk.load(demo)
    qtbot.waitUntil(lambda: not window.desk.disk.loading and bool(window.desk.findings.schemas), timeout=LONG)
    return window


def names(window: Window) -> list[str]:
    """Every name in the accessibility tree below the window, walked as a reader does, with what is hidden left out."""
    found: list[str] = []

    def walk(interface: Any) -> None:
        found.append(interface.text(QAccessible.Text.Name))
        for index in range(interface.childCount()):
            child = interface.child(index)
            if child is not None and child.isValid() and not child.state().invisible:
                walk(child)

    walk(QAccessible.queryAccessibleInterface(window))
    return found


def nodes(window: Window) -> Any:
    found = QAccessible.queryAccessibleInterface(window.node_list)
    return [found.child(row) for row in range(found.childCount())]


@pytest.mark.parametrize("tab", ["data", "problems", "log"])
def test_a_reader_walks_from_the_window_to_every_node(
    window: Window, demo: Path, qtbot: QtBot, reader: list[tuple[str, str]], tab: str
) -> None:
    opened(window, demo, qtbot).show_side("bottom", getattr(window, tab))
    assert not window.outline.isVisible()
    assert {name for name in names(window) if name.endswith(", Ready")} == {f"{title}, Ready" for title in TITLES}
    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        QTest.keyClick(window.canvas, Qt.Key.Key_F5)
    qtbot.waitUntil(lambda: not window.runner.running, timeout=LONG)
    done = {name.split(", ")[0] for name in names(window) if ", Done · " in name}
    assert done == TITLES
    assert any(name.startswith("Orders, Done · 12,480 rows · ") for name in names(window))


def test_without_a_reader_nothing_lies_over_the_canvas_and_yet_the_nodes_are_in_the_tree(
    window: Window, demo: Path, qtbot: QtBot
) -> None:
    opened(window, demo, qtbot)
    assert not window.node_list.isVisible()
    assert {node.text(QAccessible.Text.Name) for node in nodes(window)} == {f"{title}, Ready" for title in TITLES}
    parent = QAccessible.queryAccessibleInterface(window.node_list).parent()
    assert parent.object() is window.canvas.viewport()


def test_each_node_is_where_its_card_is(window: Window, demo: Path, qtbot: QtBot, reader: list[tuple[str, str]]) -> None:
    opened(window, demo, qtbot).canvas.fit()
    for shift in (0, 57):
        window.canvas.pan(shift, -shift)
        for node in nodes(window):
            card = next(
                card for card in window.scene.cards.values() if node.text(QAccessible.Text.Name).startswith(card.shown.title)
            )
            middle = window.canvas.viewport().mapToGlobal(window.canvas.mapFromScene(card.frame().center()))
            assert (node.rect().center() - middle).manhattanLength() <= 4, card.id


def test_what_lies_over_the_canvas_is_neither_seen_nor_in_the_way(window: Window, demo: Path, qtbot: QtBot) -> None:
    opened(window, demo, qtbot).canvas.fit()
    before = window.canvas.grab().toImage()
    QAccessible.setActive(True)
    try:
        window.desk.show_standings()
        window.canvas.pan(1, 0)
        window.canvas.pan(-1, 0)
        assert window.node_list.isVisible()
        assert window.canvas.grab().toImage() == before
        place = window.canvas.mapFromScene(window.scene.cards["paid"].frame().center())
        assert QApplication.widgetAt(window.canvas.viewport().mapToGlobal(place)) is window.canvas.viewport()
        QTest.mouseClick(window.canvas.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(place))
        assert list(window.scene.selection) == ["paid"]
    finally:
        QAccessible.setActive(False)


def test_a_reader_is_told_of_runs_nodes_and_edits(
    window: Window, demo: Path, qtbot: QtBot, reader: list[tuple[str, str]]
) -> None:
    opened(window, demo, qtbot)
    window.canvas.setFocus()
    QTest.keyClick(window.canvas, Qt.Key.Key_Right)
    first = next(iter(window.scene.selection))
    assert ("Focus", f"{window.scene.cards[first].shown.title}, Ready") in reader
    reader.clear()
    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        QTest.keyClick(window.canvas, Qt.Key.Key_F5)
    said = [text for kind, text in reader if kind == "Announcement"]
    assert said[0] == "Starting …" and said[-1].startswith("Done · ") and said.count("Running …") == 1, (
        said,
        window.desk.problems,
    )
    changed = {text.split(", ")[0] for kind, text in reader if kind == "NameChanged" and ", Done · " in text}
    assert changed == TITLES
    reader.clear()
    QTest.keyClick(window.canvas, Qt.Key.Key_D)
    assert ("NameChanged", f"{window.scene.cards[first].shown.title}, Switched off") in reader
    # An edit of the node that a reader stands on is no reason to read it out from the beginning.
    assert "Focus" not in {kind for kind, _text in reader}
    reader.clear()
    QTest.keyClick(window.canvas, Qt.Key.Key_Delete)
    assert any(kind == "Announcement" and "was removed" in text for kind, text in reader)


def test_nodes_come_and_go_under_a_reader(window: Window, demo: Path, qtbot: QtBot, reader: list[tuple[str, str]]) -> None:
    """Whatever a reader still holds: nothing falls, and the tree is that of the flow."""
    opened(window, demo, qtbot)
    for _round in range(10):
        held = nodes(window)
        window.scene.select(["paid", "named"])
        window.desk.editing.delete()
        assert {node.text(QAccessible.Text.Name).split(", ")[0] for node in nodes(window)} == TITLES - {
            "Worth 100 or more",
            "Join on customer",
        }
        window.document.undo()
        assert {node.text(QAccessible.Text.Name).split(", ")[0] for node in nodes(window)} == TITLES
        del held
        gc.collect()
