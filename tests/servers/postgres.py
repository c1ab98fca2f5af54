"""A private PostgreSQL on a free loopback port, for the time of one test session."""

from __future__ import annotations

import glob
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Server:
    port: int
    password: str
    version: str
    host: str = "127.0.0.1"
    user: str = "tisserand"
    database: str = "postgres"

    @property
    def dsn(self) -> str:
        return f"host={self.host} port={self.port} user={self.user} password={self.password} dbname={self.database}"


def programs() -> Path | None:
    """The folder with initdb and pg_ctl, which distributions keep off the path."""
    found = sorted(
        glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda path: [int(p) for p in path.split("/") if p.isdigit()]
    )
    path = found[-1] if found else shutil.which("initdb")
    return Path(path).parent if path else None


@contextmanager
def running() -> Iterator[Server]:
    """Start a server in a temporary folder; PostgreSQL refuses to run as root, so root starts it as `postgres`."""
    folder = programs()
    if folder is None:
        pytest.skip("needs server: postgresql (make servers)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = Path(tempfile.mkdtemp(prefix="tisserand-pg-"))
    password = secrets.token_hex(12)
    secret = data / "password"
    secret.write_text(password)
    become: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(data, "postgres")
        shutil.chown(secret, "postgres")
        become = ["runuser", "-u", "postgres", "--"]

    def run(*command: str) -> str:
        done = subprocess.run([*become, *command], cwd=data, capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise RuntimeError(f"{command[0]}: {done.stdout}{done.stderr}")
        return done.stdout

    cluster = str(data / "cluster")
    try:
        run(str(folder / "initdb"), "-D", cluster, "-U", "tisserand", "-A", "scram-sha-256", "--pwfile", str(secret), "-E", "UTF8",
            "--no-sync")  # fmt: skip
        secret.unlink()
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        run(str(folder / "pg_ctl"), "-D", cluster, "-o", options, "-l", str(data / "log"), "-w", "start")
        try:
            version = run(str(folder / "postgres"), "--version").split()[2]
            yield Server(port, password, version)
        finally:
            run(str(folder / "pg_ctl"), "-D", cluster, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(data, ignore_errors=True)
