"""Several flows in one window, files that are no flows, and nothing lost: tabs, drafts, crashes, full disks, two windows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from PySide6.QtCore import QPoint, QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QTabBar
from pytestqt.qtbot import QtBot

from tisserand.files import shipped
from tisserand.model.clipboard import copy_text
from tisserand.model.flow import Flow, Node, Ref
from tisserand.ui import dialogs
from tisserand.ui.window import Window

LEFT = Qt.MouseButton.LeftButton
CTRL = Qt.KeyboardModifier.ControlModifier
OTHER = shipped("flows") / "showcase" / "flows" / "plane-age.yaml"
BROKEN = "tisserand: 1\nid: b\nnodes:\n  a: {kind: file.read_csv\n  b: [\n"
MENDED = "tisserand: 1\nid: b\nnodes:\n  a:\n    kind: file.read_csv\n"


def load(window: Window, path: Path) -> None:
    window.desk.load(path)
    while window.desk.disk.loading:
        QApplication.processEvents()


def titles(window: Window) -> list[str]:
    bar = window.desk.sheets.bar
    return [bar.tabText(index) for index in range(bar.count())]


def press_tab(window: Window, index: int) -> None:
    bar = window.desk.sheets.bar
    QTest.mouseClick(bar, LEFT, pos=bar.tabRect(index).center() - QPoint(10, 0))
    QApplication.processEvents()


def test_each_flow_has_its_tab_with_history_and_place(window: Window, demo: Path) -> None:
    load(window, demo)
    assert not window.desk.sheets.bar.isVisible()
    window.document.set_node("lake", title="Changed")
    window.scene.select(["named"])
    window.canvas.set_zoom(1.5)
    load(window, OTHER)
    assert window.desk.sheets.bar.isVisible() and titles(window)[0] == "Orders by customer •"
    assert "named" not in window.scene.cards and window.document.is_saved and window.document.undo_name is None
    assert window.runner.root == OTHER.parent.parent.resolve()
    press_tab(window, 0)
    assert window.document.flow.nodes["lake"].title == "Changed" and list(window.scene.selection) == ["named"]
    assert window.canvas.zoom() == 1.5 and window.runner.root == demo.parent.parent.resolve()
    window.actions_["undo"].trigger()
    assert window.document.is_saved and titles(window)[0] == "Orders by customer"
    window.activateWindow()
    QTest.keyClick(window, Qt.Key.Key_Tab, CTRL)
    assert window.document.path == OTHER
    # A file that is open already is turned to, not opened twice.
    load(window, demo)
    assert len(titles(window)) == 2 and window.document.path == demo


def test_closing_asks_only_for_unsaved_changes(window: Window, demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def stay(_parent: object, title: str) -> str:
        asked.append(title)
        return "stay"

    monkeypatch.setattr(dialogs, "ask_to_save", stay)
    load(window, demo)
    window.document.set_node("lake", title="Changed")
    load(window, OTHER)
    window.actions_["close"].trigger()
    assert asked == [] and window.document.path == demo and not window.desk.sheets.bar.isVisible()
    window.actions_["new"].trigger()
    button = window.desk.sheets.bar.tabButton(0, QTabBar.ButtonPosition.RightSide)
    QTest.mouseClick(button, LEFT)
    assert asked == ["Orders by customer"] and len(titles(window)) == 2
    press_tab(window, 1)
    assert not window.close() and asked == ["Orders by customer"] * 2
    monkeypatch.setattr(dialogs, "ask_to_save", lambda *_args: "save")
    press_tab(window, 0)
    window.actions_["close"].trigger()
    assert "Changed" in demo.read_text() and len(titles(window)) == 1


def test_a_run_goes_on_behind_another_tab(window: Window, demo: Path, qtbot: QtBot) -> None:
    load(window, demo)
    window.actions_["run"].trigger()
    load(window, OTHER)
    assert all(card.standing.state == "ready" for card in window.scene.cards.values())
    qtbot.waitUntil(lambda: not window.runner.running, timeout=60_000)
    assert all(card.standing.state == "ready" for card in window.scene.cards.values())
    press_tab(window, 0)
    assert {card.standing.state for card in window.scene.cards.values()} == {"done"}
    window.scene.select(["paid"])
    qtbot.waitUntil(lambda: window.data.grid.total == 11_092, timeout=20_000)


def test_undo_goes_on_across_saving(window: Window, demo: Path) -> None:
    load(window, demo)
    before = demo.read_text()
    window.document.set_node("lake", title="Changed")
    assert window.desk.disk.save() and "Changed" in demo.read_text()
    window.actions_["undo"].trigger()
    assert not window.document.is_saved
    assert window.desk.disk.save() and yaml.safe_load(demo.read_text()) == yaml.safe_load(before)
    window.actions_["redo"].trigger()
    assert window.document.flow.nodes["lake"].title == "Changed"


def test_a_broken_file_is_mended_as_text(window: Window, tmp_path: Path, qtbot: QtBot) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(BROKEN)
    load(window, path)
    editor = window.source.text
    assert window.middle.currentWidget() is window.source and editor.toPlainText() == BROKEN
    assert window.problems.list.count() >= 1 and editor.extraSelections() and path.read_text() == BROKEN
    assert not window.actions_["run"].isEnabled() and window.document.is_saved
    # A click on a problem goes to its line.
    problem = window.desk.problems[0]
    window.problems.list.itemClicked.emit(window.problems.list.item(0))
    assert editor.textCursor().blockNumber() + 1 == problem.place.line and editor.hasFocus()
    QTest.keyClick(editor, Qt.Key.Key_A, CTRL)
    QTest.keyClick(editor, Qt.Key.Key_Delete)
    for line in MENDED.splitlines(keepends=True):
        editor.insertPlainText(line)
    qtbot.waitUntil(lambda: not any(p.severity == "error" for p in window.desk.problems), timeout=5_000)
    assert not window.document.is_saved and path.read_text() == BROKEN
    QTest.keyClick(window, Qt.Key.Key_S, CTRL)
    qtbot.waitUntil(lambda: window.middle.currentWidget() is window.canvas, timeout=5_000)
    assert path.read_text() == MENDED and list(window.scene.cards) == ["a"]


def test_a_broken_text_is_saved_at_once_when_asked(window: Window, tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(BROKEN)
    load(window, path)
    window.source.text.appendPlainText("  c: [")
    assert window.desk.disk.save()
    assert path.read_text().endswith("c: [") and window.middle.currentWidget() is window.source


def test_two_windows_on_one_file(window: Window, demo: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot) -> None:
    load(window, demo)
    other = Window()
    other.kinds.catalog = window.kinds.catalog
    load(other, demo)
    other.document.set_node("lake", title="From the other window")
    window.document.set_node("paid", title="From this window")
    assert other.desk.disk.save()
    qtbot.waitUntil(window.notice.isVisible, timeout=10_000)
    asked: list[str] = []

    def stay(_parent: object, name: str) -> str:
        asked.append(name)
        return "stay"

    monkeypatch.setattr(dialogs, "ask_to_overwrite", stay)
    assert not window.desk.disk.save() and asked == [demo.name]
    assert "From the other window" in demo.read_text() and "From this window" not in demo.read_text()
    other.retire()


# -- crashes -----------------------------------------------------------------------------------------------------------

EDITS = """
import sys, time
from pathlib import Path
from tisserand.ui.app import application, furnish
from tisserand.ui.theme import theme
from tisserand.ui.window import Window
made = application(["x"]); theme().apply(made, "light")
window = Window(None, Path(sys.argv[1])); window.show(); furnish(window, Path(sys.argv[2]))
def until(ready):
    while not ready():
        made.processEvents(); time.sleep(0.01)
until(lambda: not window.desk.disk.loading and window.scene.cards)
window.document.set_node("lake", title="Never saved")
window.desk.sheets.add()
window.document.add("table.filter", (0.0, 0.0))
print("edited", flush=True)
until(lambda: False)
"""


def crashed(folder: Path, demo: Path) -> None:
    """A designer that is killed with unsaved changes in two tabs."""
    process = subprocess.Popen(
        [sys.executable, "-c", EDITS, str(folder), str(demo)],
        stdout=subprocess.PIPE,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"edited\n"
    end = time.monotonic() + 20
    while len(list(folder.glob("*.json"))) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    # While it lives, its drafts are its own.
    from tisserand.ui.drafts import left

    assert left(folder) == []
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_after_a_kill_the_changes_are_offered_and_opened(qapp: QApplication, demo: Path, tmp_path: Path, qtbot: QtBot) -> None:
    from tisserand.sdk.registry import registry

    folder, before = tmp_path / "drafts", demo.read_text()
    crashed(folder, demo)
    assert demo.read_text() == before
    window = Window(None, folder)
    window.kinds.catalog = registry()
    window.document.new()
    window.show()
    window.desk.drafts.offer()
    qtbot.waitUntil(window.notice.isVisible, timeout=10_000)
    assert "2" in window.notice.text.text()
    QTest.mouseClick(window.notice.buttons[0], LEFT)
    assert titles(window) == ["Orders by customer •", "Untitled flow •"]
    window.desk.sheets.show(0)
    assert window.document.flow.nodes["lake"].title == "Never saved" and window.document.path == demo.resolve()
    assert window.runner.root == demo.parent.parent.resolve()
    # The old drafts are gone, the changes are kept again, and saving ends that too.
    qtbot.waitUntil(lambda: len(list(folder.glob("*.json"))) == 2, timeout=10_000)
    assert all(json.loads(path.read_text())["pid"] == os.getpid() for path in folder.glob("*.json"))
    assert (folder.stat().st_mode & 0o077) == 0 and all((path.stat().st_mode & 0o077) == 0 for path in folder.glob("*.json"))
    assert window.desk.disk.save()
    assert yaml.safe_load(demo.read_text())["nodes"]["lake"]["title"] == "Never saved"
    qtbot.waitUntil(lambda: len(list(folder.glob("*.json"))) == 1, timeout=10_000)
    window.desk.drafts.close()
    assert list(folder.glob("*.json")) == []
    window.desk.sheets.abandon()
    window.retire()


def test_what_a_crash_left_can_be_discarded(qapp: QApplication, demo: Path, tmp_path: Path, qtbot: QtBot) -> None:
    folder = tmp_path / "drafts"
    folder.mkdir()
    (folder / "odd.json").write_text("[1, 2")
    draft = {"pid": 2**22 - 7, "began": 1.0, "path": None, "title": "Lost", "text": "tisserand: 1\n", "source": False}
    (folder / "a.json").write_text(json.dumps(draft))
    window = Window(None, folder)
    window.show()
    window.desk.drafts.offer()
    qtbot.waitUntil(window.notice.isVisible, timeout=10_000)
    QTest.mouseClick(window.notice.buttons[1], LEFT)
    assert [path.name for path in folder.iterdir()] == ["odd.json"]
    window.retire()


FULL = """
import resource, signal, sys, time
from pathlib import Path
from tisserand.ui.app import application, furnish
from tisserand.ui.theme import theme
from tisserand.ui.window import Window
made = application(["x"]); theme().apply(made, "light")
window = Window(None, Path(sys.argv[2]).parent / "drafts"); window.show(); furnish(window, Path(sys.argv[1]))
while window.desk.disk.loading or not window.scene.cards:
    made.processEvents(); time.sleep(0.01)
before = window.document.flow
window.document.set_node("lake", title="x" * 3000)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
saved = window.desk.disk.save()
print(saved, window.document.is_saved, window.notice.isVisible(), len(window.document.flow.nodes["lake"].title))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit for file sizes")
def test_a_disk_that_takes_no_more_loses_nothing(demo: Path, tmp_path: Path) -> None:
    before = demo.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(demo), str(tmp_path / "x")],
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )  # fmt: skip
    assert done.stdout.strip() == "False False True 3000", done.stdout + done.stderr
    assert demo.read_bytes() == before
    assert [path.name for path in demo.parent.iterdir()] == [demo.name]


def test_ten_thousand_nodes_are_pasted_and_taken_back(window: Window) -> None:
    nodes: dict[str, Node] = {}
    for index in range(10_000):
        inputs = {"table": (Ref(f"n{index - 1}"),)} if index % 10 else {}
        nodes[f"n{index}"] = Node(f"n{index}", "table.filter" if index % 10 else "file.read_csv", inputs=inputs)
    layout = {id: (float(index % 100) * 264, float(index // 100) * 96) for index, id in enumerate(nodes)}
    QApplication.clipboard().setText(copy_text(Flow("big", nodes=nodes, layout=layout), nodes))
    window.actions_["paste"].trigger()
    assert len(window.scene.cards) == 10_000 and len(window.scene.wires) == 9_000
    window.canvas.fit()
    assert not window.canvas.grab().isNull()
    window.actions_["undo"].trigger()
    assert not window.document.flow.nodes and not window.scene.cards


def test_the_layout_of_the_window_is_remembered(qapp: QApplication, tmp_path: Path) -> None:
    settings = QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)
    first = Window(settings)
    first.show()
    first.resize(790, 700)  # within the screen that tests have
    first.actions_["palette"].setChecked(False)
    first.tabs.setCurrentWidget(first.outline)
    first._outer.setSizes([280, 360])
    QApplication.processEvents()
    kept = first._outer.sizes()
    assert first.close()
    settings.sync()
    second = Window(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))
    second.show()
    QApplication.processEvents()
    assert second.size() == first.size() and not second.sides["palette"].isVisible()
    assert second.tabs.currentWidget() is second.outline and second._outer.sizes() == kept
    first.retire()
    second.retire()


def test_a_missing_file_leaves_the_tab_as_it_was(window: Window, demo: Path, tmp_path: Path) -> None:
    load(window, demo)
    load(window, tmp_path / "missing.yaml")
    dialog = window.findChild(QDialog, "broken")
    assert dialog is not None
    dialog.accept()
    assert window.document.path == demo and titles(window) == ["Orders by customer"]
