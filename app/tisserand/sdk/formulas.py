"""From a formula to a typed Ibis expression over the columns of one table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from tisserand.model.formula import functions, types
from tisserand.model.formula.check import check
from tisserand.model.formula.editing import columns_used as _columns_used
from tisserand.model.formula.editing import complete, rename_column, tokens
from tisserand.model.formula.reference import reference as function_reference
from tisserand.model.formula.syntax import parse
from tisserand.model.formula.tree import Call, Case, Cast, Column, FormulaError, Literal, Tree
from tisserand.sdk.errors import NodeError

if TYPE_CHECKING:
    import ibis

__all__ = [
    "columns_used",
    "compile_formula",
    "complete",
    "formula_type",
    "function_reference",
    "known_type",
    "rename_column",
    "tokens",
]

NOW = "__now"
"""The parameter that holds the moment at which the run started, for `now()` and `today()`."""


def compile_formula(text: str, table: ibis.Table, parameters: Mapping[str, Any], aggregate: bool = False) -> ibis.Value:
    """Compile `text` against the columns of `table`; `$name` takes its typed value from `parameters`. Nothing is executed.

    With `aggregate` the formula gives one value for a group of rows (`sum(x) / count()`). Raises `NodeError`."""
    try:
        columns = {name: types.family(str(kind)) for name, kind in table.schema().items()}
        tree, _ = check(parse(text), columns, parameters, aggregate)
    except FormulaError as error:
        raise NodeError(error.message) from None
    return _Compiler(table, parameters).value(tree)


def formula_type(text: str, columns: Mapping[str, str], parameters: Mapping[str, Any], aggregate: bool = False) -> str:
    """The column type of a formula's result, as `Column.type` writes it; raises `NodeError`."""
    import ibis

    return str(compile_formula(text, ibis.table(dict(columns), name="columns"), parameters, aggregate).type())


_EXACT = {"integer": "int64", "float": "float64", "boolean": "boolean", "text": "string", "date": "date"}
"""The families whose column type is always the same, whatever the formula."""


def known_type(text: str, columns: Mapping[str, str], parameters: Mapping[str, Any], aggregate: bool = False) -> str | None:
    """The column type of a formula over `columns` (name → type), found without compiling it; None where only compiling tells
    the type, or what is wrong."""
    try:
        families = {name: types.family(kind) for name, kind in columns.items()}
        _, family = check(parse(text), families, parameters, aggregate)
    except FormulaError:
        return None
    return _EXACT.get(family)


def columns_used(text: str) -> frozenset[str]:
    """The names of the columns in a formula, without a table; raises `NodeError` for a formula that cannot be read."""
    try:
        return _columns_used(text)
    except FormulaError as error:
        raise NodeError(error.message) from None


class _Compiler:
    """A checked tree over one table; conversions already stand in the tree."""

    def __init__(self, table: ibis.Table, parameters: Mapping[str, Any]) -> None:
        from tisserand.sdk import formula_operations

        self._operations = formula_operations
        self._table = table
        self._parameters = parameters

    def value(self, tree: Tree) -> Any:
        if isinstance(tree, Literal):
            return self._literal(tree.value)
        if isinstance(tree, Column):
            return self._column(tree.name)
        if isinstance(tree, Cast):
            return self._cast(tree)
        if isinstance(tree, Case):
            return self._case(tree)
        assert isinstance(tree, Call), tree
        return self._call(tree)

    def _literal(self, value: Any) -> Any:
        import ibis

        if isinstance(value, bool) or value is None:
            return ibis.literal(value)
        if isinstance(value, int | float):
            # Written plainly, 100000 would be a 32-bit number and 0.1 a decimal in DuckDB.
            return self._operations.forced(ibis.literal(value), "int64" if isinstance(value, int) else "float64")
        kind = "string" if isinstance(value, str) else "timestamp" if isinstance(value, datetime) else None
        return ibis.literal(value, "date" if kind is None and isinstance(value, date) else kind)

    def _column(self, name: str) -> Any:
        column = self._table[name]
        kind = column.type()
        if kind.is_integer():
            return column.cast("int64")
        if kind.is_floating():
            return column.cast("float64")
        if kind.is_timestamp() and kind.timezone is not None:
            return column.cast("timestamp")
        if types.family(str(kind)) == "text" and not kind.is_string():
            return column.cast("string")
        return column

    def _cast(self, tree: Cast) -> Any:
        import ibis

        if isinstance(tree.arg, Literal) and tree.arg.value is None:
            return ibis.null({"text": "string", "integer": "int64", "float": "float64"}.get(tree.type, tree.type))
        return self._operations.cast(self.value(tree.arg), tree.type, tree.safe)

    def _case(self, tree: Case) -> Any:
        import ibis

        written = [value for _, value in tree.branches] + ([] if tree.default is None else [tree.default])
        values = self._operations.unified([self.value(value) for value in written])
        default = ibis.null(values[0].type()) if tree.default is None else values[-1]
        conditions = [self.value(condition) for condition, _ in tree.branches]
        return ibis.cases(*zip(conditions, values, strict=False), else_=default)

    def _call(self, tree: Call) -> Any:
        import ibis

        name = tree.name
        function = functions.FUNCTIONS.get(name)
        args: list[Any] = [
            arg.value
            if function and function.argument(index).type in functions.STATIC and isinstance(arg, Literal)
            else self.value(arg)
            for index, arg in enumerate(tree.args)
        ]
        if name in self._operations.ALIKE:
            args = self._operations.unified(args)
        elif name == "if":
            args[1:] = self._operations.unified(args[1:])
        if name == "count":
            return args[0].count() if args else self._table.count()
        if name in ("now", "today"):
            return self._now(name)
        if name in ("coalesce", "greatest", "least"):
            return getattr(ibis, name)(*args)
        if name == "concat":
            filled = [arg.fill_null("") for arg in args]
            return filled[0].concat(*filled[1:]) if len(filled) > 1 else filled[0]
        return self._operations.COMPILERS[name](*args)

    def _now(self, name: str) -> Any:
        import ibis

        given = self._parameters.get(NOW)
        if isinstance(given, str):
            given = datetime.fromisoformat(given)
        moment = ibis.now().cast("timestamp") if given is None else self._literal(given.replace(tzinfo=None))
        return moment.cast("date") if name == "today" else moment
