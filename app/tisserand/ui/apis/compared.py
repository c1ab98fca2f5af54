"""Two versions of an API beside each other: what changed, what of it breaks callers, and whom it concerns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from tisserand.texts import ngettext
from tisserand.texts import translate as _
from tisserand.ui.apis.parts import quiet
from tisserand.ui.apis.words import sentences
from tisserand.ui.canvas.state import number
from tisserand.ui.supervision.listed import Cell, Line, Listed, follow
from tisserand.ui.supervision.table import Column, Table

if TYPE_CHECKING:
    from tisserand.model.problem import Problem
    from tisserand.service.apis.calls import ApiPage, Impact
    from tisserand.ui.supervision.ground import Ground

MOST = 500
"""APIs among which the versions are looked for."""


class Compared(QWidget):
    """From an older version to the chosen one."""

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.ground = ground
        self.other = QComboBox()
        self.other.setAccessibleName(_("Compare with version"))
        self.told = quiet()
        columns = (Column(_("For callers"), 170), Column(_("Place in the document"), 180, 2), Column(_("What changed"), 180, 3))
        self.table = Table(columns, _("Changes"))
        self.model = Listed(columns)
        follow(self.table, self.model, lambda: None)
        row = QHBoxLayout()
        row.setContentsMargins(10, 8, 10, 6)
        row.setSpacing(10)
        row.addWidget(QLabel(_("Compare with version")))
        row.addWidget(self.other)
        row.addWidget(self.told, 1)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addLayout(row)
        box.addWidget(self.table, 1)
        self.other.activated.connect(lambda _at: self._look())
        self._id, self._version = "", ""
        self._others: list[str] | None = None

    def show_versions(self, id: str, version: str) -> None:
        """The other versions of an API."""

        def come(found: ApiPage) -> None:
            others = [each.version for each in found.apis if each.id == id and each.version != version]
            if (id, version) == (self._id, self._version) and others == self._others:
                return
            self._id, self._version, self._others = id, version, others
            kept = self.other.currentText()
            self.other.clear()
            self.other.addItems(others)
            self.other.setCurrentIndex(max(0, self.other.findText(kept)))
            self.other.setEnabled(bool(others))
            self.model.take([])
            self.told.setText("" if others else _("This is its only version."))
            if others:
                self._look()

        # The list of the page may be filtered: all versions are asked for.
        self.ground.ask(self, lambda executor: executor.apis.search(id, limit=MOST), come, once=f"versions {id} {version}")

    def _look(self) -> None:
        id, old, new = self._id, self.other.currentText(), self._version

        def done(found: Impact) -> None:
            if (id, old, new) != (self._id, self.other.currentText(), self._version):
                return
            breaking = sum(each.breaking for each in found.changes)
            text = ngettext("{count} change breaks callers.", "{count} changes break callers.", breaking).format(
                count=number(breaking)
            )
            if not found.changes:
                text = _("The two documents say the same.")
            if found.changes and found.consumers:
                text += " " + _("Consumers of version {version}: {names}.").format(version=old, names=", ".join(found.consumers))
            if found.changes and found.flows:
                text += " " + _("Flows: {names}.").format(names=", ".join(found.flows))
            self.told.setText(text)
            self.model.take(
                [
                    Line(
                        (at, each.where), each,
                        (
                            Cell(_("Breaks callers"), "triangle-alert", "failed") if each.breaking else Cell(_("Harmless"), "check", "done"),
                            Cell(each.where), Cell(each.problem.message.text()),
                        ),
                    )
                    for at, each in enumerate(found.changes)
                ]
            )  # fmt: skip

        def refused(problems: Sequence[Problem]) -> None:
            self.model.take([])
            self.told.setText(sentences(problems))

        self.ground.ask(
            self, lambda executor: executor.apis.changes(id, old, new), done, refused, once=f"changes {id} {old} {new}"
        )
