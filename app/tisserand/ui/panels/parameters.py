"""The parameters of the flow as a form: each in a block of its own that opens."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any, get_args

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QToolButton, QVBoxLayout

from tisserand.model.command import Command, Several
from tisserand.model.edit_marks import RemoveParameter, SetParameter
from tisserand.model.edit_nodes import SetConfig
from tisserand.model.flow import Flow, Parameter, ParameterType
from tisserand.sdk.form import FormField
from tisserand.texts import N_, Message, msg
from tisserand.texts import translate as _
from tisserand.ui.dialogs import parameter_field
from tisserand.ui.document import Document
from tisserand.ui.icons import icon
from tisserand.ui.panels.editors import UNSET, FormContext
from tisserand.ui.panels.parts import NameEditor, Part, Parts, plain

TYPE_WORDS: tuple[tuple[str, str], ...] = (
    ("text", N_("Text")),
    ("integer", N_("Whole number")),
    ("number", N_("Number")),
    ("boolean", N_("Yes or no")),
    ("date", N_("Date")),
    ("timestamp", N_("Date and time")),
    ("choice", N_("One of several")),
    ("file", N_("File")),
    ("folder", N_("Folder")),
)
NUMBERS = ("integer", "number")


class ParameterBlock(QFrame):
    """One parameter: a line with its name, and its form below once it is opened."""

    removed = Signal(str)

    def __init__(self, document: Document, context: FormContext, name: str) -> None:
        super().__init__()
        self.setObjectName("group")
        self._document = document
        self._context = context
        self.name = name
        self.form: ParameterForm | None = None
        box = QVBoxLayout(self)
        box.setContentsMargins(6, 4, 6, 4)
        box.setSpacing(6)
        line = QHBoxLayout()
        self.head = QPushButton()
        self.head.setProperty("quiet", True)
        self.head.setCheckable(True)
        self.head.toggled.connect(self._toggle)
        line.addWidget(self.head, 1)
        self.remove = QToolButton()
        self.remove.setToolTip(_("Remove"))
        self.remove.setProperty("tight", True)
        self.remove.clicked.connect(lambda: self.removed.emit(self.name))
        line.addWidget(self.remove)
        box.addLayout(line)
        self.refresh()
        self.recolour()

    def _toggle(self, on: bool) -> None:
        if on and self.form is None:
            self.form = ParameterForm(self._document, self._context, self.name)
            self.form.renamed.connect(self._renamed)
            layout = self.layout()
            assert layout is not None
            layout.addWidget(self.form)
        if self.form is not None:
            self.form.setVisible(on)
        self.recolour()

    def _renamed(self, name: str) -> None:
        self.name = name

    def refresh(self) -> None:
        self._say()
        if self.form is not None:
            self.form.refresh()

    def _say(self) -> None:
        parameter = self._document.flow.parameters.get(self.name)
        if parameter is not None:
            self.head.setText(f"{self.name} · {_(dict(TYPE_WORDS)[parameter.type])}")
            self.remove.setAccessibleName(_("Remove the parameter “{name}”").format(name=self.name))

    def recolour(self) -> None:
        """Icons have the colours of the moment they were made."""
        self.remove.setIcon(icon("x", "muted"))
        self.head.setIcon(icon("chevron-down" if self.head.isChecked() else "chevron-right", "muted"))


class ParameterForm(Parts):
    """The fields of one parameter."""

    renamed = Signal(str)

    def __init__(self, document: Document, context: FormContext, name: str) -> None:
        super().__init__(document, context)
        self.of = name
        self.box.setContentsMargins(4, 2, 4, 6)
        self.box.setSpacing(10)
        help = _("Used as {formula} in formulas and {text} in texts.").format(formula=f"${name}", text=f"{{{{ {name} }}}}")
        self.name(FormField("name", N_("Name"), help, required=True), lambda: self.of, self._rename)
        self._text("title", N_("Title"))
        words = FormField("type", N_("Type"), widget="choice", default="text", choices=get_args(ParameterType), words=TYPE_WORDS)
        self.field(words, lambda: self._parameter.type, self._retype)
        self._type = self._parameter.type
        self._default_at = self.box.count()
        self._add_default()
        self.field(
            FormField("required", N_("Must be given"), widget="boolean", default=False),
            lambda: self._parameter.required,
            lambda value: self._set(required=plain(value, False)),
        )
        self._choices = self.field(
            FormField("choices", N_("Choices"), widget="list", item=FormField("choice", N_("Choice")), default=[]),
            lambda: list(self._parameter.choices),
            lambda value: self._rechoose(plain(value, [])),
        )
        self._least = self._bound("minimum", N_("Least"))
        self._most = self._bound("maximum", N_("Most"))
        self._text("unit", N_("Unit"))
        self._text("help", N_("Explanation"))
        self._fit()

    @property
    def _parameter(self) -> Parameter:
        """The one that is edited; a form on its way out shows an empty one."""
        return self.flow.parameters.get(self.of) or Parameter(self.of)

    def refresh(self) -> None:
        if self.of not in self.flow.parameters:
            return
        if self._parameter.type != self._type:
            self._type = self._parameter.type
            self.drop("default")
            self._add_default()
        super().refresh()
        self._fit()

    def _fit(self) -> None:
        """Show what the type has."""
        self._choices.holder.setVisible(self._type == "choice" or bool(self._parameter.choices))
        for part in (self._least, self._most):
            part.holder.setVisible(self._type in NUMBERS)

    def _text(self, name: str, title: str) -> None:
        self.field(
            FormField(name, title), lambda: getattr(self._parameter, name), lambda value: self._set(**{name: plain(value)})
        )

    def _bound(self, name: str, title: str) -> Part:
        asked = FormField(name, title, widget="number")
        return self.field(asked, lambda: getattr(self._parameter, name), lambda value: self._set(**{name: plain(value)}))

    def _add_default(self) -> None:
        asked = replace(parameter_field(replace(self._parameter, choices=(), unit=None)), name="default", required=False)
        asked = replace(asked, title=N_("Default"), help="", default=None)
        if self._type == "boolean":
            words = (("True", N_("Yes")), ("False", N_("No")))
            asked = replace(asked, widget="choice", choices=(True, False), words=words)
        elif self._type == "choice":
            asked = replace(asked, widget="text")
        self.field(asked, lambda: self._parameter.default, self._redefault, self._default_at)

    # -- what is changed -----------------------------------------------------------------------------------------------
    def _set(self, **changes: Any) -> Command | Message:
        parameter = replace(self._parameter, **changes)
        return misfit(parameter) or SetParameter(parameter)

    def _redefault(self, value: Any) -> Command | Message:
        if value is UNSET or value == "":
            return self._set(default=None)
        return self._set(default=_choice(self._parameter, value))

    def _rechoose(self, values: list[Any]) -> Command | Message:
        choices = tuple(_number_or_text(value) for value in values if value != "")
        kept = replace(self._parameter, choices=choices)
        # A default that is no choice any more goes with it.
        return SetParameter(kept if misfit(kept) is None else replace(kept, default=None))

    def _retype(self, value: Any) -> Command | Message:
        """Another type; what does not fit it goes: a number kept for a text is no number."""
        wanted = replace(self._parameter, type=plain(value, "text"))
        if wanted.type not in NUMBERS:
            wanted = replace(wanted, minimum=None, maximum=None)
        if wanted.type != "choice":
            wanted = replace(wanted, choices=())
        return SetParameter(wanted if misfit(wanted) is None else replace(wanted, default=None))

    def _rename(self, value: Any) -> Command | Message:
        return rename(self.flow, self.of, str(value).strip())

    def _edited(self, part: Part, value: Any) -> None:
        # The block must know its new name before the flow says that the old one is gone.
        before, wanted = self.of, str(value).strip() if value is not UNSET else ""
        if part is self.parts["name"] and self._refusal(part, value) is None and wanted != before:
            command = rename(self.flow, before, wanted)
            part.tell(None)
            self.of = wanted
            self.renamed.emit(wanted)
            self.document.do(command)
            return
        super()._edited(part, value)


def rename(flow: Flow, old: str, new: str) -> Command:
    """Gives a parameter another name; `$old` in formulas and `{{ old }}` in texts of the nodes follow."""
    commands: list[Command] = [SetParameter(replace(flow.parameters[old], name=new), was=old)]
    for node in flow.nodes.values():
        values = {name: _following(value, old, new) for name, value in node.config.items()}
        changed = {name: value for name, value in values.items() if value != node.config[name]}
        if changed:
            commands.append(SetConfig(node.id, changed))
    return Several(tuple(commands), msg("Renaming of “{old}” to “{new}”", old=old, new=new))


def _following(value: Any, old: str, new: str) -> Any:
    if isinstance(value, str):
        value = re.sub(rf"\${re.escape(old)}(?![A-Za-z0-9_])", f"${new}", value)
        return re.sub(r"\{\{.*?\}\}", lambda match: _in_braces(match[0], old, new), value, flags=re.DOTALL)
    if isinstance(value, Mapping):
        return {key: _following(item, old, new) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_following(item, old, new) for item in value]
    return value


def _in_braces(text: str, old: str, new: str) -> str:
    # What stands behind a dot is a name inside another value, and what stands in quotes is a text.
    return re.sub(rf"""("[^"]*"|'[^']*')|(?<![\w.]){re.escape(old)}(?!\w)""", lambda match: match[1] or new, text)


def new_parameter(flow: Flow) -> Parameter:
    """The next parameter, under a name that is free."""
    name, number = "parameter", 2
    while name in flow.parameters:
        name, number = f"parameter_{number}", number + 1
    return Parameter(name)


def removal(name: str) -> Command:
    return RemoveParameter(name)


def misfit(parameter: Parameter) -> Message | None:
    """Why a parameter cannot be: its default is of another type, no choice, or outside its bounds."""
    for name in ("minimum", "maximum"):
        bound = getattr(parameter, name)
        if bound is not None and (not isinstance(bound, int | float) or not math.isfinite(bound)):
            return msg("“{value}” is not a number.", value=str(bound))
    value = parameter.default
    if value is None:
        return None
    if not _is_typed(parameter.type, value):
        kind = msg(dict(TYPE_WORDS)[parameter.type])
        return msg("“{value}” does not fit the type “{type}”.", value=str(value), type=kind)
    if parameter.choices and value not in parameter.choices:
        choices = [str(choice) for choice in parameter.choices]
        return msg("“{value}” is not one of the choices: {choices}.", value=str(value), choices=choices)
    if parameter.type in NUMBERS:
        if parameter.minimum is not None and value < parameter.minimum:
            return msg("“{value}” is too small: the least is {least}.", value=value, least=parameter.minimum)
        if parameter.maximum is not None and value > parameter.maximum:
            return msg("“{value}” is too large: the most is {most}.", value=value, most=parameter.maximum)
    return None


def _is_typed(type: ParameterType, value: Any) -> bool:
    if type == "boolean":
        return isinstance(value, bool)
    if type == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if type == "number":
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if type in ("date", "timestamp"):
        try:
            (date if type == "date" else datetime).fromisoformat(str(value))
        except ValueError:
            return False
        return True
    return type == "choice" or isinstance(value, str)


def _choice(parameter: Parameter, value: Any) -> Any:
    """What is typed as the default, as the choice that it means: the number 5, not the text."""
    if parameter.type != "choice":
        return value
    return next((choice for choice in parameter.choices if str(choice) == str(value)), value)


def _number_or_text(value: Any) -> Any:
    """A choice that is written exactly as a number is one; `01` is a text."""
    for kind in (int, float):
        try:
            if isinstance(value, str) and str(kind(value)) == value and math.isfinite(kind(value)):
                return kind(value)
        except ValueError:
            continue
    return value


def begin(block: ParameterBlock) -> None:
    """Open a block that was just made, ready to give it its name."""
    block.head.setChecked(True)
    assert block.form is not None
    editor = block.form.parts["name"].editor
    assert isinstance(editor, NameEditor)
    editor.line.setFocus(Qt.FocusReason.OtherFocusReason)
    editor.line.selectAll()
