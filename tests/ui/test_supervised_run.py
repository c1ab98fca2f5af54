"""The page of a run, on real runs: what failed and where, its timeline against the journal, its rows, and how somebody else mends it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pandas
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import RunRequest
from tisserand.ui.supervision.lines import LINE, NODE, ROWS, STATE
from tisserand.ui.supervision.run import RunView
from tisserand.ui.supervision.runs import RunsView
from tisserand.ui.window import Window

LONG = 60_000
SHIFT, ALT = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.AltModifier
LEFT = Qt.MouseButton.LeftButton
BREAKS = """tisserand: 1
id: breaks
title: Breaks at the third row
parameters:
  month: {type: text, default: 2026-11}
nodes:
  orders: {kind: data.table, title: Orders, config: {columns: {id: integer, price: text}, rows: [[1, "5"], [2, "7"], [3, "x"]]}}
  copy: {kind: file.write_csv, title: A copy, inputs: {table: orders}, config: {path: out/copy.csv}}
  priced:
    kind: python.step
    title: Read the price
    inputs: {table: orders}
    config:
      code: |
        def process(table):
            return [{"id": row["id"], "price": str(int(row["price"]))} for row in table.to_pylist()]
  out: {kind: file.write_csv, title: Prices, inputs: {table: priced}, config: {path: out/prices.csv}}
layout: {orders: [0, 0], copy: [264, 104], priced: [264, 0], out: [528, 0]}
"""
CALLS = """tisserand: 1
id: calls
title: Calls another
nodes:
  inner: {kind: flow.call, title: The other, config: {flow: late-orders}}
layout: {inner: [0, 0]}
"""
WAITS = """tisserand: 1
id: waits
title: Waits
nodes:
  one: {kind: data.table, config: {columns: {a: integer}, rows: [[1]]}}
  pause: {kind: flow.wait, title: Wait, inputs: {table: one}, config: {duration: 10min}}
layout: {one: [0, 0], pause: [264, 0]}
"""


def more_flows(folder: Path) -> None:
    for name, text in (("breaks", BREAKS), ("calls", CALLS), ("waits", WAITS)):
        (folder / "flows" / f"{name}.yaml").write_text(text)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A workspace in which three flows ran, and their runs. Not to be changed: tests take copies."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("screenshots_demo", Path(__file__).with_name("screenshots.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("ran") / "demo"
    module.workspace(folder)
    more_flows(folder)
    asked: dict[str, dict[str, object]] = {"late-orders": {}, "breaks": {"parameters": {"month": "2026-10"}}, "calls": {}}
    return folder, {name: done(folder, name, **given) for name, given in asked.items()}


@pytest.fixture
def copied(ran: tuple[Path, dict[str, str]], tmp_path: Path) -> tuple[Path, dict[str, str]]:
    shutil.copytree(ran[0], tmp_path / "copied")
    return tmp_path / "copied", ran[1]


@pytest.fixture
def root(demo: Path) -> Iterator[Path]:
    """The demo's workspace with more flows; whatever still runs at the end is ended."""
    folder = demo.parent.parent
    more_flows(folder)
    yield folder
    executor = LocalExecutor(folder)
    for run in executor.runs():
        if not run.final:
            executor.cancel(run.id)
            executor.wait(run.id)
    executor.close()


def done(root: Path, name: str, **asked: object) -> str:
    """A run, to its end, by somebody else."""
    executor = LocalExecutor(root)
    run = executor.start(RunRequest(file=f"flows/{name}.yaml", keep="all", by="ann", **asked))  # type: ignore[arg-type]
    executor.wait(run)
    executor.close()
    return run


def events(root: Path, run: str) -> list[tuple[str, str | None, dict[str, object]]]:
    with sqlite3.connect(root / ".tisserand" / "journal.sqlite") as db:
        found = db.execute("SELECT kind, node, data FROM events WHERE run = ? ORDER BY seq", (run,)).fetchall()
    return [(kind, node, json.loads(data)) for kind, node, data in found]


def state(root: Path, run: str) -> str:
    with sqlite3.connect(root / ".tisserand" / "journal.sqlite") as db:
        return str(db.execute("SELECT state FROM runs WHERE id = ?", (run,)).fetchone()[0])


def open_run(window: Window, root: Path, qtbot: QtBot, run: str) -> RunView:
    """F4, and Enter on the run."""
    window.desk.load(root / "flows" / "late-orders.yaml")
    while window.desk.disk.loading:
        QApplication.processEvents()
    QTest.keyClick(window, Qt.Key.Key_F4)
    view = window.desk.supervising.view
    assert view is not None
    page = view.page
    assert isinstance(page, RunsView)
    qtbot.waitUntil(lambda: page.model.paging.row_of(run) is not None, timeout=LONG)
    page.table.setCurrentIndex(page.model.index(page.model.paging.row_of(run) or 0, 0))
    QTest.keyClick(page.table, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(page.run._faces) and page.run.timeline.lines.rowCount() > 0, timeout=LONG)
    return page.run


def lines(view: RunView) -> dict[str, tuple[str, str]]:
    """Node → state and rows, as the timeline shows them."""
    model = view.timeline.lines
    return {
        model.index(row, NODE).data(): (model.index(row, STATE).data(), model.index(row, ROWS).data())
        for row in range(model.rowCount())
    }


def test_a_run_that_is_done(window: Window, qtbot: QtBot, copied: tuple[Path, dict[str, str]]) -> None:
    root, run = copied[0], copied[1]["late-orders"]
    view = open_run(window, root, qtbot, run)
    orders = pandas.read_csv(root / "data" / "orders.csv")
    paid = orders[orders["amount"] >= 100]
    qtbot.waitUntil(lambda: lines(view).get("Worth 100 or more") == ("Done", f"{len(paid):,}"), timeout=LONG)
    customers = pandas.read_csv(root / "data" / "customers.csv")
    known = paid["customer"].isin(customers["customer"])
    assert lines(view)["Join on customer"] == ("Done", f"{len(paid):,} · {(~known).sum():,}")
    assert {told[0] for told in lines(view).values()} == {"Done"} and len(lines(view)) == 7
    assert "By ann" in view.head.about.text() and view.head.wrong.isHidden()
    # In the order and with the times of the journal.
    begun = [node for kind, node, _data in events(root, run) if kind == "node.started"]
    top = view.timeline.lines.top
    assert [line.node for line in top] == begun
    assert all(span.end is not None and span.begin <= span.end for line in top for span in line.spans)
    # Enter on a node leads to its rows.
    view.timeline.choose_node("paid")
    QTest.keyClick(view.timeline, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: view.data.grid.total == len(paid), timeout=LONG)
    assert view.tabs.currentWidget() is view.data and QApplication.focusWidget() is view.data.grid
    assert view.data.grid.value(0, 0) == str(paid["order_id"].iloc[0])


def test_somebody_else_opens_it_mends_it_and_goes_on_from_there(window: Window, qtbot: QtBot, root: Path) -> None:
    run = done(root, "breaks")
    before = (root / "out" / "copy.csv").stat().st_mtime_ns
    view = open_run(window, root, qtbot, run)
    qtbot.waitUntil(lambda: lines(view).get("Read the price", ("", ""))[0] == "Failed", timeout=LONG)
    assert lines(view)["Orders"] == ("Done", "3") and lines(view)["Prices"][0] in ("Not run", "Skipped")
    assert (
        view.head.wrong.isVisible() and "Read the price" in view.head.wrong.text.text() and "'x'" in view.head.wrong.text.text()
    )
    assert "month" in view.head.given.text() or not view.info or not view.info.parameters
    line = view.timeline.currentIndex().data(LINE)
    assert line.node == "priced", "what failed is what is looked at first"
    QTest.mouseClick(view.head.wrong.mend, LEFT)
    qtbot.waitUntil(lambda: window.desk.standings.run == run, timeout=LONG)
    assert window.views.currentIndex() == 0 and window.document.path == root / "flows" / "breaks.yaml"
    cards = window.scene.cards
    assert list(window.scene.selection) == ["priced"] and cards["priced"].standing.state == "failed"
    assert cards["orders"].standing.state == "done" and "'x'" in window.log.toPlainText()
    code = window.document.flow.nodes["priced"].config["code"].replace('int(row["price"])', 'int(row["price"].replace("x", "9"))')
    window.document.set_config("priced", "code", code)
    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        QTest.keyClick(window, Qt.Key.Key_F7)
    assert state(root, run) == "done", window.log.toPlainText()
    assert list(pandas.read_csv(root / "out" / "prices.csv")["price"]) == [5, 7, 9]
    told = events(root, run)
    assert [node for kind, node, _data in told if kind == "node.started"].count("copy") == 1
    assert (root / "out" / "copy.csv").stat().st_mtime_ns == before, "what was done is not done again"


def test_the_log_by_node_and_level(window: Window, qtbot: QtBot, copied: tuple[Path, dict[str, str]]) -> None:
    view = open_run(window, copied[0], qtbot, copied[1]["breaks"])
    qtbot.waitUntil(lambda: "Run failed" in view.log.lines.toPlainText(), timeout=LONG)
    whole = view.log.lines.toPlainText().splitlines()
    view.log.node.setCurrentIndex(view.log.node.findData("priced"))
    view.log.node.activated.emit(view.log.node.currentIndex())
    mine = view.log.lines.toPlainText().splitlines()
    assert mine and len(mine) < len(whole) and all("Read the price" in line for line in mine)
    view.log.node.setCurrentIndex(0)
    view.log.level.setCurrentIndex(1)
    view.log.level.activated.emit(1)
    wrong = view.log.lines.toPlainText().splitlines()
    assert (
        0 < len(wrong) < len(whole)
        and any("failed" in line for line in wrong)
        and not any("Run started" in line for line in wrong)
    )


def test_a_run_under_way_is_followed_and_ended_by_keys(window: Window, qtbot: QtBot, root: Path) -> None:
    executor = LocalExecutor(root)
    run = executor.start(RunRequest(file="flows/waits.yaml", by="bob"))
    view = open_run(window, root, qtbot, run)
    qtbot.waitUntil(lambda: lines(view).get("Wait", ("", ""))[0] == "Running", timeout=LONG)
    assert view.head.buttons["run_stop"].isVisible() and not view.head.buttons["run_resume"].isVisible()
    end = view.timeline.scale.length
    qtbot.wait(300)
    view.refresh()
    qtbot.waitUntil(lambda: view.timeline.scale.length > end, timeout=LONG)
    QTest.keyClick(view.timeline, Qt.Key.Key_C, ALT | SHIFT)
    executor.wait(run)
    executor.close()
    qtbot.waitUntil(lambda: view.head.state.text() == "Cancelled", timeout=LONG)
    assert state(root, run) == "cancelled" and "Run cancelled" in view.log.lines.toPlainText()
    assert view.head.buttons["run_resume"].isVisible()


def test_once_more_with_the_same_parameters(window: Window, qtbot: QtBot, copied: tuple[Path, dict[str, str]]) -> None:
    root, run = copied[0], copied[1]["breaks"]
    view = open_run(window, root, qtbot, run)
    assert view.head.given.text() == "month = 2026-10"
    QTest.keyClick(view.timeline, Qt.Key.Key_A, ALT | SHIFT)
    executor = LocalExecutor(root)
    qtbot.waitUntil(lambda: len(executor.runs(flow="breaks")) == 2, timeout=LONG)
    again = executor.runs(flow="breaks")[0]
    assert dict(again.parameters) == {"month": "2026-10"} and again.cause == {"kind": "again", "run": run}
    executor.wait(again.id)
    qtbot.waitUntil(lambda: executor.run(again.id).final, timeout=LONG)
    executor.close()


def test_called_flows_open_below_their_node(window: Window, qtbot: QtBot, copied: tuple[Path, dict[str, str]]) -> None:
    root, run = copied[0], copied[1]["calls"]
    view = open_run(window, root, qtbot, run)
    timeline, model = view.timeline, view.timeline.lines
    qtbot.waitUntil(lambda: bool(model.top) and bool(model.top[0].children), timeout=LONG)
    inner = model.index(0, 0)
    timeline.setCurrentIndex(inner)
    QTest.keyClick(timeline, Qt.Key.Key_Right)
    called = model.index(0, 0, inner)
    qtbot.waitUntil(lambda: called.data() == "Orders by customer", timeout=LONG)
    timeline.setCurrentIndex(called)
    QTest.keyClick(timeline, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: model.rowCount(called) == 7, timeout=LONG)
    assert "Worth 100 or more" in {model.index(row, 0, called).data() for row in range(7)}
    child = next(str(data["run"]) for kind, _node, data in events(root, run) if kind == "child.started")
    QTest.keyClick(timeline, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: view.info is not None and view.info.id == child, timeout=LONG)


def test_zoom_by_keys_keeps_to_the_run(window: Window, qtbot: QtBot, copied: tuple[Path, dict[str, str]]) -> None:
    view = open_run(window, copied[0], qtbot, copied[1]["late-orders"])
    timeline, scale = view.timeline, view.timeline.scale
    whole = scale.width
    QTest.keyClick(timeline, Qt.Key.Key_Plus)
    QTest.keyClick(timeline, Qt.Key.Key_Plus)
    assert scale.width < whole / 2 and scale.left > 0
    for _step in range(20):
        QTest.keyClick(timeline, Qt.Key.Key_Right, SHIFT)
    assert scale.left + scale.width == pytest.approx(scale.length)
    QTest.keyClick(timeline, Qt.Key.Key_0)
    assert (scale.left, scale.width) == (0.0, whole)
    marks = [scale.marks(500)]
    assert all(0 <= mark <= scale.length for mark in marks[0])


def test_the_flow_as_it_was_then(window: Window, qtbot: QtBot, copied: tuple[Path, dict[str, str]]) -> None:
    root, run = copied[0], copied[1]["breaks"]
    file = root / "flows" / "breaks.yaml"
    file.write_text(file.read_text().replace("title: Orders", "title: Other orders"))
    view = open_run(window, root, qtbot, run)
    QTest.keyClick(view.timeline, Qt.Key.Key_V, ALT | SHIFT)
    qtbot.waitUntil(lambda: window.document.flow.id == "breaks", timeout=LONG)
    assert window.document.flow.nodes["orders"].title == "Orders" and window.document.path is None
    QTest.keyClick(window, Qt.Key.Key_F4)
    qtbot.wait(50)
    QTest.keyClick(view.timeline, Qt.Key.Key_O, ALT | SHIFT)
    qtbot.waitUntil(lambda: window.document.path == file, timeout=LONG)
    assert window.document.flow.nodes["orders"].title == "Other orders"
