"""The OpenAPI documents of the catalogue: read, generated from flows, kept, compared, and what is told of them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from tisserand import files
from tisserand.apis.catalogue.declaring import runs
from tisserand.apis.catalogue.files import FOLDER, ApiFile, Catalogue
from tisserand.apis.catalogue.lines import line_of, lines_in
from tisserand.apis.catalogue.search import Found, version_order
from tisserand.apis.catalogue.writing import check_new, document_name, write_api
from tisserand.apis.model import Api
from tisserand.engine.launch import Refused, refusal
from tisserand.model.problem import Place, Problem
from tisserand.sdk.errors import NodeError
from tisserand.service.apis.calls import ApiBrief, ApiChange, ApiDetail, Impact, Redundant
from tisserand.service.apis.valid import placed
from tisserand.service.published.calls import CREDENTIAL_HEADER, Suitability
from tisserand.service.published.credential import gateway_credential
from tisserand.texts import msg
from tisserand.workspace.folder import Workspace, raw_flows

if TYPE_CHECKING:
    from tisserand.service.local import LocalExecutor

LARGEST = 8_000_000
"""Characters of a document."""
KEPT = 16
"""Documents of versions that were looked at last."""


class Documents:
    """What the catalogue tells of each version, its document included."""

    def __init__(self, executor: LocalExecutor, catalogue: Catalogue) -> None:
        self._executor = executor
        self._catalogue = catalogue
        self._looked: dict[Path, tuple[tuple[str, str], tuple[Mapping[str, Any] | None, bool, list[Problem]]]] = {}
        """File of a version → what its document was found to be, by the content of both."""

    # -- telling

    def subscribers(self) -> Counter[str]:
        """Consumers with an active subscription of each version: `id@version` and, for subscriptions of every version, `id`."""
        today = datetime.now(UTC).date()
        return Counter(
            f"{each.api}@{each.version}" if each.version else each.api
            for each in self._catalogue.subscriptions().by_id.values()
            if runs(each, today)
        )

    def brief(self, found: Found, counted: Counter[str]) -> ApiBrief:
        api = found.file.api
        assert api is not None
        upstream = f"flow:{api.upstream.flow}" if api.upstream.flow else next((each.url for each in api.upstream.targets), "")
        return ApiBrief(
            api.id, api.version, api.name, api.summary, api.lifecycle, api.owner, tuple(api.tags), api.path, upstream, found.file.file,
            found.operations, counted[api.id] + counted[api.key], len(found.file.problems) + found.told,
        )  # fmt: skip

    def told(self, file: ApiFile) -> list[Problem]:
        """What is wrong with a file of an API and its document, warnings of lint included."""
        _text, (_document, _generated, problems) = self._look(file)
        return [*file.problems, *(each.at(file=file.file) for each in problems)]

    def _look(self, file: ApiFile) -> tuple[str, tuple[Mapping[str, Any] | None, bool, list[Problem]]]:
        """The text of its document, and what `document` says of it with the warnings of lint."""
        from tisserand.apis.openapi.lint import lint

        api = file.api
        assert api is not None
        text = self._raw(file)
        key = (file.hash, text)
        known = self._looked.get(file.path) if text else None
        if known is not None and known[0] == key:
            document, generated, problems = known[1]
        else:
            document, generated, problems = self.document(file)
            if document is not None:
                problems = [*problems, *lint(document, api)]
        self._looked.pop(file.path, None)
        if text:
            # Whoever looks at a version asks every other second: only what changed is read and checked anew.
            self._looked[file.path] = key, (document, generated, problems)
            for oldest in [*self._looked][:-KEPT]:
                self._looked.pop(oldest, None)
        return text, (document, generated, problems)

    def detail(self, file: ApiFile) -> ApiDetail:
        from tisserand.apis.openapi.operations import operations

        api = file.api
        assert api is not None
        text, (document, generated, problems) = self._look(file)
        count = sum(1 for _each in operations(document)) if document is not None else 0
        brief = self.brief(Found(file, count, len(problems)), self.subscribers())
        data = {**api.model_dump(mode="json"), "hash": file.hash}
        told = (*file.problems, *(each.at(file=file.file) for each in problems))
        return ApiDetail(brief, data, document, generated, told, text, _hash(text))

    def _raw(self, file: ApiFile) -> str:
        """The text of its document; empty where there is none that can be read."""
        place = self._place(file)
        try:
            return place.read_text(encoding="utf-8") if place is not None and place.stat().st_size <= 4 * LARGEST else ""
        except (OSError, UnicodeDecodeError):
            return ""

    def document(self, file: ApiFile) -> tuple[Mapping[str, Any] | None, bool, list[Problem]]:
        """The document of a version, whether it was generated, and what is wrong with it."""
        api = file.api
        assert api is not None
        if api.openapi:
            from tisserand.apis.openapi.reading import load

            try:
                text = self._beside(file.path, api.openapi).read_text(encoding="utf-8")
            except Refused as refused:
                return None, False, [each.at(line=_line(file)) for each in refused.problems]
            except (OSError, UnicodeDecodeError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                message = msg("The document “{document}” cannot be read: {reason}", document=api.openapi, reason=reason)
                return None, False, [Problem("api.document", message, None, Place(line=_line(file), field="openapi"))]
            document, problems = load(text)
            return document, False, problems
        if api.upstream.flow and self._published is not None:
            from tisserand.apis.openapi.generate import document as generate

            suited, wrong = self._suits(api.upstream.flow)
            if suited is not None and suited.operations:
                return generate(api, suited.operations), True, []
            return None, False, wrong
        return None, False, []

    # -- what lifecycle asks

    def errors(self, api: Api) -> list[Problem]:
        """Errors of the document of a version that is to be published."""
        if api.upstream.flow and not api.openapi:
            return []  # what is wrong with the flow, `unsuited` says
        document, _generated, problems = self.document(self._file(api))
        wrong = [each for each in problems if each.severity == "error"]
        if document is None and not wrong:
            message = msg("It has no OpenAPI document: nobody could know how to call it.")
            return [Problem("api.document", message, msg("Add one: tisserand api document."), Place(field="openapi"))]
        return wrong

    def breaks(self, api: Api, document: Mapping[str, Any] | None = None) -> list[Problem]:
        """Breaking changes against the latest published version of the same major number, under a version that says there are none.
        Its own document is looked at, or the one that it is to have."""
        older = [
            each
            for each in self._catalogue.apis()
            if each.api is not None and each.api.id == api.id and each.api.lifecycle in ("published", "deprecated")
            and each.api.version != api.version and _major(each.api.version) == _major(api.version)
            and version_order(each.api.version) < version_order(api.version)
        ]  # fmt: skip
        after = (document or self.document(self._file(api))[0]) if older else None
        if after is None:
            return []  # that a document is missing, `errors` says
        latest = max(older, key=lambda each: version_order(each.api.version) if each.api is not None else ())
        before = self.document(latest)[0]
        if before is None:
            message = msg("“{file}” has no document to compare.", file=latest.file)
            return [Problem("api.breaks", message, None, Place(field="openapi"))]
        from tisserand.apis.openapi.breaking import changes

        fix = msg("Take it back, or give it a new first number.")
        return [
            Problem("api.breaks", each.message, fix, Place(field=each.where)) for each in changes(before, after) if each.breaking
        ]

    def unsuited(self, flow: str) -> list[Problem]:
        """Why a flow cannot answer requests."""
        return self._suits(flow)[1] if self._published is not None else []

    def _suits(self, flow: str) -> tuple[Suitability | None, list[Problem]]:
        """How a flow answers requests, and why it cannot; None where there is no such flow."""
        try:
            suited: Suitability = self._published.suits(flow)
        except Refused as refused:
            return None, [replace(each, place=Place(field="upstream.flow")) for each in refused.problems]
        return suited, [each for each in suited.problems if each.severity == "error"]

    # -- comparing

    def changes(self, old: ApiFile, new: ApiFile) -> Impact:
        from tisserand.apis.openapi.breaking import changes
        from tisserand.apis.openapi.impact import flows_of

        before, after = self.document(old)[0], self.document(new)[0]
        for file, document in ((old, before), (new, after)):
            if document is None:
                raise refusal("api.document", msg("“{file}” has no document to compare.", file=file.file))
        assert before is not None and after is not None and old.api is not None
        found = tuple(
            ApiChange(each.breaking, each.code, each.where, Problem(each.code, each.message)) for each in changes(before, after)
        )
        consumers = sorted(
            {
                each.consumer
                for each in self._catalogue.subscriptions().by_id.values()
                if each.api == old.api.id
                and each.version in ("", old.api.version)
                and each.state in ("active", "suspended", "pending")
            }
        )
        workspace = Workspace(self._executor.root)
        flows = flows_of(old.api, before, [data for _path, data in raw_flows(workspace)], _bases(workspace))
        return Impact(found, tuple(consumers), tuple(flows))

    def redundancy(self) -> Sequence[Redundant]:
        from tisserand.apis.openapi.redundancy import redundant

        known = [
            (file.api, self.document(file)[0])
            for file in self._catalogue.apis()
            if file.api is not None and file.api.lifecycle != "retired"
        ]
        return [
            Redundant(each.left, each.right, each.score, tuple(Problem("api.redundant", message) for message in each.evidence))
            for each in redundant(known)
        ]

    # -- keeping

    def set(self, file: ApiFile, text: str, hash: str, note: Callable[[], None]) -> Sequence[Problem]:
        """Keep a document beside the file of a version; gives what was lost where it is of 2.0 or 3.0. Raises `Refused` with all that is
        wrong; `note` is called before it is done."""
        api = file.api
        assert api is not None
        if hash and hash != _hash(self._raw(file)):
            message = msg("“{file}” was changed meanwhile.", file=api.openapi or file.file)
            raise refusal("api.changed", message, msg("Look at it anew, then save."))
        document, lost = self._read(text)
        name = api.openapi or document_name(api)
        place = self._beside(file.path, name) if api.openapi else self.new(file.path, name, document)
        if api.lifecycle in ("published", "deprecated"):
            self._kept(file, document)
            before = {each.place.field for each in self.breaks(api)}
            broken = [each.at(file=file.file) for each in self.breaks(api, document) if each.place.field not in before]
            if broken:
                raise Refused(broken)
        note()
        if _written(place, text, document):
            files.write_text(place, text if text.endswith("\n") else f"{text}\n")
        else:
            self.write(place, document)
        if not api.openapi:
            write_api(self._catalogue, api.model_copy(update={"openapi": name}), file.path)
        return lost

    def kept(self, file: ApiFile, saved: Api) -> None:
        """What is subscribed keeps its document where a version is saved that names another one, or another flow."""
        api = file.api
        assert api is not None
        if api.lifecycle in ("published", "deprecated") and (api.openapi, api.upstream.flow) != (
            saved.openapi,
            saved.upstream.flow,
        ):
            document = self.document(replace(file, api=saved))[0]
            if document is not None:
                self._kept(file, document)

    def _kept(self, file: ApiFile, document: Mapping[str, Any]) -> None:
        """Whoever is subscribed can go on as before; raises `Refused` with what would break."""
        api, before = file.api, self.document(file)[0]
        assert api is not None
        counted = self.subscribers()
        if before is None or not counted[api.id] + counted[api.key]:
            return
        from tisserand.apis.openapi.breaking import changes

        broken = [each for each in changes(before, document) if each.breaking]
        if broken:
            fix = msg("“{api}” has subscriptions: make a new version.", api=api.key)
            raise Refused([Problem("api.breaks", each.message, fix, Place(file=file.file, field=each.where)) for each in broken])

    def imported(self, text: str, id: str, version: str) -> tuple[Api, Mapping[str, Any], Sequence[Problem]]:
        """A draft from a document, the document in 3.1, and what was lost of it."""
        from tisserand.apis.openapi.importing import draft

        document, lost = self._read(text)
        try:
            return draft(document, id, version), document, lost
        except ValidationError as error:
            raise Refused(placed(error, Api, FOLDER)) from None

    def forget(self, file: ApiFile) -> None:
        """Remove the document of a version that was removed, unless another one names it too, or it is none of the catalogue's."""
        api = file.api
        assert api is not None
        place = self._place(file)
        if place is not None and not any(self._place(each) == place for each in self._catalogue.apis() if each.api is not None):
            place.unlink(missing_ok=True)

    def _place(self, file: ApiFile) -> Path | None:
        assert file.api is not None
        try:
            return self._catalogue.document_place(file.path, file.api.openapi) if file.api.openapi else None
        except NodeError:
            return None

    def new(self, file: Path, name: str, document: Mapping[str, Any]) -> Path:
        """Where a document is kept that had no place yet; raises `NodeError` where something else is there."""
        place = self._beside(file, name)
        check_new(place, self._catalogue.root, _text(place, document))
        return place

    def write(self, path: Path, document: Mapping[str, Any]) -> None:
        files.write_text(path, _text(path, document))

    def address(self, api: Api, gateway: str) -> tuple[str, dict[str, str]]:
        """Where a test call goes, and the headers that prove it is ours."""
        if gateway:
            found = next((each for each in self._executor.gateways.list() if each.name == gateway), None)
            if found is None or not found.address:
                raise refusal(
                    "gateway.unknown", msg("There is no gateway “{gateway}” that can be called.", gateway=gateway[:100])
                )
            return f"{found.address.rstrip('/')}{api.path}", {}
        if not api.upstream.flow:
            target = next((each.url for each in api.upstream.targets), "")
            if not target:
                raise refusal(
                    "api.upstream", msg("Nothing answers its requests."), msg("Name a flow, or an address with a weight.")
                )
            return target.rstrip("/"), {}
        serving = self._published.list() if self._published is not None else ()
        found_flow = next((each for each in serving if (each.api, each.version) == (api.id, api.version) and each.address), None)
        if found_flow is None:
            raise refusal(
                "api.not_served",
                msg("“{api}” is not served.", api=api.key),
                msg("Publish it, with the executor running: tisserand serve"),
            )
        return found_flow.address.rstrip("/"), {CREDENTIAL_HEADER: gateway_credential(Workspace(self._executor.root).id)}

    # -- inner parts

    @property
    def _published(self) -> Any:
        return getattr(self._executor, "published", None)

    def _file(self, api: Api) -> ApiFile:
        """Its file, as if it held `api`: what is to be saved is looked at before it is."""
        found = next(each for each in self._catalogue.apis() if each.api is not None and each.api.key == api.key)
        return replace(found, api=api)

    def _read(self, text: str) -> tuple[Mapping[str, Any], Sequence[Problem]]:
        """The document in 3.1, and what was lost of it."""
        from tisserand.apis.openapi.reading import load

        if len(text) > LARGEST:
            raise refusal("api.large", msg("The document is larger than {most} characters.", most=LARGEST))
        document, problems = load(text)
        wrong = [each for each in problems if each.severity == "error"]
        if document is None or wrong:
            raise Refused(wrong)
        return document, problems

    def _beside(self, path: Path, name: str) -> Path:
        try:
            return self._catalogue.document_place(path, name)
        except NodeError as error:
            raise refusal("api.outside", error.message, error.fix, field="openapi") from None


def _bases(workspace: Workspace) -> dict[str, str]:
    """The base URLs of the connections that have one, by their names."""
    from tisserand.sdk.registry import registry
    from tisserand.workspace.connections import Connections

    entries = Connections(workspace, registry()).load().items()
    return {name: str(entry.fields["base_url"]) for name, entry in entries if "base_url" in entry.fields}


def _line(file: ApiFile) -> int | None:
    """Where the file of a version names its document."""
    return line_of(lines_in(file.path), "openapi")


def _text(path: Path, document: Mapping[str, Any]) -> str:
    if path.suffix == ".json":
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    text: str = yaml.dump(dict(document), Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=120)
    return text


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest() if text else ""


def _written(path: Path, text: str, document: Mapping[str, Any]) -> bool:
    """Whether a text can be kept as it was written, comments and all: it says in the words of 3.1 what is to be kept, in the form that
    the name of the file promises."""
    from tisserand.apis.openapi.reading import parsed

    return (path.suffix != ".json" or text.lstrip().startswith("{")) and parsed(text)[0] == document


def _major(version: str) -> str:
    return version.lstrip("v").partition(".")[0]
