"""What editors need of a formula as text: its columns, renaming one without touching the rest, colours, completion."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlglot.tokens import Token, TokenType

from tisserand.model.formula import functions
from tisserand.model.formula.dialect import tokenize
from tisserand.model.formula.syntax import parse
from tisserand.model.formula.tree import Column, FormulaError, walk

KEYWORDS = frozenset(
    {
        "and",
        "or",
        "not",
        "is",
        "null",
        "true",
        "false",
        "in",
        "between",
        "like",
        "ilike",
        "case",
        "when",
        "then",
        "else",
        "end",
        "as",
    }
)
_PLAIN = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One completion: `text` replaces what stands from `start` to the cursor."""

    text: str
    kind: str
    start: int
    help: str = ""


def columns_used(text: str) -> frozenset[str]:
    """The names of all columns in a formula; raises `FormulaError` for one that cannot be read."""
    return frozenset(part.name for part in walk(parse(text)) if isinstance(part, Column))


def quoted(name: str) -> str:
    """A column's name as a formula writes it: quoted where it is no plain word or is a word of the language."""
    if _PLAIN.fullmatch(name) and name.lower() not in KEYWORDS:
        return name
    return '"' + name.replace('"', '""') + '"'


def rename_column(text: str, old: str, new: str) -> str:
    """The formula with column `old` called `new`, everything else as it was; a text that cannot be read stays as it is."""
    try:
        columns = [part for part in walk(parse(text)) if isinstance(part, Column) and part.name == old]
        found = {token.start: token for token in tokenize(text)}
    except FormulaError:
        return text
    for column in sorted(columns, key=lambda part: part.at, reverse=True):
        token = found[column.at]
        text = text[: token.start] + quoted(new) + text[token.end + 1 :]
    return text


def tokens(text: str) -> list[tuple[int, int, str]]:
    """Start, end and kind (keyword, function, column, parameter, text, number, operator, comment, error) of every token.

    A formula being typed is often not one yet: what follows an open quote is one `error`."""
    result: list[tuple[int, int, str]] = []
    try:
        found = tokenize(text)
    except FormulaError:
        opened = _open_quote(text)
        return [*tokens(text[:opened]), (opened, len(text), "error")]
    end = 0
    for index, token in enumerate(found):
        result.extend(_comments(text, end, token.start))
        result.append((token.start, token.end + 1, _kind(found, index)))
        end = token.end + 1
    result.extend(_comments(text, end, len(text)))
    return result


def _comments(text: str, start: int, end: int) -> Iterable[tuple[int, int, str]]:
    between = text[start:end]
    if between.strip():
        yield start + len(between) - len(between.lstrip()), start + len(between.rstrip()), "comment"


def _open_quote(text: str) -> int:
    position = 0
    pattern = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|['\"]|/\*", re.DOTALL)
    for match in pattern.finditer(text):
        position = match.start()
        if match[0] in ("'", '"', "/*"):
            return position
    return position


def _kind(found: list[Token], index: int) -> str:
    token = found[index]
    following = found[index + 1].token_type if index + 1 < len(found) else None
    if token.token_type is TokenType.STRING:
        return "text"
    if token.token_type is TokenType.NUMBER:
        return "number"
    if token.token_type is TokenType.IDENTIFIER:
        return "column"
    if token.token_type is TokenType.PARAMETER or (index and found[index - 1].token_type is TokenType.PARAMETER):
        return "parameter"
    if token.text.lower() in KEYWORDS:
        return "keyword"
    if token.token_type is TokenType.VAR:
        return "function" if following is TokenType.L_PAREN else "column"
    return "operator"


def complete(text: str, position: int, columns: Iterable[str], parameters: Mapping[str, Any] | Iterable[str]) -> list[Candidate]:
    """What may stand at the cursor: columns first, then functions, then words; after `$` the parameters."""
    before = text[:position]
    match = re.search(r"[$]?\w*$", before)
    word = match[0] if match else ""
    start = position - len(word)
    if _in_literal(before[:start]):
        return []
    if word.startswith("$"):
        return [
            Candidate(f"${name}", "parameter", start)
            for name in parameters
            if name.startswith(word[1:]) and not name.startswith("__")
        ]
    small = word.lower()
    found = [Candidate(quoted(name), "column", start) for name in columns if name.lower().startswith(small)]
    found += [
        Candidate(f"{f.name}(", "function", start, f.help) for f in functions.FUNCTIONS.values() if f.name.startswith(small)
    ]
    if small:
        found += [Candidate(name.upper(), "keyword", start) for name in sorted(KEYWORDS) if name.startswith(small)]
    return found


def _in_literal(before: str) -> bool:
    try:
        tokenize(before)
    except FormulaError:
        return True
    return False
