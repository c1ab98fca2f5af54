"""What the executor and the process of a published flow tell each other, and what is asked of published flows.

The executor writes `.tisserand/published/<id>@<version>/serve.json` (mode 0600) and starts the process; the process watches that file
for changes of who may call, and writes `address.json` once it answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

from tisserand.model.problem import Problem

CREDENTIAL_HEADER = "x-tisserand-gateway"
"""The header in which a gateway shows its credential to a published flow."""
CONSUMER_HEADER = "x-consumer-id"
"""The header in which a gateway tells who calls; taken away from what callers send."""
PLAN_HEADER = "x-consumer-plan"


@dataclass(frozen=True, slots=True)
class Serving:
    """`serve.json`: how a published flow is to be served."""

    api: str
    version: str
    flow: str
    """File, relative to the workspace."""
    mode: Literal["sync", "async"]
    timeout: float
    """Seconds until a synchronous caller gets 504."""
    port: int = 0
    """0: a free one, which stays the same as long as nobody else takes it."""
    gateway: str = ""
    """SHA-256, hex, of the gateways' credential: where it is given, only calls that show it in `CREDENTIAL_HEADER` are answered."""
    keys: Mapping[str, tuple[str, float | None]] = field(default_factory=dict)
    """Without a gateway: SHA-256, hex, of each API key → consumer and when it expires (seconds since 1970, UTC)."""
    key_place: Literal["header", "query"] = "header"
    key_name: str = "x-api-key"
    open: bool = False
    """An administrator let everybody call."""
    max_body: int = 1_000_000
    """Bytes."""
    env: str | None = None
    plans: Mapping[str, str] = field(default_factory=dict)
    """Without a gateway: consumer → the plan that it calls under."""
    own: str = ""
    """SHA-256, hex, of the gateways' credential, also where no gateway is needed: with it the workspace itself may call, to test."""
    base: str = ""
    """What a gateway may leave in front of the paths, for example `/orders/v1`."""

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "keys": {digest: list(known) for digest, known in self.keys.items()}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Serving:
        return cls(**{**data, "keys": {digest: (known[0], known[1]) for digest, known in data["keys"].items()}})


@dataclass(frozen=True, slots=True)
class PublishedInfo:
    """One published flow, as it stands."""

    api: str
    version: str
    flow: str
    state: Literal["starting", "serving", "failed", "stopped"]
    address: str = ""
    pid: int | None = None
    since: float | None = None
    requests: int = 0
    """Since the process began."""
    problem: Problem | None = None

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "problem": self.problem.to_json() if self.problem else None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PublishedInfo:
        return cls(**{**data, "problem": Problem.from_json(data["problem"]) if data["problem"] else None})


@dataclass(frozen=True, slots=True)
class Suitability:
    """Whether a flow can answer requests, and how."""

    problems: tuple[Problem, ...] = ()
    """Errors: it cannot. Warnings: too slow or unbounded for a synchronous call."""
    mode: Literal["sync", "async"] = "sync"
    """What suits it."""
    rowwise: bool = True
    """All of it runs as row closures; otherwise some nodes run on a warm DuckDB cursor."""
    operations: tuple[Mapping[str, Any], ...] = ()
    """For each Request node: `node`, `method`, `path`, `parameters`, `body`, `reply` (columns as `Schema.to_json` gives them)."""

    def to_json(self) -> dict[str, Any]:
        return {
            "problems": [each.to_json() for each in self.problems], "mode": self.mode, "rowwise": self.rowwise,
            "operations": [dict(each) for each in self.operations],
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Suitability:
        problems = tuple(Problem.from_json(each) for each in data["problems"])
        return cls(problems, data["mode"], data["rowwise"], tuple(data["operations"]))


@dataclass(frozen=True, slots=True)
class AskedPage:
    """The latest requests of one published flow, the newest first: each as `history.Asked` has it, with its `number`."""

    requests: tuple[Mapping[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"requests": [dict(each) for each in self.requests]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> AskedPage:
        return cls(tuple(data["requests"]))


class Published(Protocol):
    """Published flows of the workspace. They are published by the catalogue (`Apis.publish_flow`, `Apis.move`)."""

    def list(self) -> Sequence[PublishedInfo]: ...

    def suits(self, flow: str) -> Suitability:
        """Look at a flow without running it, but at how long it took in the past."""

    def refresh(self) -> None:
        """The catalogue changed: start, change or end what must be."""

    def requests(self, api: str, version: str, limit: int = 100, errors: bool = False, before: int | None = None) -> AskedPage:
        """The latest requests, or the latest that went wrong; those with a number below `before`."""
