"""Clusters: the upstreams of APIs, their weights, health and certificates."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from tisserand.apis.gateways.envoy.routes import cluster_name
from tisserand.apis.gateways.envoy.settings import METADATA, TYPE
from tisserand.apis.model import Api, Target
from tisserand.apis.neutral import Declared

Json = dict[str, Any]

AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
"""Where Debian and Ubuntu keep the certificates that the system trusts."""


def clusters(declared: Declared, authorities: str = AUTHORITIES) -> list[Json]:
    """One cluster for each version that is not retired."""
    return [cluster(api, authorities) for api in declared.apis if api.lifecycle != "retired" and api.upstream.targets]


def cluster(api: Api, authorities: str) -> Json:
    upstream = api.upstream
    secure = upstream.targets[0].url.startswith("https:")
    made: Json = {
        "@type": f"{TYPE}envoy.config.cluster.v3.Cluster",
        "name": cluster_name(api),
        "type": "STRICT_DNS",
        "connect_timeout": "2s",
        "lb_policy": "ROUND_ROBIN",
        "dns_lookup_family": "V4_PREFERRED",
        "metadata": {"filter_metadata": {METADATA: {"key": api.key}}},
        "load_assignment": {
            "cluster_name": cluster_name(api),
            "endpoints": [{"lb_endpoints": [_endpoint(target) for target in upstream.targets if target.weight]}],
        },
        # Bounds that Envoy sets itself are meant for one service among many; here they would refuse a busy API.
        "circuit_breakers": {"thresholds": [{"max_connections": 10_000, "max_pending_requests": 10_000, "max_requests": 10_000}]},
    }
    if upstream.health is not None:
        health = upstream.health
        check: Json = {
            "timeout": f"{health.timeout.seconds:.3f}s",
            "interval": f"{health.every.seconds:.3f}s",
            "unhealthy_threshold": health.unhealthy,
            "healthy_threshold": health.healthy,
            "http_health_check": {"path": health.path, "expected_statuses": [{"start": 200, "end": 300}]},
        }
        made["health_checks"] = [check]
        # Requests never go to a target that is known to be down, even where all are.
        made["common_lb_config"] = {"healthy_panic_threshold": {"value": 0}}
    if secure:
        context: Json = {
            "@type": f"{TYPE}envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "sni": urlsplit(upstream.targets[0].url).hostname or "",
            "common_tls_context": {},
        }
        if upstream.verify:
            context["common_tls_context"]["validation_context"] = {
                "trusted_ca": {"filename": authorities},
                "match_typed_subject_alt_names": [
                    {"san_type": _san(host), "matcher": {"exact": host}}
                    for host in sorted({urlsplit(target.url).hostname or "" for target in upstream.targets})
                ],
            }
        made["transport_socket"] = {"name": "tls", "typed_config": context}
    return made


def _san(host: str) -> str:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "DNS"
    return "IP_ADDRESS"


def _endpoint(target: Target) -> Json:
    parts = urlsplit(target.url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    usual = port == (443 if parts.scheme == "https" else 80)
    shown = f"[{host}]" if ":" in host else host
    return {
        "endpoint": {
            "hostname": shown if usual else f"{shown}:{port}",
            "address": {"socket_address": {"address": host, "port_value": port}},
        },
        "load_balancing_weight": target.weight,
    }
