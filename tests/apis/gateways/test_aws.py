"""AWS API Gateway against moto: what the account holds after a push, seen by another client; and nothing after one that failed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from tests.apis.gateways import generated, shop
from tests.servers import aws

from tisserand.apis.gateways.aws.gateway import Aws, AwsSettings
from tisserand.apis.gateways.compare import changes, drifted
from tisserand.apis.model import Subscription
from tisserand.apis.neutral import Declared
from tisserand.sdk.errors import NodeError

WHO = {"aws_access_key_id": "AKIATEST", "aws_secret_access_key": "very-secret"}


@pytest.fixture(scope="module")
def started() -> Iterator[aws.Cloud]:
    with aws.running() as cloud:
        yield cloud


@pytest.fixture
def cloud(started: aws.Cloud) -> aws.Cloud:
    started.reset()
    return started


@pytest.fixture
def gateway(cloud: aws.Cloud, tmp_path: Path) -> Aws:
    settings = {"region": "eu-west-3", "endpoint": cloud.endpoint, "access_key": "AKIATEST", "secret_key": "secret:aws"}
    return Aws("cloud", AwsSettings.model_validate(settings), shop.place(tmp_path, {"aws": "very-secret"}))


@pytest.fixture(scope="module")
def other(started: aws.Cloud) -> Any:
    return boto3.client("apigateway", region_name="eu-west-3", endpoint_url=started.moto, **WHO)


def push(gateway: Aws, declared: Declared) -> str:
    assert not gateway.validate(declared)
    revision = gateway.apply(declared, ())
    live = gateway.read()
    assert live.items == shop.expected(gateway, declared)
    assert live.revision == revision
    return revision


def account(other: Any) -> dict[str, Any]:
    """All that is there, in words of AWS, without ids and times that say nothing."""
    found: dict[str, Any] = {}
    names = {each["id"]: each["name"] for each in other.get_api_keys(includeValues=True)["items"]}
    apis = {each["id"]: each["name"] for each in other.get_rest_apis()["items"]}
    for api in other.get_rest_apis()["items"]:
        resources = other.get_resources(restApiId=api["id"], embed=["methods"])["items"]
        methods = {
            f"{verb} {each['path']}": method for each in resources for verb, method in each.get("resourceMethods", {}).items()
        }
        stages = [
            {**{name: each.get(name) for name in ("stageName", "deploymentId")}, "variables": dict(sorted(each.get("variables", {}).items()))}
            for each in other.get_stages(restApiId=api["id"])["item"]
        ]  # fmt: skip
        found[api["name"]] = [api.get("policy") or "", methods, stages, sorted(each["path"] for each in resources)]
    for key in other.get_api_keys(includeValues=True)["items"]:
        found[f"key {key['name']}"] = [key["value"], key["enabled"], key.get("description", "")]
    for plan in other.get_usage_plans()["items"]:
        stages = sorted([apis[each["apiId"]], each["stage"]] for each in plan.get("apiStages", ()))
        members = sorted(names[each["id"]] for each in other.get_usage_plan_keys(usagePlanId=plan["id"])["items"])
        quota = {name: value for name, value in plan.get("quota", {}).items() if name != "offset"}
        found[f"plan {plan['name']}"] = [stages, members, plan.get("throttle"), quota, plan.get("description", "")]
    return json.loads(json.dumps(found, sort_keys=True, default=str))


OPERATIONS = [{"method": "GET", "path": "/items/{id}"}, {"method": "POST", "path": "/items"}]


def rich(**more: Any) -> Declared:
    one = shop.api(
        "https://orders.example/base", route={"operations": OPERATIONS}, upstream={"timeout": "5s"},
        policies={"ip_allow": ["10.0.0.0/8"], "ip_deny": ["10.1.0.0/16"], "request_headers": {"set": {"x-from": "gateway"}}}, **more,
    )  # fmt: skip
    two = shop.api("https://new.example", version="2", upstream={"verify": False})
    plan = {"rate": [{"count": 100, "per": "1s"}], "quota": {"count": 5000, "period": "month"}}
    return shop.declared(one, two, plan=plan)


def test_what_is_pushed_stands_in_the_account(gateway: Aws, other: Any) -> None:
    declared = replace(rich(), upstream_headers={"orders@1": {"x-tisserand-gateway": "gate-secret"}})
    push(gateway, declared)
    found = account(other)
    policy, methods, stages, paths = found["cloud:orders@1"]
    assert paths == ["/", "/orders", "/orders/v1", "/orders/v1/items", "/orders/v1/items/{id}"]
    assert set(methods) == {"GET /orders/v1/items/{id}", "POST /orders/v1/items"}
    get = methods["GET /orders/v1/items/{id}"]
    assert get["apiKeyRequired"] is True and get["authorizationType"] == "NONE"
    assert get["requestParameters"] == {"method.request.path.id": True}
    integration = get["methodIntegration"]
    assert integration["type"] == "HTTP_PROXY" and integration["httpMethod"] == "GET" and integration["timeoutInMillis"] == 5000
    assert integration["uri"] == "https://orders.example/base/items/{id}"
    assert integration["requestParameters"] == {
        "integration.request.path.id": "method.request.path.id", "integration.request.header.x-from": "'gateway'",
        "integration.request.header.x-tisserand-gateway": "'gate-secret'", "integration.request.header.x-api-key": "''",
        "integration.request.header.x-consumer-id": "context.identity.apiKeyId",
    }  # fmt: skip
    statements = json.loads(policy)["Statement"]
    assert [each["Effect"] for each in statements] == ["Allow", "Deny", "Deny"]
    assert statements[1]["Condition"] == {"NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8"]}}
    assert statements[2]["Condition"] == {"IpAddress": {"aws:SourceIp": ["10.1.0.0/16"]}}
    assert stages[0]["stageName"] == "live" and stages[0]["deploymentId"]
    two = found["cloud:orders@2"][1]
    assert set(two) == {"ANY /orders/v2", "ANY /orders/v2/{proxy+}"}
    assert two["ANY /orders/v2/{proxy+}"]["methodIntegration"]["uri"] == "https://new.example/{proxy}"
    assert two["ANY /orders/v2"]["methodIntegration"]["tlsConfig"] == {"insecureSkipVerification": True}
    assert found["key cloud:acme/first"][:2] == [shop.KEYS["acme/first"], True]
    plan = found["plan cloud:gold/orders"]
    assert plan[:2] == [[["cloud:orders@1", "live"], ["cloud:orders@2", "live"]], ["cloud:acme/first"]]
    assert {name: float(value) for name, value in plan[2].items()} == {"rateLimit": 100, "burstLimit": 100}
    assert (int(plan[3]["limit"]), plan[3]["period"]) == (5000, "MONTH")


def test_retired_open_and_unsubscribed(gateway: Aws, other: Any) -> None:
    gone = shop.api("https://a.example", lifecycle="retired")
    free = shop.api("https://a.example", id="free", security=[{"kind": "open", "approved_by": "root"}])
    shut = shop.api(
        "https://a.example", id="shut", security=[{"kind": "jwt", "issuer": "https://id.example", "jwks": "keys.json"}]
    )
    declared = shop.declared(gone, free, shut)
    declared = replace(declared, subscriptions={"s": Subscription(api="shut", plan="gold", consumer="acme", state="active")})
    push(gateway, declared)
    found = account(other)
    method = found["cloud:orders@1"][1]["ANY /orders/v1/{proxy+}"]
    assert method["methodIntegration"]["type"] == "MOCK" and set(method["methodResponses"]) == {"410"}
    assert found["cloud:free@1"][1]["ANY /free/v1"]["apiKeyRequired"] is False
    assert found["cloud:shut@1"][1]["ANY /shut/v1"]["apiKeyRequired"] is True
    assert [name for name in found if name.startswith("plan ")] == [
        "plan cloud:gold/"
    ]  # no key gets in where a token is asked for


def test_a_push_again_changes_nothing_and_a_smaller_one_takes_away(gateway: Aws, cloud: aws.Cloud, other: Any) -> None:
    push(gateway, rich())
    before = account(other)
    cloud.forget()
    push(gateway, rich())
    assert cloud.changes == [] and account(other) == before
    declared = rich()
    push(gateway, replace(declared, apis=declared.apis[:1], subscriptions={}, consumers={"bolt": declared.consumers["bolt"]}))
    assert sorted(account(other)) == ["cloud:orders@1", "key cloud:bolt/first", "plan cloud:gold/"]
    push(gateway, replace(declared, apis=(), subscriptions={}, consumers={}, plans={}))
    assert account(other) == {}


def test_the_stage_is_switched_once_all_of_a_version_stands(gateway: Aws, cloud: aws.Cloud, other: Any) -> None:
    push(gateway, rich())
    id = next(each["id"] for each in other.get_rest_apis()["items"] if each["name"] == "cloud:orders@1")
    cloud.forget()
    changed = shop.api(
        "https://elsewhere.example", route={"operations": [*OPERATIONS, {"method": "DELETE", "path": "/items/{id}"}]}
    )
    push(gateway, shop.declared(changed))
    mine = [each.replace(id, "ID") for each in cloud.changes if id in each]
    switched = mine.index("PATCH /restapis/ID/stages/live")
    assert mine[switched - 1] == "POST /restapis/ID/deployments"
    assert all("/resources/" not in each and each != "PATCH /restapis/ID" for each in mine[switched:])


def _changed() -> Declared:
    """Another catalogue, in which every kind of step is needed."""
    one = shop.api(
        "https://elsewhere.example", route={"operations": [{"method": "GET", "path": "/items/{id}"}, {"method": "GET", "path": "/new/part"}]},
        policies={"ip_deny": ["10.2.0.0/16"]},
    )  # fmt: skip
    third = shop.api("https://third.example", id="third")
    more = shop.declared(one, third, plan={"rate": [{"count": 7, "per": "1s"}]}, subscribed=("bolt",))
    bolt = more.consumers["bolt"]
    values = {**shop.KEYS, "bolt/first": "bolt-key-rotated-0123456789", "carl/first": "carl-key-0007-0123456789"}
    people = {"bolt": bolt, "carl": shop.consumer("carl")}
    sub = Subscription(api="third", plan="gold", consumer="carl", state="active")
    people["bolt"] = shop.consumer("bolt", value="bolt-key-rotated-0123456789")
    return replace(more, consumers=people, values=values, subscriptions={**more.subscriptions, "carl-third": sub})


def test_whatever_call_fails_the_account_is_as_it_was(gateway: Aws, cloud: aws.Cloud, other: Any) -> None:
    push(gateway, rich())
    before, items = account(other), gateway.read().items
    cloud.forget()
    push(gateway, _changed())
    count = len(cloud.changes)
    last = [number for number, each in enumerate(cloud.changes) if each.startswith("DELETE /restapis/") and each.count("/") == 2]
    assert count > 30 and last == [count - 1]
    push(gateway, rich())
    before = {**account(other)}
    for number in range(0, count - 1, 4):
        cloud.forget()
        cloud.refuse = number
        with pytest.raises(NodeError, match="BadRequestException") as caught:
            gateway.apply(_changed(), ())
        assert "undone" not in str(caught.value)
        cloud.forget()
        assert account(other) == before, number
        assert gateway.read().items == items, number
    cloud.refuse = count - 1
    with pytest.raises(NodeError, match="BadRequestException"):
        gateway.apply(_changed(), ())
    cloud.forget()
    push(gateway, _changed())


def test_a_push_that_stopped_half_way_is_gone_on_with(gateway: Aws, cloud: aws.Cloud, other: Any) -> None:
    push(gateway, _changed())
    wanted = account(other)
    for number in (4, 19, 31):
        push(gateway, rich())
        cloud.forget()
        cloud.refuse_from = number
        with pytest.raises(NodeError, match="Not all could be undone"):
            gateway.apply(_changed(), ())
        cloud.forget()
        push(gateway, _changed())
        assert _without_deployments(account(other)) == _without_deployments(wanted)


def _without_deployments(found: dict[str, Any]) -> dict[str, Any]:
    """Ids of deployments are others each time, and the items name them."""
    return {
        name: [*each[:2], *([stage["stageName"] for stage in each[2]], each[3])] if name.startswith("cloud:") else each[:3]
        for name, each in found.items()
    }


def test_what_was_changed_by_hand_is_found(gateway: Aws, other: Any) -> None:
    declared = rich()
    push(gateway, declared)
    pushed = gateway.read().items
    ids = {each["name"]: each["id"] for each in other.get_rest_apis()["items"]}
    one = ids["cloud:orders@1"]
    resource = next(each for each in other.get_resources(restApiId=one)["items"] if each["path"].endswith("{id}"))
    other.put_method(restApiId=one, resourceId=resource["id"], httpMethod="GET", authorizationType="NONE", apiKeyRequired=False)
    assert drifted(pushed, gateway.read().items) == ["api/orders@1"]
    push(gateway, declared)
    plan = next(each for each in other.get_usage_plans()["items"] if each["name"] == "cloud:gold/orders")
    other.update_usage_plan(
        usagePlanId=plan["id"], patchOperations=[{"op": "replace", "path": "/throttle/rateLimit", "value": "9999"}]
    )
    (change,) = changes(pushed, pushed, gateway.read().items)
    assert change.item == "plan/gold" and change.fields[0][0] == "live"
    assert change.fields[0][1] == {
        "plan/gold/orders": {"rate": 9999.0, "burst": 100, "limit": 5000, "period": "MONTH", "apis": ["orders@1", "orders@2"]}
    }
    keys = {each["name"]: each["id"] for each in other.get_api_keys()["items"]}
    other.create_usage_plan_key(usagePlanId=plan["id"], keyId=keys["cloud:bolt/first"], keyType="API_KEY")
    other.delete_usage_plan_key(usagePlanId=plan["id"], keyId=keys["cloud:acme/first"])
    other.update_api_key(
        apiKey=keys["cloud:bolt/first"], patchOperations=[{"op": "replace", "path": "/enabled", "value": "false"}]
    )
    assert drifted(pushed, gateway.read().items) == [
        "consumer/bolt", "object/member/gold/orders:bolt/first", "plan/gold", "subscription/acme-orders",
    ]  # fmt: skip
    push(gateway, declared)
    assert account(other)["plan cloud:gold/orders"][1] == ["cloud:acme/first"]
    other.delete_stage(restApiId=one, stageName="live")
    assert set(drifted(pushed, gateway.read().items)) >= {"api/orders@1"}
    push(gateway, declared)


def test_things_of_others_are_counted_and_left_alone(gateway: Aws, other: Any, tmp_path: Path) -> None:
    theirs = other.create_rest_api(name="theirs")
    other.create_api_key(name="theirs", value="theirs-0123456789-0123456789")
    push(gateway, rich())
    assert gateway.read().foreign == 2
    push(gateway, Declared())
    assert other.get_rest_api(restApiId=theirs["id"])["name"] == "theirs" and len(account(other)) == 2


@pytest.mark.parametrize("seed", range(2))
def test_generated_catalogues_come_back(seed: int, gateway: Aws) -> None:
    declared = generated.declared(seed)
    kept = [
        each
        for each in declared.apis
        if not any("." in part and "{" in part for op in each.route.operations for part in op.path.split("/"))
    ]
    push(gateway, replace(declared, apis=kept))
    push(gateway, replace(declared, apis=kept[1:]))
    assert all(each.field or each.item.startswith("subscription/") for each in gateway.dropped(declared))


def test_what_aws_does_not_take_is_said_before(gateway: Aws, cloud: aws.Cloud) -> None:
    wrong = shop.declared(
        shop.api("https://a.example", route={"operations": [{"method": "GET", "path": "/a/{x}.{y}"}]}, policies={"request_headers": {"set": {"x": "it's"}}}),
        shop.api("https://a.example", version="2", route={"operations": [{"method": "GET", "path": "/{id}"}, {"method": "GET", "path": "/{no}/b"}]}),
    )  # fmt: skip
    values = {"acme/first": "short", "bolt/first": "b" * 20}
    found = {each.place.field: each.message.text("en") for each in gateway.validate(replace(wrong, values=values))}
    assert set(found) == {
        "api/orders@1:route.operations.0.path", "api/orders@1:policies.request_headers", "api/orders@2:route.operations", "consumer/acme/first",
    }  # fmt: skip
    assert "20 characters" in found["consumer/acme/first"] and cloud.changes == []


def test_what_aws_cannot_enforce_is_named(gateway: Aws) -> None:
    plan = {"rate": [{"count": 100, "per": "1s"}, {"count": 600, "per": "1min"}], "quota": {"count": 9, "period": "hour"}}
    api = shop.api(
        lifecycle="deprecated", route={"versioning": "header"}, security=[{"kind": "api_key", "place": "query", "name": "key"}],
        upstream={"targets": [{"url": "http://a.example"}, {"url": "http://b.example"}], "timeout": "1min"},
        policies={"max_body": "1MB", "cors": {"origins": ["*"]}, "request_headers": {"remove": ["x-debug"]}},
    )  # fmt: skip
    found = {each.name: each.weight for each in gateway.dropped(shop.declared(api, plan=plan))}
    assert found == {
        "api/orders@1:policies.max_body": "limit", "api/orders@1:policies.cors": "other", "api/orders@1:security.0": "security",
        "api/orders@1:lifecycle": "other", "api/orders@1:sunset": "other", "api/orders@1:route.versioning": "other",
        "api/orders@1:upstream.timeout": "other", "api/orders@1:upstream.targets.1": "other",
        "api/orders@1:policies.request_headers.remove": "other", "plan/gold:rate.0": "limit", "plan/gold:quota": "limit",
    }  # fmt: skip


def test_usage_of_the_days_that_are_over(gateway: Aws, cloud: aws.Cloud, other: Any) -> None:
    push(gateway, rich())
    plan = next(each["id"] for each in other.get_usage_plans()["items"] if each["name"] == "cloud:gold/orders")
    key = next(each["id"] for each in other.get_api_keys()["items"] if each["name"] == "cloud:acme/first")
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    cloud.answers[f"/usageplans/{plan}/usage"] = {"usagePlanId": plan, "values": {key: [[0, 5000]] * 28 + [[3, 4997], [4, 4993]]}}
    rows, mark = gateway.usage("")
    assert mark == (today - timedelta(days=1)).date().isoformat()
    assert [(each.hour, each.api, each.version, each.consumer, each.plan, each.requests) for each in rows] == [
        (int((today - timedelta(days=2)).timestamp()), "orders", "", "acme", "gold", 3),
        (int((today - timedelta(days=1)).timestamp()), "orders", "", "acme", "gold", 4),
    ]
    assert gateway.usage(mark) == ((), mark)


def test_failures_are_sentences_without_secrets(gateway: Aws, cloud: aws.Cloud, tmp_path: Path) -> None:
    cloud.refuse = 0
    with pytest.raises(NodeError) as caught:
        gateway.apply(rich(), ())
    assert "BadRequestException" in str(caught.value) and "Not today" in str(caught.value)
    away = Aws(
        "cloud", AwsSettings(region="eu-west-3", endpoint="http://127.0.0.1:9", access_key="A", secret_key=None), gateway.place
    )
    assert away.state()["alive"] is False
    assert gateway.state()["alive"] is True
