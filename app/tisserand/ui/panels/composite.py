"""Editors made of editors: lists, mappings, groups of fields, and fields that may take several forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from tisserand.sdk.form import FormField, branch_for, effective, human, starting_value
from tisserand.texts import N_
from tisserand.texts import translate as _
from tisserand.ui.icons import icon
from tisserand.ui.panels.condition import CONDITIONS, ConditionEditor
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
from tisserand.ui.panels.secret import SecretEditor


def make_editor(asked: FormField, context: FormContext, *, inside: bool = False) -> Editor:
    """The editor for one field; `inside` a list or mapping a formula takes one line."""
    if asked.widget == "boolean":
        return SwitchEditor(asked, context)
    if asked.widget == "choice":
        return ChoiceEditor(asked, context)
    if asked.widget in {"sql", "python"}:
        return CodeEditor(asked, context)
    if asked.widget == "formula":
        if asked.name in CONDITIONS and not inside:
            return ConditionEditor(asked, context)
        return FormulaEditor(asked, context, inside=inside)
    if asked.widget == "list" and asked.item is not None:
        return ListEditor(asked, context)
    if asked.widget == "map" and asked.item is not None:
        return MapEditor(asked, context)
    if asked.widget == "secret":
        return SecretEditor(asked, context)
    if asked.widget == "group":
        return GroupEditor(asked, context)
    if asked.widget == "union":
        return UnionEditor(asked, context)
    if asked.widget == "connection":
        return ConnectionEditor(asked, context)
    if asked.picks is not None and asked.picks.what in {"column", "flow"}:
        return PickEditor(asked, context)
    return LineEditor(asked, context)


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


def _remove_button() -> QToolButton:
    button = QToolButton()
    button.setIcon(icon("x", "muted"))
    button.setToolTip(_("Remove"))
    button.setAccessibleName(_("Remove"))
    button.setProperty("tight", True)
    return button


def _call(editor: Editor, name: str) -> None:
    """Give a field that has no label of its own a name that is read out."""
    focus = editor.focusProxy() or editor
    focus.setAccessibleName(name)
    if isinstance(focus, QComboBox):
        line = focus.lineEdit()
        if line is not None:
            line.setAccessibleName(name)


class _Rows(Editor):
    """Base of lists and mappings: rows that can be added and removed."""

    add_text = N_("Add")

    def __init__(self, asked: FormField, context: FormContext) -> None:
        super().__init__(asked)
        self.context = context
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(6)
        self.add = QPushButton(_(self.add_text))
        self.add.setIcon(icon("plus", "accent"))
        self.add.setProperty("quiet", True)
        self.add.clicked.connect(self._add_clicked)
        self._box.addWidget(self.add, 0, Qt.AlignmentFlag.AlignLeft)
        self.rows: list[QWidget] = []
        self._shown: Any = UNSET

    def _clear(self) -> None:
        for row in self.rows:
            self._box.removeWidget(row)
            row.setParent(None)
            row.deleteLater()
        self.rows = []

    def _insert(self, row: QWidget) -> None:
        self._box.insertWidget(len(self.rows), row)
        self.rows.append(row)

    def _take(self, row: QWidget) -> None:
        self.rows.remove(row)
        self._box.removeWidget(row)
        row.setParent(None)
        row.deleteLater()

    def _add_clicked(self) -> None:
        raise NotImplementedError


class ListEditor(_Rows):
    """Entries one below the other."""

    def __init__(self, asked: FormField, context: FormContext) -> None:
        super().__init__(asked, context)
        assert asked.item is not None
        self._item = replace(asked.item, required=True)
        self._editors: list[Editor] = []
        self._held: dict[Editor, Any] = {}

    def _show(self, value: Any) -> None:
        wanted = list(value) if isinstance(value, list | tuple) else []
        if wanted == self._shown:
            return
        if len(wanted) != len(self._editors):
            self._clear()
            self._editors = []
            self._held = {}
            for item in wanted:
                self._append(item)
        else:
            for editor, item in zip(self._editors, wanted, strict=True):
                editor.show_value(item)
                self._held[editor] = item
        self._shown = wanted

    def _append(self, value: Any) -> Editor:
        editor = make_editor(self._item, self.context, inside=True)
        row: QWidget = QFrame() if self._item.widget == "group" else QWidget()
        if self._item.widget == "group":
            row.setObjectName("group")
        line = QHBoxLayout(row)
        margin = 10 if self._item.widget == "group" else 0
        line.setContentsMargins(margin, margin, margin and 6, margin)
        line.setSpacing(4)
        line.addWidget(editor, 1)
        remove = _remove_button()
        line.addWidget(remove, 0, Qt.AlignmentFlag.AlignTop)
        editor.show_value(value)
        _call(editor, f"{_(self.asked.title)} {len(self._editors) + 1}")
        self._insert(row)
        self._editors.append(editor)
        self._held[editor] = value

        def hold(new: Any) -> None:
            self._held[editor] = "" if new is UNSET else new
            self._gather()

        editor.edited.connect(hold)
        remove.clicked.connect(lambda: self._remove(row, editor))
        return editor

    def _remove(self, row: QWidget, editor: Editor) -> None:
        self._editors.remove(editor)
        del self._held[editor]
        self._take(row)
        self._gather()

    def _add_clicked(self) -> None:
        editor = self._append(starting_value(self._item))
        self._gather()
        (editor.focusProxy() or editor).setFocus()

    def _gather(self) -> None:
        self._shown = [self._held[editor] for editor in self._editors]
        self._tell(self._shown)


class MapEditor(_Rows):
    """Names with values, one pair a row."""

    def __init__(self, asked: FormField, context: FormContext) -> None:
        super().__init__(asked, context)
        assert asked.item is not None and asked.key is not None
        self._key = replace(asked.key, required=True)
        self._item = replace(asked.item, required=True)
        self._pairs: list[list[Any]] = []
        self._editors: list[tuple[Editor, Editor]] = []

    def _show(self, value: Any) -> None:
        wanted = dict(value) if isinstance(value, Mapping) else {}
        if [[k, v] for k, v in wanted.items()] == self._pairs and self.rows:
            return
        if {k: v for k, v in self._pairs if k} == wanted and any(not k for k, _v in self._pairs):
            return  # a row whose name is still being typed is not in the file yet
        if len(wanted) != len(self._pairs):
            self._clear()
            self._pairs, self._editors = [], []
            for key, item in wanted.items():
                self._append(key, item)
            return
        for pair, editors, (key, item) in zip(self._pairs, self._editors, wanted.items(), strict=True):
            pair[:] = [key, item]
            editors[0].show_value(key)
            editors[1].show_value(item)

    def _append(self, key: str, value: Any) -> Editor:
        pair = [key, value]
        name = make_editor(self._key, self.context, inside=True)
        item = make_editor(self._item, self.context, inside=True)
        row = QWidget()
        deep = self._item.widget in {"group", "list", "map", "union"}
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(4)
        if deep:
            stack = QVBoxLayout()
            stack.setSpacing(4)
            stack.addWidget(name)
            stack.addWidget(item)
            line.addLayout(stack, 1)
        else:
            line.addWidget(name, 2, Qt.AlignmentFlag.AlignTop)
            line.addWidget(item, 3, Qt.AlignmentFlag.AlignTop)
        remove = _remove_button()
        line.addWidget(remove, 0, Qt.AlignmentFlag.AlignTop)
        name.show_value(key)
        item.show_value(value)
        number = len(self._editors) + 1
        _call(name, f"{_(self.asked.title)} {number}: {_('Name')}")
        _call(item, f"{_(self.asked.title)} {number}: {_('Value')}")
        if isinstance(name, LineEditor):
            name.line.setPlaceholderText(_("Name"))
        if isinstance(item, FormulaEditor):
            item.text.setPlaceholderText(_("Formula"))
        elif isinstance(item, LineEditor) and not item.line.placeholderText():
            item.line.setPlaceholderText(_("Value"))
        editors = (name, item)

        def hold(place: int, new: Any) -> None:
            pair[place] = "" if new is UNSET else new
            self._gather()

        name.edited.connect(lambda new: hold(0, new))
        item.edited.connect(lambda new: hold(1, new))
        remove.clicked.connect(lambda: self._remove(row, pair, editors))
        self._insert(row)
        self._pairs.append(pair)
        self._editors.append(editors)
        return name

    def _remove(self, row: QWidget, pair: list[Any], editors: tuple[Editor, Editor]) -> None:
        index = next(i for i, other in enumerate(self._pairs) if other is pair)
        del self._pairs[index], self._editors[index]
        self._take(row)
        self._gather()

    def _add_clicked(self) -> None:
        editor = self._append("", starting_value(self._item))
        (editor.focusProxy() or editor).setFocus()

    def _gather(self) -> None:
        self._tell({str(key): value for key, value in self._pairs if key})


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
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(6)
        self.combo = QComboBox()
        for branch in asked.branches:
            self.combo.addItem(_branch_title(branch))
        self.combo.setAccessibleName(_("Form of this setting"))
        self._box.addWidget(self.combo)
        self.setFocusProxy(self.combo)
        self.combo.activated.connect(self._chosen)

    def _show(self, value: Any) -> None:
        index = branch_for(self.asked, value) if value is not None else max(self._index, 0)
        self._become(index)
        if self._part is not None:
            self._part.show_value(UNSET if value is None else value)

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
        self._become(index)
        value = starting_value(self.asked.branches[index])
        assert self._part is not None
        self._part.show_value(value)
        self._tell(value)


def _branch_title(branch: FormField) -> str:
    if branch.title != human(branch.name):
        return _(branch.title)
    if branch.widget == "group":
        kinds = [part.choices[0] for part in branch.fields if part.widget == "choice" and len(part.choices) == 1]
        if kinds:
            return _(str(kinds[0]))
    return _(_BRANCH_NAMES.get(branch.widget, N_("As a text")))
