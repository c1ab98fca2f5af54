"""The one interface between us and a gateway."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from tisserand.apis.model import Policies
from tisserand.apis.neutral import Declared, Items
from tisserand.apis.usage import UsageRow
from tisserand.model.problem import Problem
from tisserand.sdk.config import Config
from tisserand.texts import Message

Weight = Literal["security", "limit", "other"]
"""What a dropped field is for: a dropped `security` or `limit` refuses a push unless it is accepted by name."""

PolicyName = Literal[
    "api_key", "jwt", "basic", "mtls", "open", "subscriptions", "rate", "quota", "cors", "max_body", "ip_allow", "ip_deny",
    "request_headers", "response_headers", "cache", "retries", "health", "weights", "timeout", "lifecycle", "hosts",
    "version_path", "version_header", "version_query", "operations", "operation_policies", "usage",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a gateway can do at all."""

    enforces: frozenset[PolicyName]
    atomic: bool
    """A push is live as a whole or not at all; otherwise the adapter rolls back what was done."""
    reads_back: bool = True
    """`read` gives all that is live; otherwise only what was pushed is known."""
    usage: bool = False
    tested: str = ""
    """Against what this adapter was tested, for its page: versions, "schema-checked, never run" where that is so."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """Something declared that this gateway cannot enforce."""

    item: str
    """`api/orders@1`."""
    field: str
    """Dotted, in the item's content: `policies.cache`, `route.versioning`."""
    reason: Message
    weight: Weight = "other"

    @property
    def name(self) -> str:
        """What it is accepted by: `api/orders@1:policies.cache`."""
        return f"{self.item}:{self.field}"


@dataclass(frozen=True, slots=True)
class Live:
    """What a gateway holds now, as far as it is ours: what others made there is neither shown nor touched."""

    items: Items = field(default_factory=dict)
    """In the words of `Declared.items`, without what was dropped."""
    revision: str = ""
    """What the gateway calls this state, where it has a name for it."""
    foreign: int = 0
    """Things there that are not ours."""
    hanging: Items = field(default_factory=dict)
    """Of those, what somebody hung on ours (a plugin, a target, another key): it is told of as drift, and not touched."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a push does to one item."""

    action: Literal["create", "change", "delete"]
    item: str
    fields: tuple[tuple[str, Any, Any], ...] = ()
    """`(dotted field, live, declared)`, where both are there."""
    drift: bool = False
    """Somebody changed it in the gateway since our last push: live differs from what we pushed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a push would do."""

    gateway: str
    changes: tuple[Change, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    problems: tuple[Problem, ...] = ()
    """Errors refuse the push."""
    drifted: tuple[str, ...] = ()
    """Items that were changed in the gateway since our last push, also where the push leaves them alone."""
    content_hash: str = ""
    """Of what is declared, without what is dropped."""

    def refused(self, accepted: frozenset[str] = frozenset()) -> list[Dropped]:
        """The dropped security and limit fields that nobody accepted by name."""
        return [each for each in self.dropped if each.weight != "other" and each.name not in accepted]


Progress = Callable[[int, int], None]
"""Called with done and all."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an adapter lives: what it may use of the workspace."""

    root: Path
    """The workspace."""
    state: Path
    """A folder of its own below `.tisserand`, mode 0700."""
    secret: Callable[[str], str]
    """Name of a secret → its value; raises `NodeError`."""


class Gateway(ABC):
    """One gateway of `gateways.yaml`. Adapters are found by their `kind` in `gateways/kinds.py`. All calls may block; every failure
    is a `NodeError` whose sentence names the gateway's answer, never a secret."""

    kind: ClassVar[str]
    title: ClassVar[str]
    Settings: ClassVar[type[Config]]

    def __init__(self, name: str, settings: Config, place: Place) -> None:
        self.name, self.settings, self.place = name, settings, place

    @abstractmethod
    def capabilities(self) -> Capabilities: ...

    @abstractmethod
    def dropped(self, declared: Declared) -> Sequence[Dropped]:
        """What of the declared cannot be enforced, each once. `coverage.unsupported` finds most of it from `capabilities`."""

    @abstractmethod
    def read(self) -> Live:
        """What is live now."""

    def validate(self, declared: Declared) -> Sequence[Problem]:
        """What the gateway itself would refuse, found before anything is touched."""
        return ()

    @abstractmethod
    def apply(self, declared: Declared, changes: Sequence[Change], progress: Progress = lambda done, all: None) -> str:
        """Make live what is declared; gives the revision. Idempotent. Whatever goes wrong, the last good state serves on: adapters
        that are not atomic undo what they did, then raise."""

    def usage(self, mark: str) -> tuple[Sequence[UsageRow], str]:
        """The rows of usage since `mark` ("" at first) and the next mark. Rows are added to those told before. Raises `NodeError`
        where the gateway tells none."""
        return (), mark

    def state(self) -> Mapping[str, Any]:
        """How it does, for people: `address`, `version`, `alive`."""
        return {}


def policies_of(declared: Declared) -> Iterator[tuple[str, str, Policies]]:
    """Every set of policies with its item and the dotted field where it stands."""
    for api in declared.apis:
        yield f"api/{api.key}", "policies", api.policies
        for index, operation in enumerate(api.route.operations):
            if operation.policies is not None:
                yield f"api/{api.key}", f"route.operations.{index}.policies", operation.policies
