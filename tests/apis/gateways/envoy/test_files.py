"""What Envoy holds is what was pushed: read back, changed by hand, refused, blocked, and put right again."""

import json
import re
import time
from dataclasses import replace
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.apis.gateways.envoy.declaring import api, credential, declared
from tests.apis.gateways.generated import declared as generated

from tisserand import files
from tisserand.apis.gateways.compare import changes, without
from tisserand.apis.gateways.envoy import adapter, making
from tisserand.apis.gateways.envoy.filters import lookup
from tisserand.apis.gateways.envoy.places import CDS, RDS, ecds
from tisserand.apis.gateways.envoy.routes import KEYS, LUA
from tisserand.apis.model import Consumer, Plan, Quota, Rate, Subscription
from tisserand.apis.neutral import fingerprint
from tisserand.sdk.errors import NodeError

KEY = {
    "kid": "one",
    "alg": "RS256",
    **jwt.algorithms.RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 2048).public_key(), as_dict=True),
}


def edit(site, file, change):
    """As somebody does who goes to the files: moved into place, so that Envoy takes it up."""
    path = site.gateway.folder.path / file
    data = json.loads(path.read_text())
    change(data)
    files.write_text(path, json.dumps(data), 0o600)


def routes_of(data):
    tree = data["resources"][0]["virtual_hosts"][0]["matcher"]["matcher_tree"]["prefix_match_map"]["map"]
    return [route for entry in tree.values() for route in entry["action"]["typed_config"]["routes"]]


def drift(site, wanted):
    return [change.item for change in changes(site.gateway.read().items, None, wanted)]


def soon(ask, wanted, seconds=10):
    end = time.monotonic() + seconds
    while (found := ask()) != wanted and time.monotonic() < end:
        time.sleep(0.02)
    assert found == wanted


@pytest.mark.parametrize("seed", range(6))
def test_what_is_read_back_is_what_was_declared_without_what_was_dropped(site, seed):
    told = replace(generated(seed), jwks={"keys.json": {"keys": [KEY]}})
    dropped = {each.field.rpartition(".")[2] for each in site.gateway.dropped(told)}
    assert dropped <= {"cache", "0", "1", "2"}, "caches, and certificates among the ways to prove who calls"
    assert not any(each.weight == "limit" for each in site.gateway.dropped(told))
    site.push(told)
    held = site.gateway.read()
    site.push(told)
    assert site.gateway.read() == held, "pushing it again changes nothing"
    text = (site.gateway.folder.path / "held.json").read_text()
    assert not any(value in text for value in told.values.values())


def test_a_route_opened_by_hand_is_seen_and_closed_by_the_next_push(site):
    told = declared(api(site.one.url), api(site.two.url, "second"))
    site.push(told)
    wanted = site.gateway.read().items

    def open_it(data):
        for route in routes_of(data):
            if route.get("metadata", {}).get("filter_metadata", {}).get("tisserand", {}).get("key") == "orders@1":
                off = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}
                route["typed_per_filter_config"] |= {KEYS: off, "tisserand.subscribed": off}

    edit(site, RDS, open_it)
    soon(lambda: site.call("/orders/v1/x", key=None).status_code, 200)
    assert drift(site, wanted) == ["api/orders@1"]
    site.push(told)
    soon(lambda: site.call("/orders/v1/x", key=None).status_code, 401)
    assert drift(site, wanted) == []


def test_a_route_that_belongs_to_no_api_is_seen(site):
    told = declared(api(site.one.url))
    site.push(told)
    wanted = site.gateway.read().items

    def add(data):
        (host,) = data["resources"][0]["virtual_hosts"]
        host["matcher"]["on_no_match"]["action"]["typed_config"]["routes"][0]["direct_response"]["status"] = 204

    edit(site, RDS, add)
    soon(lambda: site.call("/elsewhere", key=None).status_code, 204)
    assert drift(site, wanted) == [f"file/{RDS}"]
    site.push(told)
    soon(lambda: site.call("/elsewhere", key=None).status_code, 404)
    assert drift(site, wanted) == []


def test_a_key_added_by_hand_is_seen(site):
    told = declared(api(site.one.url))
    site.push(told)
    wanted = site.gateway.read().items
    edit(
        site,
        ecds(KEYS),
        lambda data: data["resources"][0]["typed_config"]["credentials"].append({"key": "mine", "client": "acme"}),
    )
    soon(lambda: site.call("/orders/v1/x", key="mine").status_code, 200)
    assert drift(site, wanted) == ["consumer/acme"]
    site.push(told)
    soon(lambda: site.call("/orders/v1/x", key="mine").status_code, 401)


def test_what_envoy_refuses_is_put_back_and_the_last_good_one_serves_on(site, monkeypatch):
    good = declared(api(site.one.url))
    site.push(good)
    wanted, before = site.gateway.read(), {each.name: each.read_bytes() for each in site.gateway.folder.path.glob("*.json")}
    broken, real = declared(api(site.two.url)), making.configuration

    def twice(told, made_of):
        made = real(told, made_of)
        made["virtual_hosts"][0]["domains"] = ["*", "*"]
        return made

    monkeypatch.setattr(making, "configuration", twice)
    # The check before finds it; without the check Envoy itself must refuse, and what it serves must stay.
    assert [each.code for each in site.gateway.validate(broken)] == ["envoy.refused"]
    with pytest.raises(NodeError) as refused:
        site.gateway.apply(broken, [])
    assert "routes.json" in refused.value.message.text("en")
    assert site.call("/orders/v1/x").json()["service"] == "one"
    assert {each.name: each.read_bytes() for each in site.gateway.folder.path.glob("*.json")} == before
    monkeypatch.undo()
    soon(lambda: site.gateway.read(), wanted)
    site.push(declared(api(site.two.url)))
    assert site.call("/orders/v1/x").json()["service"] == "two"


def test_only_what_envoy_has_not_checked_yet_is_checked(site, monkeypatch):
    """Of a thousand APIs, one change is checked in a fraction of the time; what is wrong is found all the same."""
    checked = []
    real = adapter.refused
    monkeypatch.setattr(adapter, "refused", lambda everything, folder: checked.append(everything) or real(everything, folder))
    first, second = api(site.one.url), api(site.two.url, "second")
    site.push(declared(first, second))
    site.push(declared(first, api(site.one.url, "second")))
    assert [len(each["static_resources"]["clusters"]) for each in checked[-2:]] == [2, 1]
    assert "/second/v1" in json.dumps(checked[-1]) and "/orders/v1" not in json.dumps(checked[-1])
    assert site.call("/orders/v1/x").json()["service"] == site.call("/second/v1/x").json()["service"] == "one"
    # What Envoy cannot have is refused though it is looked at alone.
    wrong = api(site.one.url, "second", policies={"request_headers": {"set": {"x-y": "z"}}})
    monkeypatch.setattr(making, "cluster", lambda *_: {"name": "second", "type": "NO_SUCH_TYPE"})
    assert [each.code for each in site.gateway.validate(declared(first, wrong))] == ["envoy.refused"]
    monkeypatch.undo()
    assert site.gateway.validate(declared(first, second)) == []


def test_what_stands_in_a_file_but_is_not_live_is_seen(site):
    told = declared(api(site.one.url))
    site.push(told)
    wanted = site.gateway.read().items
    edit(site, RDS, lambda data: data.update(version_info="another", resources=[{**data["resources"][0], "virtual_hosts": 7}]))
    # Envoy refuses that and serves on.
    assert site.call("/orders/v1/x").status_code == 200
    assert drift(site, wanted) != []
    site.push(told)
    assert drift(site, wanted) == [] and site.call("/orders/v1/x").status_code == 200


def test_no_bucket_is_filled_again_by_what_is_no_plan(site):
    third = {"other-orders": Subscription(api="orders", plan="gold", consumer="other", state="active")}
    plan = Plan(rate=[Rate(count=2, per="1h")], quota=Quota(count=9, period="day"))
    first = api(site.one.url)
    told = declared(first, plan=plan)
    site.push(declared(first))
    site.push(told)
    assert [site.call("/orders/v1/x").status_code for _ in range(3)] == [200, 200, 429]
    # A new subscription, a new API, another target, another address rule, a block and its end.
    for change in (
        declared(first, plan=plan, subscriptions=third), declared(first, api(site.two.url, "second"), plan=plan),
        declared(api(site.two.url), plan=plan), declared(api(site.one.url, policies={"ip_deny": ["10.0.0.0/8"]}), plan=plan),
    ):  # fmt: skip
        site.push(change)
        assert site.call("/orders/v1/x").status_code == 429
    both = declared(first, api(site.two.url, "second"), plan=plan)
    site.push(both)
    site.gateway.block(both, frozenset({("other", "orders")}))
    site.gateway.block(both, frozenset())
    assert site.call("/orders/v1/x").status_code == 429
    assert [site.call("/second/v1/x").status_code for _ in range(3)] == [200, 200, 429], "each API has buckets of its own"
    site.push(declared(first, plan=Plan(rate=[Rate(count=3, per="1h")])))
    assert site.call("/orders/v1/x").status_code == 200


def test_a_block_is_no_drift_and_stays_through_a_push(site):
    told = declared(api(site.one.url), plan=Plan(quota=Quota(count=9, period="day")))
    site.push(told)
    wanted = site.gateway.read().items
    site.gateway.block(told, frozenset({("acme", "orders")}))
    assert site.gateway.read().items == wanted and site.call("/orders/v1/x").status_code == 429
    script = site.gateway.folder.path / ecds(LUA)
    assert "acme" in script.read_text()
    text = json.dumps(lookup(told, []))
    assert text != json.dumps(lookup(declared(api(site.one.url)), [("acme", "orders", 7)]))


def test_a_block_that_failed_is_tried_again(site, monkeypatch):
    told = declared(api(site.one.url), plan=Plan(quota=Quota(count=9, period="day")))
    site.push(told)
    who = frozenset({("acme", "orders")})

    def fails(*_told):
        raise NodeError("It does not answer.")

    monkeypatch.setattr(type(site.gateway.folder), "put_filter", fails)
    with pytest.raises(NodeError):
        site.gateway.block(told, who)
    monkeypatch.undo()
    assert site.call("/orders/v1/x").status_code == 200
    site.gateway.block(told, who)
    assert site.call("/orders/v1/x").status_code == 429
    site.gateway.block(told, frozenset())


def test_a_push_that_was_killed_lets_nobody_in_who_is_to_be_blocked(site, monkeypatch):
    """Who is blocked is noted once it is live: otherwise the next start would take it for done."""
    told = declared(api(site.one.url), plan=Plan(quota=Quota(count=9, period="day")))
    site.push(told)
    who = frozenset({("acme", "orders")})

    def killed(*_told):
        raise SystemExit  # what a kill leaves: neither the effect nor what was to undo it

    monkeypatch.setattr(type(site.gateway.folder), "put", killed)
    monkeypatch.setattr(type(site.gateway), "_back", lambda *_told: None)
    with pytest.raises(SystemExit):
        site.gateway.apply(replace(told, exhausted=who), [])
    monkeypatch.undo()
    assert site.call("/orders/v1/x").status_code == 200
    site.gateway.block(told, who)
    soon(lambda: site.call("/orders/v1/x").status_code, 429)
    site.gateway.block(told, frozenset())


def test_single_credentials_go_and_nothing_else(site):
    """Keys and passwords, of which one has a colon; a file that is no longer ours is left."""
    kinds = {"k1": "api_key", "p1": "basic", "p2": "basic"}
    values = {"acme/k1": "key-of-acme", "acme/p1": "first: pass", "acme/p2": "second"}
    people = {"acme": Consumer(credentials=[
        credential(id, values[f"acme/{id}"]).model_copy(update={"kind": kind}) for id, kind in kinds.items()])}  # fmt: skip
    site.push(declared(api(site.one.url, security=[{"kind": "api_key"}, {"kind": "basic"}]), consumers=people, values=values))

    def found():
        basic = [site.call("/orders/v1/x", key=None, auth=("acme", each)).status_code for each in ("first: pass", "second")]
        return [site.call("/orders/v1/x").status_code, *basic]

    assert found() == [200, 200, 200]
    site.gateway.close(frozenset({fingerprint("first: pass")}))
    soon(found, [200, 401, 200])
    site.gateway.close(frozenset({fingerprint("key-of-acme"), fingerprint("unknown")}))
    soon(found, [401, 401, 200])
    before = (site.gateway.folder.path / ecds(KEYS)).read_bytes()
    site.gateway.close(frozenset({fingerprint("key-of-acme")}))
    assert (site.gateway.folder.path / ecds(KEYS)).read_bytes() == before
    for odd in ({"resources": [7]}, {"resources": [{"typed_config": {"credentials": [7, {}]}}]}, 7):
        files.write_text(site.gateway.folder.path / ecds(KEYS), json.dumps(odd), 0o600)
        site.gateway.close(frozenset({fingerprint("key-of-acme")}))
    site.push(declared(api(site.one.url)))


@pytest.fixture
def full(monkeypatch):
    """The disk is full when the file number `at` is moved into its place."""
    whole = Path.replace

    def begin(at):
        written = []

        def replace(self, target):
            written.append(target)
            if len(written) == at + 1:
                raise OSError(28, "No space left on device")
            return whole(self, target)

        monkeypatch.setattr(Path, "replace", replace)

    yield begin
    monkeypatch.undo()


@pytest.mark.parametrize("at", range(5))
def test_a_disk_that_is_full_is_told_and_the_last_good_one_serves_on(site, full, monkeypatch, at):
    """Whichever file cannot be written, its own record among them."""
    site.push(declared(api(site.one.url)))
    wanted = site.gateway.read()
    full(at)
    with pytest.raises(NodeError, match="No space left on device"):
        site.gateway.apply(declared(api(site.two.url), api(site.two.url, "second")), [])
    monkeypatch.undo()
    soon(lambda: site.gateway.read(), wanted)
    assert site.call("/orders/v1/x").json()["service"] == "one"


def test_a_disk_that_is_full_is_told_where_nothing_is_pushed(site, full):
    told = declared(api(site.one.url), plan=Plan(quota=Quota(count=9, period="day")))
    site.push(told)
    for ask in (lambda: site.gateway.validate(told), lambda: site.gateway.block(told, frozenset({("acme", "orders")}))):
        full(0)
        with pytest.raises(NodeError, match="No space left on device"):
            ask()


def test_files_can_be_read_by_their_owner_only(site):
    site.push(declared(api(site.one.url)))
    assert site.gateway.folder.path.stat().st_mode & 0o777 == 0o700
    for each in site.gateway.folder.path.iterdir():
        assert each.stat().st_mode & 0o077 == 0, each.name
    assert {"access.log", "envoy.log"} <= {each.name for each in site.gateway.folder.path.iterdir()}
    limits = (Path("/proc") / str(site.process._process.pid) / "limits").read_text()
    assert re.search(r"Max core file size +0 +0 ", limits), "a crash leaves no image of the keys"
    assert CDS in {each.name for each in site.gateway.folder.path.iterdir()}
    assert without(declared(api(site.one.url)).items, ()) == site.gateway.read().items
