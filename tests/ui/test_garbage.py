"""Cycles are freed by the window's thread only, whichever thread made them."""

from __future__ import annotations

import threading
from typing import Any

from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

freed: list[int] = []


class Cycle:
    """Something that only the collector can free; says by which thread it was."""

    def __init__(self) -> None:
        self.own: Any = self

    def __del__(self) -> None:
        freed.append(threading.get_ident())


def test_other_threads_free_nothing(qapp: QApplication, qtbot: QtBot) -> None:
    freed.clear()

    def work() -> None:
        for _round in range(30_000):
            Cycle()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: len(freed) > 10_000, timeout=20_000)
    assert set(freed) == {threading.get_ident()}
