"""A selection becomes a sub-flow, gives the same result, and can be taken apart again."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QInputDialog, QLineEdit
from pytestqt.qtbot import QtBot

from tisserand.ui.window import Window

CTRL = Qt.KeyboardModifier.ControlModifier


def opened(window: Window, path: Path, qtbot: QtBot) -> None:
    window.desk.load(path)
    qtbot.waitUntil(lambda: not window.desk.disk.loading and bool(window.desk.findings.schemas), timeout=30_000)


def run(window: Window, qtbot: QtBot) -> str:
    window.actions_["run"].trigger()
    qtbot.waitUntil(lambda: not window.runner.running, timeout=60_000)
    return window.state.text()


def make(window: Window, name: str) -> None:
    window.canvas.setFocus()
    QTest.keyClick(window, Qt.Key.Key_G, CTRL)
    dialog = window.findChild(QInputDialog, "subflow")
    assert dialog is not None
    line = dialog.findChild(QLineEdit)
    assert line is not None
    QTest.keyClicks(line, name)
    QTest.keyClick(line, Qt.Key.Key_Return)
    QApplication.processEvents()


def test_a_selection_becomes_a_sub_flow_and_back(window: Window, demo: Path, qtbot: QtBot) -> None:
    opened(window, demo, qtbot)
    # A value that the run is given must reach the nodes inside.
    demo.write_text(demo.read_text().replace("nodes:\n", "parameters:\n  least: {type: number, default: 100}\nnodes:\n", 1)
                    .replace("where: amount >= 100", "where: amount >= $least"))  # fmt: skip
    opened(window, demo, qtbot)
    before = window.document.flow
    out = demo.parent.parent / "out" / "by_country.parquet"
    assert run(window, qtbot).startswith("Done")
    import duckdb

    query = f"select * from '{out}' order by country"
    wanted = duckdb.sql(query).fetchall()
    out.unlink()
    window.scene.select(["paid"])
    make(window, "Only large ones")
    child = yaml.safe_load((demo.parent / "only-large-ones.yaml").read_text())
    assert child["nodes"]["paid"]["config"]["where"] == "amount >= $least"
    assert list(child["parameters"]) == ["least"]
    assert set(child["nodes"]) == {"rows_in", "paid", "rows_out"}
    call = window.document.flow.nodes["only_large_ones"]
    assert call.kind == "flow.call" and call.config["parameters"] == {"least": "$least"}
    assert "paid" not in window.document.flow.nodes
    assert str(window.document.flow.nodes["named"].inputs["left"][0]) == "only_large_ones"
    assert window.desk.disk.save()
    assert run(window, qtbot).startswith("Done"), [p.message.text() for p in window.desk.problems]
    assert duckdb.sql(query).fetchall() == wanted
    # Taken apart, the flow is what it was.
    window.scene.select(["only_large_ones"])
    window.actions_["ungroup"].trigger()
    after = window.document.flow
    assert set(after.nodes) == set(before.nodes)
    assert after.nodes["paid"] == before.nodes["paid"] and after.nodes["named"] == before.nodes["named"]
    window.actions_["undo"].trigger()
    window.actions_["undo"].trigger()
    assert window.document.flow.nodes == before.nodes and window.document.flow.layout == before.layout


def test_into_a_sub_flow(window: Window, demo: Path, qtbot: QtBot) -> None:
    opened(window, demo, qtbot)
    window.scene.select(["paid"])
    make(window, "Part")
    assert window.desk.disk.save()
    window.scene.select(["part"])
    window.activateWindow()
    window.canvas.setFocus()
    qtbot.waitUntil(window.canvas.hasFocus)
    QTest.keyClick(window.canvas, Qt.Key.Key_E)
    qtbot.waitUntil(lambda: window.document.title == "Part", timeout=10_000)
    assert set(window.document.flow.nodes) == {"rows_in", "paid", "rows_out"}


@pytest.mark.parametrize(
    ("chosen", "words"), [(["paid", "customers", "named"], "2 places"), (["named"], "2 places"), ([], "first")]
)
def test_what_cannot_be_a_sub_flow_is_a_sentence(window: Window, demo: Path, qtbot: QtBot, chosen: list[str], words: str) -> None:
    opened(window, demo, qtbot)
    window.scene.select(chosen)
    before = window.document.flow
    if chosen:
        make(window, "x")
    else:
        window.desk.grouping.ask()
    assert words in window.statusBar().currentMessage()
    assert window.document.flow is before and [path.name for path in demo.parent.glob("*.yaml")] == [demo.name]
