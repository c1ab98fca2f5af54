"""The page of terms: plans, consumers with their keys, and subscriptions, each a table with what can be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QLabel, QTabWidget, QVBoxLayout, QWidget
from shiboken6 import isValid

from tisserand.service.person import person
from tisserand.texts import translate as _
from tisserand.ui.apis.asking import Asking, Field, Look, show_once
from tisserand.ui.apis.parts import Page, in_order
from tisserand.ui.apis.termlist import Part, approvals, live_keys
from tisserand.ui.apis.words import PERIODS, STATES, sentences
from tisserand.ui.supervision.buttons import searching
from tisserand.ui.supervision.listed import follow
from tisserand.ui.supervision.table import Column

if TYPE_CHECKING:
    from tisserand.model.problem import Problem
    from tisserand.service.apis.calls import Issued
    from tisserand.service.protocol import Executor
    from tisserand.ui.supervision.ground import Ground

SHOWN = 500
"""Entries that are asked for at once."""
OFFERED = 50
"""Choices of a field in which one types."""
NEAR = 60
"""Rows before the end of what is here at which more is asked for."""
Entries = tuple[Mapping[str, Mapping[str, Any]], int]


class TermsView(Page):
    """Three tables in tabs."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.search = searching(_("Search consumers and subscriptions"), _("Name, API, plan or state"))
        self.head.addWidget(self.search, 1)
        self.plans = Part("plan", _("Plans"), (
            Column(_("Plan"), 130, 1), Column(_("Name"), 140, 2), Column(_("Rate"), 140, 1), Column(_("Quota"), 140, 1), Column(_("Price"), 110, 1),
            Column(_("Subscriptions"), 150, 1),
        ))  # fmt: skip
        self.consumers = Part("consumer", _("Consumers"), (
            Column(_("Consumer"), 130, 1), Column(_("Name"), 150, 2), Column(_("Contact"), 140, 2), Column(_("Keys"), 160, 2),
        ))  # fmt: skip
        self.subscriptions = Part("subscription", _("Subscriptions"), (
            Column(_("State"), 160, 1), Column(_("Consumer"), 120, 2), Column(_("API"), 120, 2), Column(_("Plan"), 110, 1), Column(_("Decided by"), 110, 1),
        ))  # fmt: skip
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.told = QLabel()
        self.told.setProperty("role", "error")
        self.told.setWordWrap(True)
        self.told.setContentsMargins(10, 4, 10, 8)
        self.told.hide()
        for part in self.parts:
            follow(part.table, part.model, self._fit)
            part.table.verticalScrollBar().valueChanged.connect(lambda _value, part=part: self._more(part))
            self.tabs.addTab(part, part.title)
        self.split.addWidget(self.tabs)
        layout = self.layout()
        assert isinstance(layout, QVBoxLayout)
        layout.addWidget(self.told)
        self._buttons()
        in_order(self.search, self.tabs.tabBar(), *(each for part in self.parts for each in (*part.buttons.values(), part.table)))
        self.search.textChanged.connect(lambda _text: self._typed.start())
        self._typed.timeout.connect(self._look)
        self.tabs.currentChanged.connect(lambda _at: self._look())
        self.say(_("Looking …"))

    @property
    def parts(self) -> tuple[Part, Part, Part]:
        return self.plans, self.consumers, self.subscriptions

    def _buttons(self) -> None:
        def put(part: Part, text: str, sign: str, call: Callable[[], object], name: str, action: str) -> None:
            button = self.button(text, sign)
            button.clicked.connect(lambda _checked=False: call())
            part.buttons[name] = button
            part.row.insertWidget(part.row.count() - 2, button)
            self.acts(action, button)

        put(self.plans, _("New plan…"), "plus", partial(self.edit_plan, None), "new", "entry_new")
        put(self.plans, _("Change…"), "pencil", lambda: self.edit_plan(self.plans.chosen()), "edit", "entry_edit")
        put(self.plans, _("Remove…"), "trash-2", partial(self._remove, self.plans), "remove", "entry_remove")
        put(self.consumers, _("New consumer…"), "plus", partial(self.edit_consumer, None), "new", "entry_new")
        put(self.consumers, _("Change…"), "pencil", lambda: self.edit_consumer(self.consumers.chosen()), "edit", "entry_edit")
        put(self.consumers, _("Issue a key…"), "key-round", partial(self.issue, False), "issue", "key_issue")
        put(self.consumers, _("Replace its key…"), "repeat", partial(self.issue, True), "rotate", "key_rotate")
        put(self.consumers, _("Revoke a key…"), "ban", self.revoke, "revoke", "key_revoke")
        put(self.consumers, _("Remove…"), "trash-2", partial(self._remove, self.consumers), "remove", "entry_remove")
        put(self.subscriptions, _("New subscription…"), "plus", self.subscribe, "new", "entry_new")
        for state, text, sign in (
            ("active", _("Approve"), "check"), ("rejected", _("Reject"), "x"), ("suspended", _("Suspend"), "pause"),
            ("ended", _("End"), "circle-slash"),
        ):  # fmt: skip
            put(self.subscriptions, text, sign, partial(self._decide, state), state, f"subscription_{state}")

    # -- looking -------------------------------------------------------------------------------------------------------
    def first(self) -> QWidget:
        part = self.parts[self.tabs.currentIndex()]
        return part.buttons["new"] if part.table.isHidden() else part.table

    def refresh(self) -> None:
        if self.ground.root is None:
            self.say(self.ground.nothing())
            return
        self._look()

    def forget(self) -> None:
        for part in self.parts:
            part.model.take([])
            part.total, part.asked = 0, None

    def _look(self) -> None:
        """Look anew at what is seen: the rest of thousands is looked at when it is scrolled to, or when there are more or fewer."""
        part = self.parts[self.tabs.currentIndex()]
        text = self.search.text().strip()
        same, known, total = text == part.asked, len(part.model.lines), part.total
        seen = max(0, part.table.verticalScrollBar().value()) // SHOWN * SHOWN if same else 0

        def ask(executor: Executor) -> tuple[bool, Entries]:
            found = executor.apis.entries(part.kind, text, 2 * SHOWN, seen) if same else ({}, -1)
            if found[1] == total:
                return False, found
            return True, executor.apis.entries(part.kind, text, max(SHOWN, known) if same else SHOWN)

        def come(told: tuple[bool, Entries]) -> None:
            anew, found = told
            if text != self.search.text().strip() or not (anew or text == part.asked):
                return
            part.take(None if anew else min(seen, len(part.model.lines)), *found, text)
            self.shown()
            self._fit()

        self.ground.ask(self, ask, come, once=f"{part.kind} {text} {seen}")

    def _more(self, part: Part) -> None:
        """The next ones, where the end of what is here is near."""
        bar, at, text = part.table.verticalScrollBar(), len(part.model.lines), part.asked
        if text is None or at >= part.total or bar.value() < bar.maximum() - NEAR:
            return

        def come(found: Entries) -> None:
            if text == part.asked and at == len(part.model.lines):
                part.take(at, *found, text)

        self.ground.ask(
            self, lambda executor: executor.apis.entries(part.kind, text, SHOWN, at), come, once=f"{part.kind} {text} from {at}"
        )  # fmt: skip

    def _fit(self) -> None:
        """What can be done with the chosen row."""
        for part in self.parts:
            found = part.chosen()
            for name, button in part.buttons.items():
                if name != "new":
                    button.setEnabled(found is not None)
        found = self.consumers.chosen()
        keys = live_keys(found[1]) if found is not None else []
        for name in ("rotate", "revoke"):
            self.consumers.buttons[name].setEnabled(bool(keys))
        asked = self.subscriptions.chosen()
        state = asked[1]["state"] if asked is not None else ""
        steps = {"pending": ("active", "rejected", "ended"), "active": ("suspended", "ended"), "suspended": ("active", "ended")}
        for name in ("active", "rejected", "suspended", "ended"):
            self.subscriptions.buttons[name].setEnabled(name in steps.get(state, ()))

    def _tell(self, text: str) -> None:
        self.told.setText(text)
        self.told.setVisible(bool(text))

    # -- acting --------------------------------------------------------------------------------------------------------
    def _do(self, work: Callable[[Executor], Any], then: Callable[[Any], object], dialog: Asking | None = None) -> None:
        def done(answer: Any) -> None:
            # Whoever closed the dialog meanwhile is shown what came of it all the same: a key is told but once.
            if dialog is not None and isValid(dialog):
                dialog.accept()
            self._tell("")
            then(answer)
            self._look()

        def refused(problems: Sequence[Problem]) -> None:
            if dialog is not None and isValid(dialog):
                dialog.tell(sentences(problems))
            else:
                self._tell(sentences(problems))

        self.ground.ask(self, work, done, refused)

    def edit_plan(self, known: tuple[str, Mapping[str, Any]] | None) -> Asking:
        """A new plan, or other terms of one."""
        id, data = known or ("", {})
        first = (data.get("rate") or [{}])[0]
        told = data.get("quota") or {}
        fields = [
            Field("id", _("Id"), id, "gold", fixed=known is not None), Field("name", _("Name"), str(data.get("name") or "")),
            Field("count", _("Calls at most"), str(first.get("count") or ""), _("as many as one likes")),
            Field("per", _("within"), str(first.get("per") or "1s"), "1s, 1min"),
            Field("quota", _("Calls in a period"), str(told.get("count") or ""), _("as many as one likes")),
            Field("period", _("Period"), str(told.get("period") or "month"), choices=[(name, _(word)) for name, word in PERIODS.items()]),
            Field("price", _("Price"), str(data.get("price") or ""), "0.01 EUR / call"),
            Field("approval", _("Subscriptions"), str(data.get("approval") or "automatic"), choices=approvals()),
        ]  # fmt: skip

        def do(values: Mapping[str, str]) -> None:
            wrong = [values[name] for name in ("count", "quota") if values[name] and not values[name].isdigit()]
            if wrong:
                dialog.tell(_("“{text}” is no number of calls.").format(text=wrong[0]))
                return
            entry: dict[str, Any] = {name: values[name] for name in ("name", "price", "approval")}
            entry["summary"] = data.get("summary") or ""
            more = list((data.get("rate") or [])[1:])
            entry["rate"] = ([{"count": int(values["count"]), "per": values["per"]}] if values["count"] else []) + more
            if values["quota"]:
                entry["quota"] = {"count": int(values["quota"]), "period": values["period"]}
            self._do(
                lambda executor: executor.apis.save_entry("plan", values["id"], entry, person()),
                lambda _none: self.ground.say(_("“{name}” is saved.").format(name=values["id"])), dialog,
            )  # fmt: skip

        dialog = Asking(
            self, _("Plan"), fields, _("Save"), do, _("Limits count for each consumer and API. Gateways hold them after a push.")
        )
        dialog.open()
        return dialog

    def edit_consumer(self, known: tuple[str, Mapping[str, Any]] | None) -> Asking:
        """A new consumer, or what is known of one."""
        id, data = known or ("", {})
        fields = [
            Field("id", _("Id"), id, "acme", fixed=known is not None), Field("name", _("Name"), str(data.get("name") or "")),
            Field("contact", _("Contact"), str(data.get("contact") or ""), "ops@example.org"),
            Field("subject", _("Name in tokens"), str(data.get("subject") or ""), _("the id")),
        ]  # fmt: skip

        def do(values: Mapping[str, str]) -> None:
            entry = {"tags": data.get("tags") or [], **{name: values[name] for name in ("name", "contact", "subject")}}
            self._do(
                lambda executor: executor.apis.save_entry("consumer", values["id"], entry, person()),
                lambda _none: self.ground.say(_("“{name}” is saved.").format(name=values["id"])), dialog,
            )  # fmt: skip

        dialog = Asking(self, _("Consumer"), fields, _("Save"), do)
        dialog.open()
        return dialog

    def issue(self, replace: bool) -> Asking | None:
        """A new key, shown once; in the place of another, with the time for which both open."""
        found = self.consumers.chosen()
        if found is None:
            return None
        id, data = found

        def made(issued: Issued) -> None:
            about = _("This is the key “{key}” of “{consumer}”. It is shown this once: nobody can look it up later.")
            show_once(self, _("The new key"), about.format(key=issued.credential, consumer=id), issued.value)

        if not replace:

            def give(values: Mapping[str, str]) -> None:
                self._do(lambda executor: executor.apis.issue(id, values["expires"], by=person()), made, dialog)

            dialog = Asking(
                self, _("Issue a key for “{consumer}”").format(consumer=id), [Field("expires", _("Ends on"), hint=_("never, or 2027-06-30"))],
                _("Issue"), give, _("The key is shown once, in the next window. Only its fingerprint is kept in the files."),
            )  # fmt: skip
            dialog.open()
            return dialog
        keys = [(each["id"], f"{each['id']}  {each['fingerprint'].removeprefix('sha256:')[:8]}") for each in live_keys(data)]

        def do(values: Mapping[str, str]) -> None:
            self._do(
                lambda executor: executor.apis.issue(id, replaces=values["key"], overlap=values["overlap"], by=person()),
                made,
                dialog,
            )

        fields = [Field("key", _("Key"), choices=keys), Field("overlap", _("Both open for"), "7d", "7d, 24h")]
        dialog = Asking(
            self, _("Replace a key"), fields, _("Replace"), do, _("The old key opens for that time still, then it ends.")
        )
        dialog.open()
        return dialog

    def revoke(self) -> None:
        """Take a key back."""
        found = self.consumers.chosen()
        if found is None:
            return
        id, data = found
        keys = [(each["id"], f"{each['id']}  {each['fingerprint'].removeprefix('sha256:')[:8]}") for each in live_keys(data)]

        def do(values: Mapping[str, str]) -> None:
            self._do(
                lambda executor: executor.apis.revoke(id, values["key"], person()),
                lambda _none: self.ground.say(_("The key is revoked.")), dialog,
            )  # fmt: skip

        dialog = Asking(
            self,
            _("Revoke a key"),
            [Field("key", _("Key"), choices=keys)],
            _("Revoke"),
            do,
            _("Who still uses it is refused. This cannot be taken back."),
        )
        dialog.open()

    def subscribe(self) -> None:
        """Let a consumer call an API under a plan; the one that is chosen among the consumers is offered first."""
        chosen = self.consumers.chosen()
        consumer = chosen[0] if chosen is not None else ""

        def ask(executor: Executor) -> tuple[list[str], list[str], list[str]]:
            return (
                _open_apis(executor, ""),
                [*executor.apis.entries("plan")[0]],
                [*executor.apis.entries("consumer", limit=OFFERED)[0]],
            )

        def come(found: tuple[list[str], list[str], list[str]]) -> None:
            apis, plans, consumers = found
            if not (apis and plans and consumers):
                self._tell(_("A subscription needs a published API, a plan and a consumer."))
                return
            fields = [
                Field(
                    "consumer", _("Consumer"), consumer, choices=[(each, each) for each in consumers],
                    look=self._looking(lambda executor, text: [*executor.apis.entries("consumer", text, OFFERED)[0]]),
                ),
                Field("api", _("API"), choices=[(each, each) for each in apis], look=self._looking(_open_apis)),
                Field("plan", _("Plan"), choices=[(each, each) for each in plans]),
            ]  # fmt: skip

            def do(values: Mapping[str, str]) -> None:
                self._do(
                    lambda executor: executor.apis.subscribe(values["api"], values["plan"], values["consumer"], by=person()),
                    lambda id: self.ground.say(_("“{name}” is saved.").format(name=id)), dialog,
                )  # fmt: skip

            dialog = Asking(self, _("Subscription"), fields, _("Subscribe"), do)
            dialog.open()

        self.ground.ask(self, ask, come)

    def _looking(self, find: Callable[[Executor, str], list[str]]) -> Look:
        """Has what is typed looked for, beside the window."""
        return lambda text, take: self.ground.ask(self, lambda executor: find(executor, text), take)

    def _decide(self, state: str) -> None:
        found = self.subscriptions.chosen()
        if found is not None:
            id = found[0]
            word = _(STATES[state][2])
            self._do(
                lambda executor: executor.apis.decide(id, state, person()),
                lambda _none: self.ground.say(_("“{api}” is now: {state}.").format(api=id, state=word)),
            )

    def _remove(self, part: Part) -> None:
        found = part.chosen()
        if found is None:
            return
        id = found[0]

        def do(_values: Mapping[str, str]) -> None:
            self._do(
                lambda executor: executor.apis.remove_entry(part.kind, id, person()),
                lambda _none: self.ground.say(_("“{name}” is removed.").format(name=id)), dialog,
            )  # fmt: skip

        about = _("Its keys go with it: who uses them is refused.") if part.kind == "consumer" else ""
        dialog = Asking(self, _("Remove “{name}”?").format(name=id), [], _("Remove"), do, about)
        dialog.open()


def _open_apis(executor: Executor, text: str) -> list[str]:
    """Ids of APIs that somebody may be subscribed to."""
    return sorted({each.id for each in executor.apis.search(text, limit=OFFERED).apis if each.lifecycle != "draft"})
