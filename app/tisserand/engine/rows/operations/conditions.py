"""Truth with three values, comparisons, choices, and what deals with NULL."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from tisserand.engine.rows.operations.table import family, means
from tisserand.engine.rows.shapes import null, strict
from tisserand.engine.rows.unrowable import Unrowable
from tisserand.engine.rows.values import Cells, Closure, Value
from tisserand.texts import msg

_PLAIN = ("bool", "int", "decimal", "str", "date", "timestamp", "zoned", "time", "binary")


@means("And", fails=False)
def _and(value: Value) -> Closure:
    left, right = (arg.closure for arg in value.args)
    if value.args[1].fails:

        def both(cells: Cells) -> Any:
            a, b = left(cells), right(cells)
            return False if a is False or b is False else None if a is None or b is None else True

        return both

    def conjunction(cells: Cells) -> Any:
        a = left(cells)
        if a is False:
            return False
        b = right(cells)
        return b if a else False if b is False else None

    return conjunction


@means("Or", fails=False)
def _or(value: Value) -> Closure:
    left, right = (arg.closure for arg in value.args)
    if value.args[1].fails:

        def both(cells: Cells) -> Any:
            a, b = left(cells), right(cells)
            return True if a or b else None if a is None or b is None else False

        return both

    def disjunction(cells: Cells) -> Any:
        a = left(cells)
        if a:
            return True
        b = right(cells)
        return b if a is False else True if b else None

    return disjunction


@means("Not", fails=False)
def _not(value: Value) -> Closure:
    return strict(value, operator.not_)


@means("IsNull", fails=False)
def _is_null(value: Value) -> Closure:
    inner = value.args[0].closure
    return lambda cells: inner(cells) is None


@means("NotNull", fails=False)
def _not_null(value: Value) -> Closure:
    inner = value.args[0].closure
    return lambda cells: inner(cells) is not None


def alike(value: Value) -> None:
    """Whether the arguments can be compared in Python as DuckDB compares them."""
    families = {family(arg.type) for arg in value.args} - {"null"}
    if families <= {"int", "float"} or (len(families) <= 1 and families <= set(_PLAIN)):
        return
    raise Unrowable(
        type(value.operation).__name__,
        msg(
            "Values of the types {types} are compared by the database only.", types=sorted({str(arg.type) for arg in value.args})
        ),
    )


def _equal(a: float, b: float) -> bool:
    return a == b or (a != a and b != b)


def _below(a: float, b: float) -> bool:
    # NaN is equal to itself and above all other numbers.
    return a < b or (b != b and a == a)


_FLOATS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": _equal,
    "NotEquals": lambda a, b: not (a == b or (a != a and b != b)),
    "Less": _below,
    "LessEqual": lambda a, b: a <= b or b != b,
    "Greater": lambda a, b: a > b or (a != a and b == b),
    "GreaterEqual": lambda a, b: a >= b or a != a,
}
_EXACT: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "NotEquals": operator.ne,
    "Less": operator.lt,
    "LessEqual": operator.le,
    "Greater": operator.gt,
    "GreaterEqual": operator.ge,
}


@means(*_EXACT, check=alike, fails=False)
def _compare(value: Value) -> Closure:
    name = type(value.operation).__name__
    left, right = value.args
    families = {family(left.type), family(right.type)}
    if families == {"float"}:
        if (
            right.is_constant
            and right.constant is not None
            and right.constant == right.constant
            and name in ("Less", "LessEqual", "Equals")
        ):
            return strict(value, _EXACT[name])
        return strict(value, _FLOATS[name])
    if "float" in families and "int" in families:
        # The database compares as numbers of 64 bits; Python would compare exactly.
        compare = _FLOATS[name]
        return strict(value, lambda a, b: compare(float(a), float(b)))
    return strict(value, _EXACT[name])


@means("Between", check=alike, fails=False)
def _between(value: Value) -> Closure:
    floats = "float" in {family(arg.type) for arg in value.args}
    atleast, atmost = (_FLOATS if floats else _EXACT)["GreaterEqual"], (_FLOATS if floats else _EXACT)["LessEqual"]
    inner, low, high = (arg.closure for arg in value.args)

    def between(cells: Cells) -> Any:
        found, least, most = inner(cells), low(cells), high(cells)
        if found is None:
            return None
        if floats:
            found = float(found)
        a = None if least is None else atleast(found, least)
        b = None if most is None else atmost(found, most)
        return False if a is False or b is False else None if a is None or b is None else True

    return between


@means("InValues", check=alike, fails=False)
def _in(value: Value) -> Closure:
    inner = value.args[0].closure
    others = value.args[1:]
    families = {family(arg.type) for arg in value.args} - {"null"}
    if all(arg.is_constant for arg in others) and len(families) == 1 and "float" not in families:
        known = frozenset(arg.constant for arg in others if arg.constant is not None)
        otherwise = None if any(arg.constant is None for arg in others) else False

        def among_known(cells: Cells) -> Any:
            found = inner(cells)
            return None if found is None else True if found in known else otherwise

        return among_known
    equal = _equal if "float" in families else operator.eq
    number = float if "float" in families else lambda one: one
    closures = [arg.closure for arg in others]

    def among(cells: Cells) -> Any:
        found = inner(cells)
        options = [closure(cells) for closure in closures]
        if found is None:
            return None
        found = number(found)
        if any(option is not None and equal(found, number(option)) for option in options):
            return True
        return None if None in options else False

    return among


@means("NullIf", check=alike, fails=False)
def _nullif(value: Value) -> Closure:
    left, right = value.args
    if left.is_constant and left.constant is None:
        return null
    equal = _equal if "float" in (family(left.type), family(right.type)) else operator.eq
    if right.is_constant and right.constant is not None and equal is operator.eq:
        none = right.constant
        inner = left.closure

        def fixed(cells: Cells) -> Any:
            found = inner(cells)
            return None if found == none else found

        return fixed
    first, second = left.closure, right.closure

    def nullif(cells: Cells) -> Any:
        a, b = first(cells), second(cells)
        return None if a is not None and b is not None and equal(a, b) else a

    return nullif


def fits(value: Value, branches: tuple[Value, ...]) -> None:
    """Whether the branches have the Python representation of the result, so that they can stand as they are."""
    wanted = family(value.type)
    for branch in branches:
        given = family(branch.type)
        same = given == wanted and (given not in ("array", "struct", "map") or branch.type.copy(nullable=True) == value.type)
        if given == "decimal" and branch.type.scale != value.type.scale:
            same = False
        if not same and given != "null":
            raise Unrowable(
                type(value.operation).__name__,
                msg(
                    "Values of the types {types} are brought together by the database only.",
                    types=sorted({str(b.type) for b in branches}),
                ),
            )


def _fits_all(value: Value) -> None:
    fits(value, value.args)


@means("Coalesce", check=_fits_all, fails=False)
def _coalesce(value: Value) -> Closure:
    if len(value.args) == 2 and value.args[1].is_constant:
        inner, default = value.args[0].closure, value.args[1].constant

        def filled(cells: Cells) -> Any:
            found = inner(cells)
            return default if found is None else found

        return filled
    closures = [arg.closure for arg in value.args]

    def coalesce(cells: Cells) -> Any:
        for closure in closures:
            found = closure(cells)
            if found is not None:
                return found
        return None

    return coalesce


def _ranked(value: Value) -> None:
    alike(value)
    fits(value, value.args)


@means("Greatest", "Least", check=_ranked, fails=False)
def _extreme(value: Value) -> Closure:
    greatest = type(value.operation).__name__ == "Greatest"
    floats = family(value.type) == "float"
    below = _below if floats else operator.lt
    closures = [arg.closure for arg in value.args]

    def extreme(cells: Cells) -> Any:
        best = None
        for closure in closures:
            found = closure(cells)
            if found is not None and (best is None or (below(best, found) if greatest else below(found, best))):
                best = found
        return best

    return extreme


def _branches(value: Value) -> None:
    count = len(value.operation.cases)
    fits(value, value.args[count:])


def _holds(value: Value) -> Closure:
    """Whether a condition of CASE is true. Here, and nowhere else, the database looks at the second part of AND and OR only where the first
    does not decide: `if(a AND to_integer(b) > 3, …)` does not fail where `a` does not hold."""
    name = type(value.operation).__name__
    if value.is_constant or name not in ("And", "Or"):
        return value.closure
    first, second = (_holds(arg) for arg in value.args)
    if name == "And":
        return lambda cells: second(cells) if first(cells) else False
    return lambda cells: True if first(cells) else second(cells)


@means("SearchedCase", check=_branches, fails=False)
def _case(value: Value) -> Closure:
    count = len(value.operation.cases)
    conditions, results = value.args[:count], value.args[count : 2 * count]
    default = value.args[2 * count]
    if count == 1:
        condition, then, otherwise = _holds(conditions[0]), results[0].closure, default.closure
        return lambda cells: then(cells) if condition(cells) else otherwise(cells)
    pairs = [(_holds(one), two.closure) for one, two in zip(conditions, results, strict=True)]
    last = default.closure

    def case(cells: Cells) -> Any:
        for holds, result in pairs:
            if holds(cells):
                return result(cells)
        return last(cells)

    return case


@means("IfElse", fails=False)
def _if(value: Value) -> Closure:
    fits(value, value.args[1:])
    condition, then, otherwise = (arg.closure for arg in value.args)
    return lambda cells: then(cells) if condition(cells) else otherwise(cells)
