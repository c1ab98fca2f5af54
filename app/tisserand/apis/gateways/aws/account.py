"""What of an account is ours, read from it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tisserand.apis.gateways.aws import wanted
from tisserand.apis.gateways.aws.client import Client
from tisserand.apis.gateways.kept import Kept, unpack

TAG = "tisserand"
"""Tag of everything that is ours: the name of the gateway."""
CHUNK = 512
"""Longest value of a stage variable; its characters are those of `kept.pack`."""


@dataclass
class LiveApi:
    id: str
    name: str
    paths: dict[str, str] = field(default_factory=dict)
    """Path → id of the resource."""
    methods: dict[str, dict[str, Any]] = field(default_factory=dict)
    """As `wanted.Methods`."""
    policy: dict[str, Any] | None = None
    deployment: str = ""
    """What the stage serves; empty without a stage."""
    variables: dict[str, str] = field(default_factory=dict)


@dataclass
class LivePlan:
    id: str
    throttle: dict[str, Any]
    quota: dict[str, Any]
    stages: set[tuple[str, str]]
    description: str
    members: set[str] = field(default_factory=set)
    """Ids of keys."""


@dataclass
class LiveKey:
    id: str
    value: str = field(repr=False)
    enabled: bool = True
    description: str = ""


@dataclass
class Account:
    apis: dict[str, LiveApi] = field(default_factory=dict)
    plans: dict[str, LivePlan] = field(default_factory=dict)
    keys: dict[str, LiveKey] = field(default_factory=dict)
    foreign: int = 0

    def objects(self, stage: str) -> dict[str, Any]:
        """As `wanted.objects`."""
        key_of = {each.id: key for key, each in self.apis.items()}
        name_of = {each.id: name for name, each in self.keys.items()}
        found: dict[str, Any] = {}
        for key, api in self.apis.items():
            found[f"api/{key}"] = wanted.api_object(api.methods, api.policy, api.deployment)
        for name, plan in self.plans.items():
            apis = [key_of.get(id, id) if where == stage else f"{id}:{where}" for id, where in plan.stages]
            found[f"plan/{name}"] = wanted.plan_object(plan.throttle, plan.quota, apis)
            for member in plan.members:
                found[f"member/{name}:{name_of.get(member, member)}"] = True
        for name, live in self.keys.items():
            found[f"key/{name}"] = wanted.key_object(live.value if live.enabled else None)
        return found

    def kept(self) -> list[Kept]:
        """The items, from where the push left them."""
        words = [word for api in self.apis.values() for word in _joined(api.variables)]
        texts = [*(plan.description for plan in self.plans.values()), *(key.description for key in self.keys.values())]
        words += [text.rpartition("#")[2] for text in texts]
        found = [each for word in words if word and (each := unpack(word)) is not None]
        return list({each.item: each for each in found}.values())


def variables(words: list[str], deployment: str) -> dict[str, str]:
    """Packed items as stage variables."""
    text = "&".join(words)
    parts = [text[first : first + CHUNK] for first in range(0, len(text), CHUNK)]
    return {
        "tisserandParts": str(len(parts)),
        "tisserandDeployment": deployment,
        **{f"tisserand{n}": each for n, each in enumerate(parts)},
    }


def _joined(found: Mapping[str, str]) -> list[str]:
    count = found.get("tisserandParts", "0")
    return "".join(found.get(f"tisserand{n}", "") for n in range(int(count) if count.isdigit() else 0)).split("&")


def read(client: Client, gateway: str, stage: str, seen: Callable[[str], object] = lambda _: None) -> Account:
    account = Account()
    for each in client.pages("get_rest_apis"):
        tags = each.get("tags") or {}
        if tags.get(TAG) != gateway:
            account.foreign += 1
            continue
        account.apis[tags.get(f"{TAG}-api", each["id"])] = _api(client, each, stage)
    for each in client.pages("get_api_keys", includeValues=True):
        if (each.get("tags") or {}).get(TAG) == gateway:
            client.hide(each.get("value", ""))
            name = each["name"].removeprefix(f"{gateway}:")
            account.keys[name] = LiveKey(
                each["id"], each.get("value", ""), bool(each.get("enabled")), each.get("description") or ""
            )
        else:
            account.foreign += 1
    for each in client.pages("get_usage_plans"):
        if (each.get("tags") or {}).get(TAG) != gateway:
            account.foreign += 1
            continue
        stages = {(one["apiId"], one["stage"]) for one in each.get("apiStages") or ()}
        members = {one["id"] for one in client.pages("get_usage_plan_keys", usagePlanId=each["id"])}
        account.plans[each["name"].removeprefix(f"{gateway}:")] = LivePlan(
            each["id"], each.get("throttle") or {}, each.get("quota") or {}, stages, each.get("description") or "", members
        )
    return account


def _api(client: Client, data: Mapping[str, Any], stage: str) -> LiveApi:
    api = LiveApi(data["id"], data["name"], policy=_policy(data.get("policy")))
    for resource in client.pages("get_resources", restApiId=api.id, embed=["methods"]):
        api.paths[resource["path"]] = resource["id"]
        for verb, method in (resource.get("resourceMethods") or {}).items():
            api.methods[f"{verb} {resource['path']}"] = method_facts(method)
    for each in client.call("get_stages", restApiId=api.id).get("item") or ():
        if each["stageName"] == stage:
            api.deployment, api.variables = each.get("deploymentId") or "", dict(each.get("variables") or {})
    return api


def method_facts(method: Mapping[str, Any]) -> dict[str, Any]:
    """A method as `wanted` describes it; what is none of ours as it stands."""
    integration = method.get("methodIntegration") or {}
    if integration.get("type") == "MOCK" and set(integration.get("integrationResponses") or {}) == {"410"}:
        return {"gone": True}
    if integration.get("type") != "HTTP_PROXY":
        return {"type": integration.get("type")}
    names = [each.removeprefix("method.request.path.") for each in method.get("requestParameters") or {}]
    return {
        "key": bool(method.get("apiKeyRequired")),
        "names": sorted(names),
        "verb": integration.get("httpMethod"),
        "uri": integration.get("uri"),
        "parameters": dict(integration.get("requestParameters") or {}),
        "timeout": int(integration.get("timeoutInMillis") or 0),
        "insecure": bool((integration.get("tlsConfig") or {}).get("insecureSkipVerification")),
    }


def _policy(text: str | None) -> dict[str, Any] | None:
    if not text:
        return None
    try:
        data = json.loads(text)
    except ValueError:
        # AWS gives it with its quotation marks escaped.
        try:
            data = json.loads(text.replace('\\"', '"'))
        except ValueError:
            return {"Statement": [{"unreadable": text}]}
    return data if isinstance(data, dict) else {"Statement": [{"unreadable": text}]}
