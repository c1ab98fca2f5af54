"""The page of the inbox: the events that started flows or are to, the dead ones first, and what becomes of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtWidgets import QButtonGroup, QComboBox, QHBoxLayout, QMenu, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from tisserand.service.person import person
from tisserand.texts import N_, ngettext
from tisserand.texts import translate as _
from tisserand.ui.canvas.state import number
from tisserand.ui.supervision import words
from tisserand.ui.supervision.buttons import acting, allow, chip, open_run, searching
from tisserand.ui.supervision.empty import Empty
from tisserand.ui.supervision.eventform import EventForm
from tisserand.ui.supervision.filters import TYPED
from tisserand.ui.supervision.listed import Cell, Line, Listed, follow
from tisserand.ui.supervision.pages import View
from tisserand.ui.supervision.table import KEY, Column, Table

if TYPE_CHECKING:
    from PySide6.QtGui import QHideEvent

    from tisserand.service.inbox.calls import InboxCounts, InboxEvent
    from tisserand.service.protocol import Executor
    from tisserand.ui.supervision.ground import Ground

STATES: dict[str, tuple[str, str, str]] = {
    "dead": ("circle-x", "failed", N_("Given up")),
    "waiting": ("inbox", "waiting", N_("Waits for a run")),
    "taken": ("loader-circle", "running", N_("In a run")),
    "done": ("circle-check", "done", N_("Done")),
    "discarded": ("trash-2", "skipped", N_("Discarded")),
}
"""Every state of an event: icon, colour token, word."""
ACTIONS = ("event_edit", "event_resubmit", "event_discard", "its_run")
MOVES = {"event_edit": ("waiting", "dead"), "event_resubmit": ("dead", "discarded"), "event_discard": ("waiting", "dead")}
PAGE, MOST = 200, 1000
"""Events that are asked for at first, and in all."""


class InboxView(View):
    """A list, and the event that is chosen beside it."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.search = searching(_("Search the events"), _("Text in the row or the key"))
        self.flow = QComboBox()
        self.flow.setAccessibleName(_("Flow"))
        self.flow.addItem(_("All flows"), None)
        self.flow.setMinimumContentsLength(14)
        self.states = QButtonGroup(self)
        self.chips = {state: chip(_(word)) for state, (_sign, _token, word) in STATES.items()}
        self.chips[""] = chip(_("All"))
        upper, lower = QHBoxLayout(), QHBoxLayout()
        upper.setSpacing(8)
        lower.setSpacing(4)
        upper.addWidget(self.search, 3)
        upper.addWidget(self.flow, 2)
        for button in self.chips.values():
            self.states.addButton(button)
            lower.addWidget(button)
        lower.addStretch(1)
        self.chips["dead"].setChecked(True)
        for id in ("event_resubmit", "event_discard"):
            upper.addWidget(acting(ground, id))
        columns = (Column(_("State"), 128), Column(_("Flow"), 90, 2), Column(_("Arrived"), 104, 1), Column(_("Key"), 80, 3))
        self.table = Table(columns, _("Events"))
        self.table.setSelectionMode(self.table.SelectionMode.ExtendedSelection)
        self.model = Listed(columns)
        follow(self.table, self.model, self._chosen)
        self.empty = Empty()
        self.stack = QStackedWidget()
        self.stack.addWidget(self.table)
        self.stack.addWidget(self.empty)
        self.form = EventForm(ground)
        self.split = QSplitter(Qt.Orientation.Horizontal)
        self.split.setHandleWidth(1)
        self.split.setChildrenCollapsible(False)
        self.split.addWidget(self.stack)
        self.split.addWidget(self.form)
        self.split.setSizes([560, 400])
        self.split.setStretchFactor(0, 1)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        head = QVBoxLayout()
        head.setContentsMargins(10, 12, 10, 8)
        head.setSpacing(8)
        head.addLayout(upper)
        head.addLayout(lower)
        box.addLayout(head)
        box.addWidget(self.split, 1)
        self._most = PAGE
        self._typed = QTimer(self)
        self._typed.setSingleShot(True)
        self._typed.setInterval(TYPED)
        self._typed.timeout.connect(self._asked_anew)
        self.search.textChanged.connect(lambda _text: self._typed.start())
        self.search.returnPressed.connect(self._asked_anew)
        self.flow.activated.connect(lambda _index: self._asked_anew())
        self.states.buttonClicked.connect(lambda _button: self._asked_anew())
        self.table.activated.connect(lambda _index: self.form.begin())
        self.table.customContextMenuRequested.connect(self._menu)
        self.table.verticalScrollBar().valueChanged.connect(self._scrolled)
        self.empty.button.clicked.connect(self._show_all)
        self.form.saved.connect(self.refresh)
        ground.titled.connect(self._titled)
        actions = ground.window_.actions_
        actions.bind("event_edit", self.form.begin)
        actions.bind("event_resubmit", partial(self._move, "event_resubmit"))
        actions.bind("event_discard", partial(self._move, "event_discard"))
        actions.bind("its_run", self._to_run)
        self._files: tuple[str, ...] = ()
        self._show_none(_("Looking …"), "")

    # -- looking -------------------------------------------------------------------------------------------------------
    def first(self) -> QWidget:
        return self.table if self.stack.currentWidget() is self.table else self.search

    def asked(self) -> tuple[str | None, str | None, str | None]:
        """(file, state, text) of the events that are listed."""
        state = next((state for state, button in self.chips.items() if button.isChecked()), "")
        return self.flow.currentData(), state or None, self.search.text().strip() or None

    def refresh(self) -> None:
        if self.ground.root is None:
            self._show_none(self.ground.nothing(), "")
            return
        asked, most = self.asked(), self._most

        def come(events: list[InboxEvent]) -> None:
            if asked == self.asked():
                self._take(events)

        self.ground.ask(self, lambda executor: executor.inbox.events(*asked, limit=most), come, once=f"events {asked} {most}")
        self.ground.ask(self, lambda executor: executor.inbox.counts(), self._count, once="counts")

    def forget(self) -> None:
        self.model.take([])
        self.form.show_event(None)
        self.flow.setCurrentIndex(0)
        self._files = ()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        allow(self.ground, (*ACTIONS, "event_keep"), ())

    def _asked_anew(self) -> None:
        self._typed.stop()
        self._most = PAGE
        self.refresh()

    def _scrolled(self, value: int) -> None:
        if value >= self.table.verticalScrollBar().maximum() and len(self.model.lines) >= self._most and self._most < MOST:
            self._most = MOST
            self.refresh()

    def _take(self, events: Sequence[InboxEvent]) -> None:
        self.model.take([self._line(event) for event in events])
        if events:
            if not self.table.currentIndex().isValid():
                self.table.setCurrentIndex(self.model.index(0, 0))
            waited = self.stack.currentWidget() is self.empty and self.search.hasFocus() and not self.search.text()
            self.stack.setCurrentWidget(self.table)
            self.form.setVisible(True)
            if waited:
                self.table.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            file, state, text = self.asked()
            if state == "dead" and file is None and text is None:
                self._show_none(_("Nothing was given up: every event found its run."), _("Show all events"))
            elif state is None and file is None and text is None:
                self._show_none(
                    _("No event has arrived yet. Files, calls and messages for the flows that are on are listed here."), ""
                )
            else:
                self._show_none(_("No event fits this filter."), _("Show all events"))
        self._chosen()

    def _line(self, event: InboxEvent) -> Line:
        sign, token, word = STATES[event.state]
        title = self.title(event.file)
        error = event.error.message.text() if event.error is not None else ""
        cells = (
            Cell(_(word), sign, token, error),
            Cell(title, more=event.file),
            Cell(words.when(event.received), more=f"{words.whole(event.received)} · {words.ago(event.received)}"),
            Cell(event.key, more=event.key),
        )
        spoken = ", ".join(part for part in (_(word), title, words.when(event.received), event.key, error) if part)
        return Line(event.id, event, cells, spoken)

    def title(self, file: str) -> str:
        """A flow's title by its file."""
        return next((flow.title for flow in self.ground.flows.values() if flow.file == file and flow.title), file)

    def _show_none(self, text: str, way: str) -> None:
        self.empty.say(text, way)
        self.stack.setCurrentWidget(self.empty)
        self.form.setVisible(False)

    def _show_all(self) -> None:
        self.search.clear()
        self.flow.setCurrentIndex(0)
        self.chips[""].setChecked(True)
        self._asked_anew()

    def _count(self, counts: Sequence[InboxCounts]) -> None:
        file = self.flow.currentData()
        for state, button in self.chips.items():
            if state:
                count = sum(found.counts.get(state, 0) for found in counts if file in (None, found.file))
                text = _(STATES[state][2])
                button.setText(f"{text}  {number(count)}" if count else text)
        files = tuple(found.file for found in counts)
        if files != self._files:
            self._files = files
            self._renew_flows()

    def _titled(self) -> None:
        self._renew_flows()
        self.model.take([self._line(line.item) for line in self.model.lines])

    def _renew_flows(self) -> None:
        kept = self.flow.currentData()
        while self.flow.count() > 1:
            self.flow.removeItem(1)
        for file in self._files:
            self.flow.addItem(self.title(file), file)
        self.flow.setCurrentIndex(max(0, self.flow.findData(kept)))

    # -- what is chosen ------------------------------------------------------------------------------------------------
    def chosen(self) -> list[InboxEvent]:
        """The events that are chosen, as they are listed."""
        return [index.data(KEY) for index in self.table.selectionModel().selectedRows()]

    def _chosen(self) -> None:
        events = self.chosen()
        self.form.show_event(events[0] if len(events) == 1 else None, len(events))
        if not self.isVisible():
            return
        on = [id for id, states in MOVES.items() if events and all(event.state in states for event in events)]
        if len(events) != 1:
            on = [id for id in on if id != "event_edit"]
        elif events[0].run is not None:
            on.append("its_run")
        allow(self.ground, ACTIONS, on)
        self.form.allow()

    def _move(self, id: str) -> None:
        # What was edited but not kept must not go out as it was.
        if id == "event_resubmit" and self.form.dirty:
            self.form.save(then=lambda: self._move_now(id))
        else:
            self._move_now(id)

    def _move_now(self, id: str) -> None:
        ids = [event.id for event in self.chosen()]

        def work(executor: Executor) -> int:
            inbox = executor.inbox
            return inbox.resubmit(ids, person()) if id == "event_resubmit" else inbox.discard(ids, person())

        def come(count: int) -> None:
            if id == "event_resubmit":
                told = ngettext("{count} event waits for a run again.", "{count} events wait for a run again.", count)
            else:
                told = ngettext("{count} event was discarded.", "{count} events were discarded.", count)
            self.ground.say(told.format(count=number(count)))
            self.refresh()

        if ids:
            self.ground.ask(self, work, come)

    def _to_run(self) -> None:
        run = next((event.run for event in self.chosen() if event.run is not None), None)
        if run is not None and self.isVisible():
            open_run(self.ground, run)

    def _menu(self, place: QPoint) -> None:
        actions = self.ground.window_.actions_
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for id in ACTIONS:
            if actions[id].isEnabled():
                menu.addAction(actions[id])
        if not menu.isEmpty():
            menu.popup(self.table.viewport().mapToGlobal(place))
