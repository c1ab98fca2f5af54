"""A workspace whose queue works in this process; the workers are real."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tisserand.engine.journal import FINAL
from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import RunRequest
from tisserand.service.queue.line import Line

TABLE = "  one: {kind: data.table, config: {columns: {a: integer}, rows: [[1]]}}\n"
SINK = TABLE + "  out: {kind: sql.write, inputs: {table: one}, config: {connection: base, table: out, mode: append}}\n"


_slow = []


def waits(seconds):
    """A node that takes so long, in another process than the worker's."""
    return TABLE + f"  hold: {{kind: http.call, inputs: {{table: one}}, config: {{url: '{_slow[0]}/{seconds}'}}}}\n"


def then(seconds):
    """The same, and a node after it."""
    return waits(seconds) + "  last: {kind: data.table, after: {hold: done}, config: {columns: {a: integer}, rows: [[1]]}}\n"


class _Slow(BaseHTTPRequestHandler):
    def do_GET(self):
        (over.wait if self.path != "/held" else held.wait)(60 if self.path == "/held" else float(self.path.strip("/")))
        with contextlib.suppress(OSError):
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "10")
            self.end_headers()
            self.wfile.write(b'[{"id":1}]')

    do_POST = do_GET  # noqa: N815 - its name in the standard library

    def log_message(self, *_):
        pass


over = threading.Event()
held = threading.Event()
"""Lets go what waits for “held”."""


@pytest.fixture(autouse=True, scope="session")
def slow():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Slow)
    server.daemon_threads = True
    _slow.append(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield
    over.set()
    held.set()
    server.shutdown()
    server.server_close()


class Desk:
    def __init__(self, root):
        self.root = root
        root.mkdir()
        (root / "flows").mkdir()
        self.settings()
        (root / "connections.yaml").write_text("base: {type: database, system: sqlite, file: base.sqlite}\n")
        self.executor = None
        self.line = None

    def settings(self, text="runs: 2"):
        (self.root / "tisserand.yaml").write_text(f"id: desk\nexecutor: {{{text}}}\n")

    def flow(self, id, nodes=TABLE, limits=""):
        file = f"flows/{id}.yaml"
        head = f"limits: {{{limits}}}\n" if limits else ""
        (self.root / file).write_text(f"tisserand: 1\nid: {id}\n{head}nodes:\n{nodes}")
        return file

    def open(self, work=True):
        """The executor process's life, in this process. Without `work` the queue only fills."""
        self.executor = LocalExecutor(self.root, grace=1)
        self.line = Line(self.executor)
        if work:
            self.line.start()
        else:
            self.executor.line = self.line
        return self.executor

    def close(self):
        if self.line is not None:
            if self.line._thread.ident is not None:
                self.line.stop()
            self.executor.close()
            self.line = None

    def start(self, file, **options):
        return self.executor.start(RunRequest(file=file, **options))

    def until(self, run, *states, seconds=40):
        end = time.monotonic() + seconds
        while (found := self.executor.run(run)).state not in (states or FINAL):
            assert time.monotonic() < end, (found, self.executor.queue.standing())
            time.sleep(0.02)
        return found

    def node(self, run, name, kind="node.started"):
        """Wait until a node has begun."""
        end = time.monotonic() + 40
        while not any(event.kind == kind and event.node == name for event in self.executor.events(run)):
            found = self.executor.run(run)
            assert time.monotonic() < end and not found.final, found
            time.sleep(0.02)

    def turn(self, run):
        return next((turn for turn in self.executor.queue.standing().turns if turn.run == run), None)

    def reason(self, run):
        """What holds a run, in a sentence; waits until something does."""
        end = time.monotonic() + 20
        while (turn := self.turn(run)) is None or turn.reason is None:
            assert time.monotonic() < end, self.executor.run(run)
            time.sleep(0.02)
        return turn.reason.text("en")

    def order(self, runs):
        """The runs in the order in which they began."""
        begun = {run: self.executor.journal.begun(run) for run in runs}
        assert all(begun.values())
        return sorted(runs, key=begun.__getitem__)

    def written(self):
        """How many rows the runs wrote, by SQLite itself."""
        if not (self.root / "base.sqlite").exists():
            return 0
        db = sqlite3.connect(self.root / "base.sqlite", timeout=30)
        try:
            return db.execute("SELECT count(*) FROM out").fetchone()[0]
        except sqlite3.OperationalError:
            return 0
        finally:
            db.close()


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path / "desk")
    yield made
    if made.executor is not None and made.line is not None:
        for run in made.executor.runs(state="running") + made.executor.runs(state="queued"):
            made.executor.cancel(run.id)
        end = time.monotonic() + 20
        while made.line.pool.held() and time.monotonic() < end:
            time.sleep(0.02)
    made.close()
