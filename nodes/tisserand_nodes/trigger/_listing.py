"""The files of a watched folder: new ones are seen at each look, and a look asks the disk for as little as it can."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from tisserand.sdk import NodeError

State = tuple[int, int]
"""Size in bytes, and time of the last change in nanoseconds."""

AGAIN = 500
"""Files that were told of already and are looked at again in one look: were they changed?"""


def state_of(path: Path) -> State | None:
    """How a file stands; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns


class Watched:
    """Remembers what was seen. Names are listed at each look without asking for each file; asked for are those that have not
    settled yet, and of those that were told a part, in turn."""

    def __init__(self, folder: Path, pattern: str, deep: bool, left_out: frozenset[Path]) -> None:
        self._folder, self._pattern, self._deep, self._left_out = folder, pattern, deep, left_out
        self._young: dict[Path, tuple[State, float]] = {}
        """Files that have not settled: how they stood, and since when."""
        self._told: dict[Path, State] = {}
        """Files that were told of; those that were looked at longest ago stand first."""

    def settled(self, now: float, seconds: float) -> list[tuple[Path, State]]:
        """The files that stayed as they are for `seconds` and were not told of yet, by name; they count as told."""
        there = set(self._names())
        self._told = {path: state for path, state in self._told.items() if path in there}
        self._young = {path: known for path, known in self._young.items() if path in there}
        for path in list(islice(self._told, AGAIN)):
            state = state_of(path)
            known = self._told.pop(path)
            if state == known:
                self._told[path] = known
            elif state is not None:
                self._young[path] = (state, now)
        ready = []
        for path in sorted(there - self._told.keys()):
            state = state_of(path)
            if state is None:
                continue  # it went between the two looks
            known_young = self._young.get(path)
            if known_young is None or known_young[0] != state:
                self._young[path] = (state, now)
            elif now - known_young[1] >= seconds:
                del self._young[path]
                self._told[path] = state
                ready.append((path, state))
        return ready

    def _names(self) -> Iterator[Path]:
        try:
            if "/" in self._pattern or os.sep in self._pattern or "**" in self._pattern:
                yield from self._globbed()
            else:
                yield from self._listed(self._folder)
        except (ValueError, NotImplementedError, OSError) as error:
            raise NodeError(
                "The folder “{path}” cannot be watched: {reason}", path=str(self._folder), reason=str(error)
            ) from None

    def _listed(self, folder: Path) -> Iterator[Path]:
        """What the listing itself tells is enough: no file is asked for."""
        deeper = []
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.is_symlink():
                    continue
                if entry.is_dir(follow_symlinks=False):
                    deeper.append(Path(entry.path))
                elif entry.is_file(follow_symlinks=False) and fnmatch.fnmatch(entry.name, self._pattern):
                    yield Path(entry.path)
        for each in deeper if self._deep else ():
            if each not in self._left_out:
                try:
                    yield from self._listed(each)
                except FileNotFoundError:
                    continue  # it went between the two looks

    def _globbed(self) -> Iterator[Path]:
        found = self._folder.rglob(self._pattern) if self._deep else self._folder.glob(self._pattern)
        for path in found:
            inside = path.relative_to(self._folder).parts
            if any(part.startswith(".") for part in inside) or path.is_symlink() or not path.is_file():
                continue
            if not any(path.is_relative_to(folder) for folder in self._left_out):
                yield path
