"""The executor's listener for calls from outside: on the loopback interface, apart from the control API and its token."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tisserand.files import write_text
from tisserand.sdk.config import Config
from tisserand.sdk.errors import NodeError
from tisserand.service import crash
from tisserand.service.inbox.calls import Hook
from tisserand.service.inbox.door import Door, Doors
from tisserand.service.listening import Bounds, Server
from tisserand.workspace.folder import Workspace
from tisserand.workspace.settings import settings

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor

BOUNDS = Bounds(head=10, body=30, connections=100)


class HookSettings(Config):
    """`executor: hooks:` of `tisserand.yaml`."""

    host: str = "127.0.0.1"
    """The address that is listened on. Another than the loopback interface lets other machines call."""
    port: int = 0
    """The port; 0 for a free one, which stays the same as long as nobody else takes it."""


class Hooks:
    """A part of the executor process. Nothing is listened on before the first flow with a webhook is switched on."""

    def __init__(self, executor: LocalExecutor) -> None:
        self._executor = executor
        self._lock = threading.Lock()
        self._server: Server | None = None
        self._thread: threading.Thread | None = None
        self._address: tuple[str, int] | None = None
        self.doors = Doors(executor)
        executor.inbox.addresses = self.addresses

    def start(self) -> None:
        """The first door starts it."""

    def stop(self) -> None:
        with self._lock:
            if self._server is not None:
                self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(10)

    @contextmanager
    def open(self, door: Door) -> Iterator[None]:
        """Answer calls for a door; raises `NodeError` where another has its address, or nothing can be listened on."""
        self._listen()
        with self.doors.open(door):
            yield

    def addresses(self) -> list[Hook]:
        if self._address is None:
            return []
        host, port = self._address
        base = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        return [Hook(base + path, door.file, door.node) for path, door in self.doors.all()]

    def _listen(self) -> None:
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return
            listening = self._bind()
            ready = threading.Event()
            self._server = Server(self.doors, ready.set, BOUNDS)
            self._thread = threading.Thread(target=self._serve, args=(self._server, listening), name="hooks", daemon=True)
            self._thread.start()
            ready.wait(10)

    def _serve(self, server: Server, listening: socket.socket) -> None:
        with listening:
            try:
                server.run(sockets=[listening])
            except Exception as error:  # noqa: BLE001 - the thread's end of the line: it is reported; the next door starts it again
                crash.report(error, self._executor.root)

    def _bind(self) -> socket.socket:
        wanted = settings(Workspace(self._executor.root), "hooks", HookSettings)
        known = self._executor.root / ".tisserand" / "hooks.json"
        for port in [wanted.port] if wanted.port else [_last(known), 0]:
            try:
                listening = _listening(wanted.host, port)
            except OSError as error:
                failed = error
                continue
            self._address = (wanted.host, listening.getsockname()[1])
            write_text(known, json.dumps({"host": wanted.host, "port": self._address[1]}))
            return listening
        raise NodeError(
            "The address {host}, port {port} cannot be listened on: {reason}.",
            host=wanted.host,
            port=wanted.port,
            reason=failed.strerror or str(failed),
            fix="Choose another with “executor: hooks:” in tisserand.yaml.",
        )


def _last(known: Path) -> int:
    """The port of the last time, so that callers find it again."""
    try:
        return int(json.loads(known.read_text(encoding="utf-8"))["port"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _listening(host: str, port: int) -> socket.socket:
    family, kind, protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listening = socket.socket(family, kind, protocol)
    try:
        if os.name != "nt":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError:
        listening.close()
        raise
    return listening
