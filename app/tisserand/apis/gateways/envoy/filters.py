"""The filters that requests pass: their order, and the contents that change while Envoy runs."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from typing import Any

from tisserand.apis.gateways.envoy.lookup import script
from tisserand.apis.gateways.envoy.routes import (
    ADDRESSES,
    BUFFER,
    CORS,
    FORWARDING,
    KEYS,
    LIMITS,
    LUA,
    PASSWORDS,
    SUBSCRIBED,
    TOKENS,
    requirement,
)
from tisserand.apis.gateways.envoy.settings import CONSUMER, METADATA, PLAN, SUBJECT, TYPE
from tisserand.apis.model import Jwt, Rate
from tisserand.apis.neutral import Declared, fingerprint

Json = dict[str, Any]

CHANGING = (TOKENS, KEYS, PASSWORDS, LUA, LIMITS)
"""Filters whose contents come from files of their own: counters live as long as what holds them, so that nothing else is touched
when one of them changes."""

_RBAC = f"{TYPE}envoy.extensions.filters.http.rbac.v3.RBAC"
MOST_CALLERS = 1_000_000
"""Consumers of APIs under one plan whose calls are counted at a time. A number that never changes: with it all buckets would be new."""


def chain(source: Any) -> list[Json]:
    """The filters in their order. `source(name)` says where the content of a changing one comes from."""
    return [
        {"name": ADDRESSES, "typed_config": {"@type": _RBAC}},
        {"name": CORS, "typed_config": {"@type": f"{TYPE}envoy.extensions.filters.http.cors.v3.Cors"}},
        {"name": TOKENS, **source(TOKENS)},
        {"name": KEYS, **source(KEYS)},
        {"name": PASSWORDS, **source(PASSWORDS)},
        {"name": LUA, **source(LUA)},
        {
            "name": SUBSCRIBED,
            "typed_config": {
                "@type": _RBAC,
                "rules": {
                    "action": "ALLOW",
                    "policies": {
                        "subscribed": {
                            "permissions": [{"any": True}],
                            "principals": [
                                {
                                    "and_ids": {
                                        "ids": [
                                            {"header": {"name": CONSUMER, "string_match": {"safe_regex": {"regex": ".+"}}}},
                                            {"header": {"name": PLAN, "string_match": {"safe_regex": {"regex": ".+"}}}},
                                        ]
                                    }
                                }
                            ],
                        }
                    },
                },
            },
        },
        {"name": LIMITS, **source(LIMITS)},
        {
            "name": BUFFER,
            "disabled": True,
            "typed_config": {"@type": f"{TYPE}envoy.extensions.filters.http.buffer.v3.Buffer", "max_request_bytes": 1},
        },
        {
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": f"{TYPE}envoy.extensions.filters.http.router.v3.Router", "suppress_envoy_headers": True},
        },
    ]


def contents(declared: Declared, blocked: Iterable[tuple[str, str, int]] = ()) -> dict[str, Json]:
    """Name of a changing filter → its content."""
    return {
        TOKENS: tokens(declared),
        KEYS: keys(declared),
        PASSWORDS: passwords(declared),
        LUA: lookup(declared, blocked),
        LIMITS: limits(declared),
    }


def lookup(declared: Declared, blocked: Iterable[tuple[str, str, int]]) -> Json:
    return {
        "@type": f"{TYPE}envoy.extensions.filters.http.lua.v3.Lua",
        "default_source_code": {"inline_string": script(declared, blocked)},
        # Otherwise the route would be looked for again, now without the credential that it was found by.
        "clear_route_cache": False,
    }


def keys(declared: Declared) -> Json:
    """Every key once; what it opens is looked up afterwards."""
    return _keys([{"key": value, "client": consumer} for consumer, value in _values(declared, "api_key")], "x-api-key")


def passwords(declared: Declared) -> Json:
    """Names (the consumer's id) and passwords, as they stand in a header (RFC 7617): so a consumer may have two at a time."""
    return _keys(
        [{"key": f"Basic {b64encode(f'{consumer}:{value}'.encode()).decode()}", "client": consumer}
         for consumer, value in _values(declared, "basic")],
        "authorization",
    )  # fmt: skip


def remaining(resource: Json, fingerprints: frozenset[str]) -> Json:
    """The filter of keys or of passwords as it stands in its file, without the credentials of some fingerprints."""
    content = resource.get("typed_config") if isinstance(resource, dict) else None
    listed = content.get("credentials") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(listed, list):
        return resource  # no longer what we write
    ended = [each for each in listed if isinstance(each, dict) and fingerprint(_value(str(each.get("key")))) in fingerprints]
    return {**resource, "typed_config": {**content, "credentials": [each for each in listed if each not in ended]}}


def _value(key: str) -> str:
    """Of what stands in a header: the key itself, or the password behind the name."""
    if not key.startswith("Basic "):
        return key
    try:
        return b64decode(key[6:]).decode().partition(":")[2]
    except ValueError:
        return key


def _keys(credentials: list[Json], header: str) -> Json:
    return {
        "@type": f"{TYPE}envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuth",
        "credentials": credentials,
        "key_sources": [{"header": header}],
        "forwarding": FORWARDING,
    }


def _values(declared: Declared, kind: str) -> Iterator[tuple[str, str]]:
    """Each consumer with each value of a kind, once."""
    for id, consumer in sorted(declared.consumers.items()):
        found = (declared.values.get(f"{id}/{each.id}") for each in consumer.credentials if each.kind == kind)
        for value in dict.fromkeys(value for value in found if value is not None):
            yield id, value


def tokens(declared: Declared) -> Json:
    """The issuers of JWTs that are believed, and what routes ask of a token."""
    providers: dict[str, Json] = {}
    demands: dict[str, Json] = {}
    for api in declared.apis:
        asked = [each for each in api.security if isinstance(each, Jwt)]
        if not asked:
            continue
        names = []
        for each in asked:
            name = requirement([each])
            names.append({"provider_name": name})
            providers[name] = {
                "issuer": each.issuer,
                "audiences": each.audiences,
                "local_jwks": {"inline_string": json.dumps(declared.jwks.get(each.jwks, {"keys": []}), sort_keys=True)},
                "claim_to_headers": [{"header_name": SUBJECT, "claim_name": each.consumer_claim}],
                "forward": False,
                # Envoy would take them from the query too, where they stand in everybody's logs (RFC 6750, 2.3).
                "from_headers": [{"name": "authorization", "value_prefix": "Bearer "}],
                "jwt_cache_config": {"jwt_cache_size": 1000},
                "require_expiration": True,
            }
        demands[requirement(asked)] = names[0] if len(names) == 1 else {"requires_any": {"requirements": names}}
    return {
        "@type": f"{TYPE}envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        "providers": providers,
        "requirement_map": demands,
    }


def limits(declared: Declared) -> Json:
    """Rates of each consumer under each plan of each API: one bucket for every caller, made when it first calls. Only plans stand
    here, so that no bucket is filled again by a new subscription or a new API."""
    plans = {id: plan for id, plan in sorted(declared.plans.items()) if plan.rate}
    descriptors = [
        {
            "entries": [
                {"key": "window", "value": str(window)},
                {"key": "plan", "value": id},
                {"key": "api"},
                {"key": "consumer"},
            ],
            "token_bucket": _bucket(rate),
        }
        for id, plan in plans.items()
        for window, rate in enumerate(plan.rate)
    ]
    windows = max((len(plan.rate) for plan in plans.values()), default=0)
    return {
        "@type": f"{TYPE}envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        "stat_prefix": "limits",
        "filter_enabled": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
        "filter_enforced": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
        "rate_limits": [{"actions": _counted(window)} for window in range(windows)],
        "descriptors": descriptors,
        "always_consume_default_token_bucket": False,
        "max_dynamic_descriptors": MOST_CALLERS,
        "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
        "enable_retry_after_header": True,
        "response_headers_to_add": [
            {"header": {"key": "x-tisserand-limit", "value": "rate"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        ],
    }


def _counted(window: int) -> list[Json]:
    """By what the calls within one rate of a plan are counted. Without a plan or a consumer, nothing is."""
    return [
        {"generic_key": {"descriptor_key": "window", "descriptor_value": str(window)}},
        {"request_headers": {"header_name": PLAN, "descriptor_key": "plan"}},
        {
            "metadata": {
                "descriptor_key": "api",
                "source": "ROUTE_ENTRY",
                "metadata_key": {"key": METADATA, "path": [{"key": "api"}]},
            }
        },
        {"request_headers": {"header_name": CONSUMER, "descriptor_key": "consumer"}},
    ]


def _bucket(rate: Rate) -> Json:
    return {"max_tokens": rate.count, "tokens_per_fill": rate.count, "fill_interval": f"{max(rate.per.seconds, 0.05):.3f}s"}
