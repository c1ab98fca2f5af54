"""The catalogue of APIs of the executor on the other side of HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tisserand.model.problem import Problem
from tisserand.service.apis.calls import Answered, ApiDetail, ApiPage, Impact, Issued, Kind, PublishRequest, Redundant

if TYPE_CHECKING:
    from tisserand.service.client import HttpExecutor

LONG = (5.0, 600.0)


class RemoteApis:
    """Implements `Apis`."""

    def __init__(self, executor: HttpExecutor) -> None:
        self._executor = executor

    def search(
        self, text: str = "", tag: str = "", owner: str = "", lifecycle: str = "", schema: str = "", limit: int = 100, offset: int = 0
    ) -> ApiPage:  # fmt: skip
        asked = {
            "text": text,
            "tag": tag,
            "owner": owner,
            "lifecycle": lifecycle,
            "schema": schema,
            "limit": limit,
            "offset": offset,
        }
        return ApiPage.from_json(self._post("/apis/search", asked))

    def get(self, id: str, version: str = "") -> ApiDetail:
        return ApiDetail.from_json(self._post("/apis/get", {"id": id, "version": version}))

    def problems(self) -> Sequence[Problem]:
        return [Problem.from_json(each) for each in self._executor.call("GET", "/apis/problems").json()]

    def save(self, data: Mapping[str, Any], by: str = "") -> ApiDetail:
        return ApiDetail.from_json(self._post("/apis/save", {"data": dict(data), "by": by}))

    def remove(self, id: str, version: str, by: str = "") -> None:
        self._post("/apis/remove", {"id": id, "version": version, "by": by})

    def set_document(self, id: str, version: str, text: str, by: str = "", hash: str = "") -> ApiDetail:
        asked = {"id": id, "version": version, "text": text, "by": by, "hash": hash}
        return ApiDetail.from_json(self._post("/apis/document", asked))

    def import_document(self, text: str, id: str = "", version: str = "", by: str = "") -> ApiDetail:
        return ApiDetail.from_json(self._post("/apis/import", {"text": text, "id": id, "version": version, "by": by}))

    def move(self, id: str, version: str, to: str, sunset: str = "", by: str = "") -> ApiDetail:
        return ApiDetail.from_json(self._post("/apis/move", {"id": id, "version": version, "to": to, "sunset": sunset, "by": by}))

    def publish_flow(self, request: PublishRequest) -> ApiDetail:
        return ApiDetail.from_json(self._post("/apis/publish", asdict(request)))

    def call(
        self, id: str, version: str, method: str, path: str, headers: Mapping[str, str], body: str = "", gateway: str = ""
    ) -> Answered:
        asked = {
            "id": id,
            "version": version,
            "method": method,
            "path": path,
            "headers": dict(headers),
            "body": body,
            "gateway": gateway,
        }
        return Answered.from_json(self._post("/apis/call", asked))

    def changes(self, id: str, old: str, new: str) -> Impact:
        return Impact.from_json(self._post("/apis/changes", {"id": id, "old": old, "new": new}))

    def lint(self, limit: int = 100, offset: int = 0) -> Sequence[Problem]:
        found = self._executor.call("POST", "/apis/lint", {"limit": limit, "offset": offset}, timeout=LONG).json()
        return [Problem.from_json(each) for each in found]

    def redundancy(self) -> Sequence[Redundant]:
        found = self._executor.call("GET", "/apis/redundancy", timeout=LONG).json()
        return [Redundant.from_json(each) for each in found]

    def docs(self, folder: str, language: str = "en", by: str = "") -> Sequence[str]:
        asked = {"folder": folder, "language": language, "by": by}
        pages: list[str] = self._executor.call("POST", "/apis/docs", asked, timeout=LONG).json()
        return pages

    def entries(
        self, kind: Kind, text: str = "", limit: int = 1000, offset: int = 0
    ) -> tuple[Mapping[str, Mapping[str, Any]], int]:
        found = self._post("/apis/entries", {"kind": kind, "text": text, "limit": limit, "offset": offset})
        return found["entries"], found["total"]

    def save_entry(self, kind: Kind, id: str, data: Mapping[str, Any], by: str = "") -> None:
        self._post("/apis/entries/save", {"kind": kind, "id": id, "data": dict(data), "by": by})

    def remove_entry(self, kind: Kind, id: str, by: str = "") -> None:
        self._post("/apis/entries/remove", {"kind": kind, "id": id, "by": by})

    def subscribe(self, api: str, plan: str, consumer: str, version: str = "", by: str = "") -> str:
        asked = {"api": api, "plan": plan, "consumer": consumer, "version": version, "by": by}
        return str(self._post("/apis/subscribe", asked)["subscription"])

    def decide(self, subscription: str, state: str, by: str = "") -> None:
        self._post("/apis/decide", {"subscription": subscription, "state": state, "by": by})

    def issue(self, consumer: str, expires: str = "", replaces: str = "", overlap: str = "", by: str = "") -> Issued:
        asked = {"consumer": consumer, "expires": expires, "replaces": replaces, "overlap": overlap, "by": by}
        return Issued.from_json(self._post("/apis/issue", asked))

    def revoke(self, consumer: str, credential: str, by: str = "") -> None:
        self._post("/apis/revoke", {"consumer": consumer, "credential": credential, "by": by})

    def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._executor.call("POST", path, dict(body), timeout=LONG).json()
