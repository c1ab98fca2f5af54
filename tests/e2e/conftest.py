"""A temporary workspace whose runs are real processes, and a web server in a process of its own that counts its calls."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tisserand.engine.journal import FINAL, Event
from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import RunInfo, RunRequest

SERVER = """
import json, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
counts, lock = {}, threading.Lock()
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do(self):
        path = self.path.partition("?")[0]
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if path == "/counts":
            return self.answer(200, counts)
        with lock:
            counts[path] = counts.get(path, 0) + 1
            number = counts[path]
        words = path.strip("/").split("-")
        if words[0] == "slow":
            time.sleep(float(words[1]))
        if words[0] == "busy" and number <= int(words[1]):
            return self.answer(503, {"error": "busy"}, {"Retry-After": words[2]} if len(words) > 2 else {})
        if words[0] == "refuses":
            return self.answer(400, {"error": "no"})
        self.answer(200, [{"id": n, "call": number} for n in range(1, 4)])
    do_GET = do_POST = do
    def answer(self, status, body, more={}):
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**more, "Content-Type": "application/json", "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
    def log_message(self, *_):
        pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


class Web:
    def __init__(self, url: str) -> None:
        self.url = url

    def counts(self) -> dict[str, int]:
        import urllib.request

        with urllib.request.urlopen(f"{self.url}/counts") as answer:
            found: dict[str, int] = json.loads(answer.read())
            return found


@pytest.fixture
def web() -> Iterator[Web]:
    process = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Web(f"http://127.0.0.1:{int(process.stdout.readline())}")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


class Place:
    """A workspace and the executor over it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(exist_ok=True)
        (root / "tisserand.yaml").write_text("id: place\n")
        (root / "flows").mkdir()
        (root / "connections.yaml").write_text("base: {type: database, system: sqlite, file: base.sqlite}\n")
        self.executor = LocalExecutor(root, grace=8)

    def flow(self, id: str, nodes: str, head: str = "") -> str:
        """Write a flow; gives its file."""
        file = f"flows/{id}.yaml"
        (self.root / file).write_text(f"tisserand: 1\nid: {id}\n{head}nodes:\n{nodes}")
        return file

    def start(self, id: str, nodes: str, head: str = "", **options: Any) -> str:
        return self.executor.start(RunRequest(file=self.flow(id, nodes, head), **options))

    def run(self, id: str, nodes: str, head: str = "", **options: Any) -> RunInfo:
        return self.executor.wait(self.start(id, nodes, head, **options))

    def again(self, file: str, **options: Any) -> RunInfo:
        return self.executor.wait(self.executor.start(RunRequest(file=file, **options)))

    def resume(self, run: str, **options: Any) -> RunInfo:
        return self.executor.wait(self.executor.resume(run, **options))

    def events(self, run: str, *kinds: str) -> list[Event]:
        return [event for event in self.executor.events(run) if not kinds or event.kind in kinds]

    def rows(self, run: str, node: str, port: str | None = None) -> list[dict[str, Any]]:
        import pyarrow as pa

        page = self.executor.page(run, node, port, 0, 100_000)
        found: list[dict[str, Any]] = pa.ipc.open_stream(page.data).read_all().to_pylist()
        return found

    def until(self, run: str, holds: Callable[[RunInfo], bool], seconds: float = 30) -> RunInfo:
        """Wait until something holds of a run."""
        end = time.monotonic() + seconds
        while not holds(found := self.executor.run(run)):
            assert time.monotonic() < end, found
            assert found.state not in FINAL, (found, self.log(run))
            time.sleep(0.03)
        return found

    def log(self, run: str) -> str:
        return (self.root / ".tisserand" / "runs" / run / "worker.log").read_text()

    def owner(self, run: str) -> int:
        record = self.executor.journal.run(run)
        assert record is not None and record.owner_pid is not None
        return record.owner_pid

    def ask(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        db = sqlite3.connect(self.root / "base.sqlite")
        try:
            rows = db.execute(sql, values).fetchall()
            db.commit()
            return rows
        finally:
            db.close()

    def left_over(self) -> list[str]:
        """Temporary files beside the results."""
        return [str(path) for path in self.root.rglob("*.part") if ".tisserand" not in path.parts]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    found = Place(tmp_path / "place")
    try:
        yield found
    finally:
        found.executor.close()
