"""Schedules in the control API."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Query
from pydantic import BaseModel, ConfigDict, Field

from tisserand.service.local import LocalExecutor
from tisserand.service.schedule.calls import LARGEST, PAGE, Judged

LAST = 4_102_444_800
"""The year 2100."""
Time = Annotated[float, Query(ge=0, le=LAST, allow_inf_nan=False)]
Limit = Annotated[int, Query(ge=1, le=LARGEST)]


class UpcomingBody(BaseModel):
    model_config = ConfigDict(extra="forbid")
    since: Annotated[float, Field(ge=0, le=LAST, allow_inf_nan=False)]
    until: Annotated[float, Field(ge=0, le=LAST, allow_inf_nan=False)]
    file: str | None = None
    text: str | None = None
    limit: Annotated[int, Field(ge=1, le=LARGEST)] = PAGE


class AnswerBody(BaseModel):
    model_config = ConfigDict(extra="forbid")
    file: str
    node: str
    due: Annotated[int, Field(ge=0, le=LAST)]
    run: bool
    by: str = ""


def add(api: FastAPI, executor: LocalExecutor) -> None:
    """Add the calls of `Schedules`."""
    schedules = executor.schedules

    @api.post("/schedules/upcoming")
    def upcoming(body: UpcomingBody) -> list[Any]:
        return [each.to_json() for each in schedules.upcoming(body.since, body.until, body.file, body.text, body.limit)]

    @api.get("/schedules/verdicts")
    def verdicts(
        since: Time, until: Time, file: str | None = None, verdict: Judged | None = None, limit: Limit = PAGE
    ) -> list[Any]:
        return [each.to_json() for each in schedules.verdicts(file, since, until, verdict, limit)]

    @api.get("/schedules/why")
    def why(file: str, time: Time) -> dict[str, Any]:
        return schedules.why(file, time).to_json()

    @api.post("/schedules/answer")
    def answer(body: AnswerBody) -> dict[str, Any]:
        return schedules.answer(body.file, body.node, body.due, body.run, body.by).to_json()

    @api.get("/schedules/next")
    def next_due(file: str) -> float | None:
        return schedules.next_due(file)

    @api.get("/schedules/problems")
    def problems() -> list[Any]:
        return [problem.to_json() for problem in schedules.problems()]
