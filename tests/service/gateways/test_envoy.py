"""The whole way with a real Envoy: declared in files, planned, pushed, called, changed by hand, rolled back, counted, limited."""

import json
import random
import time
from collections import Counter

import pytest
import requests
from tests.apis.gateways.envoy.conftest import Echo
from tests.servers import envoy
from tests.service.gateways.conftest import ID, Desk

from tisserand.apis.gateways.envoy.places import RDS
from tisserand.apis.usage import UsageQuery
from tisserand.files import write_text
from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import Refused
from tisserand.workspace.secrets import secret_store


@pytest.fixture
def site(tmp_path, secrets_in_a_file):
    """A workspace whose gateway serves: nothing is pushed yet."""
    envoy.needed()
    from tisserand.apis.gateways.envoy.process import EnvoyProcess

    (tmp_path / "tisserand.yaml").write_text(f"id: {ID}\nexecutor: {{warm: false}}\n")
    (tmp_path / "flows").mkdir()
    desk = Desk(tmp_path)
    desk.one, desk.two = Echo("one"), Echo("two")
    desk.write("gateways.yaml", {"main": {"type": "envoy"}})
    desk.write("plans.yaml", {"gold": {"quota": {"count": 20, "period": "month"}}})
    desk.consumer("acme", "key-of-acme")
    desk.consumer("globex", "key-of-globex")
    desk.consumer("stranger", "key-of-stranger")
    active = {
        f"{who}-orders": {"api": "orders", "plan": "gold", "consumer": who, "state": "active"} for who in ("acme", "globex")
    }
    desk.write("subscriptions.yaml", active)
    desk.api(upstream={"targets": [{"url": desk.one.url}]})
    executor = LocalExecutor(tmp_path)
    process = EnvoyProcess(executor.gateways.gateway("main"))
    process.start()
    yield desk, executor
    process.stop()
    executor.close()
    desk.one.shutdown()
    desk.two.shutdown()


def asked(executor, key="key-of-acme", path="/orders/v1/x"):
    (info,) = executor.gateways.list()
    return requests.get(info.address + path, headers={"x-api-key": key} if key else {}, timeout=10)


def soon(ask, wanted, seconds=10):
    """What Envoy takes up is live within milliseconds; its access log is on the disk a little later."""
    end = time.monotonic() + seconds
    while (found := ask()) != wanted and time.monotonic() < end:
        time.sleep(0.02)
    assert found == wanted


def test_declared_pushed_called_changed_rolled_back_and_counted(site):
    desk, executor = site
    gateways = executor.gateways
    assert asked(executor).status_code == 404
    assert {each.action for each in gateways.plan("main").changes} == {"create"}
    assert asked(executor).status_code == 404
    first = gateways.push("main", by="ann")
    assert first.result == "done" and gateways.push("main").changes == 0
    soon(lambda: asked(executor).status_code, 200)
    assert asked(executor).json()["service"] == "one"
    answers = [asked(executor, key).status_code for key in (None, "wrong", "key-of-stranger")]
    assert answers == [401, 401, 403]

    desk.api(upstream={"targets": [{"url": desk.two.url}]})
    assert [each.item for each in gateways.plan("main").changes] == ["api/orders@1"]
    gateways.push("main", by="ann")
    soon(lambda: asked(executor).json()["service"], "two")

    # Somebody opens it by hand: seen, and put right by the next push.
    routes = desk.state / RDS
    write_text(routes, routes.read_text().replace("/orders/v1", "/open/v1"), 0o600)
    soon(lambda: asked(executor, path="/open/v1/x").status_code, 200)
    assert [each.item for each in gateways.drift("main")] == ["api/orders@1"]
    (change,) = gateways.plan("main").changes
    assert change.drift and change.item == "api/orders@1"
    assert gateways.push("main").result == "done" and gateways.drift("main") == []
    soon(lambda: asked(executor).status_code, 200)
    assert asked(executor, path="/open/v1/x").status_code == 404

    gateways.rollback("main", first.number, "bob")
    soon(lambda: asked(executor).json()["service"], "one")
    assert [each.item for each in gateways.plan("main").changes] == ["api/orders@1"]
    assert next((each.result, each.by) for each in gateways.history("main")) == ("rolled back", "bob")

    calls = {"acme": 3, "globex": 5}
    # As many as the services saw, and no more.
    soon(lambda: sum(counted(gateways, "200").values()), desk.one.asked + desk.two.asked)
    before = counted(gateways, "200")
    for who, times in calls.items():
        for _ in range(times):
            assert asked(executor, f"key-of-{who}").status_code == 200
    wanted = {who: before.get(who, 0) + times for who, times in calls.items()}
    soon(lambda: counted(gateways, "200"), wanted)
    assert sum(wanted.values()) == desk.one.asked + desk.two.asked
    (total,) = gateways.usage(UsageQuery(api="orders", consumer="globex"))
    assert total.requests == 5 and total.p50 is not None and total.bytes_out > 0
    (odd,) = gateways.usage(UsageQuery(api="orders", status="403"))
    assert odd.rejected == 1


def counted(gateways, status):
    gateways.collect("main")
    found = gateways.usage(UsageQuery(by=("consumer",), api="orders", status=status))
    return {each.group["consumer"]: each.requests for each in found}


def test_who_is_over_a_quota_gets_429_while_others_go_on(site):
    desk, executor = site
    executor.gateways.push("main")
    soon(lambda: asked(executor).status_code, 200)
    sent = 1
    while asked(executor).status_code == 200 and sent < 60:
        sent += 1
        if sent >= 20:
            time.sleep(0.1)
        executor.gateways.follow()
    assert 20 <= sent < 60
    refused = asked(executor)
    assert refused.status_code == 429 and int(refused.headers["retry-after"]) > 0
    assert asked(executor, "key-of-globex").status_code == 200
    # A push meanwhile does not let in again who is blocked; a larger quota does.
    desk.api(upstream={"targets": [{"url": desk.two.url}]})
    executor.gateways.push("main")
    soon(lambda: asked(executor, "key-of-globex").json()["service"], "two")
    assert asked(executor).status_code == 429
    desk.write("plans.yaml", {"gold": {"quota": {"count": 1000, "period": "month"}}})
    executor.gateways.push("main")
    executor.gateways.follow()
    soon(lambda: asked(executor).status_code, 200)


def test_a_revoked_key_stops_without_a_push(site):
    desk, executor = site
    executor.gateways.push("main")
    soon(lambda: asked(executor, "key-of-globex").status_code, 200)
    desk.consumer("globex", "key-of-globex", state="revoked")
    executor.gateways.follow()
    soon(lambda: asked(executor, "key-of-globex").status_code, 401)
    assert asked(executor).status_code == 200


def test_a_revoked_key_stops_although_somebody_changed_the_gateway(site):
    """What was changed by hand stays, also the other key of the same file, until somebody pushes."""
    desk, executor = site
    executor.gateways.push("main")
    soon(lambda: asked(executor, "key-of-globex").status_code, 200)
    routes = desk.state / RDS
    write_text(routes, routes.read_text().replace("/orders/v1", "/moved/v1"), 0o600)
    soon(lambda: asked(executor, "key-of-globex", "/moved/v1/x").status_code, 200)
    desk.consumer("globex", "key-of-globex", state="revoked")
    for _ in range(2):
        executor.gateways.follow()
        soon(lambda: asked(executor, "key-of-globex", "/moved/v1/x").status_code, 401)
        assert asked(executor, path="/moved/v1/x").status_code == 200
    assert executor.gateways.list()[0].problem is not None and len(executor.gateways.history("main")) == 1
    executor.gateways.push("main")
    soon(lambda: asked(executor).status_code, 200)
    assert asked(executor, "key-of-globex").status_code == 401 and executor.gateways.drift("main") == []


def test_what_envoy_refuses_is_not_pushed(site):
    desk, executor = site
    executor.gateways.push("main")
    soon(lambda: asked(executor).status_code, 200)
    desk.api(upstream={"targets": [{"url": "http://a.example.org/x"}, {"url": "https://b.example.org/y"}]})
    with pytest.raises(Refused):
        executor.gateways.push("main")
    desk.api(policies={"cache": 60, "ip_deny": ["not a network"]})
    with pytest.raises(Refused):
        executor.gateways.push("main")
    assert asked(executor).json()["service"] == "one"
    assert secret_store(ID).get("acme.main") not in json.dumps([each.to_json() for each in executor.gateways.history("main")])


def test_figures_are_those_of_the_requests_that_were_sent(site):
    """Counted here from what was asked and answered, there from the log of the real one."""
    desk, executor = site
    gateways = executor.gateways
    operations = [
        {"method": "GET", "path": "/items/{id}"},
        {"method": "POST", "path": "/items"},
        {"method": "GET", "path": "/items"},
    ]
    desk.api(upstream={"targets": [{"url": desk.one.url}]}, route={"base_path": "/orders", "operations": operations})
    desk.api(id="stock", upstream={"targets": [{"url": desk.two.url}]}, route={"base_path": "/stock"})
    desk.write("plans.yaml", {"gold": {}, "free": {"rate": [{"count": 4, "per": "1h"}]}})
    bought = {
        "acme-orders": {"api": "orders", "plan": "gold", "consumer": "acme", "state": "active"},
        "globex-orders": {"api": "orders", "plan": "free", "consumer": "globex", "state": "active"},
        "acme-stock": {"api": "stock", "plan": "free", "consumer": "acme", "state": "active"},
    }
    desk.write("subscriptions.yaml", bought)
    gateways.push("main")
    soon(lambda: asked(executor, path="/stock/v1/ready").status_code, 200)
    gateways.collect("main")
    end = time.monotonic() + 30
    while not (before := sums(gateways)) and time.monotonic() < end:
        gateways.collect("main")
    (info,) = gateways.list()
    draw, expected, sizes = random.Random(7), Counter(), Counter()
    ways = [
        ("orders", "GET", "/items/{id}"), ("orders", "POST", "/items"), ("orders", "GET", "/items"), ("orders", "GET", None), ("stock", "GET", ""),
    ]  # fmt: skip
    plans = {(each["consumer"], each["api"]): each["plan"] for each in bought.values()}
    for number in range(120):
        api, method, template = draw.choice(ways)
        who = draw.choice(["acme", "acme", "globex", "stranger", None])
        path = {"stock": f"/any/{number}"}.get(api) or (
            "/elsewhere" if template is None else template.replace("{id}", str(number))
        )
        body = b"x" * draw.choice([0, 10, 300]) if method == "POST" else None
        headers = {"x-api-key": f"key-of-{who}"} if who else {}
        answer = requests.request(method, f"{info.address}/{api}/v1{path}?n={number}", headers=headers, data=body, timeout=10)
        known = who if answer.status_code not in (401, 404) else None
        key = (api, f"{method} {template}" if template else "", known or "", plans.get((known, api), ""), answer.status_code)
        expected[key] += 1
        sizes[key] += len(body or b"")
    wanted = {key: (count + before.get(key, (0, 0))[0]) for key, count in expected.items()}

    def told():
        gateways.collect("main")
        return {key: count for key, (count, _) in sums(gateways).items() if key in wanted}

    soon(told, wanted, 30)
    assert {status for *_, status in expected} == {200, 401, 403, 404, 429}
    # Of what is refused, the body need not be read.
    assert all(received == sizes[key] for key, (_, received) in sums(gateways).items() if key[-1] == 200 and key in wanted)
    assert all(each.p50 is not None and 0 < each.p50 <= each.p99 for each in gateways.usage(UsageQuery(by=("api", "status"))))


def sums(gateways):
    by = ("api", "operation", "consumer", "plan", "status")
    return {
        tuple(each.group[name] for name in by): (each.requests, each.bytes_in)
        for each in gateways.usage(UsageQuery(by=by, limit=10_000))
    }
