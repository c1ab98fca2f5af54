"""NodeGraphQt under the canvas bench; runs in an environment of its own: `peer_nodegraphqt.py COUNT` prints one JSON object."""

from __future__ import annotations

import json
import sys
from typing import Any

from canvas_load import joins, measure_view, resident, shape, spent
from NodeGraphQt import BaseNode, NodeGraph
from Qt import QtCore, QtTest, QtWidgets


class One(BaseNode):
    """One table in, one out."""

    __identifier__ = "bench"
    NODE_NAME = "One"

    def __init__(self) -> None:
        super().__init__()
        self.add_input("table")
        self.add_output("table")


class Two(BaseNode):
    """Two tables in, one out."""

    __identifier__ = "bench"
    NODE_NAME = "Two"

    def __init__(self) -> None:
        super().__init__()
        self.add_input("left")
        self.add_input("right")
        self.add_output("table")


def main(count: int) -> None:
    app = QtWidgets.QApplication([])
    before = resident()
    graph = NodeGraph()
    for kind in (One, Two):
        graph.register_node(kind)
    view = graph.viewer()
    view.resize(1280, 800)
    view.show()
    app.processEvents()
    nodes: list[Any] = []

    def fill() -> None:
        for index, (sources, x, y) in enumerate(shape(count)):
            node = graph.create_node(
                "bench.Two" if joins(index) else "bench.One", name=f"n{index}", pos=[x, y], selected=False, push_undo=False
            )
            for port, source in enumerate(sources):
                nodes[source].set_output(0, node.input(port)) if port == 0 else node.set_input(port, nodes[source].output(0))
            nodes.append(node)
        app.processEvents()

    found = {"open": spent(fill)}
    found["memory MB"] = resident() - before
    all_items = [node.view for node in nodes]

    def grip() -> Any:
        item = nodes[11].view
        view._scene_range.moveCenter(item.sceneBoundingRect().center())
        view._update_scene()
        place = item.sceneBoundingRect()
        return view.mapFromScene(QtCore.QPointF(place.center().x(), place.top() + 12))

    def press(kind: str, point: Any) -> None:
        left, none = QtCore.Qt.MouseButton.LeftButton, QtCore.Qt.KeyboardModifier.NoModifier
        if kind == "move":
            QtTest.QTest.mouseMove(view.viewport(), point)
        else:
            getattr(QtTest.QTest, "mouse" + kind.capitalize())(view.viewport(), left, none, point)

    found |= measure_view(
        view,
        QtCore,
        app.processEvents,
        press,
        grip,
        lambda: nodes[11].view.scenePos(),
        lambda x, y: view._set_viewer_pan(x, y),
        lambda level: view.reset_zoom() if level == 1.0 else view.scale(0.5, 0.5),
        lambda: view.zoom_to_nodes(all_items),
    )
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
