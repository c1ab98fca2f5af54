"""APIs that seem to offer the same, each pair with its evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from tisserand.texts import ngettext
from tisserand.texts import translate as _
from tisserand.ui.apis.parts import quiet
from tisserand.ui.apis.words import sentences
from tisserand.ui.canvas.state import number
from tisserand.ui.supervision.listed import Cell, Line, Listed, follow
from tisserand.ui.supervision.table import Column, Table

if TYPE_CHECKING:
    from tisserand.model.problem import Problem
    from tisserand.service.apis.calls import Redundant
    from tisserand.ui.supervision.ground import Ground


class AlikeTab(QWidget):
    """Of the whole catalogue; asked for when it is turned to."""

    wanted = Signal(str)
    """An API that shall be shown: `id@version`."""

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.ground = ground
        self.told = quiet()
        self.told.setContentsMargins(10, 8, 10, 6)
        columns = (
            Column(_("How alike"), 130, right=True),
            Column(_("API"), 150, 2),
            Column(_("and"), 150, 2),
            Column(_("Why"), 200, 4),
        )
        self.table = Table(columns, _("APIs that are alike"))
        self.model = Listed(columns)
        self.why = QLabel()
        self.why.setWordWrap(True)
        self.why.setContentsMargins(10, 8, 10, 8)
        follow(self.table, self.model, self._chosen)
        self.table.activated.connect(lambda _index: self._open())
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.told)
        box.addWidget(self.table, 1)
        box.addWidget(self.why)

    def look(self) -> None:
        """Ask anew: it compares every API with every other, so not every other second."""
        self.told.setText(_("Comparing the APIs with one another …"))
        self.ground.ask(self, lambda executor: executor.apis.redundancy(), self._take, self._refused, once="alike")

    def _take(self, found: Sequence[Redundant]) -> None:
        pairs = ngettext(
            "{count} pair of APIs seems to offer the same.", "{count} pairs of APIs seem to offer the same.", len(found)
        )
        self.told.setText(pairs.format(count=number(len(found))) if found else _("No two APIs seem to offer the same."))
        self.model.take(
            [
                Line(
                    (each.left, each.right), each,
                    (Cell(f"{each.score:.0%}"), Cell(each.left), Cell(each.right), Cell(" ".join(e.message.text() for e in each.evidence))),
                )
                for each in found
            ]
        )  # fmt: skip
        if found and not self.table.currentIndex().isValid():
            self.table.setCurrentIndex(self.model.index(0, 0))
        self._chosen()

    def _refused(self, problems: Sequence[Problem]) -> None:
        self.model.take([])
        self.told.setText(sentences(problems))

    def _chosen(self) -> None:
        found: Redundant | None = self.table.chosen()
        self.why.setText("\n".join(f"• {each.message.text()}" for each in found.evidence) if found is not None else "")
        self.why.setVisible(found is not None)

    def _open(self) -> None:
        found: Redundant | None = self.table.chosen()
        if found is not None:
            self.wanted.emit(found.right)
