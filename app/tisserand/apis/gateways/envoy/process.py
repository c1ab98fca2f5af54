"""Envoy as a child: started, watched, started again, ended; never left behind."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from typing import Any

import psutil

from tisserand import files
from tisserand.apis.gateways.envoy import admin
from tisserand.apis.gateways.envoy.accesslog import mend
from tisserand.apis.gateways.envoy.adapter import ADDRESS, LOG, TROUBLE, EnvoyGateway
from tisserand.apis.gateways.envoy.certificates import certificate
from tisserand.apis.gateways.envoy.checking import binary
from tisserand.apis.gateways.envoy.discovery import discovery, extension, read, write
from tisserand.apis.gateways.envoy.filters import contents
from tisserand.apis.gateways.envoy.listener import bootstrap
from tisserand.apis.gateways.envoy.places import CDS, RDS, SDS, ecds
from tisserand.apis.gateways.envoy.routes import configuration
from tisserand.apis.neutral import Declared, digest
from tisserand.sdk.errors import NodeError

PID = "envoy.json"
"""Which process it is, so that one that a killed executor left behind is ended by the next."""

READY = 20.0
"""Seconds within which a start must answer."""

FLUSH = 200
"""Milliseconds after which lines of the access log are in its file at the latest: what a kill of Envoy can lose."""

LARGEST_LOG = 8_000_000
"""Bytes of Envoy's own log, after which it is begun anew; the one before is kept."""

SECRETS_EVERY = 10.0
"""Seconds between two looks at a private key that is a secret of the workspace."""

_LAUNCH = """
import os, sys
parent, program = int(sys.argv[1]), sys.argv[2]
if sys.platform == "linux":
    import ctypes, signal
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() != parent:
    sys.exit("the executor has ended")
import resource
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
os.umask(0o077)
os.execv(program, sys.argv[2:])
"""
"""Becomes Envoy: ended when the thread that started it ends, however that happens (Linux: PR_SET_PDEATHSIG), and with as many open
files as the system allows. What it writes is its owner's only, and no image of its memory, where keys stand, is left by a crash. A
program of its own, because a process with threads must run nothing between fork and exec."""


class EnvoyProcess:
    """The process of one gateway. All calls come from one thread that lives as long as the process: Envoy ends with its parent thread."""

    def __init__(self, gateway: EnvoyGateway) -> None:
        self.gateway = gateway
        self._folder = gateway.folder.path
        self._process: subprocess.Popen[bytes] | None = None
        self._booted = ""
        self._stamp: tuple[object, ...] = ()
        """Of the certificate's files, as they were read last."""

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it and wait until it answers. Raises `NodeError` with what it says."""
        self.sweep()
        self._files()
        port = self._port()
        mend(self._folder)
        self._rotate()
        text = json.dumps(self._bootstrap(port))
        write(self._folder / "bootstrap.json", text)
        self.gateway.folder.socket.unlink(missing_ok=True)
        command = [
            binary(), "-c", str(self._folder / "bootstrap.json"), "--disable-hot-restart", "--log-level", "warning",
            "--component-log-level", "misc:error", "--concurrency", str(self.gateway.settings.workers),
            "--file-flush-interval-msec", str(FLUSH), "--drain-time-s", "2",
        ]  # fmt: skip
        if os.name != "nt":
            command = [sys.executable, "-I", "-S", "-c", _LAUNCH, str(os.getpid()), *command]
        with open(self._folder / LOG, "ab", opener=lambda name, flags: os.open(name, flags, 0o600)) as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder, start_new_session=True
            )
        self._booted = text
        known = {"pid": self._process.pid, "created": psutil.Process(self._process.pid).create_time()}
        files.write_text(self._folder / PID, json.dumps(known), 0o600)
        end = time.monotonic() + READY
        while time.monotonic() < end:
            if self._process.poll() is not None:
                reason = self.why()
                self._process = None
                raise NodeError(
                    "The embedded gateway “{name}” ended at its start: {reason}", name=self.gateway.name, reason=reason
                )
            if self.answers():
                (self._folder / TROUBLE).unlink(missing_ok=True)
                return
            time.sleep(0.02)
        self.stop()
        raise NodeError("The embedded gateway “{name}” did not answer within {seconds} s.", name=self.gateway.name, seconds=READY)

    def answers(self) -> bool:
        """Whether it is up and says so."""
        return admin.alive(self.gateway.folder.socket) == "LIVE"

    def outdated(self) -> bool:
        """Whether its settings changed in a way that only a new start takes up."""
        return self.running() and json.dumps(self._bootstrap(self.gateway.port())) != self._booted

    def look(self) -> None:
        """Take up what changes beside the pushes, while it runs: another certificate. Raises `NodeError` where that cannot be read."""
        self._certificate()
        self._rotate()

    def trouble(self, error: NodeError) -> None:
        """Keep why it does not run, for whoever asks how it does."""
        told = {"message": error.message.to_json(), "fix": error.fix.to_json() if error.fix is not None else None}
        files.write_text(self._folder / TROUBLE, json.dumps(told), 0o600)

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
        for name in (PID, TROUBLE):
            (self._folder / name).unlink(missing_ok=True)

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
        self._certificate()

    def _certificate(self) -> None:
        """The certificate as it stands in its files now; Envoy takes up a new one for new connections."""
        tls = self.gateway.settings.tls
        if tls is None:
            return
        stamp = (tls, time.monotonic() // SECRETS_EVERY if tls.key_secret else 0, *self._stamps(tls.certificate, tls.key))
        if stamp == self._stamp:
            return
        secret = certificate(tls, self.gateway.place)
        revision = digest(secret)
        if read(self._folder / SDS)[1] != revision:
            write(self._folder / SDS, discovery([secret], revision))
        self._stamp = stamp

    def _stamps(self, *names: str) -> list[object]:
        found: list[object] = []
        for name in names:
            try:
                found.append(files.stamp(self.gateway.place.root / name))
            except (OSError, ValueError):  # ValueError: no name that a file can have
                found.append(None)
        return found

    def _bootstrap(self, port: int) -> dict[str, Any]:
        return bootstrap(self.gateway.settings, self._folder, port, contents(Declared()))

    def _port(self) -> int:
        """The port that is listened on. A free one that was chosen before is kept, unless somebody else took it meanwhile."""
        host, port = self.gateway.settings.host, self.gateway.port()
        reason = _taken(host, port) if port else ""
        if port and not reason:
            return port
        if self.gateway.settings.port:
            raise NodeError(
                "The embedded gateway “{name}” cannot listen on port {port} of {host}: {reason}.",
                name=self.gateway.name, port=port, host=host, reason=reason, fix="Choose another port in gateways.yaml.",
            )  # fmt: skip
        try:
            port = _free(host)
        except OSError as error:
            raise NodeError(
                "The embedded gateway “{name}” cannot listen on {host}: {reason}.",
                name=self.gateway.name, host=host, reason=error.strerror or str(error), fix="Choose an address of this machine.",
            ) from None  # fmt: skip
        files.write_text(self._folder / ADDRESS, json.dumps({"port": port}), 0o600)
        return port

    def _rotate(self) -> None:
        log = self._folder / LOG
        if log.exists() and log.stat().st_size > LARGEST_LOG:
            shutil.copy(log, log.with_name(f"{LOG}.1"))
            os.truncate(log, 0)

    def why(self) -> str:
        """The last line of its log that says something is wrong."""
        lines = (self._folder / LOG).read_text(encoding="utf-8", errors="replace").splitlines()[-50:]
        wrong = [line for line in lines if "[critical]" in line or "[error]" in line] or lines or [""]
        return wrong[-1].rpartition("] ")[2][:300]


def _taken(host: str, port: int) -> str:
    """Why a port cannot be listened on, or nothing. Envoy would share a port with another Envoy and say nothing."""
    with _socket(host) as trying:
        if os.name != "nt":
            trying.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trying.bind((host, port))
            trying.listen(1)
        except OSError as error:
            return error.strerror or str(error)
    return ""


def _socket(host: str) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)


def _free(host: str) -> int:
    with _socket(host) as trying:
        trying.bind((host, 0))
        port: int = trying.getsockname()[1]
        return port
