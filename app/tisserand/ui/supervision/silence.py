"""The question for how long, and of what, nothing shall be told."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QFormLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from tisserand.texts import N_
from tisserand.texts import translate as _
from tisserand.ui.supervision import words

HOUR = 3600.0
SPANS: tuple[tuple[str, float], ...] = (
    (N_("for one hour"), HOUR),
    (N_("for eight hours"), 8 * HOUR),
    (N_("until tomorrow morning"), 0.0),
    (N_("for a week"), 7 * 24 * HOUR),
)
MORNING = 8
"""The hour at which tomorrow begins."""


def end_of(span: float, now: float) -> float:
    """When a silence is over."""
    if span:
        return now + span
    tomorrow = datetime.fromtimestamp(now) + timedelta(days=1)
    return tomorrow.replace(hour=MORNING, minute=0, second=0, microsecond=0).timestamp()


def ask_silence(
    parent: QWidget, about: str, flow: str, rule: str, word: str, then: Callable[[float, str | None, str | None, str], object]
) -> QDialog:
    """Ask; `then(until, flow, rule, why)`. Does not block."""
    dialog = QDialog(parent)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setObjectName("silence")
    dialog.setWindowTitle(_("Silence"))
    dialog.setMinimumWidth(440)
    heading = QLabel(_("Alerts are kept and shown, but not told. What lasts longer is told afterwards."))
    heading.setProperty("role", "muted")
    heading.setWordWrap(True)
    span, what, why = QComboBox(), QComboBox(), QLineEdit()
    now = time.time()
    for name, seconds in SPANS:
        until = end_of(seconds, now)
        span.addItem(f"{_(name)} ({words.when(until)})", until)
    if flow:
        what.addItem(_("“{rule}” of {flow}").format(rule=word, flow=about), (flow, rule))
        what.addItem(_("everything of {flow}").format(flow=about), (flow, None))
    what.addItem(_("“{rule}” of all flows").format(rule=word), (None, rule))
    form = QFormLayout()
    form.setSpacing(10)
    for label, field in ((_("How long"), span), (_("Of what"), what), (_("Why"), why)):
        field.setAccessibleName(label)
        form.addRow(label, field)
    why.setPlaceholderText(_("A remark, where you like"))
    buttons = QDialogButtonBox()
    buttons.addButton(_("Silence"), QDialogButtonBox.ButtonRole.AcceptRole).setDefault(True)
    buttons.addButton(_("Not now"), QDialogButtonBox.ButtonRole.RejectRole)
    buttons.accepted.connect(dialog.accept)
    buttons.rejected.connect(dialog.reject)

    def done() -> None:
        about_flow, about_rule = what.currentData()
        then(span.currentData(), about_flow, about_rule, why.text().strip())

    dialog.accepted.connect(done)
    box = QVBoxLayout(dialog)
    box.setContentsMargins(24, 20, 24, 18)
    box.setSpacing(14)
    box.addWidget(heading)
    box.addLayout(form)
    box.addWidget(buttons)
    span.setFocus()
    dialog.open()
    return dialog
