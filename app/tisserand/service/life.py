"""The life of an executor process, from outside: how it stands, ending it, and starting it anew at the same port."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tisserand.engine.launch import process_alive, refusal
from tisserand.service import units
from tisserand.service.serve import ensure, running
from tisserand.texts import msg

PATIENCE = 30.0
"""Seconds that an executor has to end politely; then it is killed, which loses nothing either."""


@dataclass(frozen=True, slots=True)
class Life:
    """An executor process that is alive."""

    url: str
    port: int
    pid: int
    started: float
    """Seconds since 1970, UTC."""
    unit: str | None = None
    """The systemd unit that it belongs to."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def life(root: Path) -> Life | None:
    """The workspace's executor process, if it is alive."""
    url = running(root)
    if url is None:
        return None
    try:
        known = json.loads((root / ".tisserand" / "executor.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None  # it ended a moment ago
    unit = units.name(root)
    owned = units.main_pid(unit) == known["pid"] if units.path(root).exists() else False
    return Life(url, known["port"], known["pid"], known["started"], unit if owned else None)


def stop(root: Path, seconds: float = PATIENCE) -> bool:
    """End the executor process and wait until it is gone; whether there was one. Runs under way go on by themselves, and what is
    queued begins with the next executor process."""
    found = life(root)
    if found is None:
        return False
    if found.unit is not None:
        units.systemctl("stop", found.unit)
    else:
        _signal(found.pid, signal.SIGTERM)
    end = time.monotonic() + seconds
    while process_alive(found.pid, found.started):
        if time.monotonic() > end:
            _signal(found.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
            end += seconds
        time.sleep(0.05)
    (root / ".tisserand" / "executor.json").unlink(missing_ok=True)
    return True


def restart(root: Path) -> str:
    """End the executor process, where there is one, and start it anew at the same port; gives its address."""
    found = life(root)
    if found is not None and found.unit is not None:
        units.systemctl("restart", found.unit)
        end = time.monotonic() + PATIENCE
        while (new := life(root)) is None or new.pid == found.pid:
            if time.monotonic() > end:
                raise refusal("serve.failed", msg("The executor of this workspace did not start."))
            time.sleep(0.05)
        return new.url
    stop(root)
    return ensure(root, port=found.port if found is not None else 0)


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
