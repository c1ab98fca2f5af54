"""What alerts are asked: which there are, who knows of them, what is silent, where they go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

from tisserand.model.problem import Problem
from tisserand.texts import Message

Severity = Literal["warning", "error"]
AlertState = Literal["open", "resolved"]


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing that is unusual, for as long as it lasts. Times are seconds since 1970, UTC."""

    id: int
    rule: str
    flow: str
    """The id of the flow; empty for what concerns no single one."""
    severity: Severity
    state: AlertState
    opened: float
    last: float
    """When it was seen last."""
    count: int
    """How often it was seen since it was opened."""
    message: Message
    fix: Message | None = None
    file: str | None = None
    run: str | None = None
    """The run that showed it last."""
    cause: str | None = None
    """What several flows have in common: `connection:NAME` or `code:CODE`."""
    group: int | None = None
    """The alert of the rule `cause` that speaks for this one."""
    flows: tuple[str, ...] = ()
    """The flows that an alert of the rule `cause` speaks for."""
    resolved: float | None = None
    acknowledged_by: str | None = None
    acknowledged: float | None = None
    acknowledged_why: str = ""
    silent: bool = False
    """A silence covers it now."""
    told: float | None = None
    """When it was handed to the channels; None for what was not."""

    def to_json(self) -> dict[str, Any]:
        fix = self.fix.to_json() if self.fix else None
        return asdict(self) | {"message": self.message.to_json(), "fix": fix, "flows": list(self.flows)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Alert:
        fix = data.get("fix")
        given = {**data, "message": Message.from_json(data["message"]), "fix": Message.from_json(fix) if fix else None}
        return cls(**{**given, "flows": tuple(data.get("flows") or ())})


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts of a flow, a rule, or both, are kept and shown but not told until then."""

    id: int
    flow: str | None
    rule: str | None
    until: float
    by: str
    why: str = ""
    made: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Silence:
        return cls(**data)


@dataclass(frozen=True, slots=True)
class RuleInfo:
    """A rule: what it looks at, and whether it is switched off in `alerts.yaml`."""

    id: str
    help: Message
    off: bool = False

    def to_json(self) -> dict[str, Any]:
        return {"id": self.id, "help": self.help.to_json(), "off": self.off}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RuleInfo:
        return cls(data["id"], Message.from_json(data["help"]), data["off"])


@dataclass(frozen=True, slots=True)
class ChannelInfo:
    """A channel, without any secret, and what waits there."""

    name: str
    type: str
    pending: int = 0
    failed: int = 0
    """Messages that were given up."""
    error: Message | None = None
    """Why the last attempt did not get through."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"error": self.error.to_json() if self.error else None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ChannelInfo:
        error = data.get("error")
        return cls(**{**data, "error": Message.from_json(error) if error else None})


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules, the channels, and everything that is wrong with `alerts.yaml`."""

    rules: Sequence[RuleInfo] = ()
    channels: Sequence[ChannelInfo] = ()
    problems: Sequence[Problem] = field(default_factory=tuple)

    def to_json(self) -> dict[str, Any]:
        return {
            "rules": [rule.to_json() for rule in self.rules],
            "channels": [channel.to_json() for channel in self.channels],
            "problems": [problem.to_json() for problem in self.problems],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Rules:
        return cls(
            tuple(RuleInfo.from_json(rule) for rule in data["rules"]),
            tuple(ChannelInfo.from_json(channel) for channel in data["channels"]),
            tuple(Problem.from_json(problem) for problem in data["problems"]),
        )


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a test message."""

    ok: bool
    message: Message

    def to_json(self) -> dict[str, Any]:
        return {"ok": self.ok, "message": self.message.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Sent:
        return cls(data["ok"], Message.from_json(data["message"]))


class Alerts(Protocol):
    """Every call raises `Refused` where there is no such alert, rule, silence or channel."""

    def list(
        self,
        state: AlertState | None = "open",
        flow: str | None = None,
        rule: str | None = None,
        limit: int = 100,
        before: int | None = None,
        members: bool = False,
    ) -> list[Alert]:
        """Alerts, the latest first; `before` is the id to go on from. Without `members`, those that another speaks for are left
        out."""

    def acknowledge(self, alert: int, by: str = "", why: str = "") -> Alert:
        """Somebody knows of it: it is not told any more while it lasts."""

    def silence(self, until: float, flow: str | None = None, rule: str | None = None, by: str = "", why: str = "") -> Silence:
        """Tell nothing of this flow, this rule, or both, until then. What lasts longer is told afterwards."""

    def unsilence(self, silence: int, by: str = "") -> None: ...

    def silences(self) -> Sequence[Silence]:
        """Those in force."""

    def rules(self) -> Rules: ...

    def test_channel(self, name: str, by: str = "") -> Sent:
        """Send a test message now."""
