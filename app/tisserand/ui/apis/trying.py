"""A test call of an API in place: an operation, its parameters and body, and the answer as it can be looked at."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from tisserand.texts import translate as _
from tisserand.ui.announce import announce
from tisserand.ui.apis.parts import quiet, tell
from tisserand.ui.apis.words import sentences
from tisserand.ui.canvas.state import number
from tisserand.ui.theme import mono

if TYPE_CHECKING:
    from tisserand.model.problem import Problem
    from tisserand.service.apis.calls import Answered, ApiBrief, ApiDetail
    from tisserand.service.protocol import Executor
    from tisserand.service.published.calls import Suitability
    from tisserand.ui.window import Window

STARTING = 15.0
"""Seconds that the process of a flow may take to begin."""
LONGEST, WIDEST = 100_000, 2_000
"""Characters of an answer, and of one line of it, that are shown."""


class Trying(QWidget):
    """A published API: its document, and a call."""

    def __init__(self, window: Window, ask: Callable[..., None]) -> None:
        super().__init__()
        self._ask = ask
        self.address = quiet()
        self.operation = QComboBox()
        self.operation.setAccessibleName(_("Operation"))
        self.fields: dict[str, tuple[str, QLineEdit]] = {}
        self.form = QFormLayout()
        self.form.setVerticalSpacing(8)
        self.form.setHorizontalSpacing(14)
        self.body = QPlainTextEdit()
        self.body.setAccessibleName(_("Body"))
        self.body.setFont(mono(12))
        self.body.setTabChangesFocus(True)
        self.body.setMaximumHeight(130)
        self.send = QPushButton(_("Send"))
        self.send.setAutoDefault(False)
        self.send.setProperty("primary", True)
        self.send.clicked.connect(self.call)
        self.status = QLabel()
        self.status.setWordWrap(True)
        self.answer = QPlainTextEdit()
        self.answer.setReadOnly(True)
        self.answer.setFont(mono(12))
        self.answer.setAccessibleName(_("Answer"))
        self.headers = QPlainTextEdit()
        self.headers.setReadOnly(True)
        self.headers.setFont(mono(12))
        self.headers.setAccessibleName(_("Headers of the answer"))
        self.answers = QTabWidget()
        self.answers.setDocumentMode(True)
        self.answers.addTab(self.answer, _("Answer"))
        self.answers.addTab(self.headers, _("Headers"))
        self.document = QPlainTextEdit()
        self.document.setReadOnly(True)
        self.document.setFont(mono(12))
        self.document.setAccessibleName(_("The document as text"))
        call = QWidget()
        box = QVBoxLayout(call)
        box.setContentsMargins(0, 10, 0, 0)
        box.setSpacing(8)
        row = QHBoxLayout()
        row.addWidget(self.operation, 1)
        row.addWidget(self.send)
        box.addLayout(row)
        box.addLayout(self.form)
        box.addWidget(self.body)
        box.addWidget(self.status)
        box.addWidget(self.answers, 1)
        tabs = QTabWidget()
        tabs.setDocumentMode(True)
        tabs.addTab(call, _("Try it"))
        tabs.addTab(self.document, _("Document"))
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(8)
        outer.addWidget(self.address)
        outer.addWidget(tabs, 1)
        self.operation.currentIndexChanged.connect(lambda _at: self._show_operation())
        self.detail: ApiDetail | None = None

    def show_api(self, detail: ApiDetail, suited: Suitability | None) -> None:
        """What can be called."""
        self.detail = detail
        self.address.setText(
            _("“{api}” is published under {path}. Subscribe consumers, then push it to a gateway.").format(
                api=detail.brief.key, path=detail.brief.path
            )
        )
        self.document.setPlainText(json.dumps(detail.document, indent=2, ensure_ascii=False))
        self.operation.clear()
        for each in suited.operations if suited is not None else ():
            method, path = each["method"], each["path"]
            self.operation.addItem(f"{method} {path}", dict(each))

    def _show_operation(self) -> None:
        told: Mapping[str, Any] = self.operation.currentData() or {}
        while self.form.rowCount():
            self.form.removeRow(0)
        self.fields.clear()
        for each in told.get("parameters") or ():
            line = QLineEdit(str(each.get("example") or each.get("default") or ""))
            name, told_of = str(each["name"]), str(each.get("help") or "")
            line.setAccessibleName(name)
            line.setPlaceholderText(told_of)
            self.fields[name] = (str(each.get("place")), line)
            self.form.addRow(f"{name} *" if each.get("required") else name, line)
        example = self._example()
        self.body.setPlainText(json.dumps(example, indent=2, ensure_ascii=False) if example is not None else "")
        self.body.setVisible(example is not None)

    def _example(self) -> Any:
        """The example of the body in the document."""
        told = self.operation.currentData() or {}
        document = (self.detail.document if self.detail is not None else None) or {}
        operation = document.get("paths", {}).get(told.get("path"), {}).get(str(told.get("method")).lower(), {})
        content = operation.get("requestBody", {}).get("content", {})
        return next((each.get("example") for each in content.values()), None)

    def call(self) -> None:
        """Send it, through the executor: with the credential of a gateway, for this call only."""
        from urllib.parse import quote, urlencode

        detail, told = self.detail, self.operation.currentData()
        if detail is None or not told:
            return
        path, query, headers = str(told["path"]), {}, {}
        for name, (place, line) in self.fields.items():
            text = line.text()
            if place == "path":
                path = path.replace(f"{{{name}}}", quote(text, safe=""))
            elif text and place == "query":
                query[name] = text
            elif text:
                headers[name] = text
        body = self.body.toPlainText() if self.body.isVisibleTo(self) else ""
        if body:
            headers["content-type"] = "application/json"
        address = path + (f"?{urlencode(query)}" if query else "")
        method, brief = str(told["method"]), detail.brief
        self.send.setEnabled(False)
        self._say(_("Waiting for the answer …"), "muted")

        def ask(executor: Executor) -> tuple[Answered, str]:
            answered = _once_served(
                executor, brief, lambda: executor.apis.call(brief.id, brief.version, method, address, headers, body)
            )
            return answered, shown(answered)

        def come(found: tuple[Answered, str]) -> None:
            answered, text = found
            self.send.setEnabled(True)
            self._say(_("Status {status} after {ms} ms").format(status=answered.status, ms=answered.ms), _shade(answered.status))
            self.answer.setPlainText(text)
            self.headers.setPlainText("\n".join(f"{name}: {value}" for name, value in answered.headers.items()))
            announce(self.status, self.status.text())

        def refused(problems: Sequence[Problem]) -> None:
            self.send.setEnabled(True)
            self._say(sentences(problems), "error")

        self._ask(ask, come, refused)

    def _say(self, text: str, role: str) -> None:
        tell(self.status, text, role)


def _shade(status: int) -> str:
    """The role of the line that tells a status."""
    return "result" if status < 400 else "warning" if status < 500 else "error"


def _once_served(executor: Executor, brief: ApiBrief, call: Callable[[], Answered]) -> Answered:
    """The answer; of a flow that was published just now, as soon as its process is there. Beside the window."""
    from tisserand.service.protocol import Refused

    end = time.monotonic() + STARTING
    while True:
        try:
            return call()
        except Refused:
            states = [each.state for each in executor.published.list() if (each.api, each.version) == (brief.id, brief.version)]
            if "starting" not in states or time.monotonic() > end:
                raise
        time.sleep(0.2)


def shown(answered: Answered) -> str:
    """The body as it can be looked at: laid out where it is JSON, cut where it is long, and in words where it is no text."""
    text = answered.body
    odd = sum(each == "\ufffd" or (each < " " and each not in "\t\n\r\f") for each in text[:2000])
    if odd * 20 > len(text[:2000]):
        headers = {name.lower(): value for name, value in answered.headers.items()}
        kind, size = headers.get("content-type") or "?", headers.get("content-length") or str(len(text))
        return _("The answer is no text: {type}, {size} bytes.").format(type=kind, size=size)
    try:
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        pass  # it is shown as it came
    lines = [line if len(line) <= WIDEST else f"{line[:WIDEST]} …" for line in text[:LONGEST].split("\n")]
    if len(text) > LONGEST:
        lines += ["…", _("It is longer: these are its first {count} characters.").format(count=number(LONGEST))]
    return "\n".join(lines)
