"""What is declared, as entities of Kong."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tisserand.apis.gateways import lifecycle
from tisserand.apis.gateways.entitled import Entitled, Login, entitled_by_api, logins
from tisserand.apis.gateways.kong import entities, tokens
from tisserand.apis.gateways.kong.entities import Entities, Entity
from tisserand.apis.model import Api, ApiKey, Basic, Consumer, Headers, HealthCheck, Jwt, Open, Operation, Plan, Policies
from tisserand.apis.neutral import Declared

PERIODS: Mapping[float, str] = {1.0: "second", 60.0: "minute", 3600.0: "hour", 86400.0: "day"}
"""Seconds → the period that Kong counts over."""
ORDER = ("second", "minute", "hour", "day", "month")
CACHED = [
    "application/json",
    "application/json; charset=utf-8",
    "text/plain",
    "text/csv",
    "text/html",
    "text/html; charset=utf-8",
]
"""Types of answers that are kept; Kong compares them to the letter."""


@dataclass
class Configuration:
    owner: str
    counters: str
    """`policy` of the limits: `local`, `cluster`."""
    entities: Entities = field(default_factory=lambda: {kind: {} for kind in entities.KINDS})
    owners: dict[str, list[str]] = field(default_factory=dict)
    """Item → its objects, `kind/name`."""
    carriers: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Item → kind and id of the entity whose tags keep it."""

    def put(self, kind: str, name: str, content: Mapping[str, Any], *items: str) -> str:
        """Add an entity; gives its id."""
        id = entities.id_of(self.owner, kind, name)
        cleaned = {each: value for each, value in content.items() if value is not None}
        self.entities[kind][id] = {"id": id, **cleaned, "tags": entities.tags(self.owner, name)}
        for item in items:
            owned = self.owners.setdefault(item, [])
            if f"{kind}/{name}" not in owned:
                owned.append(f"{kind}/{name}")
        return id

    def plugin(self, kind: str, name: str, config: Mapping[str, Any], item: str, **scope: str) -> None:
        content = {"name": kind, "instance_name": name, "enabled": True, **scope, "config": dict(config)}
        self.put("plugin", name, content, item)

    def objects(self) -> dict[str, Any]:
        """As `kept.kept` wants them: `kind/name` → what we say."""
        return {
            f"{kind}/{entities.name_of(each)}": entities.said(kind, each)
            for kind, some in self.entities.items()
            for each in some.values()
        }

    def carry(self, words: Mapping[str, str]) -> None:
        """Put the packed items into the tags of their carriers."""
        by_carrier: dict[tuple[str, str], list[str]] = {}
        for item, word in words.items():
            by_carrier.setdefault(self.carriers[item], []).append(word)
        for (kind, id), some in by_carrier.items():
            entity = self.entities[kind][id]
            entity["tags"] = entities.tags(self.owner, entities.name_of(entity), some)


def build(owner: str, declared: Declared, counters: str = "local") -> Configuration:
    made = Configuration(owner, counters)
    known, callers = logins(declared), entitled_by_api(declared)
    keys = tokens.chosen(declared)
    consumers = {id: _consumer(made, id, each, known[id], keys) for id, each in declared.consumers.items()}
    for id in declared.plans:
        # Plans are nothing in Kong; a consumer that nobody can be keeps the words.
        made.carriers[f"plan/{id}"] = (
            "consumer",
            made.put("consumer", f"{owner}~plan~{id}", {"username": f"{owner}~plan~{id}"}, f"plan/{id}"),
        )
    several = [f"api/{api.key}" for api in declared.apis if _several(api)]
    nobody = made.put("consumer", f"{owner}~nobody", {"username": f"{owner}~nobody"}, *several) if several else ""
    for api in declared.apis:
        _Version(made, api, declared, nobody, tokens.taken(api, keys)).build(callers[api.key], consumers)
    for id, sub in declared.subscriptions.items():
        made.owners.setdefault(f"subscription/{id}", [])
        if sub.consumer in consumers:
            made.carriers[f"subscription/{id}"] = "consumer", consumers[sub.consumer]
    return made


def _consumer(made: Configuration, id: str, consumer: Consumer, known: Sequence[Login], key: tokens.Chosen | None) -> str:
    item = f"consumer/{id}"
    mine = made.put("consumer", id, {"username": id, "custom_id": id}, item)
    made.carriers[item] = "consumer", mine
    for each in known:
        if each.kind == "api_key":
            made.put("key", f"{id}~{each.id}", {"key": each.value, "consumer": mine}, item)
        else:
            made.put("basic", f"{id}~{each.id}", {"username": each.user, "password": each.password, "consumer": mine}, item)
    if key is not None:
        content = {"key": consumer.subject or id, "algorithm": key.algorithm, "rsa_public_key": key.pem, "consumer": mine}
        made.put("jwt", id, content, item)
    return mine


def _several(api: Api) -> bool:
    """Whether one of several ways suffices: Kong then needs somebody who everybody is that shows nothing."""
    return len({type(way) for way in api.security if isinstance(way, ApiKey | Basic | Jwt)}) > 1


class _Version:
    """The entities of one version of an API."""

    def __init__(self, made: Configuration, api: Api, declared: Declared, nobody: str, token: Jwt | None) -> None:
        self.made, self.api, self.declared, self.nobody, self.token = made, api, declared, nobody, token
        self.item = f"api/{api.key}"
        self.name = f"{made.owner}~{api.id}~{api.version}"
        self.open = any(isinstance(way, Open) for way in api.security)

    def build(self, callers: Sequence[Entitled], consumers: Mapping[str, str]) -> None:
        service = self._service()
        self.made.carriers[self.item] = "service", service
        if self.api.lifecycle == "retired":
            self.made.plugin(
                "request-termination", f"{self.name}~gone", {"status_code": 410, "message": "Gone"}, self.item, service=service
            )
            self._routes(service, 0, [], self.api.policies, alone=True)
            return
        if not self.open:
            self._guards(service)
            self._callers(service, callers, consumers)
        groups = [*_groups(self.api)]
        for number, (operations, policies) in enumerate(groups):
            self._routes(service, number, operations, policies, alone=len(groups) == 1)

    # -- where requests go

    def _service(self) -> str:
        upstream = self.api.upstream
        parts = urlsplit(upstream.targets[0].url if upstream.targets else "http://localhost")
        several = len(upstream.targets) > 1 or upstream.health is not None
        port = parts.port or (443 if parts.scheme == "https" else 80)
        milliseconds = max(1, round(upstream.timeout.seconds * 1000))
        return self.made.put("service", self.name, {
            "name": self.name, "protocol": parts.scheme, "host": self._upstream() if several else parts.hostname, "port": port,
            "path": parts.path.rstrip("/") or None, "retries": upstream.retries, "connect_timeout": milliseconds,
            "write_timeout": milliseconds, "read_timeout": milliseconds, "enabled": True,
            "tls_verify": upstream.verify if parts.scheme == "https" else None,
        }, self.item)  # fmt: skip

    def _upstream(self) -> str:
        name = f"t{entities.id_of(self.made.owner, 'upstream', self.name).replace('-', '')}.tisserand"
        health = (
            _health(self.api.upstream.health, urlsplit(self.api.upstream.targets[0].url).scheme)
            if self.api.upstream.health
            else None
        )
        id = self.made.put("upstream", self.name, {"name": name, "healthchecks": health}, self.item)
        for number, each in enumerate(self.api.upstream.targets):
            parts = urlsplit(each.url)
            address = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
            self.made.put(
                "target", f"{self.name}~{number}", {"target": address, "weight": each.weight, "upstream": id}, self.item
            )
        return name

    # -- who may

    def _guards(self, service: str) -> None:
        anonymous = self.nobody if _several(self.api) else None
        keys = [way for way in self.api.security if isinstance(way, ApiKey)]
        if keys:
            self._guard("key-auth", {
                "key_names": sorted({way.name for way in keys}), "key_in_header": any(way.place == "header" for way in keys),
                "key_in_query": any(way.place == "query" for way in keys), "key_in_body": False, "hide_credentials": True,
                "run_on_preflight": False, "anonymous": anonymous,
            }, service)  # fmt: skip
        if any(isinstance(way, Basic) for way in self.api.security):
            self._guard("basic-auth", {"hide_credentials": True, "anonymous": anonymous}, service)
        if (way := self.token) is not None:
            self._guard("jwt", {
                "key_claim_name": way.consumer_claim, "claims_to_verify": ["exp"], "header_names": ["authorization"],
                "uri_param_names": [], "cookie_names": [], "run_on_preflight": False, "anonymous": anonymous,
            }, service)  # fmt: skip
        self._guard("acl", {"allow": [self.name], "hide_groups_header": True}, service)

    def _guard(self, plugin: str, config: dict[str, Any], service: str) -> None:
        config = {name: value for name, value in config.items() if value is not None}
        self.made.plugin(plugin, f"{self.name}~{plugin}", config, self.item, service=service)

    def _callers(self, service: str, callers: Iterable[Entitled], consumers: Mapping[str, str]) -> None:
        for caller in callers:
            consumer = consumers[caller.consumer]
            items = [f"subscription/{id}" for id in caller.subscriptions]
            name = f"{self.name}~{caller.consumer}"
            self.made.put("acl", name, {"group": self.name, "consumer": consumer}, *items)
            counted = limits(self.declared.plans[plan] for plan in caller.plans if plan in self.declared.plans)
            if counted:
                config = {
                    **counted, "limit_by": "consumer", "policy": self.made.counters, "fault_tolerant": False,
                    "hide_client_headers": False, "error_code": 429,
                }  # fmt: skip
                content = {"name": "rate-limiting", "instance_name": name, "enabled": True, "config": config}
                self.made.put("plugin", name, {**content, "service": service, "consumer": consumer}, *items)

    # -- which requests, and what is done to them

    def _routes(self, service: str, number: int, operations: Sequence[Operation], policies: Policies, *, alone: bool) -> None:
        api, name = self.api, f"{self.name}~{number}"
        by_method: dict[str, list[str]] = {}
        for each in operations:
            by_method.setdefault(each.method, []).append(each.path)
        routes: list[tuple[str, list[str] | None, list[str] | None]] = [(name, None, None)]
        if by_method:
            routes = [(f"{name}~{method.lower()}", [method], paths) for method, paths in by_method.items()]
        if by_method and policies.cors is not None:
            # Browsers ask with OPTIONS; the plugin answers before anything else is asked.
            routes.append((f"{name}~preflight", ["OPTIONS"], [path for paths in by_method.values() for path in paths]))
        ids = [
            self.made.put("route", route, {
                "name": route, "service": service, "protocols": ["http", "https"], "methods": methods, "hosts": list(api.route.hosts) or None,
                "paths": _paths(api, paths), "headers": {api.route.name: [api.version]} if api.route.versioning == "header" else None,
                "strip_path": api.route.strip and paths is None, "preserve_host": False, "regex_priority": len(api.path),
            }, self.item)
            for route, methods, paths in routes
        ]  # fmt: skip
        told = "$(uri_captures['rest'])" if operations and api.route.strip else ""
        for plugin, config in self._plugins(policies, told):
            if alone and plugin != "request-transformer":
                self.made.plugin(plugin, f"{name}~{plugin}", config, self.item, service=service)
            else:
                for (route, _, _), id in zip(routes, ids, strict=True):
                    self.made.plugin(plugin, f"{route}~{plugin}", config, self.item, route=id)

    def _plugins(self, policies: Policies, rest: str) -> Iterator[tuple[str, dict[str, Any]]]:
        if (cors := policies.cors) is not None:
            yield "cors", {
                "origins": list(cors.origins) or ["*"], "methods": list(cors.methods), "headers": list(cors.headers),
                "exposed_headers": list(cors.expose), "credentials": cors.credentials, "max_age": int(cors.max_age.seconds),
                "preflight_continue": False,
            }  # fmt: skip
        if policies.ip_allow or policies.ip_deny:
            yield "ip-restriction", {
                **({"allow": list(policies.ip_allow)} if policies.ip_allow else {}),
                **({"deny": list(policies.ip_deny)} if policies.ip_deny else {}), "status": 403,
            }  # fmt: skip
        if policies.max_body is not None:
            yield "request-size-limiting", {
                "allowed_payload_size": policies.max_body.bytes, "size_unit": "bytes", "require_content_length": False,
            }  # fmt: skip
        if policies.cache:
            yield "proxy-cache", {
                "strategy": "memory", "cache_ttl": policies.cache, "request_method": ["GET"], "response_code": [200],
                "content_type": CACHED, "cache_control": False,
            }  # fmt: skip
        request = self._request(policies.request_headers, rest)
        if request:
            yield "request-transformer", request
        response = _headers(policies.response_headers, lifecycle.headers(self.api))
        if response:
            yield "response-transformer", response

    def _request(self, headers: Headers, rest: str) -> dict[str, Any]:
        more = dict(self.declared.upstream_headers.get(self.api.key, {}))
        config = _headers(headers, more, ["x-consumer-id", "x-consumer-username", "x-consumer-custom-id"] if self.open else [])
        if rest:
            before = urlsplit(self.api.upstream.targets[0].url).path.rstrip("/") if self.api.upstream.targets else ""
            config["replace"] = {"uri": f"{before}{rest}"}
        return config


def _groups(api: Api) -> Iterator[tuple[list[Operation], Policies]]:
    usual = [each for each in api.route.operations if each.policies is None]
    if usual or not api.route.operations:
        yield usual, api.policies
    for each in api.route.operations:
        if each.policies is not None:
            yield [each], each.policies


def _headers(headers: Headers, more: Mapping[str, str], gone: Sequence[str] = ()) -> dict[str, Any]:
    """What a transformer does: take away, then add, which together replaces."""
    added = {**headers.set, **more}
    away = [*headers.remove, *added, *gone]
    config: dict[str, Any] = {}
    if away:
        config["remove"] = {"headers": list(dict.fromkeys(away))}
    if added:
        config["add"] = {"headers": [f"{name}:{value}" for name, value in added.items()]}
    return config


def _paths(api: Api, paths: Sequence[str] | None) -> list[str]:
    """Kong's paths: `~` and a regular expression (Rust) that holds from the beginning. All are such, so that of two that fit the one of
    the longer base wins (`regex_priority`)."""
    if paths is None:
        return [f"~{_escaped(api.path)}(?:/|$)"]
    return [f"~{_escaped(api.path)}(?<rest>{template(each)})$" for each in dict.fromkeys(paths)]


def template(path: str) -> str:
    if path == "/":
        return "/?"
    return "".join("[^/]+" if part.startswith("{") else _escaped(part) for part in re.split(r"(\{[^{}/]*\})", path))


def _escaped(text: str) -> str:
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", text)


def _health(health: HealthCheck, scheme: str) -> Entity:
    seconds = max(1, round(health.every.seconds))
    return {"active": {
        "type": scheme, "http_path": health.path, "timeout": max(1, round(health.timeout.seconds)),
        "healthy": {"interval": seconds, "successes": health.healthy, "http_statuses": [200, 201, 202, 203, 204, 205, 206]},
        "unhealthy": {
            "interval": seconds, "http_failures": health.unhealthy, "tcp_failures": health.unhealthy, "timeouts": health.unhealthy,
        },
    }}  # fmt: skip


def limits(plans: Iterable[Plan]) -> dict[str, int]:
    """Period → how many calls, of all the plans together. Kong takes no limit that is higher than one over a longer time; such a one
    says nothing anyway."""
    found: dict[str, int] = {}
    for plan in plans:
        each = [(PERIODS[rate.per.seconds], rate.count) for rate in plan.rate if rate.per.seconds in PERIODS]
        if plan.quota is not None and plan.quota.period in ORDER:
            each.append((plan.quota.period, plan.quota.count))
        for period, count in each:
            found[period] = min(count, found.get(period, count))
    least: dict[str, int] = {}
    smallest: int | None = None
    for period in reversed(ORDER):
        if period in found and (smallest is None or found[period] < smallest):
            smallest = least[period] = found[period]
    return {period: least[period] for period in ORDER if period in least}


def network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True
