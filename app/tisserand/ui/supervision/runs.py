"""The page of runs: live and past ones in one list, and the one that is opened."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QMenu, QStackedWidget, QVBoxLayout, QWidget

from tisserand.texts import ngettext
from tisserand.texts import translate as _
from tisserand.ui.canvas.state import number
from tisserand.ui.supervision.empty import Empty
from tisserand.ui.supervision.filters import Filters
from tisserand.ui.supervision.hands import IDS, Hands
from tisserand.ui.supervision.pages import View
from tisserand.ui.supervision.runsmodel import RunsModel
from tisserand.ui.supervision.table import KEY, Table

if TYPE_CHECKING:
    from tisserand.service.protocol import RunInfo
    from tisserand.ui.supervision.ground import Ground
    from tisserand.ui.supervision.run import RunView

COUNTED = 10_000
"""Runs are counted up to so many."""
RECOUNT = 5
"""Of so many looks, one counts again."""


class RunsView(View):
    """List and run, one in the other's place."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.filters = Filters(ground)
        self.model = RunsModel(ground)
        self.table = Table(self.model.columns, _("Runs"))
        self.table.setModel(self.model)
        self.empty = Empty()
        self.stack = QStackedWidget()
        self.stack.addWidget(self.table)
        self.stack.addWidget(self.empty)
        self._list = QWidget()
        box = QVBoxLayout(self._list)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.filters)
        box.addWidget(self.stack, 1)
        self.hands = Hands(ground, self.chosen, self.refresh)
        self.both = QStackedWidget()
        self.both.addWidget(self._list)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.both)
        self._looks = 0
        self._begun = False
        self._top: str | None = None
        self._arrives = True
        """Nothing has come yet: the keyboard waits in the search, and goes to the table with the first rows."""
        actions = ground.window_.actions_
        actions.bind("back", self.back)
        actions.bind("search_runs", self._search)
        self.filters.changed.connect(self._filtered)
        self.table.activated.connect(lambda index: self.open(index.data(KEY)))
        self.table.selectionModel().currentChanged.connect(lambda _now, _before: self._allow())
        self.table.customContextMenuRequested.connect(self._menu)
        self.table.verticalScrollBar().valueChanged.connect(self._scrolled)
        self.model.rowsAboutToBeInserted.connect(self._note_top)
        self.model.rowsInserted.connect(self._keep_top)
        self.model.came.connect(self._came)
        self.empty.button.clicked.connect(self.filters.clear)
        ground.run_asked.connect(self.open_id)
        ground.runs_asked.connect(self.show_flow)
        self.empty.say(_("Looking …"), "")
        self.stack.setCurrentWidget(self.empty)

    # -- what is chosen ------------------------------------------------------------------------------------------------
    @cached_property
    def run(self) -> RunView:
        """The page of a run, made when one is first opened: the list shall stand at once."""
        from tisserand.ui.supervision.run import RunView

        made = RunView(self.ground, self.hands)
        self.both.addWidget(made)
        made.back_asked.connect(self.back)
        made.run_asked.connect(self.open_id)
        return made

    @property
    def open_run(self) -> bool:
        """Whether a run is shown rather than the list."""
        return self.both.currentWidget() is not self._list

    def chosen(self) -> RunInfo | None:
        """The run that the actions are for."""
        if self.open_run:
            return self.run.info
        found: RunInfo | None = self.table.chosen()
        return found

    def open(self, run: RunInfo | None) -> None:
        """Show a run."""
        if run is not None:
            self.run.show_run(run)
            self._turn(self.run)

    def open_id(self, run: str) -> None:
        """Show a run of which only the id is known."""
        self.ground.ask(self, lambda executor: executor.run(run), self.open)

    def back(self) -> None:
        """To the list, where it was left."""
        if self.open_run:
            self.run.leave()
            self._turn(self._list)

    def _turn(self, widget: QWidget) -> None:
        self.both.setCurrentWidget(widget)
        self._allow()
        self.first().setFocus(Qt.FocusReason.OtherFocusReason)
        self.refresh()

    def _allow(self) -> None:
        if not self.isVisible():
            return
        actions = self.ground.window_.actions_
        actions["back"].setEnabled(self.open_run)
        actions["search_runs"].setEnabled(not self.open_run)
        self.hands.allow()
        if self.open_run:
            self.run.allow()

    def first(self) -> QWidget:
        if self.open_run:
            return self.run.timeline
        return self.table if self.stack.currentWidget() is self.table else self.filters.search

    def show_flow(self, flow: str) -> None:
        """The list, with the runs of one flow."""
        self.back()
        self.filters.set_flow(flow)

    def _search(self) -> None:
        self.filters.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.filters.search.selectAll()

    # -- looking -------------------------------------------------------------------------------------------------------
    def refresh(self) -> None:
        if self.ground.root is None:
            self.empty.say(self.ground.nothing(), "")
            self.stack.setCurrentWidget(self.empty)
        elif self.open_run:
            self.run.refresh()
        elif not self._begun:
            self._begun = True
            self.model.show(self.filters.asked())
            self._count()
        else:
            self.model.renew(self.filters.asked(), *self._seen())
            self._looks += 1
            if self._looks % RECOUNT == 0:
                self._count()
        self._allow()

    def forget(self) -> None:
        self._begun = False
        self.back()

    def _filtered(self) -> None:
        self._begun = False
        self.table.selectionModel().clear()
        self.refresh()

    def _seen(self) -> tuple[int, int]:
        """The first and the last row that are seen."""
        first = self.table.verticalScrollBar().value()
        return first, min(first + self.table.verticalScrollBar().pageStep() + 1, self.model.rowCount() - 1)

    def _scrolled(self) -> None:
        if self._seen()[1] >= self.model.rowCount() - 20:
            self.model.fetch_more()

    def _note_top(self, _parent: object, first: int, _last: int) -> None:
        """What is read must not slide away under the eyes when new runs come above it."""
        top = self.table.verticalScrollBar().value()
        run = self.model.paging.run_at(top) if first <= top and top > 0 else None
        self._top = run.id if run is not None else None

    def _keep_top(self, _parent: object, _first: int, _last: int) -> None:
        if self._top is None:
            return
        row = self.model.paging.row_of(self._top)
        if row is not None:
            self.table.executeDelayedItemsLayout()
            self.table.verticalScrollBar().setValue(row)

    def _came(self) -> None:
        if self.model.rowCount():
            self.stack.setCurrentWidget(self.table)
            if self._arrives and self.filters.search.hasFocus() and not self.filters.search.text():
                self.table.setFocus(Qt.FocusReason.OtherFocusReason)
            self._arrives = False
            if not self.table.currentIndex().isValid():
                # So that Enter and the actions have something to act on.
                self.table.setCurrentIndex(self.model.index(0, 0))
            self._scrolled()
        elif self.model.paging.whole:
            if self.filters.active:
                self.empty.say(_("No run fits this filter."), _("Show all runs"))
            else:
                self.empty.say(_("Nothing has run yet. Run a flow with F5, or switch one on: what happens is seen here."), "")
            self.stack.setCurrentWidget(self.empty)
        self._allow()

    def _count(self) -> None:
        asked = self.filters.asked()

        def come(count: int) -> None:
            if count >= COUNTED:
                text = _("more than {count} runs").format(count=number(COUNTED))
            else:
                text = ngettext("{count} run", "{count} runs", count).format(count=number(count))
            self.filters.count.setText(text)

        self.ground.ask(self, lambda executor: executor.figures.count(asked), come, once="count")

    def _menu(self, place: QPoint) -> None:
        if self.chosen() is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for id in IDS:
            if self.ground.window_.actions_[id].isEnabled():
                menu.addAction(self.ground.window_.actions_[id])
        menu.popup(self.table.viewport().mapToGlobal(place))
