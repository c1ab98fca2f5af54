"""What is declared, as objects of Traefik's dynamic configuration: routers, middlewares, services, transports.

Traefik has neither consumers nor keys, but its rules see headers. So every consumer of an API has a router of its own, which only a
request with its key reaches, with its own limits; a router behind those answers 403 to known keys and 401 to everybody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from tisserand.apis import periods
from tisserand.apis.gateways import lifecycle
from tisserand.apis.gateways.entitled import Entitled, Login, entitled_by_api, logins
from tisserand.apis.gateways.traefik import rules
from tisserand.apis.gateways.traefik.objects import Dynamic
from tisserand.apis.model import Api, ApiKey, Basic, Open, Operation, Policies, Rate
from tisserand.apis.neutral import Declared

CONSUMER_HEADER = "x-consumer-id"
PLAN_HEADER = "x-consumer-plan"

BASE_PRIORITY = 1_000_000
"""Far above the length of any rule, which is what other people's routers have."""
RETIRED, FOUND = BASE_PRIORITY + 90, BASE_PRIORITY + 80
DENIED, PREFLIGHT, CALLER, EVERYBODY, KNOWN, REFUSED = 80, 70, 60, 50, 40, 30
"""Below the router of an API (multi-layer routing)."""

EVERYTHING = "PathPrefix(`/`)"
KEYS_TOGETHER = 500
"""Credentials in one rule."""
MOST_KNOWN = 50_000
"""Pairs of an API and a credential up to which who is known, but has not subscribed, gets 403; above, 401 as everybody else."""


@dataclass(frozen=True, slots=True)
class Group:
    """Operations of an API that have the same policies."""

    number: int
    operations: Sequence[Operation]
    policies: Policies


def groups(api: Api) -> list[Group]:
    usual = [each for each in api.route.operations if each.policies is None]
    found = [Group(0, usual, api.policies)] if usual or not api.route.operations else []
    special = [each for each in api.route.operations if each.policies is not None]
    return found + [Group(number, [each], each.policies or api.policies) for number, each in enumerate(special, 1)]


def build(
    gateway: str, declared: Declared, entry_points: Sequence[str], tls: bool, retry_after: Mapping[str, datetime]
) -> Dynamic:
    """All objects. `retry_after`: when the quota of a plan begins anew."""
    made = Dynamic(gateway, entry_points, tls)
    callers, known = entitled_by_api(declared), logins(declared)
    beside = below(declared.apis)
    versions: dict[str, list[Api]] = {}
    for api in declared.apis:
        if api.lifecycle == "retired":
            name = f"{gateway}~{api.id}~{api.version}~retired"
            answer = [*_edge(made, api, name, api.policies), made.refusal(410)]
            made.root(name, rules.own(api, beside[api.path]), RETIRED, answer, made.nothing(), f"api/{api.key}")
        else:
            versions.setdefault(api.id, []).append(api)
    told = len(versions) * sum(map(len, known.values())) <= MOST_KNOWN
    for id, apis in versions.items():
        wheres = [rules.own(api, beside[api.path]) for api in apis]
        made.root(f"{gateway}~{id}", rules.any_of(f"({each})" for each in wheres), FOUND, [], "", *(f"api/{a.key}" for a in apis))
        some = [Version(made, api, where if len(apis) > 1 else "", declared) for api, where in zip(apis, wheres, strict=True)]
        together: dict[tuple[str, tuple[str, ...]], list[tuple[Version, Entitled]]] = {}
        for version in some:
            version.build()
            for caller in callers[version.api.key]:
                together.setdefault((caller.consumer, tuple(caller.subscriptions)), []).append((version, caller))
        for (consumer, _), mine in together.items():
            _caller(made, mine, known[consumer], retry_after)
        if told:
            _known(made, f"{gateway}~{id}", some, known)
    return made


def below(apis: Iterable[Api]) -> Mapping[str, Sequence[Api]]:
    """Path → the versions that are found there or below it."""
    found: dict[str, list[Api]] = {}
    for api in apis:
        path = api.path
        while path:
            found.setdefault(path, []).append(api)
            path = path.rpartition("/")[0]
    return found


def _caller(
    made: Dynamic, some: Sequence[tuple[Version, Entitled]], known: Sequence[Login], retry_after: Mapping[str, datetime]
) -> None:
    """The routers of one consumer for the versions of one API that it may call under the same terms. One router does it all where
    there is one version with the same policies for all operations; otherwise a router above the others counts for all of them."""
    first, caller = some[0]
    items = [f"subscription/{id}" for id in caller.subscriptions]
    name = f"{made.gateway}~{first.api.id}~{first.api.version}~c~{caller.consumer}"
    parts = [(version, group) for version, _ in some if version.shown(known) for group in version.groups]
    if not parts:
        return
    over, rates = _limits(made, name, caller, items, retry_after)
    if len(parts) == 1:
        version, group = parts[0]
        leaf = f"{version.name}~{group.number}~c~{caller.consumer}"
        identity = version.identity(leaf, group.policies, caller)
        middlewares = [*version.edge(group), *version.before(group), *over, identity, *rates, *version.behind(group)]
        rule = version.rule(version.operations(group), version.shown(known))
        made.child(leaf, rule, version.parent, CALLER, middlewares, version.service, *items)
        return
    who = made.put("middlewares", f"{name}~who", {"headers": {"customRequestHeaders": _who(caller)}}, *items)
    wheres = rules.any_of(f"({version.rule(version.shown(known))})" for version, _ in some if version.shown(known))
    made.child(name, wheres, first.parent, CALLER, [*over, who, *rates], "", *items)
    for version, group in parts:
        leaf = f"{version.name}~{group.number}~c~{caller.consumer}"
        identity = version.identity(leaf, group.policies, caller)
        middlewares = [*version.edge(group), *version.before(group), identity, *version.behind(group)]
        made.child(leaf, version.rule(version.operations(group)), name, 0, middlewares, version.service, *items)


def _who(caller: Entitled | None) -> dict[str, str]:
    return {CONSUMER_HEADER: caller.consumer if caller else "", PLAN_HEADER: caller.plans[0] if caller and caller.plans else ""}


def _limits(
    made: Dynamic, name: str, caller: Entitled, items: Sequence[str], retry_after: Mapping[str, datetime]
) -> tuple[list[str], list[str]]:
    """What refuses a consumer whose quota is used up, and what counts its calls otherwise."""
    if caller.over:
        until = [retry_after[plan] for plan in caller.plans if plan in retry_after]
        said = []
        if until:
            told = {"customResponseHeaders": {"Retry-After": lifecycle.http_date(max(until))}}
            said = [made.put("middlewares", f"{name}~until", {"headers": told}, *items)]
        return [*said, made.refusal(429)], []
    return [], [
        made.put("middlewares", f"{name}~rate~{number}", {"rateLimit": _rate(rate)}, *items)
        for number, rate in enumerate(caller.rates)
    ]


def _known(made: Dynamic, parent: str, versions: Sequence[Version], known: Mapping[str, Sequence[Login]]) -> None:
    """403 for who is known, but has not subscribed to what is called."""
    ways: dict[tuple[str, str, str], list[Version]] = {}
    for version in versions:
        for way in version.ways:
            key = ("basic", "", "") if isinstance(way, Basic) else ("api_key", way.place, way.name)
            ways.setdefault(key, []).append(version)
    for number, ((kind, place, name), some) in enumerate(sorted(ways.items(), key=lambda each: each[0])):
        taken = Basic() if kind == "basic" else ApiKey(place="query" if place == "query" else "header", name=name)
        every = [each for logins in known.values() for each in logins if each.kind == kind]
        where = rules.any_of(f"({each.rule(rules.operations(each.api, each.api.route.operations))})" for each in some)
        for first in range(0, len(every), KEYS_TOGETHER):
            mine = every[first : first + KEYS_TOGETHER]
            items = dict.fromkeys(f"consumer/{each.consumer}" for each in mine)
            router = f"{parent}~~known~{number}~{first // KEYS_TOGETHER}"
            rule = f"{rules.shown(taken, mine)} && {where}"
            made.child(router, rule, parent, KNOWN, [made.refusal(403)], made.nothing(), *items)


def _edge(made: Dynamic, api: Api, name: str, policies: Policies) -> list[str]:
    """What is done to every answer: CORS, headers of the life cycle and of the policies."""
    content: dict[str, Any] = {}
    headers = {**lifecycle.headers(api), **policies.response_headers.set, **dict.fromkeys(policies.response_headers.remove, "")}
    if headers:
        content["customResponseHeaders"] = headers
    if (cors := policies.cors) is not None:
        content |= {
            "accessControlAllowOriginList": [*cors.origins],
            "accessControlAllowMethods": [*cors.methods],
            "accessControlAllowHeaders": [*cors.headers],
            "accessControlMaxAge": int(cors.max_age.seconds),
            "accessControlAllowCredentials": cors.credentials,
            "addVaryHeader": True,
        }
        if cors.expose:
            content["accessControlExposeHeaders"] = [*cors.expose]
    return [made.put("middlewares", f"{name}~edge", {"headers": content}, f"api/{api.key}")] if content else []


class Version:
    """The objects of one version of an API that are the same for all callers."""

    def __init__(self, made: Dynamic, api: Api, where: str, declared: Declared) -> None:
        """`where`: which requests of the API are of this version; empty where there is only one."""
        self.made, self.api, self.where, self.declared = made, api, where, declared
        self.item = f"api/{api.key}"
        self.name, self.parent = f"{made.gateway}~{api.id}~{api.version}", f"{made.gateway}~{api.id}"
        self.ways = [way for way in api.security if isinstance(way, ApiKey | Basic)]
        self.groups = groups(api)
        self.service = self._service()
        self.to_service = self._to_service()

    def build(self) -> None:
        """What holds for everybody: forbidden networks, questions of browsers, an open API or a refusal."""
        open = any(isinstance(way, Open) for way in self.api.security)
        for group in self.groups:
            name, edge = f"{self.name}~{group.number}", self.edge(group)
            if group.policies.cors is not None:
                asked = self.rule(rules.paths(self.api, group.operations), rules.PREFLIGHT)
                self.made.child(f"{name}~preflight", asked, self.parent, PREFLIGHT, edge, self.made.nothing(), self.item)
            if group.policies.ip_deny:
                denied = self.rule(self.operations(group), rules.networks(group.policies.ip_deny))
                self.made.child(
                    f"{name}~denied", denied, self.parent, DENIED, [*edge, self.made.refusal(403)], self.made.nothing(), self.item
                )
            rule = self.rule(self.operations(group))
            if open:
                identity = self.identity(f"{name}~open", group.policies, None)
                middlewares = [*edge, *self.before(group), identity, *self.behind(group)]
                self.made.child(f"{name}~open", rule, self.parent, EVERYBODY, middlewares, self.service, self.item)
            else:
                refused = [*edge, *self._challenge(), self.made.refusal(401)]
                self.made.child(f"{name}~refused", rule, self.parent, REFUSED, refused, self.made.nothing(), self.item)

    def rule(self, *parts: str) -> str:
        return " && ".join(part for part in (self.where, *parts) if part) or EVERYTHING

    def operations(self, group: Group) -> str:
        return rules.operations(self.api, group.operations)

    def shown(self, known: Sequence[Login]) -> str:
        """Requests with one of these credentials, in a way that this version takes; empty where there is none."""
        found = [part for way in self.ways if (part := rules.shown(way, known))]
        return rules.any_of(found) if found else ""

    def edge(self, group: Group) -> list[str]:
        return _edge(self.made, self.api, f"{self.name}~{group.number}", group.policies)

    def before(self, group: Group) -> list[str]:
        if not group.policies.ip_allow:
            return []
        content = {"ipAllowList": {"sourceRange": [*group.policies.ip_allow], "rejectStatusCode": 403}}
        return [self.made.put("middlewares", f"{self.name}~{group.number}~networks", content, self.item)]

    def behind(self, group: Group) -> list[str]:
        found = []
        if group.policies.max_body is not None:
            content = {"buffering": {"maxRequestBodyBytes": group.policies.max_body.bytes}}
            found.append(self.made.put("middlewares", f"{self.name}~{group.number}~body", content, self.item))
        return [*found, *self.to_service]

    def identity(self, name: str, policies: Policies, caller: Entitled | None) -> str:
        """What the service is told: who calls, our credential; what it is not told: the caller's, and who he says that he is."""
        hidden = {"Authorization" if isinstance(way, Basic) else way.name: "" for way in self.ways if not _in_query(way)}
        headers = _merged(
            hidden,
            dict.fromkeys(policies.request_headers.remove, ""),
            policies.request_headers.set,
            self.declared.upstream_headers.get(self.api.key, {}),
            _who(caller),
        )
        items = [f"subscription/{id}" for id in caller.subscriptions] if caller else [self.item]
        return self.made.put("middlewares", f"{name}~identity", {"headers": {"customRequestHeaders": headers}}, *items)

    def _challenge(self) -> list[str]:
        """What an answer of 401 must say (RFC 9110, 11.6.1)."""
        words = [
            'Basic realm="api"' if isinstance(way, Basic) else f'ApiKey realm="api", {way.place}="{way.name}"'
            for way in self.ways
        ]
        content = {"headers": {"customResponseHeaders": {"WWW-Authenticate": ", ".join(words)}}}
        return [self.made.put("middlewares", f"{self.name}~challenge", content, self.item)] if words else []

    def _service(self) -> str:
        upstream = self.api.upstream
        timeout = upstream.timeout.seconds
        transport = {
            "insecureSkipVerify": not upstream.verify,
            "forwardingTimeouts": {"responseHeaderTimeout": _duration(timeout), "dialTimeout": _duration(min(timeout, 30.0))},
        }
        balancer: dict[str, Any] = {
            "servers": [{"url": _origin(each.url), "weight": each.weight} for each in upstream.targets],
            "passHostHeader": False,
            "serversTransport": self.made.put("serversTransports", self.name, transport, self.item),
        }
        if (health := upstream.health) is not None:
            balancer["healthCheck"] = {
                "path": health.path,
                "interval": _duration(health.every.seconds),
                "timeout": _duration(health.timeout.seconds),
            }
        return self.made.put("services", self.name, {"loadBalancer": balancer}, self.item)

    def _to_service(self) -> list[str]:
        """What is sent again, and how the path changes on the way."""
        api, found = self.api, []
        if api.upstream.retries:
            again = {"attempts": api.upstream.retries + 1, "initialInterval": "20ms", "status": ["502-504"]}
            found.append(self.made.put("middlewares", f"{self.name}~again", {"retry": again}, self.item))
        if api.route.strip:
            content = {"stripPrefix": {"prefixes": [api.path]}}
            found.append(self.made.put("middlewares", f"{self.name}~strip", content, self.item))
        below = _path(api.upstream.targets[0].url) if api.upstream.targets else ""
        if below:
            found.append(self.made.put("middlewares", f"{self.name}~below", {"addPrefix": {"prefix": below}}, self.item))
        return found


def _merged(*parts: Mapping[str, str]) -> dict[str, str]:
    """Headers, the later ones over the earlier ones: their names are the same however they are written."""
    found: dict[str, tuple[str, str]] = {}
    for part in parts:
        found |= {name.lower(): (name, value) for name, value in part.items()}
    return dict(found.values())


def _in_query(way: ApiKey | Basic) -> bool:
    return isinstance(way, ApiKey) and way.place == "query"


def _rate(rate: Rate) -> dict[str, Any]:
    # The bucket is of this consumer alone. What it is divided by must be the same in each of its requests, wherever they come from:
    # the header that was just set, not the address, which is what Traefik would take.
    return {
        "average": rate.count,
        "period": _duration(rate.per.seconds),
        "burst": rate.count,
        "sourceCriterion": {"requestHeaderName": CONSUMER_HEADER},
    }


def _duration(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _path(url: str) -> str:
    return urlsplit(url).path.rstrip("/")


def next_periods(declared: Declared, now: datetime) -> dict[str, datetime]:
    """Plan → when its quota begins anew."""
    return {
        id: datetime.fromtimestamp(periods.end(plan.quota.period, now.timestamp()), UTC)
        for id, plan in declared.plans.items()
        if plan.quota is not None
    }


def server_paths(api: Api) -> Iterable[str]:
    return dict.fromkeys(_path(each.url) for each in api.upstream.targets)
