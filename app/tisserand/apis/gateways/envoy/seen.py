"""What stands in the files that Envoy reads, as digests; a file is read again where it has changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tisserand.apis.gateways.envoy.discovery import read
from tisserand.apis.gateways.envoy.places import CDS, RDS, ecds
from tisserand.apis.gateways.envoy.routes import KEYS, LUA, PASSWORDS, canonical
from tisserand.apis.gateways.envoy.settings import METADATA
from tisserand.apis.neutral import digest
from tisserand.files import Stamp, stamp

Json = dict[str, Any]

_BLOCKS = re.compile(r"\(\[\[[^\]]*\]\]\):gmatch\(\\?\"\(%S\+\) \(%S\+\) \(%d\+\)")
"""Who is blocked, in the script: it changes by the minute and is no part of what was pushed."""


@dataclass(frozen=True, slots=True)
class Content:
    """One file."""

    digest: str
    """Of its resources."""
    lasting: str
    """The same without what changes by the minute."""
    parts: Sequence[tuple[str, str]] = ()
    """Item → digest of a part that belongs to it; one may have several."""


class Seen:
    """The files of one folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, tuple[Stamp | None, Content]] = {}

    def content(self, file: str) -> Content:
        """Of a file that is not there: of no resources."""
        now = stamp(self._path / file)
        known = self._known.get(file)
        if known is None or known[0] != now:
            known = self._known[file] = now, _content(file, read(self._path / file)[0])
        return known[1]

    def holds(self, file: str, resources: Sequence[Json]) -> bool:
        """Whether a file holds these and nothing else, also in their order."""
        return self.content(file).digest == digest(resources)


def _content(file: str, resources: list[Json]) -> Content:
    try:
        parts = [(name, digest(part)) for name, part in _FOUND_IN.get(file, _none)(resources)]
    except (AttributeError, KeyError, TypeError):
        parts = []  # no longer what we write: its parts are gone, and the file as a whole is another
    whole = digest(resources)
    return Content(whole, digest(_BLOCKS.sub("", canonical(resources))) if file == ecds(LUA) else whole, parts)


def _none(resources: list[Json]) -> Iterable[tuple[str, Any]]:
    return ()


def _key(part: Json) -> str:
    return str(part.get("metadata", {}).get("filter_metadata", {}).get(METADATA, {}).get("key", ""))


def _routes(resources: list[Json]) -> Iterator[tuple[str, Any]]:
    for resource in resources:
        for host in resource["virtual_hosts"]:
            tree = host.get("matcher", {}).get("matcher_tree", {}).get("prefix_match_map", {}).get("map", {})
            for path, entry in tree.items():
                for route in entry["action"]["typed_config"]["routes"]:
                    if key := _key(route):
                        yield f"api/{key}", [host["name"], path, route]


def _clusters(resources: list[Json]) -> Iterator[tuple[str, Any]]:
    for each in resources:
        if key := _key(each):
            yield f"api/{key}", each


def _credentials(resources: list[Json]) -> Iterator[tuple[str, Any]]:
    for each in resources:
        for credential in each["typed_config"].get("credentials", ()):
            yield f"consumer/{credential['client']}", credential["key"]


_FOUND_IN: Mapping[str, Callable[[list[Json]], Iterable[tuple[str, Any]]]] = {
    RDS: _routes, CDS: _clusters, ecds(KEYS): _credentials, ecds(PASSWORDS): _credentials,
}  # fmt: skip
