"""Formulas that are lists of simple conditions: read into rows of column, comparison and values, and written back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal as OneOf

from tisserand.model.formula.editing import quoted
from tisserand.model.formula.syntax import parse
from tisserand.model.formula.tree import Call, Column, FormulaError, Literal, Tree

Join = OneOf["and", "or"]
Kind = OneOf["text", "number", "date"]
COMPARISONS = ("=", "<>", ">", ">=", "<", "<=")
TEXTUAL = ("contains", "starts_with", "ends_with")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class Condition:
    """`column comparison values`. `values` are texts as a person types them; `kind` says what they are."""

    column: str
    comparison: str
    """One of `COMPARISONS`, `TEXTUAL`, `between`, `in`, `is null`, `is true`; with `not ` before it for its contrary."""
    values: tuple[str, ...] = ()
    kind: Kind = "text"


def offered(family: str) -> tuple[str, ...]:
    """The comparisons that make sense for a family of types (`text`, `integer`, `float`, `decimal`, `boolean`, `date`, …)."""
    empty = ("is null", "not is null")
    if family == "boolean":
        return ("is true", "not is true", *empty)
    if family == "text":
        return ("=", "<>", "contains", "not contains", "starts_with", "ends_with", "in", "not in", *empty)
    if family in ("integer", "float", "decimal", "date", "timestamp"):
        return (*COMPARISONS, "between", "in", "not in", *empty)
    return ("=", "<>", *empty)


def kind_of(family: str) -> Kind:
    """What the values for a column are."""
    return "number" if family in ("integer", "float", "decimal") else "date" if family in ("date", "timestamp") else "text"


def write(conditions: Sequence[Condition], join: Join = "and") -> str:
    """The formula of some conditions; those that lack a column or a value are left out."""
    parts = [part for condition in conditions if (part := _written(condition))]
    return f" {join} ".join(parts)


def complete(condition: Condition) -> bool:
    """Whether a condition says all that it needs."""
    return bool(_written(condition))


def _written(condition: Condition) -> str:
    base = condition.comparison.removeprefix("not ")
    contrary = condition.comparison != base
    name = quoted(condition.column) if condition.column else ""
    values = [value for value in condition.values if value.strip() or condition.kind == "text"]
    needed = {"between": 2, "in": 1, "is null": 0, "is true": 0}.get(base, 1)
    if not name or len(values) < needed or any(not _fits(value, condition.kind) for value in values[: needed or None] if needed):
        return ""
    listed = [_literal(value, condition.kind) for value in values]
    if base == "is null":
        return f"{name} is not null" if contrary else f"{name} is null"
    if base == "is true":
        return f"not {name}" if contrary else name
    if base == "between":
        return f"{name} between {listed[0]} and {listed[1]}"
    if base == "in":
        return f"{'not ' if contrary else ''}{name} in ({', '.join(listed)})"
    if base in TEXTUAL:
        return f"{'not ' if contrary else ''}{base}({name}, {listed[0]})"
    return f"{name} {base} {listed[0]}"


def _fits(value: str, kind: str) -> bool:
    if kind == "number":
        return bool(_NUMBER.fullmatch(value.strip()))
    if kind == "date":
        try:
            date.fromisoformat(value.strip()[:10])
        except ValueError:
            return False
    return True


def _literal(value: str, kind: str) -> str:
    if kind == "number":
        return value.strip()
    shown = value.strip() if kind == "date" else value
    text = "'" + shown.replace("'", "''") + "'"
    return f"{'to_timestamp' if len(value.strip()) > 10 else 'to_date'}({text})" if kind == "date" else text


def read(text: str) -> tuple[Join, list[Condition]] | None:
    """The conditions of a formula and what joins them; None for a formula that is no such list."""
    if not text.strip():
        return "and", []
    try:
        tree = parse(text)
    except FormulaError:
        return None
    join: Join = "or" if isinstance(tree, Call) and tree.name == "or" else "and"
    found = [_condition(part) for part in _parts(tree, join)]
    whole = [each for each in found if each is not None]
    return (join, whole) if len(whole) == len(found) else None


def _parts(tree: Tree, join: Join) -> list[Tree]:
    if isinstance(tree, Call) and tree.name == join:
        return [part for arg in tree.args for part in _parts(arg, join)]
    return [tree]


def _condition(tree: Tree) -> Condition | None:
    if isinstance(tree, Column):
        return Condition(tree.name, "is true")
    if not isinstance(tree, Call):
        return None
    if tree.name == "not":
        inner = _condition(tree.args[0])
        if inner is None or inner.comparison.startswith("not ") or inner.comparison in (*COMPARISONS, "between", *TEXTUAL[1:]):
            return None
        return Condition(inner.column, f"not {inner.comparison}", inner.values, inner.kind)
    if not tree.args or not isinstance(tree.args[0], Column):
        return None
    known = (*COMPARISONS, *TEXTUAL, "between", "in", "is null")
    values = [_value(arg) for arg in tree.args[1:]]
    kinds: set[Kind] = {value[1] for value in values if value is not None}
    if tree.name not in known or None in values or len(kinds) > 1:
        return None
    kind: Kind = next(iter(kinds), "text")
    return Condition(tree.args[0].name, tree.name, tuple(value[0] for value in values if value is not None), kind)


def _value(tree: Tree) -> tuple[str, Kind] | None:
    if (
        isinstance(tree, Call)
        and tree.name in ("to_date", "to_timestamp")
        and len(tree.args) == 1
        and isinstance(tree.args[0], Literal)
    ):
        inner = tree.args[0].value
        return (inner, "date") if isinstance(inner, str) else None
    if not isinstance(tree, Literal) or isinstance(tree.value, bool) or tree.value is None:
        return None
    if isinstance(tree.value, str):
        return tree.value, "text"
    if isinstance(tree.value, int | float | Decimal):
        return str(tree.value), "number"
    return None
