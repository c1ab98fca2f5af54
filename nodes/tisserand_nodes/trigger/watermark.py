"""How far a table was read: the highest watermark, and how far below it is read once more for what was committed late."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

MOST_KNOWN = 5_000
"""So many rows just below the first watermark are remembered by name; where there are more, none up to it ever counts."""


def plain(value: Any) -> Any:
    """A value of a driver as plain JSON."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case datetime() | date() | time():
            return value.isoformat()
        case bytes() | memoryview():
            return base64.b64encode(bytes(value)).decode()
        case Decimal() | UUID():
            return str(value)
        case list() | tuple():
            return [plain(item) for item in value]
        case dict():
            return json.dumps(value, ensure_ascii=False, default=plain)
        case _:
            return str(value)


def name_of(row: Mapping[str, Any], columns: Sequence[str]) -> str:
    """What names this state of a row for ever: its watermark and its key."""
    return json.dumps([plain(row[column]) for column in columns], ensure_ascii=False, separators=(",", ":"))


class Watermark:
    """The highest value seen, and which rows near it are known already. Rows of the same watermark are told apart by their key."""

    def __init__(self, mark: Mapping[str, Any] | None, seconds: float, numbers: int) -> None:
        self._seconds, self._numbers = seconds, numbers
        self.high: Any = _read(mark["high"]) if mark else None
        self.first: Any = _read(mark["first"]) if mark else None
        """Where it began: the rows there were old already, `known` names those that are read all the same."""
        self.known: list[str] | None = mark["known"] if mark else []
        """None: too many to remember, so that all up to `first` are taken for old."""
        self._near: dict[str, Any] = dict.fromkeys(self.known or (), self.first)

    def begin(self, high: Any, known: Iterable[str] | None) -> None:
        """Start above what is there."""
        self.high = self.first = high
        self.known = None if known is None else list(known)
        self._near = dict.fromkeys(self.known or (), high)

    def mark(self) -> dict[str, Any]:
        return {"high": _write(self.high), "first": _write(self.first), "known": self.known}

    def low(self) -> Any:
        """From where it is read: rows with the highest watermark may still come, and late ones below."""
        high = self.high
        if isinstance(high, datetime):
            return high - timedelta(seconds=self._seconds)
        if isinstance(high, int | float | Decimal) and not isinstance(high, bool):
            return high - self._numbers
        return high

    def new(self, name: str, value: Any) -> bool:
        """Whether this row was not brought before, as far as is remembered; the inbox knows the rest."""
        if name in self._near or (self.known is None and value <= self.first):
            return False
        self._near[name] = value
        return True

    def rise(self, value: Any) -> None:
        self.high = value

    def forget(self) -> None:
        """What lies below where reading begins needs no remembering."""
        low = self.low()
        self._near = {name: value for name, value in self._near.items() if value is None or value >= low}
        if self.known != [] and self.first is not None and low > self.first:
            self.known = []


def _write(value: Any) -> Any:
    kind = type(value).__name__
    return [kind, value if value is None or isinstance(value, int | float | str) else str(value)]


def _read(written: Sequence[Any]) -> Any:
    kind, value = written
    match kind:
        case "datetime":
            return datetime.fromisoformat(value)
        case "date":
            return date.fromisoformat(value)
        case "Decimal":
            return Decimal(value)
        case "UUID":
            return UUID(value)
        case _:
            return value
