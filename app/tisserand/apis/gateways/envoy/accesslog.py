"""From the access log to rows of usage: read on from a mark, whatever happened in between.

The log is a row of files: `access.log`, which Envoy writes, and before it `access.1.log`, `access.2.log` …, which were put aside. A mark
is the number of a file and an offset in it. What a mark has passed stands in somebody's store; only that is ever removed, unless
nobody reads for so long that the disk would fill.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tisserand.apis.usage import BOUNDS_MS, UsageRow, latency_class, plausible

PART = 16 * 1024 * 1024
"""Bytes that are read at a time."""
PARTS = 4
"""Files that the kept size is split into."""
UNREAD = 4
"""How many times the kept size may stand there unread, before the oldest goes all the same."""

LEFT = 499
"""The status of calls whose caller went away before there was one: servers in general write this number, Envoy 0."""

NAME = "access.log"
_ASIDE = re.compile(r"access\.(\d+)\.log")


class AccessLog:
    """The files in one folder, of `size` bytes together. `reopen` tells Envoy to begin a new file; it raises where it cannot."""

    def __init__(self, folder: Path, size: int, reopen: Callable[[], None]) -> None:
        self._folder, self._size, self._reopen = folder, size, reopen
        self._current = folder / NAME

    def rows(self, mark: str) -> tuple[Sequence[UsageRow], str]:
        """What was written since `mark` ("" at first), and the next mark. A line that is half written is left for later."""
        number, offset = self._place(mark)
        self._tidy(number)
        while True:
            # Looked at first: once Envoy has begun a new file, nothing comes to those before it.
            begun = self._current.exists()
            aside = self._aside()
            path = aside.get(number, self._current)
            over = begun and number in aside
            lines, end, whole = _read(path, offset, over)
            if lines or not (over and whole):
                return _summed(lines), f"{number}:{end}" if end or mark else mark
            number, offset = number + 1, 0

    def _place(self, mark: str) -> tuple[int, int]:
        """File and offset that a mark means: of what is no longer there, the oldest that is."""
        known = re.fullmatch(r"(\d+):(\d+)", mark)
        aside = self._aside()
        oldest, current = min(aside, default=1), max(aside, default=0) + 1
        if known is None or not oldest <= int(known[1]) <= current:
            return oldest, 0
        number, offset = int(known[1]), int(known[2])
        path = aside.get(number, self._current)
        cut = path.exists() and path.stat().st_size < offset
        return number, 0 if cut else offset

    def _aside(self) -> dict[int, Path]:
        """Number → file of those that were put aside. The last of them stays: the number of the current one follows from it."""
        found = {}
        for path in self._folder.iterdir():
            if (named := _ASIDE.fullmatch(path.name)) is not None:
                found[int(named[1])] = path
        return found

    def _tidy(self, reading: int) -> None:
        """Begin a new file when the current one is large, and remove the oldest that were read: `reading` is the one that is not."""
        aside = self._aside()
        last = max(aside, default=0)
        if not self._current.exists():
            if last:
                self._begin_anew()  # it was put aside, but Envoy did not answer then
        elif self._current.stat().st_size > self._size // PARTS:
            self._current.replace(self._folder / f"access.{last + 1}.log")
            self._begin_anew()
            aside = self._aside()
            last += 1
        sizes = {number: path.stat().st_size for number, path in sorted(aside.items())}
        kept = sum(sizes.values())
        for number, size in sizes.items():
            if number == last or kept <= self._size - self._size // PARTS:
                break
            if number < reading or kept > UNREAD * self._size:
                aside[number].unlink(missing_ok=True)
                kept -= size

    def _begin_anew(self) -> None:
        from tisserand.sdk.errors import NodeError

        # Where Envoy does not run, it begins a new file when it starts.
        with contextlib.suppress(NodeError):
            self._reopen()


def mend(folder: Path) -> None:
    """End the line that a killed Envoy left half written, so that the next one begins at its own. Only while no Envoy writes."""
    path = folder / NAME
    if not path.exists() or path.stat().st_size == 0:
        return
    with path.open("rb+") as stream:
        stream.seek(-1, 2)
        if stream.read(1) != b"\n":
            stream.write(b"\n")


def _read(path: Path, offset: int, over: bool) -> tuple[list[bytes], int, bool]:
    """Whole lines from an offset on, where they end, and whether that is the end. `over`: nothing more comes to this file. A line that is
    longer than a part is none of Envoy's, perhaps a hole that a crash of the machine left: it is passed over."""
    try:
        with path.open("rb") as stream:
            stream.seek(offset)
            text = stream.read(PART)
    except FileNotFoundError:
        return [], offset, True
    whole = len(text) < PART
    end = len(text) if over and whole else text.rfind(b"\n") + 1
    if not whole and end == 0:
        return [], offset + len(text), False
    return text[:end].splitlines(), offset + end, whole


def _summed(lines: Sequence[bytes]) -> list[UsageRow]:
    sums: dict[tuple[int, str, str, str, str, str, int], list[Any]] = {}
    for line in lines:
        try:
            told = json.loads(line)
            names = [told[name] or "" for name in ("api", "version", "operation", "consumer", "plan")]
            "".join(names).encode()
            moment, status = int(told["t"]), int(told["status"]) or LEFT
            received, sent, took = int(told.get("in") or 0), int(told.get("out") or 0), float(told.get("ms") or 0)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            continue  # a line that a full disk or a kill cut short
        if not plausible(moment, status, received, sent):
            continue
        key = (moment // 3600 * 3600, names[0], names[1], names[2], names[3], names[4], status)
        known = sums.setdefault(key, [0, 0, 0, [0] * (len(BOUNDS_MS) + 1)])
        known[0] += 1
        known[1] += received
        known[2] += sent
        known[3][latency_class(took)] += 1
    return [UsageRow(*key, known[0], known[1], known[2], tuple(known[3])) for key, known in sums.items()]
