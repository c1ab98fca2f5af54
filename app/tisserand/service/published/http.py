"""HTTP/1.1 on a socket of this process: requests parsed by httptools, answered in their order, and nobody waits for slow clients.

A bare asyncio protocol: what an ASGI server does for each request costs several times what most flows take. What keeps it safe is the
same as elsewhere in the executor: a limit for everything that a client may send, hold or leave lying.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Protocol

import httptools

from tisserand.service.published.answers import Answer

NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one client may take. Times are in seconds."""

    head: float = 10.0
    """Until a request's head has come, from the connection or from the request's first byte on."""
    body: float = 60.0
    """The same until its whole body has come."""
    reading: float = 60.0
    """Until the client takes up some of the answer that waits for it."""
    idle: float = 75.0
    """Between two requests of a connection."""
    lingering: float = 2.0
    """For the rest of a request that is not read, so that the answer reaches who still sends."""
    connections: int = 1000
    """Connections at a time. One more ends the one that has been without a request for longest."""
    header_bytes: int = 32_768
    """Size of a request's head."""


class Request:
    """One request. `refused` is an answer that was settled when its head had come."""

    __slots__ = (
        "began",
        "body",
        "clock",
        "error",
        "headers",
        "keep",
        "length",
        "limit",
        "method",
        "refused",
        "size",
        "state",
        "target",
    )

    def __init__(self, began: float) -> None:
        self.began = began
        self.clock = time.perf_counter()
        """When it began; the loop of events counts milliseconds only."""
        self.method = b""
        self.target = b""
        self.headers: dict[bytes, bytes] = {}
        """By name in small letters; of one that comes twice the first counts."""
        self.body = b""
        self.size = 0
        """Bytes of the body so far."""
        self.length: int | None = None
        self.limit = 0
        self.keep = True
        self.refused: Answer | None = None
        self.error = ""
        self.state: Any = None
        """What the application knows of it."""


class Application(Protocol):
    def admit(self, request: Request) -> Answer | None:
        """Called when the head has come: an answer refuses the request, and its body is not read. Sets `limit`."""

    def answer(self, request: Request) -> Answer | Awaitable[Answer]:
        """Called when all has come. Must not raise."""

    def unreadable(self, request: Request, status: int) -> Answer:
        """For what is no request."""

    def told(self, request: Request, answer: Answer) -> bytes:
        """The answer goes out: keep it in the history. Gives header lines of its own."""


class Listener:
    """All connections of this process."""

    def __init__(self, application: Application, bounds: Bounds | None = None) -> None:
        self.application = application
        self.bounds = bounds or Bounds()
        self.connections: set[Connection] = set()
        self.ending = False
        """Each further answer ends its connection."""
        self.date = b""
        """The header line, renewed twice a second."""
        self.loop = asyncio.get_running_loop()
        self._sweep()

    def connection(self) -> Connection:
        return Connection(self)

    def room(self) -> None:
        """Somebody more has come."""
        if len(self.connections) <= self.bounds.connections:
            return
        asking = [each for each in self.connections if each.waits]
        if asking:
            min(asking, key=lambda each: each.since).abort()

    def close_idle(self) -> None:
        for each in list(self.connections):
            if each.waits:
                each.transport.close()

    def _sweep(self) -> None:
        self.date = b"date: " + formatdate(usegmt=True).encode() + b"\r\n"
        now = self.loop.time()
        for each in [each for each in self.connections if each.deadline < now]:
            each.abort()
        self.loop.call_later(0.5, self._sweep)


class Connection(asyncio.Protocol):
    """One connection."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.application, self.bounds, self.loop = listener.application, listener.bounds, listener.loop
        self.parser = httptools.HttpRequestParser(self)
        self.transport: Any = None
        self.deadline = NEVER
        self.since = 0.0
        """Since when it has no whole request."""
        self.waits = True
        """Nothing is to be answered."""
        self._request: Request | None = None
        self._parts: list[bytes] = []
        self._whole: deque[Request] = deque()
        self._busy: asyncio.Future[Answer] | None = None
        self._in_head = True
        self._head = 0
        """Bytes of a head that has not come whole."""
        self._deaf = False
        """What else comes is not read."""

    # -- what comes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.since = self.loop.time()
        self.deadline = self.since + self.bounds.head
        self.listener.connections.add(self)
        self.listener.room()

    def connection_lost(self, exc: Exception | None) -> None:
        self.listener.connections.discard(self)
        self._whole.clear()
        self._deaf = True
        self.deadline = NEVER

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # No other protocol is spoken here: the request is answered as if it had not asked for one, and nothing else is read.
            if self._whole:
                self._deaf = True
                self._whole[-1].keep = False
            else:
                self._end(400)
        except httptools.HttpParserError:
            self._end(400)
        if self._in_head:
            self._head += len(data)
            if self._head > self.bounds.header_bytes and not self._deaf:
                self._end(431)
        if self._whole and self._busy is None:
            self._go_on()
        if self._busy is not None and self._whole:
            self.transport.pause_reading()

    def on_message_begin(self) -> None:
        now = self.loop.time()
        self._request = Request(now)
        self._parts.clear()
        self._in_head, self._head = True, 0
        self.deadline = now + self.bounds.head

    def on_url(self, url: bytes) -> None:
        if self._request is not None:
            self._request.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._request is not None:
            self._request.headers.setdefault(name.lower(), value)

    def on_headers_complete(self) -> None:
        request = self._request
        if request is None or self._deaf:
            return
        self._in_head = False
        request.method = self.parser.get_method()
        request.keep = self.parser.should_keep_alive()
        if b"connection" in request.headers and request.keep:
            request.keep = self.parser.get_http_version() == "1.1"
        length = request.headers.get(b"content-length")
        request.length = int(length) if length is not None and length.isdigit() else None
        comes = bool(request.length) or b"transfer-encoding" in request.headers
        if b"host" not in request.headers and self.parser.get_http_version() == "1.1":
            request.refused = self.application.unreadable(request, 400)
            comes = True  # RFC 9112, 3.2: whoever sent it is not to be trusted with more
        else:
            request.refused = self.application.admit(request)
        if not comes:
            return
        self.deadline = request.began + self.bounds.body
        if request.refused is None and (request.length or 0) > request.limit:
            request.refused = self.application.unreadable(request, 413)
        if request.refused is not None:
            self._hear_no_more(request)
        elif request.headers.get(b"expect", b"").lower() == b"100-continue" and self._busy is None and not self._whole:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, part: bytes) -> None:
        request = self._request
        if request is None or self._deaf:
            return
        request.size += len(part)
        if request.size > request.limit:
            request.refused = self.application.unreadable(request, 413)
            self._hear_no_more(request)
            return
        self._parts.append(part)

    def on_message_complete(self) -> None:
        request = self._request
        if request is None or self._deaf:
            return
        request.body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._request = None
        self._in_head, self._head = True, 0
        self._whole.append(request)

    def _hear_no_more(self, request: Request) -> None:
        """The rest of a request that is refused is not read."""
        self._deaf = True
        self._request = None
        self._parts.clear()
        request.keep = False
        self._whole.append(request)

    def _end(self, status: int) -> None:
        """What comes is no request."""
        if self._deaf:
            return
        request = self._request or Request(self.loop.time())
        request.refused = self.application.unreadable(request, status)
        self._hear_no_more(request)

    # -- what goes

    def _go_on(self) -> None:
        """Answer what has come, in its order."""
        while self._whole and self._busy is None:
            request = self._whole.popleft()
            self.waits = False
            self.deadline = NEVER
            answer = request.refused or self.application.answer(request)
            if isinstance(answer, Answer):
                self._send(request, answer)
                continue
            self._busy = asyncio.ensure_future(answer)
            self._busy.add_done_callback(lambda done, request=request: self._answered(request, done))  # type: ignore[misc]

    def _answered(self, request: Request, done: asyncio.Future[Answer]) -> None:
        self._busy = None
        self._send(request, done.result())
        self._go_on()
        if not self._deaf and self._busy is None:
            self.transport.resume_reading()

    def _send(self, request: Request, answer: Answer) -> None:
        more = self.application.told(request, answer)
        if self.transport.is_closing():
            return
        keep = request.keep and not answer.close and not self.listener.ending
        status, body = answer.status, answer.body
        head = b"%b%b%b" % (STATUS[status], self.listener.date, more)
        if status != 204 and status != 304:
            head = b"%bcontent-type: %b\r\ncontent-length: %d\r\n" % (head, answer.kind, len(body))
        for name, value in answer.headers:
            head += b"%b: %b\r\n" % (name, value)
        head += b"\r\n" if keep else b"connection: close\r\n\r\n"
        if request.method != b"HEAD" and status != 204 and status != 304:
            head += body
        now = self.loop.time()
        self.waits, self.since = True, now
        if keep:
            self.deadline = now + self.bounds.idle
            self.transport.write(head)
            return
        self._deaf = True
        self._whole.clear()
        self.deadline = now + self.bounds.lingering
        self.transport.write(head)
        if self.transport.can_write_eof():
            # Closed at once, what the client still sends would make the system throw away the answer.
            self.transport.write_eof()
        else:
            self.transport.close()

    def eof_received(self) -> bool:
        """A client that sends nothing more may still wait for its answer."""
        if self._busy is None and not self._whole:
            return False
        self._deaf = True
        for each in self._whole:
            each.keep = False
        return True

    def pause_writing(self) -> None:
        self.deadline = self.loop.time() + self.bounds.reading

    def resume_writing(self) -> None:
        wait = self.bounds.lingering if self._deaf else self.bounds.idle
        self.deadline = self.loop.time() + wait if self.waits else NEVER

    def abort(self) -> None:
        self.listener.connections.discard(self)
        self.transport.abort()


STATUS = {each.value: f"HTTP/1.1 {each.value} {each.phrase}\r\n".encode() for each in HTTPStatus}
