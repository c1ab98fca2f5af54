"""Alerts in the control API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import FastAPI, Path, Query
from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor

_LARGEST = 2**63 - 1
Id = Annotated[int, Path(ge=0, le=_LARGEST)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ByBody(_Body):
    by: str = ""
    why: str = ""


class SilenceBody(_Body):
    until: Annotated[float, Field(ge=0, le=253402300799, allow_inf_nan=False)]
    flow: str | None = None
    rule: str | None = None
    by: str = ""
    why: str = ""


def add(api: FastAPI, executor: LocalExecutor) -> None:
    alerts = executor.alerts

    @api.get("/alerts")
    def list_alerts(
        state: Literal["open", "resolved", "all"] = "open",
        flow: str | None = None,
        rule: str | None = None,
        limit: Annotated[int, Query(ge=0, le=10_000)] = 100,
        before: Annotated[int | None, Query(ge=0, le=_LARGEST)] = None,
        members: bool = False,
    ) -> list[Any]:
        found = alerts.list(None if state == "all" else state, flow, rule, limit, before, members)
        return [alert.to_json() for alert in found]

    @api.get("/alerts/rules")
    def rules() -> dict[str, Any]:
        return alerts.rules().to_json()

    @api.get("/alerts/silences")
    def silences() -> list[Any]:
        return [silence.to_json() for silence in alerts.silences()]

    @api.post("/alerts/silences", status_code=201)
    def silence(body: SilenceBody) -> dict[str, Any]:
        return alerts.silence(**body.model_dump()).to_json()

    @api.delete("/alerts/silences/{silence}")
    def unsilence(silence: Id, by: str = "") -> dict[str, int]:
        alerts.unsilence(silence, by)
        return {"id": silence}

    @api.post("/alerts/channels/{name}/test")
    def test_channel(name: str, body: ByBody) -> dict[str, Any]:
        return alerts.test_channel(name, body.by).to_json()

    @api.post("/alerts/{alert}/acknowledge")
    def acknowledge(alert: Id, body: ByBody) -> dict[str, Any]:
        return alerts.acknowledge(alert, body.by, body.why).to_json()
