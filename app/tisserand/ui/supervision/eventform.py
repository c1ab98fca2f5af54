"""One event of the inbox: how it stands, what went wrong and what to do, and its row as a form or as JSON, to be mended."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QPlainTextEdit, QScrollArea, QVBoxLayout, QWidget

from tisserand.model.problem import Problem
from tisserand.service.person import person
from tisserand.texts import ngettext
from tisserand.texts import translate as _
from tisserand.ui.canvas.state import number
from tisserand.ui.supervision import words
from tisserand.ui.supervision.buttons import acting, chip

if TYPE_CHECKING:
    from tisserand.service.inbox.calls import InboxEvent
    from tisserand.ui.supervision.ground import Ground


class EventForm(QWidget):
    """Shows one event. What was typed for an event stays until it is kept, also when another one is looked at meanwhile."""

    saved = Signal()

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.ground = ground
        self.event_: InboxEvent | None = None
        self.setMinimumWidth(320)
        self.setAccessibleName(_("Event"))
        self.title, self.about, self.error, self.fix = _label("heading"), _label("muted"), _label("error"), _label("muted")
        self.as_json = chip(_("As JSON"))
        self.as_json.setToolTip(_("The whole row as one text"))
        self.run = acting(ground, "its_run")
        head = QHBoxLayout()
        head.addWidget(self.title, 1)
        head.addWidget(self.as_json)
        self.said = QFrame()
        self.said.setObjectName("wrong")
        told = QVBoxLayout(self.said)
        told.setContentsMargins(12, 8, 12, 8)
        told.setSpacing(2)
        told.addWidget(self.error)
        told.addWidget(self.fix)
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.wrong = _label("error")
        self.wrong.hide()
        self.keep = acting(ground, "event_keep", primary=True)
        foot = QHBoxLayout()
        foot.addWidget(self.run)
        foot.addStretch(1)
        foot.addWidget(self.keep)
        box = QVBoxLayout(self)
        box.setContentsMargins(10, 10, 10, 12)
        box.setSpacing(8)
        for each in (head, self.about, self.said, self.area, self.wrong, foot):
            if isinstance(each, QHBoxLayout):
                box.addLayout(each)
            else:
                box.addWidget(each, 1 if each is self.area else 0)
        self.fields: dict[str, _Field] = {}
        self.whole: QPlainTextEdit | None = None
        self._shown: object = None
        self._typed: dict[int, Mapping[str, str]] = {}
        """Event → column (or "" for the whole row) → what was typed and not kept."""
        self._laying = False
        self.as_json.toggled.connect(self._as_json)
        ground.window_.actions_.bind("event_keep", self.save)
        self._clear()

    # -- showing -------------------------------------------------------------------------------------------------------
    @property
    def dirty(self) -> bool:
        """Whether something was typed that is not kept."""
        return self.event_ is not None and self.event_.id in self._typed

    def show_event(self, event: InboxEvent | None, count: int = 0) -> None:
        """Show an event; several, or none, in words only. What did not change stays as it is."""
        shown = (event.id, event.state, event.attempts, event.edited_at, event.run) if event is not None else count
        if shown == self._shown:
            return
        self._shown, self.event_ = shown, event
        if event is None:
            self._clear()
            self.title.setText(
                ngettext("{count} event is chosen", "{count} events are chosen", count).format(count=number(count))
                if count
                else ""
            )
            self.allow()
            return
        self.title.setText(event.key)
        self.title.setToolTip(event.key)
        parts = [
            _("Event {id}").format(id=event.id),
            event.node,
            _("arrived {time}").format(time=words.when(event.received)),
            ngettext("{count} attempt", "{count} attempts", event.attempts).format(count=number(event.attempts))
            if event.attempts
            else "",
            _("changed by {name}").format(name=words.person(event.edited_by)) if event.edited_by is not None else "",
        ]
        self.about.setText(" · ".join(part for part in parts if part))
        self.error.setText(event.error.message.text() if event.error is not None else "")
        self.fix.setText(
            event.error.fix.text()
            if event.error is not None and event.error.fix is not None
            else _("Mend the row or the flow, then resubmit it.")
        )
        self.said.setVisible(event.error is not None)
        self.as_json.setVisible(True)
        self._lay_out()
        self.allow()

    def _clear(self) -> None:
        for label in (self.title, self.about, self.error, self.fix, self.wrong):
            label.setText("")
        self.said.hide()
        self.as_json.hide()
        self.wrong.hide()
        self.fields, self.whole = {}, None
        self.area.setWidget(QWidget())

    def _lay_out(self) -> None:
        """The row's columns one below the other, or as one text."""
        event = self.event_
        assert event is not None
        self._laying = True
        self.wrong.hide()
        typed = self._typed.get(event.id, {})
        self.fields, self.whole = {}, None
        editable = event.state in ("waiting", "dead")
        room = QWidget()
        box = QVBoxLayout(room)
        box.setContentsMargins(0, 0, 6, 0)
        box.setSpacing(3)
        if self.as_json.isChecked():
            self.whole = QPlainTextEdit(typed.get("", json.dumps(dict(event.row), ensure_ascii=False, indent=2)))
            self.whole.setAccessibleName(_("Row as JSON"))
            self.whole.setReadOnly(not editable)
            self.whole.setTabChangesFocus(True)
            self.whole.textChanged.connect(self._changed)
            box.addWidget(self.whole, 1)
        else:
            for name, value in event.row.items():
                self.fields[name] = field = _Field(name, value, typed.get(name), editable, self._changed)
                for widget in (field.label, field.editor, field.wrong):
                    box.addWidget(widget)
                box.addSpacing(6)
            box.addStretch(1)
        self.area.setWidget(room)
        self._laying = False

    def _as_json(self, _on: bool) -> None:
        if self.event_ is not None:
            # What was typed in the one form would be lost in the other: it is taken along where it can be read.
            kept = self.row() if self.dirty else None
            if self.dirty and kept is None:
                self.as_json.blockSignals(True)
                self.as_json.setChecked(not self.as_json.isChecked())
                self.as_json.blockSignals(False)
                return
            if kept is not None:
                self._typed[self.event_.id] = (
                    {"": json.dumps(kept, ensure_ascii=False, indent=2)}
                    if self.as_json.isChecked()
                    else {name: _text(value) for name, value in kept.items()}
                )
            self._lay_out()
            self.allow()

    def _changed(self) -> None:
        if self._laying or self.event_ is None:
            return
        if self.whole is not None:
            self._typed[self.event_.id] = {"": self.whole.toPlainText()}
        else:
            self._typed[self.event_.id] = {name: field.text() for name, field in self.fields.items()}
        self.allow()

    def allow(self) -> None:
        """Keeping makes sense where something was typed."""
        self.ground.window_.actions_["event_keep"].setEnabled(self.isVisible() and self.dirty)

    def begin(self) -> None:
        """The keyboard to the row."""
        first = self.whole or next((field.editor for field in self.fields.values()), None)
        if first is not None:
            first.setFocus(Qt.FocusReason.OtherFocusReason)

    # -- keeping -------------------------------------------------------------------------------------------------------
    def row(self) -> dict[str, Any] | None:
        """The row as it stands in the form; None, with a sentence, where it is no JSON object."""
        if self.whole is None:
            return {name: field.value() for name, field in self.fields.items()}
        try:
            made = json.loads(self.whole.toPlainText())
        except ValueError as error:
            self._tell(_("This is no JSON: {reason}").format(reason=error))
            return None
        if not isinstance(made, dict):
            self._tell(_("A row is a JSON object: columns with their values, in braces."))
            return None
        return made

    def save(self, then: Callable[[], object] | None = None) -> None:
        """Have the executor keep the row, which it checks against the columns of the trigger."""
        event = self.event_
        row = self.row() if event is not None else None
        if event is None or row is None:
            return
        for field in self.fields.values():
            field.tell("")
        self.wrong.hide()

        def come(_event: InboxEvent) -> None:
            self._typed.pop(event.id, None)
            self._shown = None
            self.ground.say(_("The row was kept."))
            self.saved.emit()
            self.allow()
            if then is not None:
                then()

        self.ground.ask(self, lambda executor: executor.inbox.edit(event.id, row, person()), come, self._refused)

    def _refused(self, problems: list[Problem]) -> None:
        for problem in problems:
            field = self.fields.get(str(problem.message.args.get("name")))
            if field is not None:
                field.tell(problem.message.text())
                field.editor.setFocus(Qt.FocusReason.OtherFocusReason)
                self.area.ensureWidgetVisible(field.wrong)
            else:
                self._tell(f"{problem.message.text()} {problem.fix.text() if problem.fix else ''}".rstrip())

    def _tell(self, text: str) -> None:
        self.wrong.setText(text)
        self.wrong.show()


class _Field:
    """One column: its name, its value as text, and what is wrong with it."""

    def __init__(self, name: str, value: Any, typed: str | None, editable: bool, changed: Callable[[], object]) -> None:
        self._before = value
        text = _text(value) if typed is None else typed
        self.label = _label("label")
        self.label.setText(name)
        self.editor: QLineEdit | QPlainTextEdit
        if isinstance(value, dict | list) or "\n" in text:
            self.editor = QPlainTextEdit(text)
            self.editor.setTabChangesFocus(True)
            self.editor.setFixedHeight(96)
        else:
            self.editor = QLineEdit(text)
            self.editor.setCursorPosition(0)
            if value is None:
                self.editor.setPlaceholderText(_("no value"))
        self.editor.setReadOnly(not editable)
        self.editor.setAccessibleName(name)
        self.editor.textChanged.connect(lambda *_text: changed())
        self.label.setBuddy(self.editor)
        self.wrong = _label("error")
        self.wrong.hide()

    def text(self) -> str:
        return self.editor.text() if isinstance(self.editor, QLineEdit) else self.editor.toPlainText()

    def value(self) -> Any:
        """What was typed, of the kind that the value had; a text where it cannot be that: then the executor says what is wrong."""
        text = self.text()
        if text == _text(self._before):
            return self._before
        if isinstance(self._before, str):
            return text
        if not text.strip():
            return None
        try:
            return json.loads(text)
        except ValueError:
            return text

    def tell(self, text: str) -> None:
        self.wrong.setText(text)
        self.wrong.setVisible(bool(text))
        self.editor.setAccessibleDescription(text)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return (
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2 if isinstance(value, dict) else None)
    )


def _label(role: str) -> QLabel:
    label = QLabel()
    label.setProperty("role", role)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    if role == "error":
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
