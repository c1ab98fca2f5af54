"""LIKE, and regular expressions: those of RE2's syntax that Python's `re` takes in the same sense and in reasonable time.

RE2 never looks back, so that its time is linear. Patterns whose repetitions stand inside of each other could take `re` for ever:
they have no row meaning, nor has what the two read differently. Where the time is a power of the length, long texts go to the database. Syntax: https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tisserand.engine.rows.operations.table import means
from tisserand.engine.rows.operations.texts import FAR, lowered
from tisserand.engine.rows.shapes import strict
from tisserand.engine.rows.unrowable import Unrowable
from tisserand.engine.rows.values import Closure, Value
from tisserand.texts import msg

STEPS = 1_000_000
"""So many steps a pattern may take at worst, which is some hundredths of a second."""
FEW = 10
_REPEAT = re.compile(r"[*+?]|\{\d{1,3}(?:,\d{0,3})?\}")
_CLASSES = {"d": "0-9", "w": "0-9A-Za-z_", "s": r"\t\n\f\r "}
_PLAIN = frozenset(r".^$*+?()[]{}|\/-_#&~'\"<>=!@%,:; ")
_CONTROL = frozenset("tnfr")


class _Unlike(Exception):  # noqa: N818 - the answer "not in the same sense"
    pass


@lru_cache(maxsize=1000)
def translated(pattern: str) -> Translated | None:
    """The pattern for Python; None where Python would read it otherwise, or could take very long."""
    try:
        reading = _Reading(pattern)
        return Translated(re.compile(reading.whole()), reading.least == 0, reading.longest())
    except (_Unlike, re.error):
        return None


@dataclass(frozen=True, slots=True)
class Translated:
    pattern: re.Pattern[str]
    empty: bool
    """Whether it can match nothing somewhere."""
    longest: int
    """Characters of a text that it is tried on here; longer ones go to the database, whose time is linear."""


@dataclass(frozen=True, slots=True)
class _Part:
    text: str
    least: int = 1
    """The fewest characters that it takes; places such as `^` take none."""
    doubtful: bool = False
    """Whether a repetition of it could take very long: it repeats or chooses itself."""


_PLACES = frozenset({"^", r"\Z", r"(?a:\b)", r"(?a:\B)"})


class _Reading:
    """One pattern, read from left to right."""

    def __init__(self, pattern: str) -> None:
        self.pattern, self.at, self.least = pattern, 0, 0
        self.loose = 0
        """Repetitions without a near end: each makes the time grow by one more power of the length."""

    def whole(self) -> str:
        found = self._alternatives(0)
        if self.at < len(self.pattern):
            raise _Unlike
        self.least = found.least
        return found.text

    def longest(self) -> int:
        fixed = self.pattern.startswith("^") and "|" not in self.pattern
        power = self.loose + (0 if fixed else 1)
        return int(STEPS ** (1 / power)) if self.loose and power > 1 else FAR

    def _next(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def _alternatives(self, depth: int) -> _Part:
        if depth > 20:
            raise _Unlike
        made, least, doubtful = [""], [0], False
        while self._next() not in ("", ")"):
            if self._next() == "|":
                self.at += 1
                made.append("")
                least.append(0)
                continue
            part = self._repeated(depth)
            made[-1] += part.text
            least[-1] += part.least
            doubtful = doubtful or part.doubtful
        return _Part("|".join(made), min(least), doubtful or len(made) > 1)

    def _repeated(self, depth: int) -> _Part:
        atom = self._atom(depth)
        found = _REPEAT.match(self.pattern, self.at)
        if found is None:
            if self._next() in ("{", "}"):
                raise _Unlike
            return atom
        repeat = found[0]
        self.at = found.end()
        if (atom.doubtful and repeat != "?") or atom.text in _PLACES:
            raise _Unlike
        lazy = ""
        if self._next() == "?":
            self.at, lazy = self.at + 1, "?"
        if self._next() in ("*", "+", "?", "{"):
            raise _Unlike
        most = repeat[1:-1].rpartition(",")[2] if repeat[0] == "{" else ""
        if repeat != "?" and not (most and int(most) <= FEW):
            self.loose += 1
        times = 0 if repeat in "*?" else 1 if repeat == "+" else int(repeat[1:-1].partition(",")[0])
        return _Part(atom.text + repeat + lazy, atom.least * times, doubtful=True)

    def _atom(self, depth: int) -> _Part:
        letter = self._next()
        self.at += 1
        if letter == "(":
            return self._group(depth)
        if letter in "*+?{}":
            raise _Unlike
        text = self._set() if letter == "[" else self._escape() if letter == "\\" else r"\Z" if letter == "$" else ""
        text = text or (letter if letter in ".^" else re.escape(letter))
        return _Part(text, 0 if text in _PLACES else 1)

    def _group(self, depth: int) -> _Part:
        opening = "("
        if self._next() == "?":
            if self.pattern[self.at : self.at + 2] != "?:":
                raise _Unlike
            opening, self.at = "(?:", self.at + 2
        inner = self._alternatives(depth + 1)
        if self._next() != ")":
            raise _Unlike
        self.at += 1
        return _Part(f"{opening}{inner.text})", inner.least, inner.doubtful)

    def _escape(self) -> str:
        letter = self._next()
        self.at += 1
        if letter in _CLASSES:
            return f"[{_CLASSES[letter]}]"
        if letter and letter.lower() in _CLASSES:
            return f"[^{_CLASSES[letter.lower()]}]"
        if letter in ("b", "B"):
            return rf"(?a:\{letter})"
        if letter in _CONTROL:
            return "\\" + letter
        if letter and letter in _PLAIN:
            return re.escape(letter)
        raise _Unlike

    def _set(self) -> str:
        made = "["
        if self._next() == "^":
            made, self.at = "[^", self.at + 1
        if self._next() == "]":
            raise _Unlike
        while self._next() not in ("]", ""):
            low, single = self._member()
            if self._next() == "-" and self.pattern[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                high, both = self._member()
                if not (single and both):
                    raise _Unlike
                made += f"{low}-{high}"
            else:
                made += low
        if self._next() != "]":
            raise _Unlike
        self.at += 1
        return made + "]"

    def _member(self) -> tuple[str, bool]:
        """One member of a set, and whether it is a single character."""
        letter = self._next()
        self.at += 1
        if letter == "[":
            raise _Unlike
        if letter != "\\":
            return ("\\" + letter if letter in _PLAIN else letter), True
        inner = self._next()
        self.at += 1
        if inner in _CLASSES:
            return _CLASSES[inner], False
        if inner and (inner in _CONTROL or inner in _PLAIN):
            return "\\" + inner, True
        raise _Unlike


def _pattern(value: Value) -> re.Pattern[str]:
    return _translated(value).pattern


def _translated(value: Value) -> Translated:
    pattern, name = value.args[1], type(value.operation).__name__
    if not pattern.is_constant:
        raise Unrowable(name, msg("A regular expression that differs by row is tried by the database only."))
    found = translated(pattern.constant)
    if found is None:
        raise Unrowable(
            name,
            msg(
                "The regular expression “{pattern}” is tried by the database only: it repeats what repeats, or uses signs that are read in "
                "more than one way.",
                pattern=pattern.constant,
            ),
        )
    return found


def _checked(value: Value) -> None:
    if not (value.args[1].is_constant and value.args[1].constant is None):
        _pattern(value)


@means("RegexSearch", check=_checked, fails=False)
def _search(value: Value) -> Closure:
    if value.args[1].constant is None:
        return lambda cells: None
    search, longest, ask = _pattern(value).search, _translated(value).longest, value.asked()
    return strict(value, lambda text, pattern: search(text) is not None if len(text) <= longest else ask(text, pattern))


def _extractable(value: Value) -> None:
    _checked(value)
    group = value.args[2]
    if value.args[1].constant is not None and not (
        group.is_constant and isinstance(group.constant, int) and 0 <= group.constant <= _pattern(value).groups
    ):
        raise Unrowable("RegexExtract", msg("The regular expression has no such group, or its number differs by row."))


@means("RegexExtract", check=_extractable, fails=False)
def _extract(value: Value) -> Closure:
    if value.args[1].constant is None:
        return lambda cells: None
    search, group = _pattern(value).search, value.args[2].constant
    longest, ask = _translated(value).longest, value.asked()

    def extract(text: str, *others: Any) -> Any:
        if len(text) > longest:
            return ask(text, *others)
        found = search(text)
        return "" if found is None else found[group] or ""

    return strict(value, extract)


def _replaceable(value: Value) -> None:
    _checked(value)
    new = value.args[2]
    if value.args[1].constant is None or (new.is_constant and new.constant is None):
        return
    pattern = _pattern(value)
    text = new.constant if new.is_constant else ""
    if (
        not new.is_constant
        or re.search(r"\\(?![0-9])", text)
        or any(int(n) > pattern.groups for n in re.findall(r"\\(\d)", text))
    ):
        raise Unrowable(
            "RegexReplace", msg("What the matches are replaced by differs by row, or names a group that is not there.")
        )
    if _translated(value).empty:
        # Where nothing is matched, the two go on at different places.
        raise Unrowable("RegexReplace", msg("A regular expression that also matches nothing is replaced by the database only."))


@means("RegexReplace", check=_replaceable, fails=False)
def _replace(value: Value) -> Closure:
    if value.args[1].constant is None or value.args[2].constant is None:
        return lambda cells: None
    pattern = _pattern(value)
    parts = re.split(r"\\(\d)", value.args[2].constant)

    def new(match: re.Match[str]) -> str:
        return "".join((match[int(part)] or "") if index % 2 else part for index, part in enumerate(parts))

    fixed: str | Callable[[re.Match[str]], str] = new if len(parts) > 1 else (lambda match: parts[0])
    longest, ask = _translated(value).longest, value.asked()
    return strict(value, lambda text, *others: pattern.sub(fixed, text) if len(text) <= longest else ask(text, *others))


# -- LIKE


@lru_cache(maxsize=1000)
def like(pattern: str) -> Callable[[str], bool]:
    """Whether a text is like a pattern: `%` is anything, `_` one character, nothing escapes. Linear in the text for each part."""
    parts = [_part(part) for part in pattern.split("%")]
    if len(parts) == 1:
        whole = re.compile(parts[0], re.DOTALL).fullmatch
        return lambda text: whole(text) is not None
    first, last = re.compile(parts[0], re.DOTALL).match, re.compile(parts[-1] + r"\Z", re.DOTALL)
    tail = len(pattern.rpartition("%")[2])
    middle = [re.compile(part, re.DOTALL).search for part in parts[1:-1] if part]

    def matches(text: str) -> bool:
        found = first(text)
        if found is None:
            return False
        at = found.end()
        end = len(text) - tail
        if end < at or last.match(text, end) is None:
            return False
        for search in middle:
            found = search(text, at, end)
            if found is None:
                return False
            at = found.end()
        return True

    return matches


def _part(text: str) -> str:
    return ".".join(re.escape(part) for part in text.split("_"))


def _unescaped(value: Value) -> None:
    if value.operation.escape is not None:
        raise Unrowable(type(value.operation).__name__, msg("LIKE with a sign that escapes is tried by the database only."))


@means("StringSQLLike", check=_unescaped, fails=False)
def _like(value: Value) -> Closure:
    pattern = value.args[1]
    if pattern.is_constant and pattern.constant is not None:
        matches = like(pattern.constant)
        return strict(value, lambda text, _: matches(text))
    return strict(value, lambda text, pattern: like(pattern)(text))


@means("StringSQLILike", check=_unescaped, fails=False)
def _ilike(value: Value) -> Closure:
    lower = lowered()
    return strict(value, lambda text, pattern: like(lower(pattern))(lower(text)))
