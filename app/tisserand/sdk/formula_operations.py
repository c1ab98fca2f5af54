"""What each function and operator of formulas compiles to in Ibis, so that every backend gives what the table promises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops

from tisserand.model.formula.fitting import path_steps
from tisserand.sdk.errors import NodeError

Expr = Any
"""An Ibis value; Ibis ships no types that mypy could follow."""


def forced(value: Expr, to: str | dt.DataType) -> Expr:
    """A cast that stands in the SQL even where Ibis believes the type already: DuckDB's own types differ here and there."""
    return ops.Cast(value, to=dt.dtype(to)).to_expr()


def integer(value: Expr) -> Expr:
    return forced(value, "int64")


def cast(value: Expr, to: str, safe: bool) -> Expr:
    target = {"text": "string", "integer": "int64", "float": "float64"}.get(to, to)
    source = value.type()
    if target == "int64" and (source.is_floating() or source.is_decimal()):
        # Databases disagree about halves when they cast: round first.
        return _try_integer(value) if safe else integer(_round(value))
    if target == "time" and source.is_timestamp():
        return value.time()
    return value.try_cast(target) if safe else value.cast(target)


def _try_integer(value: Expr) -> Expr:
    number = value.cast("float64")
    away = ibis.cases((number >= 0, (number + 0.5)), else_=(number - 0.5))
    whole = away - away % ibis.literal(1.0)
    return whole.try_cast("int64")


def _digits(kind: dt.DataType) -> tuple[int, int]:
    if kind.is_decimal():
        return (kind.precision or 38, kind.scale or 0)
    return (19, 0)


def _decimal(precision: int, scale: int) -> dt.DataType:
    return dt.Decimal(min(38, max(precision, scale, 1)), min(scale, 38))


def _arithmetic(operation: Any, left: Expr, right: Expr) -> Expr:
    """Arithmetic whose decimals have the digits that the exact result needs; Ibis keeps those of one side, or gives up."""
    if not (left.type().is_decimal() or right.type().is_decimal()):
        return operation(left, right).to_expr()
    (p1, s1), (p2, s2) = _digits(left.type()), _digits(right.type())
    if operation is ops.Multiply:
        kind = _decimal(p1 + p2, s1 + s2)
    else:
        kind = _decimal(max(p1 - s1, p2 - s2) + max(s1, s2) + 1, max(s1, s2))
    # Ibis combines decimals of one type only.
    return forced(operation(*unified([left, right])).to_expr(), kind)


def unified(values: Sequence[Expr]) -> list[Expr]:
    """Values that stand beside each other, in one decimal type where any is a decimal."""
    kinds = [value.type() for value in values]
    if not any(kind.is_decimal() for kind in kinds) or not all(kind.is_numeric() for kind in kinds):
        return list(values)
    digits = [_digits(kind) for kind in kinds]
    scale = max(scale for _, scale in digits)
    kind = _decimal(max(precision - scale for precision, scale in digits) + scale, scale)
    return [value.cast(kind) for value in values]


def _modulo(a: Expr, b: Expr) -> Expr:
    return _arithmetic(ops.Modulus, a, b.nullif(_zero(b)))


def _zero(like: Expr) -> Expr:
    return ibis.literal(0).cast(like.type())


def _round(number: Expr, digits: int = 0) -> Expr:
    kind = number.type()
    if kind.is_integer():
        if digits >= 0:
            return number
        step = integer(ibis.literal(10**-digits))
        rest = number % step
        up = ibis.cases((rest.abs() * 2 >= step, ibis.cases((number < 0, -step), else_=step)), else_=integer(ibis.literal(0)))
        return number - rest + up
    if kind.is_decimal():
        precision, scale = _digits(kind)
        if digits < 0:
            return _round_decimal(number, precision, scale, -digits)
        wide = _decimal(precision + 1, scale)
        return forced(forced(number, wide).round(digits), wide) if digits < scale else number
    return forced(ops.Round(number, ibis.literal(digits)).to_expr(), "float64")


def _round_decimal(number: Expr, precision: int, scale: int, zeros: int) -> Expr:
    """To tens, hundreds …; Ibis knows no decimal with fewer than no digits behind the point."""
    if zeros + scale + 1 > 38:
        raise NodeError(
            "A decimal number with {scale} digits behind the point cannot be rounded to {zeros} zeros.", scale=scale, zeros=zeros
        )
    wide = _decimal(max(precision, zeros + scale) + 1, scale)
    step, half = (integer(ibis.literal(count * 10 ** (zeros - 1))).cast(wide) for count in (10, 5))
    rest = forced(_arithmetic(ops.Modulus, forced(number, wide), step), wide)
    up = ibis.cases((rest >= half, step), (rest <= -half, -step), else_=_zero(step))
    return forced(_arithmetic(ops.Add, _arithmetic(ops.Subtract, forced(number, wide), rest), up), wide)


def _date_diff(unit: str, start: Expr, end: Expr) -> Expr:
    if unit != "week":
        return integer(end.delta(start, unit=unit))
    # DuckDB counts whole weeks here and starts of everything else: between two Mondays lie as many starts as weeks.
    first, last = (forced(each.truncate("W"), each.type()) for each in (start, end))
    return integer(integer(last.delta(first, unit="day")) / 7)


def _substr(text: Expr, start: Expr, length: Expr | None = None) -> Expr:
    begin = ibis.cases((start < 1, integer(ibis.literal(1))), else_=start)
    if length is None:
        return text.substr(begin - 1)
    return text.substr(begin - 1, _not_negative(length))


def _not_negative(count: Expr) -> Expr:
    return ibis.cases((count < 0, integer(ibis.literal(0))), else_=count)


def _split_part(text: Expr, separator: Expr, number: Expr) -> Expr:
    return ibis.cases((number >= 1, text.split(separator)[number - 1]), else_=ibis.null("string"))


def _pad(text: Expr, length: Expr, fill: Expr, left: bool) -> Expr:
    missing = length - text.length().cast("int64")
    filling = fill.repeat(missing).left(missing)
    return ibis.cases(((missing <= 0) & fill.notnull(), text), else_=filling + text if left else text + filling)


def _regexp_extract(text: Expr, pattern: Expr, group: int = 0) -> Expr:
    # Without a match DuckDB gives an empty text, others NULL.
    return ibis.cases((text.re_search(pattern), text.re_extract(pattern, group)), else_=ibis.null("string"))


def _date_add(unit: str, count: Expr, moment: Expr) -> Expr:
    factor, sign = {"quarter": (3, "M"), "week": (7, "D")}.get(unit, (1, _UNIT[unit]))
    steps = (count * factor if factor > 1 else count).cast("int32" if sign in "YMD" else "int64")
    return forced(moment + steps.as_interval(sign), moment.type())


_UNIT = {"year": "Y", "quarter": "Q", "month": "M", "week": "W", "day": "D", "hour": "h", "minute": "m", "second": "s"}


def _epoch(moment: Expr) -> Expr:
    return integer(forced(moment.epoch_seconds(), "float64").floor())


def _to_date(value: Expr, pattern: str | None = None) -> Expr:
    if pattern is not None and value.type().is_string():
        return forced(value.as_date(pattern), "date")
    return value.cast("date")


def _to_timestamp(value: Expr, pattern: str | None = None) -> Expr:
    if pattern is not None and value.type().is_string():
        return forced(value.as_timestamp(pattern), "timestamp")
    return value.cast("timestamp")


def _json_value(value: Expr, path: str) -> Expr:
    found = value.cast("json")
    for step in path_steps(path):
        found = found[step]
    return ibis.coalesce(found.str, found.cast("string").nullif(ibis.literal("null")))


def _float(operate: Callable[..., Expr]) -> Callable[..., Expr]:
    return lambda *args: operate(*(arg.cast("float64") for arg in args))


def _count(table: Expr, value: Expr | None = None) -> Expr:
    return table.count() if value is None else value.count()


def _sum(value: Expr) -> Expr:
    return integer(value.sum()) if value.type().is_integer() else value.sum()


COMPILERS: dict[str, Callable[..., Expr]] = {
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "not": lambda a: ~a,
    # Ibis takes `a == NULL` for `a IS NULL`; the operations themselves are what SQL means.
    "=": lambda a, b: ops.Equals(a, b).to_expr(),
    "<>": lambda a, b: ops.NotEquals(a, b).to_expr(),
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "is null": lambda a: a.isnull(),
    "is true": lambda a: a.fill_null(False),
    "is false": lambda a: (~a).fill_null(False),
    "in": lambda a, *values: ops.InValues(a, tuple(values)).to_expr(),
    "like": lambda a, b: a.like(b),
    "ilike": lambda a, b: a.ilike(b),
    "||": lambda a, b: a + b,
    "negate": lambda a: -a,
    "+": lambda a, b: _arithmetic(ops.Add, a, b),
    "-": lambda a, b: _arithmetic(ops.Subtract, a, b),
    "*": lambda a, b: _arithmetic(ops.Multiply, a, b),
    "/": lambda a, b: a / b.nullif(_zero(b)),
    "%": _modulo,
    "upper": lambda a: a.upper(),
    "lower": lambda a: a.lower(),
    "trim": lambda a: a.strip(),
    "ltrim": lambda a: a.lstrip(),
    "rtrim": lambda a: a.rstrip(),
    "length": lambda a: a.length().cast("int64"),
    "substr": _substr,
    "left": lambda a, n: a.left(_not_negative(n)),
    "right": lambda a, n: a.right(_not_negative(n)),
    "replace": lambda a, old, new: a.replace(old, new),
    "reverse": lambda a: a.reverse(),
    "contains": lambda a, b: a.contains(b),
    "starts_with": lambda a, b: a.startswith(b),
    "ends_with": lambda a, b: a.endswith(b),
    "split_part": _split_part,
    "lpad": lambda a, n, fill: _pad(a, n, fill, left=True),
    "rpad": lambda a, n, fill: _pad(a, n, fill, left=False),
    "regexp_matches": lambda a, p: a.re_search(p),
    "regexp_extract": _regexp_extract,
    "regexp_replace": lambda a, p, new: a.re_replace(p, new),
    "abs": lambda a: a.abs(),
    "round": _round,
    "floor": lambda a: a if a.type().is_integer() else integer(a.floor()),
    "ceil": lambda a: a if a.type().is_integer() else integer(a.ceil()),
    "sqrt": _float(lambda a: a.sqrt()),
    "power": _float(lambda a, b: a.pow(b)),
    "exp": _float(lambda a: a.exp()),
    "ln": _float(lambda a: a.ln()),
    "log10": _float(lambda a: a.log10()),
    "sign": lambda a: integer(a.sign()),
    "mod": _modulo,
    "nullif": lambda a, b: a.nullif(b),
    "if": lambda c, a, b=None: ibis.cases((c, a), else_=ibis.null(a.type()) if b is None else b),
    "year": lambda a: a.year().cast("int64"),
    "quarter": lambda a: a.quarter().cast("int64"),
    "month": lambda a: a.month().cast("int64"),
    "week": lambda a: a.week_of_year().cast("int64"),
    "day": lambda a: a.day().cast("int64"),
    "weekday": lambda a: (a.day_of_week.index() + 1).cast("int64"),
    "hour": lambda a: a.hour().cast("int64"),
    "minute": lambda a: a.minute().cast("int64"),
    "second": lambda a: a.second().cast("int64"),
    "date_trunc": lambda unit, a: forced(a.truncate(_UNIT[unit]), a.type()),
    "date_add": _date_add,
    "date_diff": _date_diff,
    "format_date": lambda a, pattern: a.strftime(pattern),
    "epoch": _epoch,
    "to_text": lambda a: a.cast("string"),
    "to_integer": lambda a: cast(a, "integer", safe=False),
    "to_number": lambda a: a.cast("float64"),
    "to_date": _to_date,
    "to_timestamp": _to_timestamp,
    "json_value": _json_value,
    "md5": lambda a: a.hexdigest("md5"),
    "hash_sha256": lambda a: a.hexdigest("sha256"),
    "sum": _sum,
    "avg": lambda a: a.cast("float64").mean(),
    "min": lambda a: a.min(),
    "max": lambda a: a.max(),
    "count_distinct": lambda a: a.nunique(),
    "median": lambda a: a.cast("float64").median(),
    "stddev": lambda a: a.cast("float64").std(how="sample"),
    "first": lambda a: a.first(),
    "last": lambda a: a.last(),
    "any_value": lambda a: a.arbitrary(),
    "string_agg": lambda a, separator: a.group_concat(separator),
}
"""By name; static arguments (units, formats, paths, digits) arrive as Python values. `sdk.formulas` handles the rest."""

ALIKE = frozenset({"=", "<>", "<", "<=", ">", ">=", "in", "coalesce", "greatest", "least", "nullif"})
"""What takes values of one type."""
