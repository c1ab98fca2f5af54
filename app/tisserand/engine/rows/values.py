"""The graph between Ibis operations and closures: equal operations stand once, constants are folded, shared results are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tisserand.engine.rows.asked import Asked
from tisserand.engine.rows.unrowable import Unrowable
from tisserand.texts import msg

Cells = list[Any]
"""What a closure sees: the columns of the row, then a place for each result that is used more than once."""
Closure = Callable[[Cells], Any]

DEEPEST = 350
"""Calculations inside of each other; Python's stack has a bottom (1000 calls, two for each that is kept)."""


class _Missing:
    __slots__ = ()


MISSING: Any = _Missing()
"""Stands in a place whose result was not computed yet for this row."""


class Value:
    """One value of a row: a constant, a column, or an operation over other values."""

    __slots__ = (
        "args",
        "constant",
        "depth",
        "emit",
        "fails",
        "index",
        "is_constant",
        "local",
        "made",
        "nodes",
        "operation",
        "type",
        "uses",
    )

    def __init__(self, operation: Any, type: Any) -> None:
        self.operation = operation
        self.type = type
        self.args: tuple[Value, ...] = ()
        self.nodes: tuple[Any, ...] = ()
        """The arguments as they stand in the operation; the values may come from earlier nodes."""
        self.local = False
        """Whether it differs by the entry of a list that is looked at, and so cannot be kept for the row."""
        self.is_constant = False
        self.constant: Any = None
        self.index: int | None = None
        """The place of the column."""
        self.emit: Callable[[Value], Closure] | None = None
        self.fails = False
        """Whether computing it may raise; what cannot raise need not be computed where it decides nothing."""
        self.uses = 0
        self.depth = 0
        """How many closures call each other below it."""
        self.made: Closure | None = None

    @property
    def closure(self) -> Closure:
        assert self.made is not None, self.operation
        return self.made

    def asked(self) -> Asked:
        """DuckDB itself, for the values of this operation that Python would treat otherwise."""
        return Asked(self.operation, self.nodes)


def too_deep(operation: str) -> Unrowable:
    """For calculations that Python's stack does not hold."""
    return Unrowable(operation, msg("More than {count} calculations stand inside of each other.", count=DEEPEST))


def constant(operation: Any, type: Any, value: Any) -> Value:
    made = Value(operation, type)
    made.is_constant, made.constant = True, value
    made.made = lambda cells: value
    return made


def column(operation: Any, type: Any, index: int) -> Value:
    made = Value(operation, type)
    made.index = index
    made.made = lambda cells: cells[index]
    return made


def counted(roots: Iterable[Value]) -> None:
    """Count how often each value that the roots need is used."""
    waiting = list(roots)
    while waiting:
        value = waiting.pop()
        value.uses += 1
        if value.uses == 1:
            waiting.extend(value.args)


def emitted(roots: Iterable[Value], places: int) -> int:
    """Make the closures of the roots and of all that they need; `places` are taken already. Gives how many are then."""
    for root in roots:
        stack = [root]
        while stack:
            value = stack[-1]
            waiting = [arg for arg in value.args if arg.made is None]
            if value.made is None and waiting:
                stack.extend(waiting)
                continue
            stack.pop()
            if value.made is None:
                assert value.emit is not None
                value.depth = 1 + max((arg.depth for arg in value.args), default=0)
                if value.depth > DEEPEST:
                    raise too_deep(type(value.operation).__name__)
                value.made = value.emit(value)
                if value.uses > 1 and not value.local:
                    value.made = _kept(value.made, places)
                    places += 1
    return places


def _kept(compute: Closure, place: int) -> Closure:
    def kept(cells: Cells) -> Any:
        found = cells[place]
        if found is MISSING:
            found = cells[place] = compute(cells)
        return found

    return kept
