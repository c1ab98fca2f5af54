"""CPU time of the canvas at 100, 1,000 and 10,000 nodes beside its budgets: `bench_canvas.py` (offscreen, no window needed)."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tisserand.model.flow import Flow, Node, Ref
from tisserand.sdk.registry import registry
from tisserand.ui.app import application
from tisserand.ui.canvas.gestures import Canvas
from tisserand.ui.canvas.scene import FlowScene
from tisserand.ui.kinds import Kinds
from tisserand.ui.theme import theme

BUDGETS = {
    "open": {1_000: 250, 10_000: 1_000},
    "pan": {100: 4, 1_000: 4, 10_000: 4},
    "drag": {100: 4, 1_000: 4, 10_000: 4},
    "repaint": {100: 30, 1_000: 30, 10_000: 30},
    "zoom step": {100: 30, 1_000: 30, 10_000: 30},
    "fit": {10_000: 20},
}
COUNTS = (100, 1_000, 5_000, 10_000)
KINDS = ("file.read_csv", "table.filter", "table.join", "table.aggregate", "file.write_parquet")


def flow_of(count: int) -> Flow:
    """Chains of ten, joined by their neighbours: like real flows, only longer."""
    nodes: dict[str, Node] = {}
    layout: dict[str, tuple[float, float]] = {}
    for index in range(count):
        row, column = divmod(index, 10)
        id = f"n{index}"
        kind = KINDS[0] if column == 0 else KINDS[4] if column == 9 else KINDS[1 + index % 3]
        inputs: dict[str, tuple[Ref, ...]] = {}
        if column and kind == "table.join":
            inputs = {"left": (Ref(f"n{index - 1}"),)}
            if row:
                inputs["right"] = (Ref(f"n{index - 11}"),)
        elif column:
            inputs = {"table": (Ref(f"n{index - 1}"),)}
        nodes[id] = Node(id, kind, inputs=inputs)
        band, line = divmod(row, 40)
        layout[id] = (column * 248.0 + band * 2600, line * 96.0)
    return Flow("bench", nodes=nodes, layout=layout)


def spent(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return (time.process_time() - before) * 1000


def median(work: Callable[[int], object], rounds: int = 15) -> float:
    def once(index: int) -> None:
        work(index)
        QApplication.processEvents()

    once(0)
    return statistics.median(spent(lambda index=index: once(index)) for index in range(1, rounds + 1))


def measure(count: int, kinds: Kinds) -> dict[str, float]:
    flow = flow_of(count)
    scene = FlowScene()
    canvas = Canvas(scene)
    canvas.resize(1280, 800)
    canvas.show()
    QApplication.processEvents()
    found: dict[str, float] = {}

    def open_it() -> None:
        scene.show_flow(flow, kinds.face)
        canvas.first_sight()
        QApplication.processEvents()

    found["open"] = spent(open_it)
    canvas.set_zoom(1.0)
    QApplication.processEvents()
    found["pan"] = median(lambda index: canvas.pan(7 if index % 2 else -7, 3))
    found["repaint"] = median(lambda index: canvas.viewport().update())
    card = scene.cards["n11"]
    canvas.centerOn(card)
    QApplication.processEvents()
    start = canvas.mapFromScene(card.frame().center())
    QTest.mousePress(canvas.viewport(), Qt.MouseButton.LeftButton, pos=start)
    QTest.mouseMove(canvas.viewport(), start + QPoint(12, 0))
    found["drag"] = median(lambda index: QTest.mouseMove(canvas.viewport(), start + QPoint(12 + 5 * index, 4 * index)))
    QTest.mouseRelease(canvas.viewport(), Qt.MouseButton.LeftButton, pos=start)
    found["zoom step"] = median(lambda index: canvas.set_zoom(1.0 if index % 2 else 0.5))
    canvas.fit()

    def fit(index: int) -> None:
        canvas.pan(40, 0)
        canvas.fit()

    found["fit"] = median(fit)
    canvas.close()
    canvas.deleteLater()
    QApplication.processEvents()
    return found


def main() -> int:
    made = application(["bench"])
    theme().apply(made, "light")
    kinds = Kinds(registry())
    over = 0
    print(f"{'CPU ms (p50)':<14}" + "".join(f"{count:>18,} nodes" for count in COUNTS))
    results = {count: measure(count, kinds) for count in COUNTS}
    for name, budgets in BUDGETS.items():
        line = f"{name:<14}"
        for count, found in results.items():
            budget = budgets.get(count)
            over += budget is not None and found[name] > budget
            note = f" (< {budget})" if budget else ""
            mark = "!" if budget is not None and found[name] > budget else " "
            line += f"{found[name]:>10.1f}{note:<12}{mark} "
        print(line)
    print("All within budget." if not over else f"{over} over budget.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
