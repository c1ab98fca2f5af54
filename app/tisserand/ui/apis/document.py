"""The OpenAPI document of a version: as a form, as trees of operations and schemas, and as text, with what is wrong beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
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
from tisserand.ui.apis.doctree import DocTree, Path, operation_lines, schema_lines, with_edits
from tisserand.ui.apis.parts import Foot, quiet, tell
from tisserand.ui.apis.words import sentences
from tisserand.ui.apis.written import Written
from tisserand.ui.canvas.state import number
from tisserand.ui.panels.source import NumberedText
from tisserand.ui.theme import mono

if TYPE_CHECKING:
    from tisserand.service.apis.calls import ApiDetail
    from tisserand.ui.supervision.ground import Ground

TYPED = 400
"""Milliseconds of quiet after which a written text is looked at."""
LISTED = 200
"""Problems that are listed: lint finds thousands in a large document."""
PROBLEM = Qt.ItemDataRole.UserRole


@dataclass(frozen=True, slots=True)
class _Aside:
    """What was written about a version and not kept, upon the document that was read."""

    detail: ApiDetail
    title: str
    summary: str
    operations: Mapping[Path, str]
    schemas: Mapping[Path, str]
    text: str


class DocumentTab(Written):
    """Faces of one document: what is changed in any of them is kept by the same button. The text and the others are not written in
    at the same time: while one differs, the other cannot be changed."""

    def __init__(self, ground: Ground, kept: Callable[[], object]) -> None:
        super().__init__(ground)
        self._kept = kept
        self._document: Mapping[str, Any] = {}
        self._written = ""
        self.note = quiet()
        self.note.setContentsMargins(10, 6, 10, 2)
        self.title, self.summary = QLineEdit(), QPlainTextEdit()
        self.title.setAccessibleName(_("Title"))
        self.summary.setAccessibleName(_("What it is for"))
        self.summary.setTabChangesFocus(True)
        form = QWidget()
        inner = QVBoxLayout(form)
        inner.setContentsMargins(10, 12, 10, 10)
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
        self.written = split
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        for face, word in (
            (form, _("Form")), (self.operations, _("Operations")), (self.schemas, _("Schemas")), (split, _("Text")),
        ):  # fmt: skip
            self.tabs.addTab(face, word)
        self.foot = Foot(_("Keep the document"), self.keep, self.take_back)
        self.save, self.undo, self.said = self.foot.save, self.foot.undo, self.foot.said
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.note)
        box.addWidget(self.tabs, 1)
        box.addWidget(self.foot)
        self._typed = QTimer(self)
        self._typed.setSingleShot(True)
        self._typed.setInterval(TYPED)
        self._typed.timeout.connect(self._look)
        self._showing = self._keeping = self._was_dirty = False
        self._unseen: set[QWidget | None] = {self.operations, self.schemas, self.written}
        self._wrong: Sequence[Problem] = ()
        self.tabs.currentChanged.connect(lambda _at: self._see(self.tabs.currentWidget()))
        self.title.textChanged.connect(self._fit)
        self.summary.textChanged.connect(self._fit)
        self.operations.edited.connect(self._fit)
        self.schemas.edited.connect(self._fit)
        self.text.textChanged.connect(self._text_changed)
        self.problems.itemActivated.connect(self._go_to)
        self.problems.itemClicked.connect(self._go_to)

    # -- showing -------------------------------------------------------------------------------------------------------
    def show_detail(self, detail: ApiDetail) -> None:
        """Another version. What is being written is not taken away: it waits where another one is looked at meanwhile. The same one as
        it was moves nothing."""
        if self.detail is not None and detail.brief.key == self.detail.brief.key and (
            self.dirty() or self._writing() or detail == self.detail
        ):  # fmt: skip
            return
        self.put_aside()
        aside: _Aside | None = self.taken_up(detail.brief.key)
        self._fill(detail if aside is None else aside.detail)
        if aside is not None:
            self._restore(aside)

    def _fill(self, detail: ApiDetail) -> None:
        self.detail = detail
        self._document = detail.document or {}
        self._showing = True
        self.title.setText(self._info("title"))
        self.summary.setPlainText(self._info("description"))
        self._unseen = {self.operations, self.schemas, self.written}
        for tree in (self.operations, self.schemas):
            tree.edits = {}
        self._written = _shown(detail.text) or (_dumped(self._document) if self._document else "")
        self._see(self.tabs.currentWidget())
        self._list(detail.problems)
        self._showing = False
        self.foot.say("")
        self._fit()

    def _see(self, face: QWidget | None) -> None:
        """The trees and the text of a large document take their time: each is made when it is looked at."""
        if face not in self._unseen:
            return
        self._unseen.discard(face)
        before, self._showing = self._showing, True
        if face is self.operations:
            self.operations.show_lines(operation_lines(self._document))
        elif face is self.schemas:
            self.schemas.show_lines(schema_lines(self._document))
        else:
            self.text.setPlainText(self._written)
            self._mark()
        self._showing = before

    def written_aside(self) -> _Aside:
        assert self.detail is not None
        return _Aside(
            self.detail, self.title.text(), plain_text(self.summary), dict(self.operations.edits), dict(self.schemas.edits),
            self._text(),
        )  # fmt: skip

    def _restore(self, aside: _Aside) -> None:
        self._showing = True
        self.title.setText(aside.title)
        self.summary.setPlainText(aside.summary)
        for tree, edits in ((self.operations, aside.operations), (self.schemas, aside.schemas)):
            if edits:
                self._see(tree)
                tree.write(edits)
        self._see(self.written)
        self.text.setPlainText(aside.text)
        self._showing = False
        self.foot.say(_("What you wrote here is not kept yet."))
        self._fit()
        self._look()

    def forget(self) -> None:
        """Another workspace: its versions are others. What is written about those of this one waits until it is looked at again."""
        self.put_aside()
        self.detail = None

    def _info(self, name: str) -> str:
        info = self._document.get("info")
        return str(info.get(name) or "") if isinstance(info, Mapping) else ""

    def text_changed(self) -> bool:
        """Whether the text differs from what is kept."""
        return self._text() != self._written

    def _text(self) -> str:
        return self._written if self.written in self._unseen else plain_text(self.text)

    def form_changed(self) -> bool:
        """Whether one of the other faces differs."""
        told = (self.title.text(), plain_text(self.summary))
        return (
            told != (self._info("title"), _shown(self._info("description")))
            or bool(self.operations.edits)
            or bool(self.schemas.edits)
        )

    def _writing(self) -> bool:
        """Whether a cell of a tree is being written in."""
        return any(tree.state() == tree.State.EditingState for tree in (self.operations, self.schemas))

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
            field.setReadOnly(generated or text or self._keeping or not self._document)
        self.operations.fixed = self.schemas.fixed = generated or text or self._keeping
        self.text.setReadOnly(generated or form or self._keeping)
        self.save.setEnabled(not generated and (text or form) and not self._keeping)
        self.undo.setEnabled((text or form) and not self._keeping)
        lost = form and any(line.lstrip().startswith("#") for line in self._written.splitlines())
        told = _("Generated from the flow: it changes with it.") if generated else ""
        if lost:
            told = _("Kept from here, the document loses the comments of its text: change it there to keep them.")
        tell(self.note, told, "warning" if lost else "muted")
        self.note.setVisible(bool(told))
        if (text or form) != self._was_dirty:
            self._was_dirty = text or form
            self.changed.emit()

    def _text_changed(self) -> None:
        if not self._showing:
            self._typed.start()
            self._fit()

    def _look(self) -> None:
        """Whether what is written can be read, beside the window; what else is wrong is told when it is kept."""
        text = self._text()
        if text == self._written:
            if self.detail is not None:
                self._list(self.detail.problems)
            return

        def come(problems: list[Problem]) -> None:
            if text == self._text():
                self._list(problems)

        self.ground.ask(self, lambda _executor: _unreadable(text), come)

    def _list(self, problems: Sequence[Problem]) -> None:
        self.problems.clear()
        for problem in problems[:LISTED]:
            line = f"{problem.place.line}: " if problem.place.line else ""
            item = QListWidgetItem(line + sentences([problem]))
            item.setData(PROBLEM, problem)
            self.problems.addItem(item)
        if len(problems) > LISTED:
            rest = QListWidgetItem(_("… and {count} more.").format(count=number(len(problems) - LISTED)))
            rest.setFlags(Qt.ItemFlag.ItemIsEnabled)
            self.problems.addItem(rest)
        self.problems.setVisible(bool(problems))
        self._wrong = [each for each in problems if each.place.line and each.severity == "error"]
        self._mark()

    def _mark(self) -> None:
        if self.written not in self._unseen:
            self.text.mark(self._wrong)

    def _go_to(self, item: QListWidgetItem) -> None:
        problem = item.data(PROBLEM)
        if problem is not None and problem.place.line:
            self.text.go_to(problem.place.line, problem.place.column or 1)

    # -- keeping -------------------------------------------------------------------------------------------------------
    def take_back(self) -> None:
        """As it was kept."""
        if self.detail is not None:
            self._fill(self.detail)
            self._kept()

    def keep(self) -> None:
        """Have the executor check and keep it."""
        detail = self.detail
        if detail is None or not self.dirty():
            return
        text = self._text() if self.text_changed() else _dumped(self._changed())
        brief, root = detail.brief, self.root
        self._freeze(True)

        def done(new: ApiDetail) -> None:
            self._freeze(False)
            self.kept(root, new.brief.key)
            if self.detail is not None and self.detail.brief.key == new.brief.key:
                self._fill(new)
                self.foot.say(_("The document is kept."))
            self._kept()

        def refused(problems: Sequence[Problem]) -> None:
            self._freeze(False)
            if self.detail is not None and self.detail.brief.key == brief.key:
                self._list(problems)
                self.foot.say(sentences(problems[:2]), role="error")
            else:
                self.ground.complain([*problems])

        self.ground.ask(
            self, lambda executor: executor.apis.set_document(brief.id, brief.version, text, person(), detail.document_hash), done, refused
        )  # fmt: skip

    def _freeze(self, on: bool) -> None:
        """While it is being kept, nothing is written that would be neither kept nor seen again."""
        self._keeping = on
        self._fit()

    def _changed(self) -> dict[str, Any]:
        """The document with what the form and the trees say."""
        found = with_edits(self._document, {**self.operations.edits, **self.schemas.edits})
        found["info"] = {**(found.get("info") or {}), "title": self.title.text(), "description": plain_text(self.summary)}
        return found


def plain_text(field: QPlainTextEdit) -> str:
    """What stands in a field. `toPlainText` would make a space of a no-break space, which French has before its colons."""
    return field.document().toRawText().replace("\u2029", "\n")


def _shown(text: str) -> str:
    """As a text field gives it back."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2029", "\n")


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
