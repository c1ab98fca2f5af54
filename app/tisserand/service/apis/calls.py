"""What is asked of the catalogue. Entries travel as plain JSON: what the models of `tisserand.apis.model` dump."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from tisserand.model.problem import Problem

Kind = Literal["plan", "consumer", "subscription"]


@dataclass(frozen=True, slots=True)
class ApiBrief:
    """One line of the catalogue."""

    id: str
    version: str
    name: str
    summary: str
    lifecycle: str
    owner: str
    tags: tuple[str, ...]
    path: str
    """Base path with the version."""
    upstream: str
    """`flow:ID` or the first address."""
    file: str
    """Relative to the workspace."""
    operations: int = 0
    consumers: int = 0
    """Consumers with an active subscription."""
    problems: int = 0
    """What is wrong with its file or document, warnings of lint included (of generated documents, only `get` looks)."""

    @property
    def key(self) -> str:
        return f"{self.id}@{self.version}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ApiBrief:
        return cls(**{**data, "tags": tuple(data["tags"])})


@dataclass(frozen=True, slots=True)
class ApiPage:
    apis: tuple[ApiBrief, ...]
    total: int

    def to_json(self) -> dict[str, Any]:
        return {"apis": [each.to_json() for each in self.apis], "total": self.total}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ApiPage:
        return cls(tuple(ApiBrief.from_json(each) for each in data["apis"]), data["total"])


@dataclass(frozen=True, slots=True)
class ApiDetail:
    """One version of an API, whole."""

    brief: ApiBrief
    data: Mapping[str, Any]
    """As `Api` dumps it."""
    document: Mapping[str, Any] | None
    """Its OpenAPI 3.1 document, also where it is generated from a flow; None where there is none or it cannot be read."""
    generated: bool = False
    problems: tuple[Problem, ...] = ()
    """Of file and document, warnings of lint included."""
    text: str = ""
    """The document as its file holds it, comments and all; empty where it is generated or there is none."""
    document_hash: str = ""
    """Of that text: who keeps the document again says what was read."""

    def to_json(self) -> dict[str, Any]:
        return {
            "brief": self.brief.to_json(), "data": dict(self.data), "document": self.document, "generated": self.generated,
            "problems": [each.to_json() for each in self.problems], "text": self.text, "document_hash": self.document_hash,
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ApiDetail:
        problems = tuple(Problem.from_json(each) for each in data["problems"])
        brief = ApiBrief.from_json(data["brief"])
        return cls(brief, data["data"], data["document"], data["generated"], problems, data["text"], data["document_hash"])


@dataclass(frozen=True, slots=True)
class ApiChange:
    """One difference between two versions of a document."""

    breaking: bool
    code: str
    """Stable, for machines: `operation.removed`, `request.property.required` …"""
    where: str
    """`GET /orders/{id} → 200 → total`."""
    problem: Problem
    """As a sentence."""

    def to_json(self) -> dict[str, Any]:
        return {"breaking": self.breaking, "code": self.code, "where": self.where, "problem": self.problem.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ApiChange:
        return cls(data["breaking"], data["code"], data["where"], Problem.from_json(data["problem"]))


@dataclass(frozen=True, slots=True)
class Impact:
    """Whom a change of an API concerns."""

    changes: tuple[ApiChange, ...]
    consumers: tuple[str, ...]
    """Consumers with a subscription of the version."""
    flows: tuple[str, ...]
    """Ids of flows that answer for it or call it."""

    def to_json(self) -> dict[str, Any]:
        return {
            "changes": [each.to_json() for each in self.changes],
            "consumers": list(self.consumers),
            "flows": list(self.flows),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Impact:
        changes = tuple(ApiChange.from_json(each) for each in data["changes"])
        return cls(changes, tuple(data["consumers"]), tuple(data["flows"]))


@dataclass(frozen=True, slots=True)
class Redundant:
    """Two APIs that seem to offer the same."""

    left: str
    right: str
    """`id@version`."""
    score: float
    """0 to 1."""
    evidence: tuple[Problem, ...]
    """As sentences: the same upstream, alike operations, alike schemas."""

    def to_json(self) -> dict[str, Any]:
        return {"left": self.left, "right": self.right, "score": self.score, "evidence": [e.to_json() for e in self.evidence]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Redundant:
        return cls(data["left"], data["right"], data["score"], tuple(Problem.from_json(each) for each in data["evidence"]))


@dataclass(frozen=True, slots=True)
class Issued:
    """A new credential. Its value is told here, once."""

    consumer: str
    credential: str
    value: str
    fingerprint: str
    expires: str | None = None

    def __repr__(self) -> str:
        return f"Issued({self.consumer!r}, {self.credential!r}, {self.fingerprint!r})"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Issued:
        return cls(**data)


@dataclass(frozen=True, slots=True)
class PublishRequest:
    """*Publish as API*: the five fields, and who asks."""

    flow: str
    id: str
    version: str = "1"
    name: str = ""
    base_path: str = ""
    """Empty: `/` and the id."""
    mode: Literal["", "sync", "async"] = ""
    """Empty: what suits the flow."""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """What a test call got."""

    status: int
    headers: Mapping[str, str]
    body: str
    ms: float

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "headers": dict(self.headers)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Answered:
        return cls(**data)


class Apis(Protocol):
    """The catalogue. Every change is audited. Raises `Refused` with all problems; a file that others changed meanwhile is never
    overwritten: who saves gives the `hash` of what was read, where there is one."""

    def search(
        self,
        text: str = "",
        tag: str = "",
        owner: str = "",
        lifecycle: str = "",
        schema: str = "",
        limit: int = 100,
        offset: int = 0,
    ) -> ApiPage:
        """`text` in id, name, summary, tags, owner, paths; `schema` a name of a schema or of a property."""

    def get(self, id: str, version: str = "") -> ApiDetail:
        """Empty version: the latest."""

    def problems(self) -> Sequence[Problem]:
        """What is wrong with the files of the catalogue: a file that cannot be read is no API, and is told here only."""

    def lint(self, limit: int = 100, offset: int = 0) -> Sequence[Problem]:
        """What is wrong with the files and documents of APIs, warnings included: of so many from the offset on, by their files."""

    def save(self, data: Mapping[str, Any], by: str = "") -> ApiDetail:
        """Create or replace one version; the lifecycle goes its own way (`move`)."""

    def remove(self, id: str, version: str, by: str = "") -> None:
        """Drafts and retired ones only."""

    def set_document(self, id: str, version: str, text: str, by: str = "", hash: str = "") -> ApiDetail:
        """Keep an OpenAPI document (YAML or JSON) beside the file: of 3.1 the text as it is, 2.0 and 3.0 lifted. `hash`: of the document
        that was read (`ApiDetail.document_hash`)."""

    def import_document(self, text: str, id: str = "", version: str = "", by: str = "") -> ApiDetail:
        """A new draft from an OpenAPI 2.0, 3.0 or 3.1 document: its name, version, paths, servers, security."""

    def move(self, id: str, version: str, to: str, sunset: str = "", by: str = "") -> ApiDetail:
        """One step of the lifecycle, if its guards allow it."""

    def publish_flow(self, request: PublishRequest) -> ApiDetail:
        """Make and publish the API of a flow; `problems` holds warnings: too slow or unbounded for a synchronous call."""

    def call(
        self, id: str, version: str, method: str, path: str, headers: Mapping[str, str], body: str = "", gateway: str = ""
    ) -> Answered:
        """A test call, through a gateway or straight to the published flow (with its credential, for this call only)."""

    def changes(self, id: str, old: str, new: str) -> Impact:
        """From one version to another, and whom it concerns."""

    def redundancy(self) -> Sequence[Redundant]: ...

    def docs(self, folder: str, language: str = "en", by: str = "") -> Sequence[str]:
        """Write the reference site into a folder of the workspace that is new, empty, or holds one; gives its pages."""

    def entries(
        self, kind: Kind, text: str = "", limit: int = 1000, offset: int = 0
    ) -> tuple[Mapping[str, Mapping[str, Any]], int]:
        """Plans, consumers or subscriptions by id, and how many there are in all. Credentials without values."""

    def save_entry(self, kind: Kind, id: str, data: Mapping[str, Any], by: str = "") -> None: ...

    def remove_entry(self, kind: Kind, id: str, by: str = "") -> None: ...

    def subscribe(self, api: str, plan: str, consumer: str, version: str = "", by: str = "") -> str:
        """The id of the new subscription; it is active at once where the plan says so."""

    def decide(self, subscription: str, state: str, by: str = "") -> None:
        """Approve (`active`), reject, suspend or end it."""

    def issue(self, consumer: str, expires: str = "", replaces: str = "", overlap: str = "", by: str = "") -> Issued:
        """A new API key. `replaces` names a credential that expires after `overlap` (a duration): rotation."""

    def revoke(self, consumer: str, credential: str, by: str = "") -> None: ...
