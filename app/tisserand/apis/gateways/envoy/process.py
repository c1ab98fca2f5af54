"""Envoy as a child: started, watched, started again, ended; never left behind."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil

from tisserand import files
from tisserand.apis.gateways.envoy import admin
from tisserand.apis.gateways.envoy.adapter import ADDRESS, EnvoyGateway, binary
from tisserand.apis.gateways.envoy.files import discovery, extension, read, write
from tisserand.apis.gateways.envoy.filters import contents
from tisserand.apis.gateways.envoy.listener import bootstrap, certificate
from tisserand.apis.gateways.envoy.places import CDS, RDS, SDS, ecds
from tisserand.apis.gateways.envoy.routes import configuration
from tisserand.apis.neutral import Declared
from tisserand.sdk.errors import NodeError

PID = "envoy.json"
"""Which process it is, so that one that a killed executor left behind is ended by the next."""

READY = 20.0
"""Seconds within which a start must answer."""

FLUSH = 200
"""Milliseconds after which lines of the access log are on the disk at the latest: what a kill can lose."""


class EnvoyProcess:
    """The process of one gateway. All calls come from one thread that lives as long as the process: Envoy ends with its parent thread."""

    def __init__(self, gateway: EnvoyGateway) -> None:
        self.gateway = gateway
        self._folder = gateway.folder.path
        self._process: subprocess.Popen[bytes] | None = None
        self._booted = ""

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it and wait until it answers. Raises `NodeError` with what it says."""
        self.sweep()
        self._files()
        text = json.dumps(self._bootstrap())
        write(self._folder / "bootstrap.json", text)
        self.gateway.folder.socket.unlink(missing_ok=True)
        with (self._folder / "envoy.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    binary(), "-c", str(self._folder / "bootstrap.json"), "--disable-hot-restart", "--log-level", "warning",
                    "--concurrency", str(self.gateway.settings.workers), "--file-flush-interval-msec", str(FLUSH),
                    "--drain-time-s", "2",
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder, preexec_fn=_with_parent(), start_new_session=True,
            )  # fmt: skip
        self._booted = text
        known = {"pid": self._process.pid, "created": psutil.Process(self._process.pid).create_time()}
        files.write_text(self._folder / PID, json.dumps(known), 0o600)
        end = time.monotonic() + READY
        while time.monotonic() < end:
            if self._process.poll() is not None:
                raise NodeError(
                    "The embedded gateway “{name}” ended at its start: {reason}", name=self.gateway.name, reason=self._why()
                )
            if admin.alive(self.gateway.folder.socket) == "LIVE":
                return
            time.sleep(0.02)
        self.stop()
        raise NodeError("The embedded gateway “{name}” did not answer within {seconds} s.", name=self.gateway.name, seconds=READY)

    def outdated(self) -> bool:
        """Whether its settings changed in a way that only a new start takes up."""
        return self.running() and json.dumps(self._bootstrap()) != self._booted

    def stop(self, seconds: float = 5.0) -> None:
        """Let requests end, then end it."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None
        (self._folder / PID).unlink(missing_ok=True)

    def sweep(self) -> None:
        """End one that an executor before left behind."""
        try:
            known = json.loads((self._folder / PID).read_text(encoding="utf-8"))
            process = psutil.Process(int(known["pid"]))
            if abs(process.create_time() - float(known["created"])) < 1:
                process.kill()
                process.wait(10)
        except (FileNotFoundError, ValueError, KeyError, TypeError, psutil.NoSuchProcess):
            return

    def _files(self) -> None:
        """Before the first push there is nothing to serve: everything is answered with 404."""
        nothing = Declared()
        for file, resources in (
            (CDS, []),
            (RDS, [configuration(nothing)]),
            *((ecds(name), [extension(name, content)]) for name, content in contents(nothing).items()),
        ):
            if not read(self._folder / file)[0]:
                write(self._folder / file, discovery(resources, "0"))
        if self.gateway.settings.tls is not None:
            write(self._folder / SDS, discovery([certificate(self.gateway.settings, self.gateway.place.root)], "1"))

    def _bootstrap(self) -> dict[str, Any]:
        port = self.gateway.port()
        if not port:
            port = _free(self.gateway.settings.host)
            files.write_text(self._folder / ADDRESS, json.dumps({"port": port}))
        return bootstrap(self.gateway.settings, self._folder, port, contents(Declared()))

    def _why(self) -> str:
        """The last line of its log that says something is wrong."""
        lines = (self._folder / "envoy.log").read_text(encoding="utf-8", errors="replace").splitlines()[-50:]
        wrong = [line for line in lines if "[critical]" in line or "[error]" in line] or lines or [""]
        return wrong[-1].rpartition("] ")[2][:300]


def _free(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as trying:
        trying.bind((host, 0))
        port: int = trying.getsockname()[1]
        return port


def _with_parent() -> Callable[[], None] | None:
    """Let the child end when its parent thread does, however that ends (Linux: PR_SET_PDEATHSIG)."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def ask() -> None:
        libc.prctl(1, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return ask
