"""The listener and the bootstrap: what Envoy is started with, and never changes while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tisserand.apis.gateways.envoy.filters import chain
from tisserand.apis.gateways.envoy.places import ADMIN, CDS, RDS, SDS, ecds, short
from tisserand.apis.gateways.envoy.settings import OURS, ROUTES, TYPE, EnvoySettings
from tisserand.apis.gateways.envoy.told import LOG_FORMAT, mappers

Json = dict[str, Any]

RUNTIME: Json = {"layers": [{"name": "tisserand", "static_layer": {"re2.max_program_size.error_level": 100_000}}]}
"""Envoy takes regular expressions of paths up to about ninety characters otherwise. RE2 needs time in proportion to the path asked for,
whatever the expression."""

STREAMS: Json = {
    "max_concurrent_streams": 100,
    "initial_stream_window_size": 65_536,
    "initial_connection_window_size": 1_048_576,
}
"""Of one connection in HTTP/2: what its caller can make the gateway hold is their product at most (as Envoy advises for edges)."""

CONNECTIONS = 20_000
"""Callers that are connected at a time at most."""


def bootstrap(settings: EnvoySettings, folder: Path, port: int, filters: Mapping[str, Json]) -> Json:
    """With everything that changes in files of `folder`. `filters`: the contents at first, of which Envoy learns the types."""

    def source(name: str) -> Json:
        return {
            "config_discovery": {
                "config_source": _path(folder / ecds(name)),
                "type_urls": [filters[name]["@type"]],
            }
        }

    return {
        "node": {"id": "tisserand", "cluster": "tisserand"},
        "admin": {"address": {"pipe": {"path": str(short(folder / ADMIN)), "mode": 0o600}}, "access_log": []},
        "layered_runtime": RUNTIME,
        "dynamic_resources": {"cds_config": _path(folder / CDS)},
        "static_resources": {
            "listeners": [
                listener(
                    settings,
                    folder,
                    port,
                    chain(source),
                    {"rds": {"route_config_name": ROUTES, "config_source": _path(folder / RDS)}},
                )
            ]
        },
        "overload_manager": {
            "resource_monitors": [
                {
                    "name": "envoy.resource_monitors.global_downstream_max_connections",
                    "typed_config": {
                        "@type": f"{TYPE}envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                        "max_active_downstream_connections": CONNECTIONS,
                    },
                }
            ]
        },
        # Of each of a thousand clusters Envoy would keep hundreds of figures that nobody looks at.
        "stats_config": {"stats_matcher": {"exclusion_list": {"patterns": [{"prefix": "cluster."}]}}},
    }


def inlined(settings: EnvoySettings, folder: Path, routes: Json, filters: Mapping[str, Json], clusters: list[Json]) -> Json:
    """All of it in one static configuration, as `envoy --mode validate` must see it: of files that change it looks at none."""

    def source(name: str) -> Json:
        return {"typed_config": filters[name]}

    plain = {name: value for name, value in routes.items() if name != "@type"}
    return {
        "node": {"id": "tisserand", "cluster": "tisserand"},
        "layered_runtime": RUNTIME,
        "static_resources": {
            "listeners": [listener(settings, folder, 0, chain(source), {"route_config": {**plain, "validate_clusters": True}})],
            "clusters": [{name: value for name, value in each.items() if name != "@type"} for each in clusters],
        },
    }


def listener(settings: EnvoySettings, folder: Path, port: int, filters: list[Json], routing: Json) -> Json:
    manager: Json = {
        "@type": f"{TYPE}envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "gateway",
        **routing,
        "use_remote_address": True,
        "xff_num_trusted_hops": settings.trusted_hops,
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "server_header_transformation": "PASS_THROUGH",
        "request_headers_timeout": f"{settings.header_timeout.seconds:.3f}s",
        "request_timeout": f"{settings.request_timeout.seconds:.3f}s",
        "stream_idle_timeout": f"{settings.idle_timeout.seconds:.3f}s",
        "http2_protocol_options": STREAMS,
        "common_http_protocol_options": {
            "idle_timeout": f"{settings.idle_timeout.seconds:.3f}s",
        },
        "early_header_mutation_extensions": [
            {
                "name": "ours",
                "typed_config": {
                    "@type": f"{TYPE}envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
                    "mutations": [{"remove_on_match": {"key_matcher": {"safe_regex": {"regex": _spoofed()}}}}],
                },
            }
        ],
        "local_reply_config": {"mappers": mappers()},
        "access_log": [
            {
                "name": "usage",
                "typed_config": {
                    "@type": f"{TYPE}envoy.extensions.access_loggers.file.v3.FileAccessLog",
                    "path": str(folder / "access.log"),
                    "log_format": {"json_format": LOG_FORMAT, "content_type": "application/json"},
                },
            }
        ],
        "http_filters": filters,
    }
    filter_chain: Json = {"filters": [{"name": "http", "typed_config": manager}]}
    if settings.tls is not None:
        context: Json = {
            "@type": f"{TYPE}envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
                "tls_certificate_sds_secret_configs": [{"name": "certificate", "sds_config": _path(folder / SDS)}],
            },
        }
        filter_chain["transport_socket"] = {"name": "tls", "typed_config": context}
    return {
        "name": "gateway",
        "address": {"socket_address": {"address": settings.host, "port_value": port}},
        "per_connection_buffer_limit_bytes": 1_048_576,
        "filter_chains": [filter_chain],
    }


def _spoofed() -> str:
    """Headers that only the gateway may set, also with underscores: many services do not tell `_` from `-`. And those by which
    Envoy lets itself be told how to retry, and for how long to wait."""
    return "|".join([*(name.replace("-", "[-_]") for name in OURS), "x-envoy-.*"])


def _path(path: Path) -> Json:
    """A file that Envoy reads again whenever another is moved into its place, and only then."""
    return {"path_config_source": {"path": str(path)}, "resource_api_version": "V3"}
