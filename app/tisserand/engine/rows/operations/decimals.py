"""Arithmetic of decimals: exact, in the digits that the types have; whatever does not fit them is asked of the database."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from typing import Any

from tisserand.engine.rows.shapes import strict
from tisserand.engine.rows.values import Closure, Value

CONTEXT = Context(prec=100, rounding=ROUND_HALF_UP)
"""Wide enough for the product of any two decimals of 38 digits; halves are rounded away from zero."""


def step(type: Any) -> Decimal:
    """One unit of the last digit of a decimal type."""
    return Decimal(1).scaleb(-(type.scale or 0))


def limit(type: Any) -> Decimal:
    """The first number that has too many digits for a decimal type."""
    return Decimal(10) ** ((type.precision or 38) - (type.scale or 0))


def fitted(type: Any) -> Callable[[Decimal], Decimal | None]:
    """What brings a number to the digits of a type; None where it has too many."""
    unit, most = step(type), limit(type)
    quantize = CONTEXT.quantize

    def fit(number: Decimal) -> Decimal | None:
        found = quantize(number, unit)
        return None if abs(found) >= most else found if found else abs(found)

    return fit


def arithmetic(value: Value) -> Closure:
    """Sum, difference or product of two decimals."""
    name = type(value.operation).__name__
    operate = {"Add": CONTEXT.add, "Subtract": CONTEXT.subtract, "Multiply": CONTEXT.multiply}[name]
    ask = value.asked()
    # The database computes sums in one digit more than the wider argument has, and products in the digits of both.
    # Where both fit into 64 bits the result has to, too.
    (p1, s1), (p2, s2) = ((arg.type.precision or 38, arg.type.scale or 0) for arg in value.args)
    scale = s1 + s2 if name == "Multiply" else max(s1, s2)
    digits = p1 + p2 if name == "Multiply" else max(p1 - s1, p2 - s2) + scale + 1
    digits = 18 if digits > 18 and max(p1, p2) <= 18 else min(digits, 38)
    most = Decimal(10) ** (digits - scale)

    def computed(a: Decimal, b: Decimal) -> Any:
        found = operate(a, b)
        if not -most < found < most:
            return ask(a, b)
        return found if found else abs(found)

    return strict(value, computed)


def modulus(value: Value) -> Closure:
    """The rest, with the sign of the first number."""
    ask = value.asked()
    remainder = CONTEXT.remainder

    def rest(a: Decimal, b: Decimal) -> Any:
        if not b:
            return ask(a, b)
        found = remainder(a, b)
        return found if found else abs(found)

    return strict(value, rest)


def whole(value: Value) -> Closure:
    """Floor and ceiling, as decimals of the same type."""
    ask = value.asked()
    rounding = ROUND_FLOOR if type(value.operation).__name__ == "Floor" else ROUND_CEILING
    if not value.type.is_decimal():
        return strict(value, lambda a: int(a.to_integral_value(rounding=rounding)) if abs(a) < 10**17 else ask(a))
    fit = fitted(value.type)

    def of(a: Decimal) -> Any:
        found = fit(a.to_integral_value(rounding=rounding))
        return ask(a) if found is None else found

    return strict(value, of)


def rounded(value: Value, digits: int) -> Closure:
    """The nearest with so many digits behind the point."""
    ask = value.asked()
    unit = Decimal(1).scaleb(-digits)
    fit = fitted(value.type) if value.type.is_decimal() else None
    scale = value.args[0].type.scale or 0
    quantize = CONTEXT.quantize

    def nearest(a: Decimal, _: int) -> Any:
        if fit is None or digits < 0 or digits > scale:
            return ask(a, digits)
        found = fit(quantize(a, unit))
        return ask(a, digits) if found is None else found

    return strict(value, nearest)
