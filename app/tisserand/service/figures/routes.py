"""The figures over HTTP."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import FastAPI, Query
from pydantic import BaseModel, ConfigDict, Field

from tisserand.service.figures.calls import Asked
from tisserand.service.local import LocalExecutor

Moment = Annotated[float, Query(ge=0, le=1e11, allow_inf_nan=False)]


class AskedBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    flow: str | None = None
    states: tuple[str, ...] = ()
    trigger: str | None = None
    by: str | None = None
    since: Annotated[float, Field(ge=0, le=1e11, allow_inf_nan=False)] | None = None
    until: Annotated[float, Field(ge=0, le=1e11, allow_inf_nan=False)] | None = None
    text: Annotated[str, Field(max_length=1000)] | None = None
    children: bool = False


class PageBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    asked: AskedBody = AskedBody()
    limit: Annotated[int, Field(ge=0, le=10_000)] = 100
    before: str | None = None


class CountBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    asked: AskedBody = AskedBody()


def add(api: FastAPI, executor: LocalExecutor) -> None:
    @api.get("/figures/flows")
    def flows(since: Moment, until: Moment | None = None) -> list[Any]:
        return [each.to_json() for each in executor.figures.flows(since, until)]

    @api.get("/figures/load")
    def load(since: Moment, until: Moment, seconds: Annotated[float, Query(gt=0)], flow: str | None = None) -> list[Any]:
        return [asdict(each) for each in executor.figures.load(since, until, seconds, flow)]

    @api.post("/figures/runs")
    def runs(body: PageBody) -> list[Any]:
        found = executor.figures.runs(Asked(**body.asked.model_dump()), body.limit, body.before)
        return [each.to_json() for each in found]

    @api.post("/figures/count")
    def count(body: CountBody) -> dict[str, int]:
        return {"count": executor.figures.count(Asked(**body.asked.model_dump()))}

    @api.get("/runs/{run}/timeline")
    def timeline(run: str) -> list[Any]:
        return [asdict(each) for each in executor.figures.timeline(run)]
