"""Asking a running Envoy: its admin interface on a Unix socket that only its owner may open."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any

from tisserand.sdk.errors import NodeError


class _Local(http.client.HTTPConnection):
    def __init__(self, path: str, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def ask(path: Path, method: str, target: str, seconds: float = 10.0) -> bytes:
    """The body of an answer of 200; raises `NodeError` where Envoy does not run or refuses."""
    connection = _Local(str(path), seconds)
    try:
        connection.request(method, target)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise NodeError("The embedded gateway does not answer: {reason}.", reason=str(error), retry=True) from None
    finally:
        connection.close()
    if answer.status != 200:
        raise NodeError(
            "The embedded gateway answered {status}: {text}", status=answer.status, text=body.decode(errors="replace")[:300]
        )
    return body


def stats(path: Path, pattern: str) -> dict[str, Any]:
    """Name → value, texts included, of the figures whose names match a regular expression."""
    from urllib.parse import quote

    listed = json.loads(ask(path, "GET", f"/stats?format=json&filter={quote(pattern)}"))["stats"]
    return {each["name"]: each["value"] for each in listed if "name" in each}


def info(path: Path) -> dict[str, Any]:
    """What it says of itself, nothing where it does not run."""
    try:
        found: dict[str, Any] = json.loads(ask(path, "GET", "/server_info", 2.0))
    except (NodeError, ValueError):
        return {}
    return found


def alive(path: Path) -> str:
    """`LIVE`, `INITIALIZING` …, or nothing where it does not run."""
    return str(info(path).get("state", ""))
