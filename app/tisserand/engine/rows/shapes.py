"""The shapes of closures: NULL in, NULL out, specialised by where the arguments come from, for every call costs as much as the work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tisserand.engine.rows.values import Cells, Closure, Value


def strict(value: Value, operate: Callable[..., Any]) -> Closure:
    """`operate` over the arguments of `value`; NULL where one of them is NULL."""
    args = value.args
    if any(arg.is_constant and arg.constant is None for arg in args):
        return null
    if len(args) == 1:
        return _one(args[0], operate)
    if len(args) == 2:
        return _two(args[0], args[1], operate)
    return _many([arg.closure for arg in args], operate)


def null(cells: Cells) -> Any:
    """What `strict` makes where a constant argument is NULL: nothing else is computed, as the database computes nothing either."""
    return None


def _one(arg: Value, operate: Callable[[Any], Any]) -> Closure:
    if arg.index is not None:
        index = arg.index

        def of_column(cells: Cells) -> Any:
            found = cells[index]
            return None if found is None else operate(found)

        return of_column
    inner = arg.closure

    def of_value(cells: Cells) -> Any:
        found = inner(cells)
        return None if found is None else operate(found)

    return of_value


def _two(left: Value, right: Value, operate: Callable[[Any, Any], Any]) -> Closure:
    if right.is_constant:
        fixed = right.constant
        if left.index is not None:
            place = left.index

            def column_fixed(cells: Cells) -> Any:
                found = cells[place]
                return None if found is None else operate(found, fixed)

            return column_fixed
        inner = left.closure

        def value_fixed(cells: Cells) -> Any:
            found = inner(cells)
            return None if found is None else operate(found, fixed)

        return value_fixed
    if left.index is not None and right.index is not None:
        one, two = left.index, right.index

        def columns(cells: Cells) -> Any:
            a = cells[one]
            b = cells[two]
            return None if a is None or b is None else operate(a, b)

        return columns
    first, second = left.closure, right.closure

    def values(cells: Cells) -> Any:
        # Both are computed: what goes wrong in the second goes wrong in a batch too, NULL or not.
        a = first(cells)
        b = second(cells)
        return None if a is None or b is None else operate(a, b)

    return values


def _many(args: list[Closure], operate: Callable[..., Any]) -> Closure:
    def values(cells: Cells) -> Any:
        found = [arg(cells) for arg in args]
        return None if None in found else operate(*found)

    return values
