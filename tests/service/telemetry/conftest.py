"""A workspace with real flows, and a receiver of telemetry that keeps what it is sent."""

import importlib.util
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import RunRequest
from tisserand.workspace.folder import Workspace
from tisserand.workspace.secrets import secret_store

FLOWS = {
    "orders": """
  read: {kind: file.read_csv, config: {path: data/in.csv}}
  big: {kind: table.filter, inputs: {table: read}, config: {where: a > 1}}
  write: {kind: file.write_csv, inputs: {table: big}, config: {path: data/out.csv}}
""",
    "broken": "\n  read: {kind: file.read_csv, config: {path: data/none.csv}}\n",
    "outer": "\n  inner: {kind: flow.call, config: {flow: orders}}\n",
}
PLANTED = "planted-telemetry-secret-92"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("TISSERAND_SECRETS", "file")
    (tmp_path / "tisserand.yaml").write_text("id: told\n")
    for name in ("flows", "data"):
        (tmp_path / name).mkdir()
    (tmp_path / "data" / "in.csv").write_text("a,b\n1,x\n2,y\n3,z\n")
    for flow, nodes in FLOWS.items():
        (tmp_path / "flows" / f"{flow}.yaml").write_text(f"tisserand: 1\nid: {flow}\ntitle: {flow}\nnodes:{nodes}")
    secret_store(Workspace(tmp_path).id).set("told", PLANTED)
    return tmp_path


@pytest.fixture
def executor(place):
    made = LocalExecutor(place, grace=2)
    yield made
    made.close()


@pytest.fixture
def ran(executor):
    def run(flow, **more):
        return executor.wait(executor.start(RunRequest(file=f"flows/{flow}.yaml", **more)))

    return run


class Receiver:
    def __init__(self):
        self.taken, self.statuses = [], []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = outer.statuses.pop(0) if outer.statuses else 200
                if status == 200:
                    outer.taken.append((self.path, dict(self.headers), body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def web():
    path = Path(__file__).parents[2] / "servers" / "web.py"
    spec = importlib.util.spec_from_file_location("tests_servers_web_for_telemetry", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    with module.running() as found:
        yield found
