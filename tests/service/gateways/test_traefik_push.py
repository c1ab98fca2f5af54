"""The whole way to a real Traefik: files, plan, push, a hand at its file, drift, push again, rollback, usage, a quota that is used up."""

import time

import pytest
import requests
from tests.servers import echo, traefik

from tisserand.service.gateways.calls import UsageQuery
from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import Refused

KEY = {"x-api-key": "k-acme-1"}


@pytest.fixture
def proxy(tmp_path_factory):
    with traefik.running(tmp_path_factory.mktemp("traefik")) as running:
        yield running


@pytest.fixture
def service():
    with echo.running() as running:
        yield running


@pytest.fixture
def gateways(desk, proxy, service):
    settings = {"folder": str(proxy.definitions), "api": proxy.api, "access_log": str(proxy.access_log)}
    desk.write("gateways.yaml", {"main": {"type": "traefik", "settings": settings}})
    desk.api(upstream={"targets": [{"url": service.url}]})
    made = LocalExecutor(desk.root, grace=2)
    yield made.gateways
    made.close()


def status(proxy, **headers):
    return requests.get(f"{proxy.address}/orders/v1/list", headers=headers, timeout=10).status_code


def test_from_the_files_to_a_request_and_back(desk, gateways, proxy, service):
    plan = gateways.plan("main")
    assert not plan.problems and not plan.dropped
    assert [change.item for change in plan.changes] == ["api/orders@1", "consumer/acme", "plan/gold", "subscription/acme-orders"]
    first = gateways.push("main", by="root")
    assert (first.result, status(proxy), status(proxy, **KEY)) == ("done", 401, 200)
    assert gateways.plan("main").changes == ()

    file = proxy.definitions / "tisserand-main.yaml"
    file.write_text(file.read_text().replace('"average": 10', '"average": 10000'))
    (change,) = gateways.drift("main")
    assert change.item == "subscription/acme-orders"
    assert gateways.plan("main").drifted == ("subscription/acme-orders",)

    target = {"targets": [{"url": service.url}]}
    desk.api(upstream=target, policies={"cache": 5, "ip_deny": ["127.0.0.0/8"]})
    second = gateways.push("main", by="root")
    assert (second.result, status(proxy, **KEY)) == ("done", 403)
    assert gateways.drift("main") == []
    desk.api(upstream=target, security=[{"kind": "jwt", "issuer": "https://id.example", "jwks": "keys.json"}])
    (desk.root / "keys.json").write_text('{"keys": []}')
    with pytest.raises(Refused, match=r"api/orders@1:security\.0"):
        gateways.push("main", by="root")
    assert status(proxy, **KEY) == 403
    back = gateways.rollback("main", by="root")
    assert (back.result, status(proxy, **KEY)) == ("rolled back", 200)


def test_calls_are_counted_and_a_used_up_quota_stops_the_consumer(desk, gateways, proxy):
    desk.write("plans.yaml", {"gold": {"name": "Gold", "quota": {"count": 3, "period": "month"}}})
    gateways.push("main", by="root")
    assert [status(proxy, **KEY) for _ in range(3)] == [200, 200, 200]
    end = time.monotonic() + 20
    while status(proxy, **KEY) != 429:
        gateways.follow()
        assert time.monotonic() < end
        time.sleep(0.2)
    gateways.collect("main")
    sums = {each.group["status"]: each for each in gateways.usage(UsageQuery(by=("status", "consumer", "plan")))}
    assert sums[200].requests >= 3 and sums[429].requests >= 1
    assert {(each.group["consumer"], each.group["plan"]) for each in sums.values()} == {("acme", "gold")}
