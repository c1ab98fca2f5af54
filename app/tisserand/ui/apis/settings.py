"""The settings of one version as a form: names, where it is found, what answers, proofs, policies, plans and gateways."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from tisserand.apis.model import Api
from tisserand.sdk.form import FormField, form_of
from tisserand.service.person import person
from tisserand.texts import N_
from tisserand.texts import translate as _
from tisserand.ui.apis.parts import Foot
from tisserand.ui.apis.words import sentences
from tisserand.ui.apis.written import Written
from tisserand.ui.panels.composite import make_editor, with_error
from tisserand.ui.panels.editors import UNSET, Editor, FormContext
from tisserand.ui.scrolling import scrolled

if TYPE_CHECKING:
    from tisserand.model.problem import Problem
    from tisserand.service.apis.calls import ApiDetail
    from tisserand.ui.supervision.ground import Ground

PARTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (N_("What it is"), ("name", "summary", "owner", "tags")),
    (N_("Answered by"), ("upstream",)),
    (N_("Where it is found"), ("route",)),
    (N_("Proof"), ("security",)),
    (N_("Policies"), ("policies",)),
    (N_("Terms"), ("plans", "gateways")),
)
"""Heading → fields of `Api`. Id and version stay; the stage goes its own way, and so does the document."""
WIDEST = 640


class SettingsTab(Written):
    """The form, made when it is first seen. What is being written is not taken away by a look."""

    def __init__(self, ground: Ground, kept: Callable[[], object]) -> None:
        super().__init__(ground)
        self._kept = kept
        self.draft: dict[str, Any] = {}
        self.fields: dict[str, tuple[Editor, QWidget, QLabel]] = {}
        self.area = scrolled()
        self.foot = Foot(_("Save the settings"), self.keep, self.take_back)
        self.save, self.undo, self.said = self.foot.save, self.foot.undo, self.foot.said
        self._keeping = self._was_dirty = False
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.area, 1)
        box.addWidget(self.foot)
        self._fit()

    def _make(self) -> None:
        page = QWidget()
        page.setObjectName("page")
        page.setMaximumWidth(WIDEST)
        inner = QVBoxLayout(page)
        inner.setContentsMargins(10, 12, 10, 14)
        inner.setSpacing(12)
        context = FormContext(workspace=self.ground.root, flows=lambda: tuple(sorted(self.ground.flows)))
        by_name = {field.name: field for field in form_of(Api)}
        for heading, names in PARTS:
            title = QLabel(_(heading))
            title.setProperty("role", "heading")
            inner.addSpacing(6)
            inner.addWidget(title)
            for name in names:
                editor = make_editor(_told(by_name[name]), context)
                holder, wrong = with_error(editor)
                if len(names) == 1:
                    # The heading says it already.
                    label = holder.findChild(QLabel)
                    if label is not None and label is not wrong:
                        label.hide()
                editor.edited.connect(lambda value, name=name: self._set(name, value))
                inner.addWidget(holder)
                self.fields[name] = (editor, holder, wrong)
        inner.addStretch(1)
        self.area.setWidget(page)

    # -- showing -------------------------------------------------------------------------------------------------------
    def show_detail(self, detail: ApiDetail) -> None:
        """Another version, or the same as it is now. What is being written about one waits while another is looked at."""
        same = self.detail is not None and detail.brief.key == self.detail.brief.key
        if same and (self.dirty() or detail == self.detail):
            return
        self.put_aside()
        aside: tuple[ApiDetail, dict[str, Any]] | None = self.taken_up(detail.brief.key)
        self._fill(*(aside or (detail, {})))
        if aside is not None:
            self.foot.say(_("What you wrote here is not kept yet."))

    def written_aside(self) -> tuple[ApiDetail, dict[str, Any]]:
        assert self.detail is not None
        return self.detail, self.draft

    def _fill(self, detail: ApiDetail, draft: dict[str, Any]) -> None:
        self.detail, self.draft = detail, draft
        if not self.fields:
            self._make()
        for name, (editor, _holder, _wrong) in self.fields.items():
            editor.show_value(draft.get(name, detail.data.get(name, UNSET)))
            self._tell(name, [])
        self.foot.say("")
        self._fit()

    def forget(self) -> None:
        """Another workspace: its versions are others. What is written about those of this one waits until it is looked at again."""
        self.put_aside()
        self.detail, self.draft = None, {}
        form = self.area.takeWidget()
        if form is not None:
            self.fields.clear()
            form.deleteLater()
        self._fit()

    def dirty(self) -> bool:
        """Whether something was changed that is not saved."""
        return bool(self.draft)

    def _set(self, name: str, value: Any) -> None:
        self.draft[name] = value
        self._tell(name, [])
        self._fit()

    def _fit(self) -> None:
        for button in (self.save, self.undo):
            button.setEnabled(self.dirty() and not self._keeping)
        if self.dirty() != self._was_dirty:
            self._was_dirty = self.dirty()
            self.changed.emit()

    # -- keeping -------------------------------------------------------------------------------------------------------
    def take_back(self) -> None:
        """As it is saved."""
        if self.detail is not None:
            self._fill(self.detail, {})
            self._kept()

    def values(self) -> dict[str, Any]:
        """What shall be saved: what was read, with what was changed."""
        assert self.detail is not None
        found = dict(self.detail.data)
        asked = {field.name: field for field in form_of(Api)}
        for name, value in self.draft.items():
            found[name] = asked[name].default if value is UNSET else _trimmed(asked[name], value)
        return found

    def keep(self) -> None:
        """Have the executor check and save it."""
        if self.detail is None or not self.dirty():
            return
        data, key, root, asked = self.values(), self.detail.brief.key, self.root, dict(self.draft)
        self._keeping = True
        self._fit()

        def done(new: ApiDetail) -> None:
            self._keeping = False
            self.kept(root, key)
            if self.detail is not None and self.detail.brief.key == key:
                # What was written since is of the next time.
                since = {name: value for name, value in self.draft.items() if name not in asked or asked[name] != value}
                self._fill(new, since)
                self.foot.say(_("The settings are saved. Gateways hold them after the next push."))
            self._fit()
            self._kept()

        def refused(problems: Sequence[Problem]) -> None:
            self._keeping = False
            self._fit()
            if self.detail is None or self.detail.brief.key != key:
                self.ground.complain([*problems])
                return
            rest = []
            by_field: dict[str, list[str]] = {}
            for problem in problems:
                steps = (problem.place.field or "").removeprefix("config.").split(".")
                if steps[0] in self.fields:
                    inside = f"{'.'.join(steps[1:])}: " if steps[1:] else ""
                    by_field.setdefault(steps[0], []).append(inside + problem.message.text())
                else:
                    rest.append(problem)
            for name in self.fields:
                self._tell(name, by_field.get(name, []))
            self.foot.say(sentences(rest) if rest else _("Something is wrong: it stands under the field."), role="error")
            first = next(iter(by_field), None)
            if first is not None:
                self.area.ensureWidgetVisible(self.fields[first][2])

        self.ground.ask(self, lambda executor: executor.apis.save(data, person()), done, refused)

    def _tell(self, name: str, lines: Sequence[str]) -> None:
        editor, _holder, wrong = self.fields[name]
        wrong.setText("\n".join(lines))
        wrong.setVisible(bool(lines))
        editor.set_wrong(bool(lines))


TITLES: dict[str, str] = {
    "base_path": N_("Path begins with"), "versioning": N_("Where callers name the version"), "hosts": N_("Host names"),
    "strip": N_("Take path and version away before a request goes on"), "operations": N_("Operations that are let through"),
    "flow": N_("Flow that answers"), "targets": N_("Addresses that answer"), "url": N_("Address"), "weight": N_("Its share"),
    "mode": N_("How a flow answers"), "retries": N_("Sent again at most"), "verify": N_("Check the certificate of the service"),
    "health": N_("Health check"), "every": N_("Asked every"), "unhealthy": N_("Out after failed checks"),
    "healthy": N_("Back after good checks"), "kind": N_("How callers prove who they are"), "place": N_("Where the key stands"),
    "issuer": N_("Issuer of the tokens"), "audiences": N_("Meant for"), "jwks": N_("Public keys"),
    "consumer_claim": N_("Claim that names the consumer"), "ca": N_("Certificates that vouch"), "approved_by": N_("Who allowed it"),
    "cors": N_("Calls from web pages"), "origins": N_("Web pages that may call"), "methods": N_("Methods that pages may use"),
    "expose": N_("Headers that pages may read"), "credentials": N_("Send cookies along"), "max_age": N_("Browsers remember for"),
    "max_body": N_("Largest body"), "ip_allow": N_("Only these networks"), "ip_deny": N_("Not these networks"),
    "request_headers": N_("Headers of requests"), "response_headers": N_("Headers of answers"), "set": N_("Set to"),
    "cache": N_("Answers kept for"), "security": N_("Ways to prove who calls, of which one suffices"),
}  # fmt: skip
"""Field of the model → how the form calls it: names that are short in a file are no words."""


def _told(asked: FormField) -> FormField:
    """A field as the form calls it; where it may take several forms, each is called as people call it."""
    words = {
        "api_key": N_("API key"), "jwt": N_("Token (JWT)"), "basic": N_("Name and password"), "mtls": N_("Certificate"),
        "open": N_("Nobody is asked"),
    }  # fmt: skip
    branches = []
    for branch in asked.branches:
        kind = next(part.choices[0] for part in branch.fields if part.name == "kind")
        # The kind is chosen above, once; a value keeps it, else it would belong to no branch.
        parts = tuple(
            replace(_told(part), words=tuple(words.items())) if part.name == "kind" else _told(part) for part in branch.fields
        )
        branches.append(replace(branch, title=words[str(kind)], fields=parts))
    return replace(
        asked, title=TITLES.get(asked.name, asked.title), fields=tuple(map(_told, asked.fields)), branches=tuple(branches),
        item=_told(asked.item) if asked.item is not None else None,
    )  # fmt: skip


def _trimmed(asked: FormField, value: Any) -> Any:
    """Without groups that may be missing and in which nothing is said: an emptied “CORS” is none."""
    if asked.widget == "list" and asked.item is not None and isinstance(value, list):
        return [_trimmed(asked.item, each) for each in value]
    if asked.widget != "group" or not isinstance(value, Mapping):
        return value
    parts = {part.name: part for part in asked.fields}
    found = {name: _trimmed(parts[name], each) if name in parts else each for name, each in value.items()}
    if asked.nullable and all(
        name in parts and (each == parts[name].default or each in ("", [], None)) for name, each in found.items()
    ):
        return None
    return found
