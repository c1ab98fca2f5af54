"""Whatever somebody changes by hand in a gateway is seen as drift, names no secret, and is gone after the next push: every object of every
kind, changed, taken away, or added."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from tests.apis.gateways import shop, test_aws
from tests.apis.gateways.test_kong import adapter, rich
from tests.servers import aws, kong

from tisserand.apis.gateways.aws.gateway import Aws, AwsSettings
from tisserand.apis.gateways.compare import drifted
from tisserand.apis.gateways.http_api import HttpApi
from tisserand.apis.gateways.kong.gateway import Kong
from tisserand.apis.gateways.traefik import file
from tisserand.apis.gateways.traefik.gateway import Traefik, TraefikSettings
from tisserand.apis.neutral import Declared
from tisserand.sdk.errors import NodeError


def everything() -> Declared:
    """As `rich`, with keys, passwords and headers that must not be shown."""
    return replace(rich(), upstream_headers={"orders@1": {"x-tisserand-gateway": "gate-secret-0123456789"}})


SECRETS = ("acme-key-4711-0123456789", "bolt-key-0815-0123456789", "pass:word", "gate-secret-0123456789", "kong-secret")


def leaves(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to everything that can be another value."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from leaves(each, (*way, name))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from leaves(each, (*way, index))
    else:
        yield way


def changed(value: Any, way: tuple[Any, ...]) -> Any:
    """A copy with another value there."""
    copied = copy.deepcopy(value)
    inner = copied
    for step in way[:-1]:
        inner = inner[step]
    old = inner[way[-1]]
    inner[way[-1]] = not old if isinstance(old, bool) else old + 1 if isinstance(old, int | float) else f"{old}0" if old else "0"
    return copied


# -- Traefik


def traefik(root: Path) -> Traefik:
    (root / "dynamic").mkdir(exist_ok=True)
    return Traefik("edge", TraefikSettings.model_validate({"folder": str(root / "dynamic")}), shop.place(root))


def test_traefik_whatever_is_changed_in_the_file_is_seen(tmp_path: Path) -> None:
    gateway, declared = traefik(tmp_path), everything()
    gateway.apply(declared, ())
    pushed, text = gateway.read().items, gateway.path.read_text()
    data = file.load(text)
    head = "".join(line + "\n" for line in text.splitlines() if line.startswith("#"))
    unseen, tried = [], 0

    def look(what: str, other: Any) -> None:
        nonlocal tried
        tried += 1
        gateway.path.write_text(head + json.dumps(other))
        found = gateway.read().items
        if not drifted(pushed, found):
            unseen.append(what)
        assert not [each for each in SECRETS if each in str(found)], what

    for kind, some in data["http"].items():
        for name, content in some.items():
            if f"~{file.REVISION}~" in name:
                continue
            gone = copy.deepcopy(data)
            del gone["http"][kind][name]
            look(f"{kind}/{name} gone", gone)
            for way in leaves(content):
                look(f"{kind}/{name} {way}", changed(data, ("http", kind, name, *way)))
        more = copy.deepcopy(data)
        more["http"][kind]["edge~more"] = copy.deepcopy(next(iter(some.values())))
        look(f"{kind} added", more)
    more = copy.deepcopy(data)
    more["tcp"] = {"routers": {"edge~more": {"rule": "HostSNI(`*`)", "service": "x"}}}
    look("tcp added", more)
    assert tried > 100 and not unseen, "\n".join(unseen)
    gateway.apply(declared, ())
    assert gateway.read().items == pushed == shop.expected(gateway, declared)


# -- Kong

KONGS = {"realm", "always_use_authenticated_groups", "error_message", "sync_rate", "private_network"}
"""What Kong itself fills in, otherwise in each of its versions: another value opens no way."""


@pytest.mark.parametrize("database", [True, False])
def test_kong_whatever_is_changed_in_it_is_seen(tmp_path: Path, database: bool) -> None:
    with kong.running(database=database) as fake:
        gateway, declared = adapter(fake, tmp_path), everything()
        gateway.apply(declared, ())
        _kong_by_hand(fake, gateway, wide=database)
        more = copy.deepcopy(next(iter(fake.entities["consumers"].values())))
        fake.entities["consumers"][ANOTHER] = {**more, "id": ANOTHER, "username": "more"}
        gateway.apply(declared, ())
        assert ANOTHER not in fake.entities["consumers"] and gateway.read().items == shop.expected(gateway, declared)


ANOTHER = "6f1c5f0e-0000-4000-8000-000000000009"


def _kong_by_hand(fake: kong.Fake, gateway: Kong, wide: bool) -> None:
    pushed, before = gateway.read().items, copy.deepcopy(fake.entities)
    unseen, tried = [], 0

    def look(what: str) -> None:
        nonlocal tried
        tried += 1
        found = gateway.read().items
        if not drifted(pushed, found):
            unseen.append(what)
        assert not [each for each in SECRETS if each in str(found)], what
        fake.entities.clear()
        fake.entities.update(copy.deepcopy(before))

    known = set()
    for collection, some in before.items():
        for id, content in some.items():
            kind = content["name"] if collection == "plugins" else collection
            if kind in known:
                continue  # one of each kind
            known.add(kind)
            del fake.entities[collection][id]
            look(f"{kind} gone")
            said = {name: each for name, each in content.items() if name not in ("id", "created_at", "tags", "instance_name")}
            for way in leaves(said) if wide else ():
                if not KONGS & set(way) and not (way[0] == "protocols" and str(content["protocols"][way[1]]).startswith("grpc")):
                    fake.entities[collection][id] = changed(content, way)
                    look(f"{kind} {way}")
        if some:
            fake.entities[collection][ANOTHER] = {**copy.deepcopy(next(iter(some.values()))), "id": ANOTHER}
            look(f"{collection} added, with our tags")
    guard = next(each for each in fake.entities["plugins"].values() if each["name"] == "acl")
    guard["protocols"] = ["grpc"]
    look("a guard that guards nothing")
    assert tried > 20 and not unseen, "\n".join(unseen)


@pytest.mark.parametrize("database", [True, False])
def test_kong_what_others_hang_on_ours_is_told_and_left_alone(tmp_path: Path, database: bool) -> None:
    with kong.running(database=database) as fake:
        gateway, declared = adapter(fake, tmp_path), everything()
        gateway.apply(declared, ())
        pushed = gateway.read()
        assert pushed.hanging == {}
        by_tag = {
            each["tags"][2].removeprefix("tisserand-name:"): id for some in fake.entities.values() for id, each in some.items()
        }  # fmt: skip

        def put(collection: str, number: int, **content: Any) -> str:
            id = f"6f1c5f0e-0000-4000-8000-00000000001{number}"
            fake.put(collection, id, content)
            return id

        service = {"id": next(id for id, each in fake.entities["services"].items() if each["name"] == "edge~orders~1")}
        acme = {"id": by_tag["acme"]}
        theirs = put("consumers", 0, username="theirs")
        added = [
            ("route", put("routes", 1, name="theirs", service=service, protocols=["http"], paths=["/way/in"])),
            ("plugin", put("plugins", 2, name="request-termination", service=service, config={"status_code": 200})),
            ("key", put("keyauth_credentials", 3, key="another-key-of-acme", consumer=acme)),
            ("acl", put("acls", 4, group="edge~orders~1", consumer={"id": theirs})),
        ]
        upstream = {"id": next(iter(fake.entities["upstreams"]))}
        added.append(("target", put("targets", 5, target="evil.example:443", weight=9, upstream=upstream)))
        put("services", 6, name="free-standing", host="x.example", port=80, protocol="http")
        before = copy.deepcopy(fake.entities)
        live = gateway.read()
        assert set(live.hanging) == {f"object/{kind}/{id}" for kind, id in added}
        assert live.items == pushed.items and "another-key-of-acme" not in str(live)
        gateway.apply(declared, ())
        gateway.apply(replace(declared, subscriptions={}), ())
        gateway.apply(declared, ())
        for collection, some in before.items():
            for id, content in some.items():
                if id.startswith("6f1c5f0e"):
                    assert fake.entities[collection].get(id) == content


@pytest.mark.parametrize("database", [True, False])
def test_kong_repeats_no_secret_of_what_it_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: bool) -> None:
    def check(collection: str, entity: dict[str, Any]) -> None:
        if collection in ("keyauth_credentials", "basicauth_credentials"):
            raise kong.Wrong(f"UNIQUE violation detected on '{json.dumps(entity)}'")

    def refused(name: str, config: dict[str, Any]) -> None:
        if name == "request-transformer":
            raise kong.Wrong("x" * 150 + f" schema violation (config: {json.dumps(config)})")

    declared = everything()
    values = {**declared.values, "acme/first": 'quoted"key\\0123456789'}
    declared = replace(declared, values=values)
    with kong.running(database=database) as fake:
        gateway = adapter(fake, tmp_path)
        monkeypatch.setattr(kong, "check", check)
        with pytest.raises(NodeError, match="UNIQUE violation") as caught:
            gateway.apply(declared, ())
        told = str(caught.value)
        monkeypatch.undo()
        monkeypatch.setattr(kong, "check_plugin", refused)
        problems = gateway.validate(declared)
        assert problems
        told += " ".join(each.message.text("en") for each in problems)
        assert [each for each in (*SECRETS, "gate-s", "quoted", "key-4711") if each in told] == [] and told.count("•••") >= 2


def test_of_a_long_answer_no_half_of_a_secret_is_said() -> None:
    api = HttpApi("edge", "http://127.0.0.1:9", {"token": "kong-secret"})
    secrets = [f"{number:05}-key-{number:040}" for number in range(3_000)]
    api.hide(secrets)
    for shift in range(0, 60, 7):
        text = "x" * shift + ("y " + " ".join(secrets)) * 20
        told = api.clean(text)
        assert "key" not in told and "0000" not in told and len(told) < 10_000


# -- AWS


@pytest.fixture(scope="module")
def cloud() -> Iterator[aws.Cloud]:
    with aws.running() as running:
        yield running


def test_aws_whatever_is_changed_in_the_account_is_seen_and_mended(cloud: aws.Cloud, tmp_path: Path) -> None:
    cloud.reset()
    settings = {"region": "eu-west-3", "endpoint": cloud.endpoint, "access_key": "AKIATEST", "secret_key": "secret:aws"}
    gateway = Aws("cloud", AwsSettings.model_validate(settings), shop.place(tmp_path, {"aws": "very-secret"}))
    other = boto3.client("apigateway", region_name="eu-west-3", endpoint_url=cloud.moto, **test_aws.WHO)
    declared = replace(test_aws.rich(), upstream_headers={"orders@1": {"x-tisserand-gateway": "gate-secret-0123456789"}})
    gateway.apply(declared, ())
    expected = shop.expected(gateway, declared)
    tags = {"tisserand": "cloud"}

    def api() -> str:
        return str(next(each["id"] for each in other.get_rest_apis()["items"] if each["name"] == "cloud:orders@1"))

    def resource(end: str) -> str:
        return str(next(each["id"] for each in other.get_resources(restApiId=api())["items"] if each["path"].endswith(end)))

    def plan() -> str:
        return str(next(each["id"] for each in other.get_usage_plans()["items"] if each["name"] == "cloud:gold/orders"))

    def key(name: str) -> str:
        return str(next(each["id"] for each in other.get_api_keys()["items"] if each["name"] == name))

    def patch(path: str, value: str, op: str = "replace") -> list[dict[str, str]]:
        return [{"op": op, "path": path, "value": value}]

    by_hand: dict[str, Callable[[], Any]] = {
        "a method without a key": lambda: other.put_method(
            restApiId=api(), resourceId=resource("{id}"), httpMethod="GET", authorizationType="NONE", apiKeyRequired=False
        ),
        "another address": lambda: other.put_integration(
            restApiId=api(), resourceId=resource("{id}"), httpMethod="GET", type="HTTP_PROXY", integrationHttpMethod="GET", uri="https://evil.example"
        ),
        "a method more": lambda: other.put_method(
            restApiId=api(), resourceId=resource("/items"), httpMethod="DELETE", authorizationType="NONE", apiKeyRequired=False
        ),
        "a method less": lambda: other.delete_method(restApiId=api(), resourceId=resource("/items"), httpMethod="POST"),
        "another policy": lambda: other.update_rest_api(restApiId=api(), patchOperations=patch("/policy", "")),
        "no stage": lambda: other.delete_stage(restApiId=api(), stageName="live"),
        "another deployment": lambda: other.update_stage(
            restApiId=api(), stageName="live", patchOperations=patch("/deploymentId", other.create_deployment(restApiId=api())["id"])
        ),
        "another rate": lambda: other.update_usage_plan(usagePlanId=plan(), patchOperations=patch("/throttle/rateLimit", "9999")),
        "another quota": lambda: other.update_usage_plan(usagePlanId=plan(), patchOperations=patch("/quota/limit", "999999")),
        "a plan of fewer": lambda: other.update_usage_plan(usagePlanId=plan(), patchOperations=patch("/apiStages", f"{api()}:live", "remove")),
        "a key more in the plan": lambda: other.create_usage_plan_key(usagePlanId=plan(), keyId=key("cloud:bolt/first"), keyType="API_KEY"),
        "a foreign key in the plan": lambda: other.create_usage_plan_key(
            usagePlanId=plan(), keyId=other.create_api_key(name="theirs", value="theirs-0123456789-0123456789")["id"], keyType="API_KEY"
        ),
        "a key less in the plan": lambda: other.delete_usage_plan_key(usagePlanId=plan(), keyId=key("cloud:acme/first")),
        "a key that is off": lambda: other.update_api_key(apiKey=key("cloud:acme/first"), patchOperations=patch("/enabled", "false")),
        "no key": lambda: other.delete_api_key(apiKey=key("cloud:acme/first")),
        "a key of ours more": lambda: other.create_api_key(name="cloud:more/key", value="more-0123456789-0123456789", enabled=True, tags=tags),
        "a plan of ours more": lambda: other.create_usage_plan(name="cloud:more/orders", tags=tags),
        "an API of ours more": lambda: other.create_rest_api(name="cloud:more@1", tags=tags | {"tisserand-api": "more@1"}),
        "an API less": lambda: other.delete_rest_api(restApiId=api()),
    }  # fmt: skip
    unseen, left = [], []
    for what, change in by_hand.items():
        change()
        found = gateway.read().items
        if not drifted(expected, found):
            unseen.append(what)
        assert not [each for each in (*SECRETS, "very-secret", "more-0123456789", "theirs-0123456789") if each in str(found)], (
            what
        )
        gateway.apply(declared, ())
        if gateway.read().items != expected:
            left.append(what)
            cloud.reset()
            gateway.apply(declared, ())
    assert unseen == [] and left == []
    assert [each["name"] for each in other.get_api_keys()["items"] if not each["name"].startswith("cloud:")] in (["theirs"], [])
