"""Small dialogs of a few fields: asked beside the window, with what is wrong under them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from tisserand.texts import translate as _
from tisserand.ui.apis.parts import TYPED

Look = Callable[[str, Callable[[Sequence[str]], object]], object]
"""Called with a text and with what takes the choices that fit it, later."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a dialog. With `choices` (value, word) one of them is chosen, else a text is typed."""

    id: str
    label: str
    value: str = ""
    hint: str = ""
    choices: Sequence[tuple[str, str]] = ()
    fixed: bool = False
    look: Look | None = None
    """Of more choices than can be listed: what is typed is looked for, and then chosen or left as it is."""


class Looked(QComboBox):
    """A text with what was found for it."""

    def __init__(self, first: Sequence[str], look: Look) -> None:
        super().__init__()
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumContentsLength(20)
        self.setCompleter(None)  # type: ignore[arg-type]
        self.addItems([*first])
        self._look = look
        self._typed = QTimer(self)
        self._typed.setSingleShot(True)
        self._typed.setInterval(TYPED)
        self._typed.timeout.connect(self._ask)
        line = self.lineEdit()
        assert line is not None
        line.textEdited.connect(lambda _text: self._typed.start())

    def _ask(self) -> None:
        text = self.currentText().strip()

        def come(found: Sequence[str]) -> None:
            if isValid(self) and text == self.currentText().strip():
                self._offer(found)

        self._look(text, come)

    def _offer(self, found: Sequence[str]) -> None:
        line = self.lineEdit()
        assert line is not None
        text, at = line.text(), line.cursorPosition()
        self.clear()
        self.addItems([*found])
        self.setCurrentIndex(self.findText(text))
        line.setText(text)
        line.setCursorPosition(at)


class Asking(QDialog):
    """Asks; `do(values)` is called on accept, and closes the dialog by `accept()` or tells by `tell(text)` why not."""

    def __init__(
        self, parent: QWidget, title: str, fields: Sequence[Field], word: str, do: Callable[[Mapping[str, str]], object], about: str = ""
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("asking")
        self.setWindowTitle(title)
        self.setMinimumWidth(460)
        self._do = do
        self.fields: dict[str, QLineEdit | QComboBox] = {}
        box = QVBoxLayout(self)
        box.setContentsMargins(24, 20, 24, 18)
        box.setSpacing(14)
        heading = QLabel(title)
        heading.setProperty("role", "heading")
        box.addWidget(heading)
        if about:
            told = QLabel(about)
            told.setProperty("role", "muted")
            told.setWordWrap(True)
            box.addWidget(told)
        form = QFormLayout()
        form.setSpacing(10)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for field in fields:
            widget = self._field(field)
            widget.setAccessibleName(field.label)
            self.fields[field.id] = widget
            form.addRow(field.label, widget)
        box.addLayout(form)
        self.wrong = QLabel()
        self.wrong.setProperty("role", "error")
        self.wrong.setWordWrap(True)
        self.wrong.hide()
        box.addWidget(self.wrong)
        buttons = QDialogButtonBox()
        self.yes = QPushButton(word)
        self.yes.setDefault(True)
        buttons.addButton(self.yes, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton(_("Cancel"), QDialogButtonBox.ButtonRole.RejectRole)
        buttons.accepted.connect(self._accepted)
        buttons.rejected.connect(self.reject)
        box.addWidget(buttons)
        first = next((self.fields[field.id] for field in fields if not field.fixed), None)
        if first is not None:
            first.setFocus()

    def _field(self, field: Field) -> QLineEdit | QComboBox:
        if field.look is not None:
            looked = Looked([value for value, _word in field.choices], field.look)
            looked.setCurrentText(field.value or looked.currentText())
            return looked
        if field.choices:
            choice = QComboBox()
            for value, word in field.choices:
                choice.addItem(word, value)
            choice.setCurrentIndex(max(0, choice.findData(field.value)))
            return choice
        line = QLineEdit(field.value)
        line.setPlaceholderText(field.hint)
        line.setReadOnly(field.fixed)
        return line

    def values(self) -> dict[str, str]:
        """Field → what stands in it."""
        return {
            id: widget.text().strip()
            if isinstance(widget, QLineEdit)
            else widget.currentText().strip()
            if isinstance(widget, Looked)
            else str(widget.currentData())
            for id, widget in self.fields.items()
        }

    def tell(self, text: str) -> None:
        """Say what is wrong; the dialog stays."""
        self.wrong.setText(text)
        self.wrong.setVisible(bool(text))
        self.yes.setEnabled(True)

    def _accepted(self) -> None:
        self.tell("")
        self.yes.setEnabled(False)
        self._do(self.values())


def show_once(parent: QWidget, title: str, about: str, value: str) -> QDialog:
    """A value that is shown this once, to be copied."""
    dialog = QDialog(parent)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setObjectName("once")
    dialog.setWindowTitle(title)
    dialog.setMinimumWidth(520)
    box = QVBoxLayout(dialog)
    box.setContentsMargins(24, 20, 24, 18)
    box.setSpacing(14)
    heading = QLabel(title)
    heading.setProperty("role", "heading")
    told = QLabel(about)
    told.setWordWrap(True)
    told.setProperty("role", "muted")
    line = QLineEdit(value)
    line.setReadOnly(True)
    line.setAccessibleName(title)
    line.selectAll()
    copy = QPushButton(_("Copy"))
    copy.clicked.connect(lambda: QApplication.clipboard().setText(value))
    buttons = QDialogButtonBox()
    buttons.addButton(copy, QDialogButtonBox.ButtonRole.ActionRole)
    buttons.addButton(_("I have kept it"), QDialogButtonBox.ButtonRole.AcceptRole)
    buttons.accepted.connect(dialog.accept)
    for widget in (heading, told, line, buttons):
        box.addWidget(widget)
    dialog.open()
    return dialog
