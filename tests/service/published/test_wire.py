"""What comes over the wire: order, bounds, and what is no request. Slow clients keep nobody waiting."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from tests.service.published.conftest import KEY, Published, until

from tisserand.service.published.answers import Answer
from tisserand.service.published.http import Bounds, Listener, Request

HEAD = f"Host: x\r\nX-Api-Key: {KEY}\r\n".encode()


@pytest.fixture(scope="module")
def types(publish: Callable[..., Published]) -> Published:
    return publish("types")


def post(body: bytes, *more: bytes) -> bytes:
    return b"".join((b"POST /echo HTTP/1.1\r\n", HEAD, *more, b"Content-Length: %d\r\n\r\n" % len(body), body))


def statuses(answer: bytes) -> list[int]:
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


def test_requests_sent_at_once_are_answered_in_their_order(types: Published) -> None:
    many = b"[" + b",".join(b'{"n":%d}' % n for n in range(2000)) + b"]"  # worked out in a thread: later than the next
    answer = types.raw(post(many) + post(b'[{"n":9977}]') + post(b'[{"n":9978}]', b"Connection: close\r\n"))
    assert statuses(answer) == [200, 200, 200]
    assert answer.index(b'"n":1999') < answer.index(b'"n":9977') < answer.index(b'"n":9978')


def test_a_body_in_chunks_and_one_that_is_waited_for(types: Published) -> None:
    chunked = b"POST /echo HTTP/1.1\r\n" + HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = types.raw(chunked, more=(b'5\r\n[{"n"\r\n', b"4\r\n:5}]\r\n", b"0\r\n\r\n"))
    assert statuses(answer) == [200] and b'"n":5' in answer
    body = b'[{"n":6}]'
    head = b"POST /echo HTTP/1.1\r\n" + HEAD + b"Connection: close\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n"
    assert statuses(types.raw(head, more=(body,))) == [100, 200]


def test_what_is_too_large_is_refused_without_being_read(types: Published) -> None:
    types.serve(max_body=1000)
    until(lambda: types.ask("POST", "/echo", data=b"[" + b" " * 2000 + b"]").status_code == 413, 60)
    length = b"POST /echo HTTP/1.1\r\n" + HEAD + b"Content-Length: 100000000\r\n\r\n"
    assert statuses(types.raw(length)) == [413]
    chunked = b"POST /echo HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    assert statuses(types.raw(chunked, more=(b"7D0\r\n" + b" " * 2000, b"\r\n"))) == [413]
    assert statuses(types.raw(b"GET / HTTP/1.1\r\nA: " + b"a" * 40_000)) == [431]
    assert statuses(types.raw(b"GET / HTTP/1.1\r\n" + b"A: a\r\n" * 10_000)) == [431]
    # Who is not known is refused before anything of the body is read.
    stranger = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n"
    assert statuses(types.raw(stranger)) == [401]
    types.serve(max_body=1_000_000)
    until(lambda: types.ask("POST", "/echo", data=b"[" + b" " * 2000 + b"]").status_code == 200, 60)


def test_what_is_no_request_ends_the_connection(types: Published) -> None:
    for data in (
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",  # no host
        b"POST /echo HTTP/1.1\r\n"
        + HEAD
        + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        b"POST /echo HTTP/1.1\r\n" + HEAD + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\n[]  ",
        b"POST /echo HTTP/1.1\r\n" + HEAD + b"Content-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HEAD + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ):
        found = statuses(types.raw(data))
        assert len(found) == 1 and found[0] in (400, 404), (data, found)
    assert types.ask("POST", "/echo", json=[]).status_code == 200


class Plain:
    """An application that says what it was sent."""

    def admit(self, request: Request) -> Answer | None:
        request.limit = 1_000_000
        return None

    def answer(self, request: Request) -> Answer:
        return Answer(200, request.body or b"x" * 20_000_000 if request.target == b"/much" else b"small")

    def unreadable(self, request: Request, status: int) -> Answer:
        return Answer(status, close=True)

    def told(self, request: Request, answer: Answer) -> bytes:
        return b""


@pytest.fixture
def strict() -> Iterator[tuple[Listener, int]]:
    """A listener with little patience."""
    ready = threading.Event()
    found: list[tuple[Listener, int, asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def live() -> None:
        listener = Listener(Plain(), Bounds(head=1, body=2, reading=1, idle=1, lingering=1, connections=20))
        server = await asyncio.get_running_loop().create_server(listener.connection, "127.0.0.1", 0)
        over = asyncio.Event()
        found.append((listener, server.sockets[0].getsockname()[1], asyncio.get_running_loop(), over))
        ready.set()
        await over.wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(live()))
    thread.start()
    assert ready.wait(10)
    listener, port, loop, over = found[0]
    yield listener, port
    loop.call_soon_threadsafe(over.set)
    thread.join(10)


def ended(connection: socket.socket, seconds: float = 8) -> bool:
    connection.settimeout(seconds)
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


def test_who_sends_slowly_or_nothing_or_does_not_read_is_let_go(strict: tuple[Listener, int]) -> None:
    _listener, port = strict
    address = ("127.0.0.1", port)
    with contextlib.ExitStack() as stack:
        silent, slow, body, deaf = (stack.enter_context(socket.create_connection(address)) for _ in range(4))
        slow.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        body.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
        deaf.sendall(b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n")
        # Meanwhile others are served.
        with socket.create_connection(address) as quick:
            quick.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert b"small" in quick.makefile("rb").read()
        assert ended(silent) and ended(slow) and ended(body)
        time.sleep(2)
        with contextlib.suppress(ConnectionResetError):
            got = 0
            while part := deaf.recv(1 << 20):
                got += len(part)
            assert got < 20_000_000


def test_one_too_many_ends_the_one_that_waits_longest(strict: tuple[Listener, int]) -> None:
    listener, port = strict
    with contextlib.ExitStack() as stack:
        many = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(20)]
        until(lambda: len(listener.connections) == 20)
        stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        until(lambda: len(listener.connections) == 20)
        assert ended(many[0], 0.5)
