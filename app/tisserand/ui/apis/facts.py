"""The facts of one version: what it is, where it is found, what answers, its operations, and what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QTextOption
from PySide6.QtWidgets import QFormLayout, QFrame, QHBoxLayout, QLabel, QSizePolicy, QTextEdit, QVBoxLayout, QWidget

from tisserand.texts import translate as _
from tisserand.ui.apis.doctree import operations
from tisserand.ui.apis.parts import quiet
from tisserand.ui.apis.words import LIFE
from tisserand.ui.scrolling import scrolled
from tisserand.ui.supervision.listed import Cell, Line, Listed, follow
from tisserand.ui.supervision.table import Column, Table

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from tisserand.service.apis.calls import ApiDetail


class _Whole(QTextEdit):
    """A text that is seen whole: an address that is longer than its column is broken where it must be, and copied as it is."""

    def __init__(self, text: str, spoken: str) -> None:
        super().__init__()
        self.setObjectName("whole")
        self.setReadOnly(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        for turn in (self.setVerticalScrollBarPolicy, self.setHorizontalScrollBarPolicy):
            turn(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setAutoFillBackground(False)
        self.document().setDocumentMargin(0)
        self.setAccessibleName(spoken)
        self.setPlainText(text)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        self.setFixedHeight(max(self.fontMetrics().height(), math.ceil(self.document().size().height())))


class Facts(QWidget):
    """At the left the facts, at the right the operations, below the problems."""

    def __init__(self) -> None:
        super().__init__()
        self.form = QFormLayout()
        self.form.setContentsMargins(10, 12, 10, 8)
        self.form.setHorizontalSpacing(16)
        self.form.setVerticalSpacing(7)
        self.form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        holder = QWidget()
        inner = QVBoxLayout(holder)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addLayout(self.form)
        inner.addStretch(1)
        holder.setObjectName("page")
        area = scrolled(stop=True)
        area.setAccessibleName(_("Facts"))
        area.setWidget(holder)
        area.setMinimumWidth(280)
        columns = (Column(_("Method"), 76), Column(_("Path"), 140, 2), Column(_("What it does"), 120, 3))
        self.operations = Table(columns, _("Operations"))
        self.model = Listed(columns)
        follow(self.operations, self.model, lambda: None)
        self.problems = quiet()
        self.problems.setContentsMargins(10, 2, 10, 6)
        row = QHBoxLayout()
        row.setSpacing(0)
        row.addWidget(area, 2)
        self.none = quiet(
            _("It has no OpenAPI document yet, so nobody knows its operations. “Document” is where one is written or pasted.")
        )
        self.none.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.none.setContentsMargins(40, 10, 40, 30)
        row.addWidget(self.none, 3)
        row.addWidget(self.operations, 3)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addLayout(row, 1)
        box.addWidget(self.problems)
        self._shown: Any = None

    def show_detail(self, detail: ApiDetail) -> None:
        """Another version, or the same as it is now."""
        if detail == self._shown:
            return
        self._shown = detail
        while self.form.rowCount():
            self.form.removeRow(0)
        for title, value in _facts(detail):
            if value:
                name = QLabel(title)
                name.setProperty("role", "muted")
                name.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
                self.form.addRow(name, _Whole(value, f"{title}: {value}"))
        self.model.take(_operations(detail))
        self.none.setVisible(detail.document is None and not detail.problems)
        self.operations.setVisible(self.none.isHidden())
        lines = [
            f"{'⚠' if each.severity == 'warning' else '✕'} {each.message.text()} {each.fix.text() if each.fix is not None else ''}".rstrip()
            for each in detail.problems[:4]
        ]
        more = len(detail.problems) - len(lines)
        if more > 0:
            lines.append(_("… and {count} more.").format(count=more))
        self.problems.setText("\n".join(lines))
        self.problems.setVisible(bool(lines))


def _facts(detail: ApiDetail) -> list[tuple[str, str]]:
    data, brief = detail.data, detail.brief
    upstream: Mapping[str, Any] = data["upstream"]
    answers = (
        _("the flow “{flow}”").format(flow=upstream["flow"])
        if upstream["flow"]
        else ", ".join(t["url"] for t in upstream["targets"])
    )
    ways = {
        "api_key": _("API key"), "jwt": _("Token (JWT)"), "basic": _("Name and password"), "mtls": _("Certificate"),
        "open": _("Nobody is asked"),
    }  # fmt: skip
    return [
        (_("Name"), brief.name), (_("Id and version"), brief.key), (_("Stage"), _(LIFE[brief.lifecycle][2])),
        (_("Ends on"), str(data.get("sunset") or "")), (_("Owner"), brief.owner), (_("Path"), brief.path), (_("Answered by"), answers),
        (_("Proof"), ", ".join(ways[way["kind"]] for way in data["security"])), (_("Plans"), ", ".join(data["plans"])),
        (_("Tags"), ", ".join(brief.tags)), (_("Policies"), _policies(data["policies"])), (_("File"), brief.file),
    ]  # fmt: skip


def _policies(data: Mapping[str, Any]) -> str:
    """Which policies are set, in words."""
    found = []
    if data["cors"]:
        found.append(_("web pages of {origins}").format(origins=", ".join(data["cors"]["origins"])))
    if data["max_body"]:
        found.append(_("bodies up to {size}").format(size=data["max_body"]))
    if data["ip_allow"]:
        found.append(_("only from {networks}").format(networks=", ".join(data["ip_allow"])))
    if data["ip_deny"]:
        found.append(_("not from {networks}").format(networks=", ".join(data["ip_deny"])))
    if any(data[name][part] for name in ("request_headers", "response_headers") for part in ("set", "remove")):
        found.append(_("headers are changed"))
    return "; ".join(found)


def _operations(detail: ApiDetail) -> list[Line]:
    return [
        Line(
            (method, path), told, (Cell(method.upper()), Cell(path), Cell(str(told.get("summary") or told.get("description") or ""))),
        )
        for path, method, told in operations(detail.document or {})
    ]  # fmt: skip
