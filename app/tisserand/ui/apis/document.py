"""The OpenAPI document of a version: as a form of what people read, and as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import yaml
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPlainTextEdit, QPushButton, QTabWidget, QVBoxLayout, QWidget

from tisserand.service.person import person
from tisserand.texts import translate as _
from tisserand.ui.apis.parts import quiet
from tisserand.ui.apis.words import sentences
from tisserand.ui.theme import mono

if TYPE_CHECKING:
    from tisserand.model.problem import Problem
    from tisserand.service.apis.calls import ApiDetail
    from tisserand.ui.supervision.ground import Ground


class DocumentTab(QWidget):
    """Two faces of one document: what is changed in one is kept by the same button."""

    def __init__(self, ground: Ground, kept: Callable[[], object]) -> None:
        super().__init__()
        self.ground = ground
        self._kept = kept
        self.detail: ApiDetail | None = None
        self.note = quiet()
        self.title, self.summary = QLineEdit(), QLineEdit()
        self.title.setAccessibleName(_("Title"))
        self.summary.setAccessibleName(_("What it is for"))
        self.summaries: dict[tuple[str, str], QLineEdit] = {}
        self.rows = QVBoxLayout()
        self.rows.setSpacing(6)
        form = QWidget()
        inner = QVBoxLayout(form)
        inner.setContentsMargins(14, 10, 14, 10)
        inner.setSpacing(8)
        for text, line in ((_("Title"), self.title), (_("What it is for"), self.summary)):
            inner.addLayout(_row(text, line))
        heading = QLabel(_("What each operation does"))
        heading.setProperty("role", "label")
        inner.addWidget(heading)
        inner.addLayout(self.rows)
        inner.addStretch(1)
        self.text = QPlainTextEdit()
        self.text.setAccessibleName(_("The document as text"))
        self.text.setFont(mono(12))
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setTabChangesFocus(True)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(form, _("Form"))
        self.tabs.addTab(self.text, _("Text"))
        self.save = QPushButton(_("Keep the document"))
        self.save.setAutoDefault(False)
        self.save.clicked.connect(self.keep)
        self.said = QLabel()
        self.said.setWordWrap(True)
        foot = QHBoxLayout()
        foot.setContentsMargins(14, 4, 14, 4)
        foot.addWidget(self.said, 1)
        foot.addWidget(self.save)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        self.note.setContentsMargins(14, 6, 14, 2)
        box.addWidget(self.note)
        box.addWidget(self.tabs, 1)
        box.addLayout(foot)
        self._written = ""

    def show_detail(self, detail: ApiDetail) -> None:
        """Another version. What is being written is not taken away."""
        if self.detail is not None and detail.brief.key == self.detail.brief.key and self.dirty():
            return
        self.detail = detail
        document = detail.document or {}
        self.note.setText(_("Generated from the flow: it changes with it.") if detail.generated else "")
        self.note.setVisible(detail.generated)
        info = document.get("info") if isinstance(document.get("info"), Mapping) else {}
        self.title.setText(str((info or {}).get("title") or ""))
        self.summary.setText(str((info or {}).get("description") or ""))
        while self.rows.count():
            taken = self.rows.takeAt(0)
            _drop(taken.layout() if taken is not None else None)
        self.summaries.clear()
        for path, method, told in _each(document):
            line = QLineEdit(str(told.get("summary") or ""))
            line.setAccessibleName(f"{method.upper()} {path}")
            self.summaries[path, method] = line
            self.rows.addLayout(_row(f"{method.upper()} {path}", line))
        self._written = (
            yaml.dump(dict(document), Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=100) if document else ""
        )
        self.text.setPlainText(self._written)
        self.save.setEnabled(not detail.generated)
        for line in (self.title, self.summary, *self.summaries.values()):
            line.setReadOnly(detail.generated)
        self.text.setReadOnly(detail.generated)
        self._say("")

    def dirty(self) -> bool:
        """Whether something was written that is not kept."""
        return self.text.toPlainText() != self._written or self._form() != self._read()

    def keep(self) -> None:
        """Have the executor check and keep it."""
        detail = self.detail
        if detail is None:
            return
        text = self.text.toPlainText()
        if text == self._written and detail.document is not None:
            text = yaml.dump(
                self._changed(detail.document), Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=100
            )
        brief = detail.brief

        def done(new: ApiDetail) -> None:
            self.detail = None
            self.show_detail(new)
            self._say(_("The document is kept."))
            self._kept()

        def refused(problems: Sequence[Problem]) -> None:
            self._say(sentences(problems), "error")

        self.ground.ask(self, lambda executor: executor.apis.set_document(brief.id, brief.version, text, person()), done, refused)

    def _form(self) -> tuple[str, ...]:
        return (self.title.text(), self.summary.text(), *(line.text() for line in self.summaries.values()))

    def _read(self) -> tuple[str, ...]:
        document = (self.detail.document if self.detail is not None else None) or {}
        info = document.get("info") if isinstance(document.get("info"), Mapping) else {}
        told = [str(each.get("summary") or "") for _path, _method, each in _each(document)]
        return (str((info or {}).get("title") or ""), str((info or {}).get("description") or ""), *told)

    def _changed(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The document with what the form says."""
        info = {**(document.get("info") or {}), "title": self.title.text(), "description": self.summary.text()}
        paths = {
            path: {
                method: {**told, "summary": self.summaries[path, method].text()} if (path, method) in self.summaries else told
                for method, told in item.items()
            }
            for path, item in (document.get("paths") or {}).items()
        }
        return {**document, "info": info, "paths": paths}

    def _say(self, text: str, role: str = "muted") -> None:
        self.said.setText(text)
        self.said.setProperty("role", role)
        self.said.style().unpolish(self.said)
        self.said.style().polish(self.said)


def _each(document: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    from tisserand.ui.apis.facts import METHODS

    paths = document.get("paths")
    return [
        (str(path), method, item[method])
        for path, item in (paths.items() if isinstance(paths, Mapping) else ())
        for method in METHODS
        if isinstance(item, Mapping) and isinstance(item.get(method), Mapping)
    ][:200]


def _row(text: str, line: QLineEdit) -> QHBoxLayout:
    label = QLabel(text)
    label.setProperty("role", "muted")
    label.setFixedWidth(220)
    label.setBuddy(line)
    row = QHBoxLayout()
    row.addWidget(label)
    row.addWidget(line, 1)
    return row


def _drop(layout: Any) -> None:
    while layout is not None and layout.count():
        widget = layout.takeAt(0).widget()
        if widget is not None:
            widget.deleteLater()
