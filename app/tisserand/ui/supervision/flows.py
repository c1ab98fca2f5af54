"""The page of flows: which start by themselves, how they do, what comes next; and the load of one of them as plots."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from tisserand.service.person import person
from tisserand.texts import N_
from tisserand.texts import translate as _
from tisserand.ui.icons import icon
from tisserand.ui.supervision.buttons import searching
from tisserand.ui.supervision.empty import Empty
from tisserand.ui.supervision.flowsmodel import FlowsModel
from tisserand.ui.supervision.pages import View
from tisserand.ui.supervision.table import KEY, Table
from tisserand.ui.theme import theme

if TYPE_CHECKING:
    from tisserand.service.figures.calls import FlowFigures, Load
    from tisserand.service.protocol import Executor
    from tisserand.ui.supervision.ground import Ground
    from tisserand.ui.supervision.plots import Plots

HOUR, DAY = 3600.0, 86_400.0
SPANS: tuple[tuple[str, int, float], ...] = (
    (N_("24 hours"), 24, HOUR),
    (N_("7 days"), 28, 6 * HOUR),
    (N_("30 days"), 30, DAY),
)
"""Word, how many bars, and the seconds of each."""


class FlowsView(View):
    """A table, and below it the plots of the flow that is chosen."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.model = FlowsModel()
        self.table = Table(self.model.columns, _("Flows"))
        self.table.setModel(self.model)
        self.search = searching(_("Search the flows"), _("Title, id or file"))
        self.spans = QButtonGroup(self)
        head = QHBoxLayout()
        head.setContentsMargins(10, 12, 10, 10)
        head.setSpacing(4)
        head.addWidget(self.search, 1)
        head.addSpacing(8)
        for at, (word, _count, _seconds) in enumerate(SPANS):
            button = QToolButton()
            button.setText(_(word))
            button.setCheckable(True)
            button.setProperty("chip", True)
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            button.setChecked(at == 0)
            self.spans.addButton(button, at)
            head.addWidget(button)
        head.addStretch(1)
        self.buttons = {id: self._tool(id) for id in ("flow_switch", "flow_pause", "flow_runs")}
        for button in self.buttons.values():
            head.addWidget(button)
        self.empty = Empty()
        self.stack = QStackedWidget()
        self.stack.addWidget(self.table)
        self.stack.addWidget(self.empty)
        self.detail = Detail()
        self.split = QSplitter(Qt.Orientation.Vertical)
        self.split.setHandleWidth(1)
        self.split.setChildrenCollapsible(False)
        self.split.addWidget(self.stack)
        self.split.addWidget(self.detail)
        self.split.setSizes([360, 260])
        self.split.setStretchFactor(0, 1)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addLayout(head)
        box.addWidget(self.split, 1)
        self._wanted: str | None = None
        """The flow that was chosen, while the rows are laid anew."""
        self._arrives = True
        """Nothing has come yet: the keyboard waits in the search, and goes to the table with the first rows."""
        self.empty.say(_("Looking …"), "")
        self.stack.setCurrentWidget(self.empty)
        self.search.textChanged.connect(self._looked_for)
        self.spans.idClicked.connect(lambda _at: self.refresh())
        self.table.activated.connect(lambda index: self._to_runs(index.data(KEY)))
        self.table.selectionModel().currentChanged.connect(lambda _now, _before: self._chosen())
        self.model.modelReset.connect(self._choose_again)
        self.detail.whole.toggled.connect(lambda _on: self._load())
        actions = ground.window_.actions_
        actions.bind("flow_switch", self._switch)
        actions.bind("flow_pause", self._pause)
        actions.bind("flow_runs", lambda: self._to_runs(self.chosen()))
        theme().changed.connect(self._recolour)
        self._recolour()

    def _tool(self, id: str) -> QToolButton:
        action = self.ground.window_.actions_[id]
        button = QToolButton()
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setIconSize(QSize(16, 16))
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        button.setToolTip(action.toolTip())
        button.setText(action.iconText())
        button.clicked.connect(action.trigger)
        return button

    def _recolour(self) -> None:
        for id, button in self.buttons.items():
            button.setIcon(icon(self.ground.window_.actions_.entries[id].icon, "text"))

    # -- looking -------------------------------------------------------------------------------------------------------
    def first(self) -> QWidget:
        return self.table if self.stack.currentWidget() is self.table else self.search

    def span(self) -> tuple[float, float, float]:
        """(since, until, seconds of a bar): whole hours, or whole local days, up to the one that is under way."""
        _word, count, seconds = SPANS[max(0, self.spans.checkedId())]
        now = datetime.now().astimezone()
        if seconds >= DAY:
            end = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        else:
            end = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        until = end.timestamp()
        return until - count * seconds, until, seconds

    def refresh(self) -> None:
        if self.ground.root is None:
            self.empty.say(self.ground.nothing(), "")
            self.stack.setCurrentWidget(self.empty)
            self._allow()
            return
        since = self.span()[0]
        self.ground.ask(self, lambda executor: executor.figures.flows(since), self._take, once="flows")
        self._load()

    def forget(self) -> None:
        self.model.take([])
        self.detail.forget()

    def _take(self, flows: list[FlowFigures]) -> None:
        self.model.take(flows)
        self._say()
        if self.model.rowCount() and not self.table.currentIndex().isValid():
            self.table.setCurrentIndex(self.model.index(0, 0))
        if self._arrives and self.model.rowCount():
            self._arrives = False
            if self.search.hasFocus() and not self.search.text():
                self.table.setFocus(Qt.FocusReason.OtherFocusReason)
        self._allow()

    def _say(self) -> None:
        if self.model.rowCount():
            self.stack.setCurrentWidget(self.table)
            return
        if self.model.all:
            self.empty.say(_("No flow fits “{text}”.").format(text=self.search.text()), "")
        else:
            self.empty.say(_("This workspace has no flow yet. Save one, and it is listed here."), "")
        self.stack.setCurrentWidget(self.empty)

    def _looked_for(self, text: str) -> None:
        self.model.look_for(text)
        self._say()

    # -- what is chosen ------------------------------------------------------------------------------------------------
    def chosen(self) -> FlowFigures | None:
        found: FlowFigures | None = self.table.chosen()
        return found

    def _choose_again(self) -> None:
        row = self.model.row_of(self._wanted) if self._wanted is not None else None
        if self.model.rowCount():
            self.table.setCurrentIndex(self.model.index(row or 0, 0))

    def _chosen(self) -> None:
        flow = self.chosen()
        if flow is not None and flow.flow != self._wanted:
            self._wanted = flow.flow
            self._load()
        self._allow()

    def _allow(self) -> None:
        if not self.isVisible():
            return
        flow, actions = self.chosen(), self.ground.window_.actions_
        there = flow is not None and flow.file is not None
        for id in ("flow_switch", "flow_pause"):
            actions[id].setEnabled(there)
        actions["flow_runs"].setEnabled(flow is not None)
        on, paused = flow is not None and flow.on, flow is not None and flow.paused is not None
        self.buttons["flow_switch"].setText(_("Switch off") if on else _("Switch on"))
        self.buttons["flow_pause"].setText(_("Unpause") if paused else _("Pause"))
        for id, button in self.buttons.items():
            button.setEnabled(actions[id].isEnabled())

    def _load(self) -> None:
        """The plots of the chosen flow, or of all of them."""
        flow = self.chosen()
        if self.ground.root is None or flow is None:
            return
        since, until, seconds = self.span()
        name = None if self.detail.whole.isChecked() else flow.flow
        title = _("All flows") if name is None else flow.title or flow.flow

        def come(loads: list[Load]) -> None:
            if (self.detail.whole.isChecked(), self._wanted) == (name is None, flow.flow):
                self.detail.show_load(self.ground, title, loads)

        once = f"load {name} {since} {seconds}"
        self.ground.ask(self, lambda executor: executor.figures.load(since, until, seconds, name), come, once=once)

    # -- acting --------------------------------------------------------------------------------------------------------
    def _to_runs(self, flow: FlowFigures | None) -> None:
        if flow is not None:
            view = self.ground.window_.desk.supervising.show("runs_page")
            view.ground.runs_asked.emit(flow.flow)

    def _switch(self) -> None:
        flow, root = self.chosen(), self.ground.root
        if flow is None or flow.file is None:
            return
        file, on = flow.file, not flow.on

        def work(executor: Executor) -> None:
            from tisserand.service.serve import ensure

            if on:
                executor.watch(file, person())
                if root is not None:
                    ensure(root)
            else:
                executor.unwatch(file, person())

        self._do(work, _("The flow is on: it starts by itself.") if on else _("The flow is off."))

    def _pause(self) -> None:
        flow = self.chosen()
        if flow is None or flow.file is None:
            return
        file, paused = flow.file, flow.paused is not None

        def work(executor: Executor) -> None:
            if paused:
                executor.queue.unpause(file, person())
            else:
                executor.queue.pause(file, person())

        self._do(work, _("The flow goes on.") if paused else _("The flow is paused: it starts nothing until it goes on."))

    def _do(self, work: Any, told: str) -> None:
        def come(_answer: object) -> None:
            self.ground.say(told)
            self.refresh()

        self.ground.ask(self, work, come)


class Detail(QWidget):
    """The load of one flow. The library that plots is loaded when there is something to plot, beside the window."""

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumHeight(170)
        self.title = QLabel()
        self.title.setProperty("role", "heading")
        self.whole = QToolButton()
        self.whole.setText(_("All flows"))
        self.whole.setCheckable(True)
        self.whole.setProperty("chip", True)
        self.whole.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.whole.setToolTip(_("The load of all flows together"))
        head = QHBoxLayout()
        head.setContentsMargins(10, 8, 10, 4)
        head.addWidget(self.title, 1)
        head.addWidget(self.whole)
        self.room = QVBoxLayout()
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addLayout(head)
        box.addLayout(self.room, 1)
        self.plots: Plots | None = None
        self._latest: tuple[str, list[Load]] | None = None
        self._loading = False

    def forget(self) -> None:
        """Another workspace."""
        self.title.setText("")
        self._latest = None
        if self.plots is not None:
            self.plots.show_load([])

    def show_load(self, ground: Ground, title: str, loads: list[Load]) -> None:
        """Plot, where something changed."""
        if self._latest == (title, loads):
            return
        self._latest = (title, loads)
        self.title.setText(title)
        if self.plots is not None:
            self.plots.show_load(loads)
        elif not self._loading:
            self._loading = True
            ground.window_.background.do(_library, lambda _none: self._make(), ground.complain)

    def _make(self) -> None:
        from tisserand.ui.supervision.plots import Plots

        self.plots = Plots()
        self.room.addWidget(self.plots, 1)
        if self._latest is not None:
            self.plots.show_load(self._latest[1])


def _library() -> None:
    """It takes most of a second, in a thread of its own."""
    import tisserand.ui.supervision.plots  # noqa: F401
