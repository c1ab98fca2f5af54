"""Gateways over HTTP."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import FastAPI, Query
from pydantic import BaseModel, ConfigDict, Field

from tisserand.apis.usage import UsageQuery
from tisserand.apis.usage_store import LARGEST
from tisserand.service.gateways.calls import plan_to_json
from tisserand.service.gateways.here import LARGEST_PAGE
from tisserand.service.local import LocalExecutor

LAST = 4_102_444_800
"""The year 2100."""
Text = Annotated[str, Field(max_length=200)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    by: Text = ""


class EntryBody(_Body):
    data: dict[str, Any]
    secrets: Annotated[dict[Text, Annotated[str, Field(max_length=100_000)]], Field(max_length=50)] = {}


class PushBody(_Body):
    accept: list[Text] = []


class RemoveBody(_Body):
    """Who asks."""


class RollbackBody(_Body):
    number: Annotated[int, Field(ge=0, le=2**62)] = 0


class CollectBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    gateway: Text = ""


class UsageBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    start: Annotated[float, Field(ge=0, le=LAST, allow_inf_nan=False)] = 0.0
    end: Annotated[float, Field(ge=0, le=LAST, allow_inf_nan=False)] = 0.0
    api: Text = ""
    version: Text = ""
    operation: Annotated[str, Field(max_length=2000)] = ""
    consumer: Text = ""
    plan: Text = ""
    status: Text = ""
    by: Annotated[list[Text], Field(max_length=20)] = []
    limit: Annotated[int, Field(ge=0, le=LARGEST)] = 1000
    gateway: Text = ""

    def query(self) -> UsageQuery:
        return UsageQuery(**{**self.model_dump(), "by": tuple(self.by)})


def add(api: FastAPI, executor: LocalExecutor) -> None:
    @api.get("/gateways")
    def gateways() -> list[Any]:
        return [each.to_json() for each in executor.gateways.list()]

    @api.get("/gateways/{name}/entry")
    def entry(name: str) -> dict[str, Any]:
        return dict(executor.gateways.entry(name))

    @api.post("/gateways/{name}/entry")
    def save_entry(name: str, body: EntryBody) -> dict[str, Any]:
        executor.gateways.save_entry(name, body.data, body.secrets, body.by)
        return {}

    @api.post("/gateways/{name}/remove")
    def remove_entry(name: str, body: RemoveBody) -> dict[str, Any]:
        executor.gateways.remove_entry(name, body.by)
        return {}

    @api.get("/gateways/{name}/plan")
    def plan(name: str) -> dict[str, Any]:
        return plan_to_json(executor.gateways.plan(name))

    @api.post("/gateways/{name}/push")
    def push(name: str, body: PushBody) -> dict[str, Any]:
        return executor.gateways.push(name, body.accept, body.by).to_json()

    @api.get("/gateways/{name}/drift")
    def drift(name: str) -> list[Any]:
        return [asdict(each) for each in executor.gateways.drift(name)]

    @api.post("/gateways/{name}/rollback")
    def rollback(name: str, body: RollbackBody) -> dict[str, Any]:
        return executor.gateways.rollback(name, body.number, body.by).to_json()

    @api.get("/gateways/{name}/history")
    def history(name: str, limit: Annotated[int, Query(ge=0, le=LARGEST_PAGE)] = 50) -> list[Any]:
        return [each.to_json() for each in executor.gateways.history(name, limit)]

    @api.post("/usage/sums")
    def usage(body: UsageBody) -> list[Any]:
        return [each.to_json() for each in executor.gateways.usage(body.query())]

    @api.post("/usage/rows")
    def usage_rows(body: UsageBody) -> list[Any]:
        return [asdict(each) for each in executor.gateways.usage_rows(body.query())]

    @api.post("/usage/collect")
    def collect(body: CollectBody) -> dict[str, int]:
        return {"rows": executor.gateways.collect(body.gateway)}
