"""What a gateway lacks is named, field by field, and weighed."""

from __future__ import annotations

from typing import get_args

from tests.apis.gateways import generated, shop

from tisserand.apis.gateways.adapter import Capabilities, PolicyName
from tisserand.apis.gateways.compare import differing, without
from tisserand.apis.gateways.coverage import REASONS, WEIGHTS, unsupported
from tisserand.apis.neutral import Declared

ALL = frozenset(get_args(PolicyName))


def _lacking(*names: PolicyName) -> Capabilities:
    return Capabilities(ALL - set(names), atomic=True)


def _rich() -> Declared:
    policies = {
        "cors": {"origins": ["*"]}, "max_body": "1KB", "ip_allow": ["10.0.0.0/8"], "ip_deny": ["10.1.0.0/16"], "cache": 5,
        "request_headers": {"set": {"a": "b"}}, "response_headers": {"remove": ["c"]},
    }  # fmt: skip
    operations = [{"method": "GET", "path": "/a"}, {"method": "GET", "path": "/b", "policies": {"max_body": "2KB"}}]
    jwt = {"kind": "jwt", "issuer": "https://id.example", "jwks": "keys.json"}
    api = shop.api(
        "http://a.example", lifecycle="deprecated", sunset="2027-01-01", policies=policies, security=[{"kind": "api_key"}, jwt, {"kind": "mtls"}],
        route={"operations": operations, "hosts": ["api.example"]},
        upstream={"targets": [{"url": "http://a.example"}, {"url": "http://b.example", "weight": 3}], "retries": 1, "health": {}},
    )  # fmt: skip
    other = shop.api(
        "http://a.example", version="2", route={"versioning": "header"}, security=[{"kind": "open", "approved_by": "root"}]
    )
    third = shop.api("http://a.example", version="3", route={"versioning": "query"}, security=[{"kind": "basic"}])
    plan = {"rate": [{"count": 1, "per": "1s"}], "quota": {"count": 1, "period": "day"}}
    return shop.declared(api, other, third, plan=plan)


def test_every_policy_is_missed_by_a_gateway_that_can_nothing() -> None:
    declared = _rich()
    found = {each.name: each for each in unsupported(declared, Capabilities(frozenset(), atomic=True))}
    assert set(found) == {
        *(f"api/orders@1:{field}" for field in (
            "route.versioning", "route.hosts", "route.operations", "lifecycle", "sunset", "security.0", "security.1", "security.2",
            "upstream.retries", "upstream.health", "upstream.targets.0.weight", "upstream.targets.1.weight", "upstream.timeout",
            "policies.cors", "policies.max_body", "policies.ip_allow", "policies.ip_deny", "policies.request_headers",
            "policies.response_headers", "policies.cache", "route.operations.1.policies", "route.operations.1.policies.max_body",
        )),
        *(f"api/orders@2:{field}" for field in ("route.versioning", "security.0", "upstream.timeout")),
        *(f"api/orders@3:{field}" for field in ("route.versioning", "security.0", "upstream.timeout")),
        "plan/gold:rate", "plan/gold:quota", "subscription/acme-orders:", "consumer/acme:credentials.0", "consumer/bolt:credentials.0",
    }  # fmt: skip
    assert {name for name, each in found.items() if each.weight == "limit"} == {
        "api/orders@1:policies.max_body", "api/orders@1:route.operations.1.policies.max_body", "plan/gold:rate", "plan/gold:quota",
    }  # fmt: skip
    assert found["api/orders@1:security.1"].weight == found["api/orders@1:policies.ip_deny"].weight == "security"
    assert found["api/orders@1:policies.cache"].weight == found["api/orders@2:security.0"].weight == "other"


def test_what_is_not_missed_is_not_named() -> None:
    for seed in range(20):
        assert unsupported(generated.declared(seed), _lacking()) == []
    assert [each.name for each in unsupported(_rich(), _lacking("cache"))] == ["api/orders@1:policies.cache"]
    plain = shop.declared(shop.api())
    assert (
        unsupported(plain, _lacking("cors", "cache", "jwt", "quota", "hosts", "health", "weights", "retries", "operations")) == []
    )


def test_what_is_named_is_there_to_be_taken_away() -> None:
    for seed in range(5):
        declared = generated.declared(seed)
        for each in unsupported(declared, Capabilities(frozenset(), atomic=True)):
            less = without(declared.items, [each])
            assert list(differing(declared.items, less)), each.name


def test_every_policy_has_a_weight_and_a_reason() -> None:
    assert set(WEIGHTS) == set(REASONS) == ALL
