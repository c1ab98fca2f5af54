"""One run: how it stands, who and why, its timeline, its rows, its log, and what can be done about it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QFormLayout, QLabel, QScrollArea, QSplitter, QTabWidget, QToolButton, QVBoxLayout, QWidget

from tisserand.model.flow import Out
from tisserand.texts import translate as _
from tisserand.ui.icons import icon
from tisserand.ui.panels.data import DataPane
from tisserand.ui.supervision import words
from tisserand.ui.supervision.repair import failed_node
from tisserand.ui.supervision.runhead import RunHead
from tisserand.ui.supervision.runlog import RunLog
from tisserand.ui.supervision.timeline import Timeline
from tisserand.ui.theme import theme

if TYPE_CHECKING:
    from tisserand.model.flow import Flow
    from tisserand.service.figures.calls import Span
    from tisserand.service.protocol import Event, Executor, RunInfo
    from tisserand.ui.kinds import Face
    from tisserand.ui.supervision.ground import Ground
    from tisserand.ui.supervision.hands import Hands

Called = tuple["RunInfo", "list[Span]", "Flow | None"]
"""A called run: how it stands, when its nodes were at work, and its flow where that was asked for."""
Answer = tuple["RunInfo", "list[Span]", "list[Event]", dict[str, Called]]


class RunView(QWidget):
    """Follows one run while it is seen; of one that is over everything is asked once."""

    back_asked = Signal()
    run_asked = Signal(str)
    """Another run: the one that called this one."""

    def __init__(self, ground: Ground, hands: Hands) -> None:
        super().__init__()
        self.ground = ground
        self.hands = hands
        self.info: RunInfo | None = None
        self._faces: dict[str, Face] = {}
        self._seen = 0
        self._settled = False
        """Whether the run is over, and everything of it is here."""
        self._names: dict[str, str] = {}
        """Called runs and how their flows are called."""
        self._below: dict[str, dict[str, str]] = {}
        """Called runs and how their nodes are called."""
        self.head = RunHead(ground)
        self.timeline = Timeline()
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.log = RunLog()
        self.data = DataPane(ground.window_.runner, ground.window_.actions_)
        self.data.setObjectName("rundata")
        ground.window_.desk.row_actions.add(self.data)
        self.details = Details()
        self.tabs.addTab(self.log, _("Log"))
        self.tabs.addTab(self.data, _("Data"))
        self.tabs.addTab(self.details, _("Details"))
        self.tabs.setAccessibleName(_("About the run"))
        self._zooms: list[tuple[QToolButton, str]] = []
        self._add_zoom()
        self.split = QSplitter(Qt.Orientation.Vertical)
        self.split.setHandleWidth(1)
        self.split.setChildrenCollapsible(False)
        self.split.addWidget(self.timeline)
        self.split.addWidget(self.tabs)
        self.split.setSizes([300, 280])
        self.split.setStretchFactor(0, 1)
        self.split.setStretchFactor(1, 1)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.head)
        box.addWidget(self.split, 1)
        self.head.back_asked.connect(self.back_asked)
        self.head.node_asked.connect(self.timeline.choose_node)
        self.timeline.node_chosen.connect(self._node_chosen)
        self.timeline.children_asked.connect(self._ask_children)
        self.timeline.activated.connect(lambda _index: self._to_rows())
        self.details.run_asked.connect(self.run_asked)
        ground.titled.connect(self._titled)

    def _add_zoom(self) -> None:
        """For the mouse, what the keyboard does with + - 0 on the timeline."""
        corner = QWidget()
        row = self.head.row_of(corner)
        calls = (
            ("zoom-in", _("Zoom into the time  (+)"), lambda: self.timeline.zoom(1.5)),
            ("zoom-out", _("Zoom out of the time  (-)"), lambda: self.timeline.zoom(1 / 1.5)),
            ("fullscreen", _("The whole time  (0)"), self.timeline.fit),
        )
        for sign, told, call in calls:
            button = QToolButton()
            button.setIconSize(QSize(16, 16))
            button.setProperty("tight", True)
            button.setToolTip(told)
            button.setAccessibleName(told.partition("  ")[0])
            button.clicked.connect(lambda _checked=False, call=call: call())
            row.addWidget(button)
            self._zooms.append((button, sign))
        theme().changed.connect(self._recolour)
        self._recolour()
        self.tabs.setCornerWidget(corner, Qt.Corner.TopRightCorner)

    def _recolour(self) -> None:
        for button, sign in self._zooms:
            button.setIcon(icon(sign, "muted"))

    # -- which run -----------------------------------------------------------------------------------------------------
    def show_run(self, run: RunInfo) -> None:
        """Another run, at once with what is known of it."""
        self.leave()
        self.info = run
        self._settled, self._seen, self._faces, self._names, self._below = False, 0, {}, {}, {}
        self.timeline.scale.fit()
        self.log.forget()
        self.log.name({})
        self.data.say(_("Select a node of the timeline: its rows appear here."))
        self._tell()
        self.ground.ask(self, lambda executor: executor.flow_text(run.id), self._read_flow, lambda _problems: None)
        self.refresh()

    def leave(self) -> None:
        """It is shown no more."""
        self.info = None
        self.timeline.lines.clear()

    def refresh(self) -> None:
        """What happened since the last look."""
        run, seen = self.info, self._seen
        if run is None or (self._settled and not self.timeline.open_runs()):
            return
        children, known = self.timeline.open_runs(), frozenset(self._below)

        def work(executor: Executor) -> Answer:
            info = executor.run(run.id)
            below = {child: called(executor, child, child not in known) for child in children}
            return info, list(executor.figures.timeline(run.id)), list(executor.events(run.id, seen)), below

        def come(answer: Answer) -> None:
            if self.info is not None and self.info.id == run.id:
                self._take(*answer)

        self.ground.ask(self, work, come, once=f"run {run.id}")

    def _take(self, info: RunInfo, spans: list[Span], events: list[Event], below: dict[str, Called]) -> None:
        first = not self.timeline.currentIndex().isValid()
        fresh = [event for event in events if (event.seq or 0) > self._seen]
        self._seen = max([self._seen, *(event.seq or 0 for event in fresh)])
        self._settled = info.final and all(run.final for run, _spans, _flow in below.values())
        self.info = info
        for event in fresh:
            if event.kind == "child.started":
                self._names[str(event.data.get("run"))] = str(event.data.get("flow") or "")
        self.timeline.show_run(info, spans, self._title, tuple(self._faces))
        for answer in below.values():
            self._take_called(*answer)
        self.log.add(fresh)
        self._tell()
        if first:
            self._first_choice(info)
        self.hands.allow()

    def _first_choice(self, info: RunInfo) -> None:
        """Where to look first: at what failed."""
        broken = failed_node(info)
        if broken is not None:
            self.timeline.choose_node(broken)
        else:
            self.timeline.setCurrentIndex(self.timeline.lines.index(0, 0))

    def _ask_children(self, child: str) -> None:
        new = child not in self._below
        self.ground.ask(self, lambda executor: called(executor, child, new), lambda answer: self._take_called(*answer))

    def _take_called(self, run: RunInfo, spans: list[Span], flow: Flow | None) -> None:
        """The lines of a called run, with its nodes' names."""
        if flow is not None:
            kinds = self.ground.window_.kinds
            self._below[run.id] = {id: kinds.face(node, flow).title for id, node in flow.nodes.items()}
        names = self._below.get(run.id, {})
        self.timeline.show_children(run, spans, lambda node: names.get(node, node))

    def _title(self, node: str) -> str:
        """A node as its card calls it; `@` before the id of a called run."""
        if node.startswith("@"):
            return self.ground.title(self._names.get(node[1:]) or node[1:])
        face = self._faces.get(node)
        return face.title if face is not None else node

    # -- its flow ------------------------------------------------------------------------------------------------------
    def _read_flow(self, text: str) -> None:
        run = self.info

        def work() -> Any:
            from tisserand.model.yamlfile import read_flow

            return read_flow(text).flow

        def come(flow: Any) -> None:
            if flow is None or run is None or self.info is None or self.info.id != run.id:
                return
            kinds = self.ground.window_.kinds
            self._faces = {id: kinds.face(node, flow) for id, node in flow.nodes.items()}
            self.log.name(self._faces)
            self._seen_again()

        self.ground.window_.background.do(work, come, lambda _problems: None)

    def _seen_again(self) -> None:
        """The names are known now."""
        self._settled = False
        self.refresh()
        self._tell()
        line = self.timeline.chosen()
        if line is not None:
            self._node_chosen(line[0], line[1])

    # -- what is shown -------------------------------------------------------------------------------------------------
    def _tell(self) -> None:
        if self.info is not None:
            self.head.show_run(self.info, self._title)
            self.details.show_run(self.info, self.ground)

    def _titled(self) -> None:
        """The flows' names are known now: called ones stand in the timeline."""
        self._settled = False
        self.refresh()
        self._tell()

    def allow(self) -> None:
        """Which of its buttons make sense."""
        self.head.allow(self.info)

    def _node_chosen(self, owner: str, node: str) -> None:
        info = self.info
        if info is None or not node or owner != info.id:
            return
        face, found = self._faces.get(node), info.nodes.get(node)
        outputs = face.outputs if face is not None else tuple(Out(port) for port in (found.rows if found is not None else {}))
        title, ran = self._title(node), found is not None and found.state == "done"
        if not ran:
            self.data.say(_("“{node}” left no rows in this run.").format(node=title))
        else:
            self.data.show_edge(info.id, node, title, outputs, None, ran)

    def _to_rows(self) -> None:
        """Enter on a node leads to its rows; on a called flow, to its run."""
        line = self.timeline.chosen()
        if line is not None and not line[1]:
            self.run_asked.emit(line[2])
            return
        self.tabs.setCurrentWidget(self.data)
        if self.data.grid.isVisible():
            self.data.grid.setFocus(Qt.FocusReason.OtherFocusReason)


def called(executor: Executor, run: str, named: bool) -> Called:
    """Everything that the timeline shows of a run that a node called; asked beside the window."""
    from tisserand.model.yamlfile import read_flow
    from tisserand.service.protocol import Refused

    flow = None
    if named:
        try:
            flow = read_flow(executor.flow_text(run)).flow
        except Refused:
            flow = None  # its files are gone: its nodes go by their ids
    return executor.run(run), list(executor.figures.timeline(run)), flow


class Details(QScrollArea):
    """Everything that is known of a run, as a form that can be copied from."""

    run_asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setAccessibleName(_("Details"))
        self._shown: object = None

    def show_run(self, run: RunInfo, ground: Ground) -> None:
        """Only what there is to tell."""
        lines = _details(run, ground)
        if lines == self._shown:
            return
        self._shown = lines
        page = QWidget()
        page.setObjectName("page")
        form = QFormLayout(page)
        form.setContentsMargins(16, 12, 16, 12)
        form.setHorizontalSpacing(20)
        form.setVerticalSpacing(8)
        for word, text in lines:
            name = QLabel(word)
            name.setProperty("role", "muted")
            value = QLabel(text)
            value.setWordWrap(True)
            value.setTextFormat(Qt.TextFormat.PlainText)
            value.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
            )
            value.setAccessibleName(f"{word}: {text}")
            form.addRow(name, value)
        if run.parent is not None:
            parent = run.parent
            link = QToolButton()
            link.setText(_("Show the run that called it"))
            link.clicked.connect(lambda: self.run_asked.emit(parent))
            form.addRow(QLabel(""), link)
        self.setWidget(page)


def _details(run: RunInfo, ground: Ground) -> list[tuple[str, str]]:
    given = "\n".join(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in run.parameters.items())
    cause = "\n".join(f"{name} = {value}" for name, value in (run.cause or {}).items())
    moments = [(_("Asked for"), run.created), (_("Started"), run.started), (_("Ended"), run.finished)]
    told = [
        (_("Run"), run.id),
        (_("Flow"), f"{ground.title(run.flow)} ({run.flow})"),
        (_("File"), run.file or _("none: the flow was never saved")),
        (_("Environment"), run.env or ""),
        (_("Why and by whom"), words.why(run)),
        (_("Cause"), cause),
        (_("Parameters"), given),
        *((word, words.whole(moment)) for word, moment in moments if moment is not None),
        (_("Priority"), str(run.priority) if run.priority else ""),
        (_("Label"), run.label or ""),
        (_("Called by the run"), run.parent or ""),
    ]
    return [(word, text) for word, text in told if text]
