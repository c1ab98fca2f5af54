"""What is declared, as objects of Traefik's dynamic configuration: routers, middlewares, services, transports.

Traefik has neither consumers nor keys, but its rules see headers. So every consumer of an API has a router of its own, which only a
request with its key reaches, with its own limits; a router behind those answers 403 to known keys and 401 to everybody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from tisserand.apis import periods
from tisserand.apis.gateways import lifecycle
from tisserand.apis.gateways.entitled import Entitled, Login, entitled_by_api, logins
from tisserand.apis.gateways.traefik import rules
from tisserand.apis.model import Api, ApiKey, Basic, Open, Operation, Policies, Rate
from tisserand.apis.neutral import Declared

CONSUMER_HEADER = "x-consumer-id"
PLAN_HEADER = "x-consumer-plan"

BASE_PRIORITY = 1_000_000
"""Far above the length of any rule, which is what other people's routers have."""
RETIRED, DENIED, PREFLIGHT, CALLER, EVERYBODY, KNOWN, REFUSED = (BASE_PRIORITY + each for each in (90, 80, 70, 60, 50, 40, 30))

NOBODY = "255.255.255.255/32"
"""The address that nothing comes from: who must have it is always refused, with the status that we choose."""
KEYS_TOGETHER = 200
"""Credentials in one rule."""

Objects = dict[str, dict[str, Any]]
"""`routers/name` → content."""


@dataclass
class Dynamic:
    """The objects, and which items own which of them."""

    gateway: str
    entry_points: Sequence[str]
    tls: bool
    objects: Objects = field(default_factory=dict)
    owners: dict[str, list[str]] = field(default_factory=dict)

    def put(self, kind: str, name: str, content: dict[str, Any], *items: str) -> str:
        """Add an object; gives its name."""
        known = f"{kind}/{name}"
        self.objects[known] = content
        for item in items:
            owned = self.owners.setdefault(item, [])
            if known not in owned:
                owned.append(known)
        return name

    def router(self, name: str, rule: str, priority: int, middlewares: Sequence[str], service: str, *items: str) -> None:
        content: dict[str, Any] = {"entryPoints": [*self.entry_points], "rule": rule, "priority": priority}
        if service:
            content["service"] = service
        if middlewares:
            content["middlewares"] = [*middlewares]
        if self.tls:
            content["tls"] = {}
        self.put("routers", name, content, *items)

    def child(self, name: str, rule: str, parent: str, middlewares: Sequence[str], service: str, *items: str) -> None:
        """A router that sees only what its parent lets through (multi-layer routing, since Traefik 3.6)."""
        content = {"rule": rule, "parentRefs": [parent], "service": service}
        if middlewares:
            content["middlewares"] = [*middlewares]
        self.put("routers", name, content, *items)

    def nothing(self) -> str:
        """The service behind refusals: nobody gets there, and who did would get 503. (Traefik’s own `noop` is not in its access log.)"""
        return self.put("services", f"{self.gateway}~answer", {"loadBalancer": {"servers": []}})

    def refusal(self, status: int) -> str:
        """The middleware that answers everybody with this status."""
        content = {"ipAllowList": {"sourceRange": [NOBODY], "rejectStatusCode": status}}
        return self.put("middlewares", f"{self.gateway}~answer~{status}", content)


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
    ways: dict[tuple[str, str, str], list[str]] = {}
    together: dict[tuple[str, str, tuple[str, ...]], list[tuple[Version, Entitled]]] = {}
    for api in declared.apis:
        where = rules.own(api, nested_candidates(declared, api))
        if api.lifecycle == "retired":
            name = f"{gateway}~{api.id}~{api.version}~retired"
            made.router(
                name, where, RETIRED, [*_edge(made, api, name, api.policies), made.refusal(410)], made.nothing(), f"api/{api.key}"
            )
            continue
        version = Version(made, api, where, declared)
        version.build()
        for caller in callers[api.key]:
            together.setdefault((caller.consumer, api.id, tuple(caller.subscriptions)), []).append((version, caller))
        for way in api.security:
            if isinstance(way, ApiKey | Basic):
                key = ("basic", "", "") if isinstance(way, Basic) else ("api_key", way.place, way.name)
                ways.setdefault(key, []).append(f"({version.rule(rules.operations(api, api.route.operations))})")
    for (consumer, _, _), some in together.items():
        _caller(made, some, known[consumer], retry_after)
    _known(made, ways, known)
    return made


def nested_candidates(declared: Declared, api: Api) -> list[Api]:
    """The versions that may lie below or beside this one's path."""
    return [each for each in declared.apis if each.path == api.path or each.path.startswith(api.path + "/")]


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
        made.router(
            leaf, version.rule(version.operations(group), version.shown(known)), CALLER, middlewares, version.service, *items
        )
        return
    who = made.put("middlewares", f"{name}~who", {"headers": {"customRequestHeaders": _who(caller)}}, *items)
    wheres = rules.any_of(f"({version.rule(version.shown(known))})" for version, _ in some if version.shown(known))
    made.router(name, wheres, CALLER, [*over, who, *rates], "", *items)
    for version, group in parts:
        leaf = f"{version.name}~{group.number}~c~{caller.consumer}"
        identity = version.identity(leaf, group.policies, caller)
        middlewares = [*version.edge(group), *version.before(group), identity, *version.behind(group)]
        made.child(leaf, version.rule(version.operations(group)), name, middlewares, version.service, *items)


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


def _known(made: Dynamic, ways: Mapping[tuple[str, str, str], Sequence[str]], known: Mapping[str, Sequence[Login]]) -> None:
    """403 for who is known, but has not subscribed to what is called."""
    for number, ((kind, place, name), wheres) in enumerate(sorted(ways.items())):
        way = Basic() if kind == "basic" else ApiKey(place="query" if place == "query" else "header", name=name)
        all = [each for each in (login for some in known.values() for login in some) if each.kind == kind]
        for first in range(0, len(all), KEYS_TOGETHER):
            some = all[first : first + KEYS_TOGETHER]
            rule = f"{rules.shown(way, some)} && {rules.any_of(wheres)}"
            items = dict.fromkeys(f"consumer/{each.consumer}" for each in some)
            router = f"{made.gateway}~~known~{number}~{first // KEYS_TOGETHER}"
            made.router(router, rule, KNOWN, [made.refusal(403)], made.nothing(), *items)


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
        self.made, self.api, self.where, self.declared = made, api, where, declared
        self.item = f"api/{api.key}"
        self.name = f"{made.gateway}~{api.id}~{api.version}"
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
                self.made.router(f"{name}~preflight", asked, PREFLIGHT, edge, self.made.nothing(), self.item)
            if group.policies.ip_deny:
                denied = self.rule(self.operations(group), rules.networks(group.policies.ip_deny))
                self.made.router(
                    f"{name}~denied", denied, DENIED, [*edge, self.made.refusal(403)], self.made.nothing(), self.item
                )
            rule = self.rule(self.operations(group))
            if open:
                identity = self.identity(f"{name}~open", group.policies, None)
                middlewares = [*edge, *self.before(group), identity, *self.behind(group)]
                self.made.router(f"{name}~open", rule, EVERYBODY, middlewares, self.service, self.item)
            else:
                self.made.router(
                    f"{name}~refused",
                    rule,
                    REFUSED,
                    [*edge, *self._challenge(), self.made.refusal(401)],
                    self.made.nothing(),
                    self.item,
                )

    def rule(self, *parts: str) -> str:
        return " && ".join((self.where, *(part for part in parts if part)))

    def operations(self, group: Group) -> str:
        return rules.operations(self.api, group.operations)

    def shown(self, known: Sequence[Login]) -> str:
        """Requests with one of these credentials, in a way that this version takes; empty where there is none."""
        found = [part for way in self._ways() if (part := rules.shown(way, known))]
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
        hidden = {"Authorization" if isinstance(way, Basic) else way.name: "" for way in self._ways() if not _in_query(way)}
        headers = _merged(
            hidden,
            dict.fromkeys(policies.request_headers.remove, ""),
            policies.request_headers.set,
            self.declared.upstream_headers.get(self.api.key, {}),
            _who(caller),
        )
        items = [f"subscription/{id}" for id in caller.subscriptions] if caller else [self.item]
        return self.made.put("middlewares", f"{name}~identity", {"headers": {"customRequestHeaders": headers}}, *items)

    def _ways(self) -> list[ApiKey | Basic]:
        return [way for way in self.api.security if isinstance(way, ApiKey | Basic)]

    def _challenge(self) -> list[str]:
        """What an answer of 401 must say (RFC 9110, 11.6.1)."""
        words = [
            'Basic realm="api"' if isinstance(way, Basic) else f'ApiKey realm="api", {way.place}="{way.name}"'
            for way in self._ways()
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
