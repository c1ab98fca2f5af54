"""Kong: held to its own schemas and to a fake of its Admin API; the real one where somebody has it (`KONG_ADMIN_URL`)."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import jwt
import pytest
import requests
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tests.apis.gateways import generated, shop
from tests.servers import echo, kong

from tisserand.apis.gateways.compare import changes, drifted
from tisserand.apis.gateways.kong import admin
from tisserand.apis.gateways.kong.configuration import limits
from tisserand.apis.gateways.kong.gateway import Kong, KongSettings
from tisserand.apis.model import Plan
from tisserand.apis.neutral import Declared, fingerprint
from tisserand.sdk.errors import NodeError

CONTRACT = "kong_json_schema.json"
"""decK's schema: github.com/Kong/go-database-reconciler, pkg/file/kong_json_schema.json (Apache-2.0)."""


@pytest.fixture
def fake() -> Iterator[kong.Fake]:
    with kong.running(database=True) as running:
        yield running


@pytest.fixture
def without_database() -> Iterator[kong.Fake]:
    with kong.running(database=False) as running:
        yield running


def adapter(fake: kong.Fake, root: Path, **more: Any) -> Kong:
    settings = KongSettings.model_validate({"admin": fake.url, "token": "secret:kong", **more})
    return Kong("edge", settings, shop.place(root, {"kong": fake.token}))


def push(gateway: Kong, declared: Declared) -> str:
    assert not gateway.validate(declared)
    revision = gateway.apply(declared, ())
    live = gateway.read()
    assert live.items == shop.expected(gateway, declared)
    assert live.revision == revision
    return revision


def rich(number: int = 1) -> Declared:
    operations = [{"method": "GET", "path": "/items/{id}"}, {"method": "POST", "path": "/items", "policies": {"max_body": "1MB"}}]
    one = shop.api(
        route={"operations": operations, "hosts": ["api.example"]}, lifecycle="deprecated", sunset="2027-01-01",
        upstream={"targets": [{"url": "https://a.example:8443/base", "weight": number}, {"url": "https://b.example:8443/base", "weight": 3}], "health": {"path": "/health"}},
        policies={"cors": {"origins": ["https://shop.example"]}, "ip_deny": ["10.1.0.0/16"], "cache": 30, "request_headers": {"set": {"x-from": "gateway"}}},
        security=[{"kind": "api_key"}, {"kind": "basic"}],
    )  # fmt: skip
    gone = shop.api("http://old.example", version="0", lifecycle="retired")
    free = shop.api("http://free.example", id="free", security=[{"kind": "open", "approved_by": "root"}])
    made = shop.declared(
        one, gone, free, plan={"rate": [{"count": 100 * number, "per": "1s"}], "quota": {"count": 5000, "period": "month"}}
    )
    people = {**made.consumers, "carl": shop.consumer("carl", "basic", "pass:word")}
    return replace(
        made, consumers=people, values={**shop.KEYS, "carl/first": "pass:word"}, upstream_headers={"orders@1": {"x-tisserand-gateway": f"gate-{number}"}}
    )  # fmt: skip


def entity(fake: kong.Fake, collection: str, name: str) -> dict[str, Any]:
    (found,) = [one for one in fake.entities[collection].values() if f"tisserand-name:{name}" in one["tags"]]
    return found


@pytest.mark.parametrize("database", [True, False])
def test_what_is_pushed_stands_there(database: bool, tmp_path: Path) -> None:
    with kong.running(database=database) as fake:
        push(adapter(fake, tmp_path), rich())
        service = entity(fake, "services", "edge~orders~1")
        upstream = entity(fake, "upstreams", "edge~orders~1")
        assert service["host"] == upstream["name"] and (service["protocol"], service["path"], service["enabled"]) == (
            "https",
            "/base",
            True,
        )
        assert service["tls_verify"] is True and service["read_timeout"] == 15_000
        assert upstream["healthchecks"]["active"]["unhealthy"]["http_failures"] == 3
        assert sorted((one["target"], one["weight"]) for one in fake.entities["targets"].values()) == [
            ("a.example:8443", 1),
            ("b.example:8443", 3),
        ]
        get = entity(fake, "routes", "edge~orders~1~0~get")
        assert (
            get["methods"] == ["GET"]
            and get["hosts"] == ["api.example"]
            and get["paths"] == ["~/orders/v1(?<rest>/items/[^/]+)$"]
        )
        turned = entity(fake, "plugins", "edge~orders~1~0~get~request-transformer")["config"]
        assert turned["replace"]["uri"] == "/base$(uri_captures['rest'])"
        assert set(turned["add"]["headers"]) == {"x-from:gateway", "x-tisserand-gateway:gate-1"}
        assert set(turned["remove"]["headers"]) == {"x-from", "x-tisserand-gateway"}
        acl = entity(fake, "plugins", "edge~orders~1~acl")
        assert acl["service"]["id"] == service["id"] and acl["config"]["allow"] == ["edge~orders~1"]
        assert [one["group"] for one in fake.entities["acls"].values()] == ["edge~orders~1"]
        key = entity(fake, "plugins", "edge~orders~1~key-auth")["config"]
        assert key["key_names"] == ["x-api-key"] and key["hide_credentials"] is True and key["key_in_query"] is False
        assert (
            key["anonymous"] == entity(fake, "consumers", "edge~nobody")["id"]
        )  # of two ways one suffices, and nobody has no group
        rate = entity(fake, "plugins", "edge~orders~1~acme")
        assert (rate["config"]["second"], rate["config"]["month"]) == (100, 5000) and rate["consumer"]["id"] == entity(
            fake, "consumers", "acme"
        )["id"]
        assert entity(fake, "keyauth_credentials", "acme~first")["key"] == shop.KEYS["acme/first"]
        assert entity(fake, "plugins", "edge~orders~0~gone")["config"]["status_code"] == 410
        answer = entity(fake, "plugins", "edge~orders~1~1~post~response-transformer")["config"]["add"]["headers"]
        assert "Sunset:Fri, 01 Jan 2027 00:00:00 GMT" in answer
        assert (
            entity(fake, "plugins", "edge~orders~1~1~post~request-size-limiting")["config"]["allowed_payload_size"] == 1_000_000
        )
        assert not [
            one for one in fake.entities["plugins"].values() if one["instance_name"] == "edge~orders~1~1~post~ip-restriction"
        ]
        assert all(way.startswith("edge~free") for way in fake.open_ways)


def test_a_push_again_changes_nothing_and_a_smaller_one_takes_away(fake: kong.Fake, tmp_path: Path) -> None:
    gateway = adapter(fake, tmp_path)
    push(gateway, rich())
    fake.forget()
    push(gateway, rich())
    assert fake.changes == []
    push(gateway, rich(2))
    assert fake.changes and not any(each.startswith("DELETE") for each in fake.changes)
    push(gateway, Declared())
    assert not any(fake.entities.values())
    assert all(way.startswith("edge~free") for way in fake.open_ways)


def test_the_order_of_steps_is_what_leaves_no_way_open(fake: kong.Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = adapter(fake, tmp_path)
    push(gateway, rich())
    monkeypatch.setattr(admin, "GONE_FIRST", ("plugin", "route", *admin.GONE_FIRST[2:]))
    push(gateway, Declared())
    assert any(way.startswith("edge~orders") for way in fake.open_ways)  # as it would be without the guard


def test_whatever_call_fails_everything_is_as_it_was(fake: kong.Fake, tmp_path: Path) -> None:
    gateway = adapter(fake, tmp_path)
    push(gateway, rich())
    before, items = json.dumps(fake.entities, sort_keys=True), gateway.read().items
    other = shop.declared(
        shop.api("http://new.example", id="new"), shop.api("http://a.example", policies={"max_body": "1KB"}), subscribed=("bolt",)
    )
    other = replace(other, consumers={**other.consumers, "carl": rich().consumers["carl"]}, values=rich().values)
    for number in range(0, 200, 5):
        fake.forget()
        fake.refuse = number
        try:
            gateway.apply(other, ())
        except NodeError as error:
            assert "answered 400 to" in str(error) and "undone" not in str(error) and fake.token not in str(error)
        else:
            break
        assert json.dumps(fake.entities, sort_keys=True) == before, number
        assert gateway.read().items == items
    assert number > 30
    assert all(way.startswith("edge~free") for way in fake.open_ways)


def test_a_push_that_stopped_half_way_is_gone_on_with(fake: kong.Fake, tmp_path: Path) -> None:
    gateway = adapter(fake, tmp_path)
    push(gateway, rich())
    for number in (3, 6, 17, 33):
        other = shop.declared(shop.api("http://new.example", id=f"new-{number}"), subscribed=("bolt",))
        fake.forget()
        fake.refuse_from = number
        with pytest.raises(NodeError, match="Not all could be undone"):
            gateway.apply(other, ())
        fake.forget()
        assert gateway.read().items != shop.expected(gateway, rich())
        push(gateway, other)
        push(gateway, rich())
    assert all(way.startswith("edge~free") for way in fake.open_ways)


def test_of_two_passwords_at_a_time_the_latest_counts(fake: kong.Fake, tmp_path: Path) -> None:
    gateway, declared = adapter(fake, tmp_path), rich()
    (old,) = declared.consumers["carl"].credentials
    new = old.model_copy(update={"id": "second", "created": datetime(2026, 2, 1, tzinfo=UTC), "fingerprint": fingerprint("new")})
    carl = declared.consumers["carl"].model_copy(update={"credentials": [old, new]})
    declared = replace(declared, consumers={**declared.consumers, "carl": carl}, values={**declared.values, "carl/second": "new"})
    assert [each.name for each in gateway.dropped(declared) if each.item.startswith("consumer/")] == [
        "consumer/carl:credentials.0"
    ]
    push(gateway, declared)
    id = entity(fake, "consumers", "carl")["id"]
    (credential,) = fake.entities["basicauth_credentials"].values()
    assert (credential["username"], credential["password"]) == ("carl", hashlib.sha1(f"new{id}".encode()).hexdigest())


def test_a_password_that_cannot_be_set_back_is_told(fake: kong.Fake, tmp_path: Path) -> None:
    gateway = adapter(fake, tmp_path)
    push(gateway, rich())
    people = {**rich().consumers, "carl": shop.consumer("carl", "basic", "another")}
    changed = replace(rich(2), consumers=people, values={**shop.KEYS, "carl/first": "another"})
    fake.forget()
    push(gateway, changed)
    last = len(fake.changes) - 1
    push(gateway, rich())
    fake.forget()
    fake.refuse = last
    with pytest.raises(NodeError, match=r"Not all could be undone: Passwords of 1 consumers"):
        gateway.apply(changed, ())
    assert drifted(shop.expected(gateway, rich()), gateway.read().items) == ["consumer/carl"]


def test_without_a_database_everything_is_replaced_at_once_and_others_stay(without_database: kong.Fake, tmp_path: Path) -> None:
    fake, gateway = without_database, adapter(without_database, tmp_path)
    theirs = "6f1c5f0e-0000-4000-8000-000000000001"
    fake.put("services", theirs, {"name": "theirs", "host": "theirs.example", "port": 80, "protocol": "http"})
    push(gateway, rich())
    assert fake.changes == ["POST /config"] and gateway.read().foreign == 1 and theirs in fake.entities["services"]
    before = json.dumps(fake.entities, sort_keys=True)
    push(gateway, rich())
    assert json.dumps(fake.entities, sort_keys=True) == before
    broken = shop.declared(
        shop.api(
            "http://a.example",
            policies={"request_headers": {"set": {"bad header": "x"}}},
            route={"versioning": "header", "name": "a.b"},
        )
    )
    assert [each.place.field for each in gateway.validate(broken)] == ["api/orders@1:policies.request_headers"]
    refused = shop.declared(shop.api("http://bad_host!.example"))
    with pytest.raises(NodeError, match="schema violation"):
        gateway.apply(refused, ())
    assert json.dumps(fake.entities, sort_keys=True) == before
    push(gateway, Declared())
    assert list(fake.entities["services"]) == [theirs]


def test_what_was_changed_by_hand_is_found(fake: kong.Fake, tmp_path: Path) -> None:
    gateway = adapter(fake, tmp_path)
    push(gateway, rich())
    pushed = gateway.read().items
    acl = entity(fake, "plugins", "edge~orders~1~acl")
    fake.put("plugins", acl["id"], {**_sent(acl), "enabled": False})
    (change,) = changes(pushed, pushed, gateway.read().items)
    assert change.item == "api/orders@1" and change.fields[0][1]["plugin/edge~orders~1~acl"]["enabled"] is False
    push(gateway, rich())
    rate = entity(fake, "plugins", "edge~orders~1~acme")
    fake.delete("plugins", rate["id"])
    (change,) = changes(pushed, pushed, gateway.read().items)
    assert change.item == "subscription/acme-orders" and change.fields[0][1] == {"plugin/edge~orders~1~acme": "gone"}
    key = entity(fake, "keyauth_credentials", "acme~first")
    fake.put("keyauth_credentials", key["id"], {"key": "evil-key", "tags": key["tags"], "consumer": key["consumer"]})
    found = gateway.read().items
    assert drifted(pushed, found) == ["consumer/acme", "subscription/acme-orders"] and "evil-key" not in str(found)
    push(gateway, rich())


def _sent(entity: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {key: each for key, each in value.items() if each is not None and key in kong.PLUGINS[entity["name"]]["properties"]} if name == "config" else value
        for name, value in entity.items()
        if value is not None and name not in ("id", "created_at", "protocols")
    }  # fmt: skip


def test_tokens_of_one_issuer_with_one_key(fake: kong.Fake, tmp_path: Path) -> None:
    private = rsa.generate_private_key(65537, 2048)
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key()))
    way = {"kind": "jwt", "issuer": "https://id.example", "audiences": ["orders"], "jwks": "keys.json"}
    declared = replace(shop.declared(shop.api("http://a.example", security=[way])), jwks={"keys.json": {"keys": [public]}})
    gateway = adapter(fake, tmp_path)
    assert {each.name: each.weight for each in gateway.dropped(declared)} == {
        "api/orders@1:security.0.issuer": "security", "api/orders@1:security.0.audiences": "security",
    }  # fmt: skip
    push(gateway, declared)
    credential = entity(fake, "jwt_secrets", "acme")
    pem = private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert (credential["key"], credential["algorithm"], credential["rsa_public_key"]) == ("acme", "RS256", pem.decode())
    assert entity(fake, "plugins", "edge~orders~1~jwt")["config"]["key_claim_name"] == "sub"
    curve = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key()))
    push(gateway, replace(declared, jwks={"keys.json": {"keys": [curve]}}))
    assert entity(fake, "jwt_secrets", "acme")["algorithm"] == "ES256"
    two = replace(declared, jwks={"keys.json": {"keys": [public, curve]}})
    assert [(each.name, each.weight) for each in gateway.dropped(two)] == [("api/orders@1:security.0", "security")]
    push(gateway, two)
    assert not fake.entities["jwt_secrets"] and entity(fake, "plugins", "edge~orders~1~acl")  # nobody gets in


def test_limits_that_kong_takes() -> None:
    def made(*rates: tuple[int, str], quota: tuple[int, str] | None = None) -> dict[str, int]:
        plan = {
            "rate": [{"count": count, "per": per} for count, per in rates],
            "quota": {"count": quota[0], "period": quota[1]} if quota else None,
        }
        return limits([Plan.model_validate(plan)])

    assert made((10, "1s"), (100, "60s"), quota=(1000, "day")) == {"second": 10, "minute": 100, "day": 1000}
    assert made((100, "1s"), (50, "1min")) == {"minute": 50}
    assert made((5, "90s")) == {} and made((7, "1h"), quota=(5, "hour")) == {"hour": 5} and made(quota=(5, "week")) == {}


def test_what_kong_cannot_enforce_is_named(fake: kong.Fake, tmp_path: Path) -> None:
    plan = {"rate": [{"count": 5, "per": "90s"}, {"count": 5, "per": "1s"}], "quota": {"count": 5, "period": "week"}}
    one = shop.api(security=[{"kind": "mtls"}], upstream={"retries": 2}, route={"versioning": "query"})
    found = {
        each.name: each.weight for each in adapter(fake, tmp_path).dropped(shop.declared(one, shop.api(version="2"), plan=plan))
    }
    assert found == {
        "api/orders@1:security.0": "security", "api/orders@1:upstream.retries": "other", "api/orders@1:route.versioning": "security",
        "plan/gold:rate.0": "limit", "plan/gold:quota": "limit", "subscription/acme-orders:counted": "limit",
    }  # fmt: skip


def test_what_kong_itself_refuses_is_said_before(fake: kong.Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kong.PLUGINS, "proxy-cache", {"not": {}})
    (problem,) = adapter(fake, tmp_path).validate(rich())
    assert "proxy-cache" in problem.message.text("en") and fake.changes == []


def test_failures_are_sentences_without_secrets(fake: kong.Fake, tmp_path: Path) -> None:
    wrong = Kong("edge", KongSettings(admin=fake.url, token="secret:kong"), shop.place(tmp_path, {"kong": "wrong-token"}))
    with pytest.raises(NodeError, match="does not accept our token") as caught:
        wrong.read()
    assert "wrong-token" not in str(caught.value)
    with pytest.raises(NodeError, match=r"does not answer at http://127\.0\.0\.1:9"):
        Kong("edge", KongSettings(admin="http://127.0.0.1:9"), shop.place(tmp_path)).read()
    assert adapter(fake, tmp_path).state() == {"address": "", "version": "3.9.1 (a fake)", "alive": True}


def files(tmp_path: Path) -> Kong:
    return Kong("edge", KongSettings.model_validate({"mode": "file", "file": "kong.yaml"}), shop.place(tmp_path))


@pytest.mark.parametrize("seed", range(12))
def test_generated_catalogues_come_back_from_the_file(seed: int, tmp_path: Path) -> None:
    gateway, declared = files(tmp_path), generated.declared(seed, apis=6, subscriptions=14)
    assert gateway.apply(declared, ()) == gateway.read().revision
    assert gateway.read().items == shop.expected(gateway, declared)
    assert (tmp_path / "kong.yaml").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("seed", range(4))
def test_generated_catalogues_come_back_from_the_fake(seed: int, tmp_path: Path) -> None:
    with kong.running(database=seed % 2 == 0) as fake:
        gateway = adapter(fake, tmp_path)
        push(gateway, generated.declared(seed))
        push(gateway, generated.declared(seed + 100))


def test_the_file_is_what_deck_reads(tmp_path: Path) -> None:
    schema = contract()
    gateway = files(tmp_path)
    for declared in (rich(), *(generated.declared(seed) for seed in range(10))):
        gateway.apply(declared, ())
        data = yaml.safe_load((tmp_path / "kong.yaml").read_text())
        errors = [f"{list(each.path)}: {each.message}" for each in jsonschema.Draft7Validator(schema).iter_errors(data)]
        assert errors == []
    spoilt = {**data, "services": [{**data["services"][0], "read_timeout": "15s"}]}
    assert list(jsonschema.Draft7Validator(schema).iter_errors(spoilt))


def contract() -> Any:
    """decK's own schema is no part of this repository: it is read where it was laid."""
    beside = Path(__file__).resolve().parents[4] / "shared" / "contracts"
    path = Path(os.environ.get("TISSERAND_CONTRACTS", beside)) / CONTRACT
    if not path.exists():
        pytest.skip(f"needs contract: {CONTRACT} (TISSERAND_CONTRACTS)")
    return json.loads(path.read_text())


@pytest.fixture
def live(tmp_path: Path) -> Iterator[tuple[Kong, str]]:
    if "KONG_ADMIN_URL" not in os.environ:
        pytest.skip("needs server: kong (KONG_ADMIN_URL)")
    settings = {"admin": os.environ["KONG_ADMIN_URL"], **({"token": "secret:kong"} if "KONG_ADMIN_TOKEN" in os.environ else {})}
    gateway = Kong(
        "tisserand-test",
        KongSettings.model_validate(settings),
        shop.place(tmp_path, {"kong": os.environ.get("KONG_ADMIN_TOKEN", "")}),
    )
    try:
        yield gateway, os.environ.get("KONG_PROXY_URL", "http://127.0.0.1:8000")
    finally:
        gateway.apply(Declared(), ())


def test_a_live_kong_enforces_what_it_is_told(live: tuple[Kong, str]) -> None:
    gateway, address = live
    with echo.running() as service:

        def ask(path: str = "/orders/v1/items/7", **headers: str) -> requests.Response:
            return requests.get(
                address + path, headers={name.replace("_", "-"): value for name, value in headers.items()}, timeout=10
            )

        def until(status: int, **headers: str) -> None:
            end = time.monotonic() + 30
            while ask(**headers).status_code != status:
                assert time.monotonic() < end
                time.sleep(0.2)

        operations = [{"method": "GET", "path": "/items/{id}"}]
        limited = shop.declared(
            shop.api(f"{service.url}/base", route={"operations": operations}), plan={"rate": [{"count": 3, "per": "1h"}]}
        )
        push(gateway, limited)
        until(401)
        assert ask(x_api_key="wrong").status_code == 401
        assert ask(x_api_key=shop.KEYS["bolt/first"]).status_code == 403
        answers = [ask(x_api_key=shop.KEYS["acme/first"]) for _ in range(4)]
        assert [each.status_code for each in answers] == [200, 200, 200, 429]
        assert answers[0].json()["path"] == "/base/items/7" and "x-api-key" not in answers[0].json()["headers"]
        assert ask("/orders/v1/other", x_api_key=shop.KEYS["acme/first"]).status_code == 404
        push(gateway, shop.declared(shop.api(service.url)))
        until(200, x_api_key=shop.KEYS["acme/first"])
        push(gateway, shop.declared(shop.api(service.url, policies={"ip_deny": ["0.0.0.0/0"]})))
        until(403, x_api_key=shop.KEYS["acme/first"])
        push(gateway, shop.declared(shop.api(service.url, lifecycle="retired")))
        until(410)
