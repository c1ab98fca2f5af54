"""What is asked of business keys: the way of a value through flows and runs, and its erasure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

Relation = Literal["holds", "caller", "called", "cause"]


@dataclass(frozen=True, slots=True)
class Held:
    """A key that has the value in a run."""

    name: str
    value: str
    node: str
    cut: bool = False
    """The run has more values of this key than the index keeps."""


@dataclass(frozen=True, slots=True)
class Step:
    """One station of a value: a run, or an event of the inbox. Times are seconds since 1970, UTC."""

    time: float
    """When the run was asked for, or the event arrived."""
    kind: Literal["run", "event"]
    id: str
    """The run, or the number of the event."""
    flow: str
    """The flow's id; of an event its file."""
    file: str | None
    state: str
    relation: Relation = "holds"
    """Why it is here: it `holds` the value, or is the `caller` or `cause` of a run that does, or was `called` by one."""
    keys: tuple[Held, ...] = ()
    node: str | None = None
    """The trigger at which an event arrived."""
    run: str | None = None
    """The caller of a called run, or the run that took an event."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"keys": [asdict(each) for each in self.keys]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Step:
        return cls(**{**data, "keys": tuple(Held(**each) for each in data["keys"])})


@dataclass(frozen=True, slots=True)
class Trail:
    """The stations of a value in the order of time."""

    steps: tuple[Step, ...] = ()
    cut: bool = False
    """There are more; the latest are here."""

    def to_json(self) -> dict[str, Any]:
        return {"steps": [step.to_json() for step in self.steps], "cut": self.cut}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Trail:
        return cls(tuple(Step.from_json(step) for step in data["steps"]), data["cut"])


@dataclass(frozen=True, slots=True)
class Erasure:
    """What an erasure touches, or has touched."""

    name: str
    runs: tuple[str, ...] = ()
    """Runs whose kept data goes: those that hold the value, their callers and what they called."""
    busy: tuple[str, ...] = ()
    """Of these, runs that are not over: nothing is erased while there are any."""
    entries: int = 0
    """Entries of the index."""
    events: int = 0
    """Events of the inbox."""
    texts: int = 0
    """Parameters, errors and log lines in which the value is blotted out."""
    files: int = 0
    """Files that are removed, or in which it is blotted out."""
    bytes: int = 0
    audited: int = 0
    """Entries of the audit log that hold it: they stay, for nobody can change them."""
    hash: str = ""
    """Stands for the value in the audit log."""
    finished: float | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"runs": list(self.runs), "busy": list(self.busy)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Erasure:
        return cls(**{**data, "runs": tuple(data["runs"]), "busy": tuple(data["busy"])})


@dataclass(frozen=True, slots=True)
class Erased:
    """An erasure of the past, without its value."""

    id: int
    name: str
    hash: str
    by: str
    reason: str
    since: float
    finished: float | None
    """None while it goes on; the next start of the executor finishes one that was killed."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Erased:
        return cls(**data)


class Keys(Protocol):
    """Every call raises `Refused` when it cannot be done."""

    def search(self, value: str, prefix: bool = False, name: str | None = None, limit: int = 200) -> Trail:
        """Where a value went: runs that have it as a business key (of this `name`), with callers, called runs and causes, and events
        of the inbox with it. With `prefix`, values that begin with it. Capital letters count."""

    def names(self) -> Sequence[str]:
        """The keys that flows of the workspace declare."""

    def erasure(self, name: str, value: str) -> Erasure:
        """What `erase` would touch; nothing is changed."""

    def erase(self, name: str, value: str, by: str, reason: str) -> Erasure:
        """Take a value out of everything that the executor keeps: index, data of runs, parameters, errors, logs, inbox. Figures
        stay. The audit log gets a keyed hash of it. Refused while a run that holds it is under way."""

    def erasures(self) -> Sequence[Erased]:
        """The latest first."""
