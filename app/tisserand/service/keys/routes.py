"""Business keys over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from tisserand.service.local import LocalExecutor

Text = Annotated[str, Field(max_length=1000, pattern="^[^\\x00]*$")]


class SearchBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    value: Text
    prefix: bool = False
    name: Text | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 200


class ValueBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Text
    value: Text


class EraseBody(ValueBody):
    by: Text
    reason: Annotated[str, Field(min_length=1, max_length=1000)]


def add(api: FastAPI, executor: LocalExecutor) -> None:
    @api.get("/keys")
    def names() -> list[str]:
        return list(executor.keys.names())

    @api.post("/keys/search")
    def search(body: SearchBody) -> dict[str, Any]:
        return executor.keys.search(body.value, body.prefix, body.name, body.limit).to_json()

    @api.post("/keys/erasure")
    def erasure(body: ValueBody) -> dict[str, Any]:
        return executor.keys.erasure(body.name, body.value).to_json()

    @api.post("/keys/erase")
    def erase(body: EraseBody) -> dict[str, Any]:
        return executor.keys.erase(body.name, body.value, body.by, body.reason).to_json()

    @api.get("/keys/erasures")
    def erasures() -> list[Any]:
        return [each.to_json() for each in executor.keys.erasures()]
