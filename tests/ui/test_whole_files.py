"""What the canvas could not show of a file is never lost: such a file opens as text, and comments are asked about."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from tisserand.ui import dialogs
from tisserand.ui.window import Window

GOOD = "tisserand: 1\nid: a\nnodes:\n  one:\n    kind: file.read_csv\n    config:\n      path: a.csv\nlayout:\n  one: [0, 0]\n"
CTRL = Qt.KeyboardModifier.ControlModifier


def load(window: Window, path: Path, qtbot: QtBot) -> None:
    window.desk.load(path)
    qtbot.waitUntil(lambda: not window.desk.disk.loading, timeout=20_000)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("id: a\n", "id: a\nextra: {mine: 1}\n"),
        ("    kind: file.read_csv\n", "    kind: file.read_csv\n    bogus: 7\n"),
        ("    config:\n      path: a.csv\n", "    config: [1, 2]\n"),
        ("    kind: file.read_csv\n", "    kind: 3\n"),
        ("  one: [0, 0]\n", "  one: [0, .nan]\n"),
        ("id: a\n", "id: a\nlimits: {memory: lots}\n"),
    ],
)
def test_what_cannot_be_read_in_full_is_text(window: Window, tmp_path: Path, qtbot: QtBot, old: str, new: str) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(GOOD.replace(old, new))
    before = path.read_text()
    load(window, path, qtbot)
    assert window.middle.currentWidget() is window.source and window.source.text.toPlainText() == before
    assert window.problems.list.count() >= 1 and window.source.text.extraSelections()
    assert window.desk.disk.save() and path.read_text() == before
    # Mended, it is a flow.
    window.source.text.setPlainText(GOOD)
    window.source.flush()
    qtbot.waitUntil(lambda: not window.document.broken, timeout=10_000)
    QTest.keyClick(window, Qt.Key.Key_S, CTRL)
    qtbot.waitUntil(lambda: list(window.scene.cards) == ["one"], timeout=10_000)


def test_a_change_from_outside_that_cannot_be_read_is_text_too(window: Window, tmp_path: Path, qtbot: QtBot) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(GOOD)
    load(window, path, qtbot)
    path.write_text(GOOD.replace("id: a\n", "id: a\nmine: 1\n"))
    qtbot.waitUntil(lambda: window.middle.currentWidget() is window.source, timeout=10_000)
    assert "mine: 1" in window.source.text.toPlainText()


def test_a_change_from_outside_can_be_undone(window: Window, tmp_path: Path, qtbot: QtBot) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(GOOD)
    load(window, path, qtbot)
    window.document.set_node("one", title="Mine")
    assert window.desk.disk.save()
    path.write_text(GOOD.replace("a.csv", "theirs.csv"))
    qtbot.waitUntil(lambda: window.document.flow.nodes["one"].config["path"] == "theirs.csv", timeout=10_000)
    assert window.document.is_saved and "flow.yaml" in window.actions_["undo"].text()
    window.actions_["undo"].trigger()
    assert window.document.flow.nodes["one"].title == "Mine" and not window.document.is_saved
    window.actions_["undo"].trigger()
    assert window.document.flow.nodes["one"].title is None
    window.actions_["redo"].trigger()
    assert window.desk.disk.save() and "Mine" in path.read_text() and "theirs" not in path.read_text()


COMMENTED = "# Ask Ann before changing this.\n" + GOOD.replace("path: a.csv", "path: 'a # b.csv'  # the old one") + "# the end\n"


def press(monkeypatch: pytest.MonkeyPatch, words: str) -> list[str]:
    """Answer the question by a real click on the button of these words."""
    said: list[str] = []

    def shown(box: QMessageBox) -> int:
        box.open()
        QApplication.processEvents()
        said.append(box.informativeText())
        button = next(each for each in box.findChildren(QPushButton) if each.text().replace("&", "") == words)
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        return 0

    monkeypatch.setattr(dialogs.QMessageBox, "exec", shown)
    return said


@pytest.mark.parametrize("answer", ["Keep them as a note", "Save without them", "Go on editing"])
def test_comments_are_asked_about(
    window: Window, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(COMMENTED)
    load(window, path, qtbot)
    window.document.set_node("one", title="Changed")
    said = press(monkeypatch, answer)
    saved = window.desk.disk.save()
    assert said == ["# Ask Ann before changing this.\n# the old one\n# the end"]
    text = path.read_text()
    if answer == "Go on editing":
        assert not saved and text == COMMENTED
        return
    assert saved and "Changed" in text and "# the end" not in text and "a # b.csv" in text
    assert ("Ask Ann before changing this." in text) == (answer == "Keep them as a note")
    window.document.set_node("one", title="Again")
    assert window.desk.disk.save() and len(said) == 1


def test_a_flow_without_comments_is_not_asked_about(
    window: Window, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(GOOD.replace("a.csv", "'a # b.csv'"))
    load(window, path, qtbot)
    said = press(monkeypatch, "Go on editing")
    window.document.set_node("one", title="Changed")
    assert window.desk.disk.save() and said == []


def test_opening_what_is_open_keeps_the_changes(window: Window, tmp_path: Path, qtbot: QtBot) -> None:
    path, other = tmp_path / "flow.yaml", tmp_path / "other.yaml"
    path.write_text(GOOD)
    other.write_text(GOOD.replace("id: a", "id: b"))
    load(window, path, qtbot)
    window.document.set_node("one", title="Mine")
    load(window, other, qtbot)
    load(window, path, qtbot)
    assert window.document.flow.nodes["one"].title == "Mine" and not window.document.is_saved


def test_who_may_read_a_file_stays_so(window: Window, tmp_path: Path, qtbot: QtBot) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(GOOD)
    path.chmod(0o640)
    load(window, path, qtbot)
    window.document.set_node("one", title="Mine")
    assert window.desk.disk.save() and path.stat().st_mode & 0o777 == 0o640
