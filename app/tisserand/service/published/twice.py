"""Names that come twice in an object of JSON: which of the values counts, RFC 8259 (4) leaves to the reader, and I-JSON (RFC 7493, 2.3)
forbids them. Whoever looked at a request before us may have read the other one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]', re.DOTALL)
_COLON = b"\\u003"
"""A colon, or another of the sixteen signs that a text may write so."""


def unique(body: bytes, found: Any) -> bool:
    """Whether no name comes twice, for sure, in a body of JSON of which `found` was read. Costs less than reading it.

    Each member of an object brings a colon, and what comes twice was read once. A text has colons of its own, as many in `body` as where
    it is written anew, unless it writes them in another way.
    """
    colons = body.count(b":")
    if type(found) is dict:
        # Most bodies need not be written anew: so many names are different ones, and there are no more.
        members = len(found)
        if members == colons:
            return True
        for value in found.values():
            if type(value) is dict:
                members += len(value)
        if members == colons:
            return True
    elif type(found) is list and set(map(type, found)) == {dict} and sum(map(len, found)) == colons:
        return True
    try:
        return colons == orjson.dumps(found).count(b":") and _COLON not in body
    except orjson.JSONEncodeError:
        return False  # deeper than it can be written


def twice(body: bytes) -> Iterator[str]:
    """The JSON pointer (RFC 6901) of each member whose name came before in its object. `body` must be JSON."""
    open: list[tuple[set[str] | None, str]] = []
    """Names so far of each object that is open, None for a list, and its pointer."""
    counts: list[int] = []
    name = ""
    last: bytes | None = None
    for match in _TOKEN.finditer(body):
        token = match[0]
        if token in b"{[":
            at = _at(open, counts, name)
            open.append((set() if token == b"{" else None, at))
            counts.append(0)
        elif token in b"}]":
            open.pop()
            counts.pop()
        elif token == b",":
            counts[-1] += 1
        elif token == b":":
            assert last is not None
            name = orjson.loads(last)
            names = open[-1][0]
            assert names is not None
            if name in names:
                yield _at(open, counts, name)
            names.add(name)
        last = token


def _at(open: list[tuple[set[str] | None, str]], counts: list[int], name: str) -> str:
    """The pointer of what comes now."""
    if not open:
        return ""
    names, above = open[-1]
    step = str(counts[-1]) if names is None else name.replace("~", "~0").replace("/", "~1")
    return f"{above}/{step}"
