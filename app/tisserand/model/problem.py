"""A problem found in a flow: a sentence, its place in the file, and a way out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from tisserand.texts import Message

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where: every part that is known. `line` and `column` count from 1; `field` is a dotted path (`config.on.0`)."""

    file: str | None = None
    line: int | None = None
    column: int | None = None
    flow: str | None = None
    node: str | None = None
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong (`message`), with a stable `code` for machines, the place, and what to do (`fix`)."""

    code: str
    message: Message
    fix: Message | None = None
    place: Place = Place()
    severity: Severity = "error"

    def at(self, **parts: Any) -> Problem:
        """The same problem with parts of its place filled in; what is known already stays."""
        known = {name: value for name, value in parts.items() if getattr(self.place, name) is None}
        return replace(self, place=replace(self.place, **known))

    def line(self) -> str:
        """One line of text: `file:line:column: node “x”, field: what. What to do.`"""
        place = self.place
        head = ":".join(str(part) for part in (place.file, place.line, place.column) if part is not None)
        where = ".".join(part for part in (place.node, place.field) if part)
        parts = [part for part in (head, where, self.message.text()) if part]
        text = ": ".join(parts)
        return f"{text} {self.fix.text()}" if self.fix else text

    def to_json(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message.to_json(),
            "fix": self.fix.to_json() if self.fix else None,
            "place": {name: getattr(self.place, name) for name in Place.__dataclass_fields__},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Problem:
        fix = data.get("fix")
        return cls(
            data["code"],
            Message.from_json(data["message"]),
            Message.from_json(fix) if fix else None,
            Place(**data.get("place", {})),
            data.get("severity", "error"),
        )
