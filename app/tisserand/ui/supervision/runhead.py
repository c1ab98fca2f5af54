"""The head of a run's page: its state and flow, when, why and by whom; what went wrong and what to do; and the buttons."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from tisserand.texts import translate as _
from tisserand.ui.icons import icon, pixmap
from tisserand.ui.supervision import words
from tisserand.ui.supervision.hands import can
from tisserand.ui.supervision.repair import failed_node
from tisserand.ui.theme import theme

if TYPE_CHECKING:
    from tisserand.service.protocol import RunInfo
    from tisserand.ui.supervision.ground import Ground

BUTTONS = ("run_resume", "run_stop", "run_again", "run_flow")


class RunHead(QFrame):
    """Stands over the timeline."""

    back_asked = Signal()
    node_asked = Signal(str)
    """The node that failed shall be shown."""

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.setObjectName("runhead")
        self.ground = ground
        self._run: RunInfo | None = None
        self.back = QToolButton()
        self.back.setAccessibleName(_("Back to the list"))
        back = ground.window_.actions_["back"]
        self.back.setToolTip(back.toolTip())
        self.back.setIconSize(QSize(18, 18))
        self.back.setProperty("tight", True)
        self.back.clicked.connect(self.back_asked)
        self.sign = QLabel()
        self.flow = _Line("title")
        self.state = QLabel()
        self.state.setProperty("role", "heading")
        self.about = _Line("muted")
        self.given = _Line("muted")
        upper = QHBoxLayout()
        upper.setSpacing(8)
        upper.addWidget(self.back)
        upper.addWidget(self.sign)
        upper.addWidget(self.flow, 1)
        self.buttons: dict[str, QToolButton] = {}
        actions = ground.window_.actions_
        for id in BUTTONS:
            button = self.buttons[id] = QToolButton()
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.setIconSize(QSize(16, 16))
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            button.setText(actions[id].iconText())
            button.setAccessibleName(actions[id].text())
            button.clicked.connect(actions[id].trigger)
            upper.addWidget(button)
        lower = QHBoxLayout()
        lower.setContentsMargins(38, 0, 0, 0)
        lower.setSpacing(10)
        lower.addWidget(self.state)
        lower.addWidget(self.about, 1)
        box = QVBoxLayout(self)
        box.setContentsMargins(12, 10, 14, 10)
        box.setSpacing(4)
        box.addLayout(upper)
        box.addLayout(lower)
        third = QHBoxLayout()
        third.setContentsMargins(38, 0, 0, 0)
        third.addWidget(self.given)
        box.addLayout(third)
        self.wrong = Wrong(ground)
        self.wrong.node_asked.connect(self.node_asked)
        box.addSpacing(2)
        box.addWidget(self.wrong)
        theme().changed.connect(self._recolour)

    @staticmethod
    def row_of(widget: QWidget) -> QHBoxLayout:
        """A row without margins in a widget."""
        row = QHBoxLayout(widget)
        row.setContentsMargins(0, 0, 8, 0)
        row.setSpacing(2)
        return row

    def show_run(self, run: RunInfo, title: Callable[[str], str]) -> None:
        """Bring the head up to date."""
        self._run = run
        self.flow.setText(self.ground.title(run.flow))
        self.flow.setToolTip(f"{self.ground.title(run.flow)}\n{run.id}")
        self.state.setText(words.face(run.state)[2])
        moment = run.started or run.created
        took = words.duration(run)
        parts = [
            _("started {time}").format(time=words.when(moment))
            if run.started
            else _("asked for {time}").format(time=words.when(moment)),
            words.lasted(took) if took is not None else "",
            words.why(run),
            run.file or "",
            run.id,
        ]
        self.about.setText(" · ".join(part for part in parts if part))
        self.about.setToolTip(f"{words.whole(moment)} · {words.ago(moment)}")
        given = " · ".join(f"{name} = {value}" for name, value in run.parameters.items())
        self.given.setText(given)
        self.given.setVisible(bool(given))
        self.wrong.show_run(run, title)
        self._recolour()
        self.allow(run)

    def allow(self, run: RunInfo | None) -> None:
        """Only the buttons that make sense are there."""
        for id, button in self.buttons.items():
            button.setVisible(run is not None and can(id, run))
            button.setToolTip(self.ground.window_.actions_[id].toolTip())

    def _recolour(self) -> None:
        self.back.setIcon(icon("chevron-left", "text"))
        for id, button in self.buttons.items():
            button.setIcon(icon(self.ground.window_.actions_.entries[id].icon, "text"))
        if self._run is not None:
            sign, token, _word = words.face(self._run.state)
            self.sign.setPixmap(pixmap(sign, theme().colour(token), 22, self.devicePixelRatioF()))
            self.state.setStyleSheet(f"color: {theme().colour(token).name()};")
        self.wrong.recolour()


class Wrong(QFrame):
    """What went wrong: at which node, the sentence, what to do, and the way there."""

    node_asked = Signal(str)

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.setObjectName("wrong")
        self.ground = ground
        self._node: str | None = None
        self._sign = QLabel()
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.fix = QLabel()
        self.fix.setProperty("role", "muted")
        self.fix.setWordWrap(True)
        self.fix.setTextFormat(Qt.TextFormat.PlainText)
        said = QVBoxLayout()
        said.setSpacing(2)
        said.addWidget(self.text)
        said.addWidget(self.fix)
        self.mend = QPushButton(_("Open in the canvas"))
        self.mend.setProperty("primary", True)
        repair = ground.window_.actions_["run_repair"]
        self.mend.setToolTip(repair.toolTip())
        self.mend.clicked.connect(repair.trigger)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 8, 8)
        row.setSpacing(10)
        row.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(said, 1)
        row.addWidget(self.mend, 0, Qt.AlignmentFlag.AlignVCenter)
        self.hide()

    def show_run(self, run: RunInfo, title: Callable[[str], str]) -> None:
        """Seen only where a run did not end well."""
        wrong = run.state in ("failed", "interrupted")
        self.setVisible(wrong)
        if not wrong:
            return
        node, error = failed_node(run), run.error
        if error is None and node is not None and (info := run.nodes.get(node)) is not None:
            error = info.error
        sentence = error.message.text() if error is not None else _("The process of the run ended before the run did.")
        self.text.setText(f"{title(node)} — {sentence}" if node is not None else sentence)
        fix = error.fix.text() if error is not None and error.fix is not None else ""
        self.fix.setText(fix)
        self.fix.setVisible(bool(fix))

    def recolour(self) -> None:
        self._sign.setPixmap(pixmap("circle-x", theme().colour("failed"), 18, self.devicePixelRatioF()))
        self.mend.setIcon(icon("wrench", "on_accent"))


class _Line(QLabel):
    """One line that is shortened where there is no room."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self.setProperty("role", role)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
