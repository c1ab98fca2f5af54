"""What the process of a published flow is started for: all that it reads once, when it starts. Another takes its place where that changes."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tisserand.files import Stamp, stamp
from tisserand.model.lenient_yaml import Loader
from tisserand.model.lock import lock_file
from tisserand.service.published.calls import Serving
from tisserand.workspace.connection_text import FILE as CONNECTIONS
from tisserand.workspace.folder import MARKER

FRESH = 2.0
"""Seconds for which a file that was written is read again at each look: two changes may come within one tick of its clock."""

_Stamps = tuple[Stamp | None, ...]


@dataclass(frozen=True)
class Form:
    """Where this changes, another process takes the place of the one that serves."""

    text: str
    """Digest of the flow, its lock file, its environment, and the connections that it names."""
    env: str | None
    flow: str


class Forms:
    """Those of one workspace. Looks at the files' stamps, and reads them only where one is another."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[tuple[str, str | None], tuple[_Stamps, Form]] = {}
        self._environments: dict[str | None, str] = {}
        """What `env` of a published flow → the file of its environment, as it was when it was looked at."""

    def of(self, serving: Serving) -> Form:
        key = (serving.flow, serving.env)
        stamps = self._stamps(serving)
        known = self._known.get(key)
        if known is None or known[0] != stamps or _fresh(stamps):
            form = Form(self._digest(serving), serving.env, serving.flow)
            # Stamped before it was read: what is written meanwhile has another stamp.
            known = self._known[key] = stamps, form
        return known[1]

    def _stamps(self, serving: Serving) -> _Stamps:
        files = (serving.flow, lock_file(serving.flow), MARKER, CONNECTIONS, self._environments.get(serving.env, ""))
        return tuple(_stamp(self._root / file) if file else None for file in files)

    def _digest(self, serving: Serving) -> str:
        marker = _mapping(self._read(MARKER))
        file = f"environments/{serving.env or marker.get('environment') or 'default'}.yaml"
        self._environments[serving.env] = file
        flow, environment = self._read(serving.flow), self._read(file)
        parts = [
            flow, self._read(lock_file(serving.flow)), file.encode(), environment, _plain(marker.get("allow_folders")),
            *self._connections(flow, environment),
        ]  # fmt: skip
        digest = hashlib.sha256()
        for part in parts:
            digest.update(b"%d " % len(part) + part)
        return digest.hexdigest()

    def _connections(self, flow: bytes, environment: bytes) -> Iterator[bytes]:
        """The entries of `connections.yaml` whose names stand in the flow or, where it takes a name from there, in the environment."""
        text = self._read(CONNECTIONS)
        entries = _mapping(text)
        if text.strip() and not entries:
            yield text  # broken: the process says what is wrong
        names = set(re.findall(rb"[A-Za-z][A-Za-z0-9_-]*", flow + b"\n" + environment))
        for name, entry in sorted(entries.items()):
            if name.encode() in names:
                yield _plain([name, entry])

    def _read(self, file: str) -> bytes:
        try:
            return (self._root / file).read_bytes()
        except OSError:
            return b""


def _mapping(text: bytes) -> Mapping[str, Any]:
    """What a YAML file holds; nothing where it is broken."""
    try:
        data = yaml.load(text, Loader=Loader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return {str(name): value for name, value in data.items()} if isinstance(data, dict) else {}


def _plain(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, default=str).encode()


def _stamp(path: Path) -> Stamp | None:
    try:
        return stamp(path)
    except OSError:
        return None


def _fresh(stamps: _Stamps) -> bool:
    now = time.time_ns()
    return any(stamp is not None and abs(now - stamp[0]) < FRESH * 1e9 for stamp in stamps)
