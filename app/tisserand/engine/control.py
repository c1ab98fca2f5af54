"""Stopping what runs: one token for the run, one for each attempt, and a deadline that pulls it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Cancelled(Exception):  # noqa: N818 - not an error: somebody asked for it
    """The run was cancelled."""


class TimedOut(Exception):  # noqa: N818
    """The time limit of a node or of the run has passed; `seconds` is the limit."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"time limit of {seconds} s")


class Stop:
    """A flag that several things may pull, and that calls back those who must be interrupted."""

    def __init__(self, parent: Stop | None = None) -> None:
        self._event = threading.Event()
        self._callbacks: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._reason: type[Exception] | Exception = Cancelled
        self.parent = parent
        self._follow: Callable[[], None] = lambda: self.pull(parent.reason if parent else Cancelled)
        if parent is not None:
            parent.on_pull(self._follow)

    @property
    def reason(self) -> type[Exception] | Exception:
        return self._reason

    def pull(self, reason: type[Exception] | Exception = Cancelled) -> None:
        with self._lock:
            if self._event.is_set():
                return
            self._reason = reason
            self._event.set()
            callbacks = list(self._callbacks)
        for callback in callbacks:
            callback()

    def pulled(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        """Raise the reason when pulled."""
        if self._event.is_set():
            raise self._reason

    def wait(self, seconds: float) -> None:
        """Sleep; raises when pulled meanwhile."""
        if self._event.wait(seconds):
            raise self._reason

    def on_pull(self, callback: Callable[[], None]) -> None:
        """Call back when pulled, at once if it is already."""
        with self._lock:
            if not self._event.is_set():
                self._callbacks.append(callback)
                return
        callback()

    def release(self) -> None:
        """Let go of the parent."""
        if self.parent is not None:
            with self.parent._lock:
                if self._follow in self.parent._callbacks:
                    self.parent._callbacks.remove(self._follow)

    @contextmanager
    def deadline(self, seconds: float | None) -> Iterator[None]:
        """Pull with `TimedOut` after `seconds`, unless left before."""
        if seconds is None:
            yield
            return
        timer = threading.Timer(seconds, self.pull, (TimedOut(seconds),))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
