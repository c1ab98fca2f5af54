"""Which runs are listed: a text, a flow, states, what started them, and when."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QLineEdit, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from tisserand.texts import N_
from tisserand.texts import translate as _
from tisserand.ui.icons import icon
from tisserand.ui.supervision import words
from tisserand.ui.supervision.buttons import searching
from tisserand.ui.theme import theme

if TYPE_CHECKING:
    from tisserand.service.figures.calls import Asked
    from tisserand.ui.supervision.ground import Ground

TYPED = 300
"""Milliseconds of quiet after which a typed text counts."""
SPANS: tuple[tuple[str, float | None], ...] = (
    (N_("Any time"), None),
    (N_("Last hour"), 3600),
    (N_("Last 24 hours"), 86_400),
    (N_("Last 7 days"), 7 * 86_400),
    (N_("Last 30 days"), 30 * 86_400),
)
BETWEEN = "range"
"""The stretch of time that is given by its begin and its end."""
FORMATS = ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d")


class Filters(QWidget):
    """Two lines over the list."""

    changed = Signal()

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.ground = ground
        self.search = searching(_("Search the runs"), _("Run, flow, file, person or error"))
        self.flow = self._choice(_("Flow"))
        self.flow.addItem(_("All flows"), None)
        self.trigger = self._choice(_("What started them"))
        self.trigger.addItem(_("However started"), None)
        for name, word in words.TRIGGERS.items():
            self.trigger.addItem(_(word), name)
        self.span = self._choice(_("When"))
        for word, seconds in SPANS:
            self.span.addItem(_(word), seconds)
        self.span.addItem(_("From … to …"), BETWEEN)
        self.begin, self.end = self._moment(_("From"), _("From, as 2026-11-24 06:00")), self._moment(_("To"), _("Until"))
        self.chips: dict[str, QToolButton] = {}
        upper, lower = QHBoxLayout(), QHBoxLayout()
        upper.setSpacing(8)
        lower.setSpacing(4)
        upper.addWidget(self.search, 3)
        for choice in (self.flow, self.trigger, self.span):
            upper.addWidget(choice, 2)
        for state in words.STATES:
            chip = self.chips[state] = QToolButton()
            chip.setText(words.face(state)[2])
            chip.setCheckable(True)
            chip.setProperty("chip", True)
            chip.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            chip.setIconSize(QSize(16, 16))
            chip.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            chip.toggled.connect(lambda _on: self.changed.emit())
            lower.addWidget(chip)
        lower.addStretch(1)
        self.count = QLabel()
        self.count.setProperty("role", "muted")
        lower.addWidget(self.count)
        self._range = QWidget()
        between = QHBoxLayout(self._range)
        between.setContentsMargins(0, 0, 0, 0)
        between.addWidget(self.begin)
        between.addWidget(QLabel("–"))
        between.addWidget(self.end)
        between.addStretch(1)
        self._range.hide()
        box = QVBoxLayout(self)
        box.setContentsMargins(10, 12, 10, 8)
        box.setSpacing(8)
        box.addLayout(upper)
        box.addWidget(self._range)
        box.addLayout(lower)
        self._typed = QTimer(self)
        self._typed.setSingleShot(True)
        self._typed.setInterval(TYPED)
        self._typed.timeout.connect(self.changed)
        for line in (self.search, self.begin, self.end):
            line.textChanged.connect(lambda _text: self._typed.start())
            line.returnPressed.connect(self._at_once)
        for choice in (self.flow, self.trigger):
            choice.activated.connect(lambda _index: self.changed.emit())
        self.span.activated.connect(lambda _index: self._spanned())
        ground.titled.connect(self._name_flows)
        theme().changed.connect(self._recolour)
        self._recolour()

    def _choice(self, name: str) -> QComboBox:
        choice = QComboBox()
        choice.setAccessibleName(name)
        choice.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        choice.setMinimumWidth(96)
        return choice

    def _moment(self, name: str, example: str) -> QLineEdit:
        line = QLineEdit()
        line.setAccessibleName(name)
        line.setPlaceholderText(example)
        line.setFixedWidth(220)
        return line

    def _recolour(self) -> None:
        for state, chip in self.chips.items():
            sign, token, _word = words.face(state)
            chip.setIcon(icon(sign, token))

    def _at_once(self) -> None:
        self._typed.stop()
        self.changed.emit()

    def _spanned(self) -> None:
        self._range.setVisible(self.span.currentData() == BETWEEN)
        self.changed.emit()

    def _name_flows(self) -> None:
        chosen = self.flow.currentData()
        self.flow.blockSignals(True)
        while self.flow.count() > 1:
            self.flow.removeItem(1)
        for flow in sorted(self.ground.flows, key=lambda id: self.ground.title(id).casefold()):
            self.flow.addItem(self.ground.title(flow), flow)
        if chosen is not None and self.flow.findData(chosen) < 0:
            self.flow.addItem(chosen, chosen)
        self.flow.setCurrentIndex(max(0, self.flow.findData(chosen)))
        self.flow.blockSignals(False)

    # -- what is asked -------------------------------------------------------------------------------------------------
    def asked(self) -> Asked:
        """The filter as the executor has it; a moment that cannot be read is marked, and does not count."""
        from tisserand.service.figures.calls import Asked

        span = self.span.currentData()
        since: float | None = None
        until: float | None = None
        if span == BETWEEN:
            since, until = self._read(self.begin, end=False), self._read(self.end, end=True)
        elif span is not None:
            since = time.time() - float(span)
        return Asked(
            flow=self.flow.currentData(),
            states=tuple(state for state, chip in self.chips.items() if chip.isChecked()),
            trigger=self.trigger.currentData(),
            since=since,
            until=until,
            text=self.search.text().strip() or None,
        )

    def _read(self, line: QLineEdit, *, end: bool) -> float | None:
        text = line.text().strip()
        found: float | None = None
        for pattern in FORMATS:
            try:
                moment = datetime.strptime(text, pattern)
            except ValueError:
                continue
            # “Until the 24th” holds the whole day.
            found = (moment + timedelta(days=1) if end and pattern == FORMATS[-1] else moment).timestamp()
            break
        wrong = bool(text) and found is None
        if line.property("wrong") is not wrong:
            line.setProperty("wrong", wrong)
            line.style().unpolish(line)
            line.style().polish(line)
            line.setToolTip(_("A day, or a day and a time: 2026-11-24 06:00") if wrong else "")
        return found

    @property
    def active(self) -> bool:
        """Whether anything is filtered."""
        return (
            bool(self.search.text().strip())
            or any(chip.isChecked() for chip in self.chips.values())
            or any(choice.currentIndex() > 0 for choice in (self.flow, self.trigger, self.span))
        )

    def clear(self) -> None:
        """All runs again."""
        self.set_flow(None)

    def set_flow(self, flow: str | None) -> None:
        """The runs of one flow and nothing else to hold."""
        for widget in (self.search, self.begin, self.end, *self.chips.values()):
            widget.blockSignals(True)
        for line in (self.search, self.begin, self.end):
            line.clear()
        for chip in self.chips.values():
            chip.setChecked(False)
        for widget in (self.search, self.begin, self.end, *self.chips.values()):
            widget.blockSignals(False)
        for choice in (self.trigger, self.span):
            choice.setCurrentIndex(0)
        self._range.hide()
        if flow is not None and self.flow.findData(flow) < 0:
            self.flow.addItem(self.ground.title(flow), flow)
        self.flow.setCurrentIndex(max(0, self.flow.findData(flow)))
        self._typed.stop()
        self.changed.emit()
