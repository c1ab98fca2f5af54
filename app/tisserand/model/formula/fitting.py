"""Small judgements on checked parts of a formula: NULLs that get a type, dates written as text, conversions, wording."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from tisserand.model.formula import types
from tisserand.model.formula.tree import Call, Cast, Column, FormulaError, Literal, Tree
from tisserand.texts import Message, msg

Typed = tuple[Tree, str]
"""A part and its family."""

PATH = re.compile(r"\$?((?:\.?[\w -]+|\[\d+\])+)")
_PATH_STEP = re.compile(r"\.?([\w -]+)|\[(\d+)\]")


def path_steps(path: str) -> list[str | int]:
    """`$.a.b[1]` as `["a", "b", 1]`."""
    match = PATH.fullmatch(path)
    assert match is not None, path
    return [int(step[2]) if step[2] else step[1] for step in _PATH_STEP.finditer(match[1])]


def typed(arg: Typed, kind: str = "text") -> Tree:
    """A NULL gets a type, anything else stays."""
    tree, found = arg
    return Cast(tree, kind, False, tree.at) if found == "null" and not isinstance(tree, Cast) else tree


def convert(arg: Typed, kind: str) -> Tree:
    tree, found = arg
    if found == kind or kind in ("list", "struct", "json", "binary", "other"):
        return tree
    if kind == "decimal":
        # Decimals keep their own digits; whoever compiles widens them.
        return Cast(tree, "decimal(38, 0)", False, tree.at) if found == "null" else tree
    return Cast(tree, kind, False, tree.at)


def convertible(kind: str, target: str) -> bool:
    if kind in ("null", target) or "text" in (kind, target):
        return kind in ("null", *types.SCALARS) or (kind == "json" and target == "text")
    plain = (*types.NUMBERS, "boolean")
    if kind in plain:
        return target in plain
    return kind in ("date", "timestamp") and target in ("date", "timestamp", "time") and (kind, target) != ("date", "time")


def first_kind(wanted: str) -> str:
    first = wanted.partition("|")[0]
    return {"when": "date", "number": "integer", "any": "text", "same": "text", "pattern": "text", "json": "text"}.get(
        first, first
    )


def number_kind(kind: str) -> str:
    return "integer" if kind == "null" else kind


def when_kind(tree: Tree, kind: str) -> str:
    if kind in ("text", "null") and isinstance(tree, Literal):
        return types.family_of_value(tree.value) or "date"
    return "date" if kind == "null" else kind


def moment(tree: Literal, wanted: str) -> Literal:
    """A date or timestamp that stands in the formula as text, read now rather than per row."""
    text = str(tree.value).strip()
    try:
        if wanted == "date" or (wanted == "when" and len(text) <= 10):
            return Literal(date.fromisoformat(text), tree.at)
        found = datetime.fromisoformat(text)
    except ValueError:
        raise FormulaError(
            msg("“{text}” is not a date. Write it as 2026-03-09 or 2026-03-09 14:05:06.", text=text), tree.at
        ) from None
    return Literal(found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found, tree.at)


def check_pattern(tree: Tree) -> None:
    if not isinstance(tree, Literal) or not isinstance(tree.value, str):
        return
    if re.search(r"\\[1-9]|\(\?(<?[=!]|P=)", tree.value):
        raise FormulaError(
            msg("The pattern “{pattern}” looks around or back; such patterns are not supported.", pattern=tree.value), tree.at
        )
    try:
        re.compile(tree.value)
    except re.error as error:
        raise FormulaError(
            msg("The pattern “{pattern}” is not a regular expression: {reason}.", pattern=tree.value, reason=str(error)), tree.at
        ) from None


def shown(tree: Tree) -> str | Message:
    """How a sentence calls a part of a formula."""
    if isinstance(tree, Column):
        return msg("“{name}”", name=tree.name)
    if isinstance(tree, Literal):
        return "NULL" if tree.value is None else f"'{tree.value}'" if isinstance(tree.value, str) else str(tree.value)
    if isinstance(tree, Cast):
        return "CAST" if not isinstance(tree.arg, Literal) else shown(tree.arg)
    if not isinstance(tree, Call):
        return "CASE"
    return f"{tree.name}(…)" if tree.name.isidentifier() else msg("“{name}”", name=tree.name)
