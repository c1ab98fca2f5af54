"""The HTTP server of this process: uvicorn that keeps nobody waiting for those who send slowly, too much, or nothing at all."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from tisserand.service.guard import App


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one client may take. Times are in seconds."""

    head: float = 10.0
    """Until a request's head has come, from the connection or from the request's first byte on."""
    body: float = 60.0
    """The same until its whole body has come."""
    reading: float = 60.0
    """Until the client takes up some of the answer that waits for it."""
    idle: float = 5.0
    """Between two requests of a connection."""
    connections: int = 200
    """Connections at a time. One more ends the one that has been without a request for longest."""
    header_bytes: int = 32_768
    """Size of a request's head."""


class Server(uvicorn.Server):
    """Serves `app` within `bounds`; `started` is called once it answers."""

    def __init__(self, app: App, started: Callable[[], None], bounds: Bounds | None = None) -> None:
        bounds = bounds or Bounds()
        super().__init__(
            uvicorn.Config(
                cast(Any, app),
                http=bounded(bounds),
                log_level="critical",  # what goes wrong is written to a crash report, once
                access_log=False,
                server_header=False,
                ws="none",
                timeout_graceful_shutdown=3,
                timeout_keep_alive=cast(int, bounds.idle),
                h11_max_incomplete_event_size=bounds.header_bytes,
                # So many are taken up at once: fewer than a process may have files open.
                backlog=128,
                # Reached only where that many requests are being answered.
                limit_concurrency=bounds.connections + 1,
            )
        )
        self._announce = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._announce()


def bounded(bounds: Bounds) -> type[H11Protocol]:
    """Uvicorn's protocol with a time limit for each request, and a place for everybody who asks for something."""

    class Bounded(H11Protocol):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._head: asyncio.TimerHandle | None = None
            self._body: asyncio.TimerHandle | None = None
            self._unread: asyncio.TimerHandle | None = None
            self.asking_since: float | None = None
            """Since when it has no whole request; None while one is answered."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._expect()
            if len(self.connections) > bounds.connections:
                self._make_room()

        def connection_lost(self, exc: Exception | None) -> None:
            self._forget()
            self._taken()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._look()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self.asking_since = self.loop.time()
            self._look(began=False)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._unread = self._unread or self.loop.call_later(bounds.reading, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._taken()

        def _look(self, began: bool = True) -> None:
            """See how much of a request has come by now."""
            state = self.conn.their_state
            if state is h11.SEND_BODY:
                self._expect()
                if self._head is not None:
                    self._head.cancel()
            elif state is not h11.IDLE:
                self.asking_since = None
                self._forget()
            elif began:
                self._expect()

        def _expect(self) -> None:
            """From now on the rest of a request must come, unless it is awaited already."""
            if self._body is None:
                self.asking_since = self.loop.time()
                self._head = self.loop.call_later(bounds.head, self.transport.abort)
                self._body = self.loop.call_later(bounds.body, self.transport.abort)

        def _forget(self) -> None:
            for timer in (self._head, self._body):
                if timer is not None:
                    timer.cancel()
            self._head = self._body = None

        def _taken(self) -> None:
            if self._unread is not None:
                self._unread.cancel()
                self._unread = None

        def _make_room(self) -> None:
            asking = [each for each in self.connections if isinstance(each, Bounded) and each.asking_since is not None]
            longest = min(asking, key=lambda each: each.asking_since or 0.0, default=self)
            # No longer counted: it is gone by the next turn of the loop.
            self.connections.discard(longest)
            longest.transport.abort()

    return Bounded
