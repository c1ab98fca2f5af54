"""Test calls end: whatever a service answers, however long and however slowly. The services are sockets that say bytes."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from tests.service.apis.conftest import Shop

from tisserand.service.apis import calling
from tisserand.service.apis.calling import called
from tisserand.service.protocol import Refused

Says = Callable[..., str]
PATIENCE = 1.0
"""Seconds."""
LONG = 20.0
"""Seconds for which a slow service goes on; much longer than any call may take."""


@pytest.fixture
def service() -> Iterator[Says]:
    """Starts a service that says `first` and then `part` again and again, with a pause; gives its address."""
    listening: list[socket.socket] = []
    over = threading.Event()

    def start(first: bytes, part: bytes = b"", pause: float = 0.05) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        listening.append(server)

        def answer() -> None:
            try:
                connection, _ = server.accept()
                with connection:
                    connection.recv(65_536)
                    connection.sendall(first)
                    end = time.monotonic() + LONG
                    while part and time.monotonic() < end and not over.is_set():
                        connection.sendall(part)
                        over.wait(pause)
            except OSError:
                return  # the caller has gone, as it should

        threading.Thread(target=answer, daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}"

    yield start
    over.set()
    for each in listening:
        each.close()


HEAD = b"HTTP/1.1 200 OK\r\n"
SLOW = {
    "a length": (HEAD + b"content-length: 1000000\r\n\r\n", b"x"),
    "parts": (HEAD + b"transfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "until it closes": (HEAD + b"connection: close\r\n\r\n", b"x"),
}


@pytest.mark.parametrize("how", SLOW)
def test_who_drips_is_cut_off(service: Says, how: str) -> None:
    """Each byte comes in time, the answer never ends."""
    began = time.monotonic()
    found = called("GET", service(*SLOW[how]), "/", {}, "", PATIENCE)
    assert found.status == 200 and 0 < len(found.body) < 1000 and set(found.body) == {"x"}
    assert time.monotonic() - began < LONG - 5, "it was not waited for the end"


def test_a_long_answer_is_cut_off(service: Says, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "LARGEST", 70_000)
    address = service(HEAD + b"transfer-encoding: chunked\r\n\r\n", b"2710\r\n" + b"x" * 10_000 + b"\r\n", 0)
    assert called("GET", address, "/", {}, "", 60).body == "x" * 70_000


ZIPPED = gzip.compress("é".encode() * 50_000)
ANSWERS: list[tuple[bytes, int, str]] = [
    (b"HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
    (HEAD + b"content-length: 2\r\n\r\nok", 200, "ok"),
    (b"HTTP/1.1 302 Found\r\nlocation: http://example.org/\r\ncontent-length: 0\r\n\r\n", 302, ""),  # it is not followed
    (HEAD + b"content-type: text/plain; charset=latin-1\r\ncontent-length: 1\r\n\r\n\xe9", 200, "é"),
    (HEAD + b"content-type: text/plain; charset=klingon\r\ncontent-length: 2\r\n\r\n\xc3\xa9", 200, "é"),
    (HEAD + b"content-type: application/json\r\ncontent-length: 3\r\n\r\n\xc3\xa9\xff", 200, "é\ufffd"),
    (HEAD + b"content-type: text/plain; charset=utf-8\r\ncontent-encoding: gzip\r\ncontent-length: "
     + str(len(ZIPPED)).encode() + b"\r\n\r\n" + ZIPPED, 200, "é" * 50_000),
]  # fmt: skip


@pytest.mark.parametrize(("says", "status", "body"), ANSWERS)
def test_answers_are_shown_as_they_are(service: Says, says: bytes, status: int, body: str) -> None:
    found = called("POST", service(says), "/x", {"x-a": "b"}, "{}", 30)
    assert (found.status, found.body) == (status, body)


def test_no_answer_is_a_sentence(service: Says) -> None:
    closed = socket.create_server(("127.0.0.1", 0))
    nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
    closed.close()
    for address, headers, body in (
        (nobody, {}, ""),
        ("http://127.0.0.1:99999", {}, ""),
        (service(b"nonsense\r\n\r\n"), {}, ""),
        (service(HEAD + b"content-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc"), {}, ""),
        (service(HEAD), {"a\nb": "c"}, ""),
        (service(HEAD), {"a": "…"}, ""),
        (service(HEAD), {}, "\ud800"),
    ):
        with pytest.raises(Refused) as refused:
            called("GET", address, "/", headers, body, PATIENCE)
        assert [each.code for each in refused.value.problems] == ["api.no_answer"], (address, headers)


def test_where_nothing_answers_it_is_said(shop: Shop) -> None:
    shop.apis.save(shop.data(upstream={}))
    for more, code in (
        ({}, "api.upstream"),
        ({"upstream": {"flow": "nothing"}}, "api.not_served"),
        ({"upstream": {"targets": [{"url": "http://127.0.0.1:9"}]}}, "api.path"),
    ):
        shop.apis.save(shop.data(**{"upstream": {}, **more}))
        with pytest.raises(Refused) as refused:
            shop.apis.call("orders", "1", "GET", "no-slash", {})
        assert [each.code for each in refused.value.problems] == [code]
    with pytest.raises(Refused) as refused:
        shop.apis.call("orders", "1", "GET", "/", {}, gateway="moon")
    assert [each.code for each in refused.value.problems] == ["gateway.unknown"]
