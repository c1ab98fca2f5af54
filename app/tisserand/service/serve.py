"""Starting and finding the executor process of a workspace."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tisserand.engine.launch import GRACE, process_alive, process_started, refusal, state_folder
from tisserand.files import write_text
from tisserand.service.protocol import Executor, Refused
from tisserand.texts import msg

HOST = "127.0.0.1"


def serve(
    root: Path, port: int = 0, ready: Callable[[str], None] | None = None, grace: float = GRACE, log: str | None = None
) -> None:
    """Serve the workspace until SIGTERM or Ctrl+C; `ready(url)` is called once calls are answered. One per workspace. `log` is `text` or
    `json`; what the settings say where None."""
    from tisserand.service.guard import token
    from tisserand.service.local import LocalExecutor
    from tisserand.service.parts import parts
    from tisserand.service.server import Server, build

    root = root.resolve()
    state = state_folder(root)
    with closing(_lock(state / "executor.lock")), _listen(port) as listening:
        executor = LocalExecutor(root, grace)
        working = parts(executor, log)
        for part in working:
            part.start()
        server = Server(build(executor, token(root)), lambda: _announce(root, listening, ready))
        _end_politely()
        try:
            server.run(sockets=[listening])
        except KeyboardInterrupt:
            return  # uvicorn has closed everything already and raises the signal once more
        finally:
            (state / "executor.json").unlink(missing_ok=True)
            for part in reversed(working):
                part.stop()
            executor.close()


def ensure(root: Path, seconds: float = 60, port: int = 0) -> str:
    """The address of the workspace's executor process; where none runs, one is started (at `port`) that outlives this process."""
    found = running(root)
    if found is not None:
        return found
    command = [sys.executable, "-m", "tisserand.cli.main", "serve", "--workspace", str(root), "--port", str(port)]
    with (state_folder(root) / "serve.log").open("ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=root)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = running(root)
        if found is not None:
            return found
        if process.poll() is not None and running(root) is None:
            break
        time.sleep(0.05)
    raise refusal(
        "serve.failed",
        msg("The executor of this workspace did not start."),
        msg("“{file}” says why.", file=str(root / ".tisserand" / "serve.log")),
    )


def _end_politely() -> None:
    """SIGTERM ends the process like Ctrl+C: uvicorn raises it again after closing, which would skip our own closing."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def connect(root: Path) -> Executor:
    """The live executor of a workspace, or one in this process where none runs."""
    from tisserand.service.local import LocalExecutor

    found = running(root)
    if found is not None:
        from tisserand.service.client import HttpExecutor
        from tisserand.service.guard import token

        remote = HttpExecutor(found, token(root))
        try:
            if Path(remote.health()["workspace"]) == root.resolve():
                return remote
        except Refused:
            # It died a moment ago, or another program took its port: the work is done here instead.
            remote.close()
    return LocalExecutor(root)


def running(root: Path) -> str | None:
    """The address of the workspace's executor process, if one is alive."""
    try:
        known = json.loads((root / ".tisserand" / "executor.json").read_text(encoding="utf-8"))
        alive = process_alive(int(known["pid"]), float(known["started"]))
        return f"http://{HOST}:{int(known['port'])}" if alive else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _announce(root: Path, listening: socket.socket, ready: Callable[[str], None] | None) -> None:
    port = listening.getsockname()[1]
    known = {"port": port, "pid": os.getpid(), "started": process_started(os.getpid())}
    write_text(root / ".tisserand" / "executor.json", json.dumps(known), 0o600)
    if ready is not None:
        ready(f"http://{HOST}:{port}")


def _listen(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if os.name != "nt":
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError as error:
        listening.close()
        raise refusal(
            "serve.port",
            msg("The port {port} cannot be used: {reason}.", port=port, reason=error.strerror or str(error)),
            msg("Choose another with --port, or none at all."),
        ) from None
    return listening


def _lock(path: Path) -> sqlite3.Connection:
    """Held while the executor lives; the system lets go of it however the process ends, on every platform."""
    db = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        db.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError:
        db.close()
        raise refusal("serve.twice", msg("An executor already serves this workspace.")) from None
    return db
