"""The columns of a table as plain values, the same in files, on wires and on screens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Column:
    """`type` is written as Ibis writes it: `int64`, `float64`, `string`, `boolean`, `date`, `timestamp(6)`, `decimal(10, 2)`,
    `array<string>`, `struct<a: int64>`, `json` …"""

    name: str
    type: str
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Schema:
    columns: tuple[Column, ...] = ()

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def __contains__(self, name: object) -> bool:
        return any(column.name == name for column in self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def type_of(self, name: str) -> str | None:
        return next((column.type for column in self.columns if column.name == name), None)

    def types(self) -> dict[str, str]:
        """Column name → type."""
        return {column.name: column.type for column in self.columns}

    def to_json(self) -> list[dict[str, Any]]:
        return [{"name": c.name, "type": c.type} | ({} if c.nullable else {"nullable": False}) for c in self.columns]

    @classmethod
    def from_json(cls, data: Iterable[Mapping[str, Any]]) -> Schema:
        return cls(tuple(Column(str(c["name"]), str(c["type"]), bool(c.get("nullable", True))) for c in data))

    @classmethod
    def of(cls, columns: Mapping[str, str]) -> Schema:
        return cls(tuple(Column(name, type) for name, type in columns.items()))
