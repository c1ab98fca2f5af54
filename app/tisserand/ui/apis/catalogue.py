"""The page of the catalogue: APIs found as one types; of the chosen one its facts, document, versions, and the steps of its life."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLabel, QTabWidget, QVBoxLayout, QWidget

from tisserand.service.person import person
from tisserand.texts import ngettext
from tisserand.texts import translate as _
from tisserand.ui.apis.asking import Asking, Field
from tisserand.ui.apis.compared import Compared
from tisserand.ui.apis.document import DocumentTab
from tisserand.ui.apis.facts import Facts
from tisserand.ui.apis.parts import Page, quiet
from tisserand.ui.apis.words import LIFE, sentences
from tisserand.ui.canvas.state import number
from tisserand.ui.supervision.buttons import searching
from tisserand.ui.supervision.listed import Cell, Line, Listed, follow
from tisserand.ui.supervision.table import Column, Table

if TYPE_CHECKING:
    from tisserand.model.problem import Problem
    from tisserand.service.apis.calls import ApiBrief, ApiDetail, ApiPage
    from tisserand.ui.supervision.ground import Ground

SHOWN = 200
"""APIs that are listed at a time; who looks for another types more."""

STEPS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "draft": (("published", "Publish", "upload"),),
    "published": (("deprecated", "Deprecate…", "hourglass"), ("draft", "Back to draft", "undo-2")),
    "deprecated": (("retired", "Retire", "circle-slash"), ("published", "Publish again", "upload")),
    "retired": (("deprecated", "Take back", "undo-2"),),
}


class CatalogueView(Page):
    """All APIs of the workspace."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.search = searching(_("Search the APIs"), _("Name, path, tag, owner"))
        self.life = QComboBox()
        self.life.setAccessibleName(_("Stage of life"))
        self.life.addItem(_("At any stage"), "")
        for state, (_sign, _shade, word) in LIFE.items():
            self.life.addItem(_(word), state)
        self.count = quiet()
        self.publish = self.button(_("Publish a flow…"), "upload", primary=True)
        self.bring = self.button(_("Import OpenAPI…"), "import")
        self.head.addWidget(self.search, 3)
        self.head.addWidget(self.life, 1)
        self.head.addWidget(self.count)
        self.head.addWidget(self.bring)
        self.head.addWidget(self.publish)
        columns = (
            Column(_("API"), 150, 2), Column(_("Version"), 70), Column(_("Stage"), 120), Column(_("Path"), 120, 2), Column(_("Owner"), 100, 1),
            Column(_("Tags"), 100, 1), Column(_("Consumers"), 90, right=True), Column(_("Problems"), 86, right=True),
        )  # fmt: skip
        self.table = Table(columns, _("APIs"))
        self.model = Listed(columns)
        self.facts = Facts()
        self.document = DocumentTab(ground, self._again)
        self.compared = Compared(ground)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self.facts, _("Facts"))
        self.tabs.addTab(self.document, _("Document"))
        self.tabs.addTab(self.compared, _("Versions"))
        self.told = QLabel()
        self.told.setProperty("role", "error")
        self.told.setWordWrap(True)
        self.told.hide()
        self.steps = QHBoxLayout()
        self.steps.setContentsMargins(14, 6, 14, 8)
        self.steps.addStretch(1)
        lower = QWidget()
        box = QVBoxLayout(lower)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.tabs, 1)
        self.told.setContentsMargins(14, 4, 14, 4)
        box.addWidget(self.told)
        box.addLayout(self.steps)
        self.put(self.table, lower)
        follow(self.table, self.model, self._chosen)
        self.search.textChanged.connect(lambda _text: self._typed.start())
        self._typed.timeout.connect(self._look)
        self.life.activated.connect(lambda _at: self._look())
        self.publish.clicked.connect(self.publish_flow)
        self.bring.clicked.connect(self.import_document)
        self.empty.button.clicked.connect(self.publish_flow)
        self.detail: ApiDetail | None = None
        self._key = ""
        self._buttons: list[QWidget] = []
        self.say(_("Looking …"))

    # -- looking -------------------------------------------------------------------------------------------------------
    def first(self) -> QWidget:
        return self.search

    def refresh(self) -> None:
        if self.ground.root is None:
            self.say(self.ground.nothing())
            return
        self._look()

    def forget(self) -> None:
        self.model.take([])
        self._key, self.detail = "", None

    def _look(self) -> None:
        text, state = self.search.text().strip(), str(self.life.currentData())
        self.ground.ask(
            self,
            lambda executor: executor.apis.search(text, lifecycle=state, limit=SHOWN),
            self._take,
            once=f"apis {text} {state}",
        )

    def _take(self, found: ApiPage) -> None:
        filtered = bool(self.search.text().strip() or self.life.currentData())
        self.count.setText(
            ngettext("{count} API", "{count} APIs", found.total).format(count=number(found.total)) if found.total else ""
        )
        self.model.take([_line(each) for each in found.apis])
        if not found.apis and not filtered:
            self.say(
                _("There is no API yet. Publish a flow that answers requests, or import the OpenAPI document of a service."),
                _("Publish a flow…"),
            )
            return
        if not found.apis:
            self.say(_("No API fits what is searched for."))
            return
        if not self.table.currentIndex().isValid():
            self.table.setCurrentIndex(self.model.index(0, 0))
        self.shown()

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

        self.ground.ask(self, lambda executor: executor.apis.get(id, version), come, once=f"api {key}")

    def _show(self, detail: ApiDetail) -> None:
        self.detail = detail
        self.facts.show_detail(detail)
        self.document.show_detail(detail)
        self.compared.show_versions(detail.brief.id, detail.brief.version, [each.item for each in self.model.lines])
        while self._buttons:
            button = self._buttons.pop()
            self.steps.removeWidget(button)
            button.deleteLater()
        self._coloured = [each for each in self._coloured if each[0] in (self.publish, self.bring)]
        words = {
            "Publish": _("Publish"), "Deprecate…": _("Deprecate…"), "Back to draft": _("Back to draft"), "Retire": _("Retire"),
            "Publish again": _("Publish again"), "Take back": _("Take back"),
        }  # fmt: skip
        for to, word, sign in STEPS[detail.brief.lifecycle]:
            button = self.button(words[word], sign)
            button.clicked.connect(lambda _checked=False, to=to: self.move_to(to))
            self.steps.addWidget(button)
            self._buttons.append(button)

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
                if dialog is not None:
                    dialog.tell(sentences(problems))
                else:
                    self._tell(sentences(problems))

            def done(detail: ApiDetail) -> None:
                if dialog is not None:
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
        """Read a file and make a draft of it."""
        from pathlib import Path

        def work(executor: object) -> ApiDetail:
            from tisserand.sdk.errors import NodeError
            from tisserand.service.protocol import Executor, Refused

            assert isinstance(executor, object)
            try:
                text = Path(path).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                from tisserand.model.problem import Problem as Trouble

                wrong = NodeError(
                    "“{file}” cannot be read: {reason}", file=path, reason=getattr(error, "strerror", None) or str(error)
                )
                raise Refused([Trouble("file", wrong.message)]) from None
            asked: Executor = executor  # type: ignore[assignment]
            return asked.apis.import_document(text, by=person())

        def done(detail: ApiDetail) -> None:
            self.search.clear()
            self._published(detail)

        def refused(problems: Sequence[Problem]) -> None:
            self.ground.complain([*problems])

        self.ground.ask(self, work, done, refused)


def _line(brief: ApiBrief) -> Line:
    sign, shade, word = LIFE[brief.lifecycle]
    problems = Cell(number(brief.problems), "triangle-alert", "warning") if brief.problems else Cell("")
    cells = (
        Cell(brief.name or brief.id, more=brief.summary), Cell(brief.version), Cell(_(word), sign, shade), Cell(brief.path), Cell(brief.owner),
        Cell(", ".join(brief.tags)), Cell(number(brief.consumers) if brief.consumers else ""), problems,
    )  # fmt: skip
    return Line(brief.key, brief, cells)
