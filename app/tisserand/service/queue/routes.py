"""The queue over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Query
from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PauseBody(_Body):
    target: str | None = None
    by: str = ""


class DrainBody(_Body):
    on: bool = True
    by: str = ""


def add(api: FastAPI, executor: LocalExecutor) -> None:
    @api.get("/queue")
    def queue() -> dict[str, Any]:
        return executor.queue.standing().to_json()

    @api.post("/queue/pause")
    def pause(body: PauseBody) -> dict[str, bool]:
        return {"changed": executor.queue.pause(body.target, body.by)}

    @api.post("/queue/unpause")
    def unpause(body: PauseBody) -> dict[str, bool]:
        return {"changed": executor.queue.unpause(body.target, body.by)}

    @api.post("/queue/drain")
    def drain(body: DrainBody) -> dict[str, bool]:
        executor.queue.drain(body.on, body.by)
        return {"on": body.on}

    @api.get("/queue/log")
    def log(run: str, offset: Annotated[int, Query(ge=0, le=2**62)] = 0) -> dict[str, Any]:
        text, after = executor.queue.log(run, offset)
        return {"text": text, "offset": after}
