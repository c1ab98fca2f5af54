"""The OpenAPI document of a version: as a form, as trees of operations and schemas, and as text, with what is wrong beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import yaml
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from tisserand.model.lenient_yaml import Loader
from tisserand.model.problem import Place, Problem
from tisserand.service.person import person
from tisserand.texts import msg
from tisserand.texts import translate as _
from tisserand.ui.apis.doctree import DocTree, operation_lines, schema_lines, with_edits
from tisserand.ui.apis.parts import quiet
from tisserand.ui.apis.words import sentences
from tisserand.ui.panels.source import NumberedText
from tisserand.ui.theme import mono

if TYPE_CHECKING:
    from tisserand.service.apis.calls import ApiDetail
    from tisserand.ui.supervision.ground import Ground

TYPED = 400
"""Milliseconds of quiet after which a written text is looked at."""
PROBLEM = Qt.ItemDataRole.UserRole


class DocumentTab(QWidget):
    """Faces of one document: what is changed in any of them is kept by the same button. The text and the others are not written in
    at the same time: while one differs, the other cannot be changed."""

    def __init__(self, ground: Ground, kept: Callable[[], object]) -> None:
        super().__init__()
        self.ground = ground
        self._kept = kept
        self.detail: ApiDetail | None = None
        self._document: Mapping[str, Any] = {}
        self._written = ""
        self.note = quiet()
        self.note.setContentsMargins(14, 6, 14, 2)
        self.title, self.summary = QLineEdit(), QPlainTextEdit()
        self.title.setAccessibleName(_("Title"))
        self.summary.setAccessibleName(_("What it is for"))
        self.summary.setTabChangesFocus(True)
        form = QWidget()
        inner = QVBoxLayout(form)
        inner.setContentsMargins(14, 12, 14, 10)
        inner.setSpacing(4)
        for text, field in ((_("Title"), self.title), (_("What it is for"), self.summary)):
            label = QLabel(text)
            label.setProperty("role", "label")
            label.setBuddy(field)
            inner.addWidget(label)
            inner.addWidget(field, 1 if field is self.summary else 0)
            inner.addSpacing(6)
        self.operations = DocTree(_("Operations"), _("Operation"))
        self.schemas = DocTree(_("Schemas"), _("Schema"))
        self.text = NumberedText()
        self.text.setAccessibleName(_("The document as text"))
        self.text.setFont(mono(12))
        self.problems = QListWidget()
        self.problems.setObjectName("problems")
        self.problems.setAccessibleName(_("Problems of the document"))
        self.problems.setWordWrap(True)
        split = QSplitter(Qt.Orientation.Vertical)
        split.setHandleWidth(1)
        split.setChildrenCollapsible(False)
        split.addWidget(self.text)
        split.addWidget(self.problems)
        split.setSizes([300, 70])
        split.setStretchFactor(0, 1)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        for face, word in (
            (form, _("Form")), (self.operations, _("Operations")), (self.schemas, _("Schemas")), (split, _("Text")),
        ):  # fmt: skip
            self.tabs.addTab(face, word)
        self.save = QPushButton(_("Keep the document"))
        self.undo = QPushButton(_("Undo the changes"))
        for button in (self.save, self.undo):
            button.setAutoDefault(False)
        self.save.clicked.connect(self.keep)
        self.undo.clicked.connect(self.take_back)
        self.said = QLabel()
        self.said.setWordWrap(True)
        foot = QHBoxLayout()
        foot.setContentsMargins(14, 6, 14, 6)
        foot.setSpacing(8)
        foot.addWidget(self.said, 1)
        foot.addWidget(self.undo)
        foot.addWidget(self.save)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.note)
        box.addWidget(self.tabs, 1)
        box.addLayout(foot)
        self._typed = QTimer(self)
        self._typed.setSingleShot(True)
        self._typed.setInterval(TYPED)
        self._typed.timeout.connect(self._look)
        self._showing = False
        self.title.textChanged.connect(self._fit)
        self.summary.textChanged.connect(self._fit)
        self.operations.edited.connect(self._fit)
        self.schemas.edited.connect(self._fit)
        self.text.textChanged.connect(self._text_changed)
        self.problems.itemActivated.connect(self._go_to)
        self.problems.itemClicked.connect(self._go_to)

    # -- showing -------------------------------------------------------------------------------------------------------
    def show_detail(self, detail: ApiDetail) -> None:
        """Another version. What is being written is not taken away; the same one as it was moves nothing."""
        if self.detail is not None and detail.brief.key == self.detail.brief.key and (self.dirty() or detail == self.detail):
            return
        self.detail = detail
        self._document = detail.document or {}
        self._showing = True
        self.note.setText(_("Generated from the flow: it changes with it.") if detail.generated else "")
        self.note.setVisible(detail.generated)
        self.title.setText(self._info("title"))
        self.summary.setPlainText(self._info("description"))
        self.operations.show_lines(operation_lines(self._document))
        self.schemas.show_lines(schema_lines(self._document))
        self._written = _dumped(self._document) if self._document else ""
        self.text.setPlainText(self._written)
        self._list(detail.problems)
        self._showing = False
        self._say("")
        self._fit()

    def _info(self, name: str) -> str:
        info = self._document.get("info")
        return str(info.get(name) or "") if isinstance(info, Mapping) else ""

    def text_changed(self) -> bool:
        """Whether the text differs from what is kept."""
        return self.text.toPlainText() != self._written

    def form_changed(self) -> bool:
        """Whether one of the other faces differs."""
        told = (self.title.text(), self.summary.toPlainText())
        return told != (self._info("title"), self._info("description")) or bool(self.operations.edits) or bool(self.schemas.edits)

    def dirty(self) -> bool:
        """Whether something was written that is not kept."""
        return self.text_changed() or self.form_changed()

    def _fit(self) -> None:
        """Who writes in the text does not write in the form, and the other way round: neither would know of the other."""
        if self._showing or self.detail is None:
            return
        generated = self.detail.generated
        text, form = self.text_changed(), self.form_changed()
        for field in (self.title, self.summary):
            field.setReadOnly(generated or text or not self._document)
        self.operations.fixed = self.schemas.fixed = generated or text
        self.text.setReadOnly(generated or form)
        self.save.setEnabled(not generated and (text or form))
        self.undo.setEnabled(text or form)

    def _text_changed(self) -> None:
        if not self._showing:
            self._typed.start()
            self._fit()

    def _look(self) -> None:
        """Whether what is written can be read, beside the window; what else is wrong is told when it is kept."""
        text = self.text.toPlainText()
        if text == self._written:
            if self.detail is not None:
                self._list(self.detail.problems)
            return

        def come(problems: list[Problem]) -> None:
            if text == self.text.toPlainText():
                self._list(problems)

        self.ground.ask(self, lambda _executor: _unreadable(text), come)

    def _list(self, problems: Sequence[Problem]) -> None:
        self.problems.clear()
        for problem in problems:
            line = f"{problem.place.line}: " if problem.place.line else ""
            item = QListWidgetItem(line + sentences([problem]))
            item.setData(PROBLEM, problem)
            self.problems.addItem(item)
        self.problems.setVisible(bool(problems))
        self.text.mark([each for each in problems if each.place.line and each.severity == "error"])

    def _go_to(self, item: QListWidgetItem) -> None:
        place = item.data(PROBLEM).place
        if place.line:
            self.text.go_to(place.line, place.column or 1)

    # -- keeping -------------------------------------------------------------------------------------------------------
    def take_back(self) -> None:
        """As it was kept."""
        detail, self.detail = self.detail, None
        if detail is not None:
            self.show_detail(detail)

    def keep(self) -> None:
        """Have the executor check and keep it."""
        detail = self.detail
        if detail is None or not self.dirty():
            return
        text = self.text.toPlainText() if self.text_changed() else _dumped(self._changed())
        brief = detail.brief
        self.save.setEnabled(False)

        def done(new: ApiDetail) -> None:
            self.detail = None
            self.show_detail(new)
            self._say(_("The document is kept."))
            self._kept()

        def refused(problems: Sequence[Problem]) -> None:
            self._fit()
            self._list(problems)
            self._say(sentences(problems[:2]), "error")

        self.ground.ask(self, lambda executor: executor.apis.set_document(brief.id, brief.version, text, person()), done, refused)

    def _changed(self) -> dict[str, Any]:
        """The document with what the form and the trees say."""
        found = with_edits(self._document, {**self.operations.edits, **self.schemas.edits})
        found["info"] = {**(found.get("info") or {}), "title": self.title.text(), "description": self.summary.toPlainText()}
        return found

    def _say(self, text: str, role: str = "muted") -> None:
        self.said.setText(text)
        self.said.setProperty("role", role)
        self.said.style().unpolish(self.said)
        self.said.style().polish(self.said)


def _dumped(document: Mapping[str, Any]) -> str:
    return yaml.dump(dict(document), Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=100)


def _unreadable(text: str) -> list[Problem]:
    """Why a text is no YAML, and where."""
    try:
        yaml.load(text, Loader=Loader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        message = msg("The file is not valid YAML: {reason}", reason=str(getattr(error, "problem", None) or error))
        place = Place(line=mark.line + 1, column=mark.column + 1) if mark is not None else Place()
        return [Problem("file.yaml", message, None, place)]
    return []
