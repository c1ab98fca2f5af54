"""Types before the run: a tree against columns and parameters becomes a tree in which every conversion is written out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tisserand.model.formula import functions, types
from tisserand.model.formula.fitting import (
    PATH,
    Typed,
    check_pattern,
    convert,
    convertible,
    first_kind,
    moment,
    number_kind,
    shown,
    typed,
    when_kind,
)
from tisserand.model.formula.tree import Call, Case, Cast, Column, FormulaError, Literal, Parameter, Tree, walk
from tisserand.texts import N_, Message, msg

UNITS = ("year", "quarter", "month", "week", "day", "hour", "minute", "second")
_UNDER_A_DAY = ("hour", "minute", "second")
_FORMAT = re.compile(r"(?:[^%]|%[YymdHMSjbBaApIf%])*")


@dataclass(slots=True)
class Checker:
    """One check: columns by name with their family, parameters by name with their value."""

    columns: Mapping[str, str]
    parameters: Mapping[str, Any]
    aggregate: bool = False
    inside: str = ""
    """The aggregate function that is being looked into."""

    def check(self, tree: Tree) -> Typed:
        """The tree with conversions written out, and its family; raises `FormulaError`."""
        if isinstance(tree, Literal):
            return tree, types.family_of_value(tree.value) or "other"
        if isinstance(tree, Column):
            return self._column(tree)
        if isinstance(tree, Parameter):
            return self._parameter(tree)
        if isinstance(tree, Cast):
            return self._cast(tree)
        if isinstance(tree, Case):
            return self._case(tree)
        return self._operator(tree) if tree.name in _OPERATORS else self._function(tree)

    def _column(self, tree: Column) -> Typed:
        kind = self.columns.get(tree.name)
        if kind is None:
            near = functions.nearest(tree.name, self.columns)
            if near is not None:
                raise FormulaError(msg("Unknown column “{name}”. Did you mean “{near}”?", name=tree.name, near=near), tree.at)
            raise FormulaError(
                msg("Unknown column “{name}”. Columns: {columns}.", name=tree.name, columns=list(self.columns) or ["–"]), tree.at
            )
        if self.aggregate and not self.inside:
            raise FormulaError(
                msg("Column “{name}” stands outside of an aggregate. Write for example max({name}).", name=tree.name), tree.at
            )
        return tree, kind

    def _parameter(self, tree: Parameter) -> Typed:
        if tree.name not in self.parameters:
            near = functions.nearest(tree.name, self.parameters)
            if near is not None:
                raise FormulaError(
                    msg("Unknown parameter “${name}”. Did you mean “${near}”?", name=tree.name, near=near), tree.at
                )
            raise FormulaError(msg("Unknown parameter “${name}”. The flow declares no such parameter.", name=tree.name), tree.at)
        value = self.parameters[tree.name]
        kind = types.family_of_value(value)
        if kind is None or (kind == "integer" and not -(2**63) <= value < 2**63):
            raise FormulaError(msg("Parameter “${name}” has a value that formulas cannot take.", name=tree.name), tree.at)
        if isinstance(value, datetime) and value.tzinfo is not None:
            value = value.astimezone(UTC).replace(tzinfo=None)
        return Literal(value, tree.at), kind

    def _cast(self, tree: Cast) -> Typed:
        arg, kind = self.check(tree.arg)
        target = tree.type.partition("(")[0]
        if not convertible(kind, target):
            raise FormulaError(
                msg(
                    "{what} is {type} and cannot be converted to {target}.",
                    what=shown(arg),
                    type=types.name_of(kind),
                    target=types.name_of(target),
                ),
                tree.at,
            )
        return Cast(arg, tree.type, tree.safe, tree.at), target

    def _case(self, tree: Case) -> Typed:
        conditions = [self._boolean(condition, "WHEN") for condition, _ in tree.branches]
        values = [self.check(value) for _, value in tree.branches]
        if tree.default is not None:
            values.append(self.check(tree.default))
        fitted, kind = self._same(values, "CASE", tree.at)
        branches = tuple(zip(conditions, fitted, strict=False))
        return Case(branches, fitted[-1] if tree.default is not None else None, tree.at), kind

    # operators

    def _operator(self, tree: Call) -> Typed:
        name, at = tree.name, tree.at
        if name in ("and", "or", "not"):
            return Call(name, tuple(self._boolean(arg, name.upper()) for arg in tree.args), at), "boolean"
        args = [self.check(arg) for arg in tree.args]
        if name == "is null":
            return Call(name, (typed(args[0]),), at), "boolean"
        if name in ("is true", "is false"):
            return Call(name, (self._fit(args[0], "boolean", name.upper()),), at), "boolean"
        if name in ("like", "ilike"):
            return Call(name, tuple(self._fit(arg, "text", name.upper()) for arg in args), at), "boolean"
        if name == "||":
            return Call(name, tuple(self._as_text(arg) for arg in args), at), "text"
        if name == "negate":
            number = self._fit(args[0], "number", "-")
            return Call(name, (number,), at), number_kind(args[0][1])
        if name in ("+", "-", "*", "/", "%"):
            return self._arithmetic(name, args, at)
        fitted, kind = self._same(args, name.upper(), at)
        if kind in ("list", "struct", "other", "json"):
            raise FormulaError(msg("“{operator}” cannot compare {type}.", operator=name.upper(), type=types.name_of(kind)), at)
        if name == "between":
            value, low, high = fitted
            return Call("and", (Call(">=", (value, low), at), Call("<=", (value, high), at)), at), "boolean"
        return Call(name, tuple(fitted), at), "boolean"

    def _arithmetic(self, name: str, args: list[Typed], at: int) -> Typed:
        for arg, kind in args:
            if not types.accepts("number", kind):
                text = (
                    N_("“{operator}” takes numbers, but {what} is {type}. Texts are joined with ||.")
                    if kind == "text"
                    else N_("“{operator}” takes numbers, but {what} is {type}. Dates are moved with date_add.")
                    if kind in ("date", "timestamp")
                    else N_("“{operator}” takes numbers, but {what} is {type}.")
                )
                raise FormulaError(
                    Message(text, {"operator": name, "what": shown(arg), "type": types.name_of(kind)}), arg.at or at
                )
        if name == "/":
            return Call(name, tuple(convert(arg, "float") for arg in args), at), "float"
        kind = number_kind(types.common(args[0][1], args[1][1]) or "float")
        if kind == "float":
            return Call(name, tuple(convert(arg, "float") for arg in args), at), kind
        return Call(name, tuple(typed(arg, "integer") for arg in args), at), kind

    # functions

    def _function(self, tree: Call) -> Typed:
        function = functions.find(tree.name, tree.at)
        self._count(function, tree)
        if function.aggregate:
            return self._aggregate(function, tree)
        return self._apply(function, tree, [self.check(arg) for arg in tree.args])

    def _aggregate(self, function: functions.Function, tree: Call) -> Typed:
        if not self.aggregate:
            raise FormulaError(msg("“{name}” is an aggregate: it works in the Aggregate node only.", name=function.name), tree.at)
        if self.inside:
            raise FormulaError(
                msg(
                    "The aggregate “{name}” stands inside of “{outer}”; that is not allowed.",
                    name=function.name,
                    outer=self.inside,
                ),
                tree.at,
            )
        if tree.args and not any(isinstance(part, Column) for part in walk(tree.args[0])):
            raise FormulaError(msg("The aggregate “{name}” needs a column.", name=function.name), tree.at)
        self.inside = function.name
        try:
            return self._apply(function, tree, [self.check(arg) for arg in tree.args])
        finally:
            self.inside = ""

    def _count(self, function: functions.Function, tree: Call) -> None:
        given, least, most = len(tree.args), function.least, function.most
        if given < least or (most is not None and given > most):
            raise FormulaError(
                msg(
                    "Function “{name}” does not take this number of values ({count}). Write {signature}.",
                    name=function.name,
                    count=given,
                    signature=function.signature,
                ),
                tree.at,
            )

    def _apply(self, function: functions.Function, tree: Call, args: list[Typed]) -> Typed:
        same = [index for index in range(len(args)) if "same" in function.argument(index).type]
        result: list[Tree] = [arg for arg, _ in args]
        shared = "null"
        if same or function.name == "mod":
            indexes = same or [0, 1]
            if function.name == "mod":
                for index in indexes:
                    self._fit(args[index], "number", function.name)
            fitted, shared = self._same([args[index] for index in indexes], function.name, tree.at)
            for index, value in zip(indexes, fitted, strict=True):
                result[index] = value
        for index, arg in enumerate(args):
            wanted = function.argument(index).type
            if index not in same:
                result[index] = (
                    self._static(arg, wanted, function)
                    if wanted in functions.STATIC
                    else self._argument(arg, wanted, function, result[index])
                )
        kind = function.result
        if kind == "same":
            kind = shared
        elif kind == "first":
            kind = args[0][1] if args[0][1] != "null" else first_kind(function.argument(0).type)
        elif kind == "first_when":
            kind = self._moments(function, result, args)
        if function.name == "date_diff":
            self._moments(function, result, args)
        return Call(function.name, tuple(result), tree.at), kind

    def _argument(self, arg: Typed, wanted: str, function: functions.Function, already: Tree) -> Tree:
        if function.name == "concat":
            return self._as_text(arg)
        if wanted == "pattern":
            check_pattern(arg[0])
            return self._fit(arg, "text", function.name)
        if function.name == "mod":
            return already
        return self._fit(arg, wanted, function.name)

    def _moments(self, function: functions.Function, result: list[Tree], args: Sequence[Typed]) -> str:
        """Dates become timestamps where hours are counted, or where the other side is a timestamp."""
        unit = result[0].value if isinstance(result[0], Literal) else ""
        kinds = {
            index: when_kind(result[index], kind)
            for index, (_, kind) in enumerate(args)
            if "when" in function.argument(index).type
        }
        if unit in _UNDER_A_DAY or "timestamp" in kinds.values():
            for index in kinds:
                if kinds[index] == "date":
                    result[index] = Cast(result[index], "timestamp", False, result[index].at)
            return "timestamp"
        return "date"

    def _static(self, arg: Typed, wanted: str, function: functions.Function) -> Tree:
        tree, _ = arg
        value = tree.value if isinstance(tree, Literal) else None
        if wanted == "digits":
            if isinstance(value, int) and not isinstance(value, bool) and -15 <= value <= 15:
                return tree
            raise FormulaError(
                msg(
                    "Function “{name}” needs a whole number from -15 to 15 here, written out or as $parameter.",
                    name=function.name,
                ),
                tree.at,
            )
        if not isinstance(value, str):
            raise FormulaError(
                msg("Function “{name}” needs a text here, written out or as $parameter.", name=function.name), tree.at
            )
        if wanted == "unit":
            if value.lower() not in UNITS:
                raise FormulaError(msg("“{unit}” is not a unit of time. Units: {units}.", unit=value, units=list(UNITS)), tree.at)
            return Literal(value.lower(), tree.at)
        if wanted == "format" and not _FORMAT.fullmatch(value):
            raise FormulaError(
                msg(
                    "The format “{format}” has a % sign that is not known. Known: %Y %m %d %H %M %S %j %y %b %B %a %A %I %p %f %%.",
                    format=value,
                ),
                tree.at,
            )
        if wanted == "path" and not PATH.fullmatch(value):
            raise FormulaError(msg("“{path}” is not a JSON path. Write for example $.lines[0].price.", path=value), tree.at)
        return tree

    # fitting

    def _boolean(self, tree: Tree, operator: str) -> Tree:
        return self._fit(self.check(tree), "boolean", operator)

    def _fit(self, arg: Typed, wanted: str, taker: str) -> Tree:
        tree, kind = arg
        if kind == "null":
            return typed(arg, first_kind(wanted))
        if kind == "text" and isinstance(tree, Literal) and wanted in ("when", "date", "timestamp"):
            return moment(tree, wanted)
        if wanted == "timestamp" and kind == "date":
            return Cast(tree, "timestamp", False, tree.at)
        if types.accepts(wanted, kind):
            return tree
        expected = types.name_of(wanted.partition("|")[0])
        text = (
            N_("Function “{name}” takes {expected}, but {what} is {type}.")
            if taker in functions.FUNCTIONS
            else N_("“{name}” takes {expected}, but {what} is {type}.")
        )
        raise FormulaError(
            Message(text, {"name": taker, "expected": expected, "what": shown(tree), "type": types.name_of(kind)}), tree.at
        )

    def _same(self, args: Sequence[Typed], taker: str, at: int) -> tuple[list[Tree], str]:
        """All values in the one type they share. Texts written out become dates beside dates."""
        kind = "null"
        whens = [found for _, found in args if found in ("date", "timestamp")]
        for tree, found in args:
            if whens and found == "text" and isinstance(tree, Literal):
                found = types.family_of_value(moment(tree, "when").value) or found
            shared = types.common(kind, found)
            if shared is None:
                raise FormulaError(
                    msg(
                        "“{name}” needs values of one type, but {what} is {type} and another is {other}.",
                        name=taker,
                        what=shown(tree),
                        type=types.name_of(found),
                        other=types.name_of(kind),
                    ),
                    tree.at or at,
                )
            kind = shared
        if kind == "null":
            kind = "text"
        fitted = []
        for tree, found in args:
            if whens and found == "text" and isinstance(tree, Literal):
                tree = moment(tree, kind)
                found = kind
            fitted.append(convert((tree, found), kind))
        return fitted, kind

    def _as_text(self, arg: Typed) -> Tree:
        tree, kind = arg
        if kind != "null" and kind not in (*types.SCALARS, "json"):
            raise FormulaError(
                msg("{what} is {type} and cannot be joined to a text.", what=shown(tree), type=types.name_of(kind)), tree.at
            )
        return tree if kind == "text" else Cast(tree, "text", False, tree.at)


_OPERATORS = frozenset(
    {
        "and",
        "or",
        "not",
        "+",
        "-",
        "*",
        "/",
        "%",
        "=",
        "<>",
        "<",
        "<=",
        ">",
        ">=",
        "||",
        "like",
        "ilike",
        "in",
        "between",
        "negate",
    }
) | {
    "is null",
    "is true",
    "is false",
}


def check(tree: Tree, columns: Mapping[str, str], parameters: Mapping[str, Any], aggregate: bool = False) -> Typed:
    """Check a parsed formula against columns (name → family) and parameters; the result is ready to be compiled."""
    found = Checker(columns, parameters, aggregate).check(tree)
    return (typed(found), "text") if found[1] == "null" else found
