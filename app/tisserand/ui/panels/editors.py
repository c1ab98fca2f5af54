"""One editor for each kind of form field: it shows a value, and says when a person changed it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIntValidator, QTextOption
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from tisserand.model.yamlfile import read_data
from tisserand.model.yamltext import comments, dump, plain_tag
from tisserand.sdk.columns import TYPES
from tisserand.sdk.form import FormField
from tisserand.texts import translate as _
from tisserand.ui.icons import icon
from tisserand.ui.panels.inputs import Choices, LeavesUndo, Left, Offered, TakesColumns, mark_wrong, same
from tisserand.ui.theme import mono

UNSET = object()
"""Emitted where a field goes back to its default and leaves the file."""


@dataclass
class FormContext:
    """What editors may offer: columns that arrive, connections, flows, and where paths begin."""

    columns: Callable[[str], Sequence[tuple[str, str]]] = lambda port: ()
    """Input port → (name, type)."""
    connections: Callable[[], Sequence[tuple[str, str]]] = lambda: ()
    """(name, type)."""
    flows: Callable[[], Sequence[str]] = lambda: ()
    secret_name: Callable[[str], str] = lambda field: field
    """A name for a new secret, from the field that it is for."""
    keep_secret: Callable[[str, str], str] = lambda name, value: _("There is no workspace to keep secrets for.")
    """Puts a secret into the keyring; gives the sentence why it could not."""
    parameters: Callable[[], Sequence[str]] = lambda: ()
    """The names of the flow's parameters."""
    new_connection: Callable[[Sequence[str], Callable[[str], object]], None] | None = None
    """(fitting types, then): asks for a new connection; `then` gets its name."""
    node: Callable[[], str | None] = lambda: None
    """The node whose settings the form shows."""
    try_formula: Callable[[str | None, str, str, Callable[[Any], None]], None] = lambda node, port, formula, then: None
    """(node, input port, formula, then): what it gives on the rows that arrive; `then` gets it, where there are rows."""
    seal: Callable[[], None] = lambda: None
    """What is told next is a step of its own, not a going on with what was typed."""
    follows: bool = False
    """The fields follow a flow and its history: Ctrl+Z in a text takes back a step of the flow."""
    workspace: Path | None = None


class Editor(QWidget):
    """Base of all editors. `edited` carries the new plain value, or `UNSET`."""

    edited = Signal(object)
    edited_together = Signal(object)
    """Several fields of the form at once: name → new plain value, or `UNSET`."""

    def __init__(self, asked: FormField) -> None:
        super().__init__()
        self.asked = asked
        self.quiet = False
        self._last: Any = UNSET
        """The value that was shown or told last."""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)

    def show_value(self, value: Any) -> None:
        """Show a value without telling anybody; `UNSET` shows the default. One that the editor told itself changes nothing: a
        half-typed number or name must stay as it is being typed."""
        wanted = self.asked.default if value is UNSET else value
        if self._last is not UNSET and same(wanted, self._last):
            return
        self._last = wanted
        self.quiet = True
        try:
            self._show(wanted)
        finally:
            self.quiet = False

    def look_around(self, values: Mapping[str, Any]) -> None:
        """Take note of the values of the whole form, and of what arrives by now, where they matter."""

    def _show(self, value: Any) -> None:
        raise NotImplementedError

    def _tell(self, value: Any) -> None:
        if self.quiet:
            return
        default = self.asked.default
        unset = not self.asked.required and (value is None or same(value, default))
        self._last = default if unset else value
        self.edited.emit(UNSET if unset else value)

    def turned(self) -> bool:
        """Whether the editor shows its other face."""
        return False

    def turn(self) -> None:
        """Show the other face, where there is one."""

    def set_wrong(self, wrong: bool) -> None:
        """Mark the field as the place of an error."""
        for child in self.findChildren(QWidget):
            if isinstance(child, QLineEdit | QPlainTextEdit | QComboBox):
                mark_wrong(child, wrong)


class LineEditor(Editor):
    """Text in one line; also numbers, durations and whatever else is typed."""

    def __init__(self, asked: FormField, context: FormContext) -> None:
        super().__init__(asked)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        self.line = QLineEdit()
        if context.follows:
            LeavesUndo(self.line)
        row.addWidget(self.line, 1)
        self.setFocusProxy(self.line)
        if asked.widget == "integer":
            self.line.setValidator(QIntValidator(-(2**31), 2**31 - 1, self.line))
        if asked.widget in {"integer", "number"}:
            self.line.setMaximumWidth(140)
            self.line.setAlignment(Qt.AlignmentFlag.AlignRight)
            row.setStretch(0, 0)
        if asked.unit:
            unit = QLabel(_(asked.unit))
            unit.setProperty("role", "muted")
            row.addWidget(unit)
        if asked.widget in {"integer", "number"}:
            row.addStretch(1)
        hints = {"secret": "secret:NAME", "duration-text": "30s, 5min, 2h", "size-text": "512MB, 1GB"}
        self.line.setPlaceholderText(hints.get(asked.widget, ""))
        if asked.widget == "formula":
            self.line.setFont(mono())
        self.line.textEdited.connect(self._typed)
        self.line.returnPressed.connect(self._settle)
        Left(self.line, self._settle)
        if asked.widget in {"file", "folder", "target"}:
            row.addWidget(self._browse_button(asked, context))

    def _browse_button(self, asked: FormField, context: FormContext) -> QToolButton:
        button = QToolButton()
        button.setIcon(icon("folder-open", "muted"))
        button.setToolTip(_("Choose…"))
        button.setAccessibleName(_("Choose a file"))
        button.clicked.connect(lambda: self._browse(asked, context))
        return button

    def _browse(self, asked: FormField, context: FormContext) -> None:
        start = str(context.workspace or Path.home())
        if asked.widget == "folder":
            chosen = QFileDialog.getExistingDirectory(self, _("Choose a folder"), start)
        elif asked.widget == "target":
            chosen, _filter = QFileDialog.getSaveFileName(self, _("Choose the file to write"), start)
        else:
            chosen, _filter = QFileDialog.getOpenFileName(self, _("Choose a file"), start)
        if not chosen:
            return
        path = Path(chosen)
        if context.workspace is not None and path.is_relative_to(context.workspace):
            path = path.relative_to(context.workspace)
        self.line.setText(path.as_posix())
        self._typed(self.line.text())

    def _show(self, value: Any) -> None:
        written = _shown if self.asked.widget == "any" else _written
        text = "" if value is None else written(value)
        if text != self.line.text():
            self.line.setText(text)

    def _typed(self, text: str) -> None:
        self._tell(_read(text, self.asked))

    def _settle(self) -> None:
        """Once it is left, the field shows what counts: the number that was read, the default of one that was emptied."""
        if self._last is not UNSET:
            self._show(self._last)


class CodeEditor(Editor):
    """SQL or code: several lines."""

    def __init__(self, asked: FormField, context: FormContext) -> None:
        super().__init__(asked)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        self.text = QPlainTextEdit()
        self.text.setFont(mono())
        self.text.setTabChangesFocus(asked.widget != "python")
        self.text.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        lines = {"sql": 8, "python": 12}.get(asked.widget, 3)
        self.text.setFixedHeight(self.text.fontMetrics().lineSpacing() * lines + 18)
        box.addWidget(self.text)
        self.setFocusProxy(self.text)
        if context.follows:
            self.text.setUndoRedoEnabled(False)
            LeavesUndo(self.text)
        self.text.textChanged.connect(lambda: self._tell(self.text.toPlainText()))

    def _show(self, value: Any) -> None:
        text = "" if value is None else str(value)
        if text != self.text.toPlainText():
            self.text.setPlainText(text)


class ChoiceEditor(Editor):
    """One of a few values."""

    def __init__(self, asked: FormField, context: FormContext) -> None:
        super().__init__(asked)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self.combo = Choices()
        if asked.default is None and not asked.required:
            self.combo.addItem("–", None)
        for choice in asked.choices:
            word = dict(asked.words).get(str(choice), str(choice))
            self.combo.addItem(_(word) if word else _("(none)"), choice)
        row.addWidget(self.combo)
        self.setFocusProxy(self.combo)
        self.combo.activated.connect(lambda _index: self._tell(self.combo.currentData()))

    def _show(self, value: Any) -> None:
        for index in range(self.combo.count()):
            if self.combo.itemData(index) == value:
                self.combo.setCurrentIndex(index)
                return
        self.combo.setCurrentIndex(-1)


class PickEditor(Editor):
    """A text with offers: a column that arrives, a type, a connection, a flow."""

    def __init__(self, asked: FormField, context: FormContext) -> None:
        super().__init__(asked)
        self._context = context
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self.combo = Offered(self.offer)
        self.combo.setEditable(True)
        self.combo.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        if context.follows:
            LeavesUndo(self.combo)
        self.combo.setMinimumWidth(60)
        self.combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        row.addWidget(self.combo)
        self.setFocusProxy(self.combo)
        line = self.combo.lineEdit()
        assert line is not None
        if asked.widget == "connection":
            line.setPlaceholderText(_("Name of a connection"))
        elif asked.picks is not None and asked.picks.what == "column":
            line.setPlaceholderText(_("Column"))
        self.combo.editTextChanged.connect(self._tell_text)
        if asked.picks is not None and asked.picks.what == "column":
            TakesColumns(line, self.combo.setEditText)
        self.offer()

    def offer(self) -> None:
        """Take the offers of this moment; the text stays."""
        text = self.combo.currentText()
        self.quiet, before = True, self.quiet
        self.combo.clear()
        for name, about in self._offers():
            self.combo.addItem(name)
            self.combo.setItemData(self.combo.count() - 1, about, Qt.ItemDataRole.ToolTipRole)
        self.combo.setEditText(text)
        self.quiet = before

    def _offers(self) -> Sequence[tuple[str, str]]:
        if self.asked.widget == "connection":
            wanted = self.asked.connection_types
            return [(name, type) for name, type in self._context.connections() if not wanted or type in wanted]
        picks = self.asked.picks
        if picks is not None and picks.what == "column":
            return self._context.columns(picks.port)
        if picks is not None and picks.what == "flow":
            return [(name, "") for name in self._context.flows()]
        if picks is not None and picks.what == "type":
            return [(name, "") for name in TYPES]
        return ()

    def _show(self, value: Any) -> None:
        text = "" if value is None else str(value)
        if text != self.combo.currentText():
            self.combo.setEditText(text)

    def _tell_text(self, text: str) -> None:
        self._tell(text if text or self.asked.default == "" or self.asked.required else None)


class SwitchEditor(Editor):
    """Yes or no. Its label is the check box's own."""

    def __init__(self, asked: FormField, context: FormContext) -> None:
        super().__init__(asked)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self.box = QCheckBox(_(asked.title))
        row.addWidget(self.box)
        self.setFocusProxy(self.box)
        self.box.clicked.connect(lambda checked: self._tell(bool(checked)))

    def _show(self, value: Any) -> None:
        self.box.setChecked(bool(value))


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return dump(value, flow=True).strip()
    return str(value)


def _read(text: str, asked: FormField) -> Any:
    """From what was typed to the plain value; what does not fit stays text, and the check says so."""
    if asked.widget in {"integer", "number", "any"}:
        stripped = text.strip()
        if not stripped:
            return None
        if asked.widget == "any":
            return _scalar(stripped)
        for kind in (int, float):
            try:
                return kind(stripped)
            except ValueError:
                continue
        return text
    if not text and asked.default is None and not asked.required:
        return None
    return text


def _scalar(text: str) -> Any:
    """The value that a flow file would hold, written as there; what is nothing else is the text itself."""
    tag = plain_tag(text)
    if tag in ("int", "float", "bool") or text[:1] in ("[", "{", '"', "'"):
        data, problems, _positions = read_data(f"value: {text}")
        if data is not None and not problems and list(data) == ["value"] and not comments(f"value: {text}"):
            value = data["value"]
            return text if value is None else value
    return text


def _shown(value: Any) -> str:
    """The opposite: a text that would be read as something else stands in quotes."""
    if isinstance(value, str) and _scalar(value.strip()) != value:
        return json.dumps(value, ensure_ascii=False)
    return _written(value)
