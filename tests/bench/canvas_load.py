"""The load and the clock of the canvas benches: plain Python, so that the peers' environments can read it too."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any


def shape(count: int) -> list[tuple[list[int], float, float]]:
    """Chains of ten, each third node joined with the chain above: like real flows, only longer. Sources and place of each node."""
    found: list[tuple[list[int], float, float]] = []
    for index in range(count):
        row, column = divmod(index, 10)
        sources = [index - 1] if column else []
        if column and joins(index) and row:
            sources.append(index - 11)
        band, line = divmod(row, 40)
        found.append((sources, column * 248.0 + band * 2600, line * 96.0))
    return found


def joins(index: int) -> bool:
    """Whether a node has two inputs."""
    return index % 10 not in (0, 9) and index % 3 == 1


def spent(work: Callable[[], object]) -> float:
    """CPU milliseconds."""
    before = time.process_time()
    work()
    return (time.process_time() - before) * 1000


def median(work: Callable[[int], object], settle: Callable[[], object], rounds: int = 15) -> float:
    """The middle one of several rounds, after one that does not count."""

    def once(index: int) -> None:
        work(index)
        settle()

    once(0)
    return statistics.median(spent(lambda index=index: once(index)) for index in range(1, rounds + 1))


def resident() -> float:
    """Megabytes that this process holds now (Linux); 0 elsewhere."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * 4096 / 1e6
    except OSError:
        return 0.0


def measure_view(
    view: Any, qt: Any, settle: Callable[[], object], press: Any, grip: Any, where: Any, pan: Any, zoom: Any, fit: Any
) -> dict[str, float]:
    """The gestures on a `QGraphicsView` of any binding: `grip` is a point on a node, `press(kind, point)` a mouse event there,
    `where` tells where that node is (a drag that moved nothing says nothing)."""
    found: dict[str, float] = {}
    zoom(1.0)
    settle()
    found["pan"] = median(lambda index: pan(7 if index % 2 else -7, 3), settle)
    found["repaint"] = median(lambda _index: view.viewport().update(), settle)
    start = grip()
    settle()
    before = where()
    press("press", start)
    press("move", start + qt.QPoint(12, 0))
    found["drag"] = median(lambda index: press("move", start + qt.QPoint(12 + 5 * index, 4 * index)), settle)
    if where() == before:
        del found["drag"]
    press("release", start + qt.QPoint(12, 0))
    found["zoom step"] = median(lambda index: zoom(1.0 if index % 2 else 0.5), settle)

    def once(_index: int) -> None:
        pan(40, 0)
        fit()

    fit()
    found["fit-all"] = median(once, settle)
    return found
