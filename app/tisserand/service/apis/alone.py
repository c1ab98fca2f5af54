"""Who changes the files of the catalogue is alone: what two read and then write, the later one would take from the earlier."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from tisserand import files
from tisserand.engine.launch import state_folder

LOCK = "catalogue.lock"


def alone_in(root: Path) -> AbstractContextManager[None]:
    """Alone among all threads and processes; who is it already may be it again."""
    return files.locked(state_folder(root) / LOCK)
