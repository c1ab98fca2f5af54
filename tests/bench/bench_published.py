"""Published flow bench: five nodes with key check and history beside Node-RED's HTTP in → five functions → response.

Usage: bench_published.py [SECONDS] — wrk for so many seconds at 1, 32 and 128 connections, both in turn.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import peer_nodered
import psutil
from measure import table

CONNECTIONS = (1, 32, 128)
KEY = "the-key-of-the-bench"
ORDER = {"order": {"id": 1001}, "quantity": 20, "unit_price": 2.5, "country": "de"}
ANSWER = {"order_id": 1001, "country": "DE", "gross": 50.0, "discount": 2.5, "tax": 9.025, "total": 56.52}
EXAMPLES = Path(__file__).resolve().parents[2] / "flows" / "examples"
TARGET = 3.0
"""Times the requests per second of Node-RED, at 32 connections."""


def published(root: Path, digest: str) -> tuple[subprocess.Popen[bytes], str]:
    """The process of the example flow “trigger-request”."""
    from tisserand.service.published.calls import Serving
    from tisserand.service.published.folder import made, write

    (root / "flows").mkdir(parents=True)
    (root / "tisserand.yaml").write_text("id: bench-published\n", encoding="utf-8")
    shutil.copy(EXAMPLES / "flows" / "trigger-request.yaml", root / "flows" / "price.yaml")
    folder = made(root, "price@1")
    serving = Serving("price", "1", "flows/price.yaml", "sync", 10.0, keys={digest: ("ada", None)})
    write(folder / "serve.json", serving.to_json())
    command = [sys.executable, "-P", "-m", "tisserand.service.published.process", str(root), "price@1"]
    process = subprocess.Popen(command)
    end = time.monotonic() + 60
    while not (folder / "address.json").exists():
        if time.monotonic() > end or process.poll() is not None:
            raise RuntimeError("the published flow did not start")
        time.sleep(0.05)
    port = json.loads((folder / "address.json").read_text(encoding="utf-8"))["port"]
    return process, f"http://127.0.0.1:{port}/price"


def asked(url: str) -> Any:
    request = urllib.request.Request(
        url, data=json.dumps(ORDER).encode(), headers={"x-api-key": KEY, "content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def load(url: str, pid: int, connections: int, seconds: float, script: Path) -> tuple[float, float, float, float]:
    """Requests per second, the median and 99th percentile of their latency in ms, and CPU of the server for each in µs."""
    cpu = _cpu(pid)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency", "-s", str(script), url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(said)
    rate = re.search(r"Requests/sec:\s*([\d.]+)", said)
    assert rate is not None, said
    count = re.search(r"(\d+) requests in", said)
    assert count is not None, said
    return float(rate[1]), _ms(said, "50%"), _ms(said, "99%"), (_cpu(pid) - cpu) / int(count[1]) * 1e6


def _cpu(pid: int) -> float:
    used = psutil.Process(pid).cpu_times()
    return used.user + used.system


def _ms(said: str, name: str) -> float:
    found = re.search(rf"\s{name}\s+([\d.]+)(us|ms|s)\b", said)
    assert found is not None, said
    return float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found[2]]


def main(seconds: float = 6.0, rounds: int = 3) -> dict[str, Any]:
    if shutil.which("wrk") is None:
        return {"title": "Published flows", "text": "Not measured: wrk is not installed."}
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    with tempfile.TemporaryDirectory(prefix="tisserand-bench-") as folder:
        root = Path(folder)
        script = root / "post.lua"
        body = json.dumps(ORDER)
        script.write_text(
            f'wrk.method = "POST"\nwrk.body = \'{body}\'\nwrk.headers["content-type"] = "application/json"\n'
            f'wrk.headers["x-api-key"] = "{KEY}"\n',
            encoding="utf-8",
        )
        process, ours = published(root / "ours", digest)
        try:
            with peer_nodered.running(root / "theirs", digest) as (theirs, peer):
                return _compared(ours, theirs, process.pid, peer, script, seconds, rounds)
        finally:
            process.terminate()
            process.wait(20)


def _compared(ours: str, theirs: str, mine: int, peer: int, script: Path, seconds: float, rounds: int) -> dict[str, Any]:
    first = asked(theirs)
    assert asked(ours) == ANSWER and {**first, "total": 56.52} == ANSWER, (asked(ours), first)
    for url, pid in ((ours, mine), (theirs, peer)):
        load(url, pid, 8, 2, script)  # both warm
    found: dict[tuple[str, int], list[tuple[float, float, float, float]]] = {}
    for connections in CONNECTIONS:
        for _ in range(rounds):
            for name, url, pid in (("ours", ours, mine), ("theirs", theirs, peer)):
                found.setdefault((name, connections), []).append(load(url, pid, connections, seconds, script))
    memory = [psutil.Process(pid).memory_info().rss / 1e6 for pid in (mine, peer)]
    rows, ratios, ahead = [], {}, []
    for connections in CONNECTIONS:
        middle = {
            name: [statistics.median(values) for values in zip(*found[name, connections], strict=True)]
            for name in ("ours", "theirs")
        }
        ratios[connections] = statistics.median(
            a[0] / b[0] for a, b in zip(found["ours", connections], found["theirs", connections], strict=True)
        )
        ahead.append(middle["ours"][2] < middle["theirs"][2])
        rows.append(
            [
                str(connections), f"{middle['ours'][0]:,.0f}", f"{middle['theirs'][0]:,.0f}", f"{ratios[connections]:.1f} ×",
                f"{middle['ours'][1]:.2f} / {middle['ours'][2]:.2f}", f"{middle['theirs'][1]:.2f} / {middle['theirs'][2]:.2f}",
                f"{middle['ours'][3]:.0f}", f"{middle['theirs'][3]:.0f}",
            ]
        )  # fmt: skip
    heads = ["connections", "requests/s", "Node-RED", "ratio", "median / p99 ms", "Node-RED ms", "CPU µs/request", "Node-RED µs"]
    folder = peer_nodered.installed()
    good = ratios[32] >= TARGET and all(ahead)
    text = "\n\n".join(
        (
            table(heads, rows),
            f"Medians of {rounds} rounds of {seconds:.0f} s, in turn; wrk with one thread on the same machine. Node-RED "
            f"{peer_nodered.version(folder)} on Node 24. Both check a key by its SHA-256 and write each request to a history in batches "
            f"(here SQLite, there a file). Memory: {memory[0]:.0f} MB, Node-RED {memory[1]:.0f} MB.",
            f"Target: {TARGET:.0f} × at 32 connections and a lower p99: {'met' if good else 'MISSED'}.",
        )
    )
    return {"title": "Published flows", "text": text, "good": good}


if __name__ == "__main__":
    print(main(float(sys.argv[1]) if len(sys.argv) > 1 else 6.0)["text"])
