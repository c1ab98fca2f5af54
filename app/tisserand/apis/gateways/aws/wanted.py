"""What is declared, in the objects of Amazon API Gateway: REST APIs, usage plans, keys, and which key belongs to which plan."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tisserand.apis.gateways.adapter import Dropped
from tisserand.apis.gateways.entitled import logins
from tisserand.apis.model import Api, ApiKey, Open, Operation, Plan, Rate, Subscription
from tisserand.apis.neutral import Declared, fingerprint
from tisserand.texts import msg

LONGEST_MS = 29_000
"""How long AWS waits for an answer at most, unless the account has a higher limit."""
SHORTEST_KEY = 20
"""Characters of an API key, at least."""
NO_KEY = "none"
"""The credential of consumers that have none: a key that is switched off stands for them."""

Methods = Mapping[str, Mapping[str, Any]]
"""`GET /orders/v1/{id}` → how it is answered."""


@dataclass(frozen=True, slots=True)
class RestApi:
    key: str
    """`id@version`"""
    name: str
    methods: Methods
    policy: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class UsagePlan:
    name: str
    """`plan/api` or `plan/api@version`; `plan/` where nobody subscribed under it."""
    plan: str
    apis: Sequence[str]
    """Keys of the versions it is for."""
    throttle: Mapping[str, Any]
    quota: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Key:
    name: str
    """`consumer/credential`"""
    value: str = field(repr=False)
    enabled: bool = True


@dataclass
class Wanted:
    apis: dict[str, RestApi] = field(default_factory=dict)
    plans: dict[str, UsagePlan] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    homes: dict[str, str] = field(default_factory=dict)
    """Subscription → the version whose stage keeps it."""
    members: dict[tuple[str, str], str] = field(default_factory=dict)
    """(usage plan, key) → subscription"""
    owners: dict[str, list[str]] = field(default_factory=dict)
    """Item → its objects: `api/orders@1`, `plan/gold/orders`, `key/acme/first`, `member/gold/orders:acme/first`."""


def build(declared: Declared) -> Wanted:
    made = Wanted()
    for api in declared.apis:
        made.apis[api.key] = RestApi(api.key, api.name or api.key, dict(_methods(api, declared)), _policy(api))
        made.owners.setdefault(f"api/{api.key}", []).append(f"api/{api.key}")
    for consumer, known in logins(declared).items():
        keys = [each for each in known if each.kind == "api_key"]
        for each in keys:
            made.keys[f"{consumer}/{each.id}"] = Key(f"{consumer}/{each.id}", each.value)
        if not keys:
            name = f"{consumer}/{NO_KEY}"
            made.keys[name] = Key(name, "", enabled=False)
        made.owners[f"consumer/{consumer}"] = [f"key/{name}" for name in made.keys if name.startswith(f"{consumer}/")]
    made.homes = {id: home(declared, sub) for id, sub in declared.subscriptions.items()}
    second = {each.item for each in twice(declared)}
    for id, sub in sorted(declared.subscriptions.items()):
        apis = [api.key for api in _versions(declared, sub) if takes_keys(api) and api.lifecycle != "retired"]
        if not apis or f"subscription/{id}" in second or sub.plan not in declared.plans:
            continue
        name = f"{sub.plan}/{sub.api}{f'@{sub.version}' if sub.version else ''}"
        made.plans[name] = _usage_plan(name, sub.plan, declared.plans[sub.plan], apis)
        for key in [each for each in made.keys.values() if each.enabled and each.name.startswith(f"{sub.consumer}/")]:
            made.members[name, key.name] = id
            made.owners.setdefault(f"subscription/{id}", []).append(f"member/{name}:{key.name}")
    for id, plan in declared.plans.items():
        if not any(each.plan == id for each in made.plans.values()):
            made.plans[f"{id}/"] = _usage_plan(f"{id}/", id, plan, [])
        made.owners[f"plan/{id}"] = [f"plan/{each.name}" for each in made.plans.values() if each.plan == id]
    return made


def _versions(declared: Declared, sub: Subscription) -> list[Api]:
    return [api for api in declared.apis if api.id == sub.api and sub.version in ("", api.version)]


def home(declared: Declared, sub: Subscription) -> str:
    """The version whose stage keeps a subscription: the first that it is for; empty where there is none."""
    return next((api.key for api in _versions(declared, sub)), "")


def twice(declared: Declared) -> list[Dropped]:
    """Subscriptions of nothing, and those of a consumer who has another one for the same version: AWS knows one usage plan for each key and stage. The one
    that names the version counts, then the first by id."""
    taken: set[tuple[str, str]] = set()
    found = []
    order = sorted(declared.subscriptions.items(), key=lambda each: (not each[1].version, each[0]))
    for id, sub in order:
        keys = {(sub.consumer, api.key) for api in _versions(declared, sub)}
        if not keys:
            found.append(Dropped(f"subscription/{id}", "", msg("No version of this API is on the gateway.")))
        elif keys & taken:
            reason = msg(
                "AWS takes one usage plan for each consumer and version, and this consumer has another subscription there."
            )
            found.append(Dropped(f"subscription/{id}", "", reason, "limit"))
        else:
            taken |= keys
    return found


def chosen_rate(plan: Plan) -> int:
    """The number of the rate that AWS keeps to: the one that lets the fewest calls through in the long run. -1 without any."""
    each = [(rate.count / rate.per.seconds, number) for number, rate in enumerate(plan.rate)]
    return min(each)[1] if each else -1


def _usage_plan(name: str, id: str, plan: Plan, apis: Sequence[str]) -> UsagePlan:
    number = chosen_rate(plan)
    throttle = _throttle(plan.rate[number]) if number >= 0 else {}
    quota = {"limit": plan.quota.count, "period": plan.quota.period.upper()} if plan.quota and plan.quota.period != "hour" else {}
    return UsagePlan(name, id, apis, throttle, quota)


def _throttle(rate: Rate) -> dict[str, Any]:
    a_second = rate.count / rate.per.seconds
    return {"rateLimit": int(a_second) if a_second == int(a_second) else round(a_second, 6), "burstLimit": rate.count}


def _methods(api: Api, declared: Declared) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if api.lifecycle == "retired":
        yield f"ANY {api.path}", {"gone": True}
        yield f"ANY {api.path}/{{proxy+}}", {"gone": True}
        return
    # Several operations may have a name of their own for the same part of a path; AWS takes one.
    for operation in api.route.operations:
        path = "" if operation.path == "/" else operation.path.rstrip("/")
        yield f"{operation.method} {api.path}{path}", _method(api, declared, path, operation)
    if not api.route.operations:
        yield f"ANY {api.path}", _method(api, declared, "", None)
        yield f"ANY {api.path}/{{proxy+}}", _method(api, declared, "/{proxy}", None)


def _method(api: Api, declared: Declared, path: str, operation: Operation | None) -> dict[str, Any]:
    names = re.findall(r"\{([^{}]+)\}", path)
    headers = {
        **{name.lower(): value for name, value in api.policies.request_headers.set.items()},
        **{name.lower(): value for name, value in declared.upstream_headers.get(api.key, {}).items()},
    }
    asked = {f"integration.request.path.{name}": f"method.request.path.{name}" for name in names}
    told = {f"integration.request.header.{name}": f"'{value}'" for name, value in sorted(headers.items())}
    # The caller's key is none of the service's business; who he says that he is, neither. AWS knows keys by their ids only.
    who = {
        "integration.request.header.x-api-key": "''",
        "integration.request.header.x-consumer-id": "context.identity.apiKeyId",
    }
    target = api.upstream.targets[0].url.rstrip("/") if api.upstream.targets else ""
    return {
        "key": not any(isinstance(way, Open) for way in api.security),
        "names": sorted(names),
        "verb": operation.method if operation else "ANY",
        "uri": f"{target}{'' if api.route.strip else api.path}{path}",
        "parameters": {**asked, **who, **told},
        "timeout": max(50, min(LONGEST_MS, round(api.upstream.timeout.seconds * 1000))),
        "insecure": not api.upstream.verify,
    }


def takes_keys(api: Api) -> bool:
    """Whether one of its ways is the one that AWS knows."""
    return any(usual(way) for way in api.security)


def usual(way: object) -> bool:
    return isinstance(way, ApiKey) and way.place == "header" and way.name.lower() == "x-api-key"


def _policy(api: Api) -> Mapping[str, Any] | None:
    """Who may come near, as a resource policy: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-resource-policies.html"""
    allow, deny = api.policies.ip_allow, api.policies.ip_deny
    if not allow and not deny:
        return None
    usual = {"Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}
    statements: list[dict[str, Any]] = [{"Effect": "Allow", **usual}]
    if allow:
        statements.append({"Effect": "Deny", **usual, "Condition": {"NotIpAddress": {"aws:SourceIp": [*allow]}}})
    if deny:
        statements.append({"Effect": "Deny", **usual, "Condition": {"IpAddress": {"aws:SourceIp": [*deny]}}})
    return {"Version": "2012-10-17", "Statement": statements}


def objects(made: Wanted, deployments: Mapping[str, str]) -> dict[str, Any]:
    """What must be read back: object → content, without values of keys. `deployments`: API → what its stage serves."""
    found: dict[str, Any] = {}
    for key, api in made.apis.items():
        found[f"api/{key}"] = api_object(api.methods, api.policy, deployments.get(key, ""))
    for name, plan in made.plans.items():
        found[f"plan/{name}"] = plan_object(plan.throttle, plan.quota, plan.apis)
    for name, key_ in made.keys.items():
        found[f"key/{name}"] = key_object(key_.value if key_.enabled else None)
    for plan_name, key_name in made.members:
        found[f"member/{plan_name}:{key_name}"] = True
    return found


def api_object(methods: Methods, policy: Mapping[str, Any] | None, deployment: str) -> dict[str, Any]:
    # Values for the service (our credential among them) are told by their fingerprints.
    hidden = {
        name: {**each, "parameters": {where: shown(value) for where, value in each.get("parameters", {}).items()}}
        for name, each in methods.items()
    }
    statements = [
        {name: value for name, value in each.items() if name != "Resource"} for each in (policy or {}).get("Statement", ())
    ]
    return {"methods": hidden, "policy": statements, "deployment": deployment}


def shown(value: str) -> str:
    return fingerprint(value) if value.startswith("'") and value != "''" else value


def plan_object(throttle: Mapping[str, Any], quota: Mapping[str, Any], apis: Sequence[str]) -> dict[str, Any]:
    return {
        "rate": float(throttle.get("rateLimit") or 0),
        "burst": int(throttle.get("burstLimit") or 0),
        "limit": int(quota.get("limit") or 0),
        "period": str(quota.get("period") or ""),
        "apis": sorted(apis),
    }


def key_object(value: str | None) -> dict[str, Any]:
    """None: switched off."""
    return {"enabled": value is not None, "fingerprint": fingerprint(value) if value is not None else ""}
