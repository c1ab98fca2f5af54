"""The catalogue of APIs in this process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from tisserand.apis.catalogue import credentials, lifecycle, writing
from tisserand.apis.catalogue.files import ApiFile
from tisserand.apis.catalogue.references import references
from tisserand.apis.catalogue.search import Index, version_order
from tisserand.apis.model import Api, Open
from tisserand.engine.launch import Refused, refusal
from tisserand.model.problem import Problem
from tisserand.model.units import UnitError, seconds
from tisserand.sdk.errors import NodeError
from tisserand.service.apis.alone import alone_in
from tisserand.service.apis.calling import called
from tisserand.service.apis.calls import Answered, ApiDetail, ApiPage, Impact, Issued, Kind, PublishRequest, Redundant
from tisserand.service.apis.documents import Documents
from tisserand.service.apis.reference import site, site_folder
from tisserand.service.apis.terms import Terms
from tisserand.service.apis.valid import valid_api
from tisserand.texts import msg
from tisserand.workspace.folder import Workspace
from tisserand.workspace.secrets import SecretStore, secret_store

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor


LONGEST = 10 * 366 * 86_400.0
"""Seconds for which a key and the one in its place may open both."""

P = ParamSpec("P")
R = TypeVar("R")


def _alone(change: Callable[Concatenate[HereApis, P], R]) -> Callable[Concatenate[HereApis, P], R]:
    """Files are read, changed and written by one thread at a time, of all processes that do so: two commands beside each other, too."""

    def alone(self: HereApis, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.changing, alone_in(self.catalogue.root):
            return change(self, *args, **kwargs)

    return alone


class HereApis:
    """Implements `Apis`."""

    def __init__(self, executor: LocalExecutor) -> None:
        self._executor = executor
        self.changing = threading.RLock()
        self.catalogue = executor.catalogue
        self.index = Index(self.catalogue)
        self._documents = Documents(executor, self.catalogue)

    @cached_property
    def _secrets(self) -> SecretStore:
        return secret_store(Workspace(self._executor.root).id)

    @cached_property
    def _terms(self) -> Terms:
        return Terms(self.catalogue, lambda: self._secrets)

    # -- looking

    def search(
        self, text: str = "", tag: str = "", owner: str = "", lifecycle: str = "", schema: str = "", limit: int = 100, offset: int = 0
    ) -> ApiPage:  # fmt: skip
        found = self.index.search(text, tag, owner, lifecycle, schema)
        counted = self._documents.subscribers()
        return ApiPage(tuple(self._documents.brief(each, counted) for each in found[offset : offset + limit]), len(found))

    def get(self, id: str, version: str = "") -> ApiDetail:
        return self._documents.detail(self._find(id, version))

    def changes(self, id: str, old: str, new: str) -> Impact:
        return self._documents.changes(self._find(id, old), self._find(id, new))

    def redundancy(self) -> Sequence[Redundant]:
        return self._documents.redundancy()

    def docs(self, folder: str, language: str = "en", by: str = "") -> Sequence[str]:
        place = site_folder(self._executor.root, folder)
        self._executor.audit.note("api.docs", folder, {"language": language}, by=by)
        return site(self._executor, self._documents, place, language)

    def problems(self) -> Sequence[Problem]:
        return [*self.catalogue.problems(), *references(self.catalogue)]

    def lint(self, limit: int = 100, offset: int = 0) -> Sequence[Problem]:
        files = [each for each in self.catalogue.apis() if each.api is not None]
        return [problem for file in files[offset : offset + limit] for problem in self._documents.told(file)]

    def entries(
        self, kind: Kind, text: str = "", limit: int = 1000, offset: int = 0
    ) -> tuple[Mapping[str, Mapping[str, Any]], int]:
        return self._terms.entries(kind, text, limit, offset)

    # -- changing

    @_alone
    def save(self, data: Mapping[str, Any], by: str = "") -> ApiDetail:
        given = dict(data)
        hash = str(given.pop("hash", "") or "")
        api = valid_api(given)
        known = self._known(api.id, api.version)
        path = known.path if known is not None else writing.api_file(self.catalogue.root, api)
        if hash and (known is None or hash != known.hash):
            file = path.relative_to(self.catalogue.root).as_posix()
            raise refusal("api.changed", msg("“{file}” was changed meanwhile.", file=file), msg("Look at it anew, then save."))
        with _sentences():
            if api.openapi:
                self.catalogue.document_place(path, api.openapi)
            if known is None:
                writing.check_new(path, self.catalogue.root)
        if known is not None and known.api is not None:
            # The stage of its life has guards: it goes its own way.
            api = api.model_copy(update={name: getattr(known.api, name) for name in ("lifecycle", "since", "sunset")})
            worse = lifecycle.worse(self.catalogue, known.api, api, self._world())
            if worse:
                raise Refused([each.at(file=known.file) for each in worse])
            self._documents.kept(known, api)
        elif api.lifecycle != "draft":
            api = api.model_copy(update={"lifecycle": "draft", "since": None, "sunset": None})
        self._executor.audit.note("api.saved", api.key, _open(api), by=by)
        writing.write_api(self.catalogue, api, path)
        self._changed()
        return self.get(api.id, api.version)

    @_alone
    def remove(self, id: str, version: str, by: str = "") -> None:
        file = self._find(id, version)
        api = file.api
        assert api is not None
        if api.lifecycle not in ("draft", "retired"):
            message = msg("“{api}” is {state}: only drafts and retired versions are removed.", api=api.key, state=api.lifecycle)
            raise refusal("api.alive", message, msg("Deprecate it, and retire it when it has come to its end."))
        with _sentences():
            self._terms.unsubscribed(api)
        self._note("api.removed", api.key, by)
        file.path.unlink()
        self._documents.forget(file)
        self._changed()

    @_alone
    def set_document(self, id: str, version: str, text: str, by: str = "", hash: str = "") -> ApiDetail:
        file = self._find(id, version)
        with _sentences():
            lost = self._documents.set(file, text, hash, lambda: self._note("api.document", f"{id}@{version}", by))
        return _with(self.get(id, version), lost)

    @_alone
    def import_document(self, text: str, id: str = "", version: str = "", by: str = "") -> ApiDetail:
        api, document, lost = self._documents.imported(text, id, version)
        if self._known(api.id, api.version) is not None:
            raise refusal(
                "api.there", msg("“{api}” is there already.", api=api.key), msg("Give the import another id or version.")
            )
        path = writing.api_file(self.catalogue.root, api)
        with _sentences():
            writing.check_new(path, self.catalogue.root)
            place = self._documents.new(path, api.openapi, document)
        self._note("api.imported", api.key, by)
        self._documents.write(place, document)
        writing.write_api(self.catalogue, api, path)
        return _with(self.get(api.id, api.version), lost)

    @_alone
    def move(self, id: str, version: str, to: str, sunset: str = "", by: str = "") -> ApiDetail:
        file = self._find(id, version)
        api = file.api
        assert api is not None
        if to not in lifecycle.STEPS:
            raise refusal(
                "api.step", msg("“{state}” is no stage of an API. Stages: {stages}.", state=to, stages=list(lifecycle.STEPS))
            )
        ends = _date(sunset) if sunset else None
        found = lifecycle.guards(self.catalogue, api, to, ends, self._world())  # type: ignore[arg-type]
        if found:
            raise Refused([each.at(file=file.file) for each in found])
        moved = api.model_copy(
            update={
                "lifecycle": to,
                "since": datetime.now(UTC).replace(microsecond=0),
                "sunset": ends or (api.sunset if to != "published" else None),
            }
        )
        self._executor.audit.note("api.moved", api.key, {"from": api.lifecycle, "to": to, **_open(api)}, by=by)
        writing.write_api(self.catalogue, moved, file.path)
        self._changed()
        return self.get(id, version)

    @_alone
    def publish_flow(self, request: PublishRequest) -> ApiDetail:
        suited = self._executor.published.suits(request.flow)
        if any(each.severity == "error" for each in suited.problems):
            raise Refused(list(suited.problems))
        data = {
            "id": request.id, "version": request.version, "name": request.name or request.id, "owner": request.by or "–",
            "route": {"base_path": request.base_path or f"/{request.id}"},
            "upstream": {"flow": request.flow, "mode": request.mode or suited.mode},
        }  # fmt: skip
        api = valid_api(data)
        if self._known(api.id, api.version) is not None:
            raise refusal("api.there", msg("“{api}” is there already.", api=api.key), msg("Choose another id or version."))
        with _sentences():
            writing.check_new(writing.api_file(self.catalogue.root, api), self.catalogue.root)
        self._executor.audit.note("api.published", api.key, {"flow": request.flow}, by=request.by)
        path = writing.write_api(self.catalogue, api)
        try:
            detail = self.move(api.id, api.version, "published", by=request.by)
        except Refused:
            path.unlink(missing_ok=True)  # nothing is left of what could not be published
            raise
        warned = (*detail.problems, *suited.problems)
        return ApiDetail(detail.brief, detail.data, detail.document, detail.generated, warned)

    def call(
        self, id: str, version: str, method: str, path: str, headers: Mapping[str, str], body: str = "", gateway: str = ""
    ) -> Answered:
        file = self._find(id, version)
        api = file.api
        assert api is not None
        address, more = self._documents.address(api, gateway)
        if not path.startswith("/") or len(path) > 8000:
            raise refusal("api.path", msg("“{path}” is no path: it begins with “/”.", path=path[:200]))
        return called(method, address, path, {**headers, **more}, body, api.upstream.timeout.seconds + 5)

    # -- terms

    @_alone
    def save_entry(self, kind: Kind, id: str, data: Mapping[str, Any], by: str = "") -> None:
        with _sentences():
            self._terms.save(kind, id, data, lambda: self._note(f"{kind}.saved", id, by))
        self._changed()

    @_alone
    def remove_entry(self, kind: Kind, id: str, by: str = "") -> None:
        with _sentences():
            self._terms.remove(kind, id, lambda: self._note(f"{kind}.removed", id, by))
        self._changed()

    @_alone
    def subscribe(self, api: str, plan: str, consumer: str, version: str = "", by: str = "") -> str:
        with _sentences():
            data = {"api": api, "version": version, "plan": plan, "consumer": consumer}
            made = self._terms.subscribe(
                api, plan, consumer, version, by, lambda id: self._executor.audit.note("subscription.made", id, data, by=by)
            )
        self._changed()
        return made

    @_alone
    def decide(self, subscription: str, state: str, by: str = "") -> None:
        with _sentences():
            data = {"state": state}
            self._terms.decide(
                subscription, state, by, lambda: self._executor.audit.note("subscription.decided", subscription, data, by=by)
            )
        self._changed()

    @_alone
    def issue(self, consumer: str, expires: str = "", replaces: str = "", overlap: str = "", by: str = "") -> Issued:
        now = datetime.now(UTC)
        with _sentences():
            ends = _moment(expires) if expires else None
            lasts = _lasting(overlap) if overlap else None
            self._terms.whole("consumer", consumer)

            def note(id: str) -> None:
                self._executor.audit.note("credential.issued", consumer, {"credential": id, "replaces": replaces}, by=by)

            made, value = credentials.issue(self.catalogue, self._secrets, consumer, now, ends, replaces, lasts, note)
        self._changed()
        return Issued(consumer, made.id, value, made.fingerprint, made.expires.isoformat() if made.expires else None)

    @_alone
    def revoke(self, consumer: str, credential: str, by: str = "") -> None:
        with _sentences():
            self._terms.whole("consumer", consumer)
            credentials.revoke(
                self.catalogue, self._secrets, consumer, credential,
                lambda id: self._executor.audit.note("credential.revoked", consumer, {"credential": id}, by=by),
            )  # fmt: skip
        self._changed()

    # -- inner parts

    def _known(self, id: str, version: str) -> ApiFile | None:
        found = [
            each for each in self.catalogue.apis() if each.api is not None and each.api.id == id and each.api.version == version
        ]
        return found[0] if found else None

    def _find(self, id: str, version: str) -> ApiFile:
        of_id = [each for each in self.catalogue.apis() if each.api is not None and each.api.id == id]
        if version:
            of_id = [each for each in of_id if each.api is not None and each.api.version == version]
        if not of_id:
            key = f"{id}@{version}" if version else id
            raise refusal("api.unknown", msg("There is no API “{api}”.", api=key[:200]), missing=True)
        return max(of_id, key=lambda each: version_order(each.api.version) if each.api is not None else ())

    def _world(self) -> lifecycle.World:
        today = datetime.now(UTC).date()
        return lifecycle.World(today, self._documents.unsuited, self._documents.errors, self._documents.breaks)

    def _note(self, what: str, target: str, by: str) -> None:
        self._executor.audit.note(what, target, {}, by=by)

    def _changed(self) -> None:
        """Published flows follow at once; gateways when somebody pushes."""
        published = getattr(self._executor, "published", None)
        if published is not None:
            published.refresh()


def _open(api: Api) -> dict[str, Any]:
    """Who allowed that everybody may call, for the audit."""
    allowed = [each.approved_by for each in api.security if isinstance(each, Open)]
    return {"open": allowed} if allowed else {}


def _with(found: ApiDetail, lost: Sequence[Problem]) -> ApiDetail:
    """What was lost is said once: the document that is kept does not tell any more."""
    return replace(found, problems=(*lost, *found.problems))


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise refusal("api.date", msg("“{text}” is not a date.", text=text[:100]), msg("Write it as 2027-06-30.")) from None


def _lasting(text: str) -> timedelta:
    try:
        return timedelta(seconds=min(seconds(text), LONGEST))
    except UnitError as error:
        raise NodeError(error.message, field="overlap") from None


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise NodeError("“{text}” is not a date.", text=text[:100], fix="Write it as 2027-06-30.") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


@contextmanager
def _sentences() -> Iterator[None]:
    """What the files or the secrets refuse, as a refusal."""
    try:
        yield
    except NodeError as error:
        raise refusal("call.refused", error.message, error.fix, field=error.field) from error
