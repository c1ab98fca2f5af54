"""From the access log to rows of usage: read on from a mark, whatever happened in between."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tisserand.apis.usage import BOUNDS_MS, UsageRow, latency_class

PART = 32 * 1024 * 1024
"""Bytes that are read at a time."""


class AccessLog:
    """One log file, which is put aside (`.1`) when it has grown to `size` bytes, and removed once it was read to its end."""

    def __init__(self, path: Path, size: int, reopen: Callable[[], None]) -> None:
        self._path, self._size, self._reopen = path, size, reopen
        self._aside = path.with_name(path.name + ".1")

    def rows(self, mark: str) -> tuple[Sequence[UsageRow], str]:
        """What was written since `mark` (`inode:offset`), and the next mark. A line that is half written is left for later."""
        inode, _colon, offset = mark.partition(":")
        lines: list[bytes] = []
        aside = _inode(self._aside)
        if aside and aside == inode:
            lines, position, whole = _read(self._aside, int(offset or 0))
            if not whole or _inode(self._path) == "":
                return _summed(lines), f"{aside}:{position}"
            self._aside.unlink()
            inode, offset = _inode(self._path), "0"
        elif aside:
            # The mark knows it no longer: it was read to its end when it was put aside, unless nothing was ever read.
            if not mark:
                lines, position, _whole = _read(self._aside, 0)
                return _summed(lines), f"{aside}:{position}"
            self._aside.unlink()
        here = _inode(self._path)
        if not here:
            return _summed(lines), mark
        more, position, whole = _read(self._path, int(offset or 0) if inode == here else 0)
        if whole and position >= self._size:
            self._path.replace(self._aside)
            self._reopen()
        return _summed([*lines, *more]), f"{here}:{position}"


def _inode(path: Path) -> str:
    try:
        return str(path.stat().st_ino)
    except FileNotFoundError:
        return ""


def _read(path: Path, offset: int) -> tuple[list[bytes], int, bool]:
    """Whole lines from an offset on, where they end, and whether that is the end of the file."""
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        if offset > size:
            offset = 0  # cut by somebody
        stream.seek(offset)
        text = stream.read(PART)
    end = text.rfind(b"\n") + 1
    return text[:end].splitlines(), offset + end, offset + end >= size


def _summed(lines: Sequence[bytes]) -> list[UsageRow]:
    sums: dict[tuple[int, str, str, str, str, str, int], list[Any]] = {}
    for line in lines:
        try:
            told = json.loads(line)
            key = (
                int(told["t"]) // 3600 * 3600, told["api"] or "", told["version"] or "", told["operation"] or "",
                told["consumer"] or "", told["plan"] or "", int(told["status"]),
            )  # fmt: skip
        except (ValueError, KeyError, TypeError):
            continue  # a line that a full disk or a kill cut short
        known = sums.setdefault(key, [0, 0, 0, [0] * (len(BOUNDS_MS) + 1)])
        known[0] += 1
        known[1] += int(told.get("in") or 0)
        known[2] += int(told.get("out") or 0)
        known[3][latency_class(float(told.get("ms") or 0))] += 1
    return [UsageRow(*key, known[0], known[1], known[2], tuple(known[3])) for key, known in sums.items()]
