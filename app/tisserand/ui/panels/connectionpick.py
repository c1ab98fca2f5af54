"""The field that names a connection: those of the workspace that fit, and a way to make one."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QToolButton

from tisserand.sdk.form import FormField
from tisserand.texts import translate as _
from tisserand.ui.icons import icon
from tisserand.ui.panels.editors import FormContext, PickEditor


class ConnectionEditor(PickEditor):
    """A list of names with a button beside it."""

    def __init__(self, asked: FormField, context: FormContext) -> None:
        super().__init__(asked, context)
        self.new = QToolButton()
        self.new.setIcon(icon("plus", "muted"))
        self.new.setToolTip(_("New connection…"))
        self.new.setAccessibleName(_("New connection…"))
        self.new.clicked.connect(self._ask)
        # Where nobody can make one, nothing is offered.
        self.new.setVisible(context.new_connection is not None)
        row = self.layout()
        assert isinstance(row, QHBoxLayout)
        row.addWidget(self.new)

    def _ask(self) -> None:
        if self._context.new_connection is not None:
            self._context.new_connection(self.asked.connection_types, self.take)

    def take(self, name: str) -> None:
        """Name the connection that was just made."""
        self.combo.setEditText(name)
        self.combo.setFocus()
