"""One editor for each kind of form field: it shows a value, and says when a person changed it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QDropEvent, QIntValidator, QTextOption, QWheelEvent
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

from tisserand.sdk.form import FormField
from tisserand.texts import translate as _
from tisserand.ui.icons import icon
from tisserand.ui.panels.grid import COLUMN_MIME
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
    try_formula: Callable[[str, str, Callable[[Any], None]], None] = lambda port, formula, then: None
    """(input port, formula, then): what it gives on the rows that arrive; `then` gets it, where there are rows."""
    workspace: Path | None = None
    wheel_guard: QObject = field(default_factory=QObject)


class Editor(QWidget):
    """Base of all editors. `edited` carries the new plain value, or `UNSET`."""

    edited = Signal(object)

    def __init__(self, asked: FormField) -> None:
        super().__init__()
        self.asked = asked
        self.quiet = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)

    def show_value(self, value: Any) -> None:
        """Show a value without telling anybody; `UNSET` shows the default."""
        self.quiet = True
        try:
            self._show(self.asked.default if value is UNSET else value)
        finally:
            self.quiet = False

    def _show(self, value: Any) -> None:
        raise NotImplementedError

    def _tell(self, value: Any) -> None:
        if self.quiet:
            return
        unset = not self.asked.required and (value == self.asked.default or value is None)
        # True == 1 in Python, not in a file.
        same = type(value) is type(self.asked.default) or value is None
        self.edited.emit(UNSET if unset and same else value)

    def turned(self) -> bool:
        """Whether the editor shows its other face."""
        return False

    def turn(self) -> None:
        """Show the other face, where there is one."""

    def set_wrong(self, wrong: bool) -> None:
        """Mark the field as the place of an error."""
        for child in self.findChildren(QWidget):
            if isinstance(child, QLineEdit | QPlainTextEdit | QComboBox) and child.property("wrong") != wrong:
                child.setProperty("wrong", wrong)
                child.style().unpolish(child)
                child.style().polish(child)


class LineEditor(Editor):
    """Text in one line; also numbers, durations and whatever else is typed."""

    def __init__(self, asked: FormField, context: FormContext) -> None:
        super().__init__(asked)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        self.line = QLineEdit()
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
        text = "" if value is None else _written(value)
        if text != self.line.text():
            self.line.setText(text)

    def _typed(self, text: str) -> None:
        self._tell(_read(text, self.asked))


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
        self.combo = QComboBox()
        self.combo.installEventFilter(_NoWheel(self.combo))
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
    """A text with offers: a column that arrives, a connection, a flow."""

    def __init__(self, asked: FormField, context: FormContext) -> None:
        super().__init__(asked)
        self._context = context
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self.combo = _Offers(self.offer)
        self.combo.setEditable(True)
        self.combo.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.combo.installEventFilter(_NoWheel(self.combo))
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
        return ()

    def _show(self, value: Any) -> None:
        text = "" if value is None else str(value)
        if text != self.combo.currentText():
            self.combo.setEditText(text)

    def _tell_text(self, text: str) -> None:
        self._tell(text if text or self.asked.default == "" or self.asked.required else None)


class _Offers(QComboBox):
    """A combo box that takes its offers when it opens: what arrives, and what there is, changes while the form stands."""

    def __init__(self, renew: Callable[[], None]) -> None:
        super().__init__()
        self._renew = renew

    def showPopup(self) -> None:
        self._renew()
        super().showPopup()


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


class TakesColumns(QObject):
    """Lets a column that is dragged from the data be dropped on a field."""

    def __init__(self, field: QWidget, take: Callable[[str], object]) -> None:
        super().__init__(field)
        self._take = take
        field.setAcceptDrops(True)
        field.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QDropEvent) and event.mimeData().hasFormat(COLUMN_MIME):
            event.acceptProposedAction()
            if event.type() == QEvent.Type.Drop:
                self._take(bytes(event.mimeData().data(COLUMN_MIME).data()).decode())
            return True
        return False


class _NoWheel(QObject):
    """A wheel over a closed combo box scrolls the form; it must not change a setting unseen."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QWheelEvent) and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return False


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return yaml.dump(value, Dumper=yaml.CSafeDumper, default_flow_style=True, allow_unicode=True).strip()
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
    try:
        value = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        return text
    return value if isinstance(value, bool | int | float | str | list | dict) else text
