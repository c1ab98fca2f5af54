"""Runs, checks and data through the executor protocol, off the window's thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal

from tisserand.model.problem import Problem
from tisserand.service.person import person
from tisserand.ui.background import Background

if TYPE_CHECKING:
    from tisserand.model.flow import Flow
    from tisserand.service.protocol import Executor, RunInfo

PAUSE = 80
"""Milliseconds between two looks at a run that the window repaints for."""
DEBOUNCE = 350
"""Milliseconds of quiet before a changed flow is checked."""


class Runner(QObject):
    """The window's one way to the executor."""

    _news = Signal()
    started = Signal(str)
    progressed = Signal(object)
    """{node: NodeInfo}"""
    logged = Signal(object)
    """One event."""
    finished = Signal(object)
    """RunInfo"""
    refused = Signal(object)
    """[Problem]"""
    surveyed = Signal(object, object)
    """([(connection, type)], [flow])"""
    checked = Signal(object, object)
    """(the flow that was checked, Checked)"""

    def __init__(self, background: Background) -> None:
        super().__init__()
        self.root: Path | None = None
        """The workspace of the flow that is shown."""
        self._running_in: Path | None = None
        self.run_id: str | None = None
        self.running = False
        self._background = background
        self._executors: dict[Path, Executor] = {}
        self._lock = threading.Lock()
        self._check_wanted: Flow | None = None
        self._checking = False
        self.stopping = False
        """Whether the run under way was asked to end."""
        self._cancel_passed = threading.Event()
        """Set once the executor knows of that."""
        self._generation = 0
        """Counts the flows opened: what was asked of an earlier one is of no interest any more."""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DEBOUNCE)
        self._timer.timeout.connect(self._check_now)
        self._file: str | None = None
        self._latest: Mapping[str, Any] = {}
        self._look = QTimer(self)
        self._look.setSingleShot(True)
        self._look.setInterval(PAUSE)
        self._look.timeout.connect(lambda: self.progressed.emit(self._latest))
        self._news.connect(self._look_soon)

    def executor(self, root: Path | None) -> Executor:
        """The executor of a workspace; made in the thread that first asks. The caller names the workspace as it was when the
        question came up: until a thread takes the question, the window may have turned to another one."""
        from tisserand.service.serve import connect

        assert root is not None
        with self._lock:
            found = self._executors.get(root)
            if found is None:
                found = self._executors[root] = connect(root)
            return found

    def close(self) -> None:
        # A thread may still be at connecting to another one: what it brings goes into the new dictionary. An exception here would be raised
        # into Qt, which closes the window, and the program would die of it.
        connected, self._executors = self._executors, {}
        for executor in connected.copy().values():
            executor.close()

    # -- runs ----------------------------------------------------------------------------------------------------------
    def start(
        self,
        flow: Flow,
        file: str | None,
        parameters: Mapping[str, Any] | None = None,
        until: str | None = None,
        resume: str | None = None,
    ) -> None:
        """Run a flow as it stands in the window, saved or not. `until`: only what these nodes need; `resume`: go on with this run,
        without doing again what is done and did not change."""
        if self.running or self.root is None:
            return
        self.running = True
        self._running_in = root = self.root
        self.run_id = None
        self.stopping = False
        self._cancel_passed.clear()
        self._latest = {}

        def work() -> RunInfo:
            from tisserand.model.yamlwrite import write_flow
            from tisserand.service.protocol import RunRequest

            text, executor = write_flow(flow), self.executor(root)
            if resume is not None:
                seen = max((event.seq or 0 for event in executor.events(resume)), default=0)
                nodes = executor.run(resume).nodes
                return self._follow(executor, executor.resume(resume, text=text, until=until or "", by=person()), seen, nodes)
            given = dict(parameters or {})
            request = RunRequest(file=file, text=text, parameters=given, keep="all", by=person(), until=until or None)
            return self._follow(executor, executor.start(request), 0, {})

        self._background.do(work, self._ended, self._failed)

    def _follow(self, executor: Executor, run: str, after: int, nodes: Mapping[str, Any]) -> RunInfo:
        """In a thread: tell what happens no more often than a window can show."""
        from tisserand.service.states import fold

        self.run_id = run
        self.started.emit(run)
        if self.stopping:
            executor.cancel(run, person())
            self._cancel_passed.set()
        for event in executor.events(run, after, follow=True):
            self._latest = nodes = fold(nodes, event)
            if event.seq is not None:
                self.logged.emit(event)
            self._news.emit()
        return executor.run(run)

    def _look_soon(self) -> None:
        """Something happened: shown within a moment, together with whatever else happens until then."""
        if not self._look.isActive():
            self._look.start()

    def _ended(self, info: Any) -> None:
        self.running = self.stopping = False
        self._look.stop()
        self.progressed.emit(self._latest)
        self.finished.emit(info)

    def _failed(self, problems: list[Problem]) -> None:
        self.running = self.stopping = False
        self.refused.emit(problems)

    def cancel(self) -> None:
        """End the run under way, whichever flow is shown."""
        if not self.running:
            return
        # Asked for before the run has a name: it is passed on as soon as there is one.
        self.stopping = True
        run, root = self.run_id, self._running_in

        def work() -> None:
            if run is not None:
                self.executor(root).cancel(run, person())
                self._cancel_passed.set()

        def failed(problems: list[Problem]) -> None:
            self.stopping = False
            self.refused.emit(problems)

        self._background.do(work, lambda _answer: None, failed)

    def cancel_and_wait(self, seconds: float) -> bool:
        """The same, before the window goes: whether the executor came to know of it in time."""
        self.cancel()
        return not self.running or self._cancel_passed.wait(seconds)

    # -- checks --------------------------------------------------------------------------------------------------------
    def check_soon(self, flow: Flow, file: str | None) -> None:
        """Check when the person pauses; only the last wish counts."""
        self._check_wanted, self._file = flow, file
        self._timer.start()

    def forget_checks(self) -> None:
        """Another flow was opened: answers about the one before are dropped."""
        self._generation += 1
        self._check_wanted = None
        self._timer.stop()

    def _check_now(self) -> None:
        if self._check_wanted is None or self.root is None:
            return
        if self._checking:
            self._timer.start()
            return
        flow, self._check_wanted = self._check_wanted, None
        self._checking = True
        file, generation, root = self._file, self._generation, self.root

        def work() -> Any:
            from tisserand.model.yamlwrite import write_flow

            # A flow is a value: it can be written out here, while the person edits on.
            return self.executor(root).schemas(text=write_flow(flow), file=file)

        def failed(problems: list[Problem]) -> None:
            from tisserand.service.protocol import Checked

            self._check_done(generation, flow, Checked(tuple(problems)))

        self._background.do(work, lambda answer: self._check_done(generation, flow, answer), failed)

    def relock(self, flow: Flow, file: str, then: Callable[[Any], None], failed: Callable[[list[Problem]], None]) -> None:
        """Look at all sources and write the lock file anew."""
        root = self.root

        def work() -> Any:
            from tisserand.model.yamlwrite import write_flow

            return self.executor(root).schemas(text=write_flow(flow), file=file, relock=True)

        self._background.do(work, then, failed)

    def _check_done(self, generation: int, flow: Flow, answer: Any) -> None:
        self._checking = False
        if generation == self._generation:
            self.checked.emit(flow, answer)

    def survey(self) -> None:
        """Ask what connections and flows the workspace has."""
        root = self.root

        def work() -> Any:
            from tisserand.workspace.folder import Workspace

            connections = [(found.name, found.type) for found in self.executor(root).connections()]
            return connections, [path.stem for path in Workspace(root or Path()).flow_files()]

        def come(answer: Any) -> None:
            if self.root == root:
                self.surveyed.emit(*answer)

        # What is wrong with the workspace is told by the check of the flow.
        self._background.do(work, come, lambda _problems: None)

    # -- data ----------------------------------------------------------------------------------------------------------
    def page(
        self,
        run: str,
        node: str,
        port: str | None,
        offset: int,
        limit: int,
        then: Callable[[Any], None],
        failed: Callable[[list[Problem]], None],
        order: str | None = None,
        where: str | None = None,
    ) -> None:
        """Rows of one edge, made ready for the grid in the thread that fetched them; `order`, `where` as the protocol has them."""
        root = self.root

        def work() -> Any:
            from tisserand.ui.panels.cells import cells

            return cells(self.executor(root).page(run, node, port, offset, limit, order, where))

        self._background.do(work, then, failed)

    def ask(
        self, question: Callable[[Executor], Any], then: Callable[[Any], None], failed: Callable[[list[Problem]], None]
    ) -> None:
        """Anything else that is asked of the executor, beside the window."""
        root = self.root
        self._background.do(lambda: question(self.executor(root)), then, failed)
