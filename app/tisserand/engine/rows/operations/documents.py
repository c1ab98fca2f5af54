"""JSON documents, structures and lists.

A JSON value is a `Document` inside of a program (parsed once, written when somebody wants its text); in the rows that come and go it
is its text. What Python's parser and the database's read differently is asked of the database.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tisserand.engine.rows.operations.table import family, means
from tisserand.engine.rows.shapes import strict
from tisserand.engine.rows.unrowable import Unrowable
from tisserand.engine.rows.values import MISSING, Closure, Value
from tisserand.texts import msg


class Odd(ValueError):  # noqa: N818 - the answer "not here"
    """A document that the two parsers may read differently."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise Odd("a name twice")
    return made


def _float(text: str) -> float:
    found = float(text)
    # Numbers are written anew: only those that both write alike.
    if "e" in (shown := repr(found)) or shown in ("inf", "nan") or (found == 0.0 and text.startswith("-")):
        raise Odd(text)
    return found


def _int(text: str) -> int:
    if len(text) > 18 or text == "-0":
        raise Odd(text)
    return int(text)


def _constant(text: str) -> Any:
    raise Odd(text)


_LOADS = json.JSONDecoder(object_pairs_hook=_pairs, parse_float=_float, parse_int=_int, parse_constant=_constant).decode
_WRITE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Document:
    """One JSON value: its text, its parsed form, or both."""

    __slots__ = ("_text", "_value")

    def __init__(self, text: str | None, value: Any = MISSING) -> None:
        self._text, self._value = text, value

    @staticmethod
    def made(value: Any) -> Document:
        """Of a value that was parsed here."""
        return Document(None, value)

    @property
    def text(self) -> str:
        if self._text is None:
            self._text = _WRITE(self._value)
        return self._text

    @property
    def value(self) -> Any:
        """Raises `Odd` where the database may read the text otherwise."""
        if self._value is MISSING:
            assert self._text is not None
            self._value = parsed(self._text)
        return self._value


def parsed(text: str) -> Any:
    """The value of a JSON text; raises `Odd` where the database may read it otherwise."""
    if "\\" in text or "\x7f" in text:
        raise Odd("an escape")
    try:
        return _LOADS(text)
    except (ValueError, RecursionError) as error:
        raise Odd(str(error)) from None


def document_of(text: str, ask: Callable[[str], Any]) -> Document | None:
    """The document of a text; where it is none, the database says what comes of it."""
    try:
        return Document(text, parsed(text))
    except Odd:
        found = ask(text)
        return None if found is None else Document(found)


@means("JSONGetItem")
def _item(value: Value) -> Closure:
    ask = value.asked()

    def item(document: Document, key: Any) -> Any:
        try:
            found = document.value
        except Odd:
            text = ask(document.text, key)
            return None if text is None else Document(text)
        if type(key) is str:
            return Document.made(found[key]) if isinstance(found, dict) and key in found else None
        if isinstance(found, list) and 0 <= key < len(found):
            return Document.made(found[key])
        return None if not isinstance(found, list) or key >= 0 else _asked(ask, document, key)

    return strict(value, item)


def _asked(ask: Callable[..., Any], document: Document, key: Any) -> Document | None:
    text = ask(document.text, key)
    return None if text is None else Document(text)


@means("UnwrapJSONString")
def _unwrapped(value: Value) -> Closure:
    ask = value.asked()

    def unwrap(document: Document) -> Any:
        try:
            found = document.value
        except Odd:
            return ask(document.text)
        return found if type(found) is str else None

    return strict(value, unwrap)


@means("StructField", fails=False)
def _field(value: Value) -> Closure:
    name = value.operation.field
    if family(value.args[0].type) != "struct":
        raise Unrowable("StructField", msg("The type {type} is handled by the database only.", type=str(value.args[0].type)))
    return strict(value, lambda parts: parts.get(name))


@means("StructColumn", fails=False)
def _struct(value: Value) -> Closure:
    names = tuple(value.operation.names)
    closures = [arg.closure for arg in value.args]
    return lambda cells: dict(zip(names, [closure(cells) for closure in closures], strict=True))


@means("ArrayIndex")
def _index(value: Value) -> Closure:
    def at(parts: list[Any], index: int) -> Any:
        # Past either end there is nothing; below zero is counted from the end.
        return parts[index] if -len(parts) <= index < len(parts) else None

    return strict(value, at)
