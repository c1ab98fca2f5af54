"""The page of search: where a value went, through flows, runs and events, in the order of time; and its erasure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from tisserand.texts import N_, ngettext
from tisserand.texts import translate as _
from tisserand.ui.canvas.state import number
from tisserand.ui.supervision import words
from tisserand.ui.supervision.buttons import acting, allow, chip, open_run, searching
from tisserand.ui.supervision.empty import Empty
from tisserand.ui.supervision.erase import Erasing
from tisserand.ui.supervision.inbox import STATES as EVENT_STATES
from tisserand.ui.supervision.listed import Cell, Line, Listed, follow
from tisserand.ui.supervision.pages import View
from tisserand.ui.supervision.table import Column, Table

if TYPE_CHECKING:
    from PySide6.QtGui import QHideEvent

    from tisserand.service.keys.calls import Step, Trail
    from tisserand.ui.supervision.ground import Ground

RELATIONS: dict[str, str] = {
    "holds": "",
    "caller": N_("called a run with it"),
    "called": N_("called by a run with it"),
    "cause": N_("started a run with it"),
}
"""Why a station is there that does not hold the value itself."""
ACTIONS = ("its_run", "key_erase")


class SearchView(View):
    """A value, and its stations."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.search = searching(_("Value of a business key"), _("A value, for example an order’s number"))
        self.search.setToolTip(_("Capital letters count"))
        self.name = QComboBox()
        self.name.setAccessibleName(_("Business key"))
        self.name.addItem(_("Any key"), None)
        self.name.setMinimumContentsLength(12)
        self.prefix = chip(_("Begins with it"))
        self.prefix.setToolTip(_("Find values that begin with the text, too"))
        self.button = QPushButton(_("Look for it"))
        self.button.setProperty("primary", True)
        head = QHBoxLayout()
        head.setContentsMargins(10, 12, 10, 8)
        head.setSpacing(8)
        head.addWidget(self.search, 3)
        head.addWidget(self.name, 1)
        head.addWidget(self.prefix)
        head.addWidget(self.button)
        self.told = QLabel()
        self.told.setProperty("role", "muted")
        self.told.setTextFormat(Qt.TextFormat.PlainText)
        under = QHBoxLayout()
        under.setContentsMargins(10, 0, 10, 8)
        under.addWidget(self.told, 1)
        for id in ACTIONS:
            under.addWidget(acting(ground, id))
        columns = (
            Column(_("When"), 124),
            Column(_("What"), 176),
            Column(_("Flow"), 120, 3),
            Column(_("Key"), 120, 4),
            Column(_("Why it is here"), 120, 3),
        )
        self.table = Table(columns, _("Stations of the value"))
        self.model = Listed(columns)
        follow(self.table, self.model, self._allow)
        self.empty = Empty()
        self.stack = QStackedWidget()
        self.stack.addWidget(self.table)
        self.stack.addWidget(self.empty)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addLayout(head)
        box.addLayout(under)
        box.addWidget(self.stack, 1)
        self._asked: tuple[str, bool, str | None] | None = None
        self.search.returnPressed.connect(self.look_for)
        self.button.clicked.connect(self.look_for)
        self.prefix.toggled.connect(lambda _on: self.look_for())
        self.name.activated.connect(lambda _index: self.look_for())
        self.table.activated.connect(lambda _index: self._to_run())
        actions = ground.window_.actions_
        actions.bind("its_run", self._to_run)
        actions.bind("key_erase", self._erase)
        self._say(None)

    # -- looking -------------------------------------------------------------------------------------------------------
    def first(self) -> QWidget:
        return self.search

    def refresh(self) -> None:
        if self.ground.root is None:
            self.empty.say(self.ground.nothing(), "")
            self.stack.setCurrentWidget(self.empty)
            return
        self.ground.ask(self, lambda executor: list(executor.keys.names()), self._named, once="names of keys")
        self._look()

    def forget(self) -> None:
        self._asked = None
        self.search.clear()
        self.model.take([])
        self._say(None)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        allow(self.ground, ACTIONS, ())

    def _named(self, names: Sequence[str]) -> None:
        shown = [self.name.itemData(index) for index in range(1, self.name.count())]
        if shown == list(names):
            return
        kept = self.name.currentData()
        while self.name.count() > 1:
            self.name.removeItem(1)
        for name in names:
            self.name.addItem(name, name)
        self.name.setCurrentIndex(max(0, self.name.findData(kept)))
        self._say(None)

    def look_for(self) -> None:
        """Search what stands in the field."""
        value = self.search.text().strip()
        self._asked = (value, self.prefix.isChecked(), self.name.currentData()) if value else None
        if self._asked is None:
            self.model.take([])
            self._say(None)
        self._look()

    def _look(self) -> None:
        asked = self._asked
        if asked is None:
            self._allow()
            return

        def come(trail: Trail) -> None:
            if asked == self._asked:
                self._take(trail)

        self.ground.ask(self, lambda executor: executor.keys.search(*asked), come, once=f"trail {asked}")

    def _take(self, trail: Trail) -> None:
        self.model.take([self._line(step) for step in trail.steps])
        self._say(trail)
        if trail.steps:
            if not self.table.currentIndex().isValid():
                self.table.setCurrentIndex(self.model.index(0, 0))
            self.stack.setCurrentWidget(self.table)
        self._allow()

    def _say(self, trail: Trail | None) -> None:
        if trail is not None and trail.steps:
            count = len(trail.steps)
            told = ngettext("{count} station, the earliest first", "{count} stations, the earliest first", count)
            text = told.format(count=number(count))
            self.told.setText(f"{text} · {_('there are earlier ones')}" if trail.cut else text)
            return
        self.told.setText("")
        if trail is not None:
            self.empty.say(_("No run and no event holds this value."), "")
        elif self._asked is None:
            if self.name.count() > 1:
                self.empty.say(_("Type a value and press Enter: its way through flows, runs and events is shown here."), "")
            else:
                text = _(
                    "No flow declares a business key yet. With “keys:” in a flow, the values of a column can be found again."
                )
                self.empty.say(text, "")
        if trail is not None or self._asked is None:
            self.stack.setCurrentWidget(self.empty)

    def _line(self, step: Step) -> Line:
        if step.kind == "event":
            sign, token, word = EVENT_STATES.get(step.state, ("inbox", "waiting", step.state))
            word = f"{_('Event')} · {_(word)}"
        else:
            sign, token, word = words.face(step.state)
        held = ", ".join(f"{each.name} = {each.value}" for each in step.keys)
        why = _(RELATIONS[step.relation]) if RELATIONS.get(step.relation) else ""
        if any(each.cut for each in step.keys):
            why = f"{why} · {_('has more values than are kept')}".removeprefix(" · ")
        title = self.ground.title(step.flow) if step.kind == "run" else self._title(step.flow)
        cells = (
            Cell(words.when(step.time), more=f"{words.whole(step.time)} · {words.ago(step.time)}"),
            Cell(word, sign, token, step.id),
            Cell(title, more=step.file or step.flow),
            Cell(held, more=held),
            Cell(why),
        )
        return Line((step.kind, step.id), step, cells)

    def _title(self, file: str) -> str:
        return next((flow.title for flow in self.ground.flows.values() if flow.file == file and flow.title), file)

    # -- acting --------------------------------------------------------------------------------------------------------
    def chosen(self) -> Step | None:
        found: Step | None = self.table.chosen()
        return found

    def _run(self) -> str | None:
        step = self.chosen()
        return None if step is None else step.id if step.kind == "run" else step.run

    def _allow(self) -> None:
        if self.isVisible():
            on = ["its_run"] if self._run() is not None else []
            if self.model.lines and self.name.count() > 1:
                on.append("key_erase")
            allow(self.ground, ACTIONS, on)

    def _to_run(self) -> None:
        run = self._run()
        if run is not None and self.isVisible():
            open_run(self.ground, run)

    def _erase(self) -> None:
        step, value = self.chosen(), self.search.text().strip()
        held = step.keys[0] if step is not None and step.keys else None
        names = [self.name.itemData(index) for index in range(1, self.name.count())]
        name = self.name.currentData() or (held.name if held is not None else None) or names[0]
        if self.prefix.isChecked() and held is not None:
            value = held.value
        dialog = Erasing(self.ground, names, name, value)
        dialog.accepted.connect(self._look)
        dialog.open()
