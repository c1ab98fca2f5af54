"""Work beside the window: a call runs in a thread of its own, its answer comes back to the window's thread."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

from tisserand.model.problem import Problem
from tisserand.texts import msg

THREADS = 5
"""One may follow a run for hours; the others check, page and read files."""


class Background(QObject):
    """Starts work and hands its answers over. What goes wrong becomes problems, never a dead window."""

    _answered = Signal(object, object)

    def __init__(self) -> None:
        super().__init__()
        self._closed = False
        self._answered.connect(self._hand_over, Qt.ConnectionType.QueuedConnection)
        self._asked: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        # They stand ready from the beginning: starting a thread waits for it, and with busy ones around that can be long.
        for _number in range(THREADS):
            threading.Thread(target=self._serve, daemon=True, name="tisserand-background").start()

    def _serve(self) -> None:
        while (work := self._asked.get()) is not None:
            work()

    def do(self, work: Callable[[], Any], then: Callable[[Any], None], failed: Callable[[list[Problem]], None]) -> None:
        """Run `work` elsewhere; then, here, `then(answer)` or `failed(problems)`."""

        def run() -> None:
            try:
                answer = work()
            except Exception as error:  # noqa: BLE001 - the thread's end of the line: everything becomes a problem on the screen
                self._post(failed, problems_of(error))
            else:
                self._post(then, answer)

        self._asked.put(run)

    def _post(self, callback: Callable[[Any], None], answer: Any) -> None:
        if not self._closed:
            try:
                self._answered.emit(callback, answer)
            except RuntimeError:
                self.close()  # the window went while the work was under way

    def _hand_over(self, callback: Any, answer: Any) -> None:
        if not self._closed:
            callback(answer)

    def close(self) -> None:
        """Answers that come later are dropped, and the threads end."""
        if not self._closed:
            self._closed = True
            for _number in range(THREADS):
                self._asked.put(None)


def problems_of(error: BaseException) -> list[Problem]:
    """What an exception says to a person."""
    found = getattr(error, "problems", None)
    if found:
        return list(found)
    message = getattr(error, "message", None)
    if message is not None and hasattr(message, "id"):
        return [Problem("designer.refused", message, getattr(error, "fix", None))]
    last = traceback.extract_tb(error.__traceback__)[-1] if error.__traceback__ else None
    place = f" ({last.name}, line {last.lineno})" if last else ""
    text = f"{type(error).__name__}: {error}{place}"
    return [Problem("designer.unexpected", msg("Something went wrong that was not foreseen: {error}", error=text))]
