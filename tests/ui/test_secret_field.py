"""The field for a secret: what is typed in it never reaches the flow."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from tisserand.sdk.form import FormField
from tisserand.ui.panels.composite import make_editor
from tisserand.ui.panels.editors import FormContext
from tisserand.ui.panels.secret import SecretEditor

LEFT = Qt.MouseButton.LeftButton


def test_a_secret_is_masked_and_only_its_name_is_told(qtbot: QtBot) -> None:
    kept: dict[str, str] = {}

    def keep(name: str, value: str) -> str:
        kept[name] = value
        return ""

    editor = make_editor(FormField("token", "Token", widget="secret", required=True), FormContext(keep_secret=keep))
    assert isinstance(editor, SecretEditor)
    qtbot.addWidget(editor)
    editor.show()
    told: list[object] = []
    editor.edited.connect(told.append)
    QTest.keyClicks(editor.line, "hunter2")
    assert told == [] and editor.line.echoMode() == QLineEdit.EchoMode.Password
    QTest.mouseClick(editor.keep, LEFT)
    assert kept == {"token": "hunter2"} and told == ["secret:token"]
    assert editor.line.text() == "secret:token" and editor.line.echoMode() == QLineEdit.EchoMode.Normal
    editor.line.clear()
    QTest.keyClicks(editor.line, "secret:other")
    assert all(str(each).startswith("secret:") or each == "" for each in told) and told[-1] == "secret:other"


def test_a_keyring_that_refuses_is_told(qtbot: QtBot) -> None:
    context = FormContext(keep_secret=lambda name, value: "The keyring is locked.")
    editor = make_editor(FormField("token", "Token", widget="secret"), context)
    assert isinstance(editor, SecretEditor)
    qtbot.addWidget(editor)
    editor.show()
    told: list[object] = []
    editor.edited.connect(told.append)
    QTest.keyClicks(editor.line, "hunter2")
    QTest.mouseClick(editor.keep, LEFT)
    assert told == [] and editor.said.text() == "The keyring is locked."
