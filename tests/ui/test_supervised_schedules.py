"""Schedules in the designer, over a real ledger of due times: what comes, what became of the past, and the answers of a person."""

from __future__ import annotations

import importlib.util
import sqlite3
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import holidays
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tisserand.ui.supervision.schedules import SchedulesView
from tisserand.ui.supervision.year import kind_of
from tisserand.ui.window import Window

_spec = importlib.util.spec_from_file_location("schedules", Path(__file__).parents[1] / "service" / "schedules.py")
assert _spec is not None and _spec.loader is not None
made = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(made)

LONG = 20_000
ALT, SHIFT = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ShiftModifier
CALENDARS = "fr: {country: FR, open: [mon, tue, wed, thu, fri]}\n"
DAYS_DOWN = 3


@pytest.fixture
def world(tmp_path: Path) -> Any:
    """A flow due every day at noon UTC, that asks for what it missed in the last days; one of French working days; one without."""
    begin = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS_DOWN + 1)
    found = made.World(tmp_path / "w", f"{begin:%Y-%m-%d %H:%M}", CALENDARS)
    daily = found.flow('cron: "0 0 * * *", timezone: UTC, missed: ask, catch_up: 30d', "daily", head="title: Every night\n")
    found.flow('cron: "0 12 * * *", timezone: Europe/Paris, calendar: fr', "working", head="title: Working days\n")
    (found.root / "flows" / "plain.yaml").write_text("tisserand: 1\nid: plain\nnodes: {}\n")
    found.on(daily)
    found.up()
    found.now += 86_400 + 30
    found.tick()
    found.down()
    found.now = time.time()
    found.up()
    yield found
    found.close()


def open_page(window: Window, world: Any, qtbot: QtBot) -> SchedulesView:
    window.runner.root = world.root
    QTest.keyClick(window, Qt.Key.Key_7, ALT)
    view = window.desk.supervising.view
    assert view is not None
    page = view.page
    assert isinstance(page, SchedulesView)
    qtbot.waitUntil(lambda: len(page.model.lines) == 2 and len(page.behind.lines) > 1 and bool(page.ahead.lines), timeout=LONG)
    return page


def test_flows_with_times_and_their_year(window: Window, qtbot: QtBot, world: Any) -> None:
    page = open_page(window, world, qtbot)
    assert [[cell.text for cell in line.cells[:2]] for line in page.model.lines] == [
        ["Every night", "Active"],
        ["Working days", "Off"],
    ]
    assert page.model.lines[0].cells[3].text == f"{DAYS_DOWN} ask you"
    page.table.setFocus()
    QTest.keyClick(page.table, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: bool(page.ahead.lines) and page.ahead.lines[0].item.file == "flows/working.yaml", timeout=LONG)
    # What the grid shows of each day is what the calendar of the country says, asked without us.
    year, today = page.year.days, date.today()
    public = holidays.country_holidays("FR", years=[today.year, today.year + 1])
    day, seen = today + timedelta(days=1), set()
    while day < year.end:
        expected = "holiday" if day in public else "closed" if day.weekday() >= 5 else "due"
        assert kind_of(year.days.get(day, [])) == expected, day
        seen.add(expected)
        day += timedelta(days=1)
    assert seen == {"due", "closed", "holiday"}
    bastille = next(day for day in public if (day.month, day.day) == (7, 14) and today < day < year.end)
    page.tabs.setCurrentIndex(0)
    page.year.setFocus()
    page.year.choose(bastille - timedelta(days=1))
    QTest.keyClick(page.year, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: "holiday" in page.why.text() and "closed" not in page.why.text(), timeout=LONG)
    index = page.year.currentIndex()
    assert index.data() == "×" and "public holiday in the calendar “fr”" in index.data(Qt.ItemDataRole.AccessibleTextRole)
    assert page.year.days.flags(page.year.days.index(*page.year.days.place(bastille.replace(day=1)))) != Qt.ItemFlag.NoItemFlags
    february = (2 - year.begin.month) % 12
    assert page.year.days.flags(page.year.days.index(february, 30)) == Qt.ItemFlag.NoItemFlags, "there is no 31 February"


def test_what_is_asked_is_answered_by_keys(window: Window, qtbot: QtBot, world: Any) -> None:
    page = open_page(window, world, qtbot)
    assert page.tabs.currentWidget() is page.past, "what asks comes to the front"
    qtbot.waitUntil(lambda: page.verdict() is not None and "A person has to say" in page.why.text(), timeout=LONG)
    assert page.buttons["due_run"].isVisible() and window.actions_["due_leave"].isEnabled()
    page.table.setFocus()
    QTest.keyClick(page.table, Qt.Key.Key_Return)
    assert QApplication.focusWidget() is page.past
    dues = [line.item.due for line in page.behind.lines[:2]]

    def judged(due: int) -> str:
        db = sqlite3.connect(world.root / ".tisserand" / "schedule.sqlite")
        try:
            return str(db.execute("SELECT verdict FROM verdicts WHERE due = ?", (due,)).fetchone()[0])
        finally:
            db.close()

    QTest.keyClick(page.past, Qt.Key.Key_N, ALT | SHIFT)
    qtbot.waitUntil(lambda: judged(dues[0]) == "missed", timeout=LONG)
    qtbot.waitUntil(
        lambda: next(line.item.due for line in page.behind.lines if line.item.verdict == "asking") == dues[1], timeout=LONG
    )
    page.past.setCurrentIndex(page.behind.index(page.behind.row_of(("t", dues[1])) or 0, 0))
    started = len(world.started)
    QTest.keyClick(page.past, Qt.Key.Key_Y, ALT | SHIFT)
    qtbot.waitUntil(lambda: judged(dues[1]) == "ran", timeout=LONG)
    world.tick()
    assert len(world.started) == started + 1, "the executor starts it"
    window.desk.supervising.show("runs_page")
    assert not window.actions_["due_run"].isEnabled()


def test_none_has_times(window: Window, qtbot: QtBot, tmp_path: Path) -> None:
    world = made.World(tmp_path / "none")
    world.close()
    window.runner.root = world.root
    QTest.keyClick(window, Qt.Key.Key_7, ALT)
    page = window.desk.supervising.view.page
    assert isinstance(page, SchedulesView)
    qtbot.waitUntil(lambda: "has a schedule yet" in page.empty.text.text(), timeout=LONG)
    assert page.stack.currentWidget() is page.empty
