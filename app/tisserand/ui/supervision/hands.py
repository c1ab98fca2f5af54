"""What can be done with a run: go on with it, end it, do it once more, open its flow, mend it on the canvas."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from tisserand.model.problem import Problem
from tisserand.service.person import person
from tisserand.texts import translate as _
from tisserand.ui import dialogs
from tisserand.ui.supervision.repair import Repair, Seen, look

if TYPE_CHECKING:
    from tisserand.service.protocol import Executor, RunInfo
    from tisserand.ui.supervision.ground import Ground

IDS = ("run_repair", "run_resume", "run_again", "run_stop", "run_flow", "run_version")
RESUMABLE = frozenset({"failed", "cancelled", "interrupted"})
BY_EVENT = frozenset({"event", "resubmit"})


class Hands(QObject):
    """Acts on the run that is chosen: `chosen` tells which."""

    def __init__(self, ground: Ground, chosen: Callable[[], RunInfo | None], changed: Callable[[], object]) -> None:
        """`changed` is called when something was done that shows in the list."""
        super().__init__(ground)
        self.ground = ground
        self._chosen = chosen
        self._changed = changed
        self._repair = Repair(ground.window_)
        calls: dict[str, Callable[[RunInfo], object]] = {
            "run_repair": self.repair,
            "run_resume": self.resume,
            "run_again": self.again,
            "run_stop": self.stop,
            "run_flow": self.open_flow,
            "run_version": self.open_version,
        }
        for id, call in calls.items():
            ground.window_.actions_.bind(id, partial(self._with_run, call))

    def _with_run(self, call: Callable[[RunInfo], object]) -> None:
        run = self._chosen()
        if run is not None:
            call(run)

    def allow(self) -> None:
        """Say which of the actions make sense for the chosen run, and why one does not."""
        run = self._chosen()
        actions = self.ground.window_.actions_
        for id in IDS:
            actions[id].setEnabled(run is not None and can(id, run))
        by_event = run is not None and str((run.cause or {}).get("kind")) in BY_EVENT
        actions.hint(
            "run_again",
            _("An event started this run: it is resubmitted from the inbox.") if by_event else actions["run_again"].text(),
        )

    # -- acting --------------------------------------------------------------------------------------------------------
    def _do(self, work: Callable[[Executor], Any], told: str, then: Callable[[Any], object] | None = None) -> None:
        def come(answer: Any) -> None:
            self.ground.say(told)
            self._changed()
            if then is not None:
                then(answer)

        self.ground.ask(self, work, come)

    def resume(self, run: RunInfo) -> None:
        """Go on with a run. Of sinks of which nobody knows whether they wrote, the person says what becomes."""

        def found(info: RunInfo) -> None:
            answer: str | None = None
            if info.uncertain:
                answer = dialogs.ask_about_uncertain(self.ground.window_, info.uncertain)
                if answer == "stay":
                    return
            self._do(lambda executor: executor.resume(run.id, uncertain=answer, by=person()), _("The run goes on."))  # type: ignore[arg-type]

        self.ground.ask(self, lambda executor: executor.run(run.id), found)

    def stop(self, run: RunInfo) -> None:
        self._do(lambda executor: executor.cancel(run.id, person()), _("The run was asked to end."))

    def again(self, run: RunInfo) -> None:
        """A new run with the same parameters: of the file as it is now, or of what ran, where there never was a file."""

        def work(executor: Executor) -> str:
            from tisserand.service.protocol import RunRequest

            text = None if run.file is not None else executor.flow_text(run.id)
            cause = {"kind": "again", "run": run.id}
            given = dict(run.parameters)
            return executor.start(RunRequest(file=run.file, text=text, env=run.env, parameters=given, by=person(), cause=cause))

        self._do(work, _("The run was started again."))

    # -- opening -------------------------------------------------------------------------------------------------------
    def open_flow(self, run: RunInfo) -> None:
        """Its flow as the file has it now; what never had a file, as it ran."""
        if run.file is None:
            self.open_version(run)
            return
        root = self.ground.root
        assert root is not None
        self._repair.open_file(root / run.file)

    def open_version(self, run: RunInfo) -> None:
        """The flow as it was then, as a flow of its own that has no file."""
        self.ground.ask(self, lambda executor: look(executor, run.id), self._repair.open_copy)

    def repair(self, run: RunInfo) -> None:
        """The flow on the canvas with this run on its cards, at the node that failed; F7 goes on from there."""
        root = self.ground.root

        def come(seen: Seen) -> None:
            assert root is not None
            self._repair.begin(seen, root)

        def failed(problems: list[Problem]) -> None:
            self.ground.complain(problems)

        self.ground.ask(self, lambda executor: look(executor, run.id), come, failed)


def can(id: str, run: RunInfo) -> bool:
    """Whether an action makes sense for a run."""
    if id == "run_resume":
        return run.state in RESUMABLE
    if id == "run_repair":
        return run.final
    if id == "run_stop":
        return not run.final
    if id == "run_again":
        # What an event brought stands with the event, not with the run.
        return str((run.cause or {}).get("kind")) not in BY_EVENT
    return True
