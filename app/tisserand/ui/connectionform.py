"""One connection as a form that follows from its type: secrets are held back until it is saved, and then go to the keyring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from tisserand.model.problem import Problem
from tisserand.sdk.config import Config
from tisserand.sdk.form import FormField, effective, form_of
from tisserand.texts import N_
from tisserand.texts import translate as _
from tisserand.ui.panels.composite import make_editor, with_error
from tisserand.ui.panels.editors import UNSET, Editor, FormContext
from tisserand.ui.panels.secret import SecretEditor

Types = Mapping[str, type[Config]]


class ConnectionForm(QWidget):
    """Name, type, and the fields of the type. `edited` says that something differs from what was shown."""

    edited = Signal()
    NAMED = (N_("Flows name it so."), N_("Flows name it so: it stays as it is."))
    """What is said of the name of a new one, and of one that is known."""
    NAMELESS = N_("Give the connection a name first.")

    def __init__(self, types: Types, workspace: Path) -> None:
        super().__init__()
        self.setObjectName("page")
        self._types = types
        self._context = FormContext(workspace=workspace, secret_name=self._secret_name, keep_secret=self._hold)
        self.name = ""
        self.type = ""
        self.is_new = True
        self.draft: dict[str, Any] = {}
        self.secrets: dict[str, str] = {}
        """Secrets that wait for the form to be saved: name → value."""
        self.fields: dict[str, tuple[Editor, QWidget, QLabel]] = {}
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 8, 0)
        self._box.setSpacing(12)
        self._box.addStretch(1)

    def show_entry(self, name: str, type: str, fields: Mapping[str, Any], fitting: Sequence[str], *, new: bool) -> None:
        """Show a connection; a new one may still choose its name, and its type among the `fitting` ones."""
        self.name, self.type, self.is_new = name, type, new
        self.draft, self.secrets = dict(fields), {}
        self._renew(fitting)

    def _renew(self, fitting: Sequence[str]) -> None:
        for _editor, holder, _wrong in self.fields.values():
            self._box.removeWidget(holder)
            holder.setParent(None)
            holder.deleteLater()
        self.fields = {}
        help = self.NAMED[0 if self.is_new else 1]
        self._add("@name", FormField("@name", N_("Name"), help, required=True), self.name, self._named)
        words = tuple((each, self._title(each)) for each in fitting if each in self._types)
        kinds = tuple(each for each, _title in words)
        asked = FormField("@type", N_("Type"), "", "choice", True, choices=kinds, words=words)
        self._add("@type", asked, self.type, lambda value: self._retype(str(value), fitting))
        for name in ("@name", "@type"):
            self.fields[name][0].setEnabled(self.is_new)
        if self.type in self._types:
            for field in form_of(self._types[self.type]):
                self._add(field.name, field, self.draft.get(field.name, UNSET), lambda value, at=field.name: self._set(at, value))
        self._fit()

    def _title(self, type: str) -> str:
        """What people call a type: a gettext id."""
        return str(getattr(self._types[type], "title", type))

    def _add(self, key: str, asked: FormField, value: Any, take: Any) -> None:
        editor = make_editor(asked, self._context)
        holder, wrong = with_error(editor)
        editor.show_value(value)
        editor.edited.connect(take)
        self._box.insertWidget(self._box.count() - 1, holder)
        self.fields[key] = (editor, holder, wrong)

    def _fit(self) -> None:
        """Show what counts, given the values of the neighbours."""
        if self.type in self._types:
            form = form_of(self._types[self.type])
            values = effective(form, self.draft)
            for field in form:
                self.fields[field.name][1].setVisible(field.shown(values))

    def _named(self, value: Any) -> None:
        self.name = str(value).strip()
        self._touched("@name")

    def _retype(self, type: str, fitting: Sequence[str]) -> None:
        self.type, self.draft, self.secrets = type, {}, {}
        self._renew(fitting)
        editor = self.fields["@type"][0]
        (editor.focusProxy() or editor).setFocus(Qt.FocusReason.OtherFocusReason)
        self._touched("@type")

    def _set(self, name: str, value: Any) -> None:
        self.draft.pop(name, None)
        if value is not UNSET and not (value == "" and self._is_secret(name)):
            self.draft[name] = value
        self._fit()
        self._touched(name)

    def _is_secret(self, name: str) -> bool:
        return isinstance(self.fields[name][0], SecretEditor)

    def _touched(self, key: str) -> None:
        self._tell(key, [])
        self.edited.emit()

    # -- secrets -------------------------------------------------------------------------------------------------------
    def _secret_name(self, field: str) -> str:
        return f"{self.name}.{field}"

    def _hold(self, name: str, value: str) -> str:
        """Keep a secret until the connection is saved: the keyring is asked beside the window."""
        if not self.name:
            return _(self.NAMELESS)
        self.secrets[name] = value
        return ""

    def settle(self) -> bool:
        """Take over secrets that were typed and not kept yet; False where one cannot be."""
        for editor, _holder, _wrong in self.fields.values():
            if isinstance(editor, SecretEditor) and not editor.keep.isHidden():
                editor.keep.click()
                if not editor.keep.isHidden():
                    return False
        return True

    def values(self) -> dict[str, Any]:
        """What the file shall hold: the fields that count, in the order of the type."""
        form = form_of(self._types[self.type])
        values = effective(form, self.draft)
        return {field.name: self.draft[field.name] for field in form if field.name in self.draft and field.shown(values)}

    # -- what is wrong -------------------------------------------------------------------------------------------------
    def show_problems(self, problems: Sequence[Problem]) -> list[Problem]:
        """Say under its field what is wrong with it; gives those that belong to none."""
        by_field: dict[str, list[str]] = {}
        rest = []
        for problem in problems:
            key = (problem.place.field or "").split(".")[0]
            if key in self.fields:
                by_field.setdefault(key, []).append(problem.message.text())
            else:
                rest.append(problem)
        for key in self.fields:
            self._tell(key, by_field.get(key, []))
        return rest

    def tell_name(self, text: str) -> None:
        """Say what is wrong with the name."""
        self._tell("@name", [text] if text else [])

    def _tell(self, key: str, lines: Sequence[str]) -> None:
        editor, _holder, wrong = self.fields[key]
        wrong.setText("\n".join(lines))
        wrong.setVisible(bool(lines))
        editor.set_wrong(bool(lines))

    def focus(self, key: str) -> None:
        """Go to a field."""
        editor = self.fields[key][0]
        (editor.focusProxy() or editor).setFocus(Qt.FocusReason.OtherFocusReason)
