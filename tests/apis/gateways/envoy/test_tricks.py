"""Tricks of callers that are known from other gateways: with paths, methods, framing, names of hosts, keys and pages of other sites."""

import json
import re
import shutil
import subprocess
import time

import pytest
from tests.apis.gateways.envoy.declaring import api, declared
from tests.apis.gateways.envoy.test_attacks import OPEN, raw

from tisserand.apis.gateways.envoy import adapter, lookup
from tisserand.apis.model import Consumer, Plan, Quota, Rate, Subscription


def ask(site, head, body=b""):
    """Status, and what the service was asked (where it was)."""
    status, text = raw(site, head + "\n", body)
    return status, json.loads(text) if text.startswith(b"{") and b'"service"' in text else {}


def get(site, path, *headers, key="key-of-acme"):
    lines = ["host: x", *([f"x-api-key: {key}"] if key else []), *headers, "connection: close"]
    return ask(site, f"GET {path} HTTP/1.1\n" + "".join(f"{line}\n" for line in lines))


OPERATIONS = {"base_path": "/items", "operations": [{"method": "GET", "path": "/{id}"}]}
CLIMBING = ["/open/v1/%2e%2e;/x", "/open/v1/.%2E;a=b/x", "/open/v1/a/%2e%2e;", "/items/v1/%2e%2e;x"]


def test_ways_up_that_only_some_servers_know(site, monkeypatch):
    """Servers of Java take `..;` for `..`: the service would be asked for what lies above the path of its API."""
    site.push(declared(api(site.one.url, "open", security=OPEN), api(site.one.url, "items", route=OPERATIONS)))
    before = site.one.asked
    for path in CLIMBING:
        assert get(site, path)[0] == 400, path
    assert site.one.asked == before
    for path in ("/open/v1/a;b=..;/x", "/open/v1/...;/x", "/open/v1/x?y=/..;/", "/items/v1/a..;b"):
        assert get(site, path)[0] == 200, path
    # Without the guard they arrive.
    monkeypatch.setattr(lookup, "_SCRIPT", lookup._SCRIPT.replace('find("/%.%.?;")', 'find("-never-")'))
    site.gateway.apply(declared(api(site.one.url, "open", security=OPEN)), [])
    assert get(site, CLIMBING[0])[1]["path"] == "/..;/x"


def test_versions_and_bases_that_begin_alike(site):
    apis = (
        api(site.one.url),
        api(site.two.url, version="10"),
        api(site.two.url, "open", security=OPEN),
        api(site.one.url, "order"),
    )
    third = {"other-10": Subscription(api="orders", version="10", plan="gold", consumer="other", state="active")}
    site.push(declared(*apis, subscriptions=third))
    found = {path: get(site, path, key="key-of-other")[0] for path in (
        "/orders/v1/x", "/orders/v10/x", "/orders/v100/x", "/orders/v10/../v1/x", "/orders/v1/../v10/x", "/orders/v1./x", "/orders/v1.0/x",
        "/Orders/v10/x", "/orders/V10/x", "/orders/v10", "/orders/v10?/orders/v1/x", "/order/v1/x", "/orders\\v10\\x", "/open/v1/../../orders/v1/x",
    )}  # fmt: skip
    assert found == {
        "/orders/v1/x": 403, "/orders/v10/x": 200, "/orders/v100/x": 404, "/orders/v10/../v1/x": 403, "/orders/v1/../v10/x": 200,
        "/orders/v1./x": 404, "/orders/v1.0/x": 404, "/Orders/v10/x": 404, "/orders/V10/x": 404, "/orders/v10": 200,
        "/orders/v10?/orders/v1/x": 200, "/order/v1/x": 403, "/orders\\v10\\x": 200, "/open/v1/../../orders/v1/x": 403,
    }  # fmt: skip


def test_other_methods_and_paths_in_headers(site):
    """Frameworks let themselves be told of another method or path by a header; the gateway looked at those of the request."""
    others = ["x-http-method-override: DELETE", "X-HTTP-Method: DELETE", "x-method-override: DELETE", "X-Original-URL: /admin",
              "x-rewrite-url: /admin", "x-original-uri: /admin"]  # fmt: skip
    site.push(declared(api(site.one.url, "items", route=OPERATIONS), api(site.two.url)))
    status, told = get(site, "/items/v1/7", *others)
    assert status == 200 and not {"DELETE", "/admin"} & {*told["headers"].values()}
    # Where every operation is let through, another method is nothing that is kept from anybody; another path is.
    status, told = get(site, "/orders/v1/7", *others)
    assert status == 200 and {"DELETE", "/admin"} & {*told["headers"].values()} == {"DELETE"}


def test_methods_that_no_api_has(site):
    site.push(declared(api(site.one.url, security=OPEN, policies={"request_headers": {"set": {"x-inside": "inside-4711"}}})))
    before = site.one.asked
    found = {}
    for method in ("TRACE", "CONNECT", "get", "PRI", "FOO"):
        status, text = raw(site, f"{method} /orders/v1/x HTTP/1.1\nhost: x\nconnection: close\n\n")
        assert b"inside-4711" not in text
        found[method] = status
    assert found == {"TRACE": 405, "CONNECT": 400, "get": 400, "PRI": 400, "FOO": 400} and site.one.asked == before
    assert get(site, "/orders/v1/x")[1]["headers"]["x-inside"] == "inside-4711"


def test_old_and_half_protocols(site):
    site.push(declared(api(site.one.url, security=OPEN), api(site.two.url, "guarded")))
    upgrade = "connection: upgrade\nupgrade: websocket\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\nsec-websocket-version: 13\n"
    before = site.one.asked + site.two.asked
    assert raw(site, "GET /orders/v1/x HTTP/1.0\n\n")[0] == 426
    assert raw(site, "GET /orders/v1/x HTTP/1.1\nconnection: close\n\n")[0] == 400, "no host"
    for base in ("orders", "guarded"):
        assert raw(site, f"GET /{base}/v1/x HTTP/1.1\nhost: x\n{upgrade}\n")[0] == 403
    assert site.one.asked + site.two.asked == before
    # An upgrade to HTTP/2 is passed over, and what stands in the request holds.
    h2c = "connection: upgrade, http2-settings\nupgrade: h2c\nhttp2-settings: AAMAAABkAAQCAAAAAAIAAAAA\n"
    assert raw(site, f"GET /guarded/v1/x HTTP/1.1\nhost: x\n{h2c}\n")[0] == 401
    status, told = ask(site, f"GET /orders/v1/x HTTP/1.1\nhost: x\n{h2c}")
    assert status == 200 and not told["headers"].keys() & {"upgrade", "http2-settings"}


def test_http2_from_the_first_byte(site):
    if shutil.which("curl") is None:
        pytest.skip("needs server: curl")
    site.push(declared(api(site.one.url), api(site.two.url, "open", security=OPEN)))

    def h2(path, *headers):
        words = [word for header in headers for word in ("-H", header)]
        command = [
            "curl",
            "-s",
            "--max-time",
            "20",
            "--http2-prior-knowledge",
            "--path-as-is",
            "-w",
            "\n%{http_code} %{http_version}",
        ]
        done = subprocess.run([*command, *words, site.url + path], capture_output=True, text=True, check=True)
        body, _, status = done.stdout.rpartition("\n")
        return status, json.loads(body)

    assert h2("/orders/v1/x")[0] == "401 2" and h2("/open/v1/../../orders/v1/x")[0] == "401 2"
    assert h2("/open/v1/%2e%2e;/x")[0] == "400 2"
    status, told = h2(
        "/orders/v1/x", "x-api-key: key-of-acme", "X-Consumer-Id: evil", "x_consumer_plan: evil", "x-tisserand-gateway: evil"
    )
    assert status == "200 2" and "evil" not in told["headers"].values() and told["headers"]["x-consumer-id"] == "acme"


def test_one_connection_of_http2_cannot_hold_much(site):
    """What the gateway allows in its first frame (RFC 9113, 6.5): streams at a time, and how much of each comes unasked."""
    import socket
    import struct

    host, _, port = site.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), 30) as link, link.makefile("rb") as answer:
        link.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
        head = answer.read(9)
        assert head[3] == 4, "SETTINGS"
        body = answer.read(int.from_bytes(head[:3], "big"))
    told = dict(struct.unpack_from("!HI", body, at) for at in range(0, len(body), 6))
    assert told[3] <= 100 and told.get(4, 65_535) <= 65_536


FRAMING = {
    "length twice": "content-length: 4\ncontent-length: 5", "both": "transfer-encoding:\tchunked\ncontent-length: 5",
    "a space": "transfer-encoding : chunked\ncontent-length: 5", "unknown": "transfer-encoding: xchunked",
    "two codings": "transfer-encoding: chunked\ntransfer-encoding: identity", "negative": "content-length: -5",
    "signed": "content-length: +5", "control": "x: a\x0bb\ncontent-length: 5", "list": "content-length: 5, 5",
}  # fmt: skip


@pytest.mark.parametrize("name", FRAMING)
def test_requests_whose_end_is_in_doubt(site, name):
    if site.gateway.read().items.keys() != {"api/framing@1", "plan/gold", "consumer/acme", "consumer/other", "subscription/acme-framing"}:  # fmt: skip
        site.push(declared(api(site.one.url, "framing", security=OPEN)))
    before = site.one.asked
    head = f"POST /framing/v1/x HTTP/1.1\nhost: x\n{FRAMING[name]}\nconnection: close\n\n"
    assert raw(site, head, b"5\r\nhello\r\n0\r\n\r\n")[0] in (400, 501)
    assert site.one.asked == before


def test_trailers_and_headers_that_end_with_the_connection(site):
    site.push(declared(api(site.one.url)))
    chunked = "POST /orders/v1/x HTTP/1.1\nhost: x\nx-api-key: {key}\ntransfer-encoding: chunked\ntrailer: x-consumer-id\nconnection: close\n\n"
    body = b"5\r\nhello\r\n0\r\nx-api-key: key-of-acme\r\nx-consumer-id: evil\r\n\r\n"
    assert raw(site, chunked.format(key="key-of-other"), body)[0] == 403
    status, text = raw(site, chunked.format(key="key-of-acme"), body)
    assert status == 200 and b"evil" not in text
    # What is said to be for this connection only is what the gateway adds afterwards.
    lines = "host: x\nx-api-key: key-of-acme\nconnection: close, x-consumer-id, x-consumer-plan, x-tisserand-gateway\n"
    status, told = ask(site, f"GET /orders/v1/x HTTP/1.1\n{lines}")
    assert status == 200 and (told["headers"]["x-consumer-id"], told["headers"]["x-consumer-plan"]) == ("acme", "gold")


def test_heads_that_are_too_large_and_callers_that_are_too_slow(site):
    site.push(declared(api(site.one.url)))
    before = site.one.asked
    assert get(site, "/orders/v1/x", f"x: {'a' * 70_000}")[0] == 431
    assert get(site, "/orders/v1/x", *(f"x{number}: a" for number in range(200)))[0] == 431
    assert get(site, "/orders/v1/x", key="k" * 50_000)[0] == 401 and get(site, "/orders/v1/x", key=" ")[0] == 401
    assert get(site, f"/orders/v1/{'a' * 70_000}")[0] == 431
    assert site.one.asked == before
    manager = site.gateway.folder.path / "bootstrap.json"
    text = manager.read_text()
    assert '"request_headers_timeout": "10.000s"' in text and '"request_timeout": "60.000s"' in text


def test_a_key_in_two_places(site):
    """The header counts where both are sent, and neither reaches the service."""
    both = [{"kind": "api_key"}, {"kind": "api_key", "place": "query", "name": "key"}]
    site.push(declared(api(site.one.url, security=both)))
    asked = {("?key=key-of-acme", "key-of-acme"): 200, ("?key=wrong", "key-of-acme"): 200, ("?key=key-of-acme", "wrong"): 401,
             ("?key=key-of-other", "key-of-acme"): 200, ("?key=key-of-acme&key=wrong", None): 200, ("?key=wrong&key=key-of-acme", None): 401,
             ("?key=", None): 401, ("?key", None): 401, ("?%6bey=key%2Dof%2Dacme", None): 200, ("?KEY=key-of-acme", None): 401}  # fmt: skip
    found = {(query, key): site.call(f"/orders/v1/x{query}", key=key) for query, key in asked}
    assert {each: answer.status_code for each, answer in found.items()} == asked
    for answer in found.values():
        if answer.status_code == 200:
            assert "key-of" not in answer.text and answer.json()["headers"]["x-consumer-id"] == "acme"
    site.push(declared(api(site.one.url)))
    assert site.call("/orders/v1/x?x-api-key=key-of-acme", key=None).status_code == 401, "not where it belongs"


def test_names_of_hosts_within_wider_ones(site):
    """Envoy looks at the nearest name only; what is declared for `*.example.org` is found under `api.example.org` too."""

    def at(url, id, *hosts):
        return api(url, id, route={"base_path": f"/{id}", "versioning": "none", "hosts": [*hosts]})

    site.push(declared(at(site.one.url, "wild", "*.example.org"), at(site.two.url, "exact", "api.example.org"),
                       at(site.two.url, "deep", "*.api.example.org"), at(site.one.url, "front", "api.*"), at(site.one.url, "all")))  # fmt: skip
    wanted = {
        "api.example.org": {"wild", "exact", "front", "all"}, "API.Example.ORG:443": {"wild", "exact", "front", "all"},
        "a.example.org": {"wild", "all"}, "x.api.example.org": {"wild", "deep", "all"}, "example.org": {"all"}, "api.else": {"front", "all"},
        "evilexample.org": {"all"}, "api.example.org.": {"front", "all"}, "api.example.org@evil": {"front", "all"},
    }  # fmt: skip
    names = ("wild", "exact", "deep", "front", "all")
    found = {
        host: {name for name in names if site.call(f"/{name}", headers={"host": host}).status_code == 200} for host in wanted
    }
    assert found == wanted
    # An address in the request line counts, and of two hosts none.
    assert (
        ask(site, "GET http://api.example.org/exact HTTP/1.1\nhost: else.org\nx-api-key: key-of-acme\nconnection: close\n")[0]
        == 200
    )
    assert ask(site, "GET /exact HTTP/1.1\nhost: api.example.org\nhost: b\nx-api-key: key-of-acme\nconnection: close\n")[0] in (
        400,
        404,
    )


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://shop.example.evil.example", "https://shop.example:8443",
                                    "http://shop.example", "https://shop_example", "https://evil.example/https://shop.example"])  # fmt: skip
def test_pages_that_may_not_call(site, origin):
    """They get no word that browsers could take for a yes, and no preflight reaches the service."""
    if "api/pages@1" not in site.gateway.read().items:
        site.push(
            declared(api(site.one.url, "pages", policies={"cors": {"origins": ["https://shop.example"], "credentials": True}}))
        )
    before = site.one.asked
    asked = {"origin": origin, "access-control-request-method": "GET"}
    refused = site.call("/pages/v1/x", "OPTIONS", key=None, headers=asked)
    assert refused.status_code == 403 and site.one.asked == before
    real = site.call("/pages/v1/x", headers={"origin": origin})
    assert not [name for name in (*refused.headers, *real.headers) if name.lower().startswith("access-control-")]
    # What one page is answered is not to be kept for another.
    good = site.call("/pages/v1/x", headers={"origin": "https://shop.example"})
    assert good.headers["access-control-allow-origin"] == "https://shop.example"
    assert "origin" in good.headers["vary"].lower() and "origin" in real.headers["vary"].lower()


def test_a_rate_is_not_had_twice(site):
    """By another key, another version, another way to write the path or another method."""
    keys = {"acme/k1": "key-of-acme", "acme/k2": "another-key"}
    people = {"acme": Consumer.model_validate({"credentials": [
        {"id": id, "secret": f"secret:{id}", "fingerprint": "sha256:0", "created": "2026-01-01T00:00:00Z"} for id in ("k1", "k2")]})}  # fmt: skip
    apis = api(site.one.url), api(site.two.url, version="2")
    site.push(declared(*apis))
    site.push(declared(*apis, plan=Plan(rate=[Rate(count=4, per="1h")]), consumers=people, values=keys))
    calls = [
        ("/orders/v1/x", "key-of-acme"),
        ("/orders/v1/x", "another-key"),
        ("/orders/v2/x", "another-key"),
        ("//orders/./v1//y", "key-of-acme"),
    ]
    assert [get(site, path, key=key)[0] for path, key in calls] == [200] * 4
    assert [get(site, path, key=key)[0] for path, key in calls] == [429] * 4
    assert site.call("/orders/v1/x", "POST", data=b"x").status_code == 429
    assert get(site, "/orders/v1/x", "x-consumer-id: fresh", "x-forwarded-for: 10.9.8.7")[0] == 429


def test_a_quota_ends_with_its_period_by_itself(site, monkeypatch):
    """Whoever is blocked gets in again when the period turns, though nobody tells Envoy."""
    told = declared(api(site.one.url), plan=Plan(quota=Quota(count=10, period="hour")))
    site.push(told)
    end = int(time.time()) + 2
    monkeypatch.setattr(adapter.periods, "end", lambda _period, _at: end)
    site.gateway.block(told, frozenset({("acme", "orders")}))
    over = site.call("/orders/v1/x")
    if time.time() < end - 0.2:  # a busy machine may be late
        assert over.status_code == 429 and 0 < int(over.headers["retry-after"]) <= 2
    until = time.monotonic() + 30
    while (answer := site.call("/orders/v1/x")).status_code == 429 and time.monotonic() < until:
        time.sleep(0.05)
    assert answer.status_code == 200 and time.time() >= end
    monkeypatch.undo()
    site.gateway.block(told, frozenset())


def test_nothing_that_is_asked_stands_in_a_file_or_a_process_list(site):
    """Keys, queries and paths: neither in the access log nor in what Envoy says itself, nor in the words it was started with."""
    import psutil

    site.push(declared(api(site.one.url, security=[{"kind": "api_key"}, {"kind": "api_key", "place": "query", "name": "key"}])))
    for path in (
        "/orders/v1/secret-path-4711?key=key-of-acme&token=secret-query-4711",
        "/nowhere/secret-path-4711?x=secret-query-4711",
    ):
        site.call(path, key=None, headers={"authorization": "Bearer secret-token-4711", "cookie": "secret-cookie-4711"})
    folder = site.gateway.folder.path
    seen = sum(line.count('"status"') for line in (folder / "access.log").read_text().splitlines())
    site.call("/orders/v1/x")
    end = time.monotonic() + 30
    while (folder / "access.log").read_text().count('"status"') <= seen and time.monotonic() < end:
        time.sleep(0.02)
    texts = {each.name: each.read_text(errors="replace") for each in folder.iterdir() if each.suffix == ".log"}
    assert texts.keys() == {"access.log", "envoy.log"}
    process = psutil.Process(site.process._process.pid)
    texts["process"] = " ".join([*process.cmdline(), *process.environ().values()])
    for name, text in texts.items():
        assert not re.search("secret-(path|query|token|cookie)|key-of", text), name
