"""A run from the window's side: start it, show how it stands, tell how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer

from tisserand.model.problem import Problem
from tisserand.texts import translate as _
from tisserand.ui import dialogs

if TYPE_CHECKING:
    from tisserand.ui.desk import Desk


class Runs(QObject):
    """Runs of the open flow."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.desk = desk
        self._words: dict[str, str] = {
            "done": _("Done"),
            "failed": _("Failed"),
            "cancelled": _("Cancelled"),
            "interrupted": _("Broke off"),
        }
        runner = desk.window_.runner
        runner.started.connect(self._started)
        runner.progressed.connect(self._progressed)
        runner.logged.connect(desk.window_.log.add_event)
        runner.finished.connect(self._finished)
        runner.refused.connect(self._refused)

    def start(self) -> None:
        """Run what is on the screen, saved or not."""
        w = self.desk.window_
        flow = w.document.flow
        if not flow.nodes or w.runner.running:
            return
        parameters: Mapping[str, Any] | None = {}
        if any(parameter.required and parameter.default is None for parameter in flow.parameters.values()):
            parameters = dialogs.ask_parameters(w, flow, w.inspector.context)
        if parameters is None:
            return
        if w.runner.root is None:
            w.runner.root = self._home()
        self.desk.standings.begin(flow)
        w.log.clear()
        self._state(_("Starting …"))
        w.runner.start(w.document.text(), self.desk.file(), parameters)
        self.desk.titles()

    def _home(self) -> Path:
        """A workspace for flows that have none yet."""
        from tisserand.workspace.folder import Workspace

        return Workspace.create(Path.home() / "Tisserand").root

    def _state(self, text: str) -> None:
        self.desk.window_.state.setText(text)

    def _started(self, run: str) -> None:
        self.desk.standings.run = run
        self._state(_("Running …"))
        self.desk.titles()

    def _progressed(self, infos: Any) -> None:
        self.desk.standings.infos = infos
        self.desk.window_.scene.show_standings(self.desk.standings.of(self.desk.window_.document.flow, self.desk.problems))

    def _finished(self, info: Any) -> None:
        w = self.desk.window_
        word = self._words.get(info.state, info.state)
        spent = (info.finished or 0) - (info.started or info.created)
        self._state(f"{word} · {spent:.1f} s" if info.finished else word)
        if info.error is not None:
            self.desk.show_problems([*self.desk.problems, info.error])
            w.show_side("bottom", w.problems)
        elif info.state == "done":
            w.tabs.setCurrentWidget(w.data)
        self.desk.titles()
        QTimer.singleShot(0, self, self.desk.show_edge)

    def _refused(self, problems: list[Problem]) -> None:
        self._state(_("The run was refused"))
        self.desk.show_problems(problems)
        self.desk.window_.show_side("bottom", self.desk.window_.problems)
        self.desk.titles()
