"""The key of a workspace: what is hashed or sealed with it can neither be guessed nor made by who does not have the file."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from tisserand.files import sync_folder

FILE = "workspace.key"
BYTES = 32


def workspace_key(state: Path) -> bytes:
    """The key in `<workspace>/.tisserand`, made on first use, readable by its owner only."""
    path = state / FILE
    try:
        return path.read_bytes()
    except FileNotFoundError:
        part = path.with_suffix(f".{secrets.token_hex(4)}.part")
    key = secrets.token_bytes(BYTES)
    with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as stream:
        stream.write(key)
        stream.flush()
        os.fsync(stream.fileno())
    try:
        os.link(part, path)  # of two that make one at once, one is taken
    except FileExistsError:
        key = path.read_bytes()
    finally:
        part.unlink()
    sync_folder(state)
    return key
