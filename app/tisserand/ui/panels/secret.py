"""The field for a secret: what is typed is masked, goes to the keyring, and only its name ever gets into the flow."""

from __future__ import annotations

import re
from typing import Any

from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout

from tisserand.sdk.form import FormField
from tisserand.texts import translate as _
from tisserand.ui.panels.editors import Editor, FormContext
from tisserand.ui.panels.inputs import LeavesUndo

REFERENCE = re.compile(r"secret:[\w.-]+")


class SecretEditor(Editor):
    """A reference can be typed in clear. Anything else is a secret: it is never told to the flow."""

    def __init__(self, asked: FormField, context: FormContext) -> None:
        super().__init__(asked)
        self._context = context
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        row = QHBoxLayout()
        row.setSpacing(6)
        self.line = QLineEdit()
        self.line.setPlaceholderText(_("secret:NAME"))
        if context.follows:
            # What is masked is not in the flow: there is no step of it to take back.
            LeavesUndo(self.line, lambda: self.line.echoMode() == QLineEdit.EchoMode.Normal)
        self.line.textEdited.connect(self._typed)
        row.addWidget(self.line, 1)
        self.keep = QPushButton(_("Keep"))
        self.keep.setToolTip(_("Keep this secret in the keyring and put its name here"))
        self.keep.clicked.connect(self._keep)
        row.addWidget(self.keep)
        box.addLayout(row)
        self.said = QLabel()
        self.said.setProperty("role", "warning")
        self.said.setWordWrap(True)
        box.addWidget(self.said)
        self.setFocusProxy(self.line)
        self._toggle("")

    def _show(self, value: Any) -> None:
        text = "" if value is None else str(value)
        if text != self.line.text():
            self.line.setText(text)
            self._toggle(text)

    def _typed(self, text: str) -> None:
        self._toggle(text)
        if REFERENCE.fullmatch(text):
            self._tell(text)
        elif not text:
            self._tell("" if self.asked.required else None)

    def _toggle(self, text: str) -> None:
        # While `secret:` is being typed there is nothing to hide.
        open_ = not text or "secret:".startswith(text) or text.startswith("secret:")
        self.line.setEchoMode(QLineEdit.EchoMode.Normal if open_ else QLineEdit.EchoMode.Password)
        self.keep.setVisible(not open_)
        self.said.setVisible(not open_)
        self.said.setText("" if open_ else _("A secret does not belong in the flow: keep it in the keyring."))

    def _keep(self) -> None:
        name = self._context.secret_name(self.asked.name)
        wrong = self._context.keep_secret(name, self.line.text())
        if wrong:
            self.said.setText(wrong)
            return
        self.show_value(f"secret:{name}")
        self._tell(f"secret:{name}")
