"""Routes: what may be called, by whom, on which terms, and where it goes."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any
from urllib.parse import urlsplit

import orjson

from tisserand.apis.gateways.envoy.settings import CONSUMER, METADATA, ROUTES, SUBJECT, TYPE
from tisserand.apis.gateways.lifecycle import http_date
from tisserand.apis.model import Api, ApiKey, Basic, Cors, Jwt, Open, Operation, Policies
from tisserand.apis.neutral import Declared, digest

Json = dict[str, Any]

LUA = "envoy.filters.http.lua"
KEYS = "envoy.filters.http.api_key_auth"
PASSWORDS = "tisserand.passwords"
TOKENS = "envoy.filters.http.jwt_authn"
SUBSCRIBED = "tisserand.subscribed"
ADDRESSES = "tisserand.addresses"
CORS = "envoy.filters.http.cors"
BUFFER = "envoy.filters.http.buffer"
LIMITS = "tisserand.limits"

FORWARDING: Json = {"header": CONSUMER, "hide_credentials": True}
"""What becomes of a key: its owner is told, the key itself is not."""

PROOFS = (KEYS, PASSWORDS, TOKENS)
"""The filters that prove who calls. All of them are on, unless a route says which one it wants."""

_TEMPLATE = re.compile(r"\{[^/{}]*\}")
_PLAIN = re.compile(r"%[0-9A-Fa-f]{2}|[A-Za-z0-9._~!$&'()*+,;=:@/-]")
"""What stands in a path as it is (RFC 3986, 3.3); all else is written as `%` and two hex digits."""

OTHER_PATHS = ("x-original-uri", "x-original-url", "x-rewrite-url")
OTHER_METHODS = ("x-http-method", "x-http-method-override", "x-method-override")
"""Headers by which frameworks let themselves be told of another path or method than the one that was let through."""


def configuration(declared: Declared, made_of: Callable[[Api], list[Json]] | None = None) -> Json:
    """The one RouteConfiguration. Within a host, the longest base path is found in one look, however many APIs there are. `made_of`
    gives the `routes_of` an API, where they are known."""
    hosts: dict[str, dict[str, list[Json]]] = {"*": {}}
    for api in sorted(declared.apis, key=lambda each: (each.route.versioning == "none", each.key)):
        made = made_of(api) if made_of is not None else [*routes_of(api, declared)]
        for host in dict.fromkeys(each.lower() for each in api.route.hosts or ["*"]):
            hosts.setdefault(host, {}).setdefault(api.path, []).extend(made)
    wide = sorted((host for host in hosts if "*" in host), key=len, reverse=True)
    own = {host: {path: [*routes] for path, routes in hosts[host].items()} for host in wide}
    for host, paths in hosts.items():
        # Envoy looks at the nearest name only: what is found under a wider one is found under this one too.
        for each in (each for each in wide if each != host and covers(each, host)):
            for path, routes in own[each].items():
                paths.setdefault(path, []).extend(routes)
    return {
        "@type": f"{TYPE}envoy.config.route.v3.RouteConfiguration",
        "name": ROUTES,
        "virtual_hosts": [_host(host, paths) for host, paths in sorted(hosts.items())],
        "ignore_port_in_host_matching": True,
    }


def covers(wide: str, host: str) -> bool:
    """Whether every name that `host` stands for is one of `wide`: `*`, `*.example.org` or `example.*`."""
    return host.endswith(wide[1:]) if wide.startswith("*") else wide.endswith("*") and host.startswith(wide[:-1])


def _host(host: str, paths: Mapping[str, list[Json]]) -> Json:
    made: Json = {"name": host, "domains": [host]}
    # Without a route of its own, what is not there would be asked for a key.
    nothing: Json = {"match": {"prefix": "/"}, "direct_response": {"status": 404}, "typed_per_filter_config": _nobody()}
    if paths:
        made["matcher"] = {
            "matcher_tree": {
                "input": {
                    "name": "path",
                    "typed_config": {"@type": f"{TYPE}envoy.type.matcher.v3.HttpRequestHeaderMatchInput", "header_name": ":path"},
                },
                "prefix_match_map": {"map": {path: _list([*_under(path, paths), nothing]) for path in sorted(paths)}},
            },
            "on_no_match": _list([nothing]),
        }
    else:
        made["routes"] = [nothing]
    return made


def _under(path: str, paths: Mapping[str, list[Json]]) -> list[Json]:
    """The routes of a path, and behind them those of shorter ones that its beginning fits: Envoy looks at one list only."""
    shorter = [path[:end] for end in range(len(path), 1, -1) if path[:end] in paths]
    return [route for each in shorter for route in paths[each]]


def _list(routes: list[Json]) -> Json:
    return {"action": {"name": "routes", "typed_config": {"@type": f"{TYPE}envoy.config.route.v3.RouteList", "routes": routes}}}


def routes_of(api: Api, declared: Declared) -> Iterator[Json]:
    """The routes of one version, in the order in which they are tried. The last refuses what is none of its operations."""
    where = _version(api)
    if api.lifecycle == "retired":
        yield _answer(api, {"safe_regex": _regex(_below(api)), "headers": where}, 410)
        return
    if not api.route.operations:
        yield from _operation(api, None, declared)
        return
    # Paths without a place for a value first, as OpenAPI wants them matched; each with what is none of its methods.
    for path in sorted(dict.fromkeys(each.path for each in api.route.operations), key=_templates):
        here = [each for each in api.route.operations if each.path == path]
        for operation in here:
            yield from _operation(api, operation, declared)
        refusal = _answer(api, {"safe_regex": _regex(_path(api, here[0])), "headers": where}, 405)
        allowed = ", ".join(dict.fromkeys(each.method for each in here))
        refusal["response_headers_to_add"] = [*refusal.get("response_headers_to_add", ()), added("allow", allowed)]
        yield refusal
    yield _answer(api, {"safe_regex": _regex(_below(api)), "headers": where}, 404)


def _templates(path: str) -> tuple[bool, ...]:
    """Orders paths: of two that fit, the one comes first that says more at the first place where they differ."""
    return tuple("{" in segment for segment in path.split("/"))


def _operation(api: Api, operation: Operation | None, declared: Declared) -> Iterator[Json]:
    """The routes of one operation, or of all where none is named."""
    policies = (operation.policies if operation is not None else None) or api.policies
    where = _version(api)
    match: Json = {"safe_regex": _regex(_path(api, operation)), "headers": list(where)}
    if policies.cors is not None:
        asked = {"name": "access-control-request-method", **_is(operation.method)} if operation is not None else {
            "name": "access-control-request-method", "present_match": True}  # fmt: skip
        yield _preflight(
            api, operation, policies.cors, {**match, "headers": [*where, {"name": ":method", **_is("OPTIONS")}, asked]}
        )
    if operation is not None:
        match["headers"].append({"name": ":method", **_is(operation.method)})
    yield from _proven(api, operation, policies, declared, match)


def _is(text: str) -> Json:
    return {"string_match": {"exact": text}}


def _proven(api: Api, operation: Operation | None, policies: Policies, declared: Declared, match: Json) -> Iterator[Json]:
    """One route for each way to prove who calls."""
    opened = any(isinstance(each, Open) and each.approved_by.strip() for each in api.security)
    tokens = [each for each in api.security if isinstance(each, Jwt)]
    keys = [each for each in api.security if isinstance(each, ApiKey)]
    if opened:
        yield _forward(api, operation, policies, declared, match, {})
        return
    passwords = any(isinstance(each, Basic) for each in api.security)
    # Keys that are sent beside another proof, though nobody looks at them, are not for the service either.
    beside = [each.name.lower() for each in keys if each.place == "header"]
    if tokens:
        only = _with_scheme(match, "Bearer") if keys or passwords else match
        guard: Json = {
            TOKENS: {
                "@type": f"{TYPE}envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig",
                "requirement_name": requirement(tokens),
            }
        }
        yield _forward(api, operation, policies, declared, only, guard, beside)
    if passwords:
        guard = {PASSWORDS: _asking([{"header": "authorization"}])}
        yield _forward(api, operation, policies, declared, _with_scheme(match, "Basic") if keys else match, guard, beside)
    if keys:
        sources: list[Json] = [{each.place: each.name} for each in keys]
        yield _forward(api, operation, policies, declared, match, {KEYS: _asking(sources)})
    if not tokens and not keys and not passwords:  # none of its ways can be proven here: nobody passes
        yield _answer(api, match, 401)


def _with_scheme(match: Json, scheme: str) -> Json:
    """Of the requests those whose credential is of one scheme (RFC 9110, 11.1)."""
    named = {"name": "authorization", "string_match": {"prefix": f"{scheme} ", "ignore_case": True}}
    return {**match, "headers": [*match["headers"], named]}


def _asking(sources: list[Json]) -> Json:
    """Where a key stands; the keys themselves are the same for all routes."""
    return {
        "@type": f"{TYPE}envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuthPerRoute",
        "key_sources": sources,
        "forwarding": FORWARDING,
    }


def requirement(tokens: list[Jwt]) -> str:
    """The name under which the JWT filter knows what such tokens must be."""
    return f"jwt-{digest([each.model_dump(mode='json') for each in tokens])}"


def _forward(
    api: Api, operation: Operation | None, policies: Policies, declared: Declared, match: Json, guard: Json, hidden: Sequence[str] = ()
) -> Json:  # fmt: skip
    filters: Json = dict(guard)
    for name in PROOFS:
        if name not in guard:
            filters[name] = _off()
    if not guard:
        filters[SUBSCRIBED] = _off()
    if policies.ip_allow or policies.ip_deny:
        filters[ADDRESSES] = {
            "@type": f"{TYPE}envoy.extensions.filters.http.rbac.v3.RBACPerRoute",
            "rbac": {"rules": _addresses(policies)},
        }
    if policies.cors is not None:
        filters[CORS] = _cors(policies.cors)
    if policies.max_body is not None:
        filters[BUFFER] = {
            "@type": f"{TYPE}envoy.extensions.filters.http.buffer.v3.BufferPerRoute",
            "buffer": {"max_request_bytes": max(1, policies.max_body.bytes)},
        }
    upstream = api.upstream
    base = urlsplit(upstream.targets[0].url).path.rstrip("/") if upstream.targets else ""
    # What is left of the path, without its slash, behind the path of the target.
    front = f"{re.escape(api.path)}/?" if api.route.strip else "/"
    action: Json = {
        "cluster": cluster_name(api),
        "timeout": f"{upstream.timeout.seconds:.3f}s",
        "auto_host_rewrite": True,
        "regex_rewrite": {"pattern": {"regex": f"^{front}(.*)$"}, "substitution": f"{_substitution(base)}/\\1"},
        # A service that says nothing for longer than that has run into its time limit already.
        "idle_timeout": f"{upstream.timeout.seconds + 5:.3f}s",
    }
    if upstream.retries:
        action["retry_policy"] = {
            "retry_on": "connect-failure,refused-stream,reset-before-request,retriable-status-codes",
            "retriable_status_codes": [502, 503, 504],
            "num_retries": upstream.retries,
        }
    made: Json = {"match": match, "route": action, "metadata": _metadata(api, operation), "typed_per_filter_config": filters}
    set_request = {**policies.request_headers.set, **declared.upstream_headers.get(api.key, {})}
    made["request_headers_to_add"] = [added(name, value) for name, value in sorted(set_request.items())]
    others = OTHER_PATHS + (OTHER_METHODS if api.route.operations else ())
    made["request_headers_to_remove"] = sorted({*policies.request_headers.remove, SUBJECT, *others, *hidden})
    made["response_headers_to_add"] = [
        added(name, value) for name, value in sorted({**policies.response_headers.set, **_sunset(api)}.items())
    ]
    if policies.cors is not None:  # what is answered to one page is not for the next (Fetch, “CORS protocol and HTTP caches”)
        vary = {"header": {"key": "vary", "value": "Origin"}, "append_action": "APPEND_IF_EXISTS_OR_ADD"}
        made["response_headers_to_add"].append(vary)
    made["response_headers_to_remove"] = sorted(policies.response_headers.remove)
    return {name: value for name, value in made.items() if value}


def _preflight(api: Api, operation: Operation | None, cors: Cors, match: Json) -> Json:
    """Asked by browsers before the real request: answered by the CORS filter, before anybody is proven."""
    return {
        "match": match,
        # What the filter does not answer comes from a page that may not call: nobody is proven, so that nobody is let on.
        "route": {"cluster": cluster_name(api)},
        "metadata": _metadata(api, operation),
        "typed_per_filter_config": {CORS: _cors(cors), **{name: _off() for name in PROOFS}},
    }


def _answer(api: Api, match: Json, status: int) -> Json:
    """Answered by the gateway itself; the body comes from the table of local replies."""
    return {
        "match": match,
        "direct_response": {"status": status},
        "metadata": _metadata(api, None),
        "typed_per_filter_config": _nobody(),
        **({"response_headers_to_add": [added(*each) for each in _sunset(api).items()]} if _sunset(api) else {}),
    }


def _nobody() -> Json:
    """For answers that need no proof of who asks."""
    return {name: _off() for name in (*PROOFS, SUBSCRIBED)}


def _off() -> Json:
    return {"@type": f"{TYPE}envoy.config.route.v3.FilterConfig", "disabled": True}


def _metadata(api: Api, operation: Operation | None) -> Json:
    named = {
        "api": api.id,
        "key": api.key,
        "version": api.version,
        "operation": f"{operation.method} {operation.path}" if operation else "",
    }
    return {"filter_metadata": {METADATA: named, LUA: {"api": api.id, "key": api.key}}}


def _version(api: Api) -> list[Json]:
    """The conditions on a request that names a version other than in its path."""
    route = api.route
    if route.versioning == "header":
        return [{"name": route.name, "string_match": {"exact": api.version}}]
    if route.versioning == "query":
        name, version = re.escape(route.name), re.escape(api.version)
        return [{"name": ":path", "string_match": {"safe_regex": _regex(rf"[^?]*\?(?:.*&)?{name}={version}(?:&.*)?")}}]
    return []


def _below(api: Api) -> str:
    return f"{re.escape(api.path)}(?:/.*)?"


def _path(api: Api, operation: Operation | None) -> str:
    """The regular expression of a path, without its query, which Envoy takes away before it compares."""
    if operation is None:
        return _below(api)
    parts = _TEMPLATE.split(operation.path)
    inner = "[^/]+".join(_literal(part) for part in parts)
    return f"{re.escape(api.path)}{'/?' if operation.path == '/' else inner}"


def _literal(text: str) -> str:
    """A part of a path as a regular expression, as it stands in a request: there is nothing but ASCII."""
    found = []
    at = 0
    while at < len(text):
        plain = _PLAIN.match(text, at)
        piece = plain[0] if plain else "".join(f"%{byte:02X}" for byte in text[at].encode())
        found += [f"(?i:{piece})" if "%" in piece else re.escape(piece)]
        at += len(plain[0]) if plain else 1
    return "".join(found)


def _regex(pattern: str) -> Json:
    return {"regex": pattern}


def _substitution(text: str) -> str:
    return text.replace("\\", "\\\\")


def added(name: str, value: str) -> Json:
    """A header that replaces what is there."""
    # A percent sign begins a command of Envoy's; what people write is only text.
    return {"header": {"key": name, "value": value.replace("%", "%%")}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _sunset(api: Api) -> dict[str, str]:
    """`Deprecation` (RFC 9745) and `Sunset` (RFC 8594)."""
    found: dict[str, str] = {}
    if api.lifecycle in ("deprecated", "retired"):
        since = api.since or datetime(1970, 1, 2, tzinfo=UTC)
        # A moment without a time zone is meant in UTC, wherever this runs.
        found["deprecation"] = f"@{int((since if since.tzinfo else since.replace(tzinfo=UTC)).timestamp())}"
        if api.sunset is not None:
            found["sunset"] = http_date(datetime.combine(api.sunset, time(), UTC))
    return found


def _cors(cors: Cors) -> Json:
    origins: list[Json] = [{"safe_regex": _regex(".*")} if each == "*" else {"exact": each.rstrip("/")} for each in cors.origins]
    return {
        "@type": f"{TYPE}envoy.extensions.filters.http.cors.v3.CorsPolicy",
        "allow_origin_string_match": origins,
        "allow_methods": ",".join(cors.methods),
        "allow_headers": ",".join(cors.headers),
        "expose_headers": ",".join(cors.expose),
        "max_age": str(int(cors.max_age.seconds)),
        "allow_credentials": cors.credentials,
    }


def _addresses(policies: Policies) -> Json:
    def networks(texts: list[str]) -> Json:
        return {"or_ids": {"ids": [{"remote_ip": _network(text)} for text in texts]}}

    conditions: list[Json] = []
    if policies.ip_allow:
        conditions.append(networks(policies.ip_allow))
    if policies.ip_deny:
        conditions.append({"not_id": networks(policies.ip_deny)})
    return {
        "action": "ALLOW",
        "policies": {"addresses": {"permissions": [{"any": True}], "principals": [{"and_ids": {"ids": conditions}}]}},
    }


def _network(text: str) -> Json:
    network = ipaddress.ip_network(text, strict=False)
    return {"address_prefix": str(network.network_address), "prefix_len": network.prefixlen}


def cluster_name(api: Api) -> str:
    return f"api/{api.key}"


def canonical(value: Any) -> str:
    """The same text for the same content."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
