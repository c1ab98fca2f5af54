"""Flows that start by themselves, in the window: switching them on and off, and seeing what they do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer

from tisserand.model.flow import Flow, Node
from tisserand.model.problem import Problem
from tisserand.service.person import person
from tisserand.texts import ngettext
from tisserand.texts import translate as _
from tisserand.ui.canvas.state import Standing, number

if TYPE_CHECKING:
    from tisserand.service.protocol import RunInfo, Watch
    from tisserand.ui.window import Window

LOOK = 1000
"""Milliseconds between two looks at what the executor does."""


class Watching(QObject):
    """The open flow, as far as it starts by itself."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window_ = window
        self.watch: Watch | None = None
        self._asking = False
        self._shown: tuple[str, str] | None = None
        """The run that is shown, and how it stood."""
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK)
        self._timer.timeout.connect(self.look)
        window.actions_.bind("watch", self.toggle)

    def trigger(self) -> Node | None:
        """The node by which the open flow starts by itself."""
        flow: Flow = self.window_.document.flow
        kinds = self.window_.kinds
        return next(
            (
                node
                for node in flow.nodes.values()
                if kinds.group(node.kind) == "start" and node.kind != "trigger.manual" and not node.disabled
            ),
            None,
        )

    def follow(self) -> None:
        """Another flow is shown, or it was changed: look at what it does, where it can do something by itself."""
        listens = self.trigger() is not None and self.window_.desk.file() is not None
        self.window_.actions_["watch"].setVisible(self.trigger() is not None)
        if listens and not self._timer.isActive():
            self.look()
            self._timer.start()
        elif not listens:
            self._timer.stop()
            self.watch = None
        self._name()

    def forget(self) -> None:
        """Another flow was opened."""
        self.watch, self._shown = None, None

    def look(self) -> None:
        w = self.window_
        file = w.desk.file()
        if self._asking or file is None:
            return
        self._asking = True
        flow, root = w.document.path, w.runner.root

        def work() -> tuple[Watch | None, RunInfo | None]:
            executor = w.runner.executor(root)
            found = next((watch for watch in executor.watches() if watch.file == file), None)
            if found is not None:
                ensure(root)
            return found, executor.run(found.last) if found is not None and found.last is not None else None

        def come(answer: Any) -> None:
            self._asking = False
            if w.document.path == flow:
                self._take(*answer)

        def failed(problems: list[Problem]) -> None:
            self._asking = False
            self._timer.stop()
            w.desk.say(problems[0].message.text() if problems else "")

        w.background.do(work, come, failed)

    def _take(self, watch: Watch | None, run: RunInfo | None) -> None:
        w = self.window_
        changed = watch != self.watch
        self.watch = watch
        if run is not None and not w.runner.running and (run.id, run.state) != self._shown and w.document.is_saved:
            self._shown = (run.id, run.state)
            w.desk.standings.begin(w.document.flow)
            w.desk.standings.run, w.desk.standings.infos = run.id, run.nodes
            if run.final:
                w.desk.standings.end(run.error)
            changed = True
        if changed:
            self._name()
            w.desk.show_problems()

    def standing(self) -> tuple[str, Standing] | None:
        """What the card of the trigger shows while the flow is on."""
        node = self.trigger()
        if node is None or self.watch is None:
            return None
        if self.watch.problem is not None:
            return node.id, Standing("failed", self.watch.problem.message.text())
        counts = self.watch.counts
        done, failed, waiting = counts.get("done", 0), counts.get("failed", 0), counts.get("waiting", 0)
        parts = [ngettext("{count} run", "{count} runs", done + failed).format(count=number(done + failed))]
        if failed:
            parts.append(_("{count} failed").format(count=number(failed)))
        if waiting:
            parts.append(_("{count} waiting").format(count=number(waiting)))
        return node.id, Standing("listening", " · ".join(parts))

    def _name(self) -> None:
        action = self.window_.actions_["watch"]
        on = self.watch is not None
        action.setText(_("Switch the flow off") if on else _("Switch the flow on"))
        action.setIconText(_("Switch off") if on else _("Switch on"))
        action.setEnabled(self.trigger() is not None)

    def toggle(self) -> None:
        if self.watch is not None:
            self._switch(False)
        elif self.trigger() is not None and self.window_.desk.disk.save():
            self._switch(True)

    def _switch(self, on: bool) -> None:
        w = self.window_
        file, root = w.desk.file(), w.runner.root
        if file is None or root is None:
            return

        def work() -> None:
            executor = w.runner.executor(root)
            if on:
                executor.watch(file, person())
                ensure(root)
            else:
                executor.unwatch(file, person())

        def come(_none: object) -> None:
            w.desk.say(_("The flow is on: it starts by itself.") if on else _("The flow is off."))
            self.follow()
            self.look()

        def failed(problems: list[Problem]) -> None:
            w.notice.tell("\n".join(problem.message.text() for problem in problems), [])

        w.background.do(work, come, failed)


def ensure(root: Path | None) -> None:
    """See to it that the executor process of a workspace is there."""
    from tisserand.service.serve import ensure as start

    if root is not None:
        start(root)
