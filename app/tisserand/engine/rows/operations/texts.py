"""Functions of texts, counted in characters (code points); letters change case as the database's own tables say."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

from tisserand.engine.rows.asked import table_of
from tisserand.engine.rows.operations.table import family, means
from tisserand.engine.rows.shapes import strict
from tisserand.engine.rows.unrowable import Unrowable
from tisserand.engine.rows.values import Cells, Closure, Value
from tisserand.texts import msg

BLANKS = " \t\n\r\x0b\x0c"
LONGEST = 2**24
"""Characters of a text that is repeated here; longer ones are the database's, which has a limit of memory."""
FAR = 2**31


@cache
def changed(function: str) -> dict[int, str]:
    """Character → what the database's `upper` or `lower` makes of it, for all that change."""
    rows = table_of(
        f"SELECT code, {function}(chr(code)) FROM (SELECT range::INTEGER AS code FROM range(1, 1114112)) "
        f"WHERE code NOT BETWEEN 55296 AND 57343 AND {function}(chr(code)) <> chr(code)"
    )
    return dict(rows)


@means("Uppercase", fails=False)
def _upper(value: Value) -> Closure:
    table = changed("upper")
    return strict(value, lambda text: text.upper() if text.isascii() else text.translate(table))


@means("Lowercase", fails=False)
def _lower(value: Value) -> Closure:
    return strict(value, lowered())


def lowered() -> Callable[[str], str]:
    """The database's `lower`."""
    table = changed("lower")
    return lambda text: text.lower() if text.isascii() else text.translate(table)


@means("Strip", fails=False)
def _strip(value: Value) -> Closure:
    return strict(value, lambda text: text.strip(BLANKS))


@means("LStrip", fails=False)
def _lstrip(value: Value) -> Closure:
    return strict(value, lambda text: text.lstrip(BLANKS))


@means("RStrip", fails=False)
def _rstrip(value: Value) -> Closure:
    return strict(value, lambda text: text.rstrip(BLANKS))


def _is_text(value: Value) -> None:
    given = value.args[0].type
    if family(given) not in ("str", "null"):
        raise Unrowable(type(value.operation).__name__, msg("The type {type} is handled by the database only.", type=str(given)))


@means("StringLength", check=_is_text, fails=False)
def _length(value: Value) -> Closure:
    return strict(value, len)


@means("Substring")
def _substring(value: Value) -> Closure:
    ask = value.asked()

    def rest(text: str, start: int) -> Any:
        return text[start:] if 0 <= start < FAR else ask(text, start)

    def part(text: str, start: int, length: int) -> Any:
        return text[start : start + length] if 0 <= start < FAR and 0 <= length < FAR else ask(text, start, length)

    return strict(value, rest if len(value.args) == 2 else part)


@means("StrRight")
def _right(value: Value) -> Closure:
    ask = value.asked()

    def right(text: str, count: int) -> Any:
        return text[-count:] if 0 < count < FAR else "" if count == 0 else ask(text, count)

    return strict(value, right)


@means("Repeat")
def _repeat(value: Value) -> Closure:
    ask = value.asked()
    return strict(value, lambda text, times: text * times if times * len(text) <= LONGEST else ask(text, times))


@cache
def _joining() -> frozenset[str]:
    """Characters that can be one letter with a neighbour: accents, joiners, halves of flags, parts of Korean syllables."""
    rows = table_of(
        "SELECT chr(code) FROM (SELECT range::INTEGER AS code FROM range(1, 1114112)) WHERE code NOT BETWEEN 55296 AND 57343 AND "
        "(length_grapheme('a' || chr(code)) = 1 OR length_grapheme(chr(code) || 'a') = 1 OR length_grapheme(chr(code) || chr(code)) = 1)"
    )
    return frozenset(row[0] for row in rows) | {"\r", "\n"}


@means("Reverse")
def _reverse(value: Value) -> Closure:
    joining, ask = _joining(), value.asked()

    def reverse(text: str) -> Any:
        # Accents stay with their letters: the database knows which belong together.
        if text.isascii() and "\r" not in text:
            return text[::-1]
        return text[::-1] if joining.isdisjoint(text) else ask(text)

    return strict(value, reverse)


@means("StringReplace", fails=False)
def _replace(value: Value) -> Closure:
    return strict(value, lambda text, old, new: text.replace(old, new) if old else text)


@means("StringContains", fails=False)
def _contains(value: Value) -> Closure:
    return strict(value, lambda text, part: part in text)


@means("StartsWith", fails=False)
def _starts(value: Value) -> Closure:
    return strict(value, lambda text, start: text.startswith(start))


@means("EndsWith", fails=False)
def _ends(value: Value) -> Closure:
    return strict(value, lambda text, end: text.endswith(end))


@means("StringSplit")
def _split(value: Value) -> Closure:
    ask = value.asked()
    first, second = (arg.closure for arg in value.args)

    def split(cells: Cells) -> Any:
        text, separator = first(cells), second(cells)
        if text is None:
            return None
        # Nowhere to cut is no reason for NULL, says the database.
        return [text] if separator is None else text.split(separator) if separator else ask(text, separator)

    return split


@means("StringConcat", fails=False)
def _concat(value: Value) -> Closure:
    return strict(value, (lambda a, b: a + b) if len(value.args) == 2 else lambda *parts: "".join(parts))


def _known_sum(value: Value) -> None:
    _is_text(value)
    if value.operation.how not in _SUMS:
        raise Unrowable("HexDigest", msg("The sum {name} is computed by the database only.", name=str(value.operation.how)))


_SUMS: dict[str, Callable[[bytes], Any]] = {
    "md5": lambda raw: hashlib.md5(raw, usedforsecurity=False),
    "sha256": hashlib.sha256,
}


@means("HexDigest", check=_known_sum, fails=False)
def _digest(value: Value) -> Closure:
    digest = _SUMS[value.operation.how]
    return strict(value, lambda text: digest(text.encode()).hexdigest())
