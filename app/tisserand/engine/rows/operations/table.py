"""The table of operations: each Ibis class with the function that makes its closure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from tisserand.engine.rows.values import Closure, Value

Emit = Callable[[Value], Closure]


@dataclass(frozen=True, slots=True)
class Meaning:
    """`check` raises `Unrowable` where the operation, with these types and settings, means nothing for a row."""

    emit: Emit
    check: Callable[[Value], None] | None = None
    fails: bool = True


MEANINGS: dict[str, Meaning] = {}
"""By the name of the Ibis class."""


def means(*names: str, check: Callable[[Value], None] | None = None, fails: bool = True) -> Callable[[Emit], Emit]:
    """Declare the function below as the meaning of these Ibis classes."""

    def declare(emit: Emit) -> Emit:
        for name in names:
            MEANINGS[name] = Meaning(emit, check, fails)
        return emit

    return declare


@cache
def meanings() -> dict[str, Meaning]:
    """The whole table."""
    from tisserand.engine.rows.operations import casts, conditions, dates, decimals, documents, numbers, patterns, texts

    for module in (casts, conditions, dates, decimals, documents, numbers, patterns, texts):
        assert module.__doc__
    return MEANINGS


def family(type: Any) -> str:
    """The Python representation that values of an Ibis type have in rows."""
    if type.is_boolean():
        return "bool"
    if type.is_integer():
        return "int"
    if type.is_floating():
        return "float32" if type.nbytes < 8 else "float"
    if type.is_decimal():
        return "decimal"
    if type.is_string():
        return "str"
    if type.is_timestamp():
        return "timestamp" if type.timezone is None else "zoned"
    for name in ("date", "time", "json", "binary", "array", "struct", "map", "null", "interval", "uuid"):
        if getattr(type, f"is_{name}")():
            return name
    return "other"
