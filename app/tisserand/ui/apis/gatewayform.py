"""One gateway as a form that follows from the settings of its adapter: secrets are held back until it is saved, and never get into the
file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QPushButton, QVBoxLayout, QWidget
from shiboken6 import isValid

from tisserand.sdk.form import FormField
from tisserand.service.person import person
from tisserand.texts import N_
from tisserand.texts import translate as _
from tisserand.ui.apis.parts import quiet
from tisserand.ui.apis.words import sentences
from tisserand.ui.connectionform import ConnectionForm
from tisserand.ui.scrolling import scrolled

if TYPE_CHECKING:
    from tisserand.apis.gateways.adapter import Gateway
    from tisserand.model.problem import Problem
    from tisserand.service.protocol import Executor
    from tisserand.ui.supervision.ground import Ground

FIRST = "envoy"
"""The type that a new one has at first: it needs nothing else."""


def adapters() -> dict[str, type[Gateway]]:
    """Type → its adapter. They are loaded: to be called beside the window."""
    from tisserand.apis.gateways.kinds import ADAPTERS, adapter_class

    return {kind: found for kind in ADAPTERS if (found := adapter_class(kind)) is not None}


class GatewayForm(ConnectionForm):
    """Name, type, title, and the settings of the type."""

    NAMED = (N_("Pushes and APIs name it so."), N_("Pushes and APIs name it so: it stays as it is."))
    NAMELESS = N_("Give the gateway a name first.")

    def __init__(self, known: Mapping[str, type[Gateway]], workspace: Path) -> None:
        self._known = known
        self.title = ""
        super().__init__({kind: each.Settings for kind, each in known.items()}, workspace)

    def _title(self, type: str) -> str:
        return self._known[type].title

    def _secret_name(self, field: str) -> str:
        return f"gateway.{self.name}.{field}"

    def _renew(self, fitting: Sequence[str]) -> None:
        super()._renew(fitting)
        asked = FormField("@title", N_("Title"), N_("What people call it; empty: its name."))
        self._add("@title", asked, self.title, self._titled)
        # It stands below the name, before what the type asks for.
        holder = self.fields["@title"][1]
        self._box.removeWidget(holder)
        self._box.insertWidget(2, holder)

    def _titled(self, value: Any) -> None:
        self.title = value.strip() if isinstance(value, str) else ""
        self._touched("@title")

    def show_problems(self, problems: Sequence[Problem]) -> list[Problem]:
        """Their places are those of the file: `edge.settings.folder`."""
        inner = []
        for problem in problems:
            field = (problem.place.field or "").removeprefix(f"{self.name}.").removeprefix("settings.")
            field = {"type": "@type", "title": "@title", self.name: "@name"}.get(field, field)
            inner.append(replace(problem, place=replace(problem.place, field=field)))
        return super().show_problems(inner)


class GatewayDialog(QDialog):
    """Asks for a new gateway, or for other settings of one."""

    def __init__(
        self, parent: QWidget, ground: Ground, known: Mapping[str, type[Gateway]], name: str, data: Mapping[str, Any] | None,
        done: Callable[[str], object],
    ) -> None:  # fmt: skip
        """`data`: what the file says of it; None for a new one."""
        super().__init__(parent)
        assert ground.root is not None
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("gateway")
        self.ground, self._done = ground, done
        self._hash = str((data or {}).get("hash") or "")
        title = _("Gateway “{name}”").format(name=name) if data is not None else _("New gateway")
        self.setWindowTitle(title)
        window = ground.window_
        self.resize(min(600, window.width() - 40), min(640, window.height() - 40))
        heading = QLabel(title)
        heading.setProperty("role", "heading")
        about = quiet(_("It is written into gateways.yaml. What APIs declare gets there when somebody pushes."))
        self.form = GatewayForm(known, ground.root)
        area = scrolled()
        area.setWidget(self.form)
        self.area = area
        self.wrong = QLabel()
        self.wrong.setProperty("role", "error")
        self.wrong.setWordWrap(True)
        self.wrong.hide()
        buttons = QDialogButtonBox()
        self.yes = QPushButton(_("Save"))
        buttons.addButton(self.yes, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton(_("Cancel"), QDialogButtonBox.ButtonRole.RejectRole)
        buttons.accepted.connect(self.save)
        buttons.rejected.connect(self.reject)
        box = QVBoxLayout(self)
        box.setContentsMargins(24, 20, 24, 18)
        box.setSpacing(14)
        for widget in (heading, about):
            box.addWidget(widget)
        box.addWidget(area, 1)
        box.addWidget(self.wrong)
        box.addWidget(buttons)
        self.yes.setDefault(True)  # in the dialog by now: else the first button of a field would be
        kind = str(data["type"]) if data is not None else FIRST if FIRST in known else next(iter(known))
        self.form.title = str((data or {}).get("title") or "")
        self.form.show_entry(name, kind, (data or {}).get("settings") or {}, [*known], new=data is None)
        first = next((key for key in self.form.fields if self.form.fields[key][0].isEnabled()), None)
        if first is not None:
            self.form.focus(first)

    def save(self) -> None:
        """Have the executor check and write it; what is wrong stands under its field."""
        form = self.form
        if not form.name:
            form.tell_name(_(form.NAMELESS))
            form.focus("@name")
            return
        if not form.settle():
            return
        name, secrets = form.name, dict(form.secrets)
        data = {"type": form.type, "title": form.title, "settings": form.values(), "hash": self._hash}
        self.yes.setEnabled(False)
        self._tell("")

        def done(_none: object) -> None:
            if isValid(self):
                self.accept()
            self._done(name)

        def refused(problems: Sequence[Problem]) -> None:
            if not isValid(self):
                self.ground.complain([*problems])
                return
            self.yes.setEnabled(True)
            rest = form.show_problems(problems)
            self._tell(sentences(rest) if rest else _("Something is wrong: it stands under the field."))
            first = next((key for key, (_editor, _holder, wrong) in form.fields.items() if wrong.text()), None)
            if first is not None:
                self.area.ensureWidgetVisible(form.fields[first][1])

        def work(executor: Executor) -> None:
            executor.gateways.save_entry(name, data, secrets, person())

        # The page outlives the dialog: what came of it is told in any case.
        self.ground.ask(self.ground, work, done, refused)

    def _tell(self, text: str) -> None:
        self.wrong.setText(text)
        self.wrong.setVisible(bool(text))
