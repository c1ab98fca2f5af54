"""Tab goes through the whole window and out of every part of it, and where it is can be seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from tisserand.ui.window import Window

LONG = 60_000


def seen(window: Window) -> QImage:
    QApplication.processEvents()
    return window.grab().toImage()


def part(image: QImage, window: Window, widget: QWidget) -> QImage:
    """What is seen of a widget, with the little that may be drawn around it."""
    corner = widget.mapTo(window, widget.rect().topLeft())
    return image.copy(widget.rect().translated(corner).adjusted(-2, -2, 2, 2))


def round_trip(window: Window, key: Qt.Key, most: int = 200) -> tuple[list[QWidget], list[str]]:
    """The widgets that have the focus in turn until it is back where it began, and those of which that cannot be seen."""
    first = QApplication.focusWidget()
    assert first is not None
    found, blind = [first], []
    before = seen(window)
    for _step in range(most):
        old = QApplication.focusWidget()
        QTest.keyClick(old, key)
        now = QApplication.focusWidget()
        assert now is not None and now.isVisible(), f"the focus is lost behind {old}"
        after = seen(window)
        if now is old:  # the canvas goes on to its next card
            before = after
            continue
        if part(before, window, now) == part(after, window, now):
            words = now.accessibleName() or now.objectName() or getattr(now, "text", str)()
            blind.append(f"{type(now).__name__} “{words}”")
        before = after
        if now is first:
            return found, blind
        found.append(now)
    raise AssertionError(f"Tab never came back; last: {[type(widget).__name__ for widget in found[-5:]]}")


@pytest.mark.parametrize("key", [Qt.Key.Key_Tab, Qt.Key.Key_Backtab])
@pytest.mark.parametrize("tab", ["data", "problems", "outline", "log"])
def test_tab_goes_everywhere_and_is_seen(window: Window, demo: Path, qtbot: QtBot, key: Qt.Key, tab: str) -> None:
    window.desk.load(demo)
    qtbot.waitUntil(lambda: not window.desk.disk.loading and bool(window.desk.findings.schemas), timeout=LONG)
    window.scene.select(["paid"])
    if tab == "data":
        with qtbot.waitSignal(window.runner.finished, timeout=LONG):
            window.actions_["run"].trigger()
        qtbot.waitUntil(lambda: window.data.grid.total > 0, timeout=LONG)
    if tab == "problems":
        window.document.set_config("paid", "where", "")
        qtbot.waitUntil(lambda: bool(window.desk.problems), timeout=LONG)
    window.show_side("bottom", getattr(window, tab))
    window.palette_panel.search.setFocus()
    found, blind = round_trip(window, key)
    bottom = {"data": window.data.grid, "problems": window.problems.list, "outline": window.outline, "log": window.log}[tab]
    wanted = [
        window.menu_button,
        window.palette_panel.search,
        window.palette_panel.tree,
        window.canvas,
        window.tabs.tabBar(),
        bottom,
    ]
    missing = [widget for widget in wanted if widget not in found]
    assert not missing and any(window.inspector.isAncestorOf(widget) for widget in found), missing
    assert blind == []
