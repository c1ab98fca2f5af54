"""The doors for calls from outside: which address leads to which trigger, and what a call is answered."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool

from tisserand.engine.values import typed
from tisserand.model.schema import Schema
from tisserand.sdk.called import Call, Fault, NotAllowed, NotTaken, Receiver
from tisserand.sdk.errors import NodeError
from tisserand.service import crash
from tisserand.service.guard import Receive, Scope, Send
from tisserand.texts import msg

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor

PREFIX = "/hooks/"
SHUT = 5.0
"""Seconds for which a door that was shut a moment ago says “later” and not “never”: flows are read anew when they change."""
LATER = 5
"""Seconds after which a caller may try again."""


@dataclass(frozen=True)
class Door:
    """One trigger that can be called."""

    file: str
    flow: str
    node: str
    receiver: Receiver
    schema: Schema
    most: int
    """So many events of the flow may wait."""

    @property
    def path(self) -> str:
        return PREFIX + "/".join(quote(part, safe="~") for part in (self.flow, *self.receiver.path.split("/")) if part)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call is answered."""

    status: int
    document: Mapping[str, Any]
    headers: Mapping[str, str] | None = None


def refused(status: int, detail: str, faults: tuple[Fault, ...] = (), **headers: str) -> Answer:
    """A problem as RFC 9457 has it. `headers` are named with `_` for `-`."""
    titles = {
        400: "Bad request", 401: "Unauthorized", 404: "Not found", 405: "Method not allowed", 413: "Content too large",
        500: "Internal error", 503: "Service unavailable",
    }  # fmt: skip
    document: dict[str, Any] = {"type": "about:blank", "title": titles[status], "status": status, "detail": detail}
    if faults:
        document["errors"] = [{"field": fault.field, "detail": fault.message.text("en")} for fault in faults]
    return Answer(status, document, {name.replace("_", "-"): value for name, value in headers.items()})


class Doors:
    """An ASGI application. Nothing of a call is logged: it may hold secrets, and what somebody sent is theirs."""

    def __init__(self, executor: LocalExecutor) -> None:
        self._executor = executor
        self._lock = threading.Lock()
        self._doors: dict[str, Door] = {}
        self._shut: dict[str, float] = {}

    @contextmanager
    def open(self, door: Door) -> Iterator[None]:
        with self._lock:
            other = self._doors.get(door.path)
            if other is not None:
                raise NodeError(
                    "The address “{path}” belongs to “{node}” of the flow file “{file}” already.",
                    path=door.path, node=other.node, file=other.file, field="path", fix="Choose another path.",
                )  # fmt: skip
            self._doors[door.path] = door
        try:
            yield
        finally:
            with self._lock:
                del self._doors[door.path]
                now = time.monotonic()
                self._shut = {path: until for path, until in self._shut.items() if until > now} | {door.path: now + SHUT}

    def all(self) -> list[tuple[str, Door]]:
        with self._lock:
            return sorted(self._doors.items(), key=lambda entry: entry[0])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            answer = await self._answer(scope, receive)
            if answer is not None:
                await _send(send, answer)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer | None:
        """None for who has gone away."""
        path = scope["raw_path"].decode("latin-1")
        with self._lock:
            door = self._doors.get(path)
            shut = self._shut.get(path, 0.0) > time.monotonic()
        if door is None and shut:
            return refused(503, "The flow is being read anew.", retry_after="1")
        if door is None:
            return refused(404, "Nothing is listening here.")
        if scope["method"] != "POST":
            return refused(405, "Only POST is taken.", allow="POST")
        headers = _headers(scope["headers"])
        try:
            door.receiver.admit(headers)
            length = headers.get("content-length", "0")
            body = None if not length.isdigit() or int(length) > door.receiver.largest else await _body(receive, door)
            if body is None:
                return refused(413, f"The body is larger than {door.receiver.largest} bytes.", connection="close")
            if isinstance(body, Gone):
                return None
            return await run_in_threadpool(self._take, door, Call(headers, body, time.time()))
        except NotAllowed:
            # The same for whatever was wrong.
            return refused(401, "The token or signature is missing or wrong.", www_authenticate="Bearer", connection="close")
        except NotTaken as error:
            return refused(400, "The call does not fit.", error.faults)
        except Exception as error:  # noqa: BLE001 - the call's end of the line: it is reported, and the caller may try again
            crash.report(error, self._executor.root)
            return refused(500, "Something went wrong that was not foreseen. The event was not taken.")

    def _take(self, door: Door, call: Call) -> Answer:
        """The event is on the disk before this returns."""
        store = self._executor.inbox.store
        key = door.receiver.key(call)
        known = store.number(door.file, door.node, key) if key is not None else None
        if known is not None:
            return Answer(200, {"id": known})
        if store.fuller(door.file, door.most):
            return refused(503, "Too many events wait.", retry_after=str(LATER))
        arrived = door.receiver.arrived(call, key)
        _check(arrived.row, door.schema)
        id, new = store.keep_one(door.file, door.node, arrived)
        self._executor.inbox.arrived.set()
        return Answer(202 if new else 200, {"id": id})


def _check(row: Mapping[str, Any], schema: Schema) -> None:
    """Every value in the type of its column, or all that do not fit."""
    faults = []
    for column in schema:
        value = row.get(column.name)
        try:
            typed([{column.name: value}], Schema((column,)))
            json.dumps(value, ensure_ascii=False).encode()
        except NodeError as error:
            faults.append(Fault(column.name, error.message))
        except UnicodeEncodeError:
            faults.append(Fault(column.name, msg("It is no text: half a surrogate pair.")))
    if faults:
        raise NotTaken(faults)


class Gone:
    """The caller went away before the whole body had come."""


async def _body(receive: Receive, door: Door) -> bytes | Gone | None:
    """The whole body, None when it is too large (a length may be missing, or a lie)."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return Gone()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > door.receiver.largest:
            return None
        if not message.get("more_body"):
            return b"".join(parts)


def _headers(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """By name in small letters; of one that comes twice the first counts, and both must not be taken for a proof."""
    headers: dict[str, str] = {}
    for name, value in raw:
        headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
    return headers


async def _send(send: Send, answer: Answer) -> None:
    body = json.dumps(answer.document, ensure_ascii=False).encode()
    kind = "application/json" if answer.status < 400 else "application/problem+json"
    headers = {"content-type": kind, "content-length": str(len(body)), **(answer.headers or {})}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def _live(receive: Receive, send: Send) -> None:
    while (await receive())["type"] == "lifespan.startup":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
