"""Keeps every panel in step with the open flow: problems, states, titles, what is selected, whose rows are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from tisserand.model.problem import Problem
from tisserand.sdk.form import form_of
from tisserand.texts import Message, ngettext
from tisserand.texts import translate as _
from tisserand.ui.canvas.state import number, percent
from tisserand.ui.findings import Findings
from tisserand.ui.standings import Standings

if TYPE_CHECKING:
    from tisserand.ui.debugging import Debugging
    from tisserand.ui.runs import Runs
    from tisserand.ui.sheets import Sheets
    from tisserand.ui.watching import Watching
    from tisserand.ui.window import Window


class InStep(QObject):
    """What the panels of one window show of its flow."""

    sheets: Sheets
    watching: Watching
    debugging: Debugging
    runs: Runs

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window_ = window
        self.standings = Standings()
        self.findings = Findings(window.kinds, self.standings)
        self.problems: list[Problem] = []

    def show_problems(self) -> None:
        """Everything that shows what is wrong, brought up to date."""
        w = self.window_
        d = w.document
        found = self.findings.of(d.flow, str(w.runner.root or "")) if d.source is None else list(d.broken)
        problems = self.problems = found
        w.source.show_problems(d.broken)
        w.problems.show_problems(problems, [self._place_of(problem) for problem in problems])
        count = len(problems)
        w.tabs.setTabText(w.tabs.indexOf(w.problems), f"{_('Problems')} ({number(count)})" if count else _("Problems"))
        w.inspector.show_check(problems, self.findings.schemas)
        self.show_standings()
        self._selected()

    def _place_of(self, problem: Problem) -> str:
        """Where a problem is, in words: the card's title and the setting's."""
        w, place = self.window_, problem.place
        card = w.scene.cards.get(place.node or "")
        if card is None:
            return _("line {line}").format(line=place.line) if place.line else ""
        found = w.kinds.get(w.document.flow.nodes[card.id].kind)
        parts = (place.field or "").split(".")
        if parts[0] != "config" or len(parts) < 2 or found is None:
            return card.shown.title
        asked = next((field for field in form_of(found.node.Config) if field.name == parts[1]), None)
        return f"{card.shown.title} · {_(asked.title) if asked is not None else parts[1]}"

    def show_standings(self) -> None:
        w = self.window_
        standings = self.standings.of(w.document.flow, self.problems, w.kinds.group)
        for told in (self.watching.standing(), self.debugging.standing()):
            if told is not None:
                standings[told[0]] = told[1]
        w.scene.show_standings(standings)
        w.outline.show_flow(w.document.flow)
        w.node_list.show_flow(w.document.flow)

    def titles(self) -> None:
        w = self.window_
        d = w.document
        mark = "" if d.is_saved else " •"
        w.heading.setText(f"{d.title}{mark}")
        w.heading.setToolTip(str(d.path or "") if d.is_saved else _("There are changes that are not saved."))
        self.sheets.retitle()
        w.setWindowTitle(f"{d.title}{mark} — Tisserand")
        self._name_step("undo", _("Undo"), d.undo_name)
        self._name_step("redo", _("Redo"), d.redo_name)
        w.actions_["save"].setEnabled(not d.is_saved or d.path is None)
        w.actions_["run"].setEnabled(bool(d.flow.nodes) and not w.runner.running)
        w.actions_["cancel"].setEnabled(w.runner.running)
        self.runs.describe()
        for id in ("step", "go_on", "run_to"):
            w.actions_[id].setEnabled(w.actions_["run"].isEnabled())
        for id in ("tidy", "fit"):
            w.actions_[id].setEnabled(bool(d.flow.nodes or d.flow.notes))
        nodes = ngettext("{count} node", "{count} nodes", len(d.flow.nodes)).format(count=number(len(d.flow.nodes)))
        w.place.setText(f"{nodes} · {percent(w.canvas.zoom())}")

    def _name_step(self, id: str, word: str, name: Message | None) -> None:
        actions = self.window_.actions_
        action = actions[id]
        action.setEnabled(name is not None)
        action.setText(f"{word}: {name.text()}" if name is not None else word)
        action.setIconText(word)
        actions.hint(id, action.text())

    def _selected(self) -> None:
        w = self.window_
        chosen = list(w.scene.selection)
        w.inspector.show_node(chosen[0] if len(chosen) == 1 else None, len(chosen))
        w.outline.follow()
        w.node_list.follow()
        w.actions_["delete"].setEnabled(bool(chosen or w.scene.marks) or w.scene.wire_selection is not None)
        several = len(chosen) > 1
        for entry, action in w.actions_:
            if entry.id.startswith(("align_", "distribute_")) or entry.id == "tidy_selection":
                action.setEnabled(several)
        one = w.document.flow.nodes.get(chosen[0]) if len(chosen) == 1 else None
        for id in ("enter", "ungroup"):
            w.actions_[id].setEnabled(one is not None and one.kind == "flow.call")
        for id in ("copy", "cut", "duplicate"):
            w.actions_[id].setEnabled(bool(chosen or w.scene.marks))
        for id in ("enlarge", "frame", "group", "loosen", "disable", "breakpoint"):
            w.actions_[id].setEnabled(bool(chosen))
        self.show_edge()

    def show_edge(self) -> None:
        """The data pane follows the selection."""
        w = self.window_
        flow = w.document.flow
        wire = w.scene.wire_selection
        id = wire[0] if wire is not None else next(iter(w.scene.selection), None)
        if id is None or id not in flow.nodes or id not in w.scene.cards:
            if w.data.node is None or w.data.node not in flow.nodes:
                self._say_where_rows_appear()
            return
        shown = w.scene.cards[id].shown
        port = (wire[1] or None) if wire is not None and not wire[3].startswith("@") else None
        w.data.show_edge(self.standings.run, id, shown.title, shown.outputs, port, self.standings.done(flow, id))

    def _say_where_rows_appear(self) -> None:
        ran = self.standings.run is not None
        self.window_.data.say(
            _("Select a card or a wire: its rows appear here.")
            if ran
            else _("Run the flow, then select a card or a wire: its rows appear here.")
        )
