"""The supervision by keys and clicks: there and back, the list of runs against SQL over the journal, its filters, and what moves."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tisserand.service.protocol import RunInfo
from tisserand.ui.supervision import words
from tisserand.ui.supervision.pages import PAGES
from tisserand.ui.supervision.runs import RunsView
from tisserand.ui.supervision.table import ROLE
from tisserand.ui.supervision.view import Supervision
from tisserand.ui.window import Window

_spec = importlib.util.spec_from_file_location("made_runs", Path(__file__).with_name("made_runs.py"))
assert _spec is not None and _spec.loader is not None
made = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(made)
add, journal, workspace = made.add, made.journal, made.workspace

LONG = 20_000
CONTROL, SHIFT, ALT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.AltModifier
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def many(tmp_path: Path) -> Path:
    return workspace(tmp_path / "many", 450)


def load(window: Window, path: Path) -> None:
    window.desk.load(path)
    while window.desk.disk.loading:
        QApplication.processEvents()


def shown(window: Window) -> Supervision:
    view = window.desk.supervising.view
    assert view is not None and window.views.currentWidget() is view
    return view


def open_runs(window: Window, root: Path, qtbot: QtBot) -> RunsView:
    """F4 from the editor, with a flow of the workspace open."""
    load(window, root / "flows" / "orders.yaml")
    QTest.keyClick(window, Qt.Key.Key_F4)
    page = shown(window).page
    assert isinstance(page, RunsView)
    qtbot.waitUntil(lambda: page.model.rowCount() > 0 and bool(page.ground.flows), timeout=LONG)
    return page


def ids(page: RunsView) -> list[str]:
    """The runs in the rows of the list, as far as they were fetched."""
    found = [page.model.paging.run_at(row) for row in range(page.model.rowCount())]
    assert None not in found
    return [run.id for run in found if run is not None]


def by_sql(root: Path, where: str = "1", *values: object) -> list[str]:
    with journal(root) as db:
        return [row[0] for row in db.execute(f"SELECT id FROM runs WHERE {where} ORDER BY created DESC", values)]


def to_the_end(page: RunsView, qtbot: QtBot) -> None:
    while not page.model.paging.whole:
        before = page.model.rowCount()
        page.table.verticalScrollBar().setValue(page.table.verticalScrollBar().maximum())
        qtbot.waitUntil(lambda before=before: page.model.rowCount() > before or page.model.paging.whole, timeout=LONG)


def test_there_and_back_by_keys(window: Window, qtbot: QtBot, many: Path) -> None:
    page = open_runs(window, many, qtbot)
    assert window.actions_["supervision"].isChecked()
    QTest.keyClick(window, Qt.Key.Key_8, CONTROL)
    assert shown(window).list.currentItem().text() == "Flows"
    QTest.keyClick(window, Qt.Key.Key_7, CONTROL)
    assert shown(window).page is page and shown(window).list.selectedItems()[0].text() == "Runs"
    qtbot.waitUntil(lambda: QApplication.focusWidget() is page.table, timeout=LONG)
    QTest.keyClick(window, Qt.Key.Key_F4)
    assert window.views.currentIndex() == 0 and QApplication.focusWidget() is window.canvas
    assert not window.actions_["supervision"].isChecked() and not window.actions_["run_again"].isEnabled()
    # What belongs to the editor brings it back: nothing is changed that is not seen.
    QTest.keyClick(window, Qt.Key.Key_F4)
    shown(window)
    QTest.keyClick(window, Qt.Key.Key_Space, CONTROL)
    assert window.views.currentIndex() == 0 and QApplication.focusWidget() is window.palette_panel.search


def test_every_page_has_an_action_and_a_place_in_the_list(window: Window, qtbot: QtBot, many: Path) -> None:
    open_runs(window, many, qtbot)
    view = shown(window)
    assert view.list.count() == len(PAGES)
    for page in PAGES:
        assert page.action in window.actions_.entries and view.of(page.action) is not None
    # By the list alone: down, and Enter leads into the page.
    view.list.setFocus()
    QTest.keyClick(view.list, Qt.Key.Key_Down)
    assert view.page is view.of("flows_page")


def test_the_list_is_what_sql_says_to_its_end(window: Window, qtbot: QtBot, many: Path) -> None:
    page = open_runs(window, many, qtbot)
    assert page.model.rowCount() < 450, "not all at once"
    to_the_end(page, qtbot)
    assert ids(page) == by_sql(many)
    qtbot.waitUntil(lambda: page.filters.count.text() == "450 runs", timeout=LONG)
    with journal(many) as db:
        rows = db.execute("SELECT state, finished - started, flow FROM runs ORDER BY created DESC").fetchall()
    for row in (0, 137, 449):
        state, took, flow = rows[row]
        told = [page.model.index(row, column).data() for column in range(4)]
        assert told[0] == {"done": "Done", "failed": "Failed", "cancelled": "Cancelled", "interrupted": "Broken off"}[state]
        assert told[1] == f"The {flow}" and told[3] == words.lasted(took)
    failed = next(row for row, found in enumerate(rows) if found[0] == "failed")
    assert page.model.index(failed, 5).data() == "The shop did not answer: 502."
    spoken = page.model.index(failed, 0).data(ROLE.AccessibleTextRole)
    assert spoken.startswith("Failed, The ") and spoken.endswith("The shop did not answer: 502.")


def test_filters_by_keys_and_clicks(window: Window, qtbot: QtBot, many: Path) -> None:
    page = open_runs(window, many, qtbot)

    def fits(where: str, *values: object) -> None:
        expected = by_sql(many, where, *values)
        qtbot.waitUntil(lambda: page.model.rowCount() >= min(100, len(expected)), timeout=LONG)
        to_the_end(page, qtbot)
        assert ids(page) == expected

    QTest.mouseClick(page.filters.chips["failed"], LEFT)
    fits("state = 'failed'")
    QTest.mouseClick(page.filters.chips["interrupted"], LEFT)
    fits("state IN ('failed', 'interrupted')")
    QTest.keyClick(window.focusWidget(), Qt.Key.Key_F, ALT | SHIFT)
    assert QApplication.focusWidget() is page.filters.search
    QTest.keyClicks(page.filters.search, "ann")
    QTest.keyClick(page.filters.search, Qt.Key.Key_Return)
    fits("state IN ('failed', 'interrupted') AND \"by\" = 'ann'")
    page.filters.flow.setCurrentIndex(page.filters.flow.findData("stock"))
    page.filters.flow.activated.emit(page.filters.flow.currentIndex())
    fits("state IN ('failed', 'interrupted') AND \"by\" = 'ann' AND flow = 'stock'")
    page.filters.clear()
    fits("1")
    page.filters.span.setCurrentIndex(page.filters.span.findData("range"))
    page.filters.span.activated.emit(page.filters.span.currentIndex())
    begin, end = time.time() - 8 * 3600, time.time() - 4 * 3600
    for line, moment in ((page.filters.begin, begin), (page.filters.end, end)):
        QTest.keyClicks(line, time.strftime("%Y-%m-%d %H:%M", time.localtime(moment)))
    QTest.keyClick(page.filters.end, Qt.Key.Key_Return)
    fits("created >= ? AND created < ?", begin // 60 * 60, end // 60 * 60)
    page.filters.end.clear()
    QTest.keyClicks(page.filters.end, "tomorrow")
    QTest.keyClick(page.filters.end, Qt.Key.Key_Return)
    assert page.filters.end.property("wrong") is True
    page.filters.clear()
    QTest.keyClicks(page.filters.search, "no such run")
    qtbot.waitUntil(lambda: page.stack.currentWidget() is page.empty, timeout=LONG)
    assert "No run fits" in page.empty.text.text()
    QTest.mouseClick(page.empty.button, LEFT)
    fits("1")


def test_new_runs_come_on_top_and_what_is_read_stays(window: Window, qtbot: QtBot, many: Path) -> None:
    page = open_runs(window, many, qtbot)
    to_the_end(page, qtbot)
    page.table.verticalScrollBar().setValue(200)
    chosen = page.model.index(205, 0)
    page.table.setCurrentIndex(chosen)
    top, mine = ids(page)[200], ids(page)[205]
    with journal(many) as db:
        live = add(db, 7, time.time() - 1, "orders", "running", 0, "ann")
        new = [add(db, 100 + n, time.time() - n / 10, "stock", "done", 1.0, "bob") for n in range(3)]
    page.refresh()
    qtbot.waitUntil(lambda: page.model.rowCount() == 454, timeout=LONG)
    assert ids(page) == by_sql(many) and {live, *new} == set(ids(page)[:4])
    found = page.chosen()
    assert found is not None and found.id == mine
    row = page.table.verticalScrollBar().value()
    assert ids(page)[row] == top, "what is read does not slide away"
    # A state that changed is seen without a new list; a run that is gone goes.
    with journal(many) as db:
        db.execute("UPDATE runs SET state = 'done', finished = ? WHERE id = ?", (time.time(), live))
        db.execute("DELETE FROM runs WHERE id = ?", (new[0],))
    page.refresh()
    qtbot.waitUntil(lambda: page.model.rowCount() == 453, timeout=LONG)
    at = ids(page).index(live)
    qtbot.waitUntil(lambda: page.model.index(at, 0).data() == "Done", timeout=LONG)
    assert ids(page) == by_sql(many)


def test_what_was_let_go_of_comes_again(window: Window, qtbot: QtBot, many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tisserand.ui.supervision import paging

    monkeypatch.setattr(paging, "KEPT", 2)
    page = open_runs(window, many, qtbot)
    to_the_end(page, qtbot)
    here = sum(stretch.runs is not None for stretch in page.model.paging.stretches)
    assert here <= 2 and page.model.rowCount() == 450
    for row in (20, 130, 449, 260):

        def here_again(row: int = row) -> bool:
            # As a painter asks, again and again: what is seen meanwhile may take the place of what this row brought.
            page.model.index(row, 1).data()
            return page.model.paging.run_at(row) is not None

        qtbot.waitUntil(here_again, timeout=LONG)
        run = page.model.paging.run_at(row)
        assert run is not None and run.id == by_sql(many)[row]


def test_the_history_of_the_open_flow(window: Window, qtbot: QtBot, many: Path) -> None:
    load(window, many / "flows" / "stock.yaml")
    QTest.keyClick(window, Qt.Key.Key_H, CONTROL)
    page = shown(window).page
    assert isinstance(page, RunsView)
    qtbot.waitUntil(lambda: page.model.rowCount() > 0, timeout=LONG)
    to_the_end(page, qtbot)
    assert ids(page) == by_sql(many, "flow = 'stock'") and page.filters.flow.currentText() in ("stock", "The stock")


def test_a_workspace_where_nothing_ran_says_so(window: Window, qtbot: QtBot, tmp_path: Path) -> None:
    root = workspace(tmp_path / "fresh", 0)
    load(window, root / "flows" / "orders.yaml")
    QTest.keyClick(window, Qt.Key.Key_F4)
    page = shown(window).page
    assert isinstance(page, RunsView)
    qtbot.waitUntil(lambda: "Nothing has run yet" in page.empty.text.text(), timeout=LONG)
    assert page.empty.isVisible() and not page.empty.button.isVisible()


def test_opening_holds_the_window_up_for_less_than_a_tenth(window: Window, qtbot: QtBot, tmp_path: Path) -> None:
    """With 10,000 runs there: the processor time of the window's own thread (its modules are loaded beside the window before)."""
    import tisserand.service.figures.calls
    import tisserand.ui.supervision.view  # noqa: F401

    root = workspace(tmp_path / "large", 10_000)
    load(window, root / "flows" / "orders.yaml")
    before = time.thread_time()
    QTest.keyClick(window, Qt.Key.Key_F4)
    QApplication.processEvents()
    opened = time.thread_time() - before
    page = shown(window).page
    assert isinstance(page, RunsView)
    longest = 0.0

    def look() -> bool:
        nonlocal longest
        before = time.thread_time()
        QApplication.processEvents()
        longest = max(longest, time.thread_time() - before)
        return page.model.rowCount() >= 100

    qtbot.waitUntil(look, timeout=LONG)
    for _step in range(20):
        page.table.verticalScrollBar().setValue(page.table.verticalScrollBar().maximum())
        look()
    print(f"opened {opened * 1000:.0f} ms, longest afterwards {longest * 1000:.0f} ms")
    assert opened < 0.1 and longest < 0.1


@pytest.mark.parametrize(
    ("cause", "trigger", "by", "told"),
    [
        (None, "manual", "ann", "By ann"),
        (None, "manual", "designer", "By the designer"),
        (None, "manual", "", "By hand"),
        ({"kind": "schedule", "node": "s", "due": "2026-11-24T06:00:00"}, "schedule", "", "Schedule, due "),
        ({"kind": "event", "file": "inbox/orders-17.csv"}, "event", "", "File orders-17.csv"),
        ({"kind": "event", "node": "mails", "events": 3, "first": "x"}, "event", "", "3 events at mails"),
        ({"kind": "again", "run": "20261124-060000-abc1234"}, "manual", "designer", "Once more · the designer"),
        ({"kind": "unheard-of"}, "manual", "", "unheard-of"),
    ],
)
def test_why_and_by_whom(cause: dict[str, object] | None, trigger: str, by: str, told: str) -> None:
    run = RunInfo("r", "f", "done", by=by, trigger=trigger, cause=cause)
    assert words.why(run).startswith(told)


def test_a_click_on_a_row_and_enter_open_the_run(window: Window, qtbot: QtBot, many: Path) -> None:
    page = open_runs(window, many, qtbot)
    row = page.table.visualRect(page.model.index(3, 1)).center()
    QTest.mouseClick(page.table.viewport(), LEFT, pos=QPoint(row))
    QTest.keyClick(page.table, Qt.Key.Key_Return)
    assert page.open_run and page.run.info is not None and page.run.info.id == ids(page)[3]
    QTest.keyClick(window.focusWidget(), Qt.Key.Key_Left, ALT)
    assert not page.open_run and QApplication.focusWidget() is page.table
    found = page.chosen()
    assert found is not None and found.id == ids(page)[3], "the list is where it was left"
