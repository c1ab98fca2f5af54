"""`make bench`: every bench in a process of its own, one after the other, and a dated report in tests/bench/reports.

Usage: run.py [--only NAME …] [--quick] [--report FILE]. Sections of benches that are not run stay as they are in today's report.
`--quick` takes small data and few rounds, to see that everything works; its figures say nothing, so it writes no report.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.metadata
import io
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).resolve().parent
REPORTS = HERE / "reports"

BENCHES = (
    "model",
    "plan",
    "rows",
    "canvas",
    "peers",
    "grid",
    "window",
    "batch",
    "memory",
    "queue",
    "schedules",
    "mqtt",
    "journal",
    "gateways",
    "published",
    "redundancy",
    "search",
    "embedded",
)
"""`bench_<name>.py`, each with `main(...)` that gives `{"title", "text", …}`, or prints, and gives the number of misses."""

QUICK: dict[str, dict[str, Any]] = {
    "model": {"nodes": 400, "rounds": 2},
    "plan": {"nodes": 200, "rounds": 2},
    "rows": {"events": 2_000, "rounds": 1},
    "peers": {"counts": (100,)},
    "grid": {"rows": 50_000, "rounds": 4},
    "window": {"rows": 50_000, "rounds": 1, "idle": 1.0, "runs": 1},
    "batch": {"rows": 50_000, "rounds": 1},
    "queue": {"runs": 6, "rounds": 1},
    "journal": {"runs": 20_000, "rounds": 2},
    "memory": {"rows": 400_000, "memories": ("600MB",), "double": False},
    "schedules": {"flows": 100},
    "mqtt": {"messages": 5_000},
    "published": {"seconds": 1.0, "rounds": 1},
    "search": {"apis": 200, "rounds": 2},
    "gateways": {"apis": 50, "consumers": 200, "subscriptions": 800},
    "redundancy": {"apis": 200},
    "embedded": {"seconds": 1, "apis": 20},
}

TITLES = {"canvas": "Canvas"}
PARTS = (
    "tisserand", "duckdb", "ibis-framework", "pyarrow", "polars", "pandas", "sqlglot", "networkx", "pydantic", "PyYAML",
    "jsonschema", "PySide6-Essentials",
)  # fmt: skip


def one(name: str, arguments: dict[str, Any], answer: Path) -> None:
    """Run one bench in this process and write what it found."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        found = importlib.import_module(f"bench_{name}").main(**arguments)
    if not isinstance(found, dict):
        text = f"```\n{printed.getvalue().strip()}\n```"
        found = {"title": TITLES.get(name, name), "text": text + (f"\n\n{found} MISSED" if found else "")}
    answer.write_text(json.dumps({"title": found["title"], "text": found["text"]}), encoding="utf-8")


def measured(name: str, quick: bool) -> tuple[str, str] | None:
    """Title and text of one bench; None where it broke off (it has said why)."""
    print(f"— {name} …", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="tisserand-bench-") as folder:
        answer = Path(folder) / "answer.json"
        asked = json.dumps(QUICK.get(name, {}) if quick else {})
        begun, busy = time.monotonic(), os.getloadavg()[0]
        code = subprocess.run(
            [sys.executable, str(HERE / "run.py"), "--one", name, asked, str(answer)], cwd=HERE, check=False
        ).returncode
        if code != 0 or not answer.exists():
            print(f"The bench “{name}” broke off with the code {code}.", file=sys.stderr)
            return None
        found = json.loads(answer.read_text(encoding="utf-8"))
    took = f"`python tests/bench/bench_{name}.py`; {time.monotonic() - begun:.0f} s; load before it {busy:.1f}."
    return found["title"], f"{found['text']}\n\n{took}"


def machine() -> str:
    """What the figures depend on; no name of the machine or of a person."""
    lines = [
        f"Processor: {processor()}, {psutil.cpu_count(logical=False) or '?'} cores, {psutil.cpu_count()} threads",
        f"Memory: {psutil.virtual_memory().total / 1e9:.1f} GB",
        f"System: {platform.system()} {platform.release()}, Python {platform.python_version()}",
        "Versions: " + ", ".join(f"{part} {version}" for part in PARTS if (version := installed(part))),
        f"Commit: {commit()}",
    ]
    return "\n".join(f"- {line}" for line in lines)


def processor() -> str:
    with contextlib.suppress(OSError):
        found = re.search(r"(?m)^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
        if found:
            return found[1].strip()
    return platform.processor() or platform.machine()


def installed(part: str) -> str | None:
    try:
        return importlib.metadata.version(part)
    except importlib.metadata.PackageNotFoundError:
        return None


def commit() -> str:
    found = subprocess.run(["git", "describe", "--always"], cwd=HERE, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


def sections(report: str) -> dict[str, str]:
    """Title → text of a report written before."""
    parts = re.split(r"(?m)^## (.+)\n", report)
    return {title: text.strip() for title, text in zip(parts[1::2], parts[2::2], strict=True)}


def write_report(path: Path, found: dict[str, str]) -> None:
    before = sections(path.read_text(encoding="utf-8")) if path.exists() else {}
    before.pop("Machine", None)
    texts = {"Machine": machine(), **before, **found}
    head = f"# Benches of {path.stem}\n\nMade by `make bench`. Trust ratios of one run; the same command varies between runs."
    path.parent.mkdir(parents=True, exist_ok=True)
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in texts.items())
    path.write_text(f"{head}\n\n{body}\n", encoding="utf-8")


def main() -> int:
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2], json.loads(sys.argv[3]), Path(sys.argv[4]))
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=BENCHES, help="may be given several times")
    parser.add_argument("--quick", action="store_true", help="small data, no report")
    parser.add_argument("--report", type=Path, default=REPORTS / f"{date.today().isoformat()}.md")
    asked = parser.parse_args()
    broken = missed = 0
    for name in asked.only or BENCHES:
        result = measured(name, asked.quick)
        if result is None:
            broken += 1
            continue
        title, text = result
        print(f"\n## {title}\n\n{text}", flush=True)
        missed += text.count("MISSED")
        if not asked.quick:
            # After each one: an hour of measuring is not lost with the last bench.
            write_report(asked.report, {title: text})
    print(f"\n{missed} targets missed, {broken} benches broke off.")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
