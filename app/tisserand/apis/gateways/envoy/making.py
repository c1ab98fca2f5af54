"""What is declared, made into what Envoy reads: once for each declaration, and of its APIs only those that changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from tisserand.apis.gateways.envoy.clusters import cluster, has_cluster
from tisserand.apis.gateways.envoy.filters import contents
from tisserand.apis.gateways.envoy.routes import TOKENS, configuration, routes_of
from tisserand.apis.model import Api
from tisserand.apis.neutral import Declared, digest

Json = dict[str, Any]


@dataclass(frozen=True)
class OfApi:
    """What was made of one version of an API."""

    api: Api
    headers: Mapping[str, str]
    authorities: str
    routes: list[Json]
    cluster: Json | None

    @cached_property
    def digest(self) -> str:
        return digest([self.routes, self.cluster])


@dataclass(frozen=True)
class Made:
    """All that was made. To be read only: its parts are used again."""

    declared: Declared
    apis: Mapping[str, OfApi]
    filters: Mapping[str, Json]
    """Name of a changing filter → its content, as long as nobody used up a quota."""

    @cached_property
    def clusters(self) -> list[Json]:
        return [each.cluster for each in self.apis.values() if each.cluster is not None]

    @cached_property
    def routes(self) -> Json:
        """The RouteConfiguration."""
        return configuration(self.declared, lambda api: self.apis[api.key].routes)

    @cached_property
    def digests(self) -> Mapping[str, str]:
        """Of each version of an API and each filter."""
        filters = {f"filter/{name}": digest(content) for name, content in self.filters.items()}
        return {**{f"api/{key}": each.digest for key, each in self.apis.items()}, **filters}

    def without(self, checked: frozenset[str]) -> tuple[Json, Mapping[str, Json], list[Json]]:
        """Routes, filters and clusters without the parts of these digests: what Envoy has taken as it stands, it takes again. No part
        depends on another one but routes on what tokens must be; so that filter always stays."""
        left = [each for each in self.apis.values() if each.digest not in checked]
        nothing = contents(Declared())
        filters = {
            name: content if name == TOKENS or self.digests[f"filter/{name}"] not in checked else nothing[name]
            for name, content in self.filters.items()
        }
        some = replace(self.declared, apis=[each.api for each in left])
        clusters = [each.cluster for each in left if each.cluster is not None]
        return configuration(some, lambda api: self.apis[api.key].routes), filters, clusters


class Making:
    """Of one gateway."""

    def __init__(self) -> None:
        self._last: Made | None = None

    def of(self, declared: Declared, authorities: str) -> Made:
        """`authorities`: the file with the certificates that vouch for upstreams."""
        last = self._last
        if last is not None and last.declared is declared and all(each.authorities == authorities for each in last.apis.values()):
            return last
        known = last.apis if last is not None else {}
        apis = {api.key: self._of(api, declared, authorities, known.get(api.key)) for api in declared.apis}
        self._last = made = Made(declared, apis, contents(declared))
        return made

    @staticmethod
    def _of(api: Api, declared: Declared, authorities: str, known: OfApi | None) -> OfApi:
        headers = declared.upstream_headers.get(api.key, {})
        if known is not None and known.api is api and known.headers == headers and known.authorities == authorities:
            return known
        behind = cluster(api, authorities, headers) if has_cluster(api) else None
        return OfApi(api, headers, authorities, [*routes_of(api, declared)], behind)
