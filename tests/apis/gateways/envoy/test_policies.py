"""Each policy of the embedded gateway: seen by a real request, and the same request passes when the policy is not there."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.apis.gateways.envoy.conftest import Site
from tests.apis.gateways.envoy.declaring import NOW, api, declared

from tisserand.apis.model import Consumer, Plan, Quota, Rate, Subscription

OPEN = [{"kind": "open", "approved_by": "boss"}]


def test_keys_and_subscriptions(site: Site) -> None:
    site.push(declared(api(site.one.url)))
    nothing, wrong = site.call("/orders/v1/items", key=None), site.call("/orders/v1/items", key="guessed")
    assert (nothing.status_code, wrong.status_code) == (401, 401)
    assert nothing.headers["content-type"] == "application/problem+json"
    assert nothing.json()["status"] == 401 and nothing.json()["title"] == "Unauthorized"
    unsubscribed = site.call("/orders/v1/items", key="key-of-other")
    assert unsubscribed.status_code == 403 and unsubscribed.json()["status"] == 403
    good = site.call("/orders/v1/items?a=1")
    assert good.status_code == 200
    told = good.json()
    assert (told["service"], told["path"]) == ("one", "/items?a=1")
    assert told["headers"]["x-consumer-id"] == "acme" and told["headers"]["x-consumer-plan"] == "gold"
    assert "x-api-key" not in told["headers"]
    # Without the policy all of them pass.
    site.push(declared(api(site.one.url, security=OPEN)))
    for key in (None, "guessed", "key-of-other", "key-of-acme"):
        assert site.call("/orders/v1/items", key=key).status_code == 200


def test_a_spoofed_consumer_is_replaced(site: Site) -> None:
    spoofed = {"x-consumer-id": "acme", "X-Consumer-Plan": "gold", "x-tisserand-subject": "acme", "x-tisserand-gateway": "me"}
    site.push(declared(api(site.one.url), api(site.two.url, "free", security=OPEN)))
    assert site.call("/orders/v1/x", key=None, headers=spoofed).status_code == 401
    assert site.call("/orders/v1/x", key="key-of-other", headers=spoofed).status_code == 403
    told = site.call("/orders/v1/x", headers={**spoofed, "x-consumer-id": "other"}).json()["headers"]
    assert told["x-consumer-id"] == "acme"
    assert "x-tisserand-subject" not in told and "x-tisserand-gateway" not in told
    free = site.call("/free/v1/x", key=None, headers=spoofed).json()["headers"]
    assert not free.keys() & {"x-consumer-id", "x-consumer-plan", "x-tisserand-subject", "x-tisserand-gateway"}


def test_the_credential_of_the_gateway_reaches_its_upstream_only(site: Site) -> None:
    both = declared(
        api(site.one.url), api(site.two.url, "second"), upstream_headers={"orders@1": {"x-tisserand-gateway": "inner-word"}}
    )
    site.push(both)
    assert site.call("/orders/v1/x").json()["headers"]["x-tisserand-gateway"] == "inner-word"
    assert "x-tisserand-gateway" not in site.call("/second/v1/x").json()["headers"]


@pytest.fixture(scope="module")
def signer() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _token(signer: rsa.RSAPrivateKey, **claims: Any) -> dict[str, str]:
    told = {"iss": "https://id.example", "aud": "orders", "sub": "acme-app", "exp": int(time.time()) + 300, **claims}
    return {"authorization": f"Bearer {jwt.encode(told, signer, 'RS256', headers={'kid': 'one'})}"}


def test_tokens(site: Site, signer: rsa.RSAPrivateKey) -> None:
    public = {**jwt.algorithms.RSAAlgorithm.to_jwk(signer.public_key(), as_dict=True), "kid": "one", "alg": "RS256"}
    way = {"kind": "jwt", "issuer": "https://id.example", "audiences": ["orders"], "jwks": "keys.json"}
    guarded = api(site.one.url, security=[way])
    more: dict[str, Any] = {
        "consumers": {"acme": Consumer(subject="acme-app"), "other": Consumer(subject="other-app")},
        "jwks": {"keys.json": {"keys": [public]}},
        "values": {},
    }
    site.push(declared(guarded, **more))
    good = site.call("/orders/v1/x", key=None, headers=_token(signer))
    assert good.status_code == 200 and good.json()["headers"]["x-consumer-id"] == "acme"
    assert "authorization" not in good.json()["headers"]
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    refused = {
        "expired": _token(signer, exp=int(time.time()) - 300), "audience": _token(signer, aud="others"),
        "issuer": _token(signer, iss="https://evil.example"), "signature": _token(stranger), "none": {},
    }  # fmt: skip
    assert {why: site.call("/orders/v1/x", key=None, headers=headers).status_code for why, headers in refused.items()} == {
        "expired": 401, "audience": 403, "issuer": 401, "signature": 401, "none": 401,
    }  # fmt: skip
    assert site.call("/orders/v1/x", key=None, headers=_token(signer, sub="other-app")).status_code == 403
    assert site.call("/orders/v1/x", key=None, headers=_token(signer, sub="acme")).status_code == 403, "an id is no subject"
    # Either way suffices where both are declared.
    site.push(
        declared(
            api(site.one.url, security=[way, {"kind": "api_key"}]),
            **{**more, "consumers": {"other": Consumer(subject="other-app")}},
        )
    )
    assert site.call("/orders/v1/x").status_code == 200
    assert site.call("/orders/v1/x", headers={"authorization": "Bearer nonsense"}).status_code == 401
    site.push(declared(api(site.one.url, security=OPEN), **more))
    assert {site.call("/orders/v1/x", key=None, headers=headers).status_code for headers in refused.values()} == {200}


def test_a_rate_for_each_consumer(site: Site) -> None:
    third = {"other-orders": Subscription(api="orders", plan="gold", consumer="other", state="active")}
    site.push(declared(api(site.one.url), plan=Plan(rate=[Rate(count=3, per="1h")]), subscriptions=third))  # type: ignore[arg-type]
    answers = [site.call("/orders/v1/x") for _ in range(5)]
    assert [each.status_code for each in answers] == [200, 200, 200, 429, 429]
    over = answers[-1]
    assert over.headers["content-type"] == "application/problem+json" and over.headers["x-ratelimit-limit"].startswith("3")
    assert over.headers["x-ratelimit-remaining"] == "0" and int(over.headers["x-ratelimit-reset"]) > 0
    assert int(over.headers["retry-after"]) > 0
    assert site.call("/orders/v1/x", key="key-of-other").status_code == 200, "each consumer has a bucket of its own"
    site.push(declared(api(site.one.url), subscriptions=third))
    assert {site.call("/orders/v1/x").status_code for _ in range(5)} == {200}
    assert not any(name.startswith("x-ratelimit") for name in site.call("/orders/v1/x").headers), "nothing is said of no limit"


def test_two_rates_hold_together(site: Site) -> None:
    site.push(declared(api(site.one.url), plan=Plan(rate=[Rate(count=100, per="1s"), Rate(count=2, per="1h")])))  # type: ignore[arg-type]
    assert [site.call("/orders/v1/x").status_code for _ in range(3)] == [200, 200, 429]


def test_a_used_up_quota_stops_one_consumer(site: Site) -> None:
    third = {"other-orders": Subscription(api="orders", plan="gold", consumer="other", state="active")}
    told = declared(api(site.one.url), plan=Plan(quota=Quota(count=10, period="hour")), subscriptions=third)
    site.push(told)
    assert site.call("/orders/v1/x").status_code == 200
    site.gateway.block(told, frozenset({("acme", "orders")}))
    over = site.call("/orders/v1/x")
    assert over.status_code == 429 and 0 < int(over.headers["retry-after"]) <= 3600
    assert over.headers["content-type"] == "application/problem+json"
    assert site.call("/orders/v1/x", key="key-of-other").status_code == 200
    site.gateway.block(told, frozenset())
    assert site.call("/orders/v1/x").status_code == 200


def test_bodies(site: Site) -> None:
    site.push(declared(api(site.one.url, policies={"max_body": "1KB"})))
    large = b"x" * 3000
    assert site.call("/orders/v1/x", "POST", data=large).status_code == 413
    assert site.call("/orders/v1/x", "POST", data=iter([large])).status_code == 413, "in pieces, without a length"
    assert len(site.call("/orders/v1/x", "POST", data=b"x" * 900).json()["body"]) == 900
    site.push(declared(api(site.one.url)))
    assert site.call("/orders/v1/x", "POST", data=large).status_code == 200


def test_addresses(site: Site) -> None:
    for policies, status in (
        ({"ip_deny": ["127.0.0.0/8"]}, 403), ({"ip_allow": ["10.0.0.0/8"]}, 403), ({"ip_deny": ["10.0.0.0/8"]}, 200),
        ({"ip_allow": ["127.0.0.1"]}, 200), ({"ip_allow": ["127.0.0.0/8"], "ip_deny": ["127.0.0.1"]}, 403), ({}, 200),
    ):  # fmt: skip
        site.push(declared(api(site.one.url, policies=policies)))
        assert site.call("/orders/v1/x").status_code == status, policies
        assert site.call("/orders/v1/x", headers={"x-forwarded-for": "10.1.1.1"}).status_code == status, "nobody is believed"


def test_pages_of_other_sites(site: Site) -> None:
    asked = {
        "origin": "https://shop.example",
        "access-control-request-method": "GET",
        "access-control-request-headers": "x-api-key",
    }
    site.push(declared(api(site.one.url, policies={"cors": {"origins": ["https://shop.example"]}})))
    before = site.one.asked
    answer = site.call("/orders/v1/x", "OPTIONS", key=None, headers=asked)
    assert answer.status_code == 200 and answer.headers["access-control-allow-origin"] == "https://shop.example"
    assert "x-api-key" in answer.headers["access-control-allow-headers"]
    assert site.one.asked == before, "answered by the gateway"
    real = site.call("/orders/v1/x", headers={"origin": "https://shop.example"})
    assert real.status_code == 200 and real.headers["access-control-allow-origin"] == "https://shop.example"
    refused = site.call("/orders/v1/x", key=None, headers={"origin": "https://shop.example"})
    assert refused.status_code == 401 and refused.headers["access-control-allow-origin"] == "https://shop.example", (
        "pages see why"
    )
    evil = site.call("/orders/v1/x", "OPTIONS", key=None, headers={**asked, "origin": "https://evil.example"})
    assert "access-control-allow-origin" not in evil.headers
    site.push(declared(api(site.one.url)))
    assert site.call("/orders/v1/x", "OPTIONS", key=None, headers=asked).status_code == 401


def test_versions_side_by_side_and_their_end(site: Site) -> None:
    old = api(site.one.url, lifecycle="deprecated", sunset="2027-06-30")
    site.push(declared(old, api(site.two.url, version="2")))
    first, second = site.call("/orders/v1/x"), site.call("/orders/v2/x")
    assert (first.json()["service"], second.json()["service"]) == ("one", "two")
    assert (
        first.headers["deprecation"] == f"@{int(NOW.timestamp())}" and first.headers["sunset"] == "Wed, 30 Jun 2027 00:00:00 GMT"
    )
    assert "deprecation" not in second.headers
    assert site.call("/orders/v10/x").status_code == 404
    site.push(declared(api(site.one.url, lifecycle="retired"), api(site.two.url, version="2")))
    gone = site.call("/orders/v1/x")
    assert (
        gone.status_code == 410 and gone.json()["title"] == "Gone" and gone.headers["content-type"] == "application/problem+json"
    )
    assert site.call("/orders/v2/x").status_code == 200


@pytest.mark.parametrize("where", ["header", "query"])
def test_versions_elsewhere(site: Site, where: str) -> None:
    route = {"base_path": "/orders", "versioning": where, "name": "version"}
    site.push(declared(api(site.one.url, route=route), api(site.two.url, version="2", route=route)))

    def ask(version: str | None) -> int | str:
        headers = {"version": version} if version and where == "header" else {}
        answer = site.call("/orders/x", headers=headers, params={"version": version} if version and where == "query" else {})
        return answer.json()["service"] if answer.status_code == 200 else answer.status_code

    assert [ask("1"), ask("2"), ask("3"), ask(None)] == ["one", "two", 404, 404]


def test_only_declared_operations(site: Site) -> None:
    route = {
        "base_path": "/orders",
        "operations": [{"method": "GET", "path": "/items/{id}"}, {"method": "POST", "path": "/items"}],
    }
    site.push(declared(api(site.one.url, route=route)))
    asked = {("GET", "/items/7"): 200, ("POST", "/items"): 200, ("DELETE", "/items/7"): 405, ("GET", "/items"): 405, ("GET", "/admin"): 404,
             ("GET", "/items/7/more"): 404, ("GET", "/items/%2e%2e/admin"): 404, ("GET", ""): 404}  # fmt: skip
    assert {each: site.call("/orders/v1" + each[1], each[0]).status_code for each in asked} == asked
    site.push(declared(api(site.one.url)))
    assert site.call("/orders/v1/admin").status_code == 200


def test_policies_of_one_operation(site: Site) -> None:
    operations = [{"method": "POST", "path": "/small", "policies": {"max_body": "10B"}}, {"method": "POST", "path": "/large"}]
    site.push(declared(api(site.one.url, route={"base_path": "/orders", "operations": operations})))
    assert site.call("/orders/v1/small", "POST", data=b"x" * 50).status_code == 413
    assert site.call("/orders/v1/large", "POST", data=b"x" * 50).status_code == 200


def test_headers_of_messages(site: Site) -> None:
    policies = {
        "request_headers": {"set": {"x-from": "100% ours"}, "remove": ["x-secret"]},
        "response_headers": {"set": {"x-frame-options": "DENY"}, "remove": ["x-inner"]},
    }
    site.push(declared(api(site.one.url, policies=policies)))
    answer = site.call("/orders/v1/x", headers={"x-secret": "s", "x-from": "theirs"})
    assert answer.json()["headers"]["x-from"] == "100% ours" and "x-secret" not in answer.json()["headers"]
    assert answer.headers["x-frame-options"] == "DENY" and "x-inner" not in answer.headers
    site.push(declared(api(site.one.url)))
    answer = site.call("/orders/v1/x", headers={"x-secret": "s", "x-from": "theirs"})
    assert answer.json()["headers"]["x-secret"] == "s" and answer.headers["x-inner"] == "told"


def test_weights_retries_and_health(site: Site) -> None:
    targets = [{"url": f"{site.one.url}/a", "weight": 3}, {"url": f"{site.two.url}/a", "weight": 1}]
    site.push(declared(api("", upstream={"targets": targets})))
    told = [site.call("/orders/v1/x").json() for _ in range(40)]
    assert {each["path"] for each in told} == {"/a/x"}
    assert 25 <= sum(each["service"] == "one" for each in told) <= 35
    site.one.failing = 2
    site.push(declared(api(site.one.url)))
    assert site.call("/orders/v1/x").status_code == 503
    site.one.failing = 2
    site.push(declared(api("", upstream={"targets": [{"url": site.one.url}], "retries": 3})))
    assert site.call("/orders/v1/x").status_code == 200
    site.one.failing = 0
    site.two.healthy = False
    health = {"path": "/health", "every": "100ms", "timeout": "1s", "unhealthy": 1, "healthy": 1}
    site.push(declared(api("", upstream={"targets": [{"url": site.one.url}, {"url": site.two.url}], "health": health})))
    end = time.monotonic() + 10
    while {site.call("/orders/v1/x").json().get("service") for _ in range(6)} != {"one"} and time.monotonic() < end:
        time.sleep(0.05)
    assert {site.call("/orders/v1/x").json()["service"] for _ in range(10)} == {"one"}
    site.two.healthy = True


def test_an_upstream_that_is_not_there(site: Site) -> None:
    site.push(declared(api("http://127.0.0.1:1")))
    answer = site.call("/orders/v1/x")
    assert answer.status_code == 503 and answer.headers["content-type"] == "application/problem+json"
