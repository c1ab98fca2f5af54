"""Usage from Traefik's access log (JSON), read on from where it was left: https://doc.traefik.io/traefik/reference/install-configuration/observability/logs-and-accesslogs/"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tisserand.apis.gateways.traefik import rules
from tisserand.apis.usage import BOUNDS_MS, NOBODY, UsageRow, latency_class
from tisserand.sdk.errors import NodeError

AT_ONCE = 64_000_000
"""Bytes that are read in one go; the rest is told the next time."""


Items = Mapping[str, Mapping[str, Any]]


def read(path: Path, mark: str, gateway: str, items: Callable[[], Items]) -> tuple[Sequence[UsageRow], str]:
    """The rows since `mark`, which is `file number:offset`, and the next mark. A log that was rotated is read from its beginning."""
    try:
        stat = path.stat()
        number, _, offset = mark.partition(":")
        begin = int(offset) if number == str(stat.st_ino) and offset.isdigit() and int(offset) <= stat.st_size else 0
        with path.open("rb") as log:
            log.seek(begin)
            data = log.read(AT_ONCE)
    except FileNotFoundError:
        raise NodeError("There is no access log “{file}”.", file=path.name, field="settings.access_log") from None
    except OSError as error:
        raise NodeError("The access log “{file}” cannot be read: {reason}", file=path.name, reason=str(error)) from None
    end = data.rfind(b"\n") + 1
    return _rows(data[:end], gateway, items()) if end else (), f"{stat.st_ino}:{begin + end}"


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
        call = _Call(
            _hour(str(line["StartUTC"])), api, version, known.operation(f"{api}@{version}", str(line.get("RequestMethod", "")), path),
            consumer, known.plan(api, version, consumer), int(line.get("DownstreamStatus", 0)),
        )  # fmt: skip
        calls[call] += 1
        bytes_in[call] += int(line.get("RequestContentSize", 0))
        bytes_out[call] += int(line.get("DownstreamContentSize", 0))
        latency.setdefault(call, [0] * (len(BOUNDS_MS) + 1))[latency_class(int(line.get("Duration", 0)) / 1e6)] += 1
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
        except ValueError:
            continue  # a line of another format, from before the setting
        if isinstance(line, dict) and "StartUTC" in line:
            yield line


def _hour(text: str) -> int:
    # Nine digits of a second: Python reads six.
    moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", text).replace("Z", "+00:00"))
    return int(moment.timestamp()) // 3600 * 3600


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
