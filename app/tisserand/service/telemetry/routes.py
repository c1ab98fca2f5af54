"""`GET /metrics` on the control API, behind the token like every call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.responses import Response

from tisserand.engine.launch import refusal
from tisserand.sdk.errors import NodeError

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor

CONTENT = "text/plain; version=0.0.4; charset=utf-8"


def add(api: FastAPI, executor: LocalExecutor) -> None:
    @api.get("/metrics", response_class=Response)
    def metrics() -> Response:
        try:
            return Response(executor.telemetry.metrics(), media_type=CONTENT)
        except NodeError as error:
            raise refusal("telemetry.settings", error.message, error.fix) from None
