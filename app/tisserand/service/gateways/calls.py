"""What is asked of gateways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from tisserand.apis.gateways.adapter import Change, Dropped, Plan
from tisserand.apis.usage import UsageQuery, UsageRow, UsageSum
from tisserand.model.problem import Problem
from tisserand.texts import Message

__all__ = [
    "GatewayInfo",
    "Gateways",
    "Pushed",
    "UsageQuery",
    "UsageSum",
    "change_from_json",
    "plan_from_json",
    "plan_to_json",
]


@dataclass(frozen=True, slots=True)
class GatewayInfo:
    """One gateway of `gateways.yaml`."""

    name: str
    type: str
    title: str
    address: str = ""
    """Where it is called, where that is known."""
    alive: bool | None = None
    revision: str = ""
    """Of the last push."""
    pushed_at: float | None = None
    """Seconds since 1970, UTC."""
    pending: int | None = None
    """Items that a push would change; None where it was not asked."""
    problem: Problem | None = None

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "problem": self.problem.to_json() if self.problem else None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> GatewayInfo:
        return cls(**{**data, "problem": Problem.from_json(data["problem"]) if data["problem"] else None})


@dataclass(frozen=True, slots=True)
class Pushed:
    """One push, kept for ever."""

    gateway: str
    number: int
    """Counts up for each gateway."""
    revision: str
    content_hash: str
    at: float
    by: str
    result: str
    """`done`, `refused`, `failed`, `begun` (was under way when the executor ended), `rolled back`."""
    changes: int
    dropped: tuple[str, ...] = ()
    """Names of what was accepted to be dropped."""
    problem: Problem | None = None

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "dropped": list(self.dropped), "problem": self.problem.to_json() if self.problem else None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Pushed:
        problem = Problem.from_json(data["problem"]) if data["problem"] else None
        return cls(**{**data, "dropped": tuple(data["dropped"]), "problem": problem})


class Gateways(Protocol):
    """Raises `Refused` where a gateway is not there, does not answer, or refuses."""

    def list(self) -> Sequence[GatewayInfo]: ...

    def entry(self, name: str) -> Mapping[str, Any]:
        """What `gateways.yaml` says of one: type, title and settings, secrets by their names; and the `hash` of it."""

    def save_entry(self, name: str, data: Mapping[str, Any], secrets: Mapping[str, str] = {}, by: str = "") -> None:
        """A new entry, or, with the `hash` of what was read, another content. `secrets` (name → value) go to the secrets of the machine;
        their names begin with `gateway.NAME.`."""

    def remove_entry(self, name: str, by: str = "") -> None:
        """Out of the file, and its secrets away. Nothing is done to the gateway itself: it serves what it holds."""

    def plan(self, name: str) -> Plan:
        """What a push would do; nothing is changed."""

    def push(self, name: str, accept: Sequence[str] = (), by: str = "") -> Pushed:
        """Make live what is declared. `accept` names dropped security and limit fields (`Dropped.name`) that somebody takes upon
        himself. Raises `Refused` with what stands in the way; the last good state then serves on."""

    def drift(self, name: str) -> Sequence[Change]:
        """What was changed in the gateway since the last push: from what was pushed to what is live."""

    def rollback(self, name: str, number: int = 0, by: str = "") -> Pushed:
        """Make live again what push `number` held (0: the last good one before the latest). What is declared stays as it is."""

    def history(self, name: str, limit: int = 50) -> Sequence[Pushed]:
        """The latest first."""

    def usage(self, query: UsageQuery) -> Sequence[UsageSum]:
        """The largest first, or by time where grouped by hour or day."""

    def collect(self, name: str = "") -> int:
        """Take over what gateways tell of usage since the last time; gives the rows."""

    def usage_rows(self, query: UsageQuery) -> Sequence[UsageRow]:
        """The rows themselves, as a flow reads them."""


def plan_to_json(plan: Plan) -> dict[str, Any]:
    return {
        "gateway": plan.gateway,
        "changes": [asdict(each) for each in plan.changes],
        "dropped": [{**asdict(each), "reason": each.reason.to_json()} for each in plan.dropped],
        "problems": [each.to_json() for each in plan.problems],
        "drifted": [*plan.drifted],
        "content_hash": plan.content_hash,
    }


def plan_from_json(data: Mapping[str, Any]) -> Plan:
    return Plan(
        data["gateway"],
        tuple(change_from_json(each) for each in data["changes"]),
        tuple(
            Dropped(each["item"], each["field"], Message.from_json(each["reason"]), each["weight"]) for each in data["dropped"]
        ),
        tuple(Problem.from_json(each) for each in data["problems"]),
        tuple(data["drifted"]),
        data["content_hash"],
    )


def change_from_json(data: Mapping[str, Any]) -> Change:
    return Change(data["action"], data["item"], tuple((f[0], f[1], f[2]) for f in data["fields"]), data["drift"])
