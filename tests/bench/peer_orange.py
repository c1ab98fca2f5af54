"""orange-canvas-core under the canvas bench; in an environment of its own: `peer_orange.py COUNT` prints one JSON object."""

from __future__ import annotations

import json
import sys
from typing import Any

from AnyQt import QtCore, QtTest, QtWidgets
from canvas_load import joins, measure_view, resident, shape, spent
from orangecanvas.document.schemeedit import SchemeEditWidget
from orangecanvas.registry import CategoryDescription, InputSignal, OutputSignal, WidgetDescription, WidgetRegistry
from orangecanvas.scheme import Scheme, SchemeLink, SchemeNode


def described() -> tuple[WidgetRegistry, dict[bool, WidgetDescription]]:
    """Two node types: one input, and two."""
    registry = WidgetRegistry()
    registry.register_category(CategoryDescription("Bench"))
    kinds: dict[bool, WidgetDescription] = {}
    for two in (False, True):
        names = ("left", "right") if two else ("table",)
        kinds[two] = WidgetDescription(
            name="Two" if two else "One",
            id="two" if two else "one",
            category="Bench",
            qualified_name="canvas_load.shape",
            inputs=[InputSignal(name, "builtins.object", "take") for name in names],
            outputs=[OutputSignal("table", "builtins.object")],
        )
        registry.register_widget(kinds[two])
    return registry, kinds


def main(count: int) -> None:
    app = QtWidgets.QApplication([])
    before = resident()
    registry, kinds = described()
    edit = SchemeEditWidget()
    edit.setRegistry(registry)
    edit.resize(1280, 800)
    edit.setScheme(Scheme())
    edit.show()
    app.processEvents()
    nodes: list[Any] = []
    scheme = Scheme()

    def fill() -> None:
        for index, (sources, x, y) in enumerate(shape(count)):
            kind = kinds[joins(index)]
            node = SchemeNode(kind, title=f"n{index}", position=(x, y))
            scheme.add_node(node)
            for port, source in enumerate(sources):
                link = SchemeLink(nodes[source], nodes[source].output_channels()[0], node, node.input_channels()[port])
                scheme.add_link(link)
            nodes.append(node)
        edit.setScheme(scheme)
        app.processEvents()

    found = {"open": spent(fill)}
    found["memory MB"] = resident() - before
    view = edit.view()
    scene = edit.scene()

    def grip() -> Any:
        item = scene.item_for_node(nodes[11])
        view.centerOn(item)
        return view.mapFromScene(item.mapToScene(item.shapeItem.boundingRect().center()))

    def press(kind: str, point: Any) -> None:
        left, none = QtCore.Qt.MouseButton.LeftButton, QtCore.Qt.KeyboardModifier.NoModifier
        if kind != "move":
            getattr(QtTest.QTest, "mouse" + kind.capitalize())(view.viewport(), left, none, point)
            return
        # Qt 5 tells no buttons with QTest.mouseMove: the event is made by hand.
        from AnyQt.QtGui import QMouseEvent

        event = QMouseEvent(QtCore.QEvent.Type.MouseMove, QtCore.QPointF(point), left, left, none)
        app.sendEvent(view.viewport(), event)

    def pan(x: int, y: int) -> None:
        for bar, step in ((view.horizontalScrollBar(), x), (view.verticalScrollBar(), y)):
            bar.setValue(bar.value() + step)

    found |= measure_view(
        view,
        QtCore,
        app.processEvents,
        press,
        grip,
        lambda: scene.item_for_node(nodes[11]).pos(),
        pan,
        lambda level: view.setZoomLevel(100 * level),
        lambda: view.fitInView(scene.itemsBoundingRect(), QtCore.Qt.AspectRatioMode.KeepAspectRatio),
    )
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
