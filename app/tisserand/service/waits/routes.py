"""Waits over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from tisserand.service.local import LocalExecutor
from tisserand.service.waits.here import LONGEST_NAME, LONGEST_TEXT


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SignalBody(_Body):
    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
    key: Annotated[str, Field(max_length=LONGEST_NAME)] | None = None
    data: dict[str, Any] = Field(default_factory=dict)
    by: str = ""


class AnswerBody(_Body):
    run: str
    node: str | None = None
    decision: Literal["approved", "rejected"]
    comment: Annotated[str, Field(max_length=LONGEST_TEXT)] = ""
    by: str = ""


def add(api: FastAPI, executor: LocalExecutor) -> None:
    @api.get("/waits")
    def waits(kind: Literal["time", "signal", "decision"] | None = None) -> list[Any]:
        return [found.to_json() for found in executor.waits.open(kind)]

    @api.post("/waits/signals")
    def signal(body: SignalBody) -> dict[str, Any]:
        return executor.waits.signal(body.name, body.key, body.data, body.by).to_json()

    @api.post("/waits/answers")
    def answer(body: AnswerBody) -> dict[str, Any]:
        return executor.waits.answer(body.run, body.node, body.decision, body.comment, body.by).to_json()
