"""One value, whole: long texts, nested values as a tree of JSON, and what cannot be seen in a cell."""

from __future__ import annotations

import json
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDialog, QDialogButtonBox, QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from tisserand.texts import translate as _
from tisserand.ui.theme import mono


def show_cell(parent: QWidget, column: str, type: str, row: int, value: Any) -> QDialog:
    """A window of its own on one value. Does not block."""
    dialog = QDialog(parent)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setObjectName("cell")
    dialog.setWindowTitle(f"{column} · {row + 1}")
    dialog.resize(560, 420)
    box = QVBoxLayout(dialog)
    box.setContentsMargins(20, 16, 20, 16)
    box.setSpacing(10)
    heading = QLabel(column)
    heading.setProperty("role", "heading")
    heading.setTextFormat(Qt.TextFormat.PlainText)
    heading.setWordWrap(True)
    box.addWidget(heading)
    about = QLabel(f"{type} · {_told(value)}")
    about.setProperty("role", "muted")
    about.setWordWrap(True)
    box.addWidget(about)
    text = QPlainTextEdit(whole(value))
    text.setReadOnly(True)
    text.setFont(mono())
    text.setAccessibleName(column)
    box.addWidget(text, 1)
    buttons = QDialogButtonBox()
    copy = buttons.addButton(_("Copy"), QDialogButtonBox.ButtonRole.ActionRole)
    copy.clicked.connect(lambda: QApplication.clipboard().setText(whole(value)))
    buttons.addButton(_("Close"), QDialogButtonBox.ButtonRole.RejectRole)
    buttons.rejected.connect(dialog.reject)
    box.addWidget(buttons)
    dialog.open()
    return dialog


def whole(value: Any) -> str:
    """A value as a text, nested ones indented."""
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, indent=2, ensure_ascii=False, default=str)
    if isinstance(value, str) and value[:1] in "{[":
        try:
            return json.dumps(json.loads(value), indent=2, ensure_ascii=False)
        except ValueError:
            return value
    return value.hex(" ") if isinstance(value, bytes) else str(value)


def _told(value: Any) -> str:
    """What the eye does not see: whether there is a value, how long it is, and spaces at its ends."""
    if value is None:
        return _("no value (null)")
    if value == "":
        return _("an empty text")
    if isinstance(value, str):
        parts = [_("{count} characters").format(count=len(value))]
        if value != value.strip():
            parts.append(_("with spaces at the ends"))
        return ", ".join(parts)
    if isinstance(value, dict | list):
        return _("{count} entries").format(count=len(value))
    return _("one value")
