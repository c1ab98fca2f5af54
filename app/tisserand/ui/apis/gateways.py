"""The page of gateways: what a push would do as a readable difference, the push, the way back, and what was pushed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QFrame, QLabel, QProgressBar, QScrollArea, QTabWidget, QVBoxLayout, QWidget
from shiboken6 import isValid

from tisserand.service.person import person
from tisserand.texts import ngettext
from tisserand.texts import translate as _
from tisserand.ui.apis.asking import Asking
from tisserand.ui.apis.gatewayform import GatewayDialog, adapters
from tisserand.ui.apis.gatewaylines import gateway_line, pushed_line, with_lines
from tisserand.ui.apis.parts import Page, in_order, quiet, squeeze, tell
from tisserand.ui.apis.parts import name as call
from tisserand.ui.apis.words import CHANGES, sentences
from tisserand.ui.canvas.state import number
from tisserand.ui.supervision.listed import Line, Listed, follow
from tisserand.ui.supervision.table import Column, Table

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from tisserand.apis.gateways.adapter import Gateway, Plan
    from tisserand.model.problem import Problem
    from tisserand.service.gateways.calls import GatewayInfo, Pushed
    from tisserand.service.protocol import Executor
    from tisserand.ui.supervision.ground import Ground

DUTY = 26
"""Height of one line to tick."""


class GatewaysView(Page):
    """All gateways of the workspace; below, of the one that is chosen, plan and history."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.compare = self.button(_("What would change?"), "diff", primary=True)
        self.push = self.button(_("Push"), "upload")
        self.back = self.button(_("Roll back"), "undo-2")
        self.busy = QProgressBar()
        self.busy.setRange(0, 0)
        self.busy.setFixedWidth(120)
        self.busy.setTextVisible(False)
        self.busy.setAccessibleName(_("Under way"))
        self.busy.hide()
        self.stop = self.button(_("Stop waiting"), "x")
        self.stop.hide()
        self.told = quiet()
        self.new = self.button(_("New gateway…"), "plus")
        self.change = self.button(_("Change…"), "pencil")
        self.remove = self.button(_("Remove…"), "trash-2")
        for button in (self.new, self.change, self.remove):
            self.head.addWidget(button)
        self.head.addStretch(1)
        for button in (self.back, self.push, self.compare):
            self.head.addWidget(button)
        self.filters.setContentsMargins(10, 0, 10, 8)
        self.filters.addWidget(self.told, 1)
        self.filters.addWidget(self.busy)
        self.filters.addWidget(self.stop)
        columns = (
            Column(_("Gateway"), 120, 1), Column(_("Type"), 90, 1), Column(_("Alive"), 80), Column(_("Address"), 150, 2), Column(_("Last push"), 150, 1),
            Column(_("Revision"), 140, 1),
        )  # fmt: skip
        self.table = Table(columns, _("Gateways"))
        self.model = Listed(columns)
        changes = (
            Column(_("What"), 120),
            Column(_("Item"), 170, 2),
            Column(_("Field"), 130, 1),
            Column(_("Live"), 110, 2),
            Column(_("Declared"), 110, 2),
        )
        self.changes = Table(changes, _("What a push would change"))
        self.differences = Listed(changes)
        self.accept = QVBoxLayout()
        self.accept.setContentsMargins(10, 6, 10, 6)
        self.accept.setSpacing(0)
        self.boxes: dict[str, QCheckBox] = {}
        past = (Column("#", 50), Column(_("When"), 150, 1), Column(_("Result"), 120, 1), Column(_("By"), 110, 1), Column(_("Changes"), 80, right=True),
                Column(_("Why"), 140, 3))  # fmt: skip
        self.past = Table(past, _("Pushes"))
        self.pushes = Listed(past)
        plan = QWidget()
        box = QVBoxLayout(plan)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        self.duties = QScrollArea()
        self.duties.setWidgetResizable(True)
        self.duties.setFrameShape(QFrame.Shape.NoFrame)
        self.duties.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        holder = QWidget()
        holder.setObjectName("page")
        holder.setLayout(self.accept)
        self.duties.setWidget(holder)
        self.duties.hide()
        self.none = _middle()
        box.addWidget(self.duties)
        box.addWidget(self.none, 1)
        box.addWidget(self.changes, 1)
        self.whole = quiet()
        self.whole.setContentsMargins(10, 6, 10, 8)
        self.whole.hide()
        box.addWidget(self.whole)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        pushes = QWidget()
        below = QVBoxLayout(pushes)
        below.setContentsMargins(0, 0, 0, 0)
        self.unpushed = _middle()
        self.unpushed.setText(_("Nothing was pushed to this gateway yet."))
        below.addWidget(self.unpushed, 1)
        below.addWidget(self.past, 1)
        self.tabs.addTab(plan, _("Difference"))
        self.tabs.addTab(pushes, _("Pushes"))
        self.put(self.table, self.tabs, (140, 420))
        follow(self.table, self.model, self._chosen)
        follow(self.changes, self.differences, self._tell_whole)
        follow(self.past, self.pushes, self._fit)
        self.stop.clicked.connect(self.stop_waiting)
        self.compare.clicked.connect(self.look_at_plan)
        self.push.clicked.connect(self.push_now)
        self.back.clicked.connect(self.roll_back)
        self.tabs.currentChanged.connect(lambda _at: self._history())
        self.tabs.currentChanged.connect(lambda _at: self._fit())
        self.plan: Plan | None = None
        self._name = self._wanted = ""
        self._told_trouble = False
        self._asked = 0
        """Counts what was asked: an answer that nobody waits for any more is dropped."""
        self._working = False
        self.new.clicked.connect(lambda: self.edit(""))
        self.change.clicked.connect(lambda: self.edit(self._name))
        self.remove.clicked.connect(self.remove_entry)
        self.empty.button.clicked.connect(lambda: self.edit(""))
        for id, button in (
            ("gateway_plan", self.compare), ("gateway_push", self.push), ("gateway_back", self.back), ("entry_new", self.new),
            ("entry_edit", self.change), ("entry_remove", self.remove),
        ):  # fmt: skip
            self.acts(id, button)
        in_order(
            self.new, self.change, self.remove, self.back, self.push, self.compare, self.stop, self.table, self.tabs.tabBar(), self.changes,
            self.past,
        )  # fmt: skip
        self._show_plan()
        self._show_pushes(())
        self.say(_("Looking …"))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._squeeze()

    def _squeeze(self) -> None:
        buttons = [self.new, self.change, self.remove, self.back, self.push, self.compare]
        squeeze(buttons, [self.compare, self.push], self.width() - 30)

    # -- looking -------------------------------------------------------------------------------------------------------
    def first(self) -> QWidget:
        return self.table

    def refresh(self) -> None:
        if self.ground.root is None:
            self.say(self.ground.nothing())
            return
        self.ground.ask(self, lambda executor: executor.gateways.list(), self._take, once="gateways")

    def forget(self) -> None:
        self.model.take([])
        self.plan, self._name = None, ""
        self._asked += 1
        self._show_plan()
        self._show_pushes(())
        self._still()

    def _take(self, found: Sequence[GatewayInfo]) -> None:
        self.model.take([gateway_line(each) for each in found])
        if not found:
            self._name, self.plan = "", None
            self._show_plan()
            self.say(
                _("There is no gateway yet. The embedded one needs nothing but a name: it starts with the executor."),
                _("New gateway…"),
            )  # fmt: skip
            return
        wanted = self.model.row_of(self._wanted) if self._wanted else None
        if wanted is not None:
            self.table.setCurrentIndex(self.model.index(wanted, 0))
            self._wanted = ""
        elif not self.table.currentIndex().isValid():
            self.table.setCurrentIndex(self.model.index(0, 0))
        self.shown()
        if self.tabs.currentIndex() == 1:
            self._history()
        self._trouble()
        self._fit()

    def _trouble(self) -> None:
        """What is wrong with the chosen one, where nothing else is being told."""
        found = self.chosen()
        text = sentences([found.problem]) if found is not None and found.problem is not None else ""
        if found is not None and not text and found.alive is False:
            text = _("“{name}” does not answer. “What would change?” tells why.").format(name=found.title or found.name)
        if not self._working and (not self.told.text() or self._told_trouble):
            self._tell(text, "warning" if text else "muted", trouble=bool(text))

    def chosen(self) -> GatewayInfo | None:
        found: GatewayInfo | None = self.table.chosen()
        return found

    def _chosen(self) -> None:
        found = self.chosen()
        if found is not None and found.name != self._name:
            self._name, self.plan = found.name, None
            if self._working:
                self.stop_waiting()
            self._show_plan()
            self._show_pushes(())
            self._history()
            self._trouble()
        self._fit()

    def _fit(self) -> None:
        plan, busy = self.plan, self._working
        wrong = plan is not None and any(each.severity == "error" for each in plan.problems)
        unaccepted = any(not box.isChecked() for box in self.boxes.values())
        self.compare.setEnabled(bool(self._name) and not busy)
        self.push.setEnabled(plan is not None and bool(plan.changes) and not wrong and not unaccepted and not busy)
        self.hint(
            self.push,
            _("First look at what would change.") if plan is None else _("Tick what is not enforced, if you will answer for it.") if unaccepted else "",
        )  # fmt: skip
        chosen: Pushed | None = self.past.chosen() if self.tabs.currentIndex() == 1 else None
        call(self.back, _("Roll back to push {number}").format(number=chosen.number) if chosen is not None else _("Roll back"))
        self._squeeze()
        good = [line for line in self.pushes.lines if line.item.result == "done"]
        self.back.setEnabled(bool(self._name) and not busy and (chosen.result == "done" if chosen is not None else len(good) > 1))
        self.hint(self.back)
        for button in (self.change, self.remove):
            button.setEnabled(bool(self._name) and not busy)

    def _history(self) -> None:
        name = self._name
        if not name:
            return

        def come(found: Sequence[Pushed]) -> None:
            if name == self._name:
                self._show_pushes(found)
                self._fit()

        self.ground.ask(self, lambda executor: executor.gateways.history(name), come, once=f"pushes {name}")

    # -- acting --------------------------------------------------------------------------------------------------------
    def look_at_plan(self) -> None:
        """Ask what a push would do."""
        name = self._name

        self._work(_("Comparing …"), lambda executor: with_lines(executor.gateways.plan(name)), self._compared)

    def _compared(self, found: tuple[Plan, list[Line]]) -> None:
        self.tabs.setCurrentIndex(0)
        self.plan = found[0]
        self._show_plan(found[1])

    def push_now(self) -> None:
        """Make live what was shown; what was changed since is shown first."""
        name, accepted, seen = self._name, [each for each, box in self.boxes.items() if box.isChecked()], self.plan
        if seen is None:
            return

        def work(executor: Executor) -> Pushed | tuple[Plan, list[Line]]:
            now = executor.gateways.plan(name)
            if (now.content_hash, now.changes, now.dropped) != (seen.content_hash, seen.changes, seen.dropped):
                return with_lines(now)
            return executor.gateways.push(name, accepted, person())

        def come(found: Pushed | tuple[Plan, list[Line]]) -> None:
            if not isinstance(found, tuple):
                self._done(found)
                return
            self._compared(found)
            self._tell(_("Something changed since you looked: this is what a push would do now. Nothing was pushed."), "warning")

        self._work(_("Pushing …"), work, come)

    def edit(self, name: str) -> None:
        """Ask for a new gateway, or for other settings of one."""

        def ask(executor: Executor) -> tuple[dict[str, type[Gateway]], Mapping[str, Any] | None]:
            return adapters(), executor.gateways.entry(name) if name else None

        def come(found: tuple[dict[str, type[Gateway]], Mapping[str, Any] | None]) -> None:
            known, data = found
            if data is not None and data["type"] not in known:
                self._tell(_("“{type}” is not a type of gateway: change it in gateways.yaml.").format(type=data["type"]), "error")
                return
            GatewayDialog(self, self.ground, known, name, data, self._saved).open()

        def refused(problems: Sequence[Problem]) -> None:
            self._tell(sentences(problems), "error")

        self.ground.ask(self, ask, come, refused, once=f"edit {name}")

    def _saved(self, name: str) -> None:
        if isValid(self):
            self._wanted = name
            self.plan = None
            self._show_plan()
            self.refresh()
        self.ground.say(_("“{name}” is saved.").format(name=name))

    def remove_entry(self) -> None:
        """Take the chosen one out of the file."""
        name = self._name

        def do(_values: Mapping[str, str]) -> None:
            def done(_none: object) -> None:
                if isValid(dialog):
                    dialog.accept()
                self.ground.say(_("“{name}” is removed.").format(name=name))
                self.refresh()

            def refused(problems: Sequence[Problem]) -> None:
                if isValid(dialog):
                    dialog.tell(sentences(problems))
                else:
                    self._tell(sentences(problems), "error")

            self.ground.ask(self, lambda executor: executor.gateways.remove_entry(name, person()), done, refused)

        about = _("The gateway itself is not touched: it serves on what it holds. The embedded one ends. Secrets kept for it go.")
        dialog = Asking(self, _("Remove “{name}”?").format(name=name), [], _("Remove"), do, about)
        dialog.open()

    def roll_back(self) -> None:
        """To the chosen push of the history, or the one before the last."""
        chosen: Pushed | None = self.past.chosen() if self.tabs.currentIndex() == 1 else None
        name, number_ = self._name, chosen.number if chosen is not None and chosen.result == "done" else 0
        self._work(_("Rolling back …"), lambda executor: executor.gateways.rollback(name, number_, person()), self._done)

    def stop_waiting(self) -> None:
        """The window is free again. What was begun at the gateway is not broken off half-way: how it ended is seen in the list."""
        self._asked += 1
        self._still()
        self.told.setText(_("A push that has begun goes on to its end: it is listed under “Pushes”."))
        self._history()

    def _done(self, pushed: Pushed) -> None:
        self.plan = None
        self._show_plan()
        text = ngettext("Push {number}: {count} change is live.", "Push {number}: {count} changes are live.", pushed.changes)
        if not pushed.changes:
            text = _("Nothing had to be changed: what push {number} held is live.")
        self.told.setText(text.format(number=pushed.number, count=number(pushed.changes)))
        self.ground.say(self.told.text())
        self._history()
        self.refresh()

    def _work(self, text: str, question: Callable[[Executor], Any], then: Callable[[Any], object]) -> None:
        """Ask what may take a while: beside the window, with a way to stop waiting."""
        self._asked += 1
        mine = self._asked
        self._working = True
        self.busy.show()
        self.stop.show()
        self._tell(text)
        self._fit()

        def come(answer: Any) -> None:
            if mine == self._asked:
                self._still()
                then(answer)

        def refused(problems: Sequence[Problem]) -> None:
            if mine == self._asked:
                self._still()
                self._tell(sentences(problems), "error")
                self._history()

        self.ground.ask(self, question, come, refused)

    def _still(self) -> None:
        self._working = False
        self.busy.hide()
        self.stop.hide()
        self._tell("")
        self._fit()

    def _tell(self, text: str, role: str = "muted", *, trouble: bool = False) -> None:
        self._told_trouble = trouble
        tell(self.told, text, role)

    def _tell_whole(self) -> None:
        """What the chosen line says, whole: values and reasons are longer than their columns."""
        index = self.changes.currentIndex()
        cells = self.differences.lines[index.row()].cells if index.isValid() and index.row() < len(self.differences.lines) else ()
        said = [cell.more or cell.text for cell in cells[2:]]
        text = ""
        if len(said) == 3 and said[1]:
            dropped = cells[0].text == _(CHANGES["dropped"][2])
            text = f"{said[0]}: {said[1]}" if dropped else f"{said[0]}: {said[1]} → {said[2]}"
        self.whole.setText(text)
        self.whole.setVisible(bool(text))

    def _show_pushes(self, found: Sequence[Pushed]) -> None:
        self.pushes.take([pushed_line(each) for each in found])
        self.unpushed.setVisible(not found)
        self.past.setVisible(bool(found))

    def _show_plan(self, lines: Sequence[Line] = ()) -> None:
        plan = self.plan
        self.differences.take(lines)
        self.changes.setVisible(bool(lines))
        self.none.setVisible(not lines)
        self.none.setText(
            _(
                "Nothing was compared yet. “What would change?” sets what is declared beside what is live; nothing is changed by it."
            )
            if plan is None
            else _("Nothing would change: what is live is what is declared.")
        )
        for box in self.boxes.values():
            self.accept.removeWidget(box)
            box.deleteLater()
        self.boxes.clear()
        if plan is None:
            self.duties.hide()
            self._fit()
            return
        for each in plan.refused():
            text = _("I take it upon myself that “{field}” of {item} is not enforced").format(
                field=each.field or each.item, item=each.item
            )
            box = QCheckBox(text)
            box.setToolTip(each.reason.text())
            box.setAccessibleDescription(each.reason.text())
            box.toggled.connect(lambda _on: self._fit())
            self.boxes[each.name] = box
            self.accept.addWidget(box)
        in_order(self.tabs.tabBar(), *self.boxes.values(), self.changes)
        # Many are scrolled through: the difference below keeps its room.
        self.duties.setFixedHeight(min(len(self.boxes), 4) * DUTY + 14)
        self.duties.setVisible(bool(self.boxes))
        if plan.problems:
            self._tell(sentences(plan.problems[:3]), "error" if any(p.severity == "error" for p in plan.problems) else "muted")
        elif not plan.changes and not plan.drifted:
            self._tell(_("Nothing would change: what is live is what is declared."))
        else:
            counted = ngettext("{count} item would change.", "{count} items would change.", len(plan.changes))
            drift = (
                _("Changed by others since the last push: {items}.").format(items=", ".join(plan.drifted[:5]))
                if plan.drifted
                else ""
            )
            self._tell(f"{counted.format(count=number(len(plan.changes)))} {drift}".rstrip())
        self._fit()


def _middle() -> QLabel:
    """A sentence where a table has nothing to list."""
    label = quiet()
    label.setAlignment(Qt.AlignmentFlag.AlignCenter)
    label.setContentsMargins(40, 10, 40, 30)
    return label
