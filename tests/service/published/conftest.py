"""Flows to publish, and their real processes: asked over real sockets, killed for real."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from tisserand.service.published.calls import Serving
from tisserand.service.published.folder import made, write

KEY, OTHER = "a-key-that-nobody-guesses", "another-key"
GATEWAY = "what-the-gateway-shows"
EXAMPLES = Path(__file__).resolve().parents[3] / "flows" / "examples"

LOOKUP = """\
tisserand: 1
id: lookup
nodes:
  asked:
    kind: trigger.request
    config:
      path: /stock/{article}
      parameters: [{name: article, place: path}, {name: least, type: int64, default: 0}]
  stock:
    kind: file.read_csv
    config: {path: data/stock.csv, columns: {pieces: integer}}
  found:
    kind: table.join
    inputs: {left: asked, right: stock}
    config: {on: [article]}
  enough:
    kind: table.filter
    inputs: {table: found.matched}
    config: {where: pieces >= least}
  told:
    kind: table.select
    inputs: {table: enough.kept}
    config: {columns: [article, pieces]}
  reply:
    kind: flow.reply
    inputs: {table: told}
"""

HEAVY = """\
tisserand: 1
id: heavy
nodes:
  asked:
    kind: trigger.request
    config: {path: /pairs, parameters: [{name: one, type: int64, default: 1}]}
  numbers:
    kind: file.read_csv
    config: {path: data/numbers.csv}
  left:
    kind: table.join
    inputs: {left: asked, right: numbers}
    config: {on: [one]}
  pairs:
    kind: table.join
    inputs: {left: left.matched, right: numbers}
    config: {on: [one]}
  sum:
    kind: table.aggregate
    inputs: {table: pairs.matched}
    config: {values: {pairs: "sum(mod(number * number_right, 7))"}}
  reply:
    kind: flow.reply
    inputs: {table: sum}
"""

WRITES = """\
tisserand: 1
id: writes
nodes:
  asked:
    kind: trigger.request
    config:
      method: POST
      path: /orders
      body: [{column: id, type: int64, required: true}, {column: amount, type: "decimal(12, 2)"}]
  doubled:
    kind: table.formula
    inputs: {table: asked}
    config: {columns: {amount: amount * 2}}
  kept:
    kind: file.write_csv
    inputs: {table: doubled}
    config: {path: data/kept.csv, mode: append}
  told:
    kind: table.select
    inputs: {table: doubled}
    config: {columns: [id, amount]}
  reply:
    kind: flow.reply
    inputs: {table: told}
    config: {status: 201}
"""

TYPES = """\
tisserand: 1
id: types
nodes:
  asked:
    kind: trigger.request
    config:
      method: POST
      path: /echo
      array: true
      body:
        - {column: n, type: int64}
        - {column: x, type: float64}
        - {column: d, type: "decimal(10, 2)"}
        - {column: t, type: timestamp(6)}
        - {column: day, type: date}
        - {column: ok, type: boolean}
        - {column: s, path: deep.s}
        - {column: j, type: json}
        - {column: b, type: binary}
        - {column: tags, type: array<string>}
  told:
    kind: table.select
    inputs: {table: asked}
    config: {drop: [received_at], others: keep}
  reply:
    kind: flow.reply
    inputs: {table: told}
    config: {form: list, headers: {X-From: types}}
"""


def digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def workspace(folder: Path) -> Path:
    (folder / "tisserand.yaml").write_text("id: published-test\nexecutor: {warm: false}\n")
    for name in ("flows", "data"):
        (folder / name).mkdir(parents=True)
    for name, text in {"lookup": LOOKUP, "heavy": HEAVY, "writes": WRITES, "types": TYPES}.items():
        (folder / "flows" / f"{name}.yaml").write_text(text)
    shutil.copy(EXAMPLES / "flows" / "trigger-request.yaml", folder / "flows" / "price.yaml")
    (folder / "data" / "stock.csv").write_text("article;pieces\nnut;12\nbolt;40\n")
    (folder / "data" / "numbers.csv").write_text("one;number\n" + "".join(f"1;{n}\n" for n in range(6_000)))
    return folder


class Published:
    """One process."""

    def __init__(self, root: Path, flow: str, **serving: Any) -> None:
        self.root, self.key = root, f"{flow}@1"
        self.folder = made(root, self.key)
        known = {digest(KEY): ("ada", None), digest(OTHER): ("bo", None)}
        asked: dict[str, Any] = {"mode": "sync", "timeout": 10.0, "keys": known, "own": digest(GATEWAY), **serving}
        self.serving = Serving(flow, "1", f"flows/{flow}.yaml", **asked)
        self.serve()
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self.start()

    def serve(self, **changed: Any) -> None:
        """Write `serve.json`."""
        self.serving = replace(self.serving, **changed)
        write(self.folder / "serve.json", self.serving.to_json())

    def start(self) -> None:
        command = [sys.executable, "-P", "-m", "tisserand.service.published.process", str(self.root), self.key]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE)
        until(lambda: self.process.poll() is not None or self._address().get("pid") == self.process.pid, 60)
        assert self.process.poll() is None, self.process.stderr.read().decode()
        self.port = self._address()["port"]
        self.url = f"http://127.0.0.1:{self.port}"

    def _address(self) -> dict[str, Any]:
        try:
            return dict(json.loads((self.folder / "address.json").read_text()))
        except FileNotFoundError:
            return {}

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(30)
        self.process.stderr.close()
        return code

    def ask(self, method: str, path: str, key: str | None = KEY, **more: Any) -> requests.Response:
        headers = {**({"x-api-key": key} if key is not None else {}), **more.pop("headers", {})}
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, self.url + path, headers=headers, timeout=30, **more)

    def raw(self, data: bytes, seconds: float = 10, more: tuple[bytes, ...] = ()) -> bytes:
        """What is answered until the connection ends."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            connection.sendall(data)
            for part in more:
                time.sleep(0.05)
                connection.sendall(part)
            parts = []
            with contextlib.suppress(ConnectionResetError):
                while part := connection.recv(65536):
                    parts.append(part)
            return b"".join(parts)


def until(done: Callable[[], Any], seconds: float = 20) -> Any:
    end = time.monotonic() + seconds
    while not (found := done()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)
    return found


@pytest.fixture(autouse=True)
def private_home(private_module: None) -> None:
    """The same home for all tests of a module: their processes outlive one test."""


@pytest.fixture(scope="module", autouse=True)
def private_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TISSERAND_SECRETS", "file")
        patch.setenv("TISSERAND_LANG", "en")
        for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
            patch.setenv(name, str(home / name))
        yield


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return workspace(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="module")
def publish(root: Path) -> Iterator[Callable[..., Published]]:
    """Serve a flow until the module's tests are over."""
    living: list[Published] = []

    def start(flow: str, **serving: Any) -> Published:
        living.append(Published(root, flow, **serving))
        return living[-1]

    yield start
    for each in living:
        each.stop()


def alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False
