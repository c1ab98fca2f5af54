"""How one node runs: its id, retries, what happens on errors, time, a pinned file, and what it waits for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from tisserand.model import units
from tisserand.model.command import Command
from tisserand.model.edit_nodes import RenameNode, SetNode
from tisserand.model.flow import Node, Retry
from tisserand.sdk.form import FormField
from tisserand.texts import N_, Message, msg
from tisserand.texts import translate as _
from tisserand.ui.document import Document
from tisserand.ui.icons import icon
from tisserand.ui.panels.editors import UNSET, FormContext
from tisserand.ui.panels.orders import Around, OrdersEditor
from tisserand.ui.panels.parts import Part, Parts, plain
from tisserand.ui.theme import theme

ON_ERROR = (
    ("stop", N_("Stop the run")),
    ("continue", N_("Go on without it")),
    ("route", N_("Go on, errors to the rejects port")),
)
NAMES = ("id", "retry", "on_error", "timeout", "disabled", "pinned", "after")
"""What of a node is set here."""


class NodeSettings(QWidget):
    """A line that opens, and the form below it, made when it is first opened."""

    opened = Signal(bool)
    renamed = Signal()
    """The node got another id, and the keyboard was in that field."""

    def __init__(self, document: Document, context: FormContext, node: str, on: bool) -> None:
        super().__init__()
        self.setObjectName("how")
        self._document = document
        self._context = context
        self.node = node
        self.form: HowForm | None = None
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(10)
        self.head = QPushButton()
        self.head.setProperty("quiet", True)
        self.head.setCheckable(True)
        self.head.toggled.connect(self._toggle)
        box.addWidget(self.head, 0, Qt.AlignmentFlag.AlignLeft)
        self.head.setChecked(on)
        self.refresh()
        self._recolour()
        theme().changed.connect(self._recolour)

    def _toggle(self, on: bool) -> None:
        if on and self.form is None:
            self.form = HowForm(self._document, self._context, self.node)
            self.form.renamed.connect(self.renamed)
            layout = self.layout()
            assert layout is not None
            layout.addWidget(self.form)
        if self.form is not None:
            self.form.setVisible(on)
        self._recolour()
        self.opened.emit(on)

    def _recolour(self) -> None:
        self.head.setIcon(icon("chevron-down" if self.head.isChecked() else "chevron-right", "accent"))

    def refresh(self) -> None:
        """Follow the flow."""
        node = self._document.flow.nodes.get(self.node)
        if node is None:
            return
        said = _count(node)
        self.head.setText(_("How it runs") + (f" ({said})" if said else ""))
        if self.form is not None:
            self.form.refresh()

    def focus(self, name: str) -> bool:
        """Go to a field, where it is one of these."""
        if name not in NAMES:
            return False
        self.head.setChecked(True)
        assert self.form is not None
        part = self.form.parts.get("attempts" if name == "retry" else name)
        if part is None:
            return False
        (part.editor.focusProxy() or part.editor).setFocus(Qt.FocusReason.ShortcutFocusReason)
        return True


def _count(node: Node) -> int:
    """How much is said about a node beside its settings."""
    return sum(bool(each) for each in (node.retry, node.on_error, node.timeout, node.disabled, node.pinned, node.after))


class HowForm(Parts):
    """The fields of one node."""

    renamed = Signal()

    def __init__(self, document: Document, context: FormContext, node: str) -> None:
        super().__init__(document, context)
        self.of = node
        self.box.setSpacing(12)
        help = N_("Its name in the flow file. Wires and everything else that names it follow.")
        self.name(FormField("id", N_("Id"), help, required=True), lambda: self.of, self._rename)
        self._add_retry()
        on_error = FormField(
            "on_error",
            N_("When it fails"),
            "",
            "choice",
            default="stop",
            choices=tuple(key for key, _w in ON_ERROR),
            words=ON_ERROR,
        )
        self.field(on_error, lambda: self._node.on_error or UNSET, lambda value: self._set("on_error", plain(value)))
        timeout = FormField("timeout", N_("Longest duration"), N_("It is ended when it takes longer."), "duration-text")
        self.field(timeout, lambda: self._node.timeout, self._time)
        if self._gives_rows():
            pinned = FormField(
                "pinned", N_("Pinned file"), N_("A Parquet file whose rows are used instead of running the node."), "file"
            )
            self.field(pinned, lambda: self._node.pinned, self._pin)
        disabled = FormField("disabled", N_("Switched off"), "", "boolean", default=False)
        self.field(disabled, lambda: self._node.disabled, lambda value: self._set("disabled", plain(value, False)))
        if self.document.kinds.group(self._node.kind) != "start":
            asked = FormField("after", N_("Run after"), N_("It waits for the end of these nodes, without taking rows from them."))
            orders = OrdersEditor(asked, Around(lambda: self.flow, self.document.kinds, node))
            self._put(orders, lambda: dict(self._node.after), lambda value: self._set("after", plain(value, {})), once=True)
        self._fit()

    @property
    def _node(self) -> Node:
        """The one that is edited; a form on its way out shows an empty one."""
        return self.flow.nodes.get(self.of) or Node(self.of, "")

    def _gives_rows(self) -> bool:
        face = self.document.kinds.face(self._node, self.flow)
        return face.group != "start" and any(out.kind == "rows" for out in face.outputs)

    def refresh(self) -> None:
        if self.of in self.flow.nodes:
            super().refresh()
            self._fit()

    # -- retries -------------------------------------------------------------------------------------------------------
    def _add_retry(self) -> None:
        attempts = FormField("attempts", N_("Attempts"), N_("So often it is tried in all."), "integer", default=1)
        self.field(attempts, lambda: self._retry.attempts, self._try)
        wait = FormField("wait", N_("Wait before the next attempt"), "", "duration-text", default="10s")
        self._wait = self.field(wait, lambda: self._retry.wait, self._pause)
        factor = FormField("factor", N_("Each next wait so many times longer"), "", "number", default=2.0)
        self._factor = self.field(factor, lambda: self._retry.factor, self._grow)

    @property
    def _retry(self) -> Retry:
        return self._node.retry or Retry()

    def _fit(self) -> None:
        for part in (self._wait, self._factor):
            part.holder.setVisible(self._node.retry is not None)

    def _try(self, value: Any) -> Command | Message:
        wanted = plain(value, 1)
        if not isinstance(wanted, int) or isinstance(wanted, bool) or wanted < 1:
            return msg("“{value}” is not a whole number of at least 1.", value=str(wanted))
        return self._set("retry", replace(self._retry, attempts=wanted) if wanted > 1 else None)

    def _pause(self, value: Any) -> Command | Message:
        wanted = plain(value, "10s")
        return _unreadable(wanted) or self._set("retry", replace(self._retry, wait=wanted))

    def _grow(self, value: Any) -> Command | Message:
        wanted = plain(value, 2.0)
        if not isinstance(wanted, int | float) or isinstance(wanted, bool) or not 0 < wanted < math.inf:
            return msg("“{value}” is not a number above 0.", value=str(wanted))
        return self._set("retry", replace(self._retry, factor=wanted))

    # -- everything else -----------------------------------------------------------------------------------------------
    def _set(self, name: str, value: Any) -> Command:
        return SetNode(node=self.of, changes={name: dict(value) if isinstance(value, Mapping) else value})

    def _time(self, value: Any) -> Command | Message:
        wanted = plain(value) or None
        return (_unreadable(wanted) if wanted is not None else None) or self._set("timeout", wanted)

    def _pin(self, value: Any) -> Command | Message:
        wanted = plain(value) or None
        if wanted is not None and not wanted.endswith(".parquet"):
            return msg("A pinned file must be a Parquet file: “{path}” is not.", path=wanted)
        return self._set("pinned", wanted)

    def _rename(self, value: Any) -> Command | Message:
        return RenameNode(self.of, str(value).strip())

    def _edited(self, part: Part, value: Any) -> None:
        if part is not self.parts["id"] or self._refusal(part, value) is not None:
            super()._edited(part, value)
            return
        part.tell(None)
        focused = (part.editor.focusProxy() or part.editor).hasFocus()
        # Whoever shows the node goes with it to its new name, with a new form.
        if self.document.rename(self.of, str(value).strip()) and focused:
            self.renamed.emit()


def _unreadable(text: str) -> Message | None:
    """Why a text is no duration."""
    try:
        units.seconds(text)
    except units.UnitError as error:
        return error.message
    return None
