"""Our canvas beside NodeGraphQt and orange-canvas-core at 100 and 1,000 nodes, each in its own environment, with a time-out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PEERS = {
    "NodeGraphQt": ("nodegraphqt", ["NodeGraphQt", "PySide6-Essentials==6.11.3", "setuptools<81"]),
    "orange-canvas-core": ("orange", ["orange-canvas-core", "orange-widget-base", "PyQt6", "setuptools<81"]),
}
TIMEOUT = 240
MEASURES = ("open", "pan", "repaint", "zoom step", "fit")


def environment(name: str, parts: list[str]) -> Path | str:
    """The Python of a peer's own environment, made on first use below the cache folder; or why it cannot be had."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tisserand-bench" / name
    python = base / "bin" / "python"
    marker = base / "complete"
    if marker.exists():
        return python
    for command in ([sys.executable, "-m", "venv", "--clear", str(base)], [str(python), "-m", "pip", "install", "-q", *parts]):
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
        if done.returncode:
            return (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    marker.touch()
    return python


def peer(name: str, count: int) -> dict[str, float] | str:
    kind, parts = PEERS[name]
    try:
        python = environment(kind, parts)
        if isinstance(python, str):
            return f"cannot be installed: {python}"
        done = subprocess.run(
            [str(python), str(HERE / "peer_canvas.py"), kind, str(count)],
            capture_output=True, text=True, timeout=TIMEOUT, check=False, env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"not done after {TIMEOUT} s"
    line = next((line for line in done.stdout.splitlines() if line.startswith("FOUND ")), None)
    if line is None:
        return f"broke off: {(done.stderr.strip().splitlines() or ['?'])[-1][:120]}"
    return dict(json.loads(line.removeprefix("FOUND ")))


def ours(count: int) -> dict[str, float]:
    code = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); import bench_canvas as b\n"
        "from tisserand.sdk.registry import registry\n"
        "made = b.application(['x']); b.theme().apply(made, 'light')\n"
        "print('FOUND ' + json.dumps(b.measure(int(sys.argv[2]), b.Kinds(registry()))))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(HERE), str(count)], capture_output=True, text=True, check=True)
    return dict(json.loads(next(line for line in done.stdout.splitlines() if line.startswith("FOUND "))[6:]))


def main(counts: tuple[int, ...] = (100, 1_000)) -> dict[str, Any]:
    lines = ["| nodes | | " + " | ".join(MEASURES) + " |", "|---" * (len(MEASURES) + 2) + "|"]
    with tempfile.TemporaryDirectory():
        for count in counts:
            own = ours(count)
            lines.append(f"| {count:,} | Tisserand, CPU ms | " + " | ".join(f"{own[m]:.1f}" for m in MEASURES) + " |")
            for name in PEERS:
                found = peer(name, count)
                if isinstance(found, str):
                    lines.append(f"| {count:,} | {name} | {found} |" + " |" * (len(MEASURES) - 1))
                    continue
                parts = [f"{found[m]:.1f} ({found[m] / max(own[m], 0.01):.1f} ×)" for m in MEASURES]
                lines.append(f"| {count:,} | {name} | " + " | ".join(parts) + " |")
    text = "\n".join(lines) + "\n\nIn brackets: how many times ours."
    print(text)
    return {"title": "Canvas beside peers", "text": text}


if __name__ == "__main__":
    main()
