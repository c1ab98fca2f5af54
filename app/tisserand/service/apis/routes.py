"""The catalogue of APIs over HTTP. Ids travel in bodies: what people type into an address is not to be guessed at."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from tisserand.service.apis.calls import Kind, PublishRequest
from tisserand.service.local import LocalExecutor

Text = Annotated[str, Field(max_length=500)]
Long = Annotated[str, Field(max_length=10_000_000)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SearchBody(_Body):
    text: Text = ""
    tag: Text = ""
    owner: Text = ""
    lifecycle: Text = ""
    schema_: Annotated[Text, Field(alias="schema")] = ""
    limit: Annotated[int, Field(ge=0, le=10_000)] = 100
    offset: Annotated[int, Field(ge=0, le=2**40)] = 0


class PageBody(_Body):
    limit: Annotated[int, Field(ge=0, le=1000)] = 100
    offset: Annotated[int, Field(ge=0, le=2**40)] = 0


class VersionBody(_Body):
    id: Text
    version: Text = ""


class DocsBody(_Body):
    folder: Annotated[str, Field(min_length=1, max_length=500)]
    language: Literal["en", "fr"] = "en"
    by: Text = ""


class OneVersionBody(_Body):
    id: Text
    version: Annotated[str, Field(min_length=1, max_length=500)]
    by: Text = ""


class SaveBody(_Body):
    data: dict[str, Any]
    by: Text = ""


class DocumentBody(OneVersionBody):
    text: Long
    hash: Text = ""


class ImportBody(_Body):
    text: Long
    id: Text = ""
    version: Text = ""
    by: Text = ""


class MoveBody(OneVersionBody):
    to: Text
    sunset: Text = ""


class PublishBody(_Body):
    flow: Text
    id: Text
    version: Text = "1"
    name: Text = ""
    base_path: Text = ""
    mode: Literal["", "sync", "async"] = ""
    by: Text = ""


class CallBody(_Body):
    id: Text
    version: Text
    method: Literal["GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH"]
    path: Annotated[str, Field(max_length=8000)]
    headers: dict[str, Annotated[str, Field(max_length=8000)]] = {}
    body: Long = ""
    gateway: Text = ""


class ChangesBody(_Body):
    id: Text
    old: Text
    new: Text


class EntriesBody(_Body):
    kind: Kind
    text: Text = ""
    limit: Annotated[int, Field(ge=0, le=100_000)] = 1000
    offset: Annotated[int, Field(ge=0, le=2**40)] = 0


class EntryBody(_Body):
    kind: Kind
    id: Text
    by: Text = ""


class SaveEntryBody(EntryBody):
    data: dict[str, Any]


class SubscribeBody(_Body):
    api: Text
    plan: Text
    consumer: Text
    version: Text = ""
    by: Text = ""


class DecideBody(_Body):
    subscription: Text
    state: Text
    by: Text = ""


class IssueBody(_Body):
    consumer: Text
    expires: Text = ""
    replaces: Text = ""
    overlap: Text = ""
    by: Text = ""


class RevokeBody(_Body):
    consumer: Text
    credential: Text
    by: Text = ""


def add(api: FastAPI, executor: LocalExecutor) -> None:
    _looking(api, executor)
    _changing(api, executor)
    _terms(api, executor)


def _looking(api: FastAPI, executor: LocalExecutor) -> None:
    @api.post("/apis/search")
    def search(body: SearchBody) -> dict[str, Any]:
        found = executor.apis.search(body.text, body.tag, body.owner, body.lifecycle, body.schema_, body.limit, body.offset)
        return found.to_json()

    @api.post("/apis/get")
    def get(body: VersionBody) -> dict[str, Any]:
        return executor.apis.get(body.id, body.version).to_json()

    @api.post("/apis/changes")
    def changes(body: ChangesBody) -> dict[str, Any]:
        return executor.apis.changes(body.id, body.old, body.new).to_json()

    @api.get("/apis/problems")
    def problems() -> list[Any]:
        return [each.to_json() for each in executor.apis.problems()]

    @api.post("/apis/lint")
    def lint(body: PageBody) -> list[Any]:
        return [each.to_json() for each in executor.apis.lint(body.limit, body.offset)]

    @api.get("/apis/redundancy")
    def redundancy() -> list[Any]:
        return [each.to_json() for each in executor.apis.redundancy()]

    @api.post("/apis/docs")
    def docs(body: DocsBody) -> list[str]:
        return [*executor.apis.docs(body.folder, body.language, body.by)]

    @api.post("/apis/call")
    def call(body: CallBody) -> dict[str, Any]:
        answered = executor.apis.call(body.id, body.version, body.method, body.path, body.headers, body.body, body.gateway)
        return answered.to_json()


def _changing(api: FastAPI, executor: LocalExecutor) -> None:
    @api.post("/apis/save")
    def save(body: SaveBody) -> dict[str, Any]:
        return executor.apis.save(body.data, body.by).to_json()

    @api.post("/apis/remove")
    def remove(body: OneVersionBody) -> dict[str, Any]:
        executor.apis.remove(body.id, body.version, body.by)
        return {}

    @api.post("/apis/document")
    def document(body: DocumentBody) -> dict[str, Any]:
        return executor.apis.set_document(body.id, body.version, body.text, body.by, body.hash).to_json()

    @api.post("/apis/import")
    def import_document(body: ImportBody) -> dict[str, Any]:
        return executor.apis.import_document(body.text, body.id, body.version, body.by).to_json()

    @api.post("/apis/move")
    def move(body: MoveBody) -> dict[str, Any]:
        return executor.apis.move(body.id, body.version, body.to, body.sunset, body.by).to_json()

    @api.post("/apis/publish")
    def publish(body: PublishBody) -> dict[str, Any]:
        return executor.apis.publish_flow(PublishRequest(**body.model_dump())).to_json()


def _terms(api: FastAPI, executor: LocalExecutor) -> None:
    @api.post("/apis/entries")
    def entries(body: EntriesBody) -> dict[str, Any]:
        found, total = executor.apis.entries(body.kind, body.text, body.limit, body.offset)
        return {"entries": dict(found), "total": total}

    @api.post("/apis/entries/save")
    def save_entry(body: SaveEntryBody) -> dict[str, Any]:
        executor.apis.save_entry(body.kind, body.id, body.data, body.by)
        return {}

    @api.post("/apis/entries/remove")
    def remove_entry(body: EntryBody) -> dict[str, Any]:
        executor.apis.remove_entry(body.kind, body.id, body.by)
        return {}

    @api.post("/apis/subscribe")
    def subscribe(body: SubscribeBody) -> dict[str, Any]:
        return {"subscription": executor.apis.subscribe(body.api, body.plan, body.consumer, body.version, body.by)}

    @api.post("/apis/decide")
    def decide(body: DecideBody) -> dict[str, Any]:
        executor.apis.decide(body.subscription, body.state, body.by)
        return {}

    @api.post("/apis/issue")
    def issue(body: IssueBody) -> dict[str, Any]:
        return executor.apis.issue(body.consumer, body.expires, body.replaces, body.overlap, body.by).to_json()

    @api.post("/apis/revoke")
    def revoke(body: RevokeBody) -> dict[str, Any]:
        executor.apis.revoke(body.consumer, body.credential, body.by)
        return {}
