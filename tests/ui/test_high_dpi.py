"""On a screen of twice the density everything is drawn at twice the density, nothing is scaled up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CODE = """
import sys
from pathlib import Path
from PySide6.QtGui import QImage
from tisserand.ui.app import application, furnish
from tisserand.ui.theme import theme
from tisserand.ui.window import Window
made = application(["x"]); theme().apply(made, "light")
window = Window(); window.resize(1000, 700); window.show(); furnish(window, Path(sys.argv[1]))
import time
end = time.monotonic() + 30
while (window.desk.disk.loading or not window.scene.cards) and time.monotonic() < end:
    made.processEvents(); time.sleep(0.01)
window.canvas.set_zoom(1.01); window.canvas.set_zoom(1.0)
for _round in range(5): made.processEvents()
image = window.canvas.viewport().grab().toImage()
# A picture that was scaled up has pairs of equal columns everywhere.
equal = different = 0
for y in range(0, image.height(), 3):
    for x in range(0, image.width() - 1, 2):
        a, b = image.pixel(x, y), image.pixel(x + 1, y)
        if a != b: different += 1
        else: equal += 1
print(window.devicePixelRatioF(), image.devicePixelRatio(), window.scene.ratio, image.width() // window.canvas.viewport().width(), different > 500)
import os; os._exit(0)
"""


def test_twice_the_density(demo: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(demo)],
        capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "QT_SCALE_FACTOR": "2"},
    )  # fmt: skip
    assert done.stdout.split() == ["2.0", "2.0", "2.0", "2", "True"], done.stdout + done.stderr
