"""Published flows over HTTP: the control of them, not what they answer."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Query
from pydantic import BaseModel, ConfigDict, Field

from tisserand.service.local import LocalExecutor

_BIGGEST = 2**62


class SuitsBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    flow: Annotated[str, Field(min_length=1, max_length=1000)]


class RefreshBody(BaseModel):
    model_config = ConfigDict(extra="forbid")


def add(api: FastAPI, executor: LocalExecutor) -> None:
    @api.get("/published")
    def published() -> list[Any]:
        return [each.to_json() for each in executor.published.list()]

    @api.post("/published/suits")
    def suits(body: SuitsBody) -> dict[str, Any]:
        return executor.published.suits(body.flow).to_json()

    @api.post("/published/refresh")
    def refresh(body: RefreshBody) -> dict[str, Any]:
        executor.published.refresh()
        return {}

    @api.get("/published/{id}/{version}/requests")
    def requests(
        id: str,
        version: str,
        limit: Annotated[int, Query(ge=0, le=1000)] = 100,
        errors: bool = False,
        before: Annotated[int, Query(ge=0, le=_BIGGEST)] | None = None,
    ) -> dict[str, Any]:
        return executor.published.requests(id, version, limit, errors, before).to_json()
