"""A private mosquitto on a free loopback port, with a password or a certificate where a test wants one."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest


def program(name: str) -> str | None:
    """Distributions keep the server off the path of ordinary users."""
    return shutil.which(name) or next(
        (p for p in (f"/usr/sbin/{name}", f"/usr/local/sbin/{name}") if os.access(p, os.X_OK)), None
    )


@dataclass
class Broker:
    """A broker that can be stopped, killed and started again on the same port with what it kept."""

    folder: Path
    host: str = "127.0.0.1"
    port: int = 0
    ca_file: str | None = None
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        found = program("mosquitto")
        assert found is not None
        log = (self.folder / "log").open("ab")
        self._process = subprocess.Popen([found, "-c", str(self.folder / "mosquitto.conf")], stdout=log, stderr=log)
        log.close()
        end = time.monotonic() + 20
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection((self.host, self.port), 1):
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError((self.folder / "log").read_text(errors="replace"))

    def stop(self, how: int = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(20)
            self._process = None

    def kill(self) -> None:
        """As a power cut would: it keeps what it had saved."""
        self.stop(signal.SIGKILL)


@contextmanager
def running(*, login: tuple[str, str] | None = None, certificate: tuple[Path, Path] | None = None,
            acl: str | None = None, more: str = "", start: bool = True) -> Iterator[Broker]:  # fmt: skip
    """Start a broker in a temporary folder. `certificate`: its certificate, signed by itself, and its key."""
    if program("mosquitto") is None:
        pytest.skip("needs server: mosquitto (make servers)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="tisserand-mqtt-"))
    lines = [
        f"listener {port} 127.0.0.1", "persistence true", f"persistence_location {folder}/", "autosave_interval 1",
        "max_queued_messages 0", "max_inflight_messages 0", f"pid_file {folder}/pid", "set_tcp_nodelay true",
    ]  # fmt: skip
    if os.geteuid() == 0:
        lines.append("user root")  # or it gives up its rights and cannot write into our folder
    if login is None:
        lines.append("allow_anonymous true")
    else:
        passwords = folder / "passwords"
        maker = program("mosquitto_passwd")
        assert maker is not None
        subprocess.run([maker, "-b", "-c", str(passwords), *login], check=True, capture_output=True, timeout=20)
        lines += ["allow_anonymous false", f"password_file {passwords}"]
    if certificate is not None:
        lines += [f"certfile {certificate[0]}", f"keyfile {certificate[1]}"]
    if acl is not None:
        (folder / "acl").write_text(acl)
        lines.append(f"acl_file {folder}/acl")
    (folder / "mosquitto.conf").write_text("\n".join([*lines, more, ""]))
    broker = Broker(folder, port=port, ca_file=str(certificate[0]) if certificate else None)
    try:
        if start:
            broker.start()
        yield broker
    finally:
        broker.stop()
        shutil.rmtree(folder, ignore_errors=True)
