"""The condition builder: rows of column, comparison and value that write the formula, for who would rather choose than type."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from tisserand.model.formula import types
from tisserand.model.formula.conditions import Condition, Join, Kind, complete, kind_of, offered, read, write
from tisserand.sdk.form import FormField
from tisserand.texts import N_
from tisserand.texts import translate as _
from tisserand.ui.icons import icon
from tisserand.ui.panels.editors import UNSET, Editor, FormContext
from tisserand.ui.panels.formula import FormulaEditor
from tisserand.ui.panels.inputs import Choices, LeavesUndo, mark_wrong

WORDS = {
    "=": N_("is"),
    "<>": N_("is not"),
    ">": N_("is greater than"),
    ">=": N_("is at least"),
    "<": N_("is less than"),
    "<=": N_("is at most"),
    "between": N_("is between"),
    "in": N_("is one of"),
    "not in": N_("is none of"),
    "contains": N_("contains"),
    "not contains": N_("does not contain"),
    "starts_with": N_("begins with"),
    "ends_with": N_("ends with"),
    "is null": N_("is missing"),
    "not is null": N_("is there"),
    "is true": N_("is true"),
    "not is true": N_("is not true"),
}


class ConditionEditor(Editor):
    """A formula field with two faces: the formula, and the list of conditions where the formula is one."""

    def __init__(self, asked: FormField, context: FormContext, *, inside: bool = False) -> None:
        super().__init__(asked)
        self._context = context
        self._port = asked.picks.port if asked.picks else ""
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(6)
        self.formula = FormulaEditor(asked, context, inside=inside)
        self.formula.edited.connect(self._formula_edited)
        box.addWidget(self.formula)
        self.builder = QWidget()
        inner = QVBoxLayout(self.builder)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(6)
        self.join = Choices()
        for word, text in (("and", _("All of these hold")), ("or", _("One of these holds"))):
            self.join.addItem(text, word)
        self.join.setAccessibleName(_("How the conditions are joined"))
        self.join.activated.connect(lambda _index: self._joined())
        inner.addWidget(self.join)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(8)
        inner.addLayout(self._rows)
        self.add = QPushButton(_("Add a condition"))
        self.add.setIcon(icon("plus", "accent"))
        self.add.setProperty("quiet", True)
        self.add.clicked.connect(lambda: self._append(Condition("", "=")).column.setFocus())
        inner.addWidget(self.add, 0, Qt.AlignmentFlag.AlignLeft)
        self.builder.hide()
        box.addWidget(self.builder)
        self.toggle = QPushButton()
        self.toggle.setProperty("quiet", True)
        self.toggle.setCheckable(True)
        self.toggle.clicked.connect(self._turn)
        box.addWidget(self.toggle, 0, Qt.AlignmentFlag.AlignLeft)
        self.why = QLabel(_("This formula is more than a list of conditions; it can be changed as text only."))
        self.why.setProperty("role", "help")
        self.why.setWordWrap(True)
        self.why.hide()
        box.addWidget(self.why)
        self.rows: list[ConditionRow] = []
        self.setFocusProxy(self.formula.text)
        self._name()

    def _name(self) -> None:
        self.toggle.setText(_("Write the formula") if self.toggle.isChecked() else _("Build from conditions"))
        self.toggle.setIcon(icon("code" if self.toggle.isChecked() else "list", "accent"))

    def _show(self, value: Any) -> None:
        self.formula.show_value(value)
        if self.toggle.isChecked() and str(value or "") != write([row.condition() for row in self.rows], self._join()):
            self._fill(str(value or ""))

    def set_wrong(self, wrong: bool) -> None:
        self.formula.set_wrong(wrong)

    def _formula_edited(self, value: Any) -> None:
        self._tell(self.asked.default if value is UNSET else value)

    def _join(self) -> Join:
        return "or" if self.join.currentData() == "or" else "and"

    def turned(self) -> bool:
        return self.toggle.isChecked()

    def turn(self) -> None:
        self.toggle.setChecked(True)
        self._turn(focus=False)

    def _turn(self, _checked: bool = False, *, focus: bool = True) -> None:
        """From one face to the other."""
        text = self.formula.text.toPlainText()
        if self.toggle.isChecked() and read(text) is None:
            self.toggle.setChecked(False)
            self.why.show()
            return
        self.why.hide()
        on = self.toggle.isChecked()
        self.formula.setVisible(not on)
        self.builder.setVisible(on)
        self._name()
        if on:
            self._fill(text)
            if not self.rows:
                self._append(Condition("", "="))
        if focus:
            (self.rows[0].column if on else self.formula.text).setFocus()

    def _fill(self, text: str) -> None:
        found = read(text)
        if found is None:
            self.toggle.setChecked(False)
            self.formula.show()
            self.builder.hide()
            self._name()
            return
        for row in list(self.rows):
            self._drop(row)
        self.join.setCurrentIndex(1 if found[0] == "or" else 0)
        for condition in found[1]:
            self._append(condition)

    def _append(self, condition: Condition) -> ConditionRow:
        row = ConditionRow(dict(self._context.columns(self._port)), condition, self._gather, self._remove)
        if self._context.follows:
            for line in (row.value, row.second):
                LeavesUndo(line)
        self.rows.append(row)
        self._rows.addWidget(row)
        self.join.setVisible(len(self.rows) > 1)
        return row

    def _drop(self, row: ConditionRow) -> None:
        self.rows.remove(row)
        self._rows.removeWidget(row)
        row.setParent(None)
        row.deleteLater()
        self.join.setVisible(len(self.rows) > 1)

    def _joined(self) -> None:
        self._context.seal()
        self._gather()

    def _remove(self, row: ConditionRow) -> None:
        self._context.seal()
        self._drop(row)
        self._gather()

    def _gather(self) -> None:
        text = write([row.counted() for row in self.rows], self._join())
        self.formula.show_value(text)
        self._tell(text)


class ConditionRow(QWidget):
    """One condition."""

    def __init__(self, columns: dict[str, str], condition: Condition, changed: Any, remove: Any) -> None:
        super().__init__()
        self._columns = columns
        self._read = condition
        """The condition as the formula has it."""
        self._kept = condition
        self._changed = changed
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        upper, lower = QHBoxLayout(), QHBoxLayout()
        self.column = Choices()
        self.column.setAccessibleName(_("Column"))
        self.column.setPlaceholderText(_("Column"))
        self.column.setMinimumWidth(60)
        self.column.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.column.addItems(list(dict.fromkeys([*columns, *([condition.column] if condition.column else [])])))
        self.column.setCurrentIndex(self.column.findText(condition.column) if condition.column else -1)
        upper.addWidget(self.column, 1)
        gone = QToolButton()
        gone.setIcon(icon("x", "muted"))
        gone.setToolTip(_("Remove"))
        gone.setAccessibleName(_("Remove"))
        gone.setProperty("tight", True)
        gone.clicked.connect(lambda: remove(self))
        upper.addWidget(gone)
        self.comparison = Choices()
        self.comparison.setAccessibleName(_("Comparison"))
        self.value = QLineEdit()
        self.value.setAccessibleName(_("Value"))
        self.second = QLineEdit()
        self.second.setAccessibleName(_("Upper value"))
        self._lower, self._third = lower, QHBoxLayout()
        lower.addWidget(self.comparison)
        lower.addWidget(self.value, 1)
        self._third.addWidget(self.second, 1)
        box.addLayout(upper)
        box.addLayout(lower)
        box.addLayout(self._third)
        self._offer(condition.comparison)
        base = condition.comparison.removeprefix("not ")
        self.value.setText("; ".join(condition.values) if base == "in" else condition.values[0] if condition.values else "")
        self.second.setText(condition.values[1] if base == "between" and len(condition.values) > 1 else "")
        self._fit()
        self.column.activated.connect(lambda _index: self._column_chosen())
        self.comparison.activated.connect(lambda _index: self._told())
        for line in (self.value, self.second):
            line.textEdited.connect(lambda _text: self._told())

    def _family(self) -> str:
        kind = self._columns.get(self.column.currentText())
        return types.family(kind) if kind is not None else "text"

    def _kind(self) -> Kind:
        """What the values are: after the column's type. While that is not known a number stays a number."""
        column = self.column.currentText()
        return self._read.kind if column == self._read.column and column not in self._columns else kind_of(self._family())

    def _offer(self, wanted: str) -> None:
        known = list(dict.fromkeys([*offered(self._family()), *([wanted] if wanted in WORDS else [])]))
        self.comparison.clear()
        for each in known:
            self.comparison.addItem(_(WORDS[each]), each)
        self.comparison.setCurrentIndex(max(0, self.comparison.findData(wanted)))

    def _column_chosen(self) -> None:
        now = str(self.comparison.currentData())
        self._offer(now if now in offered(self._family()) else offered(self._family())[0])
        self._told()

    def _fit(self) -> None:
        base = str(self.comparison.currentData()).removeprefix("not ")
        self.value.setVisible(base not in ("is null", "is true"))
        # Two values need a line of their own.
        both = base == "between"
        self.second.setVisible(both)
        self._lower.removeWidget(self.value)
        self._third.removeWidget(self.value)
        (self._third if both else self._lower).insertWidget(0 if both else 1, self.value, 1)
        self.comparison.setSizePolicy(
            QSizePolicy.Policy.Expanding if both or self.value.isHidden() else QSizePolicy.Policy.Preferred,
            QSizePolicy.Policy.Fixed,
        )
        hints = {"in": _("a; b; c"), "between": _("from")}
        dated = self._kind() == "date"
        self.value.setPlaceholderText(hints.get(base, "2026-12-31" if dated else _("Value")))
        self.second.setPlaceholderText(_("to"))

    def _told(self) -> None:
        self._fit()
        condition = self.condition()
        whole = complete(condition)
        self._kept = condition if whole else self._kept
        started = bool(condition.column) and (bool(self.value.text()) or complete(self._kept))
        mark_wrong(self.value, started and not whole)
        self._changed()

    def counted(self) -> Condition:
        """What counts: the last whole condition, while what stands here is none (half a number, no value)."""
        condition = self.condition()
        return condition if complete(condition) else self._kept

    def condition(self) -> Condition:
        comparison = str(self.comparison.currentData())
        base = comparison.removeprefix("not ")
        values: tuple[str, ...] = (self.value.text(),)
        if base == "in":
            values = tuple(part.strip() for part in self.value.text().split(";") if part.strip())
        elif base == "between":
            values = (self.value.text(), self.second.text())
        elif base in ("is null", "is true"):
            values = ()
        return Condition(self.column.currentText(), comparison, values, self._kind())
