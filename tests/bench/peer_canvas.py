"""What a peer's canvas costs, run in the peer's own environment: `peer_canvas.py nodegraphqt|orange COUNT`; prints JSON."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


def spent(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return (time.process_time() - before) * 1000


def nodegraphqt(count: int) -> dict[str, float]:
    from NodeGraphQt import BaseNode, NodeGraph
    from Qt import QtWidgets

    app = QtWidgets.QApplication([])

    class Step(BaseNode):  # type: ignore[misc]
        __identifier__ = "bench"
        NODE_NAME = "step"

        def __init__(self) -> None:
            super().__init__()
            self.add_input("in")
            self.add_output("out")

    graph = NodeGraph()
    graph.register_node(Step)
    view = graph.viewer()
    view.resize(1280, 800)
    view.show()
    app.processEvents()

    def open_it() -> None:
        before = None
        for index in range(count):
            row, column = divmod(index, 10)
            node = graph.create_node("bench.Step", name=f"n{index}", pos=(column * 248.0, row * 96.0), push_undo=False)
            if column and before is not None:
                before.set_output(0, node.input(0))
            before = node
        app.processEvents()

    return _measured(app, view, open_it, lambda: graph.fit_to_selection(), lambda way: view._set_viewer_pan(way, 0))


def orange(count: int) -> dict[str, float]:
    from AnyQt.QtWidgets import QApplication
    from orangecanvas.canvas.items import LinkItem, NodeItem
    from orangecanvas.canvas.scene import CanvasScene
    from orangecanvas.canvas.view import CanvasView
    from orangecanvas.registry import InputSignal, OutputSignal, WidgetDescription

    app = QApplication([])
    scene = CanvasScene()
    view = CanvasView(scene)
    view.resize(1280, 800)
    view.show()
    app.processEvents()
    kind = WidgetDescription(
        name="step", id="step", qualified_name="orangecanvas.canvas.items.NodeItem",
        package="orangecanvas", category="bench",
        inputs=[InputSignal("in", "object", "h")], outputs=[OutputSignal("out", "object")],
    )  # fmt: skip

    def open_it() -> None:
        before: Any = None
        for index in range(count):
            row, column = divmod(index, 10)
            node = NodeItem()
            node.setWidgetDescription(kind)
            node.setTitle(f"n{index}")
            node.setPos(column * 248.0, row * 96.0)
            scene.add_node_item(node)
            if column and before is not None:
                link = LinkItem()
                link.setSourceItem(before)
                link.setSinkItem(node)
                scene.add_link_item(link)
            before = node
        app.processEvents()

    return _measured(app, view, open_it, lambda: view.fitInView(scene.itemsBoundingRect()))


def _measured(
    app: Any, view: Any, open_it: Callable[[], object], fit: Callable[[], object], pan: Callable[[int], object] | None = None
) -> dict[str, float]:
    found = {"open": spent(open_it)}

    def median(work: Callable[[int], object], rounds: int = 9) -> float:
        def once(index: int) -> None:
            work(index)
            app.processEvents()

        once(0)
        return statistics.median(spent(lambda index=index: once(index)) for index in range(1, rounds + 1))  # type: ignore[misc]

    bar = view.horizontalScrollBar()
    move = pan or (lambda way: bar.setValue(bar.value() + way))
    found["pan"] = median(lambda index: move(7 if index % 2 else -7))
    found["repaint"] = median(lambda index: view.viewport().update())
    found["zoom step"] = median(lambda index: view.scale(2.0, 2.0) if index % 2 else view.scale(0.5, 0.5))
    found["fit"] = median(lambda index: fit())
    return found


if __name__ == "__main__":
    print("FOUND " + json.dumps({"nodegraphqt": nodegraphqt, "orange": orange}[sys.argv[1]](int(sys.argv[2]))), flush=True)
    os._exit(0)
