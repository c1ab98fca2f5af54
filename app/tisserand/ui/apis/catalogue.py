"""The page of the catalogue: APIs found as one types; of the chosen one its facts, document, versions, and the steps of its life."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from tisserand.sdk.errors import NodeError
from tisserand.service.person import person
from tisserand.texts import N_, ngettext
from tisserand.texts import translate as _
from tisserand.ui.apis.alike import AlikeTab
from tisserand.ui.apis.asking import Asking, Field
from tisserand.ui.apis.compared import Compared
from tisserand.ui.apis.document import DocumentTab
from tisserand.ui.apis.facts import Facts
from tisserand.ui.apis.parts import Page, in_order, quiet, tell
from tisserand.ui.apis.parts import name as call
from tisserand.ui.apis.settings import SettingsTab
from tisserand.ui.apis.words import LIFE, sentences
from tisserand.ui.canvas.state import number
from tisserand.ui.supervision.buttons import searching
from tisserand.ui.supervision.listed import Cell, Line, Listed, follow
from tisserand.ui.supervision.table import Column, Table

if TYPE_CHECKING:
    from PySide6.QtGui import QHideEvent

    from tisserand.model.problem import Problem
    from tisserand.service.apis.calls import ApiBrief, ApiDetail, ApiPage
    from tisserand.service.protocol import Executor
    from tisserand.ui.supervision.ground import Ground

SHOWN = 100
"""APIs on one leaf of the list."""

STEPS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "draft": (("published", N_("Publish"), "upload"),),
    "published": (("deprecated", N_("Deprecate…"), "hourglass"), ("draft", N_("Back to draft"), "undo-2")),
    "deprecated": (("retired", N_("Retire"), "circle-slash"), ("published", N_("Publish again"), "upload")),
    "retired": (("deprecated", N_("Take back"), "undo-2"),),
}
"""Stage of life → the steps from there: stage, words, icon."""
FAULTS = 3
"""Faults of files that are told over the list."""


class CatalogueView(Page):
    """All APIs of the workspace."""

    SCREENS = ("facts", "document", "settings", "versions", "alike")
    """Its tabs, as the pictures call them."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.search = searching(_("Search the APIs"), _("Name, path, tag, owner"))
        self.life = QComboBox()
        self.life.setAccessibleName(_("Stage of life"))
        self.life.addItem(_("At any stage"), "")
        for state, (_sign, _shade, word) in LIFE.items():
            self.life.addItem(_(word), state)
        self.tag, self.owner = self._picker(_("Tag"), _("Any tag")), self._picker(_("Owner"), _("Any owner"))
        self.count = quiet()
        self.count.setWordWrap(False)
        self.earlier, self.later = (
            self._leaf("chevron-left", _("Earlier in the list"), -1),
            self._leaf("chevron-right", _("Further in the list"), 1),
        )
        self.earlier.hide()
        self.later.hide()
        self.publish = self.button(_("Publish a flow…"), "upload", primary=True)
        self.bring = self.button(_("Import OpenAPI…"), "import")
        for widget, part in ((self.search, 1), (self.bring, 0), (self.publish, 0)):
            self.head.addWidget(widget, part)
        self.filters.setContentsMargins(10, 0, 10, 8)
        for choice in (self.life, self.tag, self.owner):
            self.filters.addWidget(choice, 1)
        self.filters.addStretch(1)
        for shown in (self.count, self.earlier, self.later):
            self.filters.addWidget(shown)
        columns = (
            Column(_("API"), 150, 2), Column(_("version").capitalize(), 80), Column(_("Stage"), 116), Column(_("Path"), 120, 2), Column(_("Owner"), 106, 1),
            Column(_("Tags"), 90, 1), Column(_("Consumers"), 124, right=True), Column(_("Problems"), 96),
        )  # fmt: skip
        self.table = Table(columns, _("APIs"))
        self.model = Listed(columns)
        self.facts = Facts()
        self.document = DocumentTab(ground, self._again)
        self.settings = SettingsTab(ground, self._again)
        self.compared = Compared(ground)
        self.alike = AlikeTab(ground)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        for tab, word in (
            (self.facts, _("Facts")), (self.document, _("Document")), (self.settings, _("Settings")), (self.compared, _("Versions")),
            (self.alike, _("Look-alikes")),
        ):  # fmt: skip
            self.tabs.addTab(tab, word)
        self.told = QLabel()
        self.told.setProperty("role", "error")
        self.told.setWordWrap(True)
        self.told.hide()
        corner = QWidget()
        steps = QHBoxLayout(corner)
        steps.setContentsMargins(8, 3, 10, 3)
        steps.setSpacing(8)
        self.steps: dict[str, QPushButton] = {}
        for to, sign in (("retired", "circle-slash"), ("published", "upload"), ("deprecated", "hourglass"), ("draft", "undo-2")):
            step = self.steps[to] = self.button(_(LIFE[to][2]), sign)
            step.clicked.connect(lambda _checked=False, to=to: self.move_to(to))
            step.hide()
            steps.addWidget(step)
            self.acts(f"api_{to}", step)
        self.tabs.setCornerWidget(corner)
        lower = QWidget()
        box = QVBoxLayout(lower)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.tabs, 1)
        self.told.setContentsMargins(10, 4, 10, 4)
        box.insertWidget(0, self.told)
        self.faults = quiet()
        self.faults.setContentsMargins(10, 0, 10, 8)
        tell(self.faults, "", "warning")
        self.faults.hide()
        upper = QWidget()
        above = QVBoxLayout(upper)
        above.setContentsMargins(0, 0, 0, 0)
        above.setSpacing(0)
        above.addWidget(self.faults)
        above.addWidget(self.table, 1)
        self.put(upper, lower, (200, 400))
        for tab in (self.document, self.settings):
            self.acts("api_keep", tab.save)
            self.acts("api_undo", tab.undo)
            tab.changed.connect(self._marks)
        follow(self.table, self.model, self._chosen)
        self.search.textChanged.connect(lambda _text: self._typed.start())
        self._typed.timeout.connect(self._from_the_first)
        self.life.activated.connect(lambda _at: self._from_the_first())
        self.table.activated.connect(lambda _index: self.tabs.setFocus(Qt.FocusReason.OtherFocusReason))
        self.tabs.currentChanged.connect(lambda _at: self._turned())
        self.alike.wanted.connect(self.choose)
        self.publish.clicked.connect(self.publish_flow)
        self.bring.clicked.connect(self.import_document)
        self.empty.button.clicked.connect(self.publish_flow)
        self.empty.other.clicked.connect(self.import_document)
        self.detail: ApiDetail | None = None
        self._key = ""
        self._offset = 0
        self._found: Sequence[ApiBrief] = ()
        self._faults: Sequence[Problem] = ()
        in_order(
            self.search, self.bring, self.publish, self.life, self.tag, self.owner, self.earlier, self.later, self.table,
            self.tabs.tabBar(), *self.steps.values(), self.facts,
        )  # fmt: skip
        self.say(_("Looking …"))

    def _picker(self, name: str, any_: str) -> QComboBox:
        """One of those that were seen, or what is typed."""
        made = QComboBox()
        made.setEditable(True)
        made.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        made.setMinimumWidth(96)
        made.setAccessibleName(name)
        line = made.lineEdit()
        assert line is not None
        line.setPlaceholderText(any_)
        line.setAccessibleName(name)
        made.editTextChanged.connect(lambda _text: self._typed.start())
        return made

    def _leaf(self, sign: str, name: str, by: int) -> QPushButton:
        made = self.button("", sign)
        made.setAccessibleName(name)
        made.setToolTip(name)
        made.clicked.connect(lambda: self._turn_leaf(by))
        return made

    # -- looking -------------------------------------------------------------------------------------------------------
    def first(self) -> QWidget:
        return self.search

    def refresh(self) -> None:
        if self.ground.root is None:
            self.say(self.ground.nothing())
            return
        self._look()
        if self._key and self.stack.currentWidget() is not self.empty:
            self._again()

    def forget(self) -> None:
        self._found = ()
        self._key, self.detail, self._offset = "", None, 0
        for tab in (self.document, self.settings):
            tab.forget()
        self._marks()
        for choice in (self.tag, self.owner):
            choice.clear()

    def unsaved(self) -> Collection[str]:
        return self.document.unsaved() | self.settings.unsaved()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._typed.stop()

    def _turn_leaf(self, by: int) -> None:
        self._offset = max(0, self._offset + by * SHOWN)
        self._look()

    def _from_the_first(self) -> None:
        self._offset = 0
        self._look()

    def _filter(self) -> tuple[str, str, str, str]:
        return (
            self.search.text().strip(), self.tag.currentText().strip(), self.owner.currentText().strip(), str(self.life.currentData()),
        )  # fmt: skip

    def _look(self) -> None:
        text, tag, owner, state = asked = self._filter()
        offset = self._offset

        def ask(executor: Executor) -> tuple[ApiPage, list[Problem]]:
            found = executor.apis.search(text, tag, owner, state, limit=SHOWN, offset=offset)
            return found, [each for each in executor.apis.problems() if each.severity == "error"]

        def come(found: tuple[ApiPage, list[Problem]]) -> None:
            # An answer to what was typed before is of no interest any more.
            if (asked, offset) == (self._filter(), self._offset):
                self._tell_faults(found[1])
                self._take(found[0])

        self.ground.ask(self, ask, come, once=f"apis {asked} {offset}")

    def _tell_faults(self, found: Sequence[Problem]) -> None:
        """A file that cannot be read is no API, and stands in no list: it is told over it."""
        self._faults = found
        lines = [": ".join(filter(None, (each.place.file, sentences([each])))) for each in found[:FAULTS]]
        if len(found) > FAULTS:
            lines.append(_("… and {count} more.").format(count=number(len(found) - FAULTS)))
        self.faults.setText("\n".join(lines))
        self.faults.setVisible(bool(lines))

    def _take(self, found: ApiPage) -> None:
        filtered = any(self._filter())
        if not found.apis and found.total and self._offset:
            self._from_the_first()  # the list became shorter meanwhile
            return
        counted = ngettext("{count} API", "{count} APIs", found.total).format(count=number(found.total))
        if found.total > SHOWN:
            first, last = self._offset + 1, self._offset + len(found.apis)
            counted = _("{first} to {last} of {count}").format(first=number(first), last=number(last), count=number(found.total))
        self.count.setText(counted if found.total else "")
        for button, on in ((self.earlier, self._offset > 0), (self.later, self._offset + len(found.apis) < found.total)):
            button.setEnabled(on)
            button.setVisible(found.total > SHOWN)
        self._offer(found)
        self._found = found.apis
        self._marks()
        if not found.apis and not filtered:
            text = _("There is no API yet. Publish a flow that answers requests, or import the OpenAPI document of a service.")
            if self._faults:
                text = f"{_('No API can be read.')}\n{self.faults.text()}"
            self.say(text, _("Publish a flow…"), _("Import OpenAPI…"))
            return
        if not found.apis:
            self.say(_("No API fits what is searched for."))
            return
        row = self.model.row_of(self._key) if self._key else None
        if not self.table.currentIndex().isValid():
            self.table.setCurrentIndex(self.model.index(row or 0, 0))
        elif row is not None and self.chosen() is not None and self._key != self.chosen().key:  # type: ignore[union-attr]
            self.table.setCurrentIndex(self.model.index(row, 0))
        self.shown()

    def _marks(self) -> None:
        """A dot where something is written that is not kept: in the list, and on the tab."""
        document, settings = self.document.waiting(), self.settings.waiting()
        self.model.take([_line(each, each.key in document or each.key in settings) for each in self._found])
        for tab, word, waiting in ((self.document, _("Document"), document), (self.settings, _("Settings"), settings)):
            self.tabs.setTabText(self.tabs.indexOf(tab), f"{word} •" if self._key in waiting else word)

    def _offer(self, found: ApiPage) -> None:
        """Tags and owners that were seen are offered from now on."""
        for choice, values in (
            (self.tag, {tag for each in found.apis for tag in each.tags}), (self.owner, {each.owner for each in found.apis if each.owner}),
        ):  # fmt: skip
            known = {choice.itemText(at) for at in range(choice.count())}
            if values - known:
                text = choice.currentText()
                choice.blockSignals(True)
                choice.clear()
                choice.addItems(
                    ["", *sorted(known | values, key=str.casefold)]
                    if "" not in known | values
                    else sorted(known | values, key=str.casefold)
                )
                choice.setEditText(text)
                choice.blockSignals(False)

    def choose(self, key: str) -> None:
        """Show one API, whatever is searched for."""
        self._key = key
        row = self.model.row_of(key)
        if row is not None:
            self.table.choose(self.model.index(row, 0))
        self._tell("")
        self._again()

    def chosen(self) -> ApiBrief | None:
        found: ApiBrief | None = self.table.chosen()
        return found

    def _chosen(self) -> None:
        brief = self.chosen()
        if brief is not None and brief.key != self._key:
            self._key = brief.key
            self._tell("")
            self._again()

    def _again(self) -> None:
        """Ask anew for the chosen one."""
        key = self._key
        id, _at, version = key.partition("@")

        def come(detail: ApiDetail) -> None:
            if key == self._key:
                self._show(detail)

        def refused(problems: list[Problem]) -> None:
            if key == self._key:
                self._tell(sentences(problems))

        self.ground.ask(self, lambda executor: executor.apis.get(id, version), come, refused, once=f"api {key}")

    def _turned(self) -> None:
        """A face of the API that was not looked at before."""
        shown = self.tabs.currentWidget()
        if shown is self.alike:
            self.alike.look()
        if self.detail is not None:
            self._show_face(self.detail)

    def _show_face(self, detail: ApiDetail) -> None:
        """Only the face that is seen is made: a large document takes its time."""
        shown = self.tabs.currentWidget()
        if shown is self.facts:
            self.facts.show_detail(detail)
        elif shown is self.document:
            self.document.show_detail(detail)
        elif shown is self.settings:
            self.settings.show_detail(detail)
        elif shown is self.compared:
            self.compared.show_versions(detail.brief.id, detail.brief.version)

    def _show(self, detail: ApiDetail) -> None:
        self.detail = detail
        self._show_face(detail)
        self._marks()
        words = {to: word for to, word, _sign in STEPS[detail.brief.lifecycle]}
        for to, button in self.steps.items():
            if to in words and button.accessibleName() != _(words[to]):
                call(button, _(words[to]))
                self.hint(button)
            button.setVisible(to in words)
        corner = self.tabs.cornerWidget()
        if corner is not None:
            corner.adjustSize()

    def _tell(self, text: str) -> None:
        self.told.setText(text)
        self.told.setVisible(bool(text))

    # -- acting --------------------------------------------------------------------------------------------------------
    def move_to(self, to: str) -> None:
        """One step of the life; what stands in its way is told."""
        if self.detail is None:
            return
        brief = self.detail.brief

        def step(sunset: str, dialog: Asking | None) -> None:
            def refused(problems: Sequence[Problem]) -> None:
                if dialog is not None and isValid(dialog):
                    dialog.tell(sentences(problems))
                else:
                    self._tell(sentences(problems))

            def done(detail: ApiDetail) -> None:
                if dialog is not None and isValid(dialog):
                    dialog.accept()
                self._tell("")
                self._show(detail)
                self.ground.say(_("“{api}” is now: {state}.").format(api=brief.key, state=_(LIFE[detail.brief.lifecycle][2])))
                self._look()

            self.ground.ask(
                self, lambda executor: executor.apis.move(brief.id, brief.version, to, sunset, person()), done, refused
            )

        if to != "deprecated":
            step("", None)
            return
        dialog = Asking(
            self, _("Deprecate {api}").format(api=brief.key), [Field("sunset", _("Ends on"), hint="2027-06-30")], _("Deprecate"),
            lambda values: step(values["sunset"], dialog), _("Callers are told with every answer that this version ends, and when."),
        )  # fmt: skip
        dialog.open()

    def publish_flow(self) -> None:
        """Choose a flow and publish it."""
        from tisserand.ui.apis.publishing import PublishDialog

        PublishDialog(self.ground.window_, None, self._published).open()

    def _published(self, detail: ApiDetail) -> None:
        self._key = detail.brief.key
        self._look()
        self._show(detail)

    def import_document(self) -> None:
        """A draft from a document."""
        path, _filter = QFileDialog.getOpenFileName(
            self, _("Import an OpenAPI document"), "", _("Documents (*.yaml *.yml *.json)")
        )
        if path:
            self.take_document(path)

    def take_document(self, path: str) -> None:
        """Read a file and make a draft of it; where there is one of that name already, ask for another."""

        def bring(values: Mapping[str, str], dialog: Asking | None) -> None:
            def work(executor: Executor) -> ApiDetail:
                try:
                    text = Path(path).read_text(encoding="utf-8")
                except (OSError, UnicodeDecodeError) as error:
                    reason = getattr(error, "strerror", None) or str(error)
                    raise NodeError("“{file}” cannot be read: {reason}", file=path, reason=reason) from None
                return executor.apis.import_document(text, values.get("id", ""), values.get("version", ""), by=person())

            def done(detail: ApiDetail) -> None:
                if dialog is not None and isValid(dialog):
                    dialog.accept()
                self.search.clear()
                self._published(detail)

            def refused(problems: Sequence[Problem]) -> None:
                if dialog is not None and isValid(dialog):
                    dialog.tell(sentences(problems))
                elif any(each.code == "api.there" for each in problems):
                    ask(sentences(problems))
                else:
                    self.ground.complain([*problems])

            self.ground.ask(self, work, done, refused)

        def ask(told: str) -> None:
            fields = [
                Field("id", _("Id"), hint=_("as the document says")), Field("version", _("Version"), hint=_("as the document says")),
            ]  # fmt: skip
            dialog = Asking(
                self, _("Import an OpenAPI document"), fields, _("Import"), lambda values: bring(values, dialog), Path(path).name
            )
            dialog.tell(told)
            dialog.open()

        bring({}, None)


def _line(brief: ApiBrief, written: bool) -> Line:
    sign, shade, word = LIFE[brief.lifecycle]
    problems = Cell(number(brief.problems), "triangle-alert", "warning") if brief.problems else Cell("")
    cells = (
        Cell(brief.name or brief.id, "pencil" if written else None, None, _named(brief, written)), Cell(brief.version), Cell(_(word), sign, shade), Cell(brief.path), Cell(brief.owner),
        Cell(", ".join(brief.tags)), Cell(number(brief.consumers) if brief.consumers else ""), problems,
    )  # fmt: skip
    return Line(brief.key, brief, cells)


def _named(brief: ApiBrief, written: bool) -> str:
    """What more there is to say of a name."""
    lines = [brief.name, brief.summary, _("What you wrote here is not kept yet.") if written else ""]
    return "\n".join(filter(None, lines if brief.summary or written else ()))
