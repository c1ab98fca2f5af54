"""Files that somebody wrote by hand, to do harm or by mistake: refused with a sentence at their place, or they work right."""

from __future__ import annotations

import subprocess
import time
from dataclasses import replace
from typing import Any

import pytest
from tests.apis.gateways.envoy.conftest import Site
from tests.apis.gateways.envoy.declaring import api, credential, declared

from tisserand.apis.gateways.envoy import adapter, checking
from tisserand.apis.gateways.envoy.harmful import harmful
from tisserand.apis.gateways.envoy.routes import configuration
from tisserand.apis.model import Api, Consumer, Plan, Subscription
from tisserand.apis.neutral import Declared

PORT = 4711
"""Where the gateway of these tests would listen."""
GOOD = "http://127.0.0.1:9"


def policies(**more: Any) -> Declared:
    return declared(api(GOOD, policies=more))


def upstream(**more: Any) -> Declared:
    return declared(api("", upstream={"targets": [{"url": GOOD}], **more}))


def target(url: str) -> Declared:
    return declared(api(url, security=[{"kind": "open", "approved_by": "boss"}]))


def route(**more: Any) -> Declared:
    return declared(api(GOOD, route={"base_path": "/orders", **more}))


def operation(path: str) -> Declared:
    return route(operations=[{"method": "GET", "path": path}])


def rate(**more: Any) -> Declared:
    return declared(api(GOOD), plan=Plan.model_validate({"rate": [more]}))


HARMFUL: dict[str, tuple[Declared, str]] = {
    # Framing: with another length, the rest of a body would be the next request.
    "length": (policies(request_headers={"set": {"Content-Length": "5"}}), "policies.request_headers"),
    "chunked": (policies(request_headers={"set": {"transfer-encoding": "chunked"}}), "policies.request_headers"),
    "no length": (policies(response_headers={"remove": ["content-length"]}), "policies.response_headers"),
    "hop": (policies(request_headers={"set": {"connection": "x-consumer-id"}}), "policies.request_headers"),
    "own": (policies(request_headers={"set": {"X_Consumer_Id": "root"}}), "policies.request_headers"),
    "long value": (policies(request_headers={"set": {"x-a": "a" * 20_000}}), "policies.request_headers"),
    "cors split": (policies(cors={"origins": ["https://a"], "headers": ["x\r\nx-evil: 1"]}), "policies.cors.headers"),
    "cors expose": (policies(cors={"origins": ["https://a"], "expose": ["x\nx-evil: 1"]}), "policies.cors.expose"),
    "body": (policies(max_body="5GB"), "policies.max_body"),
    "operation": (
        route(operations=[{"method": "GET", "path": "/x", "policies": {"request_headers": {"set": {"upgrade": "h2c"}}}}]),
        "route.operations.0.policies.request_headers",
    ),
    "forever": (upstream(timeout="0s"), "upstream.timeout"),
    "ages": (upstream(timeout="99999999999d"), "upstream.timeout"),
    "health at once": (upstream(health={"every": "0s"}), "upstream.health.every"),
    "health split": (upstream(health={"path": "/a HTTP/1.1\r\nx: y"}), "upstream.health.path"),
    "health text": (upstream(health={"path": "/é"}), "upstream.health.path"),
    "password": (target("http://user:secret-4711@example.org/x"), "upstream.targets.0.url"),
    "query": (target("http://example.org/x?key=1"), "upstream.targets.0.url"),
    "fragment": (target("http://example.org/x#y"), "upstream.targets.0.url"),
    "path": (target("http://example.org/{x}/é b"), "upstream.targets.0.url"),
    "newline": (target("http://exam\nple.org"), "upstream.targets.0.url"),
    "command": (target("http://example.org/%REQ(x)%"), "upstream.targets.0.url"),
    "space": (target("http://exam ple.org"), "upstream.targets.0.url"),
    "name": (target("http://é.example.org"), "upstream.targets.0.url"),
    "long name": (target(f"http://{'a' * 300}"), "upstream.targets.0.url"),
    "long label": (target(f"http://{'a' * 64}.org"), "upstream.targets.0.url"),
    "metadata": (target("http://169.254.169.254/latest"), "upstream.targets.0.url"),
    "metadata as number": (target("http://2852039166/"), "upstream.targets.0.url"),
    "metadata as hex": (target("http://0xA9.0xfe.43518/"), "upstream.targets.0.url"),
    "metadata as IPv6": (target("http://[::ffff:169.254.169.254]/"), "upstream.targets.0.url"),
    "link-local": (target("http://[fe80::1]/"), "upstream.targets.0.url"),
    "multicast": (target("http://224.0.0.1/"), "upstream.targets.0.url"),
    "nowhere": (target("http://0.0.0.0:4712/"), "upstream.targets.0.url"),
    "itself": (target(f"http://127.0.0.1:{PORT}/orders/v1"), "upstream.targets.0.url"),
    "itself by name": (target(f"http://LocalHost:{PORT}/"), "upstream.targets.0.url"),
    "itself in short": (target(f"http://127.1:{PORT}/"), "upstream.targets.0.url"),
    "itself as IPv6": (target(f"http://[::1]:{PORT}/"), "upstream.targets.0.url"),
    "itself by its host": (target(f"http://front.example:{PORT}/"), "upstream.targets.0.url"),
    "climbs": (declared(api(GOOD, route={"base_path": "/a/.."})), "route.base_path"),
    "operation climbs": (operation("/a/../b"), "route.operations.0.path"),
    "operation empty": (operation("//a"), "route.operations.0.path"),
    "operation query": (operation("/a?x=1"), "route.operations.0.path"),
    "operation newline": (operation("/a\nb"), "route.operations.0.path"),
    "operation back": (operation("/\\d+"), "route.operations.0.path"),
    **{
        f"host {host[:9]}": (route(hosts=[host]), "route.hosts.0")
        for host in ("", "a b", "**", "*a*", "*.", "a:80", "x" * 300, "a\nb", "é.org")
    },
    **{
        f"version in header {name[:9]}": (route(versioning="header", name=name), "route.name")
        for name in ("", "a b", ":path", "é", "host", "X-Consumer-Id", "x_consumer_plan", "x-envoy-retry-on", "content-length")
    },
    **{
        f"version in query {name[:9]}": (route(versioning="query", name=name), "route.name")
        for name in ("", "a b", "é", "x=y&z", "(.*")
    },
    **{
        f"key in {name}": (declared(api(GOOD, security=[{"kind": "api_key", "name": name}])), "security.0.name")
        for name in ("X-Consumer-Id", "x_tisserand_gateway", "Host", "content-length")
    },
    "issuer": (
        declared(api(GOOD, security=[{"kind": "jwt", "issuer": " ", "jwks": "k"}]), jwks={"k": {"keys": []}}),
        "security.0.issuer",
    ),
    "claim": (
        declared(
            api(GOOD, security=[{"kind": "jwt", "issuer": "i", "jwks": "k", "consumer_claim": ""}]), jwks={"k": {"keys": []}}
        ),
        "security.0.consumer_claim",
    ),
    "subscribed version": (
        declared(
            api(GOOD),
            subscriptions={"s": Subscription(api="orders", version="] ]", plan="gold", consumer="other", state="active")},
        ),
        "version",
    ),
    "rate at once": (rate(count=10, per="0s"), "rate.0"),
    "rate too often": (rate(count=10, per="10ms"), "rate.0"),
    "rate of ages": (rate(count=10, per="99999999999d"), "rate.0"),
    "rate too high": (rate(count=2**32, per="1s"), "rate.0"),
    **{
        f"value {value!r}"[:20]: (declared(api(GOOD), values={"acme/k1": value}), "")
        for value in ("", "a\nb", " x", "x ", "\x7f")
    },
}


@pytest.mark.parametrize("name", HARMFUL)
def test_it_is_refused_with_a_sentence_at_its_place(name: str) -> None:
    told, field = HARMFUL[name]
    (problem,) = harmful(told, "front.example", PORT)
    assert problem.severity == "error" and problem.code.startswith("envoy.")
    assert (problem.place.field or "") == field and problem.place.file
    text = problem.message.text("en")
    assert text.endswith(".") and text[0] in "“ATMC" and "secret-4711" not in text


def test_who_is_subscribed_under_two_plans_is_told_which_one_holds(site: Site) -> None:
    """By the last name: as many calls as that one allows, whatever the other says, and whatever they are called."""
    for names in (("b-small", "a-large"), ("a-small", "b-large")):
        rates = {names[0]: Plan.model_validate({"rate": [{"count": 1, "per": "1h"}]}), names[1]: Plan()}
        both = {plan: Subscription(api="orders", plan=plan, consumer="acme", state="active") for plan in names}
        told = replace(declared(api(site.one.url)), plans=rates, subscriptions=both)
        (problem,) = site.gateway.validate(told)
        assert problem.severity == "warning" and f"what “{max(names)}” allows" in problem.message.text("en")
        site.push(told)
        assert [site.call("/orders/v1/x").status_code for _ in range(3)] == [200, *[429 if max(names) == "b-small" else 200] * 2]


RIGHT: dict[str, Declared] = {
    "characters": policies(
        request_headers={"set": {"x-a": "%REQ(x-api-key)% {x} $1 \\1 “q” é \U0001f600", "x-b": "a" * 8000}},
        response_headers={"set": {"x-c": "%ENVIRONMENT(HOME)%"}, "remove": ["server"]},
        cors={"origins": ["https://a"], "headers": ["x-a"], "expose": ["x-b"]},
        max_body="4GB",
    ),
    "targets": declared(
        api("", upstream={"targets": [{"url": url} for url in (
            "http://a_b/x", "http://10.0.0.1:4711/x", "http://example.org./x", "http://[2001:db8::1]:80/x", "http://localhost:4712/x",
            "http://a--b.example.org/x/")], "timeout": "1ms", "health": {"path": "/health?deep=1&x=%C3%BC"}})
    ),
    "routes": route(hosts=["*", "api.example.org", "*.example.org", "example.*", "[::1]", "Xn--9ca.ORG"], operations=[
        {"method": "GET", "path": path} for path in ("/", "/é/{id}", "/a b", "/{x}{y}", "/(.*)", "/[a-z]+", "/a%20b", "/a.b/..c/d..")]),
    "names": route(versioning="query", name="api-version"),
    "rates": rate(count=2**32 - 1, per="50ms"),
    "values": declared(api(GOOD), values={"acme/k1": "é \"q\" \\ ]]-- %41"}),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_what_only_looks_odd_is_taken(name: str) -> None:
    assert [each.message.text("en") for each in harmful(RIGHT[name], "127.0.0.1", PORT)] == []


def test_what_a_broken_address_is_told_as(site: Site) -> None:
    """One that cannot even be taken apart, beside one that must prove who it is."""
    odd = declared(api("http://[::1", id="odd"), api("https://a.example.org", id="good"), api("http://a:b", id="port"))
    assert [(each.code, each.place.file) for each in site.gateway.validate(odd)] == [
        ("envoy.target", "api/odd@1"), ("envoy.target", "api/port@1"),
    ]  # fmt: skip


def test_the_gateway_is_not_its_own_service(site: Site) -> None:
    told = declared(api(f"{site.url}/orders/v1", security=[{"kind": "open", "approved_by": "boss"}]))
    assert [each.code for each in site.gateway.validate(told)] == ["envoy.loop"]


def test_without_the_guard_a_length_splits_requests(site: Site) -> None:
    """What the rest of a body is taken for, where headers could say where it ends."""
    told = declared(api(site.one.url, policies={"request_headers": {"set": {"content-length": "5"}}}))
    assert [each.code for each in site.gateway.validate(told)] == ["envoy.header"]
    site.gateway.apply(told, [])
    seen = [site.call("/orders/v1/x", "POST", data=b"12345GET /evil HTTP/1.1\r\n\r\n") for _ in range(2)]
    assert seen[0].json()["body"] == "12345"
    site.push(declared(api(site.one.url)))
    answer = site.call("/orders/v1/x", "POST", data=b"12345GET /evil HTTP/1.1\r\n\r\n")
    assert answer.json()["body"] == "12345GET /evil HTTP/1.1\r\n\r\n"


def test_texts_of_files_are_texts_for_envoy(site: Site) -> None:
    """Commands, references of substitutions, quotes, other scripts: they arrive as they stand in the file."""
    value = "%REQ(x-api-key)% %DOWNSTREAM_REMOTE_ADDRESS% % {x} $1 \\1 “q” é"
    headers = {
        "request_headers": {"set": {"x-a": value}},
        "response_headers": {"set": {"x-b": "%REQ(x-api-key)% %ENVIRONMENT(HOME)%"}},
    }
    name = "“q” \n é %REQ(x)% {} \u202e"
    site.push(declared(api(site.one.url, policies=headers, name=name, owner=name, tags=[name])))
    answer = site.call("/orders/v1/x")
    assert answer.json()["headers"]["x-a"].encode("latin-1").decode() == value
    assert answer.headers["x-b"] == "%REQ(x-api-key)% %ENVIRONMENT(HOME)%"


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata", "UTC"])
def test_a_moment_without_a_zone_is_the_same_everywhere(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    """Seconds since 1970 of 2026-01-01T00:00:00Z, as `date -u -d 2026-01-01 +%s` gives them."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        made = str(configuration(declared(api(GOOD, lifecycle="deprecated", since="2026-01-01T00:00:00", sunset="2027-06-30"))))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert "@1767225600" in made and "Wed, 30 Jun 2027 00:00:00 GMT" in made


def test_paths_are_texts_for_envoy(site: Site) -> None:
    """Of places for values only `{…}`; everything else is itself, also what regular expressions mean otherwise."""
    paths = ["/é/{id}", "/a b", "/(.*)", "/[a-z]+", "/a|b", "/x{y}z", "/dot.", "/h%c3%a9", f"/{'long-' * 40}end", "/a/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}/{j}"]  # fmt: skip
    site.push(declared(api(site.one.url, route={"base_path": "/orders", "operations": [{"method": "GET", "path": each} for each in paths]})))  # fmt: skip
    right = ["/é/7", "/%c3%a9/7", "/a b", "/(.*)", "/[a-z]+", "/a|b", "/x7z", "/dot.", "/h%C3%A9", f"/{'long-' * 40}end", "/a/2/3/4/5/6/7/8/9/10"]  # fmt: skip
    wrong = ["/e/7", "/ab", "/anything", "/abc", "/a", "/b", "/xz", "/dotx", "/é/7/8", f"/{'long-' * 40}", "/a/2/3/4/5/6/7/8/9"]
    assert {path: site.call(f"/orders/v1{path}").status_code for path in right} == dict.fromkeys(right, 200)
    assert {path: site.call(f"/orders/v1{path}").status_code for path in wrong} == dict.fromkeys(wrong, 404)


def test_many_of_everything(site: Site) -> None:
    """Fifty keys of one consumer, a name of each kind as long as it may be, twenty rates, numbers as large as they may be."""
    long = "a" * 63
    keys = {f"{long}/k{number}": f"key-{number:03}" for number in range(50)}
    people = {long: Consumer(subject="s" * 5000, credentials=[credential(each.partition("/")[2], value) for each, value in keys.items()])}  # fmt: skip
    rates = [{"count": 2**32 - 1 - number, "per": f"{number + 1}s"} for number in range(20)]
    plan = Plan.model_validate({"rate": rates, "quota": {"count": 2**53, "period": "month"}})
    told = declared(
        api(site.one.url, id=long, version="v" * 32, route={"base_path": f"/{long * 20}"}), consumers=people, values=keys, plan=plan,
        subscriptions={f"“s” \n{long * 5}": Subscription(api=long, plan="gold", consumer=long, state="active")},
    )  # fmt: skip
    site.push(told)
    path = told.apis[0].path
    assert [site.call(f"{path}/x", key=value).status_code for value in (*keys.values(), "key-050")] == [200] * 50 + [401]
    for wrong in ({"id": "a" * 300}, {"version": "v" * 33}, {"version": ""}, {"id": "a\nb"}, {"id": "é"}):
        with pytest.raises(ValueError):
            Api.model_validate({**told.apis[0].model_dump(), **wrong})


@pytest.mark.parametrize("name", ["a" * 300, "A", "é", "a\nb", "", "..", "]]", '"'])
def test_names_that_no_gateway_may_have(site: Site, name: str) -> None:
    for told in (declared(api(GOOD), consumers={name: Consumer()}), Declared(plans={name: Plan()})):
        assert [each.code for each in site.gateway.validate(told)] == ["envoy.name"]


def test_envoys_own_words_tell_what_is_wrong_and_no_key(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a value that may not be, Envoy tells everything around it, and only then why."""
    monkeypatch.setattr(adapter, "harmful", lambda *_told: [])
    seen: list[str] = []
    run = subprocess.run

    def spied(*words: Any, **more: Any) -> Any:
        done = run(*words, **more)
        seen.append(done.stderr + done.stdout)
        return done

    monkeypatch.setattr(checking.subprocess, "run", spied)
    told = {
        "value length must be at least 1 characters": declared(api(GOOD), values={"acme/k1": ""}),
        "value must be greater than 0s": upstream(timeout="0s"),
        "value length must be at most 16384 bytes": policies(request_headers={"set": {"x-a": "a" * 20_000}}),
    }
    for reason, each in told.items():
        (problem,) = site.gateway.validate(each)
        text = problem.message.text("en")
        assert reason in text and len(text) < 600 and "key-of" not in text
    assert "key-of-other" in seen[0], "it did tell a key"
