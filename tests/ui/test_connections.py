"""Connections from the window: listed, added, changed, tried out, removed; and no secret ever stands in a file."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from tisserand.model.flow import Flow, Node
from tisserand.ui import connectionfile
from tisserand.ui.connectionfile import Wanted
from tisserand.ui.connections import ConnectionsDialog
from tisserand.ui.panels.connectionpick import ConnectionEditor
from tisserand.ui.panels.editors import LineEditor
from tisserand.ui.panels.secret import SecretEditor
from tisserand.ui.window import Window
from tisserand.workspace.folder import Workspace
from tisserand.workspace.secrets import secret_store

LEFT = Qt.MouseButton.LeftButton
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier

FILE = """\
# What we connect to.
shop:
  type: database
  system: sqlite
  file: data/shop.sqlite
office:
  type: smtp
  host: mail.example.org
"""
FLOW = """\
tisserand: 1
id: sales
nodes:
  rows:
    kind: sql.read
    config: {connection: shop, table: orders}
  more:
    kind: sql.read
    config: {connection: shop, table: orders}
layout:
  rows: [0, 0]
  more: [0, 120]
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with two connections, and a flow that uses one."""
    monkeypatch.setenv("TISSERAND_SECRETS", "file")
    made = Workspace.create(tmp_path / "work").root
    (made / "data").mkdir(exist_ok=True)
    with sqlite3.connect(made / "data" / "shop.sqlite") as base:
        base.execute("CREATE TABLE orders (id INTEGER)")
        base.execute("CREATE TABLE lines (id INTEGER)")
    base.close()
    (made / "connections.yaml").write_text(FILE)
    (made / "flows").mkdir(exist_ok=True)
    (made / "flows" / "sales.yaml").write_text(FLOW)
    return made


def load(window: Window, root: Path, qtbot: QtBot) -> None:
    window.desk.load(root / "flows" / "sales.yaml")
    qtbot.waitUntil(lambda: "rows" in window.scene.cards, timeout=20_000)


def dialog(window: Window, qtbot: QtBot) -> ConnectionsDialog:
    """As it stands once the file was read."""
    found = window.findChild(ConnectionsDialog)
    assert found is not None
    qtbot.waitUntil(lambda: found.list.topLevelItemCount() > 0 and not found._busy, timeout=20_000)
    return found


def opened(window: Window, root: Path, qtbot: QtBot) -> ConnectionsDialog:
    load(window, root, qtbot)
    QTest.keyClick(window, Qt.Key.Key_K, CTRL | SHIFT)
    return dialog(window, qtbot)


def rows(found: ConnectionsDialog) -> list[tuple[str, str, str]]:
    items = [found.list.topLevelItem(row) for row in range(found.list.topLevelItemCount())]
    return [(item.text(0), item.text(1), item.text(2)) for item in items if item is not None]


def line(found: ConnectionsDialog, key: str) -> QLineEdit:
    editor = found.form.fields[key][0]
    assert isinstance(editor, LineEditor | SecretEditor)
    return editor.line


def write(field: QLineEdit, text: str) -> None:
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, text)


def choose(found: ConnectionsDialog, key: str, words: str) -> None:
    combo = found.form.fields[key][0].findChild(QComboBox)
    assert combo is not None
    combo.setFocus()
    QTest.keyClick(combo, Qt.Key.Key_Home)
    for _step in range(combo.count()):
        if combo.currentText() == words:
            break
        QTest.keyClick(combo, Qt.Key.Key_Down)
    combo.activated.emit(combo.currentIndex())
    assert combo.currentText() == words


def click(button: QPushButton) -> None:
    assert button.isVisible() and button.isEnabled()
    QTest.mouseClick(button, LEFT)


def pick(found: ConnectionsDialog, row: int) -> None:
    item = found.list.topLevelItem(row)
    assert item is not None
    spot = found.list.visualItemRect(item).center()
    QTest.mouseClick(found.list.viewport(), LEFT, pos=QPoint(20, spot.y()))


def settled(found: ConnectionsDialog, qtbot: QtBot, words: str) -> None:
    qtbot.waitUntil(lambda: words in found.said.text() and not found._busy, timeout=30_000)


def wrong(found: ConnectionsDialog, key: str) -> str:
    label = found.form.fields[key][2]
    return "" if label.isHidden() else label.text()


def test_what_there_is_and_who_uses_it(window: Window, root: Path, qtbot: QtBot) -> None:
    found = opened(window, root, qtbot)
    assert rows(found) == [("shop", "Database", "sales"), ("office", "Mail server", "–")]
    assert found.form.name == "shop" and line(found, "file").text() == "data/shop.sqlite"
    # What counts for a server only is out of the way.
    assert found.form.fields["host"][1].isHidden() and not found.form.fields["file"][1].isHidden()
    pick(found, 1)
    assert found.form.name == "office" and line(found, "host").text() == "mail.example.org"
    # Flows name it: its name stays.
    assert not line(found, "@name").isEnabled()
    found.reject()


def test_a_database_is_reached(window: Window, root: Path, qtbot: QtBot) -> None:
    found = opened(window, root, qtbot)
    click(found.test)
    settled(found, qtbot, "SQLite")
    assert "2 tables" in found.said.text() and found.said.property("role") == "result"
    write(line(found, "file"), "data/none.sqlite")
    assert found.test.text() == "Save and test"
    click(found.test)
    settled(found, qtbot, "There is no file")
    assert found.said.property("role") == "error"
    text = (root / "connections.yaml").read_text()
    assert text == FILE.replace("data/shop.sqlite", "data/none.sqlite")
    found.reject()


def test_a_new_one_with_a_secret(window: Window, root: Path, qtbot: QtBot) -> None:
    found = opened(window, root, qtbot)
    click(found.new)
    assert QApplication.focusWidget() is line(found, "@name")
    QTest.keyClicks(QApplication.focusWidget(), "shop")
    choose(found, "@type", "Database")
    choose(found, "system", "postgresql")
    click(found.save)
    assert "already" in wrong(found, "@name") and yaml.safe_load((root / "connections.yaml").read_text())["shop"]["file"]
    write(line(found, "@name"), "lager")
    assert wrong(found, "@name") == ""
    click(found.save)
    # Everything that is missing at once, each under its field; nothing is written.
    qtbot.waitUntil(lambda: wrong(found, "host") != "" or wrong(found, "database") != "", timeout=20_000)
    assert (root / "connections.yaml").read_text() == FILE
    write(line(found, "host"), "db.example.org")
    write(line(found, "database"), "lager")
    write(line(found, "port"), "5433")
    write(line(found, "user"), "reader")
    write(line(found, "password"), "hunter2-really")
    assert line(found, "password").echoMode() == QLineEdit.EchoMode.Password
    # Saved without pressing “Keep”: it goes to the keyring all the same.
    click(found.save)
    settled(found, qtbot, "is saved")
    text = (root / "connections.yaml").read_text()
    assert text.startswith(FILE) and "hunter2" not in text
    assert yaml.safe_load(text)["lager"] == {
        "type": "database",
        "system": "postgresql",
        "host": "db.example.org",
        "port": 5433,
        "database": "lager",
        "user": "reader",
        "password": "secret:lager.password",
    }
    assert secret_store(Workspace(root).id).get("lager.password") == "hunter2-really"
    for file in root.rglob("*"):
        assert not file.is_file() or b"hunter2" not in file.read_bytes(), file
    qtbot.waitUntil(lambda: len(rows(found)) == 3 and found.form.name == "lager" and not found.form.is_new, timeout=20_000)
    assert found.form.secrets == {} and line(found, "password").text() == "secret:lager.password"
    # Every field that names a connection offers it from now on.
    qtbot.waitUntil(lambda: ("lager", "database") in window.inspector.context.connections(), timeout=20_000)
    found.reject()


def test_a_secret_needs_a_name_first(window: Window, root: Path, qtbot: QtBot) -> None:
    found = opened(window, root, qtbot)
    click(found.new)
    choose(found, "@type", "Mail server")
    write(line(found, "password"), "hunter2")
    editor = found.form.fields["password"][0]
    assert isinstance(editor, SecretEditor)
    click(editor.keep)
    assert "name first" in editor.said.text()
    click(found.save)
    assert "name first" in wrong(found, "@name")
    assert (root / "connections.yaml").read_text() == FILE
    assert "hunter2" not in repr(Wanted("x", "smtp", {}, {"x.password": "hunter2"}, True))
    found.dirty = False
    found.reject()


@pytest.mark.parametrize(("name", "words"), [("a b", "not a name"), ("1st", "not a name")])
def test_what_is_no_name_is_a_sentence(window: Window, root: Path, qtbot: QtBot, name: str, words: str) -> None:
    found = opened(window, root, qtbot)
    click(found.new)
    write(line(found, "@name"), name)
    choose(found, "@type", "Mail server")
    write(line(found, "host"), "mail.example.org")
    click(found.save)
    settled(found, qtbot, words)
    assert (root / "connections.yaml").read_text() == FILE
    found.dirty = False
    found.reject()


def test_one_that_was_added_by_another_program_meanwhile(window: Window, root: Path, qtbot: QtBot) -> None:
    found = opened(window, root, qtbot)
    click(found.new)
    write(line(found, "@name"), "late")
    choose(found, "@type", "Mail server")
    write(line(found, "host"), "mail.example.org")
    theirs = FILE + "late:\n  type: smtp\n  host: theirs.example.org\n"
    (root / "connections.yaml").write_text(theirs)
    click(found.save)
    qtbot.waitUntil(lambda: "already" in wrong(found, "@name"), timeout=20_000)
    assert (root / "connections.yaml").read_text() == theirs
    found.dirty = False
    found.reject()


def test_one_that_is_used_goes_only_with_its_users_named(window: Window, root: Path, qtbot: QtBot) -> None:
    found = opened(window, root, qtbot)
    click(found.remove)
    assert found.question.isVisible() and "sales (rows), sales (more)" in found.asked.text()
    click(found.no)
    assert not found.question.isVisible() and (root / "connections.yaml").read_text() == FILE
    click(found.remove)
    click(found.yes)
    settled(found, qtbot, "removed")
    assert list(yaml.safe_load((root / "connections.yaml").read_text())) == ["office"]
    qtbot.waitUntil(lambda: found.form.name == "office", timeout=20_000)
    # Nobody uses this one.
    click(found.remove)
    assert "used by" not in found.asked.text()
    click(found.no)
    found.reject()


def test_users_that_are_not_saved_yet_count(window: Window, root: Path, qtbot: QtBot) -> None:
    load(window, root, qtbot)
    window.document.put("mail.send", (0, 240))
    window.document.set_config("send", "connection", "office")
    # And one in another tab.
    window.desk.sheets.add()
    window.document.show(Flow("other", nodes={"m": Node("m", "mail.send", config={"connection": "office"})}))
    QTest.keyClick(window, Qt.Key.Key_K, CTRL | SHIFT)
    found = dialog(window, qtbot)
    assert rows(found)[1] == ("office", "Mail server", "other, sales")
    pick(found, 1)
    click(found.remove)
    assert "other (m)" in found.asked.text() and "sales (send)" in found.asked.text()
    found.reject()


def test_changes_are_not_lost_without_a_word(window: Window, root: Path, qtbot: QtBot) -> None:
    found = opened(window, root, qtbot)
    write(line(found, "file"), "data/other.sqlite")
    pick(found, 1)
    assert found.question.isVisible() and found.form.name == "shop"
    click(found.no)
    assert line(found, "file").text() == "data/other.sqlite"
    QTest.keyClick(found, Qt.Key.Key_Escape)
    assert found.isVisible() and found.question.isVisible()
    click(found.no)
    pick(found, 1)
    click(found.yes)
    assert found.form.name == "office" and (root / "connections.yaml").read_text() == FILE
    QTest.keyClick(found, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: window.findChild(ConnectionsDialog) is None, timeout=5_000)


def test_from_a_field_a_new_one_is_made_and_named(window: Window, root: Path, qtbot: QtBot) -> None:
    load(window, root, qtbot)
    window.scene.select(["rows"])
    QApplication.processEvents()
    editor = window.inspector._fields["connection"][0]
    assert isinstance(editor, ConnectionEditor)
    window.inspector.area.ensureWidgetVisible(editor)
    QTest.mouseClick(editor.new, LEFT)
    found = dialog(window, qtbot)
    # Only what fits this field.
    assert [name for name, _type, _uses in rows(found)] == ["shop"]
    combo = found.form.fields["@type"][0].findChild(QComboBox)
    assert combo is not None and [combo.itemText(row) for row in range(combo.count())] == ["Database"]
    assert found.form.is_new and QApplication.focusWidget() is line(found, "@name")
    QTest.keyClicks(QApplication.focusWidget(), "second")
    choose(found, "system", "sqlite")
    write(line(found, "file"), "data/shop.sqlite")
    QTest.keyClick(line(found, "file"), Qt.Key.Key_Return)
    settled(found, qtbot, "is saved")
    assert window.document.flow.nodes["rows"].config["connection"] == "second"
    found.reject()
    window.actions_["undo"].trigger()
    assert window.document.flow.nodes["rows"].config["connection"] == "shop"


def test_a_field_that_went_meanwhile_is_left_alone(window: Window, root: Path, qtbot: QtBot) -> None:
    load(window, root, qtbot)
    window.scene.select(["rows"])
    QApplication.processEvents()
    editor = window.inspector._fields["connection"][0]
    assert isinstance(editor, ConnectionEditor)
    QTest.mouseClick(editor.new, LEFT)
    found = dialog(window, qtbot)
    window.scene.select(["more"])
    QApplication.processEvents()
    found.saved.emit("second")
    assert window.document.flow.nodes["rows"].config["connection"] == "shop"
    assert window.document.flow.nodes["more"].config["connection"] == "shop"
    found.reject()


def test_without_a_workspace_it_says_what_to_do(window: Window) -> None:
    QTest.keyClick(window, Qt.Key.Key_K, CTRL | SHIFT)
    assert window.findChild(ConnectionsDialog) is None
    assert "Save the flow first" in window.statusBar().currentMessage()


def test_a_dialog_that_was_closed_hears_of_nothing(
    window: Window, root: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(window, root, qtbot)
    may_go, looked = threading.Event(), threading.Event()
    look = connectionfile.look

    def slow(*args: Any) -> connectionfile.Listed:
        may_go.wait(20)
        listed = look(*args)
        looked.set()
        return listed

    monkeypatch.setattr(connectionfile, "look", slow)
    window.actions_["connections"].trigger()
    found = window.findChild(ConnectionsDialog)
    assert found is not None
    found.reject()
    qtbot.waitUntil(lambda: window.findChild(ConnectionsDialog) is None, timeout=5_000)
    with qtbot.waitSignal(window.background._answered, timeout=20_000):
        may_go.set()
    qtbot.waitUntil(looked.is_set, timeout=20_000)
