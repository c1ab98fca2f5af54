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

PATIENCE = 5.0
"""Seconds that a window on its way out waits until the executor knows that the run is to end."""


class Runs(QObject):
    """Runs of the open flow."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.desk = desk
        self._standings: Standings | None = None
        """Where the run under way is noted; what the window shows may be another flow's."""
        self._title = self._said = self._last = ""
        """The flow that was run last, what was announced of it, and how it ended as the status bar says it."""
        self._abandoned = False
        self._words: dict[str, str] = {
            "done": _("Done"),
            "waiting": _("Waiting"),
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
        w.runner.relock(flow, file, come, self._show_refusal)

    def forget(self) -> None:
        """Another flow is shown: a run that is under way goes on, but not on its cards."""
        if self.desk.window_.runner.running:
            self._tell()
        else:
            self._state(self._last if self._shown else "")

    def cancel(self) -> None:
        """End the run under way, whichever flow is shown; what is shown says which one it is."""
        self.desk.window_.runner.cancel()
        if self.desk.window_.runner.running:
            self._tell()

    def describe(self) -> None:
        """Stop acts on the run under way: where another flow is shown, its name says on which. Run says why it has to wait."""
        actions, running = self.desk.window_.actions_, self.desk.window_.runner.running
        elsewhere = running and not self._shown
        stop = actions["cancel"]
        stop.setText(_("Cancel the run of “{flow}”").format(flow=self._title) if elsewhere else _("Cancel the run"))
        stop.setIconText(_("Stop"))
        why = _("“{flow}” is still running: one run at a time.").format(flow=self._title) if running else _("Run")
        actions.hint("cancel", stop.text())
        actions.hint("run", why)

    def abandon(self) -> None:
        """The window goes without a question; a run that is under way goes on without it."""
        self._abandoned = True

    def may_leave(self) -> bool:
        """Before the window closes: whether a run that is under way goes on without it or ends, the person decides."""
        w = self.desk.window_
        if self._abandoned or not w.runner.running:
            return True
        answer = dialogs.ask_about_run(w, self._title)
        if answer == "cancel" and not w.runner.cancel_and_wait(PATIENCE):
            w.notice.tell(_("The executor does not answer: “{flow}” was not cancelled.").format(flow=self._title), [])
            return False
        return answer != "stay"

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
        self._tell()
        self.desk.titles()

    def _tell(self) -> None:
        """How far the run under way is, and whose it is where another flow is shown."""
        if self.desk.window_.runner.stopping:
            own, other = _("Stopping …"), _("Stopping “{flow}” …")
        else:
            own, other = _("Running …"), _("“{flow}” is running …")
        infos = self._standings.infos.values() if self._standings is not None else ()
        # Of all nodes that are planned, but for those whose turn will not come.
        counted = [info.state for info in infos if info.state != "skipped"]
        over = sum(state not in {"waiting", "running", "suspended"} for state in counted)
        share = f" {over} / {len(counted)}" if counted else ""
        self._state((own if self._shown else other.format(flow=self._title)) + share)

    def _progressed(self, infos: Any) -> None:
        if self._standings is not None:
            self._standings.infos = infos
        if self.desk.window_.runner.running:
            self._tell()
        if self._shown:
            self.desk.show_standings()

    def _finished(self, info: Any) -> None:
        w = self.desk.window_
        word = self._words.get(info.state, info.state)
        spent = (info.finished or 0) - (info.started or info.created)
        self._last = f"{word} · {seconds(spent)}" if info.finished else word
        self._state(self._last if self._shown else "")
        self.desk.titles()
        if self._standings is not None:
            self._standings.end(info.error)
        if not self._shown:
            w.desk.say(f"{self._title} — {self._last}")
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
        """A run did not start, or could not be ended."""
        if self.desk.window_.runner.running or not self._shown:
            self.forget()
            reason = problems[0].message.text() if problems else _("The run was refused")
            self.desk.say(f"{self._title} — {reason}")
            self.desk.titles()
            return
        self._last = _("The run was refused")
        self._state(self._last)
        self._show_refusal(problems)

    def _show_refusal(self, problems: list[Problem]) -> None:
        w = self.desk.window_
        self.desk.findings.take_refusal(problems)
        self.desk.show_problems()
        w.show_side("bottom", w.problems)
        self.desk.titles()
