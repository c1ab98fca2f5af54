"""The inbox over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Path
from fastapi import Query as Asked
from pydantic import BaseModel, ConfigDict, Field

from tisserand.service.inbox.store import EventState
from tisserand.service.local import LocalExecutor

Number = Annotated[int, Field(ge=1, le=2**62)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class EditBody(_Body):
    row: dict[str, Any]
    by: str = ""


class IdsBody(_Body):
    ids: Annotated[list[Number], Field(max_length=100_000)]
    by: str = ""


def add(api: FastAPI, executor: LocalExecutor) -> None:
    @api.get("/inbox")
    def counts() -> list[Any]:
        return [found.to_json() for found in executor.inbox.counts()]

    @api.get("/inbox/events")
    def events(
        file: str | None = None,
        state: EventState | None = None,
        text: str | None = None,
        limit: Annotated[int, Asked(ge=0, le=10_000)] = 100,
        before: Annotated[int | None, Asked(ge=0, le=2**62)] = None,
    ) -> list[Any]:
        return [found.to_json() for found in executor.inbox.events(file, state, text, limit, before)]

    @api.get("/inbox/events/{id}")
    def event(id: Annotated[int, Path(ge=1, le=2**62)]) -> dict[str, Any]:
        return executor.inbox.event(id).to_json()

    @api.post("/inbox/events/{id}")
    def edit(id: Annotated[int, Path(ge=1, le=2**62)], body: EditBody) -> dict[str, Any]:
        return executor.inbox.edit(id, body.row, body.by).to_json()

    @api.post("/inbox/resubmit")
    def resubmit(body: IdsBody) -> dict[str, int]:
        return {"events": executor.inbox.resubmit(body.ids, body.by)}

    @api.post("/inbox/discard")
    def discard(body: IdsBody) -> dict[str, int]:
        return {"events": executor.inbox.discard(body.ids, body.by)}

    @api.get("/inbox/hooks")
    def hooks() -> list[Any]:
        return [found.to_json() for found in executor.inbox.hooks()]
