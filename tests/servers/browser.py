"""A headless Chromium of its own, told what to do through a pipe (Chrome DevTools Protocol); and a proxy that is all the network it has.

Whatever the browser asks for goes to the proxy: names of ours are answered with files, everything else is refused and written down.
"""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import mimetypes
import os
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-pipe", "--proxy-bypass-list=<-loopback>",
)  # fmt: skip


_OWN = (".google.com", ".googleapis.com")
"""Where the browser itself looks for updates and the time, whatever page is open."""


_AT_3_AND_4 = (
    "import fcntl, os, sys\n"
    "ends = [fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in sys.argv[1:3]]\n"
    "os.dup2(ends[0], 3), os.dup2(ends[1], 4)\n"
    "os.execv(sys.argv[3], sys.argv[3:])"
)
"""The browser reads what it is told from 3, and answers on 4."""


class Network:
    """The proxy. `host` is the only name that is answered, from `folder`; `asked` is every other address that was asked for, but for those
    of the browser itself."""

    host = "site.test"

    def __init__(self, folder: Path) -> None:
        asked: list[str] = []
        served: list[str] = []
        host = self.host

        def note(address: str) -> None:
            name = (urlsplit(address).hostname or "") if "://" in address else address.rpartition(":")[0]
            if not name.endswith(_OWN):
                asked.append(address)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                path = (folder / unquote(parts.path).lstrip("/")).resolve()
                if parts.netloc != host or not path.is_file() or not path.is_relative_to(folder.resolve()):
                    if parts.path != "/favicon.ico":
                        note(self.path)
                    self.send_error(404)
                    return
                served.append(parts.path)
                data = path.read_bytes()
                self.send_response(200)
                self.send_header("Content-Type", f"{mimetypes.guess_type(path.name)[0] or 'text/plain'}; charset=utf-8")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_POST(self) -> None:
                note(self.path)
                self.send_error(502)

            def do_CONNECT(self) -> None:
                self.do_POST()

            def do_HEAD(self) -> None:
                self.do_POST()

            def log_message(self, *_: Any) -> None:
                pass

        self.asked, self.served = asked, served
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def url(self, page: str) -> str:
        return f"http://{self.host}/{page}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


class Browser:
    """One page of one browser."""

    def __init__(self, port: int, profile: Path) -> None:
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()
        command = [chromium(), *_FLAGS, f"--proxy-server=127.0.0.1:{port}", f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _AT_3_AND_4, str(to_read), str(to_write), *command],
            pass_fds=(to_read, to_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "HOME": str(profile)},
        )  # fmt: skip
        os.close(to_read)
        os.close(to_write)
        self._buffer = b""
        self._number = 0
        self._session = ""
        self.events: list[dict[str, Any]] = []
        """What the page told of itself since it was opened."""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def open(self, url: str, dark: bool | None = None) -> None:
        """Go to a page and wait until it is loaded. `dark` is what the system of its reader wants."""
        if dark is not None:
            value = "dark" if dark else "light"
            self._call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": value}])
        self._call("Page.navigate", url="about:blank")
        self.events.clear()
        self._call("Page.navigate", url=url)
        self.until("location.href !== 'about:blank' && document.readyState === 'complete'")

    def value(self, script: str) -> Any:
        """What an expression gives in the page."""
        found = self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, script: str, seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not self.value(script):
            assert time.monotonic() < end, f"{script} did not become true; {self.told()}"
            time.sleep(0.05)

    def told(self) -> list[str]:
        """Errors and warnings that the page wrote down."""
        found = []
        for event in self.events:
            params = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                found.append(
                    str(params["exceptionDetails"].get("exception", {}).get("description", params["exceptionDetails"]["text"]))
                )
            elif event["method"] == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                found.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
            elif event["method"] == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
                found.append(" ".join(str(each.get("value", "")) for each in params["args"]))
        return found

    def requests(self) -> list[str]:
        """Every address that the page asked for since it was opened, whether or not it was let go."""
        return [each["params"]["request"]["url"] for each in self.events if each["method"] == "Network.requestWillBeSent"]

    def press(self, script: str) -> None:
        """Click on what an expression gives."""
        self.value(f"({script}).click()")

    def type(self, text: str) -> None:
        """Keys, as somebody presses them."""
        for letter in text:
            self._call("Input.dispatchKeyEvent", type="keyDown", text=letter, key=letter)
            self._call("Input.dispatchKeyEvent", type="keyUp", key=letter)

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"]))

    def close(self) -> None:
        with contextlib.suppress(OSError, AssertionError):
            self._session = ""
            self._call("Browser.close")
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        os.close(self._write)
        os.close(self._read)

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            found = self._next()
            if found.get("id") == self._number:
                assert "error" not in found, f"{method}: {found['error']}"
                result: dict[str, Any] = found["result"]
                return result
            if "method" in found:
                self.events.append(found)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], 60)
            data = os.read(self._read, 1 << 20) if ready else b""
            assert data, "the browser says nothing any more"
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message


def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("needs server: chromium")
    return found


@contextmanager
def browser(folder: Path) -> Iterator[tuple[Browser, Network]]:
    """A browser whose whole network is the files of `folder`."""
    chromium()
    network = Network(folder)
    profile = Path(tempfile.mkdtemp(prefix="tisserand-browser-"))
    page = None
    try:
        page = Browser(network.port, profile)
        yield page, network
    finally:
        if page is not None:
            page.close()
        network.close()
        shutil.rmtree(profile, ignore_errors=True)
