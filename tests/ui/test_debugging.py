"""The debugger: run to a node, step, breakpoints, and going on after a repair without doing again what is done."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QTableWidget
from pytestqt.qtbot import QtBot

from tisserand.ui.window import Window

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def opened(window: Window, demo: Path, qtbot: QtBot) -> Window:
    window.desk.load(demo)
    qtbot.waitUntil(lambda: not window.desk.disk.loading and bool(window.desk.findings.schemas), timeout=30_000)
    window.activateWindow()
    window.canvas.setFocus()
    QApplication.processEvents()
    return window


def press(window: Window, qtbot: QtBot, key: Qt.Key, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    QTest.keyClick(window, key, keys)
    qtbot.waitUntil(lambda: not window.runner.running, timeout=60_000)
    QApplication.processEvents()


def states(window: Window) -> dict[str, str]:
    return {id: card.standing.state for id, card in window.scene.cards.items()}


def started(root: Path) -> dict[str, list[str]]:
    """Run → the nodes that it began, from the journal itself."""
    db = sqlite3.connect(root / ".tisserand" / "journal.sqlite")
    found: dict[str, list[str]] = {}
    for run, node in db.execute("SELECT run, node FROM events WHERE kind = 'node.started' ORDER BY seq"):
        found.setdefault(run, []).append(node)
    db.close()
    return found


def test_run_to_here_does_no_more_than_needed(opened: Window, demo: Path, qtbot: QtBot) -> None:
    opened.scene.select(["paid"])
    press(opened, qtbot, Qt.Key.Key_F5, CTRL)
    done = {id for id, state in states(opened).items() if state == "done"}
    assert done == {"orders", "paid"}
    qtbot.waitUntil(lambda: opened.data.grid.total == 11_092, timeout=20_000)
    assert not list((demo.parent.parent / "out").iterdir())


def test_step_by_step_to_the_end_each_node_once(opened: Window, demo: Path, qtbot: QtBot) -> None:
    seen = []
    for _step in range(7):
        before = {id for id, state in states(opened).items() if state == "done"}
        press(opened, qtbot, Qt.Key.Key_F10)
        after = {id for id, state in states(opened).items() if state == "done"}
        assert len(after - before) == 1
        seen += after - before
        if len(seen) < 7:
            assert list(states(opened).values()).count("paused") == 1
    assert set(seen) == set(opened.scene.cards)
    position = {id: index for index, id in enumerate(seen)}
    for id, node in opened.document.flow.nodes.items():
        assert all(position[ref.node] < position[id] for _port, ref in node.refs())
    runs = started(demo.parent.parent)
    begun = next(iter(runs.values()))
    # One run; sources are read once. (What is fused may be computed again for a port that nobody wanted before.)
    assert len(runs) == 1 and set(begun) == set(seen) and begun.count("orders") == begun.count("customers") == 1
    press(opened, qtbot, Qt.Key.Key_F10)
    assert "F5" in opened.statusBar().currentMessage()


def test_a_breakpoint_stops_before_its_node(opened: Window, demo: Path, qtbot: QtBot) -> None:
    opened.scene.select(["lake"])
    QTest.keyClick(opened, Qt.Key.Key_F9)
    assert opened.document.flow.nodes["lake"].breakpoint and opened.scene.cards["lake"].breakpoint
    out = demo.parent.parent / "out"
    press(opened, qtbot, Qt.Key.Key_F7)
    assert states(opened)["lake"] == "paused" and states(opened)["by_country"] == "done"
    assert "Paused" in opened.state.text() and opened.notice.isVisible() and not (out / "by_country.parquet").exists()
    # On from there, through it, in the same run.
    press(opened, qtbot, Qt.Key.Key_F7)
    assert set(states(opened).values()) == {"done"}, (states(opened), opened.desk.standings.infos, opened.log.toPlainText())
    assert (out / "by_country.parquet").exists()
    runs = started(demo.parent.parent)
    begun = next(iter(runs.values()))
    assert len(runs) == 1 and set(begun) == set(opened.scene.cards) and begun.count("orders") == 1
    # A plain run takes no notice of it; taken away, it is gone from the file.
    press(opened, qtbot, Qt.Key.Key_F5)
    assert set(states(opened).values()) == {"done"}
    opened.scene.select(["lake"])
    QTest.keyClick(opened, Qt.Key.Key_F9)
    assert not opened.scene.cards["lake"].breakpoint


def test_after_a_repair_it_goes_on_from_what_failed(opened: Window, demo: Path, qtbot: QtBot) -> None:
    opened.document.set_config("by_country", "values", {"total": "sum(integer(name))"})
    press(opened, qtbot, Qt.Key.Key_F5)
    failed = [id for id, state in states(opened).items() if state == "failed"]
    if failed != ["by_country"]:  # found before the run already: then nothing ran at all
        pytest.fail(f"{states(opened)} {[p.message.text() for p in opened.desk.problems]}")
    opened.document.set_config("by_country", "values", {"total": "sum(amount)"})
    press(opened, qtbot, Qt.Key.Key_F7)
    assert set(states(opened).values()) == {"done"}
    runs = started(demo.parent.parent)
    assert len(runs) == 1
    begun = next(iter(runs.values()))
    assert begun.count("orders") == 1 and begun.count("customers") == 1 and "by_country" in begun
    folder = demo.parent.parent / ".tisserand" / "runs" / next(iter(runs))
    assert "sum(amount)" in (folder / "flow.yaml").read_text()
    assert json.loads((folder / "request.json").read_text())["until"] is None
    import duckdb

    wanted = duckdb.sql(
        f"select country, sum(amount) total from '{demo.parent.parent}/data/orders.csv' o "
        f"left join '{demo.parent.parent}/data/customers.csv' c using (customer) where amount >= 100 group by 1 order by 1"
    ).fetchall()
    assert duckdb.sql(f"select * from '{demo.parent.parent}/out/by_country.parquet' order by 1").fetchall() == wanted


def test_the_summary_stands_at_the_end_of_the_log(opened: Window, qtbot: QtBot) -> None:
    press(opened, qtbot, Qt.Key.Key_F5)
    last = opened.log.toPlainText().splitlines()[-1]
    assert "7 of 7" in last and "2 targets" in last


def test_the_page_about_tisserand(window: Window) -> None:
    window.actions_["about"].trigger()
    dialog = window.findChild(QDialog, "about")
    assert dialog is not None
    told = " ".join(label.text() for label in dialog.findChildren(QLabel))
    table = dialog.findChild(QTableWidget)
    assert table is not None and str(len(window.actions_.entries)) in told
    rows = {table.item(row, 0).text(): table.item(row, 1).text() for row in range(table.rowCount())}  # type: ignore[union-attr]
    import duckdb

    assert rows["duckdb"] == duckdb.__version__
    dialog.accept()
