"""Traefik, the real program: each policy seen by a request, and the same request passing when the policy is not there."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.apis.gateways import generated, shop
from tests.servers import echo, traefik

from tisserand.apis.gateways.compare import changes, drifted
from tisserand.apis.gateways.traefik import fitting
from tisserand.apis.gateways.traefik.gateway import Traefik, TraefikSettings
from tisserand.apis.neutral import Declared
from tisserand.files import write_text
from tisserand.sdk.errors import NodeError
from tisserand.sdk.fields import FolderPath

ACME = {"x-api-key": shop.KEYS["acme/first"]}
BOLT = {"x-api-key": shop.KEYS["bolt/first"]}


@pytest.fixture(scope="module")
def service() -> Iterator[echo.Echo]:
    with echo.running() as running:
        yield running


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[traefik.Proxy]:
    with traefik.running(tmp_path_factory.mktemp("traefik")) as running:
        yield running


@pytest.fixture
def gateway(proxy: traefik.Proxy, tmp_path: Path) -> Iterator[Traefik]:
    made = _gateway(proxy, tmp_path)
    yield made
    for file in proxy.definitions.iterdir():
        file.unlink()
    until(
        lambda: (
            not any(name.endswith("@file") for name in requests.get(f"{proxy.api}/api/rawdata", timeout=5).json()["middlewares"])
        )
    )


def _gateway(proxy: traefik.Proxy, root: Path, **more: Any) -> Traefik:
    settings = {"folder": str(proxy.definitions), "api": proxy.api, **more}
    return Traefik("edge", TraefikSettings.model_validate(settings), shop.place(root))


def push(gateway: Traefik, declared: Declared) -> str:
    assert not fitting.problems(declared)
    revision = gateway.apply(declared, ())
    assert gateway.read().items == shop.expected(gateway, declared)
    return revision


def ask(
    proxy: traefik.Proxy, path: str = "/orders/v1/list", headers: dict[str, str] | None = None, method: str = "GET", **more: Any
) -> requests.Response:
    return requests.request(method, proxy.address + path, headers=headers or {}, timeout=10, **more)


def statuses(proxy: traefik.Proxy, count: int, headers: dict[str, str], path: str = "/orders/v1/list") -> list[int]:
    return [ask(proxy, path, headers).status_code for _ in range(count)]


def test_a_key_opens_what_its_consumer_subscribed(gateway: Traefik, proxy: traefik.Proxy, service: echo.Echo) -> None:
    api = shop.api(service.url)
    push(gateway, shop.declared(api))
    refused = ask(proxy)
    assert refused.status_code == 401 and refused.headers["www-authenticate"] == 'ApiKey realm="api", header="x-api-key"'
    assert ask(proxy, headers={"x-api-key": "wrong"}).status_code == 401
    assert ask(proxy, headers=BOLT).status_code == 403
    good = ask(proxy, headers=ACME)
    assert good.status_code == 200
    assert good.json()["path"] == "/list"
    push(gateway, shop.declared(api, subscribed=("acme", "bolt")))
    assert ask(proxy, headers=BOLT).status_code == 200
    push(gateway, shop.declared(shop.api(service.url, security=[OPEN])))
    assert ask(proxy).status_code == 200


def test_the_service_learns_who_calls_and_never_the_key(gateway: Traefik, proxy: traefik.Proxy, service: echo.Echo) -> None:
    declared = replace(
        shop.declared(shop.api(service.url)), upstream_headers={"orders@1": {"x-tisserand-gateway": "gate-secret"}}
    )
    push(gateway, declared)
    headers = ask(
        proxy, headers={**ACME, "X-Consumer-Id": "bolt", "X-CONSUMER-PLAN": "all", "x-tisserand-gateway": "guess"}
    ).json()["headers"]
    assert headers["x-consumer-id"] == "acme"
    assert headers["x-consumer-plan"] == "gold"
    assert headers["x-tisserand-gateway"] == "gate-secret"
    assert "x-api-key" not in headers
    push(gateway, shop.declared(shop.api(service.url, security=[OPEN])))
    headers = ask(proxy, headers={"X-Consumer-Id": "bolt"}).json()["headers"]
    assert "x-consumer-id" not in headers


def test_keys_in_the_query_and_names_with_passwords(gateway: Traefik, proxy: traefik.Proxy, service: echo.Echo) -> None:
    push(gateway, shop.declared(shop.api(service.url, security=[{"kind": "api_key", "place": "query", "name": "key"}])))
    assert ask(proxy, "/orders/v1/list?key=acme-key-4711-0123456789").status_code == 200
    assert ask(proxy, "/orders/v1/list?key=bolt-key-0815-0123456789").status_code == 403
    assert ask(proxy, "/orders/v1/list?key=acme-key-471").status_code == 401
    assert ask(proxy, headers=ACME).status_code == 401
    basic = shop.declared(shop.api(service.url, security=[{"kind": "basic"}]))
    people = {"acme": shop.consumer("acme", "basic", "a$s`s:x")}
    push(gateway, replace(basic, consumers=people, values={"acme/first": "a$s`s:x"}))
    assert requests.get(f"{proxy.address}/orders/v1/list", auth=("acme", "a$s`s:x"), timeout=10).status_code == 200
    word = base64.b64encode(b"acme:a$s`s:x").decode()
    assert ask(proxy, headers={"Authorization": f"bAsIc {word}"}).status_code == 200
    assert "authorization" not in ask(proxy, headers={"Authorization": f"Basic {word}"}).json()["headers"]
    assert ask(proxy, headers={"Authorization": f"Basic {word.lower()}"}).status_code == 401


def test_each_consumer_has_its_own_rate(gateway: Traefik, proxy: traefik.Proxy, service: echo.Echo) -> None:
    declared = shop.declared(shop.api(service.url), plan={"rate": [{"count": 3, "per": "1h"}]}, subscribed=("acme", "bolt"))
    push(gateway, declared)
    assert statuses(proxy, 5, ACME) == [200, 200, 200, 429, 429]
    spoofed = ask(proxy, headers={**ACME, "x-consumer-id": "somebody"})
    assert spoofed.status_code == 429 and int(spoofed.headers["retry-after"]) > 0
    assert statuses(proxy, 4, BOLT) == [200, 200, 200, 429]
    push(gateway, shop.declared(shop.api(service.url), subscribed=("acme", "bolt")))
    assert statuses(proxy, 5, ACME) == [200] * 5


def test_the_rate_counts_for_all_operations_and_versions_together(
    gateway: Traefik, proxy: traefik.Proxy, service: echo.Echo
) -> None:
    operations = [
        {"method": "GET", "path": "/list"},
        {"method": "GET", "path": "/{id}/lines", "policies": {"response_headers": {"set": {"x-lines": "yes"}}}},
    ]
    one = shop.api(service.url, route={"operations": operations})
    two = shop.api(service.url, version="2")
    push(gateway, shop.declared(one, two, plan={"rate": [{"count": 3, "per": "1h"}]}))
    assert ask(proxy, "/orders/v1/list", ACME).status_code == 200
    lines = ask(proxy, "/orders/v1/7/lines", ACME)
    assert lines.status_code == 200 and lines.headers["x-lines"] == "yes" and lines.json()["headers"]["x-consumer-id"] == "acme"
    assert ask(proxy, "/orders/v2/anything", ACME).status_code == 200
    assert [ask(proxy, path, ACME).status_code for path in ("/orders/v1/list", "/orders/v1/7/lines", "/orders/v2/list")] == [
        429
    ] * 3


def test_a_used_up_quota_stops_one_consumer(gateway: Traefik, proxy: traefik.Proxy, service: echo.Echo, tmp_path: Path) -> None:
    counting = _gateway(proxy, tmp_path, access_log=str(proxy.access_log))
    declared = shop.declared(shop.api(service.url), plan={"quota": {"count": 5, "period": "day"}}, subscribed=("acme", "bolt"))
    assert [each.name for each in gateway.dropped(declared)] == ["plan/gold:quota"]
    assert not counting.dropped(declared)
    push(counting, declared)
    assert ask(proxy, headers=ACME).status_code == 200
    counting.block(declared, frozenset({("acme", "orders")}))
    over = ask(proxy, headers=ACME)
    assert over.status_code == 429
    until = datetime.strptime(over.headers["retry-after"], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    assert 0 < (until - datetime.now(UTC)).total_seconds() <= 86400 and (until.hour, until.minute, until.second) == (0, 0, 0)
    assert ask(proxy, headers=BOLT).status_code == 200
    counting.block(declared, frozenset())
    assert ask(proxy, headers=ACME).status_code == 200
    counting.path.write_text(changed := counting.path.read_text().replace("x-consumer-plan", "x-another"))
    with pytest.raises(NodeError, match="changed by hand"):
        counting.block(declared, frozenset({("acme", "orders")}))
    assert counting.path.read_text() == changed


def test_what_browsers_ask(gateway: Traefik, proxy: traefik.Proxy, service: echo.Echo) -> None:
    asking = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "x-api-key",
    }
    cors = {"origins": ["https://shop.example"], "methods": ["GET"], "expose": ["x-inner"], "max_age": "2min"}
    push(gateway, shop.declared(shop.api(service.url, policies={"cors": cors})))
    said = ask(proxy, headers=asking, method="OPTIONS")
    assert said.status_code == 200
    assert said.headers["access-control-allow-origin"] == "https://shop.example"
    assert said.headers["access-control-allow-methods"] == "GET" and "x-api-key" in said.headers["access-control-allow-headers"]
    assert said.headers["access-control-max-age"] == "120"
    assert (
        "access-control-allow-origin"
        not in ask(proxy, headers={**asking, "Origin": "https://evil.example"}, method="OPTIONS").headers
    )
    assert ask(proxy, headers={**ACME, "Origin": "https://shop.example"}).headers["access-control-expose-headers"] == "x-inner"
    assert ask(proxy, headers={"Origin": "https://shop.example"}).headers["access-control-allow-origin"] == "https://shop.example"
    push(gateway, shop.declared(shop.api(service.url)))
    assert ask(proxy, headers=asking, method="OPTIONS").status_code == 401


def test_bodies_networks_and_headers(gateway: Traefik, proxy: traefik.Proxy, service: echo.Echo) -> None:
    def with_policies(**policies: Any) -> None:
        push(gateway, shop.declared(shop.api(service.url, policies=policies)))

    def posted() -> int:
        return ask(proxy, headers=ACME, method="POST", data=b"x" * 2000).status_code

    with_policies(max_body="1KB")
    assert posted() == 413
    assert ask(proxy, headers=ACME, method="POST", data=b"x" * 1000).status_code == 200
    with_policies()
    assert posted() == 200
    with_policies(ip_deny=["127.0.0.0/8"])
    assert ask(proxy, headers=ACME).status_code == 403
    with_policies(ip_deny=["10.0.0.0/8"])
    assert ask(proxy, headers=ACME).status_code == 200
    with_policies(ip_allow=["10.0.0.0/8", "2001:db8::/32"])
    assert ask(proxy, headers=ACME).status_code == 403
    with_policies(ip_allow=["10.0.0.0/8", "127.0.0.1"])
    assert ask(proxy, headers=ACME).status_code == 200
    with_policies(
        request_headers={"set": {"x-added": "by the gateway"}, "remove": ["x-secret"]},
        response_headers={"set": {"x-outer": "of the gateway"}, "remove": ["x-inner"]},
    )
    told = ask(proxy, headers={**ACME, "x-secret": "1", "X-Added": "by the caller"})
    assert told.json()["headers"]["x-added"] == "by the gateway" and "x-secret" not in told.json()["headers"]
    assert told.headers["x-outer"] == "of the gateway" and "x-inner" not in told.headers
    with_policies()
    told = ask(proxy, headers={**ACME, "x-secret": "1"})
    assert told.json()["headers"]["x-secret"] == "1" and told.headers["x-inner"] == "of the service"


def test_operations_hosts_and_ways_to_say_the_version(gateway: Traefik, proxy: traefik.Proxy, service: echo.Echo) -> None:
    some = {"operations": [{"method": "GET", "path": "/items/{id}"}, {"method": "POST", "path": "/items"}]}
    push(gateway, shop.declared(shop.api(service.url, route=some)))
    calls = [
        ("GET", "/items/7", 200),
        ("POST", "/items", 200),
        ("DELETE", "/items/7", 404),
        ("GET", "/items/7/x", 404),
        ("GET", "/", 404),
    ]
    for method, path, status in calls:
        assert ask(proxy, f"/orders/v1{path}", ACME, method).status_code == status, (method, path)
    push(gateway, shop.declared(shop.api(service.url)))
    assert ask(proxy, "/orders/v1/items/7", ACME, "DELETE").status_code == 200
    push(gateway, shop.declared(shop.api(service.url, route={"hosts": ["api.example"], "strip": False})))
    assert ask(proxy, headers=ACME).status_code == 404
    assert ask(proxy, headers={**ACME, "Host": "api.example"}).json()["path"] == "/orders/v1/list"
    one = shop.api(
        service.url, route={"versioning": "header", "name": "x-version"}, policies={"response_headers": {"set": {"x-is": "1"}}}
    )
    two = shop.api(
        service.url,
        version="2",
        route={"versioning": "query", "name": "v"},
        policies={"response_headers": {"set": {"x-is": "2"}}},
    )
    three = shop.api(
        service.url, version="3", route={"versioning": "none"}, policies={"response_headers": {"set": {"x-is": "3"}}}
    )
    push(gateway, shop.declared(one, two, three))
    assert ask(proxy, "/orders/list", {**ACME, "x-version": "1"}).headers["x-is"] == "1"
    assert ask(proxy, "/orders/list?v=2", ACME).headers["x-is"] == "2"
    assert ask(proxy, "/orders/list", ACME).headers["x-is"] == "3"


def test_who_subscribed_an_api_gets_nothing_of_one_below_its_path(
    gateway: Traefik, proxy: traefik.Proxy, service: echo.Echo
) -> None:
    above = shop.api(service.url, route={"versioning": "none"})
    below = shop.api(service.url, id="archive", route={"base_path": "/orders/archive", "versioning": "none"})
    push(gateway, shop.declared(above, below))
    assert ask(proxy, "/orders/list", ACME).status_code == 200
    assert ask(proxy, "/orders/archive/list", ACME).status_code == 403
    push(gateway, shop.declared(above))
    assert ask(proxy, "/orders/archive/list", ACME).status_code == 200


def test_the_life_of_a_version(gateway: Traefik, proxy: traefik.Proxy, service: echo.Echo) -> None:
    since, sunset = datetime(2026, 3, 1, tzinfo=UTC), date(2027, 1, 1)
    old = shop.api(service.url, lifecycle="deprecated", since=since, sunset=sunset)
    gone = shop.api(service.url, version="0", lifecycle="retired")
    new = shop.api(service.url, version="2")
    push(gateway, shop.declared(old, gone, new))
    told = ask(proxy, headers=ACME).headers
    assert told["deprecation"] == "@1772323200" and told["sunset"] == "Fri, 01 Jan 2027 00:00:00 GMT"
    assert ask(proxy, "/orders/v0/list", ACME).status_code == 410
    current = ask(proxy, "/orders/v2/list", ACME)
    assert current.status_code == 200 and "deprecation" not in current.headers


def test_several_targets_retries_time_limits_and_health(gateway: Traefik, proxy: traefik.Proxy, service: echo.Echo) -> None:
    with echo.running("two") as two:
        weighted = {"targets": [{"url": f"{service.url}/base", "weight": 3}, {"url": f"{two.url}/base", "weight": 1}]}
        push(gateway, shop.declared(shop.api(upstream=weighted)))
        answers = [ask(proxy, headers=ACME).json() for _ in range(16)]
        assert {each["path"] for each in answers} == {"/base/list"}
        assert [sum(each["server"] == name for each in answers) for name in ("one", "two")] == [12, 4]

        push(gateway, shop.declared(shop.api(two.url)))
        two.statuses[:] = [503]
        assert ask(proxy, headers=ACME).status_code == 503
        push(gateway, shop.declared(shop.api(two.url, upstream={"retries": 2})))
        two.statuses[:] = [503, 502]
        assert ask(proxy, headers=ACME).status_code == 200

        two.slow = 0.6
        push(gateway, shop.declared(shop.api(two.url, upstream={"timeout": "200ms"})))
        assert ask(proxy, headers=ACME).status_code == 504
        push(gateway, shop.declared(shop.api(two.url)))
        assert ask(proxy, headers=ACME).status_code == 200
        two.slow = 0.0

        health = {"path": "/health", "every": "1s", "timeout": "500ms"}
        both = {"targets": [{"url": service.url}, {"url": two.url}]}
        two.healthy = False
        push(gateway, shop.declared(shop.api(upstream={**both, "health": health})))
        until(lambda: {ask(proxy, headers=ACME).json()["server"] for _ in range(4)} == {"one"})
        push(gateway, shop.declared(shop.api(upstream=both)))
        assert {ask(proxy, headers=ACME).json()["server"] for _ in range(4)} == {"one", "two"}


def test_a_broken_definition_is_refused_and_the_last_good_one_serves_on(
    gateway: Traefik, proxy: traefik.Proxy, service: echo.Echo, tmp_path: Path
) -> None:
    good = shop.declared(shop.api(service.url))
    revision = push(gateway, good)
    before = gateway.path.read_bytes()
    wrong = shop.declared(shop.api(service.url, policies={"ip_allow": ["10.0.0.0/99"]}), shop.api(service.url, version="2"))
    assert [each.place.field for each in gateway.validate(wrong)] == ["api/orders@1:policies.ip_allow"]
    with pytest.raises(NodeError, match=r"Traefik refuses .* of the definitions: .*10\.0\.0\.0/99"):
        gateway.apply(wrong, ())  # whatever our own checks say
    assert gateway.path.read_bytes() == before
    until(lambda: ask(proxy, "/orders/v2/list", ACME).status_code == 404)
    assert ask(proxy, headers=ACME).status_code == 200 and ask(proxy).status_code == 401
    assert gateway.read().items == shop.expected(gateway, good) and gateway.read().revision == revision
    first = _gateway(proxy, tmp_path).__class__("other", gateway.settings, gateway.place)
    with pytest.raises(NodeError):
        first.apply(wrong, ())
    assert not first.path.exists()


def test_a_program_of_this_machine_tries_the_definitions_before_the_push(proxy: traefik.Proxy, tmp_path: Path) -> None:
    trying = _gateway(proxy, tmp_path, program=traefik.program())
    assert trying.validate(shop.declared(shop.api())) == []
    wrong = shop.declared(
        shop.api(route={"operations": [{"method": "GET", "path": "/{id}"}]}),
        shop.api(id="weird", route={"hosts": ["straße.example"]}),
    )
    found = [each.message.text("en") for each in trying.validate(wrong)]
    assert found and all("non-ASCII" in each and "weird" in each for each in found)
    assert not trying.path.exists()


def test_what_was_changed_by_hand_is_found_and_mended(gateway: Traefik, proxy: traefik.Proxy, service: echo.Echo) -> None:
    declared = shop.declared(shop.api(service.url, policies={"max_body": "1KB"}), plan={"rate": [{"count": 3, "per": "1h"}]})
    revision = push(gateway, declared)
    pushed, text = gateway.read().items, gateway.path.read_text()

    def edited(old: str, new: str, seen: str) -> dict[str, Any]:
        assert old in text
        # At once, and seen: of a file that is just being written, Traefik loads what is there.
        write_text(gateway.path, text.replace(old, new))
        until(lambda: seen in loaded(proxy))
        live = gateway.read().items
        return {change.item: change.fields for change in changes(pushed, pushed, live)} | {"all": drifted(pushed, live)}

    limit = "live.middlewares/edge~orders~1~0~body.buffering.maxRequestBodyBytes"
    found = edited('"maxRequestBodyBytes": 1000', '"maxRequestBodyBytes": 5000000', "5000000")
    assert found["all"] == ["api/orders@1"] and found["api/orders@1"][0][0] == "live"
    assert found["api/orders@1"][0][1]["middlewares/edge~orders~1~0~body"] == {"buffering": {"maxRequestBodyBytes": 5_000_000}}, (
        limit
    )
    assert edited('"burst": 3', '"burst": 3000', "3000")["all"] == ["subscription/acme-orders"]
    stolen = edited("acme\\-key" if "acme\\-key" in text else "acme-key", "evil-key", "evil-key")
    assert set(stolen["all"]) == {"consumer/acme", "consumer/bolt", "subscription/acme-orders"}
    assert "evil-key" not in str(stolen) and "•••" in str(stolen)
    gateway.path.write_text("http: [this is: no YAML")
    assert gateway.read().items == {}
    gateway.path.write_text("http: {}\n")
    assert push(gateway, declared) == revision
    gateway.path.unlink()
    assert gateway.read().items == {}
    assert push(gateway, declared) == revision and gateway.path.read_text() == text


def test_a_push_over_what_was_changed_by_hand_is_served_when_it_returns(
    gateway: Traefik, proxy: traefik.Proxy, service: echo.Echo
) -> None:
    declared = shop.declared(shop.api(service.url), plan={"rate": [{"count": 3, "per": "1h"}]})
    revision = push(gateway, declared)
    text = gateway.path.read_text()
    for _ in range(3):
        write_text(gateway.path, text.replace('"burst": 3', '"burst": 3117'))
        until(lambda: "3117" in loaded(proxy))
        # The mark of this revision is served all the time.
        assert push(gateway, declared) == revision and "3117" not in loaded(proxy)
        assert gateway.path.read_text() == text


def test_what_traefik_did_not_load_is_not_believed(
    gateway: Traefik, proxy: traefik.Proxy, service: echo.Echo, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    blind = _gateway(proxy, tmp_path, folder=str(tmp_path / "elsewhere"), patience=0.5)
    with pytest.raises(NodeError, match="has not loaded the file"):
        blind.apply(shop.declared(shop.api(service.url)), ())
    assert not blind.path.exists()
    trusting = _gateway(proxy, tmp_path, folder=str(tmp_path / "elsewhere"), api="")
    trusting.apply(shop.declared(shop.api(service.url)), ())
    assert trusting.read().items == shop.expected(trusting, shop.declared(shop.api(service.url)))
    assert "live" in blind.read().items["api/orders@1"]


def test_the_file_can_be_read_by_nobody_else_and_others_things_are_counted(
    gateway: Traefik, proxy: traefik.Proxy, service: echo.Echo
) -> None:
    push(gateway, shop.declared(shop.api(service.url)))
    assert gateway.path.stat().st_mode & 0o777 == 0o600
    assert gateway.read().foreign == 0
    (proxy.definitions / "theirs.yaml").write_text("http: {routers: {x: {rule: Path(`/x`), service: noop@internal}}}")
    until(lambda: gateway.read().foreign == 1)
    state = gateway.state()
    assert state["alive"] is True and state["version"]


def test_changes_lose_no_request(gateway: Traefik, proxy: traefik.Proxy, service: echo.Echo) -> None:
    push(gateway, shop.declared(shop.api(service.url)))
    failed, count, done = [], [0], threading.Event()

    def call() -> None:
        with requests.Session() as session:
            while not done.is_set():
                status = session.get(f"{proxy.address}/orders/v1/list", headers=ACME, timeout=10).status_code
                count[0] += 1
                if status != 200:
                    failed.append(status)

    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for number in range(6):
            push(gateway, shop.declared(shop.api(service.url, policies={"response_headers": {"set": {"x-number": str(number)}}})))
            assert ask(proxy, headers=ACME).headers["x-number"] == str(number)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not failed and count[0] > 20


def test_usage_is_read_from_the_access_log(gateway: Traefik, proxy: traefik.Proxy, service: echo.Echo, tmp_path: Path) -> None:
    counting = _gateway(proxy, tmp_path, access_log=str(proxy.access_log))
    operations = [{"method": "GET", "path": "/items/{id}"}, {"method": "POST", "path": "/items", "policies": {}}]
    declared = shop.declared(
        shop.api(service.url, route={"operations": operations}),
        shop.api(service.url, version="2"),
        plan={"rate": [{"count": 4, "per": "1h"}]},
    )
    push(counting, declared)
    _, mark = counting.usage("")
    for path, headers, method in (
        ("/orders/v1/items/7", ACME, "GET"), ("/orders/v1/items/8?x=1", ACME, "GET"), ("/orders/v1/items", ACME, "POST"),
        ("/orders/v2/list", ACME, "GET"), ("/orders/v2/list", ACME, "GET"), ("/orders/v1/items/7", BOLT, "GET"), ("/orders/v1/items/7", {}, "GET"),
    ):  # fmt: skip
        ask(proxy, path, headers, method, data=b"12345" if method == "POST" else None)
    rows: list[Any] = []

    def all_told() -> bool:
        nonlocal mark
        more, mark = counting.usage(mark)
        rows.extend(more)
        return sum(each.requests for each in rows) >= 7

    until(all_told)
    told = sorted((each.version, each.operation, each.consumer, each.plan, each.status, each.requests) for each in rows)
    assert told == sorted([
        ("1", "GET /items/{id}", "acme", "gold", 200, 2), ("1", "POST /items", "acme", "gold", 200, 1),
        ("2", "", "acme", "gold", 200, 1), ("2", "", "acme", "gold", 429, 1), ("1", "GET /items/{id}", "", "", 401, 1),
        ("1", "GET /items/{id}", "", "", 403, 1),
    ])  # fmt: skip
    assert sum(each.bytes_in for each in rows) == 5 and all(
        each.bytes_out > 0 and sum(each.latency) == each.requests for each in rows
    )
    assert not counting.usage(mark)[0]


def test_no_call_is_lost_when_the_log_is_put_aside(
    gateway: Traefik, proxy: traefik.Proxy, service: echo.Echo, tmp_path: Path
) -> None:
    """As logrotate does it: moved, then Traefik is told (SIGUSR1); between the two it writes on where it was."""
    counting = _gateway(proxy, tmp_path, access_log=str(proxy.access_log))
    push(counting, shop.declared(shop.api(service.url, id="rotated"), subscribed=("acme",)))
    aside = proxy.access_log.with_name("access.log.1")
    rows: list[Any] = []
    mark = counting.usage("")[1]

    def asked(count: int) -> None:
        assert statuses(proxy, count, ACME, "/rotated/v1/list") == [200] * count

    def told(count: int) -> bool:
        nonlocal mark
        more, mark = counting.usage(mark)
        rows.extend(each for each in more if each.api == "rotated")
        return sum(each.requests for each in rows) == count

    asked(3)
    until(lambda: told(3))
    asked(2)
    proxy.access_log.rename(aside)
    asked(4)
    proxy.begin_new_log()
    until(proxy.access_log.exists)
    asked(1)
    until(lambda: told(10))
    asked(5)
    until(lambda: told(15))
    aside.unlink()


@pytest.mark.parametrize("seed", range(4))
def test_generated_catalogues_come_back_from_the_real_one(seed: int, gateway: Traefik) -> None:
    declared = generated.declared(seed)
    push(gateway, declared)
    lost = {each.field.partition(".")[0] for each in gateway.dropped(declared)}
    assert lost <= {"security", "policies", "route", "quota", "upstream", "counted"}


@pytest.mark.parametrize("seed", range(15))
def test_generated_catalogues_come_back_from_the_file(seed: int, tmp_path: Path) -> None:
    (tmp_path / "definitions").mkdir()
    gateway = Traefik("edge", TraefikSettings(folder=FolderPath(tmp_path / "definitions")), shop.place(tmp_path))
    declared = generated.declared(seed, apis=8, subscriptions=20)
    assert gateway.apply(declared, ()) == gateway.read().revision
    assert gateway.read().items == shop.expected(gateway, declared)
    said = gateway.path.read_text()
    assert gateway.apply(declared, ()) == gateway.read().revision and gateway.path.read_text() == said


def loaded(proxy: traefik.Proxy) -> str:
    """All that Traefik serves."""
    return requests.get(f"{proxy.api}/api/rawdata", timeout=10).text


def until(holds: Any) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


OPEN = {"kind": "open", "approved_by": "root"}
