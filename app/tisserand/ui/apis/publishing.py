"""*Publish as API*: five fields, what speaks against it, the document that is made, and a test call in place."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from tisserand.service.person import person
from tisserand.texts import N_
from tisserand.texts import translate as _
from tisserand.ui.apis.parts import quiet, tell
from tisserand.ui.apis.trying import Trying
from tisserand.ui.apis.words import sentences

if TYPE_CHECKING:
    from tisserand.model.problem import Problem
    from tisserand.service.apis.calls import ApiDetail
    from tisserand.service.protocol import Executor
    from tisserand.service.published.calls import Suitability
    from tisserand.ui.window import Window


MODES: tuple[tuple[str, str], ...] = (("sync", N_("Wait for the answer")), ("async", N_("Start a job to ask for")))
"""How a flow answers: value and word."""


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
