"""A run from the window's side: start it, show how it stands, tell how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer

from tisserand.files import shipped
from tisserand.model.flow import Flow
from tisserand.model.problem import Problem
from tisserand.texts import translate as _
from tisserand.ui import dialogs
from tisserand.ui.announce import announce
from tisserand.ui.canvas.state import number, seconds

if TYPE_CHECKING:
    from tisserand.ui.desk import Desk
    from tisserand.ui.standings import Standings


class Runs(QObject):
    """Runs of the open flow."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.desk = desk
        self._standings: Standings | None = None
        """Where the run under way is noted; what the window shows may be another flow's."""
        self._title = self._said = ""
        self._words: dict[str, str] = {
            "done": _("Done"),
            "failed": _("Failed"),
            "cancelled": _("Cancelled"),
            "interrupted": _("Broken off"),
        }
        runner = desk.window_.runner
        runner.started.connect(self._started)
        runner.progressed.connect(self._progressed)
        runner.logged.connect(desk.window_.log.add_event)
        runner.finished.connect(self._finished)
        runner.refused.connect(self._refused)

    @property
    def _shown(self) -> bool:
        """Whether the flow in the window is the one that was run last."""
        return self._standings is self.desk.standings

    def start(self, until: str | None = None) -> None:
        """Run what is on the screen, saved or not; `until` is the node to stop behind."""
        w = self.desk.window_
        self.desk.editing.finish()
        flow = w.document.flow
        if not flow.nodes or w.runner.running:
            return
        needed = any(parameter.required and parameter.default is None for parameter in flow.parameters.values())
        trigger = dialogs.manual_start(flow)
        if needed or (trigger is not None and (flow.parameters or trigger.config.get("confirm"))):
            dialogs.parameter_form(w, flow, w.inspector.context, lambda given: self._start(flow, given, until))
        else:
            self._start(flow, {}, until)

    def go_on(self, run: str, until: str | None) -> None:
        """Go on with a run: what is done and did not change is not done again."""
        flow = self.desk.window_.document.flow
        self.desk.standings.resume(flow)
        self._begin(flow)
        self.desk.window_.runner.start(flow, self.desk.file(), None, until, run)
        self.desk.titles()

    def _start(self, flow: Flow, parameters: Mapping[str, Any], until: str | None) -> None:
        w = self.desk.window_
        if w.runner.running:
            return
        if w.runner.root is None:
            w.runner.root = self.home()
        self.desk.standings.begin(flow)
        w.log.begin({id: card.shown for id, card in w.scene.cards.items()})
        self._begin(flow)
        w.runner.start(flow, self.desk.file(), parameters, until)
        self.desk.titles()

    def _begin(self, flow: Flow) -> None:
        w = self.desk.window_
        self.desk.findings.take_refusal([])
        self._standings, self._title = self.desk.standings, w.document.title
        self._state(_("Starting …"))
        self.desk.debugging.began()
        self.desk.show_problems()

    def relock(self) -> None:
        """Accept the columns that the sources have now: the lock file is written anew, and what it blocked may run."""
        w, desk = self.desk.window_, self.desk
        flow, file = w.document.flow, desk.file()
        if file is None:
            desk.say(_("Only a saved flow has a lock file. Save the flow first."))
            return

        def come(answer: Any) -> None:
            if w.document.flow is not flow:
                w.runner.check_soon(w.document.flow, desk.file())
                return
            desk.findings.take_refusal([])
            desk.findings.take_check(flow, answer)
            desk.standings.forget()
            desk.show_problems()
            wrong = any(problem.severity == "error" for problem in answer.problems)
            desk.say(_("The sources cannot all be read.") if wrong else _("The columns that the sources have now are accepted."))

        desk.say(_("Looking at the sources …"))
        w.runner.relock(flow, file, come, self._refused)

    def forget(self) -> None:
        """Another flow was opened: a run that is under way goes on, but is not shown on its cards."""
        if not self.desk.window_.runner.running:
            self._state("")

    def home(self) -> Path:
        """The workspace in use; where there is none yet, or it is a shipped one, the person's own."""
        from tisserand.workspace.folder import Workspace

        root = self.desk.window_.runner.root
        if root is not None and not root.is_relative_to(shipped("flows").resolve()):
            return root
        return Workspace.create(Path.home() / "Tisserand").root

    def _state(self, text: str) -> None:
        self.desk.window_.state.setText(text)
        # Not how many are done on the way: a reader would speak of nothing else.
        word = _("Running …") if text.startswith(_("Running …")) else text
        if word != self._said:
            self._said = word
            announce(self.desk.window_.state, word)

    def _started(self, run: str) -> None:
        if self._standings is not None:
            self._standings.run = run
        self._state(_("Running …"))
        self.desk.titles()

    def _progressed(self, infos: Any) -> None:
        if self._standings is not None:
            self._standings.infos = infos
        if self._shown:
            if infos and self.desk.window_.runner.running:
                over = sum(info.state not in {"waiting", "running"} for info in infos.values())
                self._state(f"{_('Running …')} {over} / {len(infos)}")
            self.desk.show_standings()

    def _finished(self, info: Any) -> None:
        w = self.desk.window_
        word = self._words.get(info.state, info.state)
        spent = (info.finished or 0) - (info.started or info.created)
        self._state(f"{word} · {seconds(spent)}" if info.finished else word)
        self.desk.titles()
        if self._standings is not None:
            self._standings.end(info.error)
        if not self._shown:
            w.desk.say(f"{self._title} — {word}")
            return
        if info.error is not None and not self.desk.standings.problems(w.document.flow):
            self.desk.findings.take_refusal([info.error])
        self.desk.debugging.ended(info.state)
        self.desk.show_problems()
        self._summarize(info)
        if info.state == "failed":
            w.show_side("bottom", w.problems)
        elif info.state == "done":
            w.tabs.setCurrentWidget(w.data)
        QTimer.singleShot(0, self, self.desk.show_edge)

    def _summarize(self, info: Any) -> None:
        """The last line of the log: what the run left behind."""
        w = self.desk.window_
        written = 0
        for id, card in w.scene.cards.items():
            found = info.nodes.get(id)
            if found is not None and found.state == "done" and card.shown.group == "write":
                written += 1
        rows = sum(sum(found.rows.values()) for found in info.nodes.values() if found.state == "done")
        done = sum(found.state == "done" for found in info.nodes.values())
        text = _("Summary: {done} of {all} nodes done, {written} targets written, {rows} rows handled.")
        w.log.add_line(text.format(done=done, all=len(w.document.flow.nodes), written=written, rows=number(rows)))

    def _refused(self, problems: list[Problem]) -> None:
        w = self.desk.window_
        self._state(_("The run was refused"))
        self.desk.findings.take_refusal(problems)
        self.desk.show_problems()
        w.show_side("bottom", w.problems)
        self.desk.titles()
