"""From a fresh profile to a running file exchange in three clicks; ready scenarios as forms, and flows that start by themselves."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest
import yaml
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog
from pytestqt.qtbot import QtBot

from tisserand.service.serve import running
from tisserand.ui.scenarios import ScenarioForm, scenarios, settle
from tisserand.ui.window import Window
from tisserand.workspace.folder import Workspace

LEFT = Qt.MouseButton.LeftButton


class Clicks(QObject):
    """Counts presses of the mouse, wherever they go."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self._last: tuple[int, int] | None = None

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QMouseEvent) and event.type() in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick):
            place = event.globalPosition().toPoint()
            # One press is offered to a widget and to those around it.
            if (place.x(), place.y()) != self._last or event.timestamp() == 0:
                self.count += watched.isWidgetType()
            self._last = (place.x(), place.y())
        return False


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A fresh profile: an empty home folder. The executor that is started there goes at the end."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    yield folder
    root = folder / "Tisserand"
    if root.is_dir() and running(root) is not None:
        os.kill(json.loads((root / ".tisserand" / "executor.json").read_text())["pid"], signal.SIGTERM)
        end = time.monotonic() + 20
        while running(root) is not None and time.monotonic() < end:
            time.sleep(0.05)


def form(window: Window) -> ScenarioForm:
    found = window.findChild(QDialog, "scenario")
    assert isinstance(found, ScenarioForm)
    return found


def cells(path: Path) -> list[tuple[object, ...]]:
    book = openpyxl.load_workbook(path)
    sheet = book.active
    assert sheet is not None
    return [tuple(cell.value for cell in row) for row in sheet.iter_rows()]


def test_a_watched_folder_runs_after_three_clicks(
    window: Window, home: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = home / "Inbox"
    inbox.mkdir()
    (inbox / "early.csv").write_text("id,name,born\n1,Ada,1815-12-10\n2,Grâce,1906-12-09\n")
    # The picker of the system is not ours to click.
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_args, **_named: str(inbox))
    clicks = Clicks()
    application = QApplication.instance()
    assert application is not None
    application.installEventFilter(clicks)
    try:
        QTest.mouseClick(window.welcome.cards[0], LEFT)
        sheet = form(window)
        assert not sheet.go.isEnabled()
        QTest.mouseClick(sheet.choosers["source"], LEFT)
        QTest.mouseClick(sheet.go, LEFT)
    finally:
        application.removeEventFilter(clicks)
    assert clicks.count == 3
    out = home / "Inbox - results"
    qtbot.waitUntil(lambda: (out / "early.xlsx").exists(), timeout=60_000)
    (inbox / "late.csv").write_text("a\n" + "".join(f"{n}\n" for n in range(1000)))
    qtbot.waitUntil(lambda: (out / "late.xlsx").exists(), timeout=60_000)
    early = cells(out / "early.xlsx")
    assert early[0] == ("id", "name", "born") and early[2][:2] == (2, "Grâce")
    assert str(early[1][2]).startswith("1815-12-10")
    assert cells(out / "late.xlsx") == [("a",), *((n,) for n in range(1000))]
    # The window shows what goes on: the flow is on, its cards carry the last run.
    qtbot.waitUntil(lambda: window.scene.cards["arrives"].standing.state == "listening", timeout=30_000)
    qtbot.waitUntil(lambda: "2" in window.scene.cards["arrives"].standing.detail, timeout=30_000)
    qtbot.waitUntil(lambda: window.scene.cards["write"].standing.state == "done", timeout=30_000)
    assert window.document.path == home / "Tisserand" / "flows" / "folder-to-excel.yaml"
    # Off again, by the key that stands in the menu.
    window.activateWindow()
    assert QTest.qWaitForWindowActive(window, 5000)
    QTest.keyClick(window, Qt.Key.Key_F6)
    qtbot.waitUntil(lambda: window.scene.cards["arrives"].standing.state != "listening", timeout=30_000)


def test_merging_files_is_a_form_that_runs(window: Window, home: Path, qtbot: QtBot) -> None:
    source = home / "months"
    source.mkdir()
    (source / "a.csv").write_text("id,v\n1,x\n2,y\n")
    (source / "b.csv").write_text("id,v\n2,y\n3,z\n")
    card = next(card for card in window.welcome.cards if card.scenario.flow.id == "merge-files")
    QTest.mouseClick(card, LEFT)
    sheet = form(window)
    # By keyboard: fields in their order, Enter starts.
    QTest.keyClicks(sheet.lines["source"], str(source))
    QTest.keyClicks(sheet.lines["target"], str(home / "out"))
    QTest.keyClick(sheet.lines["target"], Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: (home / "out" / "all.xlsx").exists(), timeout=60_000)
    assert sorted(cells(home / "out" / "all.xlsx")[1:]) == [(1, "x"), (2, "y"), (3, "z")]


def test_comparing_files_is_a_form_that_runs(window: Window, home: Path, qtbot: QtBot) -> None:
    (home / "old.csv").write_text("id,v\n1,x\n2,y\n3,z\n")
    (home / "new.csv").write_text("id,v\n1,x\n2,changed\n4,w\n")
    card = next(card for card in window.welcome.cards if card.scenario.flow.id == "compare-files")
    QTest.mouseClick(card, LEFT)
    sheet = form(window)
    for name, text in {"before": "old.csv", "now": "new.csv", "target": "out"}.items():
        sheet.lines[name].setText(str(home / text))
    assert not sheet.go.isEnabled()
    sheet.lines["key"].setText("id")
    QTest.mouseClick(sheet.go, LEFT)
    qtbot.waitUntil(lambda: not window.runner.running and (home / "out" / "removed.xlsx").exists(), timeout=60_000)
    assert cells(home / "out" / "added.xlsx")[1:] == [(4, "w")]
    assert cells(home / "out" / "removed.xlsx")[1:] == [(3, "z")]
    assert cells(home / "out" / "changed.xlsx")[1][0] == 2


def test_a_second_one_gets_its_own_file_and_folders_are_allowed_once(tmp_path: Path) -> None:
    root = Workspace.create(tmp_path / "w").root
    (root / "tisserand.yaml").write_text("# mine\nid: w\n")
    scenario = next(each for each in scenarios() if each.listens)
    values = {"source": str(tmp_path / "in"), "target": str(root / "out")}
    first, second = settle(scenario, root, values), settle(scenario, root, values)
    assert (first.stem, second.stem) == ("folder-to-excel", "folder-to-excel-2")
    made = yaml.safe_load(second.read_text())
    assert made["id"] == "folder-to-excel-2" and made["parameters"]["target"]["default"] == "out"
    text = (root / "tisserand.yaml").read_text()
    assert text.startswith("# mine\nid: w\n") and yaml.safe_load(text)["allow_folders"] == [(tmp_path / "in").as_posix()]
    settle(scenario, root, {"source": str(tmp_path / "more: # in"), "target": str(root / "out")})
    allowed = yaml.safe_load((root / "tisserand.yaml").read_text())["allow_folders"]
    assert sorted(allowed) == sorted([(tmp_path / "in").as_posix(), (tmp_path / "more: # in").as_posix()])
    (root / "tisserand.yaml").write_text("id: w\nallow_folders: [../a]\n")
    Workspace(root).allow(tmp_path / "b")
    assert yaml.safe_load((root / "tisserand.yaml").read_text())["allow_folders"] == ["../a", (tmp_path / "b").as_posix()]


def test_a_scenario_that_cannot_be_set_up_is_a_sentence(window: Window, home: Path) -> None:
    (home / "Tisserand").write_text("a file where the workspace should be")
    QTest.mouseClick(window.welcome.cards[0], LEFT)
    sheet = form(window)
    sheet.lines["source"].setText(str(home / "in"))
    sheet.lines["target"].setText(str(home / "out"))
    QTest.mouseClick(sheet.go, LEFT)
    assert window.notice.isVisible() and "Tisserand" in window.notice.text.text()
