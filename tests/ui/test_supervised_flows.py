"""The page of flows: its figures and plots against SQL over the journal, and what a flow is switched to."""

from __future__ import annotations

import getpass
import importlib.util
import math
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolTip
from pytestqt.qtbot import QtBot

from tisserand.ui.supervision import words
from tisserand.ui.supervision.flows import FlowsView
from tisserand.ui.supervision.flowsmodel import ITSELF, LAST, ROWS, SUCCESS, TOOK
from tisserand.ui.supervision.runs import RunsView
from tisserand.ui.window import Window

_spec = importlib.util.spec_from_file_location("made_runs", Path(__file__).with_name("made_runs.py"))
assert _spec is not None and _spec.loader is not None
made = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(made)

LONG = 20_000
CONTROL, SHIFT, ALT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.AltModifier
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def many(tmp_path: Path) -> Path:
    root: Path = made.workspace(tmp_path / "many", 600, hours=60)
    return root


def open_flows(window: Window, root: Path, qtbot: QtBot) -> FlowsView:
    window.desk.load(root / "flows" / "orders.yaml")
    while window.desk.disk.loading:
        QApplication.processEvents()
    QTest.keyClick(window, Qt.Key.Key_8, CONTROL)
    view = window.desk.supervising.view
    assert view is not None
    page = view.page
    assert isinstance(page, FlowsView)
    qtbot.waitUntil(lambda: page.model.rowCount() == 3, timeout=LONG)
    return page


def cell(page: FlowsView, flow: str, column: int) -> str:
    row = page.model.row_of(flow)
    assert row is not None
    return str(page.model.index(row, column).data())


def nearest(values: list[float], share: float) -> float:
    """The nearest-rank percentile."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def ran(root: Path, since: float) -> list[tuple[Any, ...]]:
    with made.journal(root) as db:
        return list(db.execute("SELECT flow, state, created, finished - started FROM runs WHERE created >= ?", (since,)))


def test_every_figure_is_what_sql_says(window: Window, qtbot: QtBot, many: Path) -> None:
    page = open_flows(window, many, qtbot)
    for at in (0, 1):
        QTest.mouseClick(page.spans.button(at), LEFT)
        since = page.span()[0]
        rows = ran(many, since)
        counted = {flow: sum(row[0] == flow for row in rows) for flow in made.FLOWS}
        qtbot.waitUntil(lambda counted=counted: {f.flow: f.runs for f in page.model.all} == counted, timeout=LONG)
        for flow in made.FLOWS:
            mine = [row for row in rows if row[0] == flow]
            done = [row for row in mine if row[1] == "done"]
            failed = [row for row in mine if row[1] in ("failed", "interrupted")]
            assert cell(page, flow, SUCCESS) == f"{round(100 * len(done) / len(done + failed))}% · {len(mine)}"
            took = [row[3] for row in done]
            assert cell(page, flow, TOOK) == f"{words.lasted(nearest(took, 0.5))} · {words.lasted(nearest(took, 0.95))}"
            assert cell(page, flow, LAST) == words.when(max(row[2] for row in mine))
            assert cell(page, flow, ITSELF) == "Off" and cell(page, flow, ROWS) == ""


def test_the_plots_add_up_to_the_same(window: Window, qtbot: QtBot, many: Path) -> None:
    page = open_flows(window, many, qtbot)
    qtbot.waitUntil(lambda: page.detail.plots is not None, timeout=LONG)
    plots = page.detail.plots
    assert plots is not None

    def loads(flow: str | None) -> None:
        since, until, seconds = page.span()
        rows = [row for row in ran(many, since) if flow in (None, row[0])]
        expected = {}
        for _flow, state, created, _took in rows:
            done, failed = expected.get(int((created - since) // seconds), (0, 0))
            expected[int((created - since) // seconds)] = (
                done + (state == "done"),
                failed + (state in ("failed", "interrupted")),
            )
        count = round((until - since) / seconds)
        wanted = [expected.get(at, (0, 0)) for at in range(count)]
        qtbot.waitUntil(lambda: [(load.done, load.failed) for load in plots.runs.loads] == wanted, timeout=LONG)

    chosen = page.chosen()
    assert chosen is not None
    loads(chosen.flow)
    QTest.keyClick(page.table, Qt.Key.Key_Down)
    after = page.chosen()
    assert after is not None and after.flow != chosen.flow
    loads(after.flow)
    QTest.mouseClick(page.detail.whole, LEFT)
    loads(None)
    QTest.mouseClick(page.spans.button(2), LEFT)
    loads(None)
    # What the pointer rests on is told in words.
    load = max(plots.runs.loads, key=lambda load: load.runs)
    spot = plots.runs.box.mapViewToScene(QPointF(load.time + load.seconds / 2, 0.5))
    plots.runs._point(spot)
    qtbot.waitUntil(lambda: f"{load.done} done, {load.failed} failed" in QToolTip.text(), timeout=LONG)
    QToolTip.hideText()


def test_a_flow_is_switched_on_and_off(window: Window, qtbot: QtBot, many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on stands in the ledger; the executor process itself is not started here."""
    started: list[Path] = []
    monkeypatch.setattr("tisserand.service.serve.ensure", lambda root: started.append(root))
    page = open_flows(window, many, qtbot)
    flow = page.chosen()
    assert flow is not None
    QTest.keyClick(page.table, Qt.Key.Key_W, ALT | SHIFT)
    qtbot.waitUntil(lambda: cell(page, flow.flow, ITSELF) == "Active", timeout=LONG)
    executor = window.runner.executor(many)
    assert [watch.file for watch in executor.watches()] == [f"flows/{flow.flow}.yaml"] and started == [many]
    assert page.buttons["flow_switch"].text() == "Switch off"
    QTest.mouseClick(page.buttons["flow_switch"], LEFT)
    qtbot.waitUntil(lambda: cell(page, flow.flow, ITSELF) == "Off", timeout=LONG)
    assert executor.watches() == []


def test_a_flow_is_paused_and_goes_on(window: Window, qtbot: QtBot, many: Path) -> None:
    page = open_flows(window, many, qtbot)
    flow = page.chosen()
    assert flow is not None
    QTest.keyClick(page.table, Qt.Key.Key_P, ALT | SHIFT)
    qtbot.waitUntil(lambda: cell(page, flow.flow, ITSELF) == "Paused", timeout=LONG)
    ledger = many / ".tisserand" / "ledger.sqlite"
    with sqlite3.connect(ledger) as db:
        assert db.execute('SELECT file, "by" FROM paused').fetchall() == [(f"flows/{flow.flow}.yaml", getpass.getuser())]
    assert page.buttons["flow_pause"].text() == "Unpause"
    QTest.mouseClick(page.buttons["flow_pause"], LEFT)
    qtbot.waitUntil(lambda: cell(page, flow.flow, ITSELF) == "Off", timeout=LONG)
    with sqlite3.connect(ledger) as db:
        assert db.execute("SELECT count(*) FROM paused").fetchone() == (0,)


def test_enter_leads_to_the_runs_of_the_flow(window: Window, qtbot: QtBot, many: Path) -> None:
    page = open_flows(window, many, qtbot)
    flow = page.chosen()
    assert flow is not None
    QTest.keyClick(page.table, Qt.Key.Key_Return)
    view = window.desk.supervising.view
    assert view is not None
    runs = view.page
    assert isinstance(runs, RunsView)
    qtbot.waitUntil(
        lambda: runs.filters.count.text() == f"{len([r for r in ran(many, 0) if r[0] == flow.flow])} runs", timeout=LONG
    )


def test_selection_and_search_outlive_new_figures(window: Window, qtbot: QtBot, many: Path) -> None:
    page = open_flows(window, many, qtbot)
    QTest.keyClick(page.table, Qt.Key.Key_End)
    flow = page.chosen()
    assert flow is not None
    with made.journal(many) as db:
        made.add(db, 3, time.time() - 2, flow.flow, "running", 0, "ann")
    page.refresh()
    qtbot.waitUntil(lambda: "1 running" in cell(page, flow.flow, 2), timeout=LONG)
    after = page.chosen()
    assert after is not None and after.flow == flow.flow and after.running == 1
    QTest.keyClicks(page.search, "nothing like it")
    assert page.empty.isVisible() and "nothing like it" in page.empty.text.text()
    page.search.clear()
    assert page.model.rowCount() == 3
