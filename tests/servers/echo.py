"""A web service that answers with what it was asked: method, path, headers, body; and notes how often."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Echo:
    name: str
    port: int = 0
    seen: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    """Answers to give next, instead of 200."""
    healthy: bool = True
    """What `/health` says."""
    slow: float = 0.0
    """Seconds before an answer."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def running(name: str = "one") -> Iterator[Echo]:
    echo = Echo(name)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            asked = {
                "server": echo.name, "method": self.command, "path": self.path, "body": self.rfile.read(length).decode(),
                "headers": {key.lower(): value for key, value in self.headers.items()},
            }  # fmt: skip
            if self.path == "/health":
                status = 200 if echo.healthy else 500
            else:
                echo.seen.append(asked)
                status = echo.statuses.pop(0) if echo.statuses else 200
                time.sleep(echo.slow)
            data = json.dumps(asked).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.send_header("x-inner", "of the service")
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_HEAD = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    echo.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield echo
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
