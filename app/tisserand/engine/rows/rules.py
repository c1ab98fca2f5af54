"""Where the database's optimiser can be seen: what it takes away cannot fail either.

From comparisons of whole numbers it takes the arithmetic: `i + 1 > 0` becomes `i > -1`, so that no sum can become too large. Of choices
between constants it leaves what is chosen.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from tisserand.engine.rows.shapes import strict
from tisserand.engine.rows.values import Value

COMPARISONS = frozenset({"Equals", "NotEquals", "Less", "LessEqual", "Greater", "GreaterEqual"})
_EXACT: dict[str, Callable[[Any, Any], Any]] = {"Add": operator.add, "Subtract": operator.sub, "Multiply": operator.mul}
_LEAST, _MOST = -(2**63), 2**63 - 1


def relaxed(comparison: str, args: tuple[Value, ...]) -> tuple[Value, ...]:
    """The arguments of a comparison, their arithmetic unchecked where the database does not carry it out either."""
    left, right = args
    if right.is_constant and type(right.constant) is int:
        return _unchecked(left, right.constant, comparison in ("Equals", "NotEquals")), right
    if left.is_constant and type(left.constant) is int:
        return left, _unchecked(right, left.constant, comparison in ("Equals", "NotEquals"))
    return args


def _unchecked(value: Value, other: int, equality: bool) -> Value:
    """`value` compared with `other`, whatever of it the comparison moves to the other side."""
    name = type(value.operation).__name__
    if name == "Negate" and not value.is_constant and value.type.is_integer() and other != _LEAST:
        return _free(value, (_unchecked(value.args[0], -other, equality),), operator.neg)
    if name not in _EXACT or value.is_constant or not value.type.is_integer():
        return value
    constants = [index for index, arg in enumerate(value.args) if arg.is_constant and type(arg.constant) is int]
    if len(constants) != 1:
        return value
    [place] = constants
    fixed: int = value.args[place].constant
    moved = _moved(name, place, fixed, other)
    if moved is None or (not _LEAST <= moved <= _MOST and (not equality or name == "Multiply")):
        if not (name == "Multiply" and equality and fixed):
            return value
        moved = None
    inner = value.args[1 - place]
    free = inner if moved is None else _unchecked(inner, moved, equality)
    return _free(value, (value.args[0], free) if place == 0 else (free, value.args[1]), _EXACT[name])


def _free(value: Value, args: tuple[Value, ...], operate: Callable[..., Any]) -> Value:
    """The same operation over whole numbers without an end."""
    made = Value(value.operation, value.type)
    made.args, made.nodes, made.local = args, value.nodes, value.local
    made.fails = any(arg.fails for arg in args)
    made.emit = lambda value: strict(value, operate)
    return made


def _moved(name: str, place: int, fixed: int, other: int) -> int | None:
    """What the rest is compared with; None where the constant cannot be moved."""
    if name == "Add":
        return other - fixed
    if name == "Subtract":
        return other + fixed if place == 1 else fixed - other
    return other // fixed if fixed and other % fixed == 0 else None


def settled_choice(name: str, value: Value) -> Value | None:
    """What CASE or COALESCE gives, where constants decide."""
    if name == "Coalesce":
        rest = [arg for arg in value.args if not (arg.is_constant and arg.constant is None)]
        # A constant before a column is what is chosen as well, but the database does not see that beforehand.
        return rest[0] if rest and (len(rest) == 1 or all(arg.is_constant for arg in rest)) else None
    if name != "SearchedCase":
        return None
    count = len(value.operation.cases)
    for condition, result in zip(value.args[:count], value.args[count : 2 * count], strict=True):
        if not condition.is_constant:
            return None
        if condition.constant:
            return result
    return value.args[2 * count]
