"""Fields that each change one attribute of a flow or a node: what does not fit is told under the field and not written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from tisserand.model.command import Command, EditError
from tisserand.model.flow import Flow
from tisserand.sdk.form import FormField
from tisserand.texts import Message
from tisserand.ui.document import Document
from tisserand.ui.panels.composite import make_editor, with_error
from tisserand.ui.panels.editors import UNSET, Editor, FormContext, LineEditor

Write = Callable[[Any], Command | Message]
"""From a new value (or `UNSET`) to the edit, or to the sentence why there is none."""


@dataclass(eq=False)
class Part:
    """One field: where its value comes from, and what becomes of a new one."""

    editor: Editor
    holder: QWidget
    wrong: QLabel
    read: Callable[[], Any]
    write: Write
    once: bool = False
    """Each change is a step of its own: a click, not a letter of a text."""
    shown: Any = None

    def tell(self, refused: Message | None) -> None:
        """Say under the field why its text is not taken."""
        self.wrong.setText(refused.text() if refused is not None else "")
        self.wrong.setVisible(refused is not None)
        self.editor.set_wrong(refused is not None)


class NameEditor(LineEditor):
    """A name: taken when it is complete, on Enter or on the way out; every letter would be a name of its own."""

    drafted = Signal(object)
    """What is typed so far."""

    def __init__(self, asked: FormField, context: FormContext) -> None:
        super().__init__(asked, context)
        self._before = ""
        self.line.editingFinished.connect(self._finished)

    def _show(self, value: Any) -> None:
        super()._show(value)
        self._before = self.line.text()

    def _typed(self, text: str) -> None:
        self.drafted.emit(text)

    def _settle(self) -> None:
        self._finished()

    def _finished(self) -> None:
        # A field that is taken away with its page loses the focus, too.
        if self.isVisible() and self.line.text() != self._before:
            self._before = self.line.text()
            self._tell(self._before)


class Parts(QWidget):
    """A form of such fields, in step with the flow."""

    def __init__(self, document: Document, context: FormContext) -> None:
        super().__init__()
        self.document = document
        self.context = context
        self.parts: dict[str, Part] = {}
        self._busy: Part | None = None
        self._last: Part | None = None
        self.box = QVBoxLayout(self)
        self.box.setContentsMargins(0, 0, 0, 0)
        self.box.setSpacing(14)

    @property
    def flow(self) -> Flow:
        return self.document.flow

    def heading(self, text: str) -> None:
        """A title over the fields that follow."""
        made = QLabel(text)
        made.setProperty("role", "heading")
        self.box.addWidget(made)

    def name(self, asked: FormField, read: Callable[[], Any], write: Write) -> Part:
        """A field for a name."""
        editor = NameEditor(asked, self.context)
        part = self._put(editor, read, write)
        editor.drafted.connect(lambda text: part.tell(self._refusal(part, text)))
        return part

    def field(self, asked: FormField, read: Callable[[], Any], write: Write, at: int = -1) -> Part:
        """A field with the editor that fits it; `at` is its place in the form."""
        return self._put(make_editor(asked, self.context), read, write, at)

    def _put(self, editor: Editor, read: Callable[[], Any], write: Write, at: int = -1, *, once: bool = False) -> Part:
        holder, wrong = with_error(editor)
        part = Part(editor, holder, wrong, read, write, once)
        self.parts[editor.asked.name] = part
        self._show(part, read())
        editor.edited.connect(lambda value: self._edited(part, value))
        self.box.insertWidget(at, holder)
        return part

    def drop(self, name: str) -> int:
        """Take a field away; gives the place where it stood."""
        part = self.parts.pop(name)
        place = self.box.indexOf(part.holder)
        self.box.removeWidget(part.holder)
        part.holder.setParent(None)
        part.holder.deleteLater()
        return place

    def refresh(self) -> None:
        """Follow the flow. What was typed and not taken stays until the flow says something else."""
        for part in list(self.parts.values()):
            value = part.read()
            if part is self._busy:
                part.shown = value
            elif type(value) is not type(part.shown) or value != part.shown:
                self._show(part, value)
                part.tell(None)

    def _show(self, part: Part, value: Any) -> None:
        part.editor.show_value(value)
        part.shown = value

    def _refusal(self, part: Part, value: Any) -> Message | None:
        made = part.write(value)
        return made if isinstance(made, Message) else refusal(self.flow, made)

    def _edited(self, part: Part, value: Any) -> None:
        made = part.write(value)
        refused = made if isinstance(made, Message) else refusal(self.flow, made)
        part.tell(refused)
        if isinstance(made, Message) or refused is not None:
            return
        if part is not self._last:
            self.document.seal()
        self._last, self._busy = part, part
        try:
            self.document.do(made, joins=not part.once)
        finally:
            self._busy = None


def refusal(flow: Flow, command: Command) -> Message | None:
    """Why an edit cannot be done."""
    try:
        command.apply(flow)
    except EditError as error:
        return error.message
    return None


def plain(value: Any, empty: Any = None) -> Any:
    """The value that a field holds, or `empty` where it was cleared."""
    return empty if value is UNSET else value
