"""Python's garbage collection, kept to the window's thread: another one must not take Qt's objects away under a painting hand."""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

LOOK = 200
"""Milliseconds between two looks at whether there is enough to collect."""


class Garbage(QObject):
    """Python collects cycles in whichever thread happens to allocate. What it frees may be items and widgets of Qt, which only
    their own thread may touch: collected by a thread that checks a flow or loads a library, the program dies now and then.
    So the automatic collection is off, and this one does the same work here, by the same thresholds."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.setObjectName("garbage")
        gc.disable()
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK)
        self._timer.timeout.connect(self.collect)
        self._timer.start()

    def collect(self) -> None:
        """Collect the generations that are due."""
        counts, due = gc.get_count(), gc.get_threshold()
        if counts[0] <= due[0]:
            return
        if counts[1] <= due[1]:
            gc.collect(0)
        elif counts[2] <= due[2]:
            gc.collect(1)
        else:
            gc.collect(2)


def settle() -> None:
    """What the libraries brought stays for ever: it is no longer looked through, which would hold up the window."""
    gc.freeze()
