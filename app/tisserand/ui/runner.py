"""Runs, checks and data through the executor protocol, off the window's thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal

from tisserand.model.problem import Problem
from tisserand.ui.background import Background

if TYPE_CHECKING:
    from tisserand.service.protocol import Executor, RunInfo, RunRequest

PAUSE = 0.08
"""Seconds between two looks at a run that the window repaints for."""
DEBOUNCE = 350
"""Milliseconds of quiet before a changed flow is checked."""


class Runner(QObject):
    """The window's one way to the executor."""

    started = Signal(str)
    progressed = Signal(object)
    """{node: NodeInfo}"""
    logged = Signal(object)
    """One event."""
    finished = Signal(object)
    """RunInfo"""
    refused = Signal(object)
    """[Problem]"""
    checked = Signal(object)
    """Checked"""

    def __init__(self, background: Background) -> None:
        super().__init__()
        self.root: Path | None = None
        self.run_id: str | None = None
        self.running = False
        self._background = background
        self._executors: dict[Path, Executor] = {}
        self._lock = threading.Lock()
        self._check_wanted: Callable[[], str] | None = None
        self._checking = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DEBOUNCE)
        self._timer.timeout.connect(self._check_now)
        self._file: str | None = None

    def executor(self) -> Executor:
        """The executor of the workspace in use; made in the thread that first asks."""
        from tisserand.service.serve import connect

        with self._lock:
            assert self.root is not None
            found = self._executors.get(self.root)
            if found is None:
                found = self._executors[self.root] = connect(self.root)
            return found

    def close(self) -> None:
        for executor in self._executors.values():
            executor.close()
        self._executors.clear()

    # -- runs ----------------------------------------------------------------------------------------------------------
    def start(self, text: str, file: str | None, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a flow as it stands in the window, saved or not."""
        if self.running or self.root is None:
            return
        self.running = True
        self.run_id = None

        def work() -> RunInfo:
            from tisserand.service.protocol import RunRequest

            request = RunRequest(file=file, text=text, parameters=dict(parameters or {}), keep="all", by="designer")
            return self._follow(request)

        self._background.do(work, self._ended, self._failed)

    def _follow(self, request: RunRequest) -> RunInfo:
        """In a thread: start, and tell what happens no more often than a window can show."""
        from tisserand.service.states import fold

        executor = self.executor()
        run = executor.start(request)
        self.run_id = run
        self.started.emit(run)
        nodes: Mapping[str, Any] = {}
        last = 0.0
        for event in executor.events(run, follow=True):
            nodes = fold(nodes, event)
            if event.seq is not None:
                self.logged.emit(event)
            now = time.monotonic()
            if now - last >= PAUSE:
                last = now
                self.progressed.emit(nodes)
        self.progressed.emit(nodes)
        return executor.run(run)

    def _ended(self, info: Any) -> None:
        self.running = False
        self.finished.emit(info)

    def _failed(self, problems: list[Problem]) -> None:
        self.running = False
        self.refused.emit(problems)

    def cancel(self) -> None:
        run = self.run_id
        if self.running and run is not None:
            self._background.do(lambda: self.executor().cancel(run), lambda _answer: None, self.refused.emit)

    # -- checks --------------------------------------------------------------------------------------------------------
    def check_soon(self, text: Callable[[], str], file: str | None) -> None:
        """Check when the person pauses; only the last wish counts."""
        self._check_wanted, self._file = text, file
        self._timer.start()

    def _check_now(self) -> None:
        if self._check_wanted is None or self.root is None:
            return
        if self._checking:
            self._timer.start()
            return
        wanted, self._check_wanted = self._check_wanted, None
        self._checking = True
        text, file = wanted(), self._file
        self._background.do(lambda: self.executor().schemas(text=text, file=file), self._check_done, self._check_failed)

    def _check_done(self, answer: Any) -> None:
        self._checking = False
        self.checked.emit(answer)

    def _check_failed(self, problems: list[Problem]) -> None:
        from tisserand.service.protocol import Checked

        self._check_done(Checked(tuple(problems)))

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
    ) -> None:
        """Rows of one edge, made ready for the grid in the thread that fetched them."""

        def work() -> Any:
            from tisserand.ui.panels.cells import cells

            return cells(self.executor().page(run, node, port, offset, limit))

        self._background.do(work, then, failed)
