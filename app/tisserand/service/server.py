"""The control API: the protocol over HTTP on the loopback interface, behind the guard."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from fastapi.security import HTTPBearer
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from tisserand import __version__
from tisserand.engine.journal import Event
from tisserand.model.problem import Place, Problem
from tisserand.sdk.problems import sentence
from tisserand.service import crash, documented
from tisserand.service.alerts import routes as alerts
from tisserand.service.apis import routes as apis
from tisserand.service.audit import routes as audit
from tisserand.service.documented import ARROW, LINES
from tisserand.service.figures import routes as figures
from tisserand.service.gateways import routes as gateways
from tisserand.service.guard import App, Guard
from tisserand.service.inbox import routes as inbox_routes
from tisserand.service.keys import routes as keys
from tisserand.service.listening import Server
from tisserand.service.local import LocalExecutor
from tisserand.service.protocol import Keep, Page, Refused, RunRequest, Uncertain
from tisserand.service.published import routes as published
from tisserand.service.queue import routes as queue_routes
from tisserand.service.retention import routes as retention
from tisserand.service.schedule import routes as schedule_routes
from tisserand.service.telemetry import routes as telemetry
from tisserand.service.waits import routes as waits_routes
from tisserand.texts import msg

__all__ = ["ARROW", "LINES", "TOTAL", "Server", "build"]

TOTAL = "X-Total-Rows"

QUIET = 10.0
"""Seconds without an event after which an empty line tells the client that the executor is still there."""


_BIGGEST = 2**62
"""Of what SQLite counts with."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StartBody(_Body):
    file: str | None = None
    text: str | None = None
    env: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    memory: str | None = None
    threads: Annotated[int, Field(ge=1, le=4096)] | None = None
    keep: Keep = "cuts"
    until: str | None = None
    by: str = ""
    trigger: str = "manual"
    parent: str | None = None
    label: str | None = None
    priority: Annotated[int, Field(ge=-100, le=100)] | None = None
    cause: dict[str, Any] | None = None
    event: dict[str, Any] | None = None


class ResumeBody(_Body):
    uncertain: Uncertain | None = None
    edited: bool = False
    text: str | None = None
    until: str | None = None
    by: Annotated[str, Field(max_length=200)] = ""


class FlowBody(_Body):
    file: str | None = None
    text: str | None = None
    env: str | None = None
    node: str | None = None
    relock: bool = False


class EvaluateBody(_Body):
    formula: str
    rows: Base64Bytes
    parameters: dict[str, Any] = Field(default_factory=dict)


class WatchBody(_Body):
    file: str
    on: bool = True
    by: Annotated[str, Field(max_length=200)] = ""


class PreviewBody(_Body):
    node: str
    port: str | None = None
    file: str | None = None
    text: str | None = None
    env: str | None = None
    limit: int = 100


def build(executor: LocalExecutor, token: str) -> App:
    """The ASGI application of one workspace, guarded."""
    # The documentation pages would load scripts from elsewhere; the document itself is served, to who has the token.
    api = FastAPI(
        title="Tisserand executor",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=documented.REFUSALS,
        dependencies=[Depends(HTTPBearer(auto_error=False))],  # said only: the guard has asked for the token before
    )
    _answer_errors(api, executor)
    _add_runs(api, executor)
    _add_flows(api, executor)
    _add_watches(api, executor)
    queue_routes.add(api, executor)
    figures.add(api, executor)
    keys.add(api, executor)
    audit.add(api, executor)
    retention.add(api, executor)
    inbox_routes.add(api, executor)
    schedule_routes.add(api, executor)
    alerts.add(api, executor)
    telemetry.add(api, executor)
    waits_routes.add(api, executor)
    apis.add(api, executor)
    gateways.add(api, executor)
    published.add(api, executor)
    return Guard(api, token)


def _answer_errors(api: FastAPI, executor: LocalExecutor) -> None:
    @api.exception_handler(Refused)
    async def refused(_request: Request, error: Refused) -> JSONResponse:
        return _problems(404 if error.missing else 422, error.problems, error.missing)

    @api.exception_handler(RequestValidationError)
    async def malformed(_request: Request, error: RequestValidationError) -> JSONResponse:
        found = [
            Problem(
                "call.malformed",
                msg("The request does not fit: {reason}", reason=sentence(finding)),
                None,
                # The first part only tells body from query.
                Place(field=".".join(str(part) for part in finding["loc"][1:]) or None),
            )
            for finding in error.errors()
        ]
        return _problems(422, found)

    @api.exception_handler(Exception)
    async def crashed(_request: Request, error: Exception) -> JSONResponse:
        return _problems(500, [crash.report(error, executor.root)])


def _add_runs(api: FastAPI, executor: LocalExecutor) -> None:
    @api.get("/health")
    def health() -> dict[str, Any]:
        return {"tisserand": __version__, "workspace": str(executor.root)}

    @api.post("/runs", status_code=201)
    def start(body: StartBody) -> dict[str, str]:
        return {"id": executor.start(RunRequest(**body.model_dump()))}

    @api.get("/runs")
    def runs(flow: str | None = None, state: str | None = None, limit: int = 100, before: str | None = None) -> list[Any]:
        return [run.to_json() for run in executor.runs(flow, state, limit, before)]

    @api.get("/runs/{run}")
    def run(run: str) -> dict[str, Any]:
        return executor.run(run).to_json()

    @api.get("/runs/{run}/flow")
    def flow_text(run: str) -> dict[str, str]:
        return {"text": executor.flow_text(run)}

    @api.post("/runs/{run}/resume")
    def resume(run: str, body: ResumeBody) -> dict[str, str]:
        return {"id": executor.resume(run, **body.model_dump())}

    @api.post("/runs/{run}/cancel", status_code=202)
    def cancel(run: str, by: str = "") -> dict[str, str]:
        executor.cancel(run, by)
        return {"id": run}

    @api.get("/runs/{run}/events", response_class=Response, responses=documented.of(LINES, "One event a line"))
    def events(run: str, after: Annotated[int, Query(ge=0, le=_BIGGEST)] = 0, follow: bool = False) -> StreamingResponse:
        if not follow:
            found = executor.events(run, after)
            return StreamingResponse((_line(event) for event in found), media_type=LINES)
        executor.run(run)
        return StreamingResponse(_followed(executor, run, after), media_type=LINES)

    @api.get("/events", response_class=Response, responses=documented.of(LINES, "One event of any run a line"))
    def tail(after: Annotated[int, Query(ge=0, le=_BIGGEST)] | None = None, follow: bool = False) -> StreamingResponse:
        if not follow:
            return StreamingResponse((_line(event) for event in executor.tail(after)), media_type=LINES)
        return StreamingResponse(_tailed(executor, after), media_type=LINES)

    _add_data(api, executor)


def _add_data(api: FastAPI, executor: LocalExecutor) -> None:
    @api.get("/runs/{run}/data/{node}", response_class=Response, responses=documented.of(ARROW, "Some rows"))
    def page(
        run: str,
        node: str,
        port: str | None = None,
        offset: int = 0,
        limit: int = 100,
        order: str | None = None,
        where: str | None = None,
    ) -> Response:
        return _arrow(executor.page(run, node, port, offset, limit, order, where))

    @api.get("/runs/{run}/data/{node}/find")
    def find(
        run: str,
        node: str,
        text: str,
        port: str | None = None,
        start: int = 0,
        back: bool = False,
        order: str | None = None,
        where: str | None = None,
    ) -> dict[str, int] | None:
        found = executor.find(run, node, port, text, start, back, order, where)
        return {"row": found[0], "column": found[1]} if found is not None else None

    @api.get("/runs/{run}/data/{node}/profile")
    def profile(run: str, node: str, column: str, port: str | None = None, where: str | None = None) -> dict[str, Any]:
        return dict(executor.profile(run, node, port, column, where))


def _add_flows(api: FastAPI, executor: LocalExecutor) -> None:
    @api.post("/check")
    def check(body: FlowBody) -> list[Any]:
        return [problem.to_json() for problem in executor.check(file=body.file, text=body.text, env=body.env)]

    @api.post("/schemas")
    def schemas(body: FlowBody) -> dict[str, Any]:
        return executor.schemas(**body.model_dump()).to_json()

    @api.post("/explain")
    def explain(body: FlowBody) -> dict[str, Any]:
        return executor.explain(file=body.file, text=body.text, env=body.env)

    @api.post("/preview", response_class=Response, responses=documented.of(ARROW, "The first rows"))
    def preview(body: PreviewBody) -> Response:
        return _arrow(executor.preview(**body.model_dump()))

    @api.post("/evaluate")
    def evaluate(body: EvaluateBody) -> dict[str, Any]:
        type, values = executor.evaluate(body.formula, body.rows, body.parameters)
        return {"type": type, "values": values}

    @api.get("/connections")
    def connections(env: str | None = None) -> list[Any]:
        return [asdict(connection) for connection in executor.connections(env)]

    @api.post("/connections/{name}/test")
    def test_connection(name: str, env: str | None = None) -> dict[str, Any]:
        tested = executor.test_connection(name, env)
        return {"ok": tested.ok, "message": tested.message.to_json(), "seconds": tested.seconds}


def _add_watches(api: FastAPI, executor: LocalExecutor) -> None:
    @api.get("/watches")
    def watches() -> list[Any]:
        return [watch.to_json() for watch in executor.watches()]

    @api.post("/watches")
    def watch(body: WatchBody) -> list[Any]:
        (executor.watch if body.on else executor.unwatch)(body.file, body.by)
        return [watch.to_json() for watch in executor.watches()]


async def _followed(executor: LocalExecutor, run: str, after: int) -> AsyncIterator[bytes]:
    """Follows without holding a thread: many windows may watch many runs."""
    follower = await run_in_threadpool(executor.follower, run, after)
    poll: Callable[[], list[Event]] = follower.poll
    quiet = 0.0
    while not follower.over:
        news = await run_in_threadpool(poll)
        if news:
            quiet = 0.0
            yield b"".join(_line(event) for event in news)
        elif not follower.over:
            await asyncio.sleep(follower.PAUSE)
            quiet += follower.PAUSE
            if quiet >= QUIET:
                quiet = 0.0
                yield b"\n"


async def _tailed(executor: LocalExecutor, after: int | None) -> AsyncIterator[bytes]:
    """All that happens, without holding a thread either."""
    seen = await run_in_threadpool(executor.journal.last) if after is None else after
    quiet = 0.0
    while True:
        news = await run_in_threadpool(executor.journal.tail, seen)
        if news:
            quiet = 0.0
            seen = news[-1].seq or seen
            yield b"".join(_line(event) for event in news)
        else:
            await asyncio.sleep(executor.PAUSE)
            quiet += executor.PAUSE
            if quiet >= QUIET:
                quiet = 0.0
                yield b"\n"


def _line(event: Event) -> bytes:
    return json.dumps(event.to_json(), separators=(",", ":")).encode() + b"\n"


def _arrow(page: Page) -> Response:
    return Response(page.data, media_type=ARROW, headers={TOTAL: str(page.total), "X-Offset": str(page.offset)})


def _problems(status: int, problems: list[Problem], missing: bool = False) -> JSONResponse:
    return JSONResponse({"problems": [problem.to_json() for problem in problems], "missing": missing}, status)
