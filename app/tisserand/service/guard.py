"""What stands before the control API: only this machine's names, only who knows the token, only bodies of a sane size."""

from __future__ import annotations

import hmac
import json
import os
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from tisserand.engine.launch import state_folder
from tisserand.texts import Message, msg

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LARGEST_BODY = 16 * 1024 * 1024

_LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})


def token(root: Path) -> str:
    """The workspace's token, made on first use; only its owner can read the file."""
    path = state_folder(root) / "token"
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        known = path.read_text(encoding="ascii").strip()
        if known:
            return known
        handle = os.open(path, os.O_WRONLY | os.O_TRUNC, 0o600)
    made = secrets.token_urlsafe(32)
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(made + "\n")
    return made


class Guard:
    """ASGI middleware. A browser page that resolves its own name to 127.0.0.1 fails at the Host header (DNS rebinding), and
    would need the token besides; nothing of the request's body is read before both are right."""

    def __init__(self, app: App, token: str, largest: int = LARGEST_BODY) -> None:
        self._app = app
        self._token = token.encode()
        self._largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        if not _local(headers.get(b"host", b"")) or b"origin" in headers:
            await _refuse(send, 403, msg("The executor answers to programs on this machine only."))
            return
        scheme, _space, given = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer" or not hmac.compare_digest(given.strip(), self._token):
            await _refuse(send, 401, msg("The token of the executor is missing or wrong."))
            return
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self._largest:
            await _refuse(send, 413, msg("The request is larger than {size} bytes.", size=self._largest))
            return
        body = await self._body(receive)
        if body is None:
            await _refuse(send, 413, msg("The request is larger than {size} bytes.", size=self._largest))
            return
        await self._app(scope, _replayed(body, receive), send)

    async def _body(self, receive: Receive) -> bytes | None:
        """The whole body, or None when it is too large (a length may be missing, or a lie) or never came."""
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return None  # the client hung up: half of what it asks for is not done
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._largest:
                return None
            if not message.get("more_body"):
                return b"".join(parts)


def _local(host: bytes) -> bool:
    name = host.decode("latin-1").lower()
    return name in _LOCAL_NAMES or (name.rpartition(":")[0] in _LOCAL_NAMES and name.rpartition(":")[2].isdigit())


def _replayed(body: bytes, receive: Receive) -> Receive:
    first = True

    async def replay() -> MutableMapping[str, Any]:
        nonlocal first
        if first:
            first = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return replay


async def _refuse(send: Send, status: int, message: Message) -> None:
    body = json.dumps({"problems": [{"code": f"http.{status}", "message": message.to_json()}], "missing": False}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), (b"connection", b"close")]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
