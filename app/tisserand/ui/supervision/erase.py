"""The erasure of a value: first what it would touch, then a reason and the value typed once more, and only then it is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QFormLayout, QLabel, QLineEdit, QVBoxLayout

from tisserand.model.problem import Problem
from tisserand.service.person import person
from tisserand.texts import ngettext
from tisserand.texts import translate as _
from tisserand.ui.canvas.state import number
from tisserand.ui.supervision.filters import TYPED

if TYPE_CHECKING:
    from tisserand.service.keys.calls import Erasure
    from tisserand.ui.supervision.ground import Ground


class Erasing(QDialog):
    """Asks, and erases. It stays open, with a sentence, where that is refused."""

    def __init__(self, ground: Ground, names: Sequence[str], name: str, value: str) -> None:
        super().__init__(ground.window_)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.ground = ground
        self.setObjectName("erasing")
        self.setWindowTitle(_("Erase a value"))
        self.setMinimumWidth(500)
        heading = _label("heading", _("Erase a value for ever"))
        about = _label(
            "muted", _("It is taken out of everything that the executor keeps; figures stay. Nobody can bring it back.")
        )
        self.name, self.value = QComboBox(), QLineEdit(value)
        for each in names:
            self.name.addItem(each, each)
        self.name.setCurrentIndex(max(0, self.name.findData(name)))
        self.reason, self.again = QLineEdit(), QLineEdit()
        self.reason.setPlaceholderText(_("For the audit log, without the value itself"))
        form = QFormLayout()
        form.setSpacing(10)
        self.plan = _label("", "")
        self.plan.setMinimumHeight(68)
        self.wrong = _label("error", "")
        for label, field in ((_("Business key"), self.name), (_("Value"), self.value)):
            field.setAccessibleName(label)
            form.addRow(label, field)
        form.addRow("", self.plan)
        for label, line in ((_("Reason"), self.reason), (_("The value once more"), self.again)):
            line.setAccessibleName(label)
            form.addRow(label, line)
        buttons = QDialogButtonBox()
        self.do = buttons.addButton(_("Erase for ever"), QDialogButtonBox.ButtonRole.DestructiveRole)
        self.stay = buttons.addButton(_("Not now"), QDialogButtonBox.ButtonRole.RejectRole)
        # Enter in a field must not erase by itself.
        self.do.setAutoDefault(False)
        self.stay.setDefault(True)
        self.do.clicked.connect(self.erase)
        buttons.rejected.connect(self.reject)
        box = QVBoxLayout(self)
        box.setContentsMargins(24, 20, 24, 18)
        box.setSpacing(12)
        for widget in (heading, about):
            box.addWidget(widget)
        box.addLayout(form)
        box.addWidget(self.wrong)
        box.addWidget(buttons)
        self.wrong.hide()
        self._planned: Erasure | None = None
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(TYPED)
        self._later.timeout.connect(self._ask)
        self.name.activated.connect(lambda _index: self._changed())
        self.value.textChanged.connect(lambda _text: self._changed())
        for line in (self.reason, self.again):
            line.textChanged.connect(lambda _text: self._allow())
        self.reason.setFocus()
        self._changed()

    def asked(self) -> tuple[str, str]:
        """Key and value."""
        return str(self.name.currentData()), self.value.text().strip()

    def _changed(self) -> None:
        self._planned = None
        self.plan.setText(_("Looking …"))
        self._later.start()
        self._allow()

    def _ask(self) -> None:
        asked = self.asked()
        if not asked[1]:
            self.plan.setText("")
            return

        def come(plan: Erasure) -> None:
            if asked == self.asked():
                self._planned = plan
                self.plan.setText(told(plan))
                self._allow()

        self.ground.ask(self, lambda executor: executor.keys.erasure(*asked), come, self._refused)

    def _allow(self) -> None:
        plan, value = self._planned, self.asked()[1]
        ready = plan is not None and not plan.busy and bool(self.reason.text().strip())
        self.do.setEnabled(ready and bool(value) and self.again.text().strip() == value)

    def erase(self) -> None:
        """Do it, as it was planned."""
        asked, reason = self.asked(), self.reason.text().strip()
        self.do.setEnabled(False)
        self.wrong.hide()

        def come(_done: Erasure) -> None:
            self.ground.say(_("The value was erased."))
            self.accept()

        self.ground.ask(self, lambda executor: executor.keys.erase(*asked, by=person(), reason=reason), come, self._refused)

    def _refused(self, problems: list[Problem]) -> None:
        self.wrong.setText("\n".join(f"{p.message.text()} {p.fix.text() if p.fix else ''}".rstrip() for p in problems))
        self.wrong.show()
        self._allow()


def told(plan: Erasure) -> str:
    """What an erasure touches, line by line."""
    parts = [
        (len(plan.runs), ngettext("{count} run loses its kept data", "{count} runs lose their kept data", len(plan.runs))),
        (plan.entries, ngettext("{count} entry of the index goes", "{count} entries of the index go", plan.entries)),
        (plan.events, ngettext("{count} event of the inbox goes", "{count} events of the inbox go", plan.events)),
        (plan.texts, ngettext("{count} text has it blotted out", "{count} texts have it blotted out", plan.texts)),
        (
            plan.audited,
            ngettext("{count} entry of the audit log keeps it", "{count} entries of the audit log keep it", plan.audited),
        ),
    ]
    lines = [text.format(count=number(count)) for count, text in parts if count]
    if plan.busy:
        count = len(plan.busy)
        text = ngettext(
            "{count} run with it is under way: wait for its end.",
            "{count} runs with it are under way: wait for their end.",
            count,
        )
        lines.append(text.format(count=number(count)))
    return "\n".join(lines) or _("Nothing that is kept holds this value.")


def _label(role: str, text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", role)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label
