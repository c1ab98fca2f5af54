"""Usage from Traefik's access log (JSON), read on from where it was left: https://doc.traefik.io/traefik/reference/install-configuration/observability/logs-and-accesslogs/"""

from __future__ import annotations

import glob
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zlib import crc32

from tisserand.apis.gateways.traefik import rules
from tisserand.apis.usage import BOUNDS_MS, NOBODY, UsageRow, latency_class, plausible
from tisserand.sdk.errors import NodeError

AT_ONCE = 64_000_000
"""Bytes that are read in one go; the rest is told the next time."""
BEGINNING = 512
"""Bytes at the beginning of a log by which it is known again."""
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")


Items = Mapping[str, Mapping[str, Any]]


def read(path: Path, mark: str, gateway: str, items: Callable[[], Items]) -> tuple[Sequence[UsageRow], str]:
    """The rows since `mark`, which is `file number:offset:checksum of its beginning`, and the next mark. A log that was put aside under a
    longer name (`access.log.1`) is read to its end first; one that was cut, or that began anew under its old number, from its beginning."""
    try:
        place, begin, over = _place(path, mark)
        with place.open("rb") as log:
            number = os.fstat(log.fileno()).st_ino
            log.seek(begin)
            data = log.read(AT_ONCE)
            whole = len(data) < AT_ONCE
            end = len(data) if over and whole else data.rfind(b"\n") + 1
            if not whole and end == 0:
                end, data = len(data), b""  # no line is so long: it is passed over
            log.seek(0)
            known = f"{number}:{begin + end}:{crc32(log.read(min(BEGINNING, begin + end))):x}"
    except FileNotFoundError:
        raise NodeError("There is no access log “{file}”.", file=path.name, field="settings.access_log") from None
    except OSError as error:
        raise NodeError("The access log “{file}” cannot be read: {reason}", file=path.name, reason=str(error)) from None
    return _rows(data[:end], gateway, items()) if data[:end] else (), known


def _place(path: Path, mark: str) -> tuple[Path, int, bool]:
    """The file in which a mark goes on, where, and whether nothing more comes to it."""
    number, _, rest = mark.partition(":")
    text, _, beginning = rest.partition(":")
    if not text.isdigit():
        return path, 0, False
    offset = int(text)
    if _goes_on(path, number, offset, beginning):
        return path, offset, False
    aside = sorted(_aside(path), key=lambda each: each.stat().st_mtime_ns)
    at = next((at for at, each in enumerate(aside) if _goes_on(each, number, offset, beginning)), None)
    if at is None:
        return path, 0, False
    # Who moved it may not have told Traefik yet: it writes there until it has begun the next one.
    begun = at + 1 < len(aside) or (path.exists() and path.stat().st_size > 0)
    if not begun or aside[at].stat().st_size > offset:
        return aside[at], offset, begun
    return (aside[at + 1], 0, True) if at + 1 < len(aside) else (path, 0, False)


def _aside(path: Path) -> list[Path]:
    """Logs that were put aside: the name and something behind it, but not those that were packed."""
    return [each for each in path.parent.glob(f"{glob.escape(path.name)}?*") if each.suffix not in PACKED and each.is_file()]


def _goes_on(path: Path, number: str, offset: int, beginning: str) -> bool:
    """Whether a file is the one of a mark. A number alone does not say: it is given again once a file is gone."""
    try:
        stat = path.stat()
        if str(stat.st_ino) != number or stat.st_size < offset:
            return False
        with path.open("rb") as log:
            return not beginning or f"{crc32(log.read(min(BEGINNING, offset))):x}" == beginning
    except FileNotFoundError:
        return False


@dataclass(frozen=True, slots=True)
class _Call:
    hour: int
    api: str
    version: str
    operation: str
    consumer: str
    plan: str
    status: int


def _rows(data: bytes, gateway: str, items: Items) -> list[UsageRow]:
    known = _Known(items)
    calls: Counter[_Call] = Counter()
    bytes_in: Counter[_Call] = Counter()
    bytes_out: Counter[_Call] = Counter()
    latency: dict[_Call, list[int]] = {}
    for line in _lines(data):
        routers = [each.removesuffix("@file").split("~") for each in str(line.get("RouterName", "")).split(" -> ")]
        if routers[-1][0] != gateway or len(routers[-1]) < 4:
            continue
        _, api, version, *rest = routers[-1]
        path = str(line.get("RequestPath", "")).partition("?")[0]
        if not version or rest[0] == "c":  # a router of several versions: what was called tells which one was meant
            api, version = known.found(path, api) or (api, version)
        consumer = rest[-1] if rest[-2:-1] == ["c"] else NOBODY
        try:
            hour, status = _hour(str(line["StartUTC"])[:19]), int(line.get("DownstreamStatus", 0))
            received, sent = int(line.get("RequestContentSize", 0)), int(line.get("DownstreamContentSize", 0))
            took = int(line.get("Duration", 0)) / 1e6
            f"{api}{version}{consumer}".encode()
        except (ValueError, TypeError, OverflowError):
            continue  # a line that something else wrote, or a full disk cut short
        if not plausible(hour, status, received, sent):
            continue
        operation = known.operation(f"{api}@{version}", str(line.get("RequestMethod", "")), path)
        call = _Call(hour, api, version, operation, consumer, known.plan(api, version, consumer), status)
        calls[call] += 1
        bytes_in[call] += received
        bytes_out[call] += sent
        latency.setdefault(call, [0] * (len(BOUNDS_MS) + 1))[latency_class(took)] += 1
    return [
        UsageRow(
            call.hour, call.api, call.version, call.operation, call.consumer, call.plan, call.status, count,
            bytes_in[call], bytes_out[call], tuple(latency[call]),
        )
        for call, count in calls.items()
    ]  # fmt: skip


def _lines(data: bytes) -> Iterator[dict[str, Any]]:
    for raw in data.splitlines():
        try:
            line = json.loads(raw)
        except (ValueError, RecursionError):
            continue  # a line of another format, from before the setting
        if isinstance(line, dict) and "StartUTC" in line:
            yield line


@lru_cache(4096)
def _hour(text: str) -> int:
    """The hour of `2026-11-25T18:04:31`, which is in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) // 3600 * 3600


class _Known:
    """What the items say of a call."""

    def __init__(self, items: Items) -> None:
        self._operations: dict[str, list[tuple[str, re.Pattern[str], str]]] = {}
        self._bases: dict[str, str] = {}
        self._plans: dict[tuple[str, str, str], str] = {}
        for name, content in items.items():
            kind, _, id = name.partition("/")
            if kind == "api":
                self._bases[id] = _base(content)
                self._operations[id] = _operations(content)
            elif kind == "subscription":
                key = (content["api"], content.get("version", ""), content["consumer"])
                self._plans.setdefault(key, content.get("plan", ""))

    def found(self, path: str, api: str) -> tuple[str, str] | None:
        """The API (or, of this one, the version) that lies at a path: the one with the longest base."""
        below = [
            (base, key)
            for key, base in self._bases.items()
            if (path == base or path.startswith(base + "/")) and api in ("", key.partition("@")[0])
        ]
        if not below:
            return None
        id, _, version = max(below)[1].partition("@")
        return id, version

    def operation(self, api: str, method: str, path: str) -> str:
        found = (name for verb, pattern, name in self._operations.get(api, ()) if verb == method and pattern.fullmatch(path))
        return next(found, "")

    def plan(self, api: str, version: str, consumer: str) -> str:
        return self._plans.get((api, version, consumer)) or self._plans.get((api, "", consumer), "")


def _base(content: Mapping[str, Any]) -> str:
    route = content["route"]
    version = f"/v{str(content['version']).lstrip('v')}" if route.get("versioning") == "path" else ""
    return f"{route['base_path']}{version}"


def _operations(content: Mapping[str, Any]) -> list[tuple[str, re.Pattern[str], str]]:
    return [
        (each["method"], re.compile(re.escape(_base(content)) + rules.template(each["path"])), f"{each['method']} {each['path']}")
        for each in content["route"].get("operations") or ()
    ]
