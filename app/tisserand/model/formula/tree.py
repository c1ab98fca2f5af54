"""The closed tree of a formula: whatever has no form here cannot be said in a formula."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from tisserand.texts import Message

Value = bool | int | float | Decimal | str | date | datetime | None


class FormulaError(Exception):
    """What is wrong with a formula, as a sentence; `at` is the place in the text, counted from 0."""

    def __init__(self, message: Message, at: int = 0) -> None:
        self.message = message
        self.at = at
        super().__init__(message.text("en"))


@dataclass(frozen=True, slots=True)
class Literal:
    value: Value
    at: int


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function or an operator (`+`, `and`, `is null`, `in` …) by its name in the tables of `functions`."""

    name: str
    args: tuple[Tree, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Cast:
    arg: Tree
    type: str
    safe: bool
    at: int


@dataclass(frozen=True, slots=True)
class Case:
    branches: tuple[tuple[Tree, Tree], ...]
    default: Tree | None
    at: int


Tree = Literal | Column | Parameter | Call | Cast | Case


def children(tree: Tree) -> tuple[Tree, ...]:
    if isinstance(tree, Call):
        return tree.args
    if isinstance(tree, Cast):
        return (tree.arg,)
    if isinstance(tree, Case):
        parts = tuple(part for branch in tree.branches for part in branch)
        return parts if tree.default is None else (*parts, tree.default)
    return ()


def walk(tree: Tree) -> Iterator[Tree]:
    """The tree and everything below it, in reading order, without recursion."""
    waiting = [tree]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(reversed(children(found)))
