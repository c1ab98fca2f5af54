"""What the canvas could not show of a file is never lost: such a file opens as text, and comments are asked about."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from tisserand.ui import dialogs, disk
from tisserand.ui.canvas.markedit import MarkEdit
from tisserand.ui.document import Opened
from tisserand.ui.window import Window

GOOD = "tisserand: 1\nid: a\nnodes:\n  one:\n    kind: file.read_csv\n    config: {path: a.csv}\nlayout:\n  one: [0, 0]\n"
CTRL = Qt.KeyboardModifier.ControlModifier


def load(window: Window, path: Path, qtbot: QtBot) -> None:
    window.desk.load(path)
    qtbot.waitUntil(lambda: not window.desk.disk.loading, timeout=20_000)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("id: a\n", "id: a\nextra: {mine: 1}\n"),
        ("    kind: file.read_csv\n", "    kind: file.read_csv\n    bogus: 7\n"),
        ("    config: {path: a.csv}\n", "    config: [1, 2]\n"),
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


COMMENTED = (
    "# Ask Ann before changing this.\n" + GOOD.replace("{path: a.csv}", "{path: 'a # b.csv'}  # the old one") + "# the end\n"
)


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


# -- while a file is being read, gone, or written ----------------------------------------------------------------------


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes its time."""
    real = disk.read

    def read(path: Path) -> Opened:
        time.sleep(0.4)
        return real(path)

    monkeypatch.setattr(disk, "read", read)


def test_what_is_begun_while_a_file_is_read_stays(window: Window, tmp_path: Path, qtbot: QtBot, slow: None) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(GOOD)
    window.desk.load(path)
    window.document.add("table.filter", (0.0, 0.0))
    qtbot.waitUntil(lambda: not window.desk.disk.loading, timeout=20_000)
    assert list(window.document.flow.nodes) == ["one"] and len(window.desk.sheets.sheets) == 2
    window.desk.sheets.show(0)
    assert list(window.document.flow.nodes) == ["filter"] and not window.document.is_saved


def test_two_files_opened_at_once_both_open(window: Window, tmp_path: Path, qtbot: QtBot, slow: None) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(GOOD.replace("id: a", f"id: {name}"))
        window.desk.load(tmp_path / f"{name}.yaml")
    qtbot.waitUntil(lambda: not window.desk.disk.loading, timeout=20_000)
    assert sorted(window.desk.sheets.bar.tabText(index) for index in range(2)) == ["a", "b"]


def test_an_edit_during_a_reload_is_kept_and_asked_about(window: Window, tmp_path: Path, qtbot: QtBot, slow: None) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(GOOD)
    load(window, path, qtbot)
    path.write_text(GOOD.replace("a.csv", "theirs.csv"))
    qtbot.waitUntil(lambda: window.desk.disk.loading, timeout=10_000)
    window.document.set_node("one", title="Mine")
    qtbot.waitUntil(lambda: not window.desk.disk.loading and window.notice.isVisible(), timeout=10_000)
    assert window.document.flow.nodes["one"].title == "Mine" and len(window.notice.buttons) == 2


def test_a_flow_whose_file_is_gone_is_not_saved(window: Window, tmp_path: Path, qtbot: QtBot) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(GOOD)
    load(window, path, qtbot)
    path.unlink()
    qtbot.waitUntil(window.notice.isVisible, timeout=10_000)
    assert not window.document.is_saved and window.actions_["save"].isEnabled()
    QTest.keyClick(window, Qt.Key.Key_S, CTRL)
    assert path.read_text() == GOOD and window.document.is_saved


def test_save_as_replaces_only_what_was_asked_about(
    window: Window, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, taken = tmp_path / "flow.yaml", tmp_path / "report.2024.yaml"
    path.write_text(GOOD)
    taken.write_text("precious")
    (tmp_path / "report.yaml").write_text("precious")
    load(window, path, qtbot)
    monkeypatch.setattr(disk.QFileDialog, "getSaveFileName", lambda *_args: (str(tmp_path / "report.2024"), ""))
    press(monkeypatch, "Not now")
    window.actions_["save_as"].trigger()
    assert taken.read_text() == "precious" == (tmp_path / "report.yaml").read_text()
    press(monkeypatch, "Replace it")
    window.actions_["save_as"].trigger()
    assert taken.read_text() == GOOD and (tmp_path / "report.yaml").read_text() == "precious"


def test_a_link_stays_a_link_and_a_long_name_fits(window: Window, tmp_path: Path, qtbot: QtBot) -> None:
    real, link = tmp_path / ("n" * 240 + ".yaml"), tmp_path / "link.yaml"
    real.write_text(GOOD)
    link.symlink_to(real)
    load(window, link, qtbot)
    window.document.set_node("one", title="Mine")
    assert window.desk.disk.save() and link.is_symlink() and "Mine" in real.read_text()


def test_what_may_not_be_written_is_not(window: Window, tmp_path: Path, qtbot: QtBot) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(GOOD)
    path.chmod(0o444)
    load(window, path, qtbot)
    window.document.set_node("one", title="Mine")
    assert not window.desk.disk.save() and path.read_text() == GOOD
    assert window.notice.isVisible() and "flow.yaml" in window.notice.text.text() and not window.document.is_saved


@pytest.mark.parametrize("way", ["save", "close", "run"])
def test_a_note_being_written_is_part_of_the_flow(
    window: Window, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(GOOD)
    load(window, path, qtbot)
    window.canvas.setFocus()
    QTest.keyClick(window.canvas, Qt.Key.Key_N)
    editor = QApplication.focusWidget()
    assert isinstance(editor, MarkEdit)
    QTest.keyClicks(editor, "Half a thought")
    if way == "save":
        QTest.keyClick(editor, Qt.Key.Key_S, CTRL)
        assert "Half a thought" in path.read_text()
    elif way == "close":
        said = press(monkeypatch, "Go on editing")
        window.actions_["close"].trigger()
        assert len(said) == 1
    else:
        window.actions_["run"].trigger()
        qtbot.waitUntil(lambda: not window.runner.running, timeout=60_000)
    assert [note.text for note in window.document.flow.notes.values()] == ["Half a thought"]


@pytest.mark.parametrize("now", [True, 1.0, "1"])
def test_what_python_takes_for_equal_is_another_value(window: Window, tmp_path: Path, qtbot: QtBot, now: object) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(GOOD.replace("path: a.csv", "path: a.csv, skip: 1"))
    load(window, path, qtbot)
    window.document.set_config("one", "skip", now)
    assert repr(window.document.flow.nodes["one"].config["skip"]) == repr(now) and not window.document.is_saved


def test_line_ends_and_the_mark_of_windows_stay(window: Window, tmp_path: Path, qtbot: QtBot) -> None:
    path = tmp_path / "flow.yaml"
    path.write_bytes(b"\xef\xbb\xbftisserand: 1\r\nid: a\r\nmine: 1\r\n")
    load(window, path, qtbot)
    window.source.text.setFocus()
    QTest.keyClick(window.source.text, Qt.Key.Key_End, CTRL)
    QTest.keyClicks(window.source.text, "nodes:")
    assert window.desk.disk.save()
    assert path.read_bytes() == b"\xef\xbb\xbftisserand: 1\r\nid: a\r\nmine: 1\r\nnodes:"
