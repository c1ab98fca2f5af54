"""The form of the flow itself, shown while no node is selected: what it is called, its parameters, keys and limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from tisserand.model import units
from tisserand.model.command import Command
from tisserand.model.edit_marks import SetFlow, SetParameter
from tisserand.model.flow import Overlap, Priority
from tisserand.model.schema import Schema
from tisserand.sdk.config import Picks
from tisserand.sdk.form import FormField
from tisserand.texts import N_, Message, msg
from tisserand.texts import translate as _
from tisserand.ui.document import Document
from tisserand.ui.icons import icon
from tisserand.ui.naming import UNTITLED
from tisserand.ui.panels.editors import UNSET, FormContext, LineEditor
from tisserand.ui.panels.parameters import ParameterBlock, begin, new_parameter, removal
from tisserand.ui.panels.parts import Parts, plain
from tisserand.ui.theme import theme

Schemas = Callable[[], Mapping[str, Mapping[str, Schema]]]
OVERLAP_WORDS = (
    ("skip", N_("Leave the new one out")),
    ("queue", N_("Let the new one wait")),
    ("replace", N_("Stop the old one")),
)
PRIORITY_WORDS = (
    ("low", N_("Low")),
    ("normal", N_("Normal")),
    ("high", N_("High")),
)


class FlowForm(Parts):
    """Everything that a flow file says besides nodes and marks."""

    def __init__(self, document: Document, context: FormContext, schemas: Schemas) -> None:
        super().__init__(document, replace(context, columns=lambda _port: _places(schemas())))
        self.setObjectName("flowform")
        self.blocks: list[ParameterBlock] = []
        self._about()
        self._add_parameters()
        self._add_keys()
        self._add_limits()
        self.refresh()
        document.state_changed.connect(self._lock_id)
        document.opened.connect(self.renew)
        document.resumed.connect(self.renew)
        theme().changed.connect(self._recolour)

    # -- what is shown -------------------------------------------------------------------------------------------------
    def _about(self) -> None:
        self.heading(_("The flow"))
        told = QLabel(_("Select a card to see and change its settings."))
        told.setProperty("role", "muted")
        told.setWordWrap(True)
        self.box.addWidget(told)
        self._text("title", N_("Title"))
        self._id = self.name(
            FormField("id", N_("Id"), required=True), lambda: self.flow.id, lambda value: _set("id", str(value).strip())
        )
        self._why = QLabel(_("The id stays as it is once the flow is saved: its runs and other flows know it by that name."))
        self._why.setProperty("role", "help")
        self._why.setWordWrap(True)
        layout = self._id.holder.layout()
        assert isinstance(layout, QVBoxLayout)
        layout.addWidget(self._why)
        self._lock_id()
        self._text("summary", N_("Summary"))
        asked = FormField("owner", N_("Owner"))
        self.field(asked, lambda: self.flow.owner, lambda value: _set("owner", plain(value)))
        tags = FormField("tags", N_("Tags"), widget="list", item=FormField("tag", N_("Tag")), default=[])
        self.field(tags, lambda: list(self.flow.tags), lambda value: _set("tags", _words(value)))

    def _text(self, name: str, title: str) -> None:
        asked = FormField(name, title, default="")
        self.field(asked, lambda: getattr(self.flow, name), lambda value: _set(name, plain(value, "")))

    def _lock_id(self) -> None:
        """The id can be chosen until the flow is saved; one that was never chosen, later, too."""
        free = self.document.path is None or self.flow.id == UNTITLED
        line = self._id.editor
        assert isinstance(line, LineEditor)
        line.line.setReadOnly(not free)
        self._why.setVisible(not free)
        line.line.setAccessibleDescription("" if free else self._why.text())

    def _add_parameters(self) -> None:
        self.heading(_("Parameters"))
        told = QLabel(_("Values that are asked for when the flow starts."))
        told.setProperty("role", "help")
        told.setWordWrap(True)
        self.box.addWidget(told)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(6)
        self.box.addLayout(self._rows)
        self.add = QPushButton(_("Add a parameter"))
        self.add.setProperty("quiet", True)
        self.add.clicked.connect(self._add)
        self.box.addWidget(self.add, 0, Qt.AlignmentFlag.AlignLeft)
        self._recolour()

    def _recolour(self) -> None:
        self.add.setIcon(icon("plus", "accent"))
        for block in self.blocks:
            block.recolour()

    def _add_keys(self) -> None:
        self.heading(_("Business keys"))
        column = FormField("place", N_("Column"), picks=Picks("column"))
        asked = FormField(
            "keys",
            N_("Name and column"),
            N_("A name for a column of a node, for example `late.flight`: runs can be found by its values."),
            "map",
            key=FormField("name", N_("Name")),
            item=column,
            default={},
        )
        self.field(asked, lambda: dict(self.flow.keys), lambda value: _keys(plain(value, {})))

    def _add_limits(self) -> None:
        self.heading(_("Limits"))
        memory = FormField("memory", N_("Memory"), N_("Runs that need more are ended."), "size-text")
        self.field(memory, lambda: self.flow.limits.memory, lambda value: self._limit("memory", value, units.size))
        timeout = FormField("timeout", N_("Longest duration"), N_("Runs that take longer are ended."), "duration-text")
        self.field(timeout, lambda: self.flow.limits.timeout, lambda value: self._limit("timeout", value, units.seconds))
        help = N_(
            "What happens to a run that begins while another one is under way. Where nothing is said, they run side by side."
        )
        overlap = FormField("overlap", N_("Overlapping runs"), help, "choice", choices=get_args(Overlap), words=OVERLAP_WORDS)
        self.field(overlap, lambda: self.flow.limits.overlap, lambda value: self._limit("overlap", value, None))
        help = N_("Of the runs that wait for their turn, those of a higher priority begin first. Normal where nothing is said.")
        priority = FormField("priority", N_("Priority"), help, "choice", choices=get_args(Priority), words=PRIORITY_WORDS)
        self.field(priority, lambda: self.flow.limits.priority, lambda value: self._limit("priority", value, None))

    def refresh(self) -> None:
        super().refresh()
        names = list(self.flow.parameters)
        if [block.name for block in self.blocks] == names:
            for block in self.blocks:
                block.refresh()
            return
        opened = {block.name for block in self.blocks if block.head.isChecked()}
        for block in self.blocks:
            self._rows.removeWidget(block)
            block.setParent(None)
            block.deleteLater()
        self.blocks = []
        for name in names:
            block = ParameterBlock(self.document, self.context, name)
            block.removed.connect(lambda name: self.document.do(removal(name)))
            self._rows.addWidget(block)
            block.show()  # now, not with the next event: the keyboard shall go there at once
            self.blocks.append(block)
            block.head.setChecked(name in opened)

    def renew(self) -> None:
        """Another flow is shown: what was typed and not taken is of no interest any more."""
        for part in self.parts.values():
            self._show(part, part.read())
            part.tell(None)
        self.refresh()
        self._lock_id()

    def focus(self, path: str) -> QWidget:
        """Go to a field, by the path that a problem names; without one to the title. Gives what has the keyboard now."""
        first, *rest = path.split(".")
        last = rest[-1] if rest else ""
        block = next((block for block in self.blocks if block.name == last), None) if first == "parameters" else None
        if block is not None:
            block.head.setChecked(True)
        form: Parts = block.form if block is not None and block.form is not None else self
        name = "default" if form is not self else last if first == "limits" else first
        editor = form.parts.get(name, form.parts.get("title", self.parts["title"])).editor
        target = editor.focusProxy() or editor
        target.setFocus(Qt.FocusReason.ShortcutFocusReason)
        return target

    # -- what is changed -----------------------------------------------------------------------------------------------
    def _limit(self, name: str, value: Any, read: Callable[[str], object] | None) -> Command | Message:
        text = plain(value) or None
        if text is not None and read is not None:
            try:
                read(text)
            except units.UnitError as error:
                return error.message
        return _set("limits", replace(self.flow.limits, **{name: text}))

    def _add(self) -> None:
        made = new_parameter(self.flow)
        if self.document.do(SetParameter(made)):
            begin(next(block for block in self.blocks if block.name == made.name))


def _set(name: str, value: Any) -> Command:
    return SetFlow({name: value})


def _words(value: Any) -> list[str]:
    return [text for text in (value if value is not UNSET else ()) if text]


def _keys(wanted: Mapping[str, Any]) -> Command | Message:
    for name, place in wanted.items():
        node, dot, column = str(place).partition(".")
        if not node or not dot or not column:
            return msg("The business key “{name}” does not name a node and a column.", name=name)
    return _set("keys", {name: str(place) for name, place in wanted.items()})


def _places(schemas: Mapping[str, Mapping[str, Schema]]) -> Sequence[tuple[str, str]]:
    """Every column of every node that is known, as keys name it."""
    found: dict[str, str] = {}
    for node, ports in schemas.items():
        for schema in ports.values():
            for column in schema:
                found.setdefault(f"{node}.{column.name}", column.type)
    return list(found.items())
