"""A flow of the showcase built as a person would: dropped from the palette, wired by hand, typed in, run; then compared with the
shipped file and its result."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit, QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot

from tisserand.files import shipped
from tisserand.ui.canvas.gesture import MIME
from tisserand.ui.panels.composite import ListEditor, MapEditor, UnionEditor
from tisserand.ui.window import Window

LEFT = Qt.MouseButton.LeftButton
LONG = 90_000
SHOWCASE = shipped("flows") / "showcase"


def drop(window: Window, kind: str, x: float, y: float) -> str:
    """From the palette onto the canvas; gives the new node."""
    before = set(window.document.flow.nodes)
    data = QMimeData()
    data.setData(MIME, kind.encode())
    spot = window.canvas.mapFromScene(QPointF(x + 96, y + 29))
    port, arguments = window.canvas.viewport(), (Qt.DropAction.CopyAction, data, LEFT, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(port, QDragEnterEvent(spot, *arguments))
    QApplication.sendEvent(port, QDragMoveEvent(spot, *arguments))
    QApplication.sendEvent(port, QDropEvent(QPointF(spot), *arguments))
    return next(id for id in window.document.flow.nodes if id not in before)


def wire(window: Window, source: str, output: str, target: str, entry: str) -> None:
    cards, port = window.scene.cards, window.canvas.viewport()
    start = window.canvas.mapFromScene(cards[source].output_point(output))
    end = window.canvas.mapFromScene(cards[target].input_point(entry))
    QTest.mousePress(port, LEFT, pos=start)
    QTest.mouseMove(port, start + QPoint(8, 4))
    QTest.mouseMove(port, end)
    QTest.mouseRelease(port, LEFT, pos=end)


def chosen(window: Window, id: str) -> dict[str, Any]:
    """Click a card; gives the editors of its form."""
    QTest.mouseClick(window.canvas.viewport(), LEFT, pos=window.canvas.mapFromScene(window.scene.cards[id].frame().center()))
    QApplication.processEvents()
    assert window.inspector.node == id
    return {name: found[0] for name, found in window.inspector._fields.items()}


def typed(field: QWidget, text: str) -> None:
    line = (
        field if isinstance(field, QLineEdit | QPlainTextEdit) else field.findChild(QPlainTextEdit) or field.findChild(QLineEdit)
    )
    assert line is not None
    line.setFocus()
    QTest.keyClicks(line, text)
    QTest.keyClick(line, Qt.Key.Key_Escape) if isinstance(line, QPlainTextEdit) else None


def picked(combo: QComboBox, value: object) -> None:
    """By the arrow keys, as hands do."""
    combo.setFocus()
    for _step in range(combo.count() + 1):
        if value in (combo.currentData(), combo.currentText()):
            return
        QTest.keyClick(combo, Qt.Key.Key_Down)
    raise AssertionError(f"{value} is not offered")


def added(editor: ListEditor | MapEditor) -> QWidget:
    QTest.mouseClick(editor.add, LEFT)
    return editor.rows[-1]


def test_the_latest_airlines_from_an_empty_canvas(window: Window, tmp_path: Path, qtbot: QtBot) -> None:
    root = tmp_path / "showcase"
    shutil.copytree(SHOWCASE, root, ignore=shutil.ignore_patterns(".tisserand", "out"))
    shipped_flow = yaml.safe_load((root / "flows" / "latest-airlines.yaml").read_text())
    window.resize(1900, 1000)
    window.runner.root = window.inspector.context.workspace = root
    window.canvas.set_zoom(0.6)
    window.canvas.centerOn(760, 80)
    QApplication.processEvents()
    ids: dict[str, str] = {}
    for name, node in shipped_flow["nodes"].items():
        x, y = shipped_flow["layout"][name]
        ids[name] = drop(window, node["kind"], x, y)
    for source, output, target, entry in (
        ("flights", "rows", "arrived", "table"),
        ("arrived", "kept", "delays", "table"),
        ("delays", "table", "named", "left"),
        ("airlines", "rows", "named", "right"),
        ("named", "matched", "latest", "table"),
        ("latest", "table", "report", "table"),
    ):
        card = window.scene.cards[ids[source]]
        outputs = [port.name for port in card.shown.outputs]
        wire(window, ids[source], output if output in outputs else outputs[0], ids[target], entry)
    for name in ("flights", "airlines", "report"):
        typed(chosen(window, ids[name])["path"], shipped_flow["nodes"][name]["config"]["path"])
    typed(chosen(window, ids["arrived"])["where"], "arr_delay is not null")
    qtbot.waitUntil(lambda: bool(window.desk.findings.schemas.get(ids["arrived"])), timeout=LONG)
    fields = chosen(window, ids["delays"])
    typed(added(fields["by"]), "carrier")
    for name, formula in shipped_flow["nodes"]["delays"]["config"]["values"].items():
        row = added(fields["values"])
        typed(row.findChild(QLineEdit), name)  # type: ignore[arg-type]
        typed(row.findChild(QPlainTextEdit), formula)  # type: ignore[arg-type]
    fields = chosen(window, ids["named"])
    on = fields["on"]
    assert isinstance(on, UnionEditor) and isinstance(on._part, ListEditor)
    typed(added(on._part), "carrier")
    picked(fields["how"].combo, "left")
    fields = chosen(window, ids["latest"])
    row = added(fields["by"])
    union = row.findChild(UnionEditor)
    assert union is not None
    picked(union.combo, union.combo.itemText(1))
    group = union._part
    assert group is not None
    typed(group.findChildren(QLineEdit)[0], "mean_delay")
    direction = next(each for each in group.findChildren(QComboBox) if each.findData("descending") >= 0)
    picked(direction, "descending")
    # The same flow as the shipped one, but for names and places that hands gave it.
    made = yaml.safe_load(window.document.text())
    back = {new: old for old, new in ids.items()}
    got = {back[id]: node for id, node in made["nodes"].items()}
    for name, wanted in shipped_flow["nodes"].items():
        node = got[name]
        assert node["kind"] == wanted["kind"] and node["config"] == wanted["config"], name
        inputs = {port: str(ref) for port, ref in node.get("inputs", {}).items()}
        named = {port: ".".join([back[ref.split(".")[0]], *ref.split(".")[1:]]) for port, ref in inputs.items()}
        assert {port: ref.split(".")[0] for port, ref in named.items()} == {
            port: str(ref).split(".")[0] for port, ref in wanted.get("inputs", {}).items()
        }
    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        window.actions_["run"].trigger()
    assert {card.standing.state for card in window.scene.cards.values()} == {"done"}, [
        problem.message.text() for problem in window.desk.problems
    ]
    import duckdb

    data = root / "data"
    wanted_rows = duckdb.sql(
        f"SELECT carrier, count(*), avg(arr_delay), max(arr_delay), name FROM '{data}/flights.parquet' "
        f"LEFT JOIN '{data}/airlines.csv' USING (carrier) WHERE arr_delay IS NOT NULL GROUP BY carrier, name ORDER BY 3 DESC"
    ).fetchall()
    got_rows = duckdb.sql(
        f"SELECT carrier, flights, mean_delay, worst_delay, name FROM '{root}/out/latest-airlines.csv'"
    ).fetchall()
    assert [row[0] for row in got_rows] == [row[0] for row in wanted_rows] and len(got_rows) == 16
    for one, other in zip(got_rows, wanted_rows, strict=True):
        assert one[1] == other[1] and abs(one[2] - other[2]) < 1e-9 and one[3:] == other[3:]
