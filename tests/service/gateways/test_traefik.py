"""The same way with a real Traefik: what it cannot enforce is accepted by name, and what is changed in its file is seen."""

import time

import pytest
import requests
from tests.servers import echo, traefik
from tests.service.gateways.conftest import ID, Desk

from tisserand.files import write_text
from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import Refused


def soon(ask, wanted, seconds=10):
    end = time.monotonic() + seconds
    while (found := ask()) != wanted and time.monotonic() < end:
        time.sleep(0.05)
    assert found == wanted


def test_declared_pushed_called_changed_and_rolled_back(tmp_path, secrets_in_a_file, tmp_path_factory):
    (tmp_path / "tisserand.yaml").write_text(f"id: {ID}\nexecutor: {{warm: false}}\n")
    desk = Desk(tmp_path)
    with echo.running("one") as one, echo.running("two") as two, traefik.running(tmp_path_factory.mktemp("traefik")) as proxy:
        settings = {"folder": str(proxy.definitions), "api": proxy.api, "address": proxy.address}
        desk.write("gateways.yaml", {"edge": {"type": "traefik", "settings": settings}})
        desk.write("plans.yaml", {"gold": {"quota": {"count": 20, "period": "month"}}})
        desk.consumer("acme", "key-of-acme")
        desk.write(
            "subscriptions.yaml", {"acme-orders": {"api": "orders", "plan": "gold", "consumer": "acme", "state": "active"}}
        )
        desk.api(upstream={"targets": [{"url": one.url}]})
        executor = LocalExecutor(tmp_path)
        gateways = executor.gateways

        def asked(key="key-of-acme"):
            return requests.get(f"{proxy.address}/orders/v1/x", headers={"x-api-key": key} if key else {}, timeout=10)

        try:
            # Without its access log nobody counts: a quota would be a promise that nobody keeps.
            heavy = [each.name for each in gateways.plan("edge").dropped if each.weight != "other"]
            assert heavy == ["plan/gold:quota"]
            with pytest.raises(Refused, match="plan/gold:quota"):
                gateways.push("edge")
            assert asked().status_code == 404
            first = gateways.push("edge", heavy, "root")
            assert first.dropped == ("plan/gold:quota",) and gateways.push("edge").changes == 0
            soon(lambda: asked().status_code, 200)
            assert asked().json()["server"] == "one" and [asked(key).status_code for key in (None, "wrong")] == [401, 401]
            desk.api(upstream={"targets": [{"url": two.url}]})
            gateways.push("edge")
            soon(lambda: asked().json()["server"], "two")
            file = proxy.definitions / "tisserand-edge.yaml"
            write_text(file, file.read_text().replace(two.url, one.url))
            assert "api/orders@1" in {each.item for each in gateways.drift("edge")}
            assert gateways.push("edge").result == "done" and gateways.drift("edge") == []
            soon(lambda: asked().json()["server"], "two")
            gateways.rollback("edge", first.number)
            soon(lambda: asked().json()["server"], "one")
        finally:
            executor.close()
