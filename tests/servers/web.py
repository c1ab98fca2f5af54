"""A real HTTP server on a loopback port that pages, refuses, stalls, redirects and remembers what it was asked."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

ITEMS = [
    {"id": n, "name": f"item {n}", "price": n / 2, "tags": ["a", "b"][: n % 3], "at": {"city": "Lyon", "n": n}}
    for n in range(1, 26)
]


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


@dataclass
class Web:
    port: int
    asked: list[Asked] = field(default_factory=list)
    busy: dict[str, int] = field(default_factory=dict)
    """Path → how many more times it answers that it is busy."""
    elsewhere: str = ""
    """Where `/away` redirects to."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def _answer(web: Web, asked: Asked) -> tuple[int, dict[str, str], Any]:
    path, query = asked.path, {name: values[0] for name, values in asked.query.items()}
    if web.busy.get(path, 0) > 0:
        web.busy[path] -= 1
        return 429 if "429" in path else 503, {"Retry-After": "7"} if "after" in path else {}, {"error": "busy"}
    if path == "/items":
        return 200, {}, ITEMS
    if path == "/nested":
        return 200, {}, {"data": {"items": ITEMS[:3]}, "total": 3}
    if path == "/pages":
        page = int(query.get("page", "1"))
        return 200, {}, {"items": ITEMS[(page - 1) * 10 : page * 10]}
    if path == "/cursor":
        start = int(query.get("cursor", "0"))
        return 200, {}, {"items": ITEMS[start : start + 10], "next_cursor": str(start + 10) if start + 10 < 25 else None}
    if path == "/link":
        start = int(query.get("from", "0"))
        link = {"Link": f'</link?from={start + 10}>; rel="next", </link>; rel="first"'} if start + 10 < 25 else {}
        return 200, link, ITEMS[start : start + 10]
    if path == "/circle":
        return 200, {}, {"items": ITEMS[:1], "next_cursor": "same"}
    if path == "/private":
        let_in = asked.headers.get("authorization") or asked.headers.get("x-api-key")
        return (200, {}, [{"in": True}]) if let_in else (401, {}, {"error": "who are you?"})
    if path == "/drift":
        return 200, {}, [{"a": 1}] if query.get("page") == "1" else ([{"a": "x"}] if query.get("page") == "2" else [])
    if path == "/more":
        return 200, {}, [{"a": 1}] if query.get("page") == "1" else ([{"a": 2, "b": 3}] if query.get("page") == "2" else [])
    if path == "/away":
        return 302, {"Location": web.elsewhere}, None
    if path == "/away307":
        return 307, {"Location": web.elsewhere}, None
    if path == "/loop":
        return 302, {"Location": "/loop"}, None
    if path == "/file":
        return 302, {"Location": "file:///etc/passwd"}, None
    if path == "/html":
        return 200, {"Content-Type": "text/html"}, b"<html>no</html>"
    if path == "/large":
        return 200, {}, b"[" + b"1," * 200_000 + b"1]"
    if path.startswith("/echo/"):
        return 200, {}, {"path": unquote(path[6:]), "raw": path[6:], "body": asked.body.decode(), "q": query}
    if path.startswith("/person/"):
        number = int(path.rsplit("/", 1)[1])
        time.sleep(0.02 * (number % 3))
        return (404, {}, {"error": "nobody"}) if number == 4 else (200, {}, {"id": number})
    return 404, {}, {"error": "not here"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    web: Web

    def _do(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, parts.path, parse_qs(parts.query), headers, self.rfile.read(length))
        self.web.asked.append(asked)
        if parts.path == "/slow":
            self._drip()
            return
        status, more, body = _answer(self.web, asked)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **more, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        try:
            for _byte in range(1000):
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.05)
        except OSError:
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _do  # noqa: N815 - the standard library's names

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what was asked stands in `Web.asked`."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up early is a part of the tests."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def running() -> Iterator[Web]:
    handler = type("Handler", (_Handler,), {})
    server = _Server(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    web = Web(server.server_address[1])
    handler.web = web  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
