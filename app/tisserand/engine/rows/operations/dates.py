"""Dates and moments: parts, truncation, moving, differences, and texts by a format. Moments have microseconds and no zone but UTC."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tisserand.engine.rows.operations.table import family, means
from tisserand.engine.rows.shapes import strict
from tisserand.engine.rows.unrowable import Unrowable
from tisserand.engine.rows.values import Closure, Value
from tisserand.texts import msg

_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1)
_PARTS: dict[str, Callable[[Any], int]] = {
    "ExtractYear": lambda a: a.year,
    "ExtractQuarter": lambda a: (a.month + 2) // 3,
    "ExtractMonth": lambda a: a.month,
    "ExtractWeekOfYear": lambda a: a.isocalendar()[1],
    "ExtractDay": lambda a: a.day,
    "ExtractHour": lambda a: a.hour,
    "ExtractMinute": lambda a: a.minute,
    "ExtractSecond": lambda a: a.second,
    "DayOfWeekIndex": lambda a: a.weekday(),
    "ExtractDayOfYear": lambda a: a.timetuple().tm_yday,
}


def _plain_moments(value: Value) -> None:
    for arg in value.args:
        if family(arg.type) == "zoned":
            raise Unrowable(type(value.operation).__name__, msg("Moments with a time zone are handled by the database only."))


@means(*_PARTS, check=_plain_moments, fails=False)
def _part(value: Value) -> Closure:
    name = type(value.operation).__name__
    if family(value.args[0].type) not in ("date", "timestamp", "null") and not (
        family(value.args[0].type) == "time" and name in ("ExtractHour", "ExtractMinute", "ExtractSecond")
    ):
        raise Unrowable(name, msg("The type {type} is handled by the database only.", type=str(value.args[0].type)))
    return strict(value, _PARTS[name])


@means("Time", check=_plain_moments, fails=False)
def _time(value: Value) -> Closure:
    return strict(value, lambda a: a.time())


@means("Date", check=_plain_moments, fails=False)
def _date(value: Value) -> Closure:
    return strict(value, (lambda a: a.date()) if family(value.args[0].type) == "timestamp" else (lambda a: a))


@means("ExtractEpochSeconds", check=_plain_moments, fails=False)
def _epoch(value: Value) -> Closure:
    # A float in the database, whatever Ibis says; `relations` sees to it that only casts to float read it.
    if family(value.args[0].type) == "date":
        return strict(value, lambda a: (a.toordinal() - 719163) * 86400.0)
    return strict(value, lambda a: ((a - _EPOCH) // _MICROSECOND) / 1e6)


@means("TimestampNow", fails=False)
def _now(value: Value) -> Closure:
    # Where a run has begun, formulas have its moment as a constant.
    return lambda cells: datetime.now(UTC).replace(tzinfo=None)


_TRUNCATE: dict[str, Callable[[datetime], datetime]] = {
    "Y": lambda a: datetime(a.year, 1, 1),
    "Q": lambda a: datetime(a.year, (a.month - 1) // 3 * 3 + 1, 1),
    "M": lambda a: datetime(a.year, a.month, 1),
    "D": lambda a: datetime(a.year, a.month, a.day),
    "h": lambda a: a.replace(minute=0, second=0, microsecond=0),
    "m": lambda a: a.replace(second=0, microsecond=0),
    "s": lambda a: a.replace(microsecond=0),
}


def _known_unit(value: Value) -> None:
    _plain_moments(value)
    unit = value.operation.unit.short
    if unit not in (*_TRUNCATE, "W") or (family(value.args[0].type) == "date" and unit in ("h", "m", "s")):
        raise Unrowable(type(value.operation).__name__, msg("The unit {unit} is handled by the database only.", unit=unit))


@means("DateTruncate", "TimestampTruncate", check=_known_unit)
def _truncate(value: Value) -> Closure:
    unit = value.operation.unit.short
    is_date = family(value.args[0].type) == "date"
    if unit == "W":
        ask = value.asked()

        def monday(a: Any) -> Any:
            if a.year < 2:
                return ask(a)
            start = a - timedelta(days=a.weekday())
            return start if is_date else datetime(start.year, start.month, start.day)

        return strict(value, monday)
    cut = _TRUNCATE[unit]
    return strict(value, (lambda a: cut(a).date()) if is_date else cut)


_FACTORS = {
    "W": timedelta(weeks=1),
    "D": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}
_MONTHS = {"Y": 12, "Q": 3, "M": 1}
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _interval(value: Value) -> None:
    _plain_moments(value)
    interval = value.operation.right
    if type(interval).__name__ != "IntervalFromInteger" or interval.unit.short not in (*_FACTORS, *_MONTHS):
        raise Unrowable(type(value.operation).__name__, msg("Spans of time that are computed are added by the database only."))


@means("DateAdd", "TimestampAdd", check=_interval)
def _moved(value: Value) -> Closure:
    unit = value.operation.right.unit.short
    ask = value.asked()
    if unit in _MONTHS:
        factor = _MONTHS[unit]

        def by_months(a: Any, count: int) -> Any:
            months = a.year * 12 + a.month - 1 + count * factor
            year, month = divmod(months, 12)
            if not 1 <= year <= 9999:
                return ask(a, count)
            leap = month == 1 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
            return a.replace(year=year, month=month + 1, day=min(a.day, 29 if leap else _DAYS[month]))

        return strict(value, by_months)
    span = _FACTORS[unit]
    small = family(value.args[0].type) == "date" and unit in ("h", "m", "s")
    if small:
        raise Unrowable(type(value.operation).__name__, msg("Hours are added to a date by the database only."))

    def by_span(a: Any, count: int) -> Any:
        try:
            return a + count * span
        except OverflowError:
            return ask(a, count)

    return strict(value, by_span)


@means("IntervalFromInteger")
def _count(value: Value) -> Closure:
    # Only the additions above read it, which know the unit. The database makes an interval of it, if it can, even for no date.
    unit, ask = value.operation.unit.short, value.asked()
    most = (2**31 - 1) // _MONTHS[unit] if unit in _MONTHS else (2**31 - 1) // 7 if unit in ("W", "D") else 10**6

    def count(number: int) -> int:
        if not -most <= number <= most:
            ask(number)
        return number

    return strict(value, count)


_SPANS = {"hour": 3_600_000_000, "minute": 60_000_000, "second": 1_000_000}


def _fixed_unit(value: Value) -> None:
    _plain_moments(value)
    unit = value.args[0]
    known = unit.is_constant and unit.constant in ("year", "quarter", "month", "week", "day", *_SPANS)
    if not known or (unit.constant in _SPANS and "date" in (family(value.args[1].type), family(value.args[2].type))):
        raise Unrowable(type(value.operation).__name__, msg("Differences in this unit are computed by the database only."))


@means("DateDelta", "TimestampDelta", check=_fixed_unit, fails=False)
def _difference(value: Value) -> Closure:
    unit = value.args[0].constant
    if unit in _SPANS:
        span = _SPANS[unit]
        return strict(
            value, lambda _, end, start: (end - _EPOCH) // _MICROSECOND // span - (start - _EPOCH) // _MICROSECOND // span
        )
    number = _NUMBERED[unit]
    return strict(value, lambda _, end, start: number(end, start))


def _weeks(end: date, start: date) -> int:
    days = end.toordinal() - start.toordinal()
    return days // 7 if days >= 0 else -(-days // 7)


_NUMBERED: dict[str, Callable[[date, date], int]] = {
    "year": lambda end, start: end.year - start.year,
    "quarter": lambda end, start: (end.year * 12 + end.month - 1) // 3 - (start.year * 12 + start.month - 1) // 3,
    "month": lambda end, start: (end.year - start.year) * 12 + end.month - start.month,
    "week": _weeks,
    "day": lambda end, start: end.toordinal() - start.toordinal(),
}

_MONTH_NAMES = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_FORMATTED: dict[str, Callable[[datetime], str]] = {
    "Y": lambda a: f"{a.year:04d}",
    "y": lambda a: f"{a.year % 100:02d}",
    "m": lambda a: f"{a.month:02d}",
    "d": lambda a: f"{a.day:02d}",
    "H": lambda a: f"{a.hour:02d}",
    "I": lambda a: f"{(a.hour + 11) % 12 + 1:02d}",
    "M": lambda a: f"{a.minute:02d}",
    "S": lambda a: f"{a.second:02d}",
    "f": lambda a: f"{a.microsecond:06d}",
    "p": lambda a: "AM" if a.hour < 12 else "PM",
    "j": lambda a: f"{a.toordinal() - date(a.year, 1, 1).toordinal() + 1:03d}",
    "b": lambda a: _MONTH_NAMES[a.month - 1][:3],
    "B": lambda a: _MONTH_NAMES[a.month - 1],
    "a": lambda a: _DAY_NAMES[a.weekday()][:3],
    "A": lambda a: _DAY_NAMES[a.weekday()],
    "%": lambda a: "%",
}
_SIGN = re.compile(r"%(.)", re.DOTALL)


def _fixed_format(value: Value) -> None:
    _plain_moments(value)
    form = value.args[1]
    if form.is_constant and isinstance(form.constant, str):
        rest = _SIGN.sub("", form.constant)
        if "%" not in rest and all(sign in _FORMATTED for sign in _SIGN.findall(form.constant)):
            return
    raise Unrowable(type(value.operation).__name__, msg("Dates are written in this format by the database only."))


@means("Strftime", check=_fixed_format, fails=False)
def _formatted(value: Value) -> Closure:
    if family(value.args[0].type) not in ("date", "timestamp", "null"):
        raise Unrowable("Strftime", msg("The type {type} is handled by the database only.", type=str(value.args[0].type)))
    parts = _SIGN.split(value.args[1].constant)
    pieces: list[tuple[str, Callable[[Any], str] | None]] = [
        (part, _FORMATTED[part] if index % 2 else None) for index, part in enumerate(parts) if part
    ]
    midnight = family(value.args[0].type) == "date"

    def write(a: Any, _: str) -> str:
        if midnight:
            a = datetime(a.year, a.month, a.day)
        return "".join(text if made is None else made(a) for text, made in pieces)

    return strict(value, write)


_READ = {
    "Y": r"(?P<year>\d{4})", "m": r"(?P<month>\d{2})", "d": r"(?P<day>\d{2})",
    "H": r"(?P<hour>\d{2})", "M": r"(?P<minute>\d{2})", "S": r"(?P<second>\d{2})",
}  # fmt: skip


def _fixed_text_format(value: Value) -> None:
    form = value.args[1]
    if not form.is_constant or family(value.args[0].type) not in ("str", "null"):
        raise Unrowable(
            type(value.operation).__name__, msg("Dates in a format that differs by row are read by the database only.")
        )


@means("StringToDate", "StringToTimestamp", check=_fixed_text_format)
def _read(value: Value) -> Closure:
    ask, form = value.asked(), value.args[1].constant
    if form is None:
        return lambda cells: None
    parts = _SIGN.split(form)
    signs = parts[1::2]
    # What stands there in full width is read here, anything else (one digit for a day, names, blanks more or less) by the database.
    plain = (
        set(signs) <= set(_READ)
        and len(signs) == len(set(signs))
        and {"Y", "m", "d"} <= set(signs)
        and "%" not in "".join(parts[::2])
    )
    pattern = re.compile(
        "".join(_READ[part] if index % 2 else re.escape(part) for index, part in enumerate(parts)) if plain else "(?!)", re.ASCII
    )
    is_date = type(value.operation).__name__ == "StringToDate"
    names = ("year", "month", "day", "hour", "minute", "second")

    def read(text: str, _: str) -> Any:
        found = pattern.fullmatch(text)
        if found is None:
            return ask(text, form)
        digits = found.groupdict()
        try:
            year, month, day, hour, minute, second = (int(digits.get(name, 0)) for name in names)
            moment = datetime(year, month, day, hour, minute, second)
        except ValueError:
            return ask(text, form)
        return moment.date() if is_date else moment

    return strict(value, read)
