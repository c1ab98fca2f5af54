"""What callers try who may not: each attempt against the real Envoy, and what it would do where the guard is taken away."""

import base64
import http.client
import json
import socket

import pytest
from tests.apis.gateways.envoy.declaring import NOW, api, declared

from tisserand.apis.gateways.envoy.filters import lookup
from tisserand.apis.gateways.envoy.settings import CONSUMER, OURS, PLAN
from tisserand.apis.model import Consumer, Credential, Subscription
from tisserand.apis.neutral import fingerprint
from tisserand.sdk.errors import NodeError
from tisserand.service.published.calls import CONSUMER_HEADER, CREDENTIAL_HEADER, PLAN_HEADER

OPEN = [{"kind": "open", "approved_by": "boss"}]


def raw(site, head, body=b""):
    """Status and answer of a request that no library would send."""
    host, _, port = site.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), 10) as link:
        link.sendall(head.replace("\n", "\r\n").encode("latin-1") + body)
        answer = http.client.HTTPResponse(link)
        answer.begin()
        return answer.status, answer.read()


@pytest.mark.parametrize("name", [CONSUMER_HEADER, PLAN_HEADER, CREDENTIAL_HEADER, "x-tisserand-subject"])
def test_headers_that_only_the_gateway_may_set(site, name):
    """Also with underscores: WSGI and CGI services see `x_consumer_id` as `x-consumer-id`."""
    site.push(declared(api(site.one.url, security=OPEN), api(site.two.url, "guarded")))
    forms = [name, name.upper(), name.replace("-", "_"), name.replace("-", "_", 1), name[::-1].replace("-", "_", 1)[::-1]]
    for form in forms:
        told = site.call("/orders/v1/x", key=None, headers={form: "evil"}).json()["headers"]
        assert "evil" not in told.values(), form
        assert "evil" not in site.call("/guarded/v1/x", headers={form: "evil"}).json()["headers"].values(), form
    # Others are let through, with underscores too.
    assert site.call("/orders/v1/x", key=None, headers={"my_header": "mine"}).json()["headers"]["my_header"] == "mine"


def test_a_key_in_a_header_with_an_underscore(site):
    site.push(declared(api(site.one.url, security=[{"kind": "api_key", "name": "api_key"}])))
    assert site.call("/orders/v1/x", key=None, headers={"api_key": "key-of-acme"}).status_code == 200
    assert site.call("/orders/v1/x", key=None, headers={"api_key": "wrong"}).status_code == 401
    assert site.call("/orders/v1/x").status_code == 401, "not where it belongs"


def test_a_key_in_the_query_does_not_reach_the_service(site):
    site.push(declared(api(site.one.url, security=[{"kind": "api_key", "place": "query", "name": "key"}])))
    told = site.call("/orders/v1/x?a=1&key=key-of-acme&b=2", key=None)
    assert (
        told.status_code == 200
        and "key-of-acme" not in told.text
        and "a=1" in told.json()["path"]
        and "b=2" in told.json()["path"]
    )
    assert site.call("/orders/v1/x?key=wrong", key=None).status_code == 401


def test_nobody_tells_the_gateway_how_to_behave(site):
    """Envoy heeds `x-envoy-…` of callers that it takes for its own."""
    site.push(declared(api("", upstream={"targets": [{"url": site.one.url}]})))
    site.one.failing = 1
    headers = {"x-envoy-retry-on": "5xx", "x-envoy-max-retries": "3", "x-envoy-upstream-rq-timeout-ms": "1"}
    assert site.call("/orders/v1/x", headers=headers).status_code == 503
    site.one.failing = 0
    told = site.call("/orders/v1/x", headers=headers)
    assert told.status_code == 200 and not any(name.startswith("x-envoy-retry") for name in told.json()["headers"])


@pytest.mark.parametrize(
    "path",
    ["/open/v1/../../orders/v1/x", "/open/v1/%2e%2e/%2e%2e/orders/v1/x", "/open/v1/..%2f..%2forders/v1/x", "//orders/v1/x",
     "/orders/v1;a=b/x", "/ORDERS/v1/x", "/orders/v1%2fx", "/orders%2fv1/x", "/open/v1/..;/..;/orders/v1/x", "/orders/v1/x#/open/v1"],
)  # fmt: skip
def test_no_way_of_writing_a_path_leads_past_the_key(site, path):
    site.push(declared(api(site.one.url), api(site.two.url, "open", security=OPEN)))
    before = site.one.asked
    status, _body = raw(site, f"GET {path} HTTP/1.1\nhost: x\nconnection: close\n\n")
    assert site.one.asked == before and status in (400, 401, 404, 200)
    if status == 200:  # then it was the open one that answered
        assert site.two.asked
    assert raw(site, "GET /orders/v1/x HTTP/1.1\nhost: x\nx-api-key: key-of-acme\nconnection: close\n\n")[0] == 200


def test_requests_that_two_servers_would_read_differently(site):
    site.push(declared(api(site.one.url, security=OPEN)))
    before = site.one.asked
    smuggled = "POST /orders/v1/x HTTP/1.1\nhost: x\ncontent-length: 4\ntransfer-encoding: chunked\nconnection: close\n\n"
    assert raw(site, smuggled, b"0\r\n\r\nGET /evil HTTP/1.1\r\n\r\n")[0] == 400
    twice = "POST /orders/v1/x HTTP/1.1\nhost: x\ncontent-length: 4\ncontent-length: 5\nconnection: close\n\n"
    assert raw(site, twice, b"abcde")[0] == 400
    assert site.one.asked == before


def test_of_two_keys_the_first_counts_and_none_gets_through(site):
    site.push(declared(api(site.one.url)))
    found = {}
    for first, second in (("key-of-acme", "wrong"), ("wrong", "key-of-acme"), ("key-of-other", "key-of-acme")):
        head = f"GET /orders/v1/x HTTP/1.1\nhost: x\nx-api-key: {first}\nx-api-key: {second}\nconnection: close\n\n"
        found[first], body = raw(site, head)
        assert b"x-api-key" not in body
    assert found == {"key-of-acme": 200, "wrong": 401, "key-of-other": 403}


def test_nothing_is_open_by_mistake(site):
    """Whatever is declared of ways to prove who calls, there is no route without one, but where somebody answers for it."""
    for ways in ([], [{"kind": "mtls"}], [{"kind": "open", "approved_by": " "}]):
        told = declared(api(site.one.url, security=ways))
        if any(way["kind"] == "open" for way in ways):
            assert [each.code for each in site.gateway.validate(told)] == ["envoy.open"]
        site.gateway.apply(told, [])
        for key in (None, "wrong", "key-of-acme"):
            assert site.call("/orders/v1/x", key=key).status_code == 401, ways
    assert {each.name for each in site.gateway.dropped(declared(api(site.one.url, security=[{"kind": "mtls"}])))} == {
        "api/orders@1:security.0"
    }


def basic(name, password):
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def test_names_and_passwords(site):
    def credential(id, value):
        return Credential(id=id, kind="basic", secret=f"secret:{id}", fingerprint=fingerprint(value), created=NOW)

    people = {
        "acme": Consumer(credentials=[credential("old", "first: pass"), credential("new", "second")]),
        "other": Consumer(credentials=[credential("only", "third")]),
    }
    values = {"acme/old": "first: pass", "acme/new": "second", "other/only": "third"}
    more = {"consumers": people, "values": values}
    site.push(declared(api(site.one.url, security=[{"kind": "basic"}]), **more))
    for password in ("first: pass", "second"):  # both of them while one replaces the other
        told = site.call("/orders/v1/x", key=None, headers=basic("acme", password))
        assert told.status_code == 200 and told.json()["headers"]["x-consumer-id"] == "acme"
        assert "authorization" not in told.json()["headers"]
    asked = [basic("acme", "wrong"), basic("other", "second"), {}, {"authorization": "Bearer x"}]
    assert [site.call("/orders/v1/x", key=None, headers=each).status_code for each in asked] == [401, 401, 401, 401]
    assert site.call("/orders/v1/x", key=None, headers=basic("other", "third")).status_code == 403
    assert site.call("/orders/v1/x", key=basic("acme", "second")["authorization"]).status_code == 401, "a password is no key"
    site.push(declared(api(site.one.url, security=[{"kind": "basic"}, {"kind": "api_key"}])))
    assert site.call("/orders/v1/x").status_code == 200
    assert site.call("/orders/v1/x", headers=basic("acme", "second")).status_code == 401
    site.push(declared(api(site.one.url, security=OPEN)))
    assert site.call("/orders/v1/x", key=None, headers=basic("acme", "wrong")).status_code == 200


def test_bases_within_bases_and_hosts(site):
    apis = (
        api(site.one.url, "outer", route={"base_path": "/a", "versioning": "none"}),
        api(site.two.url, "inner", route={"base_path": "/a/b", "versioning": "none"}),
        api(
            site.two.url,
            "hosted",
            route={"base_path": "/a", "versioning": "none", "hosts": ["Api.Example.org", "*.shop.example"]},
        ),
    )
    site.push(declared(*apis))
    found = {path: site.call(path).json().get("service") for path in ("/a/x", "/a/b/x", "/a/bc", "/a", "/a/b", "/ab")}
    assert found == {"/a/x": "one", "/a/b/x": "two", "/a/bc": "one", "/a": "one", "/a/b": "two", "/ab": None}
    hosts = {
        "api.example.org": "two",
        "api.example.org:8443": "two",
        "eu.shop.example": "two",
        "shop.example": "one",
        "else.org": "one",
    }
    assert {host: site.call("/a/x", headers={"host": host}).json()["service"] for host in hosts} == hosts


def test_a_subscription_of_one_version_opens_that_one_only(site):
    only = {"other-2": Subscription(api="orders", version="2", plan="gold", consumer="other", state="active")}
    site.push(declared(api(site.one.url), api(site.two.url, version="2"), subscriptions=only))
    assert [site.call(f"/orders/v{version}/x", key="key-of-other").status_code for version in (1, 2)] == [403, 200]
    assert [site.call(f"/orders/v{version}/x").status_code for version in (1, 2)] == [200, 200]


def test_a_service_that_is_too_slow(site):
    site.push(declared(api("", upstream={"targets": [{"url": site.one.url}], "timeout": "300ms"})))
    answer = site.call("/orders/v1/slow")
    assert answer.status_code == 504 and answer.headers["content-type"] == "application/problem+json"
    site.push(declared(api(site.one.url)))
    assert site.call("/orders/v1/slow").status_code == 200


def test_what_makes_no_sense_is_told_in_sentences(site):
    bad = {
        "envoy.network": api(site.one.url, policies={"ip_deny": ["10.0.0.0/64"]}),
        "envoy.header": api(site.one.url, policies={"request_headers": {"set": {"X-Consumer-Id": "acme"}}}),
        "envoy.cors": api(site.one.url, policies={"cors": {"origins": ["*"], "credentials": True}}),
        "envoy.jwks": api(site.one.url, security=[{"kind": "jwt", "issuer": "x", "jwks": "gone.json"}]),
        "envoy.targets": api("", upstream={"targets": [{"url": "http://a/x"}, {"url": "https://a/x"}]}),
        "envoy.target": api("", upstream={"targets": [{"url": "http://a", "weight": 0}]}),
    }
    assert {code: [each.code for each in site.gateway.validate(declared(each))] for code, each in bad.items()} == {
        code: [code] for code in bad
    }
    same = declared(api(site.one.url), api(site.two.url, "second", route={"base_path": "/orders"}))
    assert [each.code for each in site.gateway.validate(same)] == ["envoy.same_address"]
    twins = declared(api(site.one.url), values={"other/k2": "key-of-acme"})
    (problem,) = site.gateway.validate(twins)
    assert problem.code == "envoy.same_key" and "key-of-acme" not in problem.message.text("en")
    subjects = {"acme": Consumer(subject="same"), "other": Consumer(subject="same")}
    assert [each.code for each in site.gateway.validate(declared(api(site.one.url), consumers=subjects))] == [
        "envoy.same_subject"
    ]


def test_a_name_is_no_program(site):
    """The script that looks subscriptions up is made of names: one that would end the text that it stands in gets nowhere."""
    evil = 'x]] ; os.execute("touch /tmp/tisserand-owned") ; local y = [['
    told = declared(api(site.one.url), consumers={evil: Consumer()})
    assert "envoy.name" in [each.code for each in site.gateway.validate(told)]
    with pytest.raises(NodeError):
        site.gateway.apply(told, [])
    with pytest.raises(NodeError):
        lookup(declared(api(site.one.url)), [(evil, "orders", 7)])
    subject = declared(api(site.one.url), consumers={"acme": Consumer(subject=evil)})
    assert evil not in json.dumps(lookup(subject, []))


def test_whatever_names_the_gateway_writes_are_those_that_services_read():
    assert {CONSUMER, PLAN} == {CONSUMER_HEADER, PLAN_HEADER} and {CONSUMER_HEADER, PLAN_HEADER, CREDENTIAL_HEADER} < {*OURS}
