"""Where a published flow keeps what it needs: `.tisserand/published/<id>@<version>/`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tisserand.apis.model import ID, VERSION
from tisserand.engine.launch import refusal, state_folder
from tisserand.files import write_text
from tisserand.service.published.calls import Serving
from tisserand.texts import msg

_KEY = re.compile(f"{ID}@{VERSION}")

HOST = "127.0.0.1"
SERVE, ADDRESS, FAILURE, DOCUMENT = "serve.json", "address.json", "failure.json", "openapi.json"


def published_folder(root: Path) -> Path:
    return root / ".tisserand" / "published"


def folder_of(root: Path, key: str) -> Path:
    """The folder of one published flow; refuses what is no `id@version`."""
    if not _KEY.fullmatch(key):
        raise refusal("published.key", msg("“{key}” is not the name of a version of an API.", key=key), missing=True)
    return published_folder(root) / key


def made(root: Path, key: str) -> Path:
    """The folder, private to its owner."""
    state_folder(root)
    folder = folder_of(root, key)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def serving_of(folder: Path) -> Serving | None:
    found = read(folder / SERVE)
    return Serving.from_json(found) if found is not None else None


def write(path: Path, data: Mapping[str, Any]) -> None:
    """Replaced at once, readable by its owner only: it may hold digests of keys."""
    write_text(path, json.dumps(data), 0o600)


def read(path: Path) -> Any:
    """What stands in a file of JSON; None where there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
