"""What is asked of retention: what would go, and letting it go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Gone:
    """One run that loses something."""

    run: str
    flow: str
    finished: float
    bytes: int = 0
    reason: str = "age"
    """`age` or `size`."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What goes, or has gone. Runs that other flows called go with their callers and are counted with them."""

    data: tuple[Gone, ...] = ()
    """Runs that lose their rows."""
    runs: tuple[Gone, ...] = ()
    """Runs that are removed."""
    bytes: int = 0
    """Of files."""
    kept: int = 0
    """What the folders of runs take afterwards; 0 where no size is set."""
    over: int = 0
    """By how much that is still more than is allowed: runs under way, and failed ones that can be resumed, stay."""
    usage: int = 0
    """Rows of usage of APIs: each of an hour, an API, an operation, a consumer, a plan and a status."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"data": [asdict(each) for each in self.data], "runs": [asdict(each) for each in self.runs]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Swept:
        return cls(
            **{**data, "data": tuple(Gone(**each) for each in data["data"]), "runs": tuple(Gone(**each) for each in data["runs"])}
        )


class Retention(Protocol):
    """Raises `Refused` where the settings are wrong."""

    def plan(self) -> Swept:
        """What `sweep` would let go now; nothing is changed."""

    def sweep(self, by: str = "") -> Swept:
        """Let go of what the settings do not keep. Figures of load stay, and so does the audit log."""
