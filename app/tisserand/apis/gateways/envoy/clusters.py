"""Clusters: the upstreams of APIs, their weights, health and certificates."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from tisserand.apis.gateways.envoy.routes import added, cluster_name
from tisserand.apis.gateways.envoy.settings import METADATA, TYPE
from tisserand.apis.model import Api, Target
from tisserand.apis.neutral import Declared

Json = dict[str, Any]

MATCH = "envoy.transport_socket_match"
"""Where Envoy looks for how a target is spoken to."""

IDLE = "4s"
"""Connections to services are given up before those do: most web servers end idle ones after 5 seconds or later, and a request that
is sent in that moment would be lost."""


def has_cluster(api: Api) -> bool:
    """Whether anything is behind it."""
    return api.lifecycle != "retired" and any(each.weight for each in api.upstream.targets)


def verifies(declared: Declared) -> bool:
    """Whether any upstream has a certificate to be checked."""
    return any(each.url.startswith("https:") for api in declared.apis if api.upstream.verify for each in api.upstream.targets)


def cluster(api: Api, authorities: str, headers: Mapping[str, str]) -> Json:
    upstream = api.upstream
    targets = [each for each in upstream.targets if each.weight]
    named = any(_ip(urlsplit(each.url).hostname or "") is None for each in targets)
    made: Json = {
        "@type": f"{TYPE}envoy.config.cluster.v3.Cluster",
        "name": cluster_name(api),
        "type": "STRICT_DNS" if named else "STATIC",
        "connect_timeout": f"{min(5.0, upstream.timeout.seconds):.3f}s",
        "lb_policy": "ROUND_ROBIN",
        "dns_lookup_family": "V4_PREFERRED",
        "metadata": {"filter_metadata": {METADATA: {"key": api.key}}},
        "load_assignment": {
            "cluster_name": cluster_name(api),
            "endpoints": [{"lb_endpoints": [_endpoint(target) for target in targets]}],
        },
        # Bounds that Envoy sets itself are meant for one service among many; here they would refuse a busy API.
        "circuit_breakers": {
            "thresholds": [
                {"max_connections": 10_000, "max_pending_requests": 10_000, "max_requests": 10_000, "max_retries": 10_000}
            ]
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{TYPE}envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http_protocol_options": {}},
                "common_http_protocol_options": {"idle_timeout": IDLE},
            }
        },
    }
    if upstream.health is not None:
        health = upstream.health
        check: Json = {
            "timeout": f"{health.timeout.seconds:.3f}s",
            "interval": f"{health.every.seconds:.3f}s",
            "unhealthy_threshold": health.unhealthy,
            "healthy_threshold": health.healthy,
            "no_traffic_interval": f"{health.every.seconds:.3f}s",
            "http_health_check": {
                "path": health.path,
                "expected_statuses": [{"start": 200, "end": 300}],
                "request_headers_to_add": [added(name, value) for name, value in sorted(headers.items())],
            },
        }
        made["health_checks"] = [check]
        # Requests never go to a target that is known to be down, even where all are.
        made["common_lb_config"] = {"healthy_panic_threshold": {"value": 0}}
    if targets[0].url.startswith("https:"):
        # Each target is asked for the certificate of its own name.
        made["transport_socket_matches"] = [
            {"name": host, "match": {"host": host}, "transport_socket": _secure(host, authorities if upstream.verify else "")}
            for host in sorted({urlsplit(each.url).hostname or "" for each in targets})
        ]
    return made


def _secure(host: str, authorities: str) -> Json:
    """TLS to a host; without `authorities` its certificate is not checked."""
    context: Json = {"@type": f"{TYPE}envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", "common_tls_context": {}}
    address = _ip(host)
    if address is None:  # addresses are no server names (RFC 6066, 3)
        context["sni"] = host
    if authorities:
        name = {
            "san_type": "DNS" if address is None else "IP_ADDRESS",
            "matcher": {"exact": host if address is None else address},
        }
        context["common_tls_context"]["validation_context"] = {
            "trusted_ca": {"filename": authorities},
            "match_typed_subject_alt_names": [name],
        }
    return {"name": "tls", "typed_config": context}


def _ip(host: str) -> str | None:
    """An address in its usual form; None for a name."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


def _endpoint(target: Target) -> Json:
    parts = urlsplit(target.url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    usual = port == (443 if parts.scheme == "https" else 80)
    shown = f"[{host}]" if ":" in host else host
    name = shown if usual else f"{shown}:{port}"
    return {
        "endpoint": {
            "hostname": name,
            "health_check_config": {"hostname": name},
            "address": {"socket_address": {"address": host, "port_value": port}},
        },
        "metadata": {"filter_metadata": {MATCH: {"host": host}}},
        "load_balancing_weight": target.weight,
    }
