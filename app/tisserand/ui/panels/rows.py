"""Editors of lists and mappings: rows that are added, removed, moved, and made by dropping a column."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QComboBox, QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from tisserand.model.formula.editing import quoted
from tisserand.sdk.form import FormField, starting_value
from tisserand.texts import N_
from tisserand.texts import translate as _
from tisserand.ui.icons import icon
from tisserand.ui.panels.editors import UNSET, Editor, FormContext, LineEditor
from tisserand.ui.panels.formula import FormulaEditor
from tisserand.ui.panels.inputs import MOVING, Left, TakesColumns, mark_wrong, moves, tab_through


class Maker(Protocol):
    """Gives the editor for one field."""

    def __call__(self, asked: FormField, context: FormContext, *, inside: bool = False) -> Editor: ...


def small_button(image: str, text: str, call: Callable[[], object]) -> QToolButton:
    """A button with an icon only; its text is shown on hover and read out."""
    button = QToolButton()
    button.setIcon(icon(image, "muted"))
    button.setToolTip(text)
    button.setAccessibleName(text)
    button.setProperty("tight", True)
    button.clicked.connect(lambda _checked=False: call())
    return button


def _call(editor: Editor, name: str) -> None:
    """Give a field that has no label of its own a name that is read out."""
    focus = editor.focusProxy() or editor
    focus.setAccessibleName(name)
    if isinstance(focus, QComboBox):
        line = focus.lineEdit()
        if line is not None:
            line.setAccessibleName(name)


def of_column(asked: FormField, name: str) -> Any:
    """The entry that a dropped column makes, or None where the field has nothing to do with columns."""
    if asked.widget == "formula":
        return quoted(name)
    if _picks_column(asked):
        return name
    if asked.widget == "union":
        made = (of_column(branch, name) for branch in asked.branches)
        return next((each for each in made if each is not None), None)
    if asked.widget == "group":
        part = next((part for part in asked.fields if part.widget == "formula" or _picks_column(part)), None)
        return {**starting_value(asked), part.name: of_column(part, name)} if part is not None else None
    return None


def _picks_column(asked: FormField) -> bool:
    return asked.picks is not None and asked.picks.what == "column"


class Rows(Editor):
    """Base of lists and mappings: rows that can be added and removed."""

    add_text = N_("Add")

    def __init__(self, asked: FormField, context: FormContext, make: Maker) -> None:
        super().__init__(asked)
        assert asked.item is not None
        self.context = context
        self._make = make
        self._item = replace(asked.item, required=True)
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(6)
        self.add = QPushButton(_(self.add_text))
        self.add.setIcon(icon("plus", "accent"))
        self.add.setProperty("quiet", True)
        self.add.clicked.connect(self._add_clicked)
        self._box.addWidget(self.add, 0, Qt.AlignmentFlag.AlignLeft)
        self.rows: list[QWidget] = []
        if self._from_column("x") is not None:
            TakesColumns(self, self._dropped)
            TakesColumns(self.add, self._dropped)

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

    def _from_column(self, name: str) -> Any:
        """The entry that a dropped column makes; None where it makes none."""
        raise NotImplementedError

    def _dropped(self, name: str) -> None:
        raise NotImplementedError


class ListEditor(Rows):
    """Entries one below the other. Buttons, and Alt+Up and Alt+Down, move them."""

    def __init__(self, asked: FormField, context: FormContext, make: Maker) -> None:
        super().__init__(asked, context, make)
        self.setProperty(MOVING, True)
        self._editors: list[Editor] = []
        self._held: dict[Editor, Any] = {}
        self._buttons: dict[Editor, tuple[QToolButton, QToolButton]] = {}

    def _show(self, value: Any) -> None:
        wanted = list(value) if isinstance(value, list | tuple) else []
        # Rows stay where they can: who stands in one goes on standing there.
        for editor, item in zip(self._editors, wanted, strict=False):
            editor.show_value(item)
            self._held[editor] = item
        while len(self._editors) > len(wanted):
            self._forget(self._editors[-1])
        for item in wanted[len(self._editors) :]:
            self._append(item)
        self._number()

    def _append(self, value: Any) -> Editor:
        editor = self._make(self._item, self.context, inside=True)
        row: QWidget = QFrame() if self._item.widget == "group" else QWidget()
        if self._item.widget == "group":
            row.setObjectName("group")
        line = QHBoxLayout(row)
        margin = 10 if self._item.widget == "group" else 0
        line.setContentsMargins(margin, margin, margin and 6, margin)
        line.setSpacing(0)
        line.addWidget(editor, 1)
        line.addSpacing(4)
        up = small_button("chevron-up", _("Move up"), lambda: self._move(editor, -1))
        down = small_button("chevron-down", _("Move down"), lambda: self._move(editor, 1))
        self._buttons[editor] = up, down
        for button in (up, down, small_button("x", _("Remove"), lambda: self._remove(editor))):
            line.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        editor.show_value(value)
        self._insert(row)
        self._editors.append(editor)
        self._held[editor] = value

        def hold(new: Any) -> None:
            self._held[editor] = "" if new is UNSET else new
            self._gather()

        editor.edited.connect(hold)
        return editor

    def _number(self) -> None:
        """Names and buttons after the places that the entries have now."""
        last = len(self._editors) - 1
        for place, editor in enumerate(self._editors):
            _call(editor, f"{_(self.asked.title)} {place + 1}")
            for button, end in zip(self._buttons[editor], (0, last), strict=True):
                button.setEnabled(place != end)
                button.setVisible(last > 0)
        tab_through(self.rows, self.add)

    def _forget(self, editor: Editor) -> None:
        row = self.rows[self._editors.index(editor)]
        self._editors.remove(editor)
        del self._held[editor], self._buttons[editor]
        self._take(row)

    def _remove(self, editor: Editor) -> None:
        self.context.seal()
        self._forget(editor)
        self._number()
        self._gather()

    def _move(self, editor: Editor, by: int) -> None:
        """Move an entry by one place; the keyboard stays with it."""
        old = self._editors.index(editor)
        new = old + by
        if not 0 <= new < len(self._editors):
            return
        self.context.seal()
        row = self.rows.pop(old)
        self.rows.insert(new, row)
        self._editors.insert(new, self._editors.pop(old))
        held = row.isAncestorOf(QApplication.focusWidget() or self)
        self._box.removeWidget(row)
        self._box.insertWidget(new, row)
        self._number()
        if held and not row.isAncestorOf(QApplication.focusWidget() or self):
            # The button that moved it is disabled at the end.
            (editor.focusProxy() or editor).setFocus()
        self._gather()
        self.context.seal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        by = moves(event)
        focused = QApplication.focusWidget()
        mine = [editor for row, editor in zip(self.rows, self._editors, strict=True) if focused and row.isAncestorOf(focused)]
        if by and mine:
            self._move(mine[0], by)
            return
        super().keyPressEvent(event)

    def _add_clicked(self) -> None:
        self._put(starting_value(self._item))

    def _put(self, value: Any) -> None:
        self.context.seal()
        editor = self._append(value)
        self._number()
        self._gather()
        (editor.focusProxy() or editor).setFocus()

    def _from_column(self, name: str) -> Any:
        return of_column(self._item, name)

    def _dropped(self, name: str) -> None:
        self._put(self._from_column(name))

    def _gather(self) -> None:
        self._tell([self._held[editor] for editor in self._editors])


@dataclass(eq=False)
class _Pair:
    """One row of a mapping."""

    key: str
    value: Any
    known: str
    """The name under which the flow has the entry while the one on the screen cannot be taken."""
    row: QWidget
    name: Editor
    item: Editor
    wrong: QLabel


class MapEditor(Rows):
    """Names with values, one pair a row. A name that is missing or taken stays on the screen, marked, and the flow keeps what it
    had: no entry ever gives way to another one."""

    def __init__(self, asked: FormField, context: FormContext, make: Maker) -> None:
        assert asked.key is not None
        self._key = replace(asked.key, required=True)
        self._pairs: list[_Pair] = []
        super().__init__(asked, context, make)

    @property
    def _editors(self) -> list[tuple[Editor, Editor]]:
        return [(pair.name, pair.item) for pair in self._pairs]

    def _show(self, value: Any) -> None:
        wanted = list(value.items()) if isinstance(value, Mapping) else []
        for pair, (key, item) in zip(self._pairs, wanted, strict=False):
            pair.key, pair.value, pair.known = str(key), item, str(key)
            pair.name.show_value(key)
            pair.item.show_value(item)
        while len(self._pairs) > len(wanted):
            self._take(self._pairs.pop().row)
        for key, item in wanted[len(self._pairs) :]:
            self._append(key, item, known=str(key))
        self._number()
        self._mark()

    def _append(self, key: str, value: Any, known: str = "") -> _Pair:
        name = self._make(self._key, self.context, inside=True)
        item = self._make(self._item, self.context, inside=True)
        row = QWidget()
        column = QVBoxLayout(row)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        line = QHBoxLayout()
        line.setSpacing(4)
        if self._item.widget in {"group", "list", "map", "union"}:
            stack = QVBoxLayout()
            stack.setSpacing(4)
            stack.addWidget(name)
            stack.addWidget(item)
            line.addLayout(stack, 1)
        else:
            line.addWidget(name, 2, Qt.AlignmentFlag.AlignTop)
            line.addWidget(item, 3, Qt.AlignmentFlag.AlignTop)
        line.addWidget(small_button("x", _("Remove"), lambda: self._remove(pair)), 0, Qt.AlignmentFlag.AlignTop)
        column.addLayout(line)
        wrong = QLabel()
        wrong.setProperty("role", "error")
        wrong.setWordWrap(True)
        wrong.hide()
        column.addWidget(wrong)
        name.show_value(key)
        item.show_value(value)
        if isinstance(name, LineEditor):
            name.line.setPlaceholderText(_("Name"))
        if isinstance(item, FormulaEditor):
            item.text.setPlaceholderText(_("Formula"))
        elif isinstance(item, LineEditor) and not item.line.placeholderText():
            item.line.setPlaceholderText(_("Value"))
        pair = _Pair(str(key), value, known, row, name, item, wrong)
        name.edited.connect(lambda new: self._hold(pair, key=new))
        item.edited.connect(lambda new: self._hold(pair, value=new))
        Left(name.focusProxy() or name, self._name_left)
        self._insert(row)
        self._pairs.append(pair)
        return pair

    def _hold(self, pair: _Pair, **changes: Any) -> None:
        for place, new in changes.items():
            setattr(pair, place, "" if new is UNSET else str(new) if place == "key" else new)
        self._gather()

    def _number(self) -> None:
        for number, pair in enumerate(self._pairs, 1):
            _call(pair.name, f"{_(self.asked.title)} {number}: {_('Name')}")
            _call(pair.item, f"{_(self.asked.title)} {number}: {_('Value')}")
        tab_through(self.rows, self.add)

    def _remove(self, pair: _Pair) -> None:
        self.context.seal()
        self._pairs.remove(pair)
        self._take(pair.row)
        self._number()
        self._gather()

    def _add_clicked(self) -> None:
        pair = self._append("", starting_value(self._item))
        self._number()
        (pair.name.focusProxy() or pair.name).setFocus()

    def _from_column(self, name: str) -> Any:
        made = of_column(self._item, name)
        return starting_value(self._item) if made is None and _picks_column(self._key) else made

    def _dropped(self, name: str) -> None:
        self.context.seal()
        key, taken = name, {pair.key for pair in self._pairs}
        while key in taken and not _picks_column(self._key):
            key += "_2"
        pair = self._append(key, self._from_column(name))
        self._number()
        self._gather()
        (pair.item.focusProxy() or pair.item).setFocus()

    # -- names that are missing or taken -------------------------------------------------------------------------------
    def _unusable(self) -> set[int]:
        """The places of the pairs whose name on the screen cannot be theirs: it is missing, or another entry has it."""
        wrong: set[int] = {place for place, pair in enumerate(self._pairs) if not pair.key}
        before: set[int] | None = None
        while before != wrong:
            before = set(wrong)
            # What the flow keeps for a name that cannot be taken is not free for others.
            owners = {self._pairs[place].known: place for place in wrong if self._pairs[place].known}
            for place, pair in sorted(enumerate(self._pairs), key=lambda each: each[1].known != each[1].key):
                if place not in wrong and owners.setdefault(pair.key, place) != place:
                    wrong.add(place)
        return wrong

    def _mark(self) -> None:
        wrong = self._unusable()
        for place, pair in enumerate(self._pairs):
            text = ""
            if place in wrong:
                text = _("Another entry has this name.") if pair.key else _("This entry needs a name.")
            pair.wrong.setText(text)
            pair.wrong.setVisible(bool(text))
            mark_wrong(pair.name.focusProxy() or pair.name, bool(text))

    def set_wrong(self, wrong: bool) -> None:
        super().set_wrong(wrong)
        if not wrong:
            self._mark()

    def _name_left(self) -> None:
        """A name that stands when its field is left is the entry's own from now on."""
        wrong = self._unusable()
        for place, pair in enumerate(self._pairs):
            if place not in wrong:
                pair.known = pair.key
        self._mark()

    def _gather(self) -> None:
        self._mark()
        wrong = self._unusable()
        named = [(pair.known if place in wrong else pair.key, pair.value) for place, pair in enumerate(self._pairs)]
        self._tell({key: value for key, value in named if key})
