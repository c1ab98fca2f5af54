"""Arithmetic of whole numbers (64 bits, checked) and of floats (IEEE 754, as DuckDB computes them)."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tisserand.engine.rows.operations import decimals
from tisserand.engine.rows.operations.table import family, means
from tisserand.engine.rows.shapes import strict
from tisserand.engine.rows.unrowable import Unrowable
from tisserand.engine.rows.values import Closure, Value
from tisserand.texts import msg

LEAST, MOST = -(2**63), 2**63 - 1


def bounds(type: Any) -> tuple[int, int]:
    """The least and the greatest whole number of a type."""
    bits = type.nbytes * 8
    return (0, 2**bits - 1) if type.is_unsigned_integer() else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _numbers(value: Value) -> None:
    families = {family(arg.type) for arg in value.args} - {"null"}
    if families <= {"int", "float"} or families == {"decimal"} or not families:
        return
    raise Unrowable(
        type(value.operation).__name__,
        msg(
            "Values of the types {types} are computed by the database only.", types=sorted({str(arg.type) for arg in value.args})
        ),
    )


def _range(value: Value) -> tuple[int, int]:
    """Within it the result is right whatever width the database computes with; outside, the database is asked."""
    types = [arg.type for arg in value.args if not arg.type.is_null()]
    return max(bounds(type)[0] for type in types), min(bounds(type)[1] for type in types)


_EXACT: dict[str, Callable[[Any, Any], Any]] = {"Add": operator.add, "Subtract": operator.sub, "Multiply": operator.mul}


@means(*_EXACT, check=_numbers)
def _arithmetic(value: Value) -> Closure:
    name = type(value.operation).__name__
    families = {family(arg.type) for arg in value.args}
    if "decimal" in families:
        return decimals.arithmetic(value)
    if "float" in families:
        return strict(value, _EXACT[name] if families == {"float"} else _widened(_EXACT[name]))
    ask = value.asked()
    least, most = _range(value)

    def added(a: int, b: int) -> Any:
        found = a + b
        return found if least <= found <= most else ask(a, b)

    def subtracted(a: int, b: int) -> Any:
        found = a - b
        return found if least <= found <= most else ask(a, b)

    def multiplied(a: int, b: int) -> Any:
        found = a * b
        return found if least <= found <= most else ask(a, b)

    return strict(value, {"Add": added, "Subtract": subtracted, "Multiply": multiplied}[name])


def _widened(operate: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda a, b: operate(float(a), float(b))


@means("Divide", check=_numbers)
def _divide(value: Value) -> Closure:
    if "decimal" in {family(arg.type) for arg in value.args}:
        raise Unrowable("Divide", msg("Decimal numbers are divided by the database only; write to_number(…) around them."))
    ask = value.asked()

    def divide(a: float, b: float) -> Any:
        return float(a) / b if b else ask(a, b)

    return strict(value, divide if family(value.args[1].type) == "float" else lambda a, b: divide(a, float(b)))


@means("Modulus", check=_numbers)
def _modulus(value: Value) -> Closure:
    families = {family(arg.type) for arg in value.args}
    if "decimal" in families:
        return decimals.modulus(value)
    ask = value.asked()
    if "float" in families:

        def rest(a: float, b: float) -> Any:
            a, b = float(a), float(b)
            return math.fmod(a, b) if b and -math.inf < a < math.inf else ask(a, b)

        return strict(value, rest)

    def whole(a: int, b: int) -> Any:
        if not b:
            return ask(a, b)
        # The sign is that of the first number.
        return a % b if a >= 0 and b > 0 else -(-a % abs(b)) if a < 0 else a % -b

    return strict(value, whole)


@means("Negate", "Abs", check=_numbers)
def _sign_changed(value: Value) -> Closure:
    negate = type(value.operation).__name__ == "Negate"
    change: Callable[[Any], Any] = operator.neg if negate else abs
    kind = family(value.args[0].type)
    if kind == "float":
        return strict(value, change)
    if kind == "decimal":
        exact = decimals.CONTEXT.minus if negate else decimals.CONTEXT.abs
        return strict(value, lambda a: exact(a) if a else abs(a))
    ask = value.asked()
    least, most = _range(value)

    def whole(a: int) -> Any:
        found = change(a)
        return found if least <= found <= most else ask(a)

    return strict(value, whole)


@means("Sign", check=_numbers, fails=False)
def _sign(value: Value) -> Closure:
    # NaN has none: 0.
    return strict(value, lambda a: 1 if a > 0 else -1 if a < 0 else 0)


@means("Floor", "Ceil", check=_numbers)
def _whole(value: Value) -> Closure:
    kind = family(value.args[0].type)
    if kind == "decimal":
        return decimals.whole(value)
    if kind == "int":
        return strict(value, lambda a: a)
    ask = value.asked()
    step: Callable[[float], int] = math.floor if type(value.operation).__name__ == "Floor" else math.ceil
    if not value.type.is_integer():
        raise Unrowable(
            type(value.operation).__name__, msg("The type {type} is rounded by the database only.", type=str(value.type))
        )
    least, most = bounds(value.type)

    def whole(a: float) -> Any:
        if not -1e18 < a < 1e18:
            return ask(a)
        found = step(a)
        return found if least <= found <= most else ask(a)

    return strict(value, whole)


def half_away(x: float) -> float:
    """The nearest whole number, halves away from zero, as C's `round` gives it."""
    if not -4503599627370496.0 < x < 4503599627370496.0:
        return x
    whole = math.trunc(x)
    rest = x - whole
    if rest >= 0.5:
        whole += 1
    elif rest <= -0.5:
        whole -= 1
    return math.copysign(float(whole), x)


def _fixed_digits(value: Value) -> None:
    digits = value.args[1]
    if not digits.is_constant or not isinstance(digits.constant, int):
        raise Unrowable("Round", msg("Rounding to a number of digits that differs by row is done by the database only."))
    if family(value.args[0].type) not in ("float", "decimal", "null"):
        raise Unrowable("Round", msg("The type {type} is rounded by the database only.", type=str(value.args[0].type)))


@means("Round", check=_fixed_digits)
def _round(value: Value) -> Closure:
    digits: int = value.args[1].constant
    if family(value.args[0].type) == "decimal":
        return decimals.rounded(value, digits)
    ask = value.asked()
    if value.type.is_integer():

        def nearest(a: float, _: int) -> Any:
            return int(half_away(a)) if -1e18 < a < 1e18 and digits == 0 else ask(a, digits)

        return strict(value, nearest)
    if not -15 <= digits <= 15:
        return strict(value, lambda a, _: ask(a, digits))
    if digits < 0:
        power = 10.0**-digits
        return strict(value, lambda a, _: half_away(a / power) * power if -1e18 < a < 1e18 else ask(a, digits))
    halves, unit = 2.0 ** (digits + 1), Decimal(1).scaleb(-digits)
    quantize, most = decimals.CONTEXT.quantize, 1e15 / 10.0**digits

    def rounded(a: float, _: int) -> Any:
        # Python rounds the exact value as the database does, but for halves, which it brings to the even digit. Where there are
        # more digits than a float has, the database computes on with what it has.
        if not -most < a < most:
            return ask(a, digits)
        if (a * halves).is_integer():
            return math.copysign(float(quantize(Decimal(a), unit)), a)
        return round(a, digits)

    return strict(value, rounded)


_FUNCTIONS: dict[str, Callable[[float], float]] = {"Sqrt": math.sqrt, "Exp": math.exp, "Ln": math.log, "Log10": math.log10}


@means(*_FUNCTIONS, check=_numbers)
def _function(value: Value) -> Closure:
    if family(value.args[0].type) not in ("float", "null"):
        raise Unrowable(
            type(value.operation).__name__, msg("The type {type} is computed by the database only.", type=str(value.args[0].type))
        )
    ask, compute = value.asked(), _FUNCTIONS[type(value.operation).__name__]

    def function(a: float) -> Any:
        try:
            return compute(a)
        except (ValueError, OverflowError):
            return ask(a)

    return strict(value, function)


@means("Power", check=_numbers)
def _power(value: Value) -> Closure:
    if {family(arg.type) for arg in value.args} - {"null"} != {"float"}:
        raise Unrowable("Power", msg("Powers of numbers that are not floating point are computed by the database only."))
    ask = value.asked()

    def power(a: float, b: float) -> Any:
        try:
            return math.pow(a, b)
        except (ValueError, OverflowError):
            return ask(a, b)

    return strict(value, power)
