"""A flow of the showcase is built as a person builds it, with the mouse and the keys only, and is the shipped one: same YAML, same result.

`test_on_a_screen` does the same once more in a process of its own under a virtual X screen, where there is one."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QDrag, QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QFileDialog,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QTreeWidgetItemIterator,
    QWidget,
)
from pytestqt.qtbot import QtBot

from tisserand.files import shipped
from tisserand.ui.panels.rows import Rows
from tisserand.ui.window import Window

LEFT, NO = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
CTRL = Qt.KeyboardModifier.ControlModifier
LONG = 60_000
FLOW = "latest-airlines"


class Hand:
    """Mouse and keys on one window; nothing else."""

    def __init__(self, window: Window, qtbot: QtBot) -> None:
        self.window, self.qtbot = window, qtbot

    def click(self, widget: QWidget, spot: QPoint | None = None) -> None:
        assert widget.isVisible() and widget.isEnabled()
        QTest.mouseClick(widget, LEFT, NO, spot if spot is not None else widget.rect().center())
        QApplication.processEvents()

    def type(self, text: str) -> None:
        found = QApplication.focusWidget()
        assert found is not None
        QTest.keyClicks(found, text)
        QApplication.processEvents()

    def press(self, key: Qt.Key, keys: Qt.KeyboardModifier = NO) -> None:
        QTest.keyClick(QApplication.focusWidget() or self.window, key, keys)
        QApplication.processEvents()

    def bring(self, kind: str, words: str, x: int, y: int) -> str:
        """Find a node type in the palette and drag it to a spot of the canvas; gives the new node's name."""
        palette, canvas = self.window.palette_panel, self.window.canvas
        self.click(palette.search)
        self.press(Qt.Key.Key_A, CTRL)
        self.type(words)
        items = QTreeWidgetItemIterator(palette.tree)
        while (item := items.value()) is not None and item.data(0, Qt.ItemDataRole.UserRole) != kind:
            items += 1
        assert item is not None and not item.isHidden(), f"the palette does not find {kind} by “{words}”"
        palette.tree.scrollToItem(item)
        before = set(self.window.document.flow.nodes)
        start = palette.tree.visualItemRect(item).center()
        spot = QPoint(x, y)
        assert canvas.viewport().rect().contains(spot)
        self._drop_at = spot
        QTest.mousePress(palette.tree.viewport(), LEFT, NO, start)
        for step in range(1, 4):
            QTest.mouseMove(palette.tree.viewport(), start + QPoint(8 * step, 0))
        QTest.mouseRelease(palette.tree.viewport(), LEFT, NO, start + QPoint(24, 0))
        QApplication.processEvents()
        new = set(self.window.document.flow.nodes) - before
        assert len(new) == 1
        return new.pop()

    def carry(self, data: QMimeData) -> None:
        """The system's part of a drag: what it brings to the canvas at the spot where the hand lets go."""
        port, spot = self.window.canvas.viewport(), self._drop_at
        action = Qt.DropAction.CopyAction
        QApplication.sendEvent(port, QDragEnterEvent(spot, action, data, LEFT, NO))
        QApplication.sendEvent(port, QDragMoveEvent(spot, action, data, LEFT, NO))
        QApplication.sendEvent(port, QDropEvent(QPointF(spot), action, data, LEFT, NO))

    def wire(self, source: str, target: str, port: str, out: str = "") -> None:
        """Pull a wire from an output to an input."""
        canvas, cards = self.window.canvas, self.window.scene.cards
        name = out or cards[source].shown.outputs[0].name
        start = canvas.mapFromScene(cards[source].output_point(name))
        end = canvas.mapFromScene(cards[target].input_point(port))
        QTest.mousePress(canvas.viewport(), LEFT, NO, start)
        for step in range(1, 5):
            QTest.mouseMove(canvas.viewport(), start + (end - start) * step / 4)
        QTest.mouseRelease(canvas.viewport(), LEFT, NO, end)
        QApplication.processEvents()

    def select(self, id: str) -> None:
        canvas = self.window.canvas
        self.click(canvas.viewport(), canvas.mapFromScene(self.window.scene.cards[id].frame().center()))
        assert list(self.window.scene.selection) == [id]
        self.qtbot.waitUntil(lambda: self.window.inspector.node == id, timeout=LONG)

    def _page(self) -> QWidget:
        page = self.window.inspector.area.widget()
        assert page is not None
        return page

    def _in_sight(self, found: QWidget) -> QWidget:
        self.window.inspector.area.ensureWidgetVisible(found, 10, 10)
        QApplication.processEvents()
        return found

    def field(self, name: str) -> QWidget:
        """The field that is called so, clicked."""
        page = self._page()
        fields = [
            found
            for found in page.findChildren(QWidget)
            if isinstance(found, QLineEdit | QPlainTextEdit | QComboBox) and found.accessibleName() == name and found.isVisible()
        ]
        assert fields, f"no field “{name}”"
        found = fields[0]
        if isinstance(found, QComboBox) and found.isEditable():
            found = found.lineEdit() or found
        self.click(self._in_sight(found), QPoint(6, found.height() // 2) if not isinstance(found, QComboBox) else None)
        return found

    def fill(self, name: str, text: str) -> None:
        self.field(name)
        self.press(Qt.Key.Key_A, CTRL)
        self.type(text)

    def choose(self, name: str, words: str) -> None:
        """One of a few: opened with the mouse, found by typing its beginning."""
        page = self._page()
        found = next(each for each in page.findChildren(QComboBox) if each.accessibleName() == name and each.isVisible())
        self._in_sight(found)
        found.setFocus()
        self.type(words)

    def add(self, title: str) -> None:
        """“Add” below a list."""
        page = self._page()
        rows = next(each for each in page.findChildren(Rows) if each.isVisible() and each.asked.title == title)
        button: QPushButton = rows.add
        self.click(self._in_sight(button))


@pytest.fixture
def hand(window: Window, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Hand:
    made = Hand(window, qtbot)

    def carried(drag: QDrag, *_asked: Any) -> Qt.DropAction:
        made.carry(drag.mimeData())
        return Qt.DropAction.CopyAction

    # What goes on between picking up and letting go is the system's; it cannot be driven from a test.
    monkeypatch.setattr(QDrag, "exec", carried)
    return made


@pytest.fixture
def home(tmp_path: Path, window: Window) -> Path:
    """The showcase's workspace without its flows."""
    root = tmp_path / "showcase"
    shutil.copytree(shipped("flows") / "showcase", root, ignore=shutil.ignore_patterns("flows", "out", ".tisserand"))
    (root / "flows").mkdir()
    window.runner.root = window.inspector.context.workspace = root
    return root


def build(hand: Hand) -> dict[str, str]:
    """The flow, step by step; gives shipped name → name here."""
    window = hand.window
    window.activateWindow()
    window.actions_["palette"].setChecked(True)
    window.canvas.set_zoom(0.6)
    QApplication.processEvents()
    made = {
        "flights": hand.bring("file.read_parquet", "parquet", 80, 60),
        "airlines": hand.bring("file.read_csv", "read csv", 80, 200),
        "arrived": hand.bring("table.filter", "filter", 240, 60),
        "delays": hand.bring("table.aggregate", "aggregate", 400, 60),
        "named": hand.bring("table.join", "join", 560, 120),
        "latest": hand.bring("table.sort", "sort", 400, 300),
        "report": hand.bring("file.write_csv", "write csv", 560, 300),
    }
    hand.wire(made["flights"], made["arrived"], "table")
    hand.wire(made["arrived"], made["delays"], "table")
    hand.wire(made["delays"], made["named"], "left")
    hand.wire(made["airlines"], made["named"], "right")
    hand.wire(made["named"], made["latest"], "table", "matched")
    hand.wire(made["latest"], made["report"], "table")
    hand.select(made["flights"])
    hand.fill("Path", "{{ workspace }}/data/flights.parquet")
    hand.select(made["airlines"])
    hand.fill("Path", "{{ workspace }}/data/airlines.csv")
    hand.select(made["arrived"])
    hand.fill("Keep rows where", "arr_delay is not null")
    hand.press(Qt.Key.Key_Escape)
    hand.select(made["delays"])
    hand.add("By")
    hand.type("carrier")
    for number, (name, formula) in enumerate(
        {"flights": "count()", "mean_delay": "avg(arr_delay)", "worst_delay": "max(arr_delay)"}.items(), 1
    ):
        hand.add("Values")
        hand.type(name)
        hand.fill(f"Values {number}: Value", formula)
        hand.press(Qt.Key.Key_Escape)
    hand.select(made["named"])
    hand.add("Columns of the same name")
    hand.type("carrier")
    hand.choose("Rows to keep", "All left")
    hand.select(made["latest"])
    hand.add("By")
    hand.choose("Form of this setting", "With")
    hand.fill("Column", "mean_delay")
    hand.choose("Direction", "desc")
    hand.select(made["report"])
    hand.fill("Path", "{{ workspace }}/out/latest-airlines.csv")
    return made


def plain(path: Path, names: dict[str, str]) -> dict[str, Any]:
    """What a flow file says of its nodes, read by nothing of ours, under the shipped names."""
    back = {here: there for there, here in names.items()}

    def renamed(ref: str) -> str:
        node, _dot, port = ref.partition(".")
        # A join's first output needs no name; the shipped flow writes it out.
        port = "" if port == "matched" else port
        return f"{back.get(node, node)}{'.' + port if port else ''}"

    found: dict[str, Any] = {}
    for id, node in yaml.safe_load(path.read_text(encoding="utf-8"))["nodes"].items():
        inputs = {port: renamed(ref) for port, ref in node.get("inputs", {}).items()}
        found[back.get(id, id)] = {"kind": node["kind"], "inputs": inputs, "config": node.get("config", {})}
    return found


def test_built_by_hand_it_is_the_shipped_flow(
    window: Window, hand: Hand, home: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = build(hand)
    file = home / "flows" / f"{FLOW}.yaml"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_args, **_named: (str(file), ""))
    hand.click(window.canvas.viewport(), QPoint(6, 6))
    hand.press(Qt.Key.Key_S, CTRL)
    assert plain(file, names) == plain(shipped("flows") / "showcase" / "flows" / f"{FLOW}.yaml", {})
    with qtbot.waitSignal(window.runner.finished, timeout=LONG):
        hand.click(window.bar.widgetForAction(window.actions_["run"]))
    assert {card.standing.state for card in window.scene.cards.values()} == {"done"}, window.desk.problems
    written = (home / "out" / f"{FLOW}.csv").read_text(encoding="utf-8").splitlines()
    got = [(row[0], row[-1], int(row[1]), float(row[2]), float(row[3])) for row in csv.reader(written[1:])]
    data = home / "data"
    expected = duckdb.sql(
        f"""SELECT carrier, name, flights, mean, worst FROM (SELECT carrier, count(*) AS flights, avg(arr_delay) AS mean,
            max(arr_delay) AS worst FROM '{data}/flights.parquet' WHERE arr_delay IS NOT NULL GROUP BY carrier)
            LEFT JOIN read_csv('{data}/airlines.csv') USING (carrier) ORDER BY mean DESC"""
    ).fetchall()
    assert [row[:3] for row in got] == [row[:3] for row in expected] and len(got) == 16
    assert [row[3:] for row in got] == [pytest.approx(row[3:]) for row in expected]


@pytest.mark.skipif(shutil.which("xvfb-run") is None, reason="needs server: Xvfb (make servers)")
def test_on_a_screen() -> None:
    """The same under X11: other fonts, a window system with focus of its own."""
    inner = "test_built_by_hand_it_is_the_shipped_flow"
    done = subprocess.run(
        ["xvfb-run", "-a", "-s", "-screen 0 1400x900x24", sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
         str(Path(__file__)), "-k", inner],
        capture_output=True, text=True, check=False, timeout=240, env={**os.environ, "QT_QPA_PLATFORM": "xcb"},
    )  # fmt: skip
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout[-3000:] + done.stderr[-1000:]
