"""Notes whose lines lead to cards that move and go: the scene's index must never keep what is gone, or the program dies."""

from __future__ import annotations

import os
import subprocess
import sys

CODE = """
import gc, random
from PySide6.QtCore import QPointF
from tisserand.model.flow import Flow, Node, Note
from tisserand.sdk.registry import registry
from tisserand.ui.app import application
from tisserand.ui.theme import theme
from tisserand.ui.window import Window
made = application(["x"]); theme().apply(made, "light")
window = Window(); window.kinds.catalog = registry(); window.resize(1280, 800); window.show()
nodes = {f"n{i}": Node(f"n{i}", "table.sort", config={"by": ["a"]}) for i in range(400)}
layout = {f"n{i}": (i % 20 * 300.0, i // 20 * 150.0) for i in range(400)}
notes = {f"t{i}": Note(f"t{i}", "note", f"n{i}") for i in range(0, 400, 2)}
layout |= {f"t{i}": (i % 20 * 300.0, i // 20 * 150.0 + 90) for i in range(0, 400, 2)}
window.document.show(Flow(id="a", nodes=nodes, notes=notes, layout=layout))
window.canvas.fit(); made.processEvents()
scene, chance = window.scene, random.Random(1)
def look():
    for _round in range(60):
        point = QPointF(chance.uniform(-500, 6500), chance.uniform(-500, 3500))
        scene.port_at(point, 24); scene.card_at(point); scene.wire_at(point, 6)
look()
for _round in range(12):
    flow = window.document.flow
    ids = chance.sample([i for i in range(0, 400, 2) if f"t{i}" in flow.notes and f"n{i}" in flow.nodes], 10)
    for i in ids:
        window.document.move({f"n{i}": (chance.uniform(0, 6000), chance.uniform(0, 3000))}); look()
    scene.select((), marks=[f"t{i}" for i in ids[:5]]); window.actions_["delete"].trigger()
    scene.select([f"n{i}" for i in ids[5:]]); window.actions_["delete"].trigger()
    gc.collect(); made.processEvents(); look(); window.canvas.viewport().repaint()
print("ALIVE", len(scene.cards), len(scene.notes), flush=True)
import os; os._exit(0)
"""


def test_moving_and_removing_beside_notes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        capture_output=True, text=True, timeout=200, check=False, env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )  # fmt: skip
    assert done.stdout.split() == ["ALIVE", "340", "140"], (done.returncode, done.stdout[-500:], done.stderr[-2000:])
