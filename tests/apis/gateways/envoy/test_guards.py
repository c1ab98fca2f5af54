"""Guards of the listener: with them an attack fails, without them it succeeds. And Envoy that dies while it is told something new."""

import shutil
import socket
import tempfile
from pathlib import Path

import pytest
from tests.apis.gateways.envoy.conftest import Echo, Site, begin
from tests.apis.gateways.envoy.declaring import api, declared
from tests.apis.gateways.envoy.test_tricks import OPEN, ask, get
from tests.servers import envoy

from tisserand.apis.gateways.envoy import listener
from tisserand.apis.gateways.envoy.files import Folder
from tisserand.apis.gateways.envoy.settings import EnvoySettings
from tisserand.sdk.errors import NodeError


@pytest.fixture
def own():
    """A gateway of one test."""
    envoy.needed()
    made = []

    def start(**settings):
        root, echo = Path(tempfile.mkdtemp(prefix="gateway-own-")), Echo("one")
        made.append((root, echo, *begin(root, EnvoySettings(**settings))))
        return Site(made[-1][2], made[-1][3], echo, echo)

    yield start
    for root, echo, _gateway, process in made:
        process.stop()
        echo.shutdown()
        shutil.rmtree(root, ignore_errors=True)


SPOOFED = (
    "x-consumer-id: evil",
    "X_Consumer_Plan: evil",
    "x-tisserand-gateway: evil",
)


def attacks(site):
    """What each attack gets."""
    opened = get(site, "/open/v1/x", *SPOOFED, key=None)[1]["headers"]
    escaped = get(site, "/open/v1/a%2f..%2f..%2fx", key=None)
    climbed = get(site, "/open/v1/../../x", key=None)
    banned = ask(site, "GET /near/v1/x HTTP/1.1\nhost: x\nx-forwarded-for: 10.1.1.1\nconnection: close\n")[0]
    return {
        "spoofed": [*opened.values()].count("evil"), "banned": banned,
        "escaped": escaped[1].get("path", escaped[0]), "climbed": climbed[1].get("path", climbed[0]),
    }  # fmt: skip


def test_each_guard_of_the_listener_taken_away(own, monkeypatch):
    def pushed(site):
        near = api(site.one.url, "near", security=OPEN, policies={"ip_allow": ["10.0.0.0/8"]})
        site.push(declared(api(site.one.url, "open", security=OPEN), near))
        return attacks(site)

    assert pushed(own()) == {"spoofed": 0, "banned": 403, "escaped": 400, "climbed": 404}
    real = listener.listener

    def weak(*words):
        made = real(*words)
        manager = made["filter_chains"][0]["filters"][0]["typed_config"]
        del manager["early_header_mutation_extensions"]
        manager |= {"normalize_path": False, "path_with_escaped_slashes_action": "KEEP_UNCHANGED", "xff_num_trusted_hops": 1}
        return made

    monkeypatch.setattr(listener, "listener", weak)
    assert pushed(own()) == {"spoofed": 3, "banned": 200, "escaped": "/a%2f..%2f..%2fx", "climbed": "/../../x"}


def test_callers_that_send_slowly_are_let_go(own):
    """A head without an end, a body without an end, and nothing at all; one who is quick meanwhile is served."""
    site = own(header_timeout="300ms", request_timeout="600ms", idle_timeout="900ms")
    site.push(declared(api(site.one.url, "open", security=OPEN)))
    host, _, port = site.url.removeprefix("http://").partition(":")
    halves = [
        b"GET /open/v1/x HTTP/1.1\r\nhost: x\r\nx-half: ", b"POST /open/v1/x HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf", b"",
    ]  # fmt: skip
    links = [socket.create_connection((host, int(port)), 30) for _ in halves]
    for link, half in zip(links, halves, strict=True):
        link.sendall(half)
    assert get(site, "/open/v1/x", key=None)[0] == 200
    ends = []
    for link in links:
        with link, link.makefile("rb") as answer:
            ends.append(answer.read()[9:12])  # until the gateway ends the connection
    assert ends == [b"408", b"408", b""]


@pytest.mark.parametrize("at", [1, 2, 4])
def test_envoy_dies_in_the_middle_of_a_push(own, monkeypatch, at):
    """The push fails and says so; what was live before is served again from the next start, and pushing again finishes it."""
    site = own()
    site.push(declared(api(site.one.url)))
    before = site.gateway.read()
    asked, figures = [], Folder._figures

    def dying(self, file):
        asked.append(file)
        if len(asked) == at:
            site.process._process.kill()
            site.process._process.wait(10)
        return figures(self, file)

    monkeypatch.setattr(Folder, "_figures", dying)
    after = declared(api(site.one.url, policies={"max_body": "1KB"}), api(site.one.url, "second", security=[{"kind": "basic"}]))
    with pytest.raises(NodeError, match="does not answer"):
        site.gateway.apply(after, [])
    monkeypatch.undo()
    assert len(asked) == at
    site.process.start()
    assert site.gateway.read() == before
    assert (get(site, "/orders/v1/x")[0], get(site, "/second/v1/x")[0]) == (200, 404)
    site.push(after)
    assert (get(site, "/orders/v1/x")[0], get(site, "/second/v1/x")[0]) == (200, 401)
