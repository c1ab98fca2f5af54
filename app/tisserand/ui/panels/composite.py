"""Editors made of editors: which one a field gets, its label, groups of fields, and fields that may take several forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from tisserand.sdk.form import FormField, branch_for, effective, fits, human, starting_value
from tisserand.texts import N_
from tisserand.texts import translate as _
from tisserand.ui.panels.condition import ConditionEditor
from tisserand.ui.panels.connectionpick import ConnectionEditor
from tisserand.ui.panels.editors import (
    UNSET,
    ChoiceEditor,
    CodeEditor,
    Editor,
    FormContext,
    LineEditor,
    PickEditor,
    SwitchEditor,
)
from tisserand.ui.panels.formula import FormulaEditor
from tisserand.ui.panels.inputs import Choices
from tisserand.ui.panels.mapping import ColumnsEditor
from tisserand.ui.panels.rows import ListEditor, MapEditor
from tisserand.ui.panels.secret import SecretEditor

__all__ = ["GroupEditor", "ListEditor", "MapEditor", "UnionEditor", "labelled", "make_editor"]

CONDITIONS = frozenset({"where", "when", "condition"})
"""Formula fields of these names hold a condition, also where their node does not say so."""
OFFERED = frozenset({"column", "flow", "type"})


def make_editor(asked: FormField, context: FormContext, *, inside: bool = False) -> Editor:
    """The editor for one field; `inside` a list or mapping a formula takes one line."""
    if asked.widget == "boolean":
        return SwitchEditor(asked, context)
    if asked.widget == "choice":
        return ChoiceEditor(asked, context)
    if asked.widget in {"sql", "python"}:
        return CodeEditor(asked, context)
    if asked.widget == "formula":
        if asked.condition or (asked.name in CONDITIONS and not inside):
            return ConditionEditor(asked, context, inside=inside)
        return FormulaEditor(asked, context, inside=inside)
    if asked.widget == "list" and asked.item is not None:
        whole = asked.per_column is not None and not inside
        return ColumnsEditor(asked, context, make_editor) if whole else ListEditor(asked, context, make_editor)
    if asked.widget == "map" and asked.item is not None:
        return MapEditor(asked, context, make_editor)
    if asked.widget == "secret":
        return SecretEditor(asked, context)
    if asked.widget == "group":
        return GroupEditor(asked, context)
    if asked.widget == "union":
        return UnionEditor(asked, context)
    if asked.widget == "connection":
        return ConnectionEditor(asked, context)
    if asked.picks is not None and asked.picks.what in OFFERED:
        return PickEditor(asked, context)
    return LineEditor(asked, context)


def with_error(editor: Editor) -> tuple[QWidget, QLabel]:
    """An editor under its label, and the line for what is wrong with it: right under the input, since below the help it could be
    out of sight."""
    holder = labelled(editor)
    wrong = QLabel()
    wrong.setProperty("role", "error")
    wrong.setWordWrap(True)
    wrong.hide()
    layout = holder.layout()
    assert isinstance(layout, QVBoxLayout)
    layout.insertWidget(layout.indexOf(editor) + 1, wrong)
    return holder, wrong


def labelled(editor: Editor, *, with_help: bool = True) -> QWidget:
    """An editor under its label; a check box carries its own."""
    asked = editor.asked
    holder = QWidget()
    box = QVBoxLayout(holder)
    box.setContentsMargins(0, 0, 0, 0)
    box.setSpacing(4)
    if not isinstance(editor, SwitchEditor):
        text = _(asked.title) + (" *" if asked.required else "")
        label = QLabel(text)
        label.setProperty("role", "label")
        label.setWordWrap(True)
        label.setBuddy(editor)
        box.addWidget(label)
    box.addWidget(editor)
    help = _(asked.help)
    focus = editor.focusProxy() or editor
    focus.setAccessibleName(_(asked.title))
    focus.setAccessibleDescription(help)
    if help and with_help:
        told = QLabel(" ".join(help.replace("`", "").split()))
        told.setProperty("role", "help")
        told.setWordWrap(True)
        told.setTextFormat(Qt.TextFormat.PlainText)
        box.addWidget(told)
    elif help:
        holder.setToolTip(help)
    return holder


class GroupEditor(Editor):
    """The fields of a nested config, one below the other."""

    def __init__(self, asked: FormField, context: FormContext) -> None:
        super().__init__(asked)
        self._value: dict[str, Any] = {}
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(8)
        self._fields: list[tuple[Editor, QWidget]] = []
        for part in asked.fields:
            editor = make_editor(part, context, inside=True)
            holder = labelled(editor, with_help=False)
            editor.edited.connect(lambda new, name=part.name: self._changed(name, new))
            box.addWidget(holder)
            self._fields.append((editor, holder))
        if self._fields:
            first = self._fields[0][0]
            self.setFocusProxy(first.focusProxy() or first)

    def _show(self, value: Any) -> None:
        self._value = dict(value) if isinstance(value, Mapping) else {}
        for editor, _holder in self._fields:
            editor.show_value(self._value.get(editor.asked.name, UNSET))
        self._toggle()

    def _toggle(self) -> None:
        values = effective(self.asked.fields, self._value)
        for editor, holder in self._fields:
            holder.setVisible(editor.asked.shown(values))

    def _changed(self, name: str, new: Any) -> None:
        self._value = {key: value for key, value in self._value.items() if key != name or new is not UNSET}
        if new is not UNSET:
            self._value[name] = new
        self._toggle()
        self._tell(dict(self._value))


_BRANCH_NAMES = {
    "list": N_("As a list"),
    "map": N_("As pairs"),
    "group": N_("With details"),
    "formula": N_("As a formula"),
    "choice": N_("One of"),
    "integer": N_("A number"),
    "number": N_("A number"),
    "boolean": N_("Yes or no"),
}


class UnionEditor(Editor):
    """A field that may take several forms: the form is chosen above it."""

    def __init__(self, asked: FormField, context: FormContext) -> None:
        super().__init__(asked)
        self._context = context
        self._index = -1
        self._part: Editor | None = None
        self._left: dict[int, Any] = {}
        """What stood in the forms that were left: who turns back finds it."""
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(6)
        self.combo = Choices()
        for branch in asked.branches:
            self.combo.addItem(_branch_title(branch))
        self.combo.setAccessibleName(_("Form of this setting"))
        self._box.addWidget(self.combo)
        self.setFocusProxy(self.combo)
        self.combo.activated.connect(self._chosen)

    def _show(self, value: Any) -> None:
        self._become(self._branch(value))
        if self._part is not None:
            self._part.show_value(UNSET if value is None else value)

    def _branch(self, value: Any) -> int:
        """The form for a value: the one that stands, where it fits. A text that happens to be one of the choices of another form
        must not turn the field over while it is being typed."""
        if value is None or (self._index >= 0 and fits(self.asked.branches[self._index], value)):
            return max(self._index, 0)
        return branch_for(self.asked, value)

    def _become(self, index: int) -> None:
        if index == self._index:
            return
        if self._part is not None:
            self._box.removeWidget(self._part)
            self._part.setParent(None)
            self._part.deleteLater()
        self._index = index
        self.combo.setCurrentIndex(index)
        self._part = make_editor(replace(self.asked.branches[index], required=True), self._context)
        self._part.edited.connect(lambda value: self._tell(None if value is UNSET else value))
        self._box.addWidget(self._part)
        inner = self._part.focusProxy() or self._part
        if inner is not self._part:
            inner.setAccessibleName(inner.accessibleName() or _(self.asked.title))
            self.setFocusProxy(inner)

    def _chosen(self, index: int) -> None:
        if index == self._index:
            return
        # Undo brings back what the other form held, and only that.
        self._context.seal()
        if self._last is not UNSET and self._last is not None:
            self._left[self._index] = self._last
        value = self._left.get(index, starting_value(self.asked.branches[index]))
        self._become(index)
        assert self._part is not None
        self._part.show_value(value)
        self._tell(value)
        self._context.seal()


def _branch_title(branch: FormField) -> str:
    if branch.title != human(branch.name):
        return _(branch.title)
    if branch.widget == "group":
        kinds = [part.choices[0] for part in branch.fields if part.widget == "choice" and len(part.choices) == 1]
        if kinds:
            return _(str(kinds[0]))
    return _(_BRANCH_NAMES.get(branch.widget, N_("As a text")))
