"""Whom a change of an API concerns: flows that answer for it, and flows that call it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from tisserand.apis.model import Api


def flows_of(
    api: Api,
    document: Mapping[str, Any],
    flows: Iterable[Mapping[str, Any]],
    connections: Mapping[str, str] | None = None,
) -> list[str]:
    """Ids of the flows that answer for this version, or call it: that hold an address below its path or below a server of its
    document. `connections` tells the base URLs of HTTP connections by name, behind which nodes write paths only."""
    places = [*_places(api, document)]
    found = set()
    for flow in flows:
        id = str(flow.get("id") or "")
        if id and (id == api.upstream.flow or any(_inside(text, places) for text in _addresses(flow, connections or {}))):
            found.add(id)
    return sorted(found)


def until_sunset(api: Api, today: date) -> int | None:
    """Days until callers must be elsewhere, negative once they should be; None where no day is set."""
    return (api.sunset - today).days if api.sunset is not None else None


def _addresses(flow: Mapping[str, Any], connections: Mapping[str, str]) -> Iterator[str]:
    nodes = flow.get("nodes")
    for node in nodes.values() if isinstance(nodes, Mapping) else ():
        yield from _texts(node)
        config = node.get("config") if isinstance(node, Mapping) else None
        base = connections.get(str(config.get("connection") or "")) if isinstance(config, Mapping) else None
        if base is not None and isinstance(config, Mapping):
            url = str(config.get("url") or "")
            if "://" not in url:
                yield f"{base.rstrip('/')}/{url.lstrip('/')}".rstrip("/")


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
