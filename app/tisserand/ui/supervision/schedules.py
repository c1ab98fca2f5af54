"""The page of schedules: what comes due by the clock, a year ahead; what became of what was due, and why; and what is asked."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSplitter, QStackedWidget, QTabWidget, QVBoxLayout, QWidget

from tisserand.service.person import person
from tisserand.texts import N_, ngettext
from tisserand.texts import translate as _
from tisserand.ui.canvas.state import number
from tisserand.ui.supervision import words
from tisserand.ui.supervision.buttons import acting, allow, open_run
from tisserand.ui.supervision.empty import Empty
from tisserand.ui.supervision.listed import Cell, Line, Listed, follow
from tisserand.ui.supervision.pages import View
from tisserand.ui.supervision.table import KEY, Column, Table
from tisserand.ui.supervision.year import Legend, YearGrid, spelled, until

if TYPE_CHECKING:
    from PySide6.QtGui import QHideEvent

    from tisserand.service.figures.calls import FlowFigures
    from tisserand.service.protocol import Executor
    from tisserand.service.schedule.calls import Upcoming, Verdict
    from tisserand.texts import Message
    from tisserand.ui.supervision.ground import Ground

VERDICTS: dict[str, tuple[str, str, str]] = {
    "ran": ("circle-check", "done", N_("Ran")),
    "skipped": ("skip-forward", "skipped", N_("Skipped")),
    "missed": ("circle-slash", "warning", N_("Missed")),
    "asking": ("circle-alert", "warning", N_("Asks you")),
}
"""What becomes of a due time: icon, colour token, word."""
ACTIONS = ("due_run", "due_leave", "its_run")
YEAR = 366 * 86_400.0
MOST = 5000
"""Due times that are looked at ahead."""
PAST = 300
"""Verdicts that are listed."""
AHEAD_AGAIN = 30.0
"""Seconds after which the year is looked at anew."""
FLOWS_AGAIN = 6.0


@dataclass(frozen=True, slots=True)
class Planned:
    """A flow that has times, as it stands."""

    flow: FlowFigures
    last: Verdict | None
    asking: int


def planned(executor: Executor, now: float) -> list[Planned]:
    """The flows that have a schedule, or had one."""
    from tisserand.service.protocol import Refused

    asking: dict[str, int] = {}
    for verdict in executor.schedules.verdicts(None, 0, now + 86_400, "asking"):
        asking[verdict.file] = asking.get(verdict.file, 0) + 1
    found = []
    for flow in executor.figures.flows(now):
        if flow.file is None:
            continue
        last = next(iter(executor.schedules.verdicts(flow.file, 0, now + 86_400, limit=1)), None)
        try:
            ahead = last is not None or bool(executor.schedules.upcoming(now, now + YEAR, flow.file, limit=1))
        except Refused:
            ahead = flow.on  # why it cannot be read is told with the flow
        if ahead:
            found.append(Planned(flow, last, asking.get(flow.file, 0)))
    return sorted(found, key=lambda each: (not each.asking, each.flow.next_due or float("inf"), each.flow.title))


class SchedulesView(View):
    """The flows; below, of the one that is chosen, the year, the due times to come, and those of the past."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        columns = (
            Column(_("Flow"), 130, 3),
            Column(_("By itself"), 84),
            Column(_("Next due"), 140, 1),
            Column(_("Last due time"), 128),
            Column(_("Why"), 120, 6),
        )
        self.table = Table(columns, _("Flows with schedules"))
        self.model = Listed(columns)
        self.empty = Empty()
        self.year = YearGrid()
        self.cut = _quiet()
        coming = (Column(_("Due"), 170, 1), Column(_("Starts"), 90), Column(_("Time zone"), 130, 1), Column(_("Why"), 120, 6))
        self.coming = Table(coming, _("Due times to come"))
        self.ahead = Listed(coming)
        past = (Column(_("Due"), 140, 1), Column(_("What became of it"), 146), Column(_("Why"), 120, 6))
        self.past = Table(past, _("Due times of the past"))
        self.behind = Listed(past)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        over = QWidget()
        grid = QVBoxLayout(over)
        grid.setContentsMargins(10, 6, 10, 0)
        grid.setSpacing(2)
        grid.addWidget(self.year, 1)
        under = QHBoxLayout()
        under.addWidget(Legend(), 1)
        under.addWidget(self.cut)
        grid.addLayout(under)
        self.tabs.addTab(over, _("Year"))
        self.tabs.addTab(self.coming, _("To come"))
        self.tabs.addTab(self.past, _("Past"))
        self.why = _quiet()
        self.why.setMinimumHeight(34)
        foot = QHBoxLayout()
        foot.setContentsMargins(10, 4, 10, 8)
        foot.addWidget(self.why, 1)
        self.buttons = {id: acting(ground, id, primary=id == "due_run") for id in ACTIONS}
        for button in self.buttons.values():
            foot.addWidget(button)
        lower = QWidget()
        box = QVBoxLayout(lower)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.tabs, 1)
        box.addLayout(foot)
        self.split = QSplitter(Qt.Orientation.Vertical)
        self.split.setHandleWidth(1)
        self.split.setChildrenCollapsible(False)
        self.split.addWidget(self.table)
        self.split.addWidget(lower)
        self.split.setSizes([150, 400])
        self.split.setStretchFactor(0, 1)
        self.split.setStretchFactor(1, 2)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.split)
        self.stack.addWidget(self.empty)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.stack)
        follow(self.table, self.model, self._chosen)
        follow(self.coming, self.ahead, self._asked_why)
        follow(self.past, self.behind, self._asked_why)
        self.year.selectionModel().currentChanged.connect(lambda _now, _before: self._asked_why())
        self.tabs.currentChanged.connect(lambda _tab: self._asked_why())
        self.table.activated.connect(lambda _index: self._into())
        self.past.activated.connect(lambda _index: self._to_run())
        actions = ground.window_.actions_
        actions.bind("due_run", partial(self._answer, True))
        actions.bind("due_leave", partial(self._answer, False))
        actions.bind("its_run", self._to_run)
        self._file: str | None = None
        self._looked = 0.0
        self._ahead_of: tuple[str | None, float] = (None, 0.0)
        self._told: tuple[str, int] | None = None
        self._say(_("Looking …"))

    # -- looking -------------------------------------------------------------------------------------------------------
    def first(self) -> QWidget:
        return self.table

    def refresh(self) -> None:
        if self.ground.root is None:
            self._say(self.ground.nothing())
            return
        now = time.time()
        if now - self._looked >= FLOWS_AGAIN:
            self._looked = now
            self.ground.ask(self, lambda executor: planned(executor, now), self._take, once="planned")
        self._look_at_flow()

    def forget(self) -> None:
        self._file, self._looked, self._ahead_of, self._told = None, 0.0, (None, 0.0), None
        self.model.take([])
        self._show_ahead([])
        self.behind.take([])

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        allow(self.ground, ACTIONS, ())

    def _say(self, text: str) -> None:
        self.empty.say(text, "")
        self.stack.setCurrentWidget(self.empty)

    def _take(self, found: Sequence[Planned]) -> None:
        self.model.take([_line(each) for each in found])
        if not found:
            self._say(_("No flow of this workspace has a schedule yet. Give one a schedule as its trigger, and switch it on."))
            return
        if not self.table.currentIndex().isValid():
            self.table.setCurrentIndex(self.model.index(0, 0))
        self.stack.setCurrentWidget(self.split)

    def chosen(self) -> Planned | None:
        found: Planned | None = self.table.chosen()
        return found

    def _chosen(self) -> None:
        flow = self.chosen()
        file = flow.flow.file if flow is not None else None
        if file != self._file:
            self._file = file
            self._told = None
            self._show_ahead([])
            self.behind.take([])
            self._look_at_flow()
            if flow is not None and flow.asking:
                self.tabs.setCurrentWidget(self.past)
        self._allow()

    def _look_at_flow(self) -> None:
        """The year of the chosen flow now and then, its past each time."""
        file, now = self._file, time.time()
        if file is None:
            return
        if self._ahead_of[0] != file or now - self._ahead_of[1] > AHEAD_AGAIN:
            self._ahead_of = (file, now)
            end = until(date.today().replace(day=1)).timestamp()

            def come(dues: list[Upcoming]) -> None:
                if file == self._file:
                    self._show_ahead(dues)

            self.ground.ask(self, lambda executor: executor.schedules.upcoming(now, end, file, limit=MOST), come)

        def past(executor: Executor) -> list[Verdict]:
            asking = executor.schedules.verdicts(file, 0, now + 86_400, "asking", PAST)
            known = {(each.node, each.due) for each in asking}
            rest = executor.schedules.verdicts(file, 0, now + 86_400, limit=PAST)
            return [*asking, *(each for each in rest if (each.node, each.due) not in known)]

        def judged(verdicts: list[Verdict]) -> None:
            if file == self._file:
                self.behind.take([_past_line(each) for each in verdicts])
                if verdicts and not self.past.currentIndex().isValid():
                    self.past.setCurrentIndex(self.behind.index(0, 0))
                self._allow()

        self.ground.ask(self, past, judged, once=f"past {file}")

    def _show_ahead(self, dues: Sequence[Upcoming]) -> None:
        self.year.days.take(dues, date.today())
        self.ahead.take([_ahead_line(each) for each in dues])
        if dues:
            if not self.coming.currentIndex().isValid():
                self.coming.setCurrentIndex(self.ahead.index(0, 0))
            if not self.year.currentIndex().isValid():
                self.year.choose(date.today())
        cut = len(dues) >= MOST
        told = _("Only the first {count} due times are shown, up to {day}.")
        self.cut.setText(told.format(count=number(len(dues)), day=words.dated(dues[-1].due, "d MMM yyyy")) if cut else "")
        self._asked_why()

    # -- why -----------------------------------------------------------------------------------------------------------
    def _due(self) -> tuple[int, str] | None:
        """The due time that is looked at, and the words for it where it is none (a day without one)."""
        shown = self.tabs.currentWidget()
        if shown is self.coming:
            coming: Upcoming | None = self.coming.chosen()
            return (coming.due, "") if coming is not None else None
        if shown is self.past:
            verdict: Verdict | None = self.past.chosen()
            return (verdict.due, "") if verdict is not None else None
        day = self.year.currentIndex().data(KEY) if self.year.currentIndex().isValid() else None
        if day is None:
            return None
        dues = self.year.days.days.get(day, [])
        return (dues[0].due if len(dues) == 1 else -1, self.year.days.told(day, " · "))

    def _asked_why(self) -> None:
        """Have the executor say in a sentence why the flow runs, ran or did not, at the moment that is looked at."""
        found, file = self._due(), self._file
        self._allow()
        if found is None or file is None:
            self.why.setText("")
            self._told = None
            return
        due, text = found
        if due < 0:
            self.why.setText(text)
            self._told = None
            return
        if self._told == (file, due):
            return
        self._told = (file, due)
        self.why.setText(text)

        def come(sentence: Message) -> None:
            if self._told == (file, due):
                self.why.setText(sentence.text())

        self.ground.ask(self, lambda executor: executor.schedules.why(file, due), come)

    # -- acting --------------------------------------------------------------------------------------------------------
    def verdict(self) -> Verdict | None:
        """The due time of the past that the buttons are for."""
        if self.tabs.currentWidget() is not self.past:
            return None
        found: Verdict | None = self.past.chosen()
        return found

    def _allow(self) -> None:
        verdict = self.verdict()
        asking = verdict is not None and verdict.verdict == "asking"
        for id in ("due_run", "due_leave"):
            self.buttons[id].setVisible(asking)
        self.buttons["its_run"].setVisible(verdict is not None and verdict.run is not None)
        if self.isVisible():
            on = ["due_run", "due_leave"] if asking else []
            if verdict is not None and verdict.run is not None:
                on.append("its_run")
            allow(self.ground, ACTIONS, on)

    def _answer(self, run: bool) -> None:
        verdict = self.verdict()
        if verdict is None:
            return

        def work(executor: Executor) -> Verdict:
            return executor.schedules.answer(verdict.file, verdict.node, verdict.due, run, person())

        def come(_verdict: Verdict) -> None:
            self.ground.say(_("It is run now.") if run else _("It is left."))
            self._told, self._looked = None, 0.0
            self.refresh()

        self.ground.ask(self, work, come)

    def _into(self) -> None:
        """The keyboard from the flow to what is shown of it."""
        target = {0: self.year, 1: self.coming, 2: self.past}[self.tabs.currentIndex()]
        target.setFocus(Qt.FocusReason.OtherFocusReason)

    def _to_run(self) -> None:
        verdict = self.verdict()
        if verdict is not None and verdict.run is not None and self.isVisible():
            open_run(self.ground, verdict.run)


def _line(each: Planned) -> Line:
    flow = each.flow
    if flow.paused is not None:
        itself = Cell(
            _("Paused"), "pause", "warning", _("Paused by {name}: it starts nothing meanwhile.").format(name=flow.paused)
        )
    elif flow.problem is not None:
        itself = Cell(_("Problem"), "triangle-alert", "failed", flow.problem.text())
    elif flow.on:
        itself = Cell(_("Active"), "radio", "running")
    else:
        itself = Cell(_("Off"), "circle", "skipped", _("Switched on, it starts by itself."))
    due = f"{words.when(flow.next_due).removesuffix(':00')} · {words.ago(flow.next_due)}" if flow.next_due is not None else "–"
    if each.asking:
        sign, token, _word = VERDICTS["asking"]
        asked = ngettext("{count} asks you", "{count} ask you", each.asking).format(count=number(each.asking))
        last = Cell(asked, sign, token)
    elif each.last is not None:
        sign, token, word = VERDICTS[each.last.verdict]
        last = Cell(_(word), sign, token, words.whole(each.last.due))
    else:
        last = Cell("–")
    why = each.last.reason.text() if each.last is not None else ""
    cells = (Cell(flow.title or flow.flow, more=flow.file or ""), itself, Cell(due), last, Cell(why, more=why))
    return Line(flow.file or "", each, cells)


def _ahead_line(each: Upcoming) -> Line:
    zone = ZoneInfo(each.zone)
    moment = spelled(datetime.fromtimestamp(each.due, zone).date(), "ddd d MMM yyyy")
    due = f"{moment}  {datetime.fromtimestamp(each.due, zone):%H:%M}"
    starts = f"{datetime.fromtimestamp(each.starts, zone):%H:%M:%S}" if not each.closed else ""
    reason = each.reason.text() if each.reason is not None else ""
    holiday = each.closed and each.reason is not None and "holiday" in each.reason.args
    first = Cell(
        due, "circle-slash" if each.closed else "calendar-clock", "warning" if holiday else "skipped" if each.closed else "done"
    )
    return Line((each.node, each.due), each, (first, Cell(starts), Cell(each.zone), Cell(reason, more=reason)))


def _past_line(each: Verdict) -> Line:
    sign, token, word = VERDICTS[each.verdict]
    zone = ZoneInfo(each.zone)
    day = spelled(datetime.fromtimestamp(each.due, zone).date(), "d MMM yyyy")
    due = f"{day}  {datetime.fromtimestamp(each.due, zone):%H:%M}"
    reason = each.reason.text()
    return Line((each.node, each.due), each, (Cell(due, more=each.zone), Cell(_(word), sign, token), Cell(reason, more=reason)))


def _quiet() -> QLabel:
    label = QLabel()
    label.setProperty("role", "muted")
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label
