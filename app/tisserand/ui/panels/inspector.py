"""The inspector: the settings of the selected node as a form derived from its config class, errors beside their field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from tisserand.model.edit import SetConfig
from tisserand.model.flow import Node
from tisserand.model.problem import Problem
from tisserand.model.schema import Schema
from tisserand.sdk.form import FormField, effective, form_of, inside
from tisserand.texts import msg, ngettext
from tisserand.texts import translate as _
from tisserand.ui.document import Document
from tisserand.ui.panels.composite import make_editor, with_error
from tisserand.ui.panels.editors import UNSET, Editor, FormContext
from tisserand.ui.panels.flowform import FlowForm
from tisserand.ui.panels.inputs import LeavesUndo
from tisserand.ui.panels.nodesettings import NodeSettings
from tisserand.ui.panels.palette import tile_pixmap
from tisserand.ui.panels.problems import fix_text
from tisserand.ui.scrolling import scrolled
from tisserand.ui.theme import theme

FEW = 4
"""So many optional fields are shown at once; the others wait under “More settings”."""


class Inspector(QWidget):
    """One node's settings."""

    closed = Signal()

    def __init__(self, document: Document, context: FormContext) -> None:
        super().__init__()
        self._document = document
        self.context = context
        self.context.columns = self._columns
        self.context.secret_name = lambda field: f"{self.node}_{field}"
        self.context.keep_secret = self._keep_secret
        self.context.node = lambda: self.node
        self.context.seal = document.seal
        self.context.follows = True
        self.node: str | None = None
        self.schemas: Mapping[str, Mapping[str, Schema]] = {}
        self.problems: Sequence[Problem] = ()
        self._fields: dict[str, tuple[Editor, QWidget, QLabel]] = {}
        self._form: tuple[FormField, ...] = ()
        self._kind = ""
        self._general: QLabel | None = None
        """What is wrong with the node as a whole."""
        self._name: QLineEdit | None = None
        self._told_name: str | None = None
        """The node's name as the field told it or showed it last."""
        self.flow_form: FlowForm | None = None
        self.how: NodeSettings | None = None
        self._how_open = False
        """Whether “How it runs” stands open: what one looks at for one node, one looks at for the next."""
        self._more: QWidget | None = None
        self._more_button: QPushButton | None = None
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        self.area = scrolled(stop=True)
        self.area.setAccessibleName(_("Settings"))
        box.addWidget(self.area)
        self.show_node(None)
        theme().changed.connect(self._recolour)
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._seen)

    def _seen(self, _old: QWidget | None, now: QWidget | None) -> None:
        """The field with the keyboard comes into sight, also when Shift+Tab enters the form from below."""
        if now is not None and isValid(self) and self.area.isAncestorOf(now) and now is not self.area:
            self.area.ensureWidgetVisible(now, 0, 24)

    def _recolour(self) -> None:
        """Icons in the form have the colours of the moment it was made: make it anew, opened up as it was."""
        id, self.node = self.node, None
        if id is None:
            return
        more = self._more_button is not None and self._more_button.isChecked()
        focused = QApplication.focusWidget()
        typed_in = next(
            (name for name, (editor, *_rest) in self._fields.items() if focused and editor.isAncestorOf(focused)), None
        )
        turned = {name for name, (editor, *_rest) in self._fields.items() if editor.turned()}
        place = self.area.verticalScrollBar().value()
        self.show_node(id)
        if more and self._more_button is not None:
            self._more_button.setChecked(True)
        for name in turned & self._fields.keys():
            self._fields[name][0].turn()
        if typed_in in self._fields:
            self.focus_field(f"config.{typed_in}")
        self.area.verticalScrollBar().setValue(place)

    # -- what is shown -------------------------------------------------------------------------------------------------
    def show_node(self, id: str | None, others: int = 0) -> None:
        """Show a node; None, or several, show a sentence."""
        node = self._document.flow.nodes.get(id) if id is not None else None
        if node is not None and node.id == self.node and node.kind == self._kind and self._fields:
            self._refresh(node)
            return
        if node is None and others < 2 and self.flow_form is not None and self._document.source is None:
            self.flow_form.refresh()
            return
        if (id if node is not None else None) != self.node:
            self._document.seal()  # what goes on elsewhere on the canvas (moves by keys) may still be one step
        self.flow_form = self.how = None
        self._fields.clear()
        self._name = self._more = self._more_button = self._general = None
        self.node, self._kind = (node.id, node.kind) if node else (None, "")
        page = QWidget()
        page.setObjectName("page")
        box = QVBoxLayout(page)
        box.setContentsMargins(16, 14, 16, 16)
        box.setSpacing(14)
        if node is None:
            self._say(box, others)
        else:
            self._build(box, node)
        box.addStretch(1)
        old = self.area.takeWidget()
        self.area.setWidget(page)
        if old is not None:
            old.deleteLater()
        if node is not None:
            self._refresh(node)

    def _say(self, box: QVBoxLayout, others: int) -> None:
        if others < 2 and self._document.source is None:
            self.flow_form = FlowForm(self._document, self.context, lambda: self.schemas)
            box.addWidget(self.flow_form)
            return
        heading = QLabel(_("Settings"))
        heading.setProperty("role", "heading")
        box.addWidget(heading)
        if others > 1:
            text = ngettext("{count} node is selected.", "{count} nodes are selected.", others).format(count=others)
        else:
            text = _("Select a card to see and change its settings.")
        told = QLabel(text)
        told.setProperty("role", "muted")
        told.setWordWrap(True)
        box.addWidget(told)

    def _build(self, box: QVBoxLayout, node: Node) -> None:
        found = self._document.kinds.get(node.kind)
        face = self._document.kinds.face(node, self._document.flow)
        head = QHBoxLayout()
        head.setSpacing(10)
        tile = QLabel()
        tile.setPixmap(tile_pixmap(face.icon, face.group, 30, self.devicePixelRatioF()))
        head.addWidget(tile, 0, Qt.AlignmentFlag.AlignTop)
        names = QVBoxLayout()
        names.setSpacing(1)
        title = QLabel(_(found.title) if found else node.kind)
        title.setProperty("role", "heading")
        title.setWordWrap(True)
        names.addWidget(title)
        kind = QLabel(node.id)
        kind.setProperty("role", "muted")
        kind.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        names.addWidget(kind)
        head.addLayout(names, 1)
        box.addLayout(head)
        about = _(found.help).split("\n\n")[0].replace("\n", " ").replace("`", "") if found else ""
        if not found:
            about = _("This kind of node is not installed here. Its settings are kept as they are.")
        if about:
            told = QLabel(about)
            told.setProperty("role", "help")
            told.setWordWrap(True)
            told.setTextFormat(Qt.TextFormat.PlainText)
            box.addWidget(told)
        self._general = QLabel()
        self._general.setProperty("role", "error")
        self._general.setWordWrap(True)
        self._general.hide()
        box.addWidget(self._general)
        line = QFrame()
        line.setObjectName("line")
        line.setFixedHeight(1)
        box.addWidget(line)
        self._add_name(box, node, face.title)
        if found is not None:
            self._form = form_of(found.node.Config)
            self._add_fields(box, node)
        self.how = NodeSettings(self._document, self.context, node.id, self._how_open)
        self.how.opened.connect(self._keep_open)
        self.how.renamed.connect(lambda: self.focus_field("id"))
        box.addWidget(self.how)

    def _add_name(self, box: QVBoxLayout, node: Node, placeholder: str) -> None:
        column = QVBoxLayout()
        column.setSpacing(4)
        label = QLabel(_("Name on the canvas"))
        label.setProperty("role", "label")
        self._name = QLineEdit(node.title or "")
        self._name.setPlaceholderText(placeholder)
        self._name.setAccessibleName(_("Name on the canvas"))
        label.setBuddy(self._name)
        self._told_name = node.title
        LeavesUndo(self._name)
        self._name.textEdited.connect(self._titled)
        column.addWidget(label)
        column.addWidget(self._name)
        box.addLayout(column)

    def _add_fields(self, box: QVBoxLayout, node: Node) -> None:
        optional = [field for field in self._form if not field.required and field.name not in node.config]
        later = {field.name for field in optional[FEW:]} if len(optional) > FEW + 2 else set()
        rest = QVBoxLayout()
        rest.setContentsMargins(0, 0, 0, 0)
        rest.setSpacing(14)
        for field in self._form:
            target = rest if field.name in later else box
            editor = make_editor(field, self.context)
            holder, wrong = with_error(editor)
            editor.edited.connect(partial(self._edited, node.id, field.name))
            editor.edited_together.connect(partial(self._edited_together, node.id))
            self._fields[field.name] = (editor, holder, wrong)
            target.addWidget(holder)
        if later:
            self._more_button = QPushButton()
            self._more_button.setProperty("quiet", True)
            self._more_button.setCheckable(True)
            self._more_button.toggled.connect(self._toggle_more)
            box.addWidget(self._more_button, 0, Qt.AlignmentFlag.AlignLeft)
            self._more = QWidget()
            self._more.setLayout(rest)
            self._more.setProperty("count", len(later))
            box.addWidget(self._more)
            self._toggle_more(False)

    def _toggle_more(self, on: bool) -> None:
        assert self._more is not None and self._more_button is not None
        self._more.setVisible(on)
        count = self._more.property("count")
        text = _("Fewer settings") if on else _("More settings ({count})").format(count=count)
        self._more_button.setText(text)

    def _refresh(self, node: Node) -> None:
        """Follow the flow (undo, a check) without taking the field away from under the person's hands."""
        if self._name is not None and node.title != self._told_name:
            self._told_name = node.title
            self._name.setText(node.title or "")
        values = effective(self._form, node.config)
        for name, (editor, holder, _wrong) in self._fields.items():
            editor.show_value(node.config.get(name, UNSET))
            editor.look_around(values)
            holder.setVisible(editor.asked.shown(values))
        if self.how is not None:
            self.how.refresh()
        self._show_problems()

    def _keep_open(self, on: bool) -> None:
        self._how_open = on

    def show_check(self, problems: Sequence[Problem], schemas: Mapping[str, Mapping[str, Schema]]) -> None:
        """Take what a check found."""
        self.problems, self.schemas = problems, schemas
        self._show_problems()

    def _show_problems(self) -> None:
        by_field: dict[str, list[str]] = {}
        general: list[str] = []
        for problem in self.problems:
            if problem.place.node != self.node:
                continue
            text = f"{problem.message.text()} {fix_text(problem)}".rstrip()
            parts = (problem.place.field or "").split(".")
            if parts[0] == "config" and len(parts) > 1 and parts[1] in self._fields:
                where = inside(self._fields[parts[1]][0].asked, parts[2:])
                by_field.setdefault(parts[1], []).append(f"{where}: {text}" if where else text)
            elif self.node is not None:
                general.append(text)
        if self._general is not None:
            self._general.setText("\n".join(general))
            self._general.setVisible(bool(general))
        for name, (editor, _holder, wrong) in self._fields.items():
            lines = by_field.get(name, [])
            wrong.setText("\n".join(lines))
            wrong.setVisible(bool(lines))
            editor.set_wrong(bool(lines))

    def focus_name(self) -> None:
        """Go to the node's name."""
        if self._name is not None:
            self._name.setFocus(Qt.FocusReason.ShortcutFocusReason)
            self._name.selectAll()
        elif self.flow_form is not None:
            self.flow_form.focus("")

    def focus_field(self, path: str) -> None:
        """Go to a field, by the path that a problem names; without one to the first."""
        parts = path.split(".")
        if self.flow_form is not None:
            self.area.ensureWidgetVisible(self.flow_form.focus(path))
            return
        if self.how is not None and self.how.focus(parts[0]):
            self.area.ensureWidgetVisible(self.how)
            return
        name = parts[1] if len(parts) > 1 and parts[0] == "config" else next(iter(self._fields), "")
        found = self._fields.get(name)
        target: QWidget | None = self._name
        if found is not None:
            if self._more_button is not None and self._more is not None and self._more.isAncestorOf(found[0]):
                self._more_button.setChecked(True)
            target = found[0].focusProxy() or found[0]
            self.area.ensureWidgetVisible(found[1])
        if target is not None:
            target.setFocus(Qt.FocusReason.ShortcutFocusReason)

    # -- what is changed -----------------------------------------------------------------------------------------------
    def _edited(self, node: str, name: str, value: Any) -> None:
        """`node` is the one that the field was made for: an editor on its way out must not write into the next one."""
        if self.node is None or node != self.node:
            return
        self._document.set_config(self.node, name, value, unset=value is UNSET)

    def _edited_together(self, node: str, values: Mapping[str, Any]) -> None:
        """Several fields, as one step."""
        if self.node is None or node != self.node:
            return
        kept = {name: value for name, value in values.items() if value is not UNSET}
        self._document.do(SetConfig(node, kept, remove=tuple(name for name in values if name not in kept)))

    def _titled(self, text: str) -> None:
        if self.node is not None:
            self._told_name = text.strip() or None
            self._document.set_node(self.node, title=self._told_name)

    def _keep_secret(self, name: str, value: str) -> str:
        from tisserand.sdk.errors import NodeError
        from tisserand.workspace.folder import Workspace
        from tisserand.workspace.secrets import secret_store

        if self.context.workspace is None:
            return _("There is no workspace to keep secrets for.")
        try:
            secret_store(Workspace(self.context.workspace).id).set(name, value)
        except NodeError as error:
            return error.message.text()
        except OSError as error:
            return msg("The secret cannot be kept: {reason}.", reason=error.strerror or str(error)).text()
        return ""

    def _columns(self, port: str) -> list[tuple[str, str]]:
        """The columns that arrive at a port of the node (at all of its ports where that port does not exist)."""
        flow = self._document.flow
        node = flow.nodes.get(self.node or "")
        if node is None:
            return []
        wanted = node.inputs.get(port)
        refs = list(wanted) if wanted is not None else [ref for _port, ref in node.refs()]
        found: dict[str, str] = {}
        for ref in refs:
            ports = self.schemas.get(ref.node, {})
            source = flow.nodes.get(ref.node)
            name = ref.port or (self._document.kinds.default_output(source, flow) if source else "")
            for column in ports.get(name, ()):
                found.setdefault(column.name, column.type)
        return list(found.items())
