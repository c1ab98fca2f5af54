"""The one table of functions and operators: signatures, help and tested examples, as data; what they compile to stands elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tisserand.model.formula.tree import FormulaError
from tisserand.texts import N_, msg

STATIC = ("unit", "format", "path", "digits")
"""Parameter types whose value must be known before the run: a literal or a `$parameter`."""


@dataclass(frozen=True, slots=True)
class Argument:
    name: str
    type: str
    """A family or group of `types`, several with `|`; `same` for arguments that share one type; or one of `STATIC`, `pattern`."""
    optional: bool = False
    variadic: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    category: str
    signature: str
    arguments: tuple[Argument, ...]
    result: str
    """A family; `same` for the common type of the `same` arguments; `first` for the type of the first argument."""
    help: str
    examples: tuple[tuple[str, Any], ...]
    """Formula and value; date and timestamp values stand as ISO text."""
    aliases: tuple[str, ...] = ()
    aggregate: bool = False

    @property
    def least(self) -> int:
        return sum(1 for argument in self.arguments if not argument.optional)

    @property
    def most(self) -> int | None:
        return None if self.arguments and self.arguments[-1].variadic else len(self.arguments)

    def argument(self, index: int) -> Argument:
        return self.arguments[min(index, len(self.arguments) - 1)]


def _arguments(signature: str) -> Iterable[Argument]:
    for part in filter(None, signature.split(", ")):
        name, _, kind = part.partition(": ")
        yield Argument(name.rstrip("?."), kind, name.endswith("?"), name.endswith("..."))


FUNCTIONS: dict[str, Function] = {}
ALIASES: dict[str, str] = {}
CATEGORIES = {
    "text": N_("Texts"),
    "number": N_("Numbers"),
    "logic": N_("Conditions and missing values"),
    "date": N_("Dates and times"),
    "convert": N_("Conversions"),
    "other": N_("JSON and hashes"),
    "aggregate": N_("Aggregates"),
}


def _add(category: str, head: str, help: str, *examples: tuple[str, Any], aliases: tuple[str, ...] = ()) -> None:
    name, _, rest = head.partition("(")
    inner, _, result = rest.rpartition(") -> ")
    function = Function(
        name, category, f"{name}({inner})", tuple(_arguments(inner)), result, help, examples, aliases, category == "aggregate"
    )
    FUNCTIONS[name] = function
    ALIASES.update(dict.fromkeys(aliases, name))


def _text() -> None:
    def add(head: str, help: str, *examples: tuple[str, Any], aliases: tuple[str, ...] = ()) -> None:
        _add("text", head, help, *examples, aliases=aliases)

    add("upper(text: text) -> text", N_("The text in capital letters."), ("upper('été')", "ÉTÉ"))
    add("lower(text: text) -> text", N_("The text in small letters."), ("lower('ÉTÉ')", "été"))
    add("trim(text: text) -> text", N_("The text without blanks at both ends."), ("trim('  a b ')", "a b"))
    add("ltrim(text: text) -> text", N_("The text without blanks at its start."), ("ltrim('  a ')", "a "))
    add("rtrim(text: text) -> text", N_("The text without blanks at its end."), ("rtrim(' a  ')", " a"))
    add("length(text: text) -> integer", N_("The number of characters."), ("length('été')", 3), ("length('')", 0))
    add(
        "substr(text: text, start: integer, length?: integer) -> text",
        N_(
            "The part from character `start`, counted from 1, to the end or `length` characters long. A start below 1 counts as 1."
        ),
        ("substr('abcdef', 3)", "cdef"),
        ("substr('abcdef', 2, 3)", "bcd"),
        ("substr('abc', 9)", ""),
        aliases=("substring",),
    )
    add("left(text: text, count: integer) -> text", N_("The first `count` characters."), ("left('abcdef', 2)", "ab"))
    add("right(text: text, count: integer) -> text", N_("The last `count` characters."), ("right('abcdef', 2)", "ef"))
    add(
        "replace(text: text, old: text, new: text) -> text",
        N_("The text with every `old` replaced by `new`."),
        ("replace('a-b-c', '-', '+')", "a+b+c"),
    )
    add("reverse(text: text) -> text", N_("The characters in reverse order."), ("reverse('abc')", "cba"))
    add(
        "contains(text: text, part: text) -> boolean",
        N_("Whether `part` occurs in the text; capitals count."),
        ("contains('Paris', 'ari')", True),
        ("contains('Paris', 'ARI')", False),
    )
    add(
        "starts_with(text: text, start: text) -> boolean", N_("Whether the text begins so."), ("starts_with('Paris', 'Pa')", True)
    )
    add("ends_with(text: text, end: text) -> boolean", N_("Whether the text ends so."), ("ends_with('Paris', 'is')", True))
    add(
        "split_part(text: text, separator: text, number: integer) -> text",
        N_("Part `number`, counted from 1, of the text cut at each `separator`; NULL where there is no such part."),
        ("split_part('a;b;c', ';', 2)", "b"),
        ("split_part('a;b', ';', 5)", None),
    )
    add(
        "concat(value...: any) -> text",
        N_("All values as one text; NULL counts as an empty text (with `||` it gives NULL)."),
        ("concat('a', NULL, 1)", "a1"),
    )
    add(
        "lpad(text: text, length: integer, fill: text) -> text",
        N_("The text filled up to `length` on the left; a longer text stays as it is."),
        ("lpad('7', 3, '0')", "007"),
        ("lpad('1234', 3, '0')", "1234"),
    )
    add(
        "rpad(text: text, length: integer, fill: text) -> text",
        N_("The text filled up to `length` on the right; a longer text stays as it is."),
        ("rpad('7', 3, '.')", "7.."),
    )
    add(
        "regexp_matches(text: text, pattern: pattern) -> boolean",
        N_("Whether the regular expression (RE2) matches somewhere in the text."),
        ("regexp_matches('A-42', '^[A-Z]-[0-9]+$')", True),
    )
    add(
        "regexp_extract(text: text, pattern: pattern, group?: digits) -> text",
        N_("What the regular expression, or one of its groups, matches first; NULL where it does not match."),
        ("regexp_extract('order 42', '[0-9]+')", "42"),
        ("regexp_extract('k=v', '([a-z])=([a-z])', 2)", "v"),
        ("regexp_extract('none', '[0-9]+')", None),
    )
    add(
        "regexp_replace(text: text, pattern: pattern, new: text) -> text",
        N_("The text with every match of the regular expression replaced; `\\1` is what the first group matched."),
        ("regexp_replace('a1b22', '[0-9]+', '#')", "a#b#"),
    )


def _number() -> None:
    def add(head: str, help: str, *examples: tuple[str, Any], aliases: tuple[str, ...] = ()) -> None:
        _add("number", head, help, *examples, aliases=aliases)

    add("abs(number: number) -> first", N_("The number without its sign."), ("abs(-2)", 2), ("abs(-2.5)", 2.5))
    add(
        "round(number: number, digits?: digits) -> first",
        N_("The nearest number with so many digits behind the point (0 if not given); halves are rounded away from zero."),
        ("round(2.5)", 3.0),
        ("round(-2.5)", -3.0),
        ("round(1234.567, 1)", 1234.6),
        ("round(1250, -2)", 1300),
    )
    add("floor(number: number) -> integer", N_("The next whole number at or below."), ("floor(-1.5)", -2), ("floor(1.5)", 1))
    add(
        "ceil(number: number) -> integer",
        N_("The next whole number at or above."),
        ("ceil(1.2)", 2),
        ("ceil(-1.5)", -1),
        aliases=("ceiling",),
    )
    add("sqrt(number: number) -> float", N_("The square root; an error below zero."), ("sqrt(9)", 3.0))
    add(
        "power(base: number, exponent: number) -> float",
        N_("`base` to the power of `exponent`."),
        ("power(2, 10)", 1024.0),
        aliases=("pow",),
    )
    add("exp(number: number) -> float", N_("e to the power of the number."), ("exp(0)", 1.0))
    add("ln(number: number) -> float", N_("The natural logarithm; an error at or below zero."), ("ln(1)", 0.0))
    add("log10(number: number) -> float", N_("The logarithm to base 10; an error at or below zero."), ("log10(1000)", 3.0))
    add("sign(number: number) -> integer", N_("-1, 0 or 1."), ("sign(-7)", -1), ("sign(0)", 0), ("sign(0.5)", 1))
    add(
        "mod(number: number, divisor: number) -> same",
        N_("The rest of the division, with the sign of `number`; NULL for a divisor of zero."),
        ("mod(7, 3)", 1),
        ("mod(-7, 3)", -1),
        ("mod(7, 0)", None),
    )
    add("greatest(value...: same) -> same", N_("The greatest value that is not NULL."), ("greatest(3, NULL, 7)", 7))
    add("least(value...: same) -> same", N_("The least value that is not NULL."), ("least('b', 'a')", "a"))


def _logic() -> None:
    _add("logic", "coalesce(value...: same) -> same", N_("The first value that is not NULL."), ("coalesce(NULL, 'x', 'y')", "x"))
    _add(
        "logic",
        "nullif(value: same, other: same) -> same",
        N_("NULL where both are equal, otherwise the first."),
        ("nullif('-', '-')", None),
        ("nullif(5, 0)", 5),
    )
    _add(
        "logic",
        "if(condition: boolean, then: same, else?: same) -> same",
        N_("One value where the condition is true, the other (or NULL) where it is false or NULL."),
        ("if(2 > 1, 'yes', 'no')", "yes"),
        ("if(NULL, 1, 2)", 2),
        ("if(1 > 2, 'yes')", None),
    )


def _date() -> None:
    def add(head: str, help: str, *examples: tuple[str, Any], aliases: tuple[str, ...] = ()) -> None:
        _add("date", head, help, *examples, aliases=aliases)

    add("year(date: when) -> integer", N_("The year."), ("year('2026-03-09')", 2026))
    add("quarter(date: when) -> integer", N_("The quarter, 1 to 4."), ("quarter('2026-03-09')", 1))
    add("month(date: when) -> integer", N_("The month, 1 to 12."), ("month('2026-03-09')", 3))
    add("week(date: when) -> integer", N_("The ISO week, 1 to 53."), ("week('2026-01-01')", 1), ("week('2027-01-01')", 53))
    add("day(date: when) -> integer", N_("The day of the month."), ("day('2026-03-09')", 9))
    add("weekday(date: when) -> integer", N_("The day of the week: Monday 1 to Sunday 7."), ("weekday('2026-03-09')", 1))
    add("hour(moment: timestamp) -> integer", N_("The hour, 0 to 23."), ("hour('2026-03-09 14:05:06')", 14))
    add("minute(moment: timestamp) -> integer", N_("The minute, 0 to 59."), ("minute('2026-03-09 14:05:06')", 5))
    add("second(moment: timestamp) -> integer", N_("The second, 0 to 59."), ("second('2026-03-09 14:05:06')", 6))
    add(
        "date_trunc(unit: unit, date: when) -> first_when",
        N_("The start of the year, quarter, month, week (Monday), day, hour, minute or second."),
        ("date_trunc('month', to_date('2026-03-09'))", "2026-03-01"),
        ("date_trunc('hour', to_timestamp('2026-03-09 14:05:06'))", "2026-03-09T14:00:00"),
    )
    add(
        "date_add(unit: unit, count: integer, date: when) -> first_when",
        N_("The date moved by so many units; the day is cut to the last of a shorter month."),
        ("date_add('month', 1, to_date('2026-01-31'))", "2026-02-28"),
        ("date_add('hour', -2, to_timestamp('2026-03-09 01:00:00'))", "2026-03-08T23:00:00"),
    )
    add(
        "date_diff(unit: unit, start: when, end: when) -> integer",
        N_("How many starts of a unit lie between two dates."),
        ("date_diff('day', '2026-02-27', '2026-03-01')", 2),
        ("date_diff('month', '2026-01-31', '2026-02-01')", 1),
    )
    add(
        "format_date(date: when, format: format) -> text",
        N_("The date as text: %Y year, %m month, %d day, %H hour, %M minute, %S second, %j day of the year."),
        ("format_date('2026-03-09', '%d/%m/%Y')", "09/03/2026"),
    )
    add("epoch(moment: when) -> integer", N_("Seconds since 1970-01-01."), ("epoch('1970-01-02')", 86400))
    add("now() -> timestamp", N_("The moment at which the run started, in UTC."), aliases=("current_timestamp",))
    add("today() -> date", N_("The day on which the run started, in UTC."), aliases=("current_date",))


def _convert() -> None:
    def add(head: str, help: str, *examples: tuple[str, Any]) -> None:
        _add("convert", head, help, *examples)

    add("to_text(value: any) -> text", N_("The value as text."), ("to_text(12)", "12"), ("to_text(1 = 1)", "true"))
    add(
        "to_integer(value: text|number|boolean) -> integer",
        N_("The value as whole number, rounded; a text that is no number is an error (TRY_CAST gives NULL)."),
        ("to_integer('42')", 42),
        ("to_integer(2.5)", 3),
    )
    add(
        "to_number(value: text|number|boolean) -> float",
        N_("The value as number; a text that is no number is an error (TRY_CAST gives NULL)."),
        ("to_number('4.5')", 4.5),
    )
    add(
        "to_date(value: text|when, format?: format) -> date",
        N_("The date that a text says, as 2026-03-09 or in a format such as '%d/%m/%Y'."),
        ("to_date('2026-03-09')", "2026-03-09"),
        ("to_date('09/03/2026', '%d/%m/%Y')", "2026-03-09"),
    )
    add(
        "to_timestamp(value: text|when, format?: format) -> timestamp",
        N_("The moment that a text says, as 2026-03-09 14:05:06 or in a format such as '%d/%m/%Y %H:%M'."),
        ("to_timestamp('2026-03-09 14:05:06')", "2026-03-09T14:05:06"),
        ("to_timestamp('09/03/2026 14:05', '%d/%m/%Y %H:%M')", "2026-03-09T14:05:00"),
    )


def _other() -> None:
    _add(
        "other",
        "json_value(json: json|text, path: path) -> text",
        N_("The value at a path such as `$.customer.name` or `$.lines[0].price`, as text; NULL where there is none."),
        ('json_value(\'{"a": {"b": [1, "x"]}}\', \'$.a.b[1]\')', "x"),
        ("json_value('{\"a\": 1.5}', '$.a')", "1.5"),
        ("json_value('{\"a\": null}', '$.a')", None),
    )
    _add("other", "md5(text: text) -> text", N_("The MD5 sum, hexadecimal."), ("md5('a')", "0cc175b9c0f1b6a831c399e269772661"))
    _add(
        "other",
        "hash_sha256(text: text) -> text",
        N_("The SHA-256 sum, hexadecimal."),
        ("hash_sha256('')", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        aliases=("sha256",),
    )


def _aggregate() -> None:
    def add(head: str, help: str, *examples: tuple[str, Any]) -> None:
        _add("aggregate", head, help, *examples)

    # The examples run over the three rows of EXAMPLE_ROWS.
    add("sum(number: number) -> first", N_("The sum; NULL where there is no value."), ("sum(qty)", 6))
    add("avg(number: number) -> float", N_("The mean."), ("avg(qty)", 2.0))
    add("min(value: any) -> first", N_("The least value."), ("min(qty)", 1))
    add("max(value: any) -> first", N_("The greatest value."), ("max(city)", "Paris"))
    add(
        "count(value?: any) -> integer",
        N_("The number of values, or of rows without argument."),
        ("count()", 4),
        ("count(qty)", 3),
    )
    add("count_distinct(value: any) -> integer", N_("The number of different values."), ("count_distinct(city)", 2))
    add("median(number: number) -> float", N_("The median."), ("median(qty)", 2.0))
    add("stddev(number: number) -> float", N_("The standard deviation of a sample."), ("stddev(qty)", 1.0))
    add("first(value: any) -> first", N_("The first value that is not NULL, in the order of arrival."), ("first(city)", "Lyon"))
    add("last(value: any) -> first", N_("The last value that is not NULL, in the order of arrival."), ("last(city)", "Paris"))
    add("any_value(value: any) -> first", N_("Some value that is not NULL."), ("any_value(qty * 0)", 0))
    add(
        "string_agg(text: text, separator: text) -> text",
        N_("The texts joined, in the order of arrival."),
        ("string_agg(city, '+')", "Lyon+Lyon+Paris+Paris"),
    )


EXAMPLE_ROWS = {"qty": [1, 2, 3, None], "city": ["Lyon", "Lyon", "Paris", "Paris"]}
"""The rows over which the examples of aggregates run."""

for _fill in (_text, _number, _logic, _date, _convert, _other, _aggregate):
    _fill()


def find(name: str, at: int = 0) -> Function:
    """The function of that name or alias; raises `FormulaError` with the nearest names."""
    function = FUNCTIONS.get(ALIASES.get(name, name))
    if function is None:
        near = nearest(name, [*FUNCTIONS, *ALIASES])
        if near:
            raise FormulaError(msg("Unknown function “{name}”. Did you mean “{near}”?", name=name, near=near), at)
        raise FormulaError(msg("Unknown function “{name}”. The help lists the functions that formulas know.", name=name), at)
    return function


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The name that was probably meant: one differing in capitals first, then the most alike."""
    import difflib

    names = list(known)
    for other in names:
        if other.lower() == name.lower():
            return other
    found = difflib.get_close_matches(name, names, 1, 0.6)
    return found[0] if found else None
