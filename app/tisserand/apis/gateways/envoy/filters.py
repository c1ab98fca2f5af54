"""The filters that requests pass: their order, and the contents that change while Envoy runs."""

from __future__ import annotations

import json
from collections.abc import Iterable
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
    SUBSCRIBED,
    TOKENS,
    WINDOWS,
    requirement,
)
from tisserand.apis.gateways.envoy.settings import CONSUMER, PLAN, SUBJECT, TYPE
from tisserand.apis.model import Jwt, Rate
from tisserand.apis.neutral import Declared

Json = dict[str, Any]

CHANGING = (TOKENS, KEYS, LUA, LIMITS)
"""Filters whose contents come from files of their own: counters live as long as what holds them, so that nothing else is touched
when one of them changes."""

_RBAC = f"{TYPE}envoy.extensions.filters.http.rbac.v3.RBAC"
MOST_CONSUMERS = 100_000
"""For each API and plan, of which the rates are counted at a time."""


def chain(source: Any) -> list[Json]:
    """The filters in their order. `source(name)` says where the content of a changing one comes from."""
    return [
        {"name": ADDRESSES, "typed_config": {"@type": _RBAC}},
        {"name": CORS, "typed_config": {"@type": f"{TYPE}envoy.extensions.filters.http.cors.v3.Cors"}},
        {"name": TOKENS, **source(TOKENS)},
        {"name": KEYS, **source(KEYS)},
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
        {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{TYPE}envoy.extensions.filters.http.router.v3.Router"}},
    ]


def contents(declared: Declared, blocked: Iterable[tuple[str, str, int]] = ()) -> dict[str, Json]:
    """Name of a changing filter → its content."""
    return {TOKENS: tokens(declared), KEYS: keys(declared), LUA: lookup(declared, blocked), LIMITS: limits(declared)}


def lookup(declared: Declared, blocked: Iterable[tuple[str, str, int]]) -> Json:
    return {
        "@type": f"{TYPE}envoy.extensions.filters.http.lua.v3.Lua",
        "default_source_code": {"inline_string": script(declared, blocked)},
    }


def keys(declared: Declared) -> Json:
    """Every key once; what it opens is looked up afterwards."""
    credentials = [
        {"key": value, "client": consumer}
        for name, value in sorted(declared.values.items())
        for consumer, _slash, credential in (name.partition("/"),)
        if any(each.id == credential and each.kind == "api_key" for each in _credentials(declared, consumer))
    ]
    return {
        "@type": f"{TYPE}envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuth",
        "credentials": credentials,
        "key_sources": [{"header": "x-api-key"}],
        "forwarding": FORWARDING,
    }


def _credentials(declared: Declared, consumer: str) -> Iterable[Any]:
    known = declared.consumers.get(consumer)
    return known.credentials if known is not None else ()


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
    """Rates of each consumer under each plan of each API: one bucket for every caller, made when it first calls."""
    pairs = sorted({(each.api, each.plan) for each in declared.subscriptions.values() if each.plan in declared.plans})
    descriptors = [
        {
            "entries": [
                {"key": "window", "value": str(window)},
                {"key": "api", "value": api},
                {"key": "plan", "value": plan},
                {"key": "consumer"},
            ],
            "token_bucket": _bucket(rate),
        }
        for api, plan in pairs
        for window, rate in enumerate(declared.plans[plan].rate[:WINDOWS])
    ]
    return {
        "@type": f"{TYPE}envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        "stat_prefix": "limits",
        "filter_enabled": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
        "filter_enforced": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
        # For requests that no descriptor fits: of plans without a rate, and of open APIs.
        "token_bucket": {"max_tokens": 4_000_000_000, "tokens_per_fill": 4_000_000_000, "fill_interval": "1s"},
        "descriptors": descriptors,
        "always_consume_default_token_bucket": False,
        "max_dynamic_descriptors": MOST_CONSUMERS,
        "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
        "response_headers_to_add": [
            {"header": {"key": "x-tisserand-limit", "value": "rate"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        ],
    }


def _bucket(rate: Rate) -> Json:
    return {"max_tokens": rate.count, "tokens_per_fill": rate.count, "fill_interval": f"{max(rate.per.seconds, 0.05):.3f}s"}
