"""*Publish as API*: five fields, what speaks against it, the document that is made, and a test call in place."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from tisserand.service.person import person
from tisserand.texts import N_
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


MODES: tuple[tuple[str, str], ...] = (("sync", N_("Wait for the answer")), ("async", N_("Start a job to ask for")))
"""How a flow answers: value and word."""
STARTING = 15.0
"""Seconds that the process of a flow may take to begin."""
LONGEST, WIDEST = 100_000, 2_000
"""Characters of an answer, and of one line of it, that are shown."""


class PublishDialog(QDialog):
    """Asks for a flow (where none is given), and publishes it."""

    def __init__(self, window: Window, flow: tuple[str, str] | None, done: Callable[[ApiDetail], object] | None = None) -> None:
        """`flow`: its id and its title."""
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("publish")
        self.setWindowTitle(_("Publish as API"))
        self.resize(min(760, window.width() - 40), min(600, window.height() - 60))
        self._window, self._done = window, done
        self.detail: ApiDetail | None = None
        self.flow = QComboBox()
        self.id, self.version, self.name, self.path = QLineEdit(), QLineEdit("1"), QLineEdit(), QLineEdit()
        self.mode = QComboBox()
        for value, word in MODES:
            self.mode.addItem(_(word), value)
        form = QFormLayout()
        form.setSpacing(10)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows: list[tuple[str, QWidget]] = [
            (_("Flow"), self.flow), (_("Id"), self.id), (_("Version"), self.version), (_("Name"), self.name), (_("Path"), self.path),
            (_("Callers"), self.mode),
        ]  # fmt: skip
        for text, field in rows:
            field.setAccessibleName(text)
            form.addRow(text, field)
        heading = QLabel(_("Publish as API"))
        heading.setProperty("role", "title")
        about = quiet(
            _(
                "The flow answers calls from a process of its own. Everybody who calls needs a key; nothing listens beyond this machine."
            )
        )
        self.told = quiet()
        self.instead = QPushButton(_("Answer by a job instead"))
        self.instead.setAutoDefault(False)
        self.instead.clicked.connect(lambda: self.mode.setCurrentIndex(1))
        self.instead.hide()
        self.asking = QWidget()
        inner = QVBoxLayout(self.asking)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(12)
        inner.addWidget(about)
        inner.addLayout(form)
        inner.addWidget(self.told)
        inner.addWidget(self.instead, 0, Qt.AlignmentFlag.AlignLeft)
        inner.addStretch(1)
        self.trying = Trying(window, self._asked)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.asking)
        self.stack.addWidget(self.trying)
        self.publish = QPushButton(_("Publish"))
        self.publish.setDefault(True)
        self.publish.setProperty("primary", True)
        self.publish.clicked.connect(self.publish_now)
        close = QPushButton(_("Close"))
        close.setAutoDefault(False)
        close.clicked.connect(self.reject)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(close)
        foot.addWidget(self.publish)
        box = QVBoxLayout(self)
        box.setContentsMargins(24, 20, 24, 18)
        box.setSpacing(12)
        box.addWidget(heading)
        box.addWidget(self.stack, 1)
        box.addLayout(foot)
        self.flow.currentIndexChanged.connect(lambda _at: self._chosen())
        self.id.textEdited.connect(lambda text: self.path.setText(f"/{text}"))
        self.mode.currentIndexChanged.connect(lambda _at: self._fit())
        self._suited: Suitability | None = None
        if flow is not None:
            self.flow.addItem(flow[1] or flow[0], flow[0])
            self.flow.setEnabled(False)
        else:
            self._ask(lambda executor: executor.figures.flows(0.0), self._named)
        self._fit()

    # -- the flow ------------------------------------------------------------------------------------------------------
    def _named(self, found: Sequence[Any]) -> None:
        for each in sorted(found, key=lambda each: str(each.title or each.flow).casefold()):
            self.flow.addItem(each.title or each.flow, each.flow)
        if not found:
            self.told.setText(
                _("There is no flow in this folder yet. Make one that begins with a request and ends with a reply.")
            )

    def _chosen(self) -> None:
        flow = self.flow.currentData()
        if not flow:
            return
        slug = re.sub(r"[^a-z0-9]+", "-", str(flow).lower()).strip("-")[:60]
        self.id.setText(slug)
        self.path.setText(f"/{slug}")
        self.name.setText(self.flow.currentText())
        self._suited = None
        self.told.setText(_("Looking at the flow …"))
        self._role(self.told, "muted")
        self.instead.hide()
        self._fit()

        def come(suited: Suitability) -> None:
            if flow == self.flow.currentData():
                self._suited = suited
                self.mode.setCurrentIndex(self.mode.findData(suited.mode))
                self._fit()

        self._ask(lambda executor: executor.published.suits(str(flow)), come)

    def _fit(self) -> None:
        suited = self._suited
        wrong = suited is None or any(each.severity == "error" for each in suited.problems)
        self.publish.setEnabled(not wrong and self.detail is None)
        if suited is None:
            return
        warned = [each for each in suited.problems if each.severity != "error"]
        text = sentences(suited.problems)
        if not suited.problems:
            text = (
                _("Every row goes through by itself: answers take milliseconds.")
                if suited.rowwise
                else _("It answers from a warm database.")
            )
        self.told.setText(text)
        self._role(self.told, "error" if wrong else "muted")
        self.instead.setVisible(bool(warned) and not wrong and self.mode.currentData() == "sync")

    # -- publishing ----------------------------------------------------------------------------------------------------
    def publish_now(self) -> None:
        """Make and publish it; what stands in the way is told."""
        from tisserand.service.apis.calls import PublishRequest

        request = PublishRequest(
            str(self.flow.currentData()), self.id.text().strip(), self.version.text().strip(), self.name.text().strip(), self.path.text().strip(),
            self.mode.currentData(), person(),
        )  # fmt: skip
        self.publish.setEnabled(False)
        self.told.setText(_("Publishing …"))
        self._role(self.told, "muted")

        def come(detail: ApiDetail) -> None:
            self.detail = detail
            self.publish.hide()
            self.trying.show_api(detail, self._suited)
            self.stack.setCurrentWidget(self.trying)
            # From here on Enter sends.
            self.trying.send.setDefault(True)
            self.trying.send.setFocus(Qt.FocusReason.OtherFocusReason)
            if self._done is not None:
                self._done(detail)

        def refused(problems: Sequence[Problem]) -> None:
            self._fit()
            self.told.setText(sentences(problems))
            self._role(self.told, "error")
            self.publish.setEnabled(True)
            if any(each.code == "api.there" for each in problems):
                self.id.setFocus(Qt.FocusReason.OtherFocusReason)
                self.id.selectAll()

        self._ask(lambda executor: executor.apis.publish_flow(request), come, refused)

    # -- inner parts ---------------------------------------------------------------------------------------------------
    def _asked(
        self, question: Callable[[Executor], Any], then: Callable[[Any], object], failed: Callable[[Sequence[Problem]], object]
    ) -> None:
        self._ask(question, then, failed)

    def _ask(
        self, question: Callable[[Executor], Any], then: Callable[[Any], object], failed: Callable[[Sequence[Problem]], object] | None = None
    ) -> None:  # fmt: skip
        from shiboken6 import isValid

        root = self._window.runner.root
        if root is None:
            self.told.setText(_("Save the flow first: an API belongs to the folder that it is in."))
            return
        runner = self._window.runner

        def come(answer: Any) -> None:
            if isValid(self):
                then(answer)

        def refuse(problems: list[Problem]) -> None:
            if isValid(self):
                if failed is not None:
                    failed(problems)
                else:
                    self.told.setText(sentences(problems))
                    self._role(self.told, "error")

        self._window.background.do(lambda: question(runner.executor(root)), come, refuse)

    @staticmethod
    def _role(label: QLabel, role: str) -> None:
        tell(label, label.text(), role)


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
