"""Whom a change of an API concerns: flows that answer for it, and flows that call it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from tisserand.apis.model import Api


def flows_of(api: Api, document: Mapping[str, Any], flows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Ids of the flows that answer for this version, or hold an address of it: below its path, or below a server of its document."""
    places = [*_places(api, document)]
    found = set()
    for flow in flows:
        id = str(flow.get("id") or "")
        if id and (id == api.upstream.flow or any(_inside(text, places) for text in _texts(flow.get("nodes")))):
            found.add(id)
    return sorted(found)


def _places(api: Api, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Host (empty: any) and path."""
    yield "", api.path
    urls = [target.url for target in api.upstream.targets]
    servers = document.get("servers")
    urls += [str(each.get("url") or "") for each in servers if isinstance(each, Mapping)] if isinstance(servers, list) else []
    for url in urls:
        parts = urlsplit(url)
        if parts.netloc:
            yield parts.netloc.lower(), parts.path.rstrip("/")


def _inside(text: str, places: list[tuple[str, str]]) -> bool:
    if "://" not in text:
        return False
    parts = urlsplit(text)
    return any(
        (not host or parts.netloc.lower() == host) and (parts.path == path or parts.path.startswith(f"{path}/"))
        for host, path in places
    )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
