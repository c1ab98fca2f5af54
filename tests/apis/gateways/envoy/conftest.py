"""A real Envoy and a service behind it, shared by the tests of a module."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.servers import envoy

from tisserand.apis.gateways.adapter import Place, Plan
from tisserand.apis.gateways.compare import changes, without
from tisserand.apis.gateways.envoy.adapter import EnvoyGateway
from tisserand.apis.gateways.envoy.process import EnvoyProcess
from tisserand.apis.gateways.envoy.settings import EnvoySettings
from tisserand.apis.neutral import Declared


class Echo(ThreadingHTTPServer):
    """Answers with what it was asked; `/status/503` with that, as long as `failing` is above 0."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, name: str) -> None:
        self.name, self.asked, self.failing, self.healthy = name, 0, 0, True
        super().__init__(("127.0.0.1", 0), _Answer)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def shutdown(self) -> None:
        super().shutdown()
        self.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        server: Any = self.server
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        status = 200
        if self.path == "/health":
            status = 200 if server.healthy else 500
        else:
            server.asked += 1
            if self.path == "/slow":
                time.sleep(0.8)
            if server.failing > 0:
                server.failing -= 1
                status = 503
        told = {
            "service": server.name, "method": self.command, "path": self.path, "body": body.decode(),
            "headers": {name.lower(): value for name, value in self.headers.items()},
        }  # fmt: skip
        text = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.send_header("x-inner", "told")
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _answer  # noqa: N815 - the library's names

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@dataclass
class Site:
    """One embedded gateway that serves, with two services."""

    gateway: EnvoyGateway
    process: EnvoyProcess
    one: Echo
    two: Echo
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def url(self) -> str:
        return str(self.gateway.state()["address"])

    def push(self, declared: Declared) -> Plan:
        """As the executor does: compared, validated, applied, read back."""
        problems = [each for each in self.gateway.validate(declared) if each.severity == "error"]
        assert not problems, [each.message.text("en") for each in problems]
        wanted = without(declared.items, self.gateway.dropped(declared))
        todo = changes(wanted, None, self.gateway.read().items)
        self.gateway.apply(declared, todo)
        assert self.gateway.read().items == wanted
        return Plan(self.gateway.name, tuple(todo))

    def call(self, path: str, method: str = "GET", key: str | None = "key-of-acme", **more: Any) -> requests.Response:
        headers = {**({"x-api-key": key} if key else {}), **more.pop("headers", {})}
        return self.session.request(method, self.url + path, headers=headers, timeout=10, **more)


def begin(root: Path, settings: EnvoySettings) -> tuple[EnvoyGateway, EnvoyProcess]:
    gateway = EnvoyGateway("local", settings, Place(root, root / ".tisserand" / "gateways" / "local", lambda name: name))
    process = EnvoyProcess(gateway)
    process.start()
    return gateway, process


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    envoy.needed()
    root = Path(tempfile.mkdtemp(prefix="gateway-"))
    one, two = Echo("one"), Echo("two")
    gateway, process = begin(root, EnvoySettings())
    try:
        yield Site(gateway, process, one, two)
    finally:
        process.stop()
        one.shutdown()
        two.shutdown()
        shutil.rmtree(root, ignore_errors=True)
