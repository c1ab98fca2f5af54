"""What a kill left of files that were just being replaced (`files.replacing`): half a text under a hidden name, which nobody asks for."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tisserand.files import PARTIAL
from tisserand.workspace.folder import STATE
from tisserand.workspace.secrets import config_folder

OLD = 24 * 3600.0
"""Seconds without a change, after which such a file is no longer being written; on a shared disk another machine may write it."""

_DEEP = (STATE, "flows", "apis", "environments")
"""Folders of a workspace in which we replace files; in its root as well. Data of flows belongs to others."""


def sweep(root: Path) -> list[Path]:
    """Remove those of a workspace, and of the secrets of this user; gives what was removed."""
    now = time.time()
    return [path for path in _partial(root) if _nobodys(path, now) and _removed(path)]


def _partial(root: Path) -> Iterator[Path]:
    for folder in (root, config_folder() / "secrets"):
        with suppress(OSError):
            yield from sorted(path for path in folder.iterdir() if PARTIAL.fullmatch(path.name))
    for name in _DEEP:
        for above, folders, names in os.walk(root / name):
            if above == str(root / STATE):
                folders[:] = [each for each in folders if each != "runs"]  # they go as a whole
            yield from (Path(above, each) for each in sorted(names) if PARTIAL.fullmatch(each))


def _nobodys(path: Path, now: float) -> bool:
    """Whether it is old, and whoever began it is no more; a process that began later only has the same number."""
    import psutil

    match = PARTIAL.fullmatch(path.name)
    assert match is not None
    try:
        changed = path.lstat().st_mtime
        if now - changed < OLD:
            return False
        return psutil.Process(int(match[1])).create_time() > changed + 2
    except (psutil.NoSuchProcess, OverflowError):
        return True
    except (OSError, psutil.AccessDenied):
        return False  # renamed into its place a moment ago, or of somebody else


def _removed(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False  # gone already, or not ours to remove
    return True
