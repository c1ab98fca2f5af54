"""The names of the files of one embedded gateway."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from tisserand.sdk.errors import NodeError

RDS, CDS, SDS = "routes.json", "clusters.json", "certificate.json"
ADMIN = "admin.sock"


def ecds(name: str) -> str:
    """The file with the content of a changing filter."""
    return f"filter-{name.rpartition('.')[2]}.json"


def short(path: Path) -> Path:
    """A path for a Unix socket (at most 107 bytes): itself, or one in the folder for temporary files that is named after it."""
    if len(os.fsencode(path)) < 100 or os.name == "nt":
        return path
    place = Path(tempfile.gettempdir()) / f"tisserand-{os.getuid()}"
    place.mkdir(mode=0o700, exist_ok=True)
    known = place.lstat()
    if not stat.S_ISDIR(known.st_mode) or known.st_uid != os.getuid() or known.st_mode & 0o077:
        raise NodeError("“{folder}” belongs to somebody else.", folder=str(place))
    return place / f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:24]}.sock"
