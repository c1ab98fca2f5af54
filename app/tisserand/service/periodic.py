"""A part of the executor process that does one thing now and then."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from tisserand.service import crash

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor


class Periodic(ABC):
    """A `Part` with a thread of its own. What goes wrong in one pass is reported, and the next pass tries again."""

    name: ClassVar[str]
    first: ClassVar[float] = 0.0
    """Seconds from the start to the first pass."""
    every: ClassVar[float]
    """Seconds between two passes."""

    def __init__(self, executor: LocalExecutor) -> None:
        self.executor = executor
        self.over = threading.Event()
        """Set when the executor process ends: a long pass looks at it."""
        self._thread = threading.Thread(target=self._live, name=self.name, daemon=True)

    @abstractmethod
    def work(self) -> None:
        """One pass."""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.over.set()
        self._thread.join(5)

    def _live(self) -> None:
        wait = self.first
        while not self.over.wait(wait):
            wait = self.every
            try:
                self.work()
            except Exception as error:  # noqa: BLE001 - the thread's last line: reported, and tried again
                crash.report(error, self.executor.root)
