"""The published flow as its callers see it: who they are first, then what they ask, then the answer; each is kept in the history."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import orjson

from tisserand.service.published.access import Access, Caller, access, shows
from tisserand.service.published.answers import JSON, Answer, problem
from tisserand.service.published.asked import Fault, Faulty
from tisserand.service.published.calls import Serving
from tisserand.service.published.compiled import Compiled, Ready, Rows
from tisserand.service.published.history import History
from tisserand.service.published.http import Request
from tisserand.service.published.jobs import Jobs, Sent
from tisserand.service.published.later import Later
from tisserand.service.published.routing import Found, Routes
from tisserand.service.published.working import AT_ONCE, LATER, Busy, Failing, Working, moment_of
from tisserand.texts import LANGUAGES, Message, msg

_TRACE = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_JOB = re.compile(rb"/jobs/([0-9a-f]{32})")
HEALTH = b"/.tisserand/health"
DOCUMENT = b"/openapi.json"
SMALL = 65_536
"""Bytes of a body that is not read for anything."""


_UNCACHED = b"x-content-type-options: nosniff\r\n"
_GUARDED = _UNCACHED + b"cache-control: no-store\r\n"


_NOBODY = Caller()


class State:
    """What is known of a request besides what was sent."""

    __slots__ = ("caller", "found", "id", "name", "path", "query", "trace")

    def __init__(self) -> None:
        self.id = ""
        self.trace = ""
        self.caller = _NOBODY
        self.found: Found | None = None
        self.name = ""
        """Of the operation; empty where it is none."""
        self.path = b""
        self.query = b""


class Answering:
    """One published flow. `document` is its OpenAPI document, where there is one."""

    def __init__(self, root: Path, serving: Serving, compiled: Compiled, history: History, jobs: Jobs) -> None:
        self.serving = serving
        self._compiled, self._history = compiled, history
        self._failing = Failing(root)
        self._working = Working()
        self._routes = Routes(compiled.operations)
        self._access: Access = access(serving)
        self._base = serving.base.encode()
        self.later = Later(jobs)
        self.document: bytes | None = None
        self._healthy: Answer | None = None
        self._prefix = secrets.token_hex(8)
        self._number = 0
        self.since = time.time()

    def serve(self, serving: Serving) -> None:
        """Others may call from now on, or under other limits."""
        self.serving, self._access, self._base = serving, access(serving), serving.base.encode()

    # -- as `http.Application`

    def admit(self, request: Request) -> Answer | None:
        state = request.state = State()
        self._number += 1
        given = request.headers.get(b"traceparent")
        trace = _TRACE.fullmatch(given) if given is not None else None
        # Sixteen bytes, as a trace has them: what is told to the caller, and what the history knows the request by.
        state.id = trace[1].decode() if trace else f"{self._prefix}{self._number:016x}"
        state.trace = trace[0].decode() if trace else ""
        state.path, _, state.query = _origin(request.target).partition(b"?")
        caller = self._access.caller(request.headers, state.query)
        if caller is None:
            challenge = ((b"www-authenticate", self._access.challenge),)
            # The same whatever was wrong, and whether there is such a path or not.
            return self._problem(request, 401, msg("Who you are could not be established."), headers=challenge)
        state.caller = caller
        found = self._find(request)
        if isinstance(found, Answer):
            return found
        if found is not None:
            ready = found[0]
            state.found, state.name = found, ready.operation.name
            request.limit = min(ready.largest, self.serving.max_body) if ready.asking.reads_body else SMALL
            kind = request.headers.get(b"content-type")
            if kind is not None and kind != JSON and ready.asking.reads_body and not _is_json(kind):
                return self._problem(request, 415, msg("The body must be JSON (“Content-Type: application/json”)."))
        return None

    def _find(self, request: Request) -> Found | Answer | None:
        """The operation; None for what every published flow has besides."""
        state: State = request.state
        bare, base = state.path, self._base
        if base and bare.startswith(base) and bare[len(base) : len(base) + 1] == b"/":
            bare = bare[len(base) :]
        found: Any = self._routes.find(request.method, bare)
        if not found and bare != state.path:
            found = self._routes.find(request.method, state.path)
        state.path = bare
        if not found:
            if bare in (DOCUMENT, HEALTH) or _JOB.fullmatch(bare):
                if request.method in (b"GET", b"HEAD"):
                    return None
                found = (b"GET", b"HEAD")
            else:
                return self._problem(request, 404, msg("There is no such path."))
        if isinstance(found[0], bytes):
            allow = ((b"allow", b", ".join(found)),)
            return self._problem(request, 405, msg("This path does not take this method."), headers=allow)
        operation: Found = found
        return operation

    def unreadable(self, request: Request, status: int) -> Answer:
        if request.state is None:
            state = request.state = State()
            self._number += 1
            state.id = f"{self._prefix}{self._number:016x}"
        what = {
            413: msg("The body is larger than {bytes} bytes.", bytes=request.limit),
            431: msg("The head of the request is too large."),
        }.get(status, msg("This is no request that can be read."))
        return self._problem(request, status, what, close=True)

    def answer(self, request: Request) -> Answer | Awaitable[Answer]:
        state: State = request.state
        try:
            if state.found is None:
                return self._besides(request)
            ready, path = state.found
            moment = time.time()
            rows = ready.asking.rows(
                path,
                state.query,
                request.headers,
                request.body,
                moment_of(moment),
                state.caller.consumer,
            )
            if self.serving.mode == "async" or (ready.by_row is None and ready.query is None):
                return self._job(request, ready, rows, moment)
            if ready.by_row is not None and len(rows) <= AT_ONCE:
                return ready.replying.answer(ready.by_row(rows), self._language(request), state.id)
            return self._worked(request, ready, rows)
        except Exception as error:  # noqa: BLE001 - the request's last line: it is answered, reported, and nobody else suffers
            return self._failing.answer(error, self._language(request), state.id)

    def told(self, request: Request, answer: Answer) -> bytes:
        state: State = request.state
        if answer is self._healthy:
            return _GUARDED  # to look after it is no use of it
        now = time.time()
        ms = (time.perf_counter() - request.clock) * 1000
        self._history.add(
            (
                now, state.id, state.trace, state.caller.consumer, state.caller.plan, state.name, answer.status, ms,
                request.size, len(answer.body), answer.error,
            )
        )  # fmt: skip
        cached = answer.headers and any(name == b"cache-control" for name, _ in answer.headers)
        return b"x-request-id: %b\r\n%b" % (state.id.encode(), _GUARDED if not cached else _UNCACHED)

    def close(self) -> None:
        self._working.close()

    # -- inside

    async def _worked(self, request: Request, ready: Ready, rows: Rows) -> Answer:
        state: State = request.state
        try:
            found = await self._working.rows(ready, rows, self.serving.timeout)
            return ready.replying.answer(found, self._language(request), state.id)
        except Busy:
            return self._problem(request, 503, LATER, headers=((b"retry-after", b"1"),))
        except Exception as error:  # noqa: BLE001 - as in `answer`
            return self._failing.answer(error, self._language(request), state.id)

    async def _job(self, request: Request, ready: Ready, rows: Rows, moment: float) -> Answer:
        state: State = request.state
        assert state.found is not None
        try:
            key = request.headers.get(b"idempotency-key", b"").decode("latin-1").strip() or None
            if key is not None and len(key) > 255:
                raise Faulty([Fault(msg("It is longer than {most} characters.", most=255), parameter="Idempotency-Key")])
            wanted = {
                each.name.lower().encode("latin-1") for each in ready.operation.request.parameters if each.place == "header"
            }
            headers = {name: value for name, value in request.headers.items() if name in wanted}
            sent = Sent(state.found[1], state.query, headers, request.body, moment)
            depth = state.path.count(b"/") - 1
            language = self._language(request)
            accepted = await self.later.accept(ready, sent, rows, state.caller.consumer, key, state.trace)
            if accepted is None:
                return self._problem(
                    request, 422, msg("The idempotency key was used for another request."), headers=((b"retry-after", b"0"),)
                )
            if self.serving.mode == "async":
                return self.later.accepted(accepted, depth)
            return await self.later.waited(accepted, self.serving.timeout, depth, language, state.id)
        except Exception as error:  # noqa: BLE001 - as in `answer`
            return self._failing.answer(error, self._language(request), state.id)

    def _besides(self, request: Request) -> Answer:
        state: State = request.state
        job = _JOB.fullmatch(state.path)
        if job is not None:
            found = self.later.told(job[1].decode(), state.caller.consumer)
            return found or self._problem(request, 404, msg("There is no such job."))
        if state.path == DOCUMENT and self.document is not None:
            return Answer(200, self.document)
        if state.path == HEALTH and shows(request.headers, self.serving.own):
            self._healthy = Answer(200, orjson.dumps({"requests": self._history.count, "since": self.since}))
            return self._healthy
        return self._problem(request, 404, msg("There is no such path."))

    def _problem(
        self,
        request: Request,
        status: int,
        detail: Message,
        headers: tuple[tuple[bytes, bytes], ...] = (),
        close: bool = False,
    ) -> Answer:
        return problem(status, detail, self._language(request), request.state.id, (), headers, close)

    def _language(self, request: Request) -> str:
        return _language(request.headers.get(b"accept-language", b""))


def _language(accepted: bytes) -> str:
    """The language liked best of those that we speak (RFC 9110, 12.5.4)."""
    if not accepted:
        return "en"
    best, weight = "en", 0.0
    for part in accepted.decode("latin-1").split(",")[:20]:
        name, _, rest = part.partition(";")
        short = name.strip()[:2].lower()
        try:
            quality = float(rest.strip().removeprefix("q=")) if rest else 1.0
        except ValueError:
            continue
        if short in LANGUAGES and quality > weight:
            best, weight = short, quality
    return best


def _origin(target: bytes) -> bytes:
    """The path with the query, of a target that may name the host as well."""
    if target.startswith(b"/"):
        return target
    _, slashes, rest = target.partition(b"://")
    return b"/" + rest.partition(b"/")[2] if slashes else target


def _is_json(kind: bytes) -> bool:
    name = kind.partition(b";")[0].strip().lower()
    return name == b"application/json" or name.endswith(b"+json")
