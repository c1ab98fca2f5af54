"""Retention over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from tisserand.service.local import LocalExecutor


class SweepBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    by: Annotated[str, Field(max_length=200)] = ""


def add(api: FastAPI, executor: LocalExecutor) -> None:
    @api.get("/retention")
    def plan() -> dict[str, Any]:
        return executor.retention.plan().to_json()

    @api.post("/retention")
    def sweep(body: SweepBody) -> dict[str, Any]:
        return executor.retention.sweep(body.by).to_json()
