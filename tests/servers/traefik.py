"""A private Traefik on free loopback ports, which watches a folder for definitions."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests


def program() -> str | None:
    beside = Path(sys.executable).parent / "traefik"
    return str(beside) if beside.exists() else shutil.which("traefik")


@dataclass
class Proxy:
    folder: Path
    port: int
    api_port: int
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def definitions(self) -> Path:
        return self.folder / "definitions"

    @property
    def access_log(self) -> Path:
        return self.folder / "access.log"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    def log(self) -> str:
        return (self.folder / "out").read_text(errors="replace")

    def begin_new_log(self) -> None:
        """After its access log was moved."""
        assert self._process is not None
        self._process.send_signal(signal.SIGUSR1)

    def start(self) -> None:
        found = program()
        assert found is not None
        with (self.folder / "out").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    found, "--global.checknewversion=false", "--global.sendanonymoususage=false", "--log.level=INFO",
                    f"--entrypoints.web.address=127.0.0.1:{self.port}", f"--entrypoints.traefik.address=127.0.0.1:{self.api_port}",
                    "--api.insecure=true", f"--providers.file.directory={self.definitions}", "--providers.file.watch=true",
                    "--providers.providersThrottleDuration=50ms",
                    f"--accesslog.filepath={self.access_log}", "--accesslog.format=json",
                ],
                stdout=log, stderr=log,
            )  # fmt: skip
        end = time.monotonic() + 20
        while time.monotonic() < end and self._process.poll() is None:
            try:
                if requests.get(f"{self.api}/api/version", timeout=2).ok:
                    return
            except requests.exceptions.ConnectionError:
                time.sleep(0.03)
        raise RuntimeError(self.log())

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)
            self._process = None


@contextmanager
def running(folder: Path) -> Iterator[Proxy]:
    if program() is None:
        pytest.skip("needs server: traefik (make setup)")
    probes = [socket.socket() for _ in range(2)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    port, api_port = (probe.getsockname()[1] for probe in probes)
    for probe in probes:
        probe.close()
    proxy = Proxy(folder, port, api_port)
    proxy.definitions.mkdir()
    try:
        proxy.start()
        yield proxy
    finally:
        proxy.stop()
