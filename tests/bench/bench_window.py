"""The first window, and the longest stalls of the window while a run of 5 million rows goes on, beside an idle control."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
BUDGET_WINDOW, BUDGET_STALL = 1000, 50

FIRST = """
import sys, time
begun = time.process_time()
from tisserand.ui.app import application, furnish_later
from tisserand.ui.theme import theme
from tisserand.ui.window import Window
made = application(["x"]); theme().apply(made, "light")
window = Window(); window.show(); made.processEvents(); window.grab()
shown = time.process_time() - begun
furnish_later(window, None)
while window.palette_panel.tree.topLevelItemCount() == 0:
    made.processEvents(); time.sleep(0.005)
print("FOUND", shown * 1000, (time.process_time() - begun) * 1000)
import os; os._exit(0)
"""

STALLS = """
import json, sys, time, threading, traceback
from pathlib import Path
from PySide6.QtCore import QTimer
from tisserand.ui.app import application, furnish_later
from tisserand.ui.theme import theme
from tisserand.ui.window import Window
sys.setswitchinterval(0.001)
made = application(["x"]); theme().apply(made, "light")
window = Window(); window.show()
furnish_later(window, Path(sys.argv[1]))
def until(ready, seconds=240):
    end = time.monotonic() + seconds
    while not ready() and time.monotonic() < end:
        made.processEvents(); time.sleep(0.002)
gaps = []
main = threading.main_thread().ident
state = {"last": time.monotonic(), "busy": False}
blocked = []
def beat():
    now = time.monotonic(); gaps.append((now - state["last"] - 0.005) * 1000); state["last"] = now
timer = QTimer(); timer.setInterval(5); timer.timeout.connect(beat); timer.start()
def sample():
    while True:
        time.sleep(0.01)
        if time.monotonic() - state["last"] > 0.04:
            frame = sys._current_frames().get(main)
            blocked.append("".join(traceback.format_stack(frame, 4)[-3:]))
threading.Thread(target=sample, daemon=True).start()
def measured(seconds, ready):
    gaps.clear(); state["last"] = time.monotonic()
    end = time.monotonic() + seconds
    while time.monotonic() < end and not ready():
        made.processEvents(); time.sleep(0.001)
    return {"longest": max(gaps), "over": sum(gap > 50 for gap in gaps), "beats": len(gaps)}
loading = measured(60, lambda: bool(window.scene.cards) and bool(window.desk.findings.schemas))
until(lambda: False, 1.5)
idle = measured(float(sys.argv[2]), lambda: False)
blocked.clear()
begun = time.monotonic()
window.actions_["run"].trigger()
running = measured(240, lambda: not window.runner.running)
took = time.monotonic() - begun
stacks = {}
for each in blocked:
    stacks[each] = stacks.get(each, 0) + 1
states = sorted({card.standing.state for card in window.scene.cards.values()})
print("FOUND " + json.dumps({"loading": loading, "idle": idle, "running": running, "took": took, "states": states,
      "stacks": sorted(stacks.items(), key=lambda pair: -pair[1])[:4]}))
import os; os._exit(0)
"""

FLOW = """tisserand: 1
id: stalls
nodes:
  orders:
    kind: file.read_parquet
    config: {path: data/orders.parquet}
  large:
    kind: table.filter
    inputs: {table: orders}
    config: {where: amount > 100}
  by:
    kind: table.aggregate
    inputs: {table: large}
    config: {by: [customer], values: {total: sum(amount), orders: count()}}
  sorted:
    kind: table.sort
    inputs: {table: large}
    config: {by: [amount]}
  out:
    kind: file.write_parquet
    inputs: {table: sorted}
    config: {path: out/sorted.parquet}
  report:
    kind: file.write_csv
    inputs: {table: by}
    config: {path: out/by.csv}
layout: {orders: [0, 0], large: [264, 0], by: [528, 96], sorted: [528, 0], out: [792, 0], report: [792, 96]}
"""


def said(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True, text=True, check=False, env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )  # fmt: skip
    line = next((line for line in done.stdout.splitlines() if line.startswith("FOUND")), None)
    if line is None:
        raise RuntimeError(done.stderr)
    return line.removeprefix("FOUND").strip()


def workspace(folder: Path, rows: int) -> Path:
    import duckdb

    for name in ("flows", "data", "out"):
        (folder / name).mkdir(parents=True)
    (folder / "tisserand.yaml").write_text("")
    (folder / "flows" / "stalls.yaml").write_text(FLOW)
    duckdb.sql(
        f"COPY (SELECT range AS id, range % 5000 AS customer, (range * 37 % 100000) / 100.0 AS amount FROM range({rows})) "
        f"TO '{folder}/data/orders.parquet' (FORMAT parquet)"
    )
    return folder / "flows" / "stalls.yaml"


def main(rows: int = 5_000_000, rounds: int = 5, idle: float = 6.0, runs: int = 3) -> dict[str, Any]:
    firsts = [tuple(float(part) for part in said(FIRST).split()) for _round in range(rounds)]
    shown, ready = (statistics.median(values) for values in zip(*firsts, strict=True))
    missed = "" if shown < BUDGET_WINDOW else " MISSED"
    lines = [
        f"First window, CPU ms (p50 of {rounds}): shown {shown:.0f} (budget {BUDGET_WINDOW}){missed}, "
        f"with all node types {ready:.0f}."
    ]
    for number in range(runs):
        with tempfile.TemporaryDirectory(prefix="tisserand-stalls-") as folder:
            found = json.loads(said(STALLS, str(workspace(Path(folder) / "w", rows)), str(idle)))
        running, quiet = found["running"], found["idle"]
        note = "" if running["longest"] < BUDGET_STALL else f" MISSED (goal {BUDGET_STALL})"
        lines.append(
            f"Run {number + 1} of {rows:,} rows ({found['took']:.1f} s, states {', '.join(found['states'])}): longest stall "
            f"{running['longest']:.0f} ms{note}, {running['over']} over 50 ms; idle control: longest {quiet['longest']:.0f} ms, "
            f"{quiet['over']} over 50 ms; while the libraries load after the start: longest {found['loading']['longest']:.0f} ms."
        )
        for stack, count in found["stacks"]:
            print(count, stack, file=sys.stderr)
    text = "\n".join(f"- {line}" for line in lines)
    print(text)
    return {"title": "Window", "text": text}


if __name__ == "__main__":
    main()
