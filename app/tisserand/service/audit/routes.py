"""The audit log over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Query

from tisserand.service.local import LocalExecutor


def add(api: FastAPI, executor: LocalExecutor) -> None:
    @api.get("/audit")
    def entries(
        target: str | None = None,
        limit: Annotated[int, Query(ge=0, le=10_000)] = 100,
        before: Annotated[int, Query(ge=0, le=2**62)] | None = None,
    ) -> list[Any]:
        return [each.to_json() for each in executor.audit.entries(target, limit, before)]

    @api.get("/audit/verdict")
    def verify() -> dict[str, Any]:
        return executor.audit.verify().to_json()
