"""moto, which keeps what AWS is told, on a free loopback port; and a relay before it that can be made to refuse."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests


@dataclass
class Cloud:
    moto: str
    endpoint: str
    """Of the relay."""
    changes: list[str] = field(default_factory=list)
    """Method and path of the changes asked for since the last `forget`."""
    refuse: int = -1
    """The number of the change that is refused; -1 none."""
    answers: dict[str, object] = field(default_factory=dict)
    """Path → what the relay itself answers there: what moto does not know, as AWS documents it."""

    refuse_from: int = -1
    """The number of changes after which every further one is refused: as if somebody had died on the way."""

    def forget(self) -> None:
        self.changes.clear()
        self.refuse = self.refuse_from = -1

    def reset(self) -> None:
        requests.post(f"{self.moto}/moto-api/reset", timeout=10)
        self.forget()
        self.answers.clear()


@contextmanager
def running() -> Iterator[Cloud]:
    server = pytest.importorskip("moto.server", reason="needs server: moto (make setup)")
    moto = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    cloud = Cloud(f"http://{host}:{port}", "")
    relay = ThreadingHTTPServer(("127.0.0.1", 0), _relaying(cloud))
    relay.daemon_threads = True
    cloud.endpoint = f"http://127.0.0.1:{relay.server_address[1]}"
    thread = threading.Thread(target=relay.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield cloud
    finally:
        relay.shutdown()
        thread.join()
        relay.server_close()
        moto.stop()


def _relaying(cloud: Cloud) -> type[BaseHTTPRequestHandler]:
    session = requests.Session()

    class Relay(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            path = self.path.partition("?")[0]
            if path in cloud.answers:
                self._answer(200, json.dumps(cloud.answers[path]).encode(), {})
                return
            if self.command != "GET":
                cloud.changes.append(f"{self.command} {path}")
                if len(cloud.changes) - 1 == cloud.refuse or 0 <= cloud.refuse_from < len(cloud.changes):
                    said = json.dumps({"message": "Not today"}).encode()
                    self._answer(400, said, {"x-amzn-ErrorType": "BadRequestException"})
                    return
            headers = {
                key: value for key, value in self.headers.items() if key.lower() not in ("host", "content-length", "connection")
            }
            answer = session.request(self.command, cloud.moto + self.path, headers=headers, data=body, timeout=20)
            told = {
                key: value
                for key, value in answer.headers.items()
                if key.lower() == "content-type" or key.lower().startswith("x-amzn")
            }
            self._answer(answer.status_code, answer.content, told)

        def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _pass  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    return Relay
