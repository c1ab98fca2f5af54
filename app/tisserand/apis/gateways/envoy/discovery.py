"""Files of the xDS protocol: what Envoy reads while it runs, each with the revision that it tells when it has taken it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from tisserand import files

Json = dict[str, Any]

_TYPED = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"
_REVISION = re.compile(rb'\{"version_info":"([^"\\]*)"')
_TYPED = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"


def discovery(resources: Sequence[Json], revision: str) -> str:
    """A file of the xDS protocol (DiscoveryResponse)."""
    return orjson.dumps({"version_info": revision, "resources": list(resources)}).decode()


def extension(name: str, content: Json) -> Json:
    return {"@type": _TYPED, "name": name, "typed_config": content}


def write(path: Path, text: str) -> None:
    """In place at once, readable by the owner only: keys stand in it. Envoy sees files that are moved into its folder."""
    files.write_text(path, text, 0o600)


def read(path: Path) -> tuple[list[Json], str]:
    """Resources and revision of such a file; empty where it is not there."""
    try:
        data = orjson.loads(path.read_bytes())
        return list(data["resources"]), str(data["version_info"])
    except FileNotFoundError:
        return [], ""
    except (ValueError, KeyError, TypeError):
        return [], "unreadable"


def revision_of(path: Path) -> str:
    """The revision alone: we write it at the beginning."""
    try:
        with path.open("rb") as stream:
            known = _REVISION.match(stream.read(200))
    except FileNotFoundError:
        return ""
    return known[1].decode() if known is not None else read(path)[1]
